"""Ollama (source of August 2026). Its cloud is found by host; a server of one's own is named with `relay_profile`.

It reads few fields and ignores the others in silence, `max_completion_tokens` and `tool_choice` among them; the
arguments of earlier calls must be JSON; a list as a tool's content loses its call. Its context is small unless told
otherwise, and what does not fit is dropped without a word.
"""

from .families import TEXT_ONLY
from .profile import COMMON_FIELDS, Profile, Reasoning, Tools

PROFILE = Profile(
    name="ollama",
    title="Ollama",
    key_variable="OLLAMA_API_KEY",
    hosts=("ollama.com",),
    blind=TEXT_ONLY,
    optional_fields=COMMON_FIELDS - {"parallel_tool_calls"},
    reasoning=Reasoning(
        efforts={"minimal": "low", "xhigh": "max", "ultra": "max"},
        off={"reasoning_effort": "none"},
        back="reasoning",
    ),
    tools=Tools(choices=frozenset(), thinking_choices=frozenset(), drop_when_none=True),
)
