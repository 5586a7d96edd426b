"""MiniMax (dated notes of September 2026, other clients' code to November).

One system message, and first, or "chat content has invalid message role: system (2013)". With `reasoning_split` the
thinking comes apart from the content, and goes back as the `reasoning_details` it came in.
"""

from .families import TEXT_ONLY
from .profile import COMMON_FIELDS, Profile, Reasoning, Tools

PROFILE = Profile(
    name="minimax",
    title="MiniMax",
    key_variable="MINIMAX_API_KEY",
    hosts=("api.minimax.io", "api.minimaxi.com"),
    models=("minimax-m*",),
    empty_content="empty",
    blind=TEXT_ONLY,
    optional_fields=COMMON_FIELDS - {"parallel_tool_calls", "reasoning_effort", "seed"},
    json_schema="object",
    reasoning=Reasoning(effort_field="", always={"reasoning_split": True}),
    tools=Tools(choices=frozenset({"none"}), thinking_choices=frozenset({"none"})),
    error_codes={
        "1001": "overload", "1002": "rate", "1039": "rate", "1004": "auth", "1008": "quota", "1013": "overload",
        "1026": "filter", "1027": "filter", "2013": "refused",
    },
)  # fmt: skip
