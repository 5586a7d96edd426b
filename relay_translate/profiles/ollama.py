"""Ollama (source of August 2026). The name stands for the server on one's own machine, which is what nearly everybody
runs and which also passes on to the cloud; the cloud itself is found by its host.

It reads few fields and ignores the others in silence, `max_completion_tokens` and `tool_choice` among them; the
arguments of earlier calls must be JSON; a list as a tool's content loses its call. Its context is small unless told
otherwise, and what does not fit is dropped without a word.
"""

from .families import TEXT_ONLY
from .profile import COMMON_FIELDS, Profile, Reasoning, Tools

PROFILE = Profile(
    name="ollama",
    title="Ollama",
    address="http://127.0.0.1:11434/v1",
    served_window=32_768,  # its documentation advises 64k for coding; without advice it takes 4k to 256k
    key_variable="OLLAMA_API_KEY",
    hosts=("ollama.com",),
    blind=TEXT_ONLY,
    optional_fields=COMMON_FIELDS - {"parallel_tool_calls"},
    reasoning=Reasoning(
        efforts={"minimal": "low", "xhigh": "max", "ultra": "max"},
        off={"reasoning_effort": "none"},
        back="reasoning",
        only_thinkers=True,  # '"llama3.3" does not support thinking'
    ),
    tools=Tools(choices=frozenset(), thinking_choices=frozenset(), drop_when_none=True),
    variants=(("*cloud", {"served_window": 0}),),  # passed on to the cloud, which gives a model its whole window
)
