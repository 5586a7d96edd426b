"""LM Studio (its documentation of April 2026). It is named with `relay_profile`.

Few fields are documented; effort is for gpt-oss. Reasoning comes as `reasoning` from those and as `reasoning_content`
from the others, and goes back the same way.
"""

from .families import LOW_MEDIUM_HIGH, TEXT_ONLY
from .profile import COMMON_FIELDS, Profile, Reasoning, Tools

PROFILE = Profile(
    name="lmstudio",
    title="LM Studio",
    address="http://127.0.0.1:1234/v1",
    served_window=32_768,  # what is not loaded yet is loaded with a small one
    blind=TEXT_ONLY,
    optional_fields=COMMON_FIELDS - {"parallel_tool_calls"},
    reasoning=Reasoning(effort_field=""),
    tools=Tools(choices=frozenset({"none", "required"}), thinking_choices=frozenset({"none", "required"})),
    variants=(("*gpt-oss*", {"reasoning": {"effort_field": "reasoning_effort", "efforts": LOW_MEDIUM_HIGH}}),),
)
