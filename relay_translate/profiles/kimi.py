"""Moonshot's Kimi (kimi-cli of July 2026, recorded answers of August, its Codex guide of November).

Refusals: "tool_choice 'required' is incompatible with thinking enabled", "thinking is enabled but reasoning_content is
missing in assistant tool call message", "text content is empty". A schema must be "moonshot flavored".
"""

from .families import LOW_HIGH_MAX, TEXT_ONLY
from .profile import COMMON_FIELDS, Profile, Reasoning, Schema, Tools

_ALWAYS_THINKS: dict[str, object] = {"on": {}, "off": None}

PROFILE = Profile(
    name="kimi",
    title="Kimi",
    key_variable="MOONSHOT_API_KEY",
    hosts=("api.moonshot.ai", "api.moonshot.cn"),
    models=("kimi-*", "moonshot-v1*"),
    empty_content="omit",
    blind=TEXT_ONLY,
    # Thinking models take one temperature and one top_p only, their own.
    optional_fields=COMMON_FIELDS - {"temperature", "top_p"},
    cache_key="prompt_cache_key",
    reasoning=Reasoning(
        effort_field="",
        on={"thinking": {"type": "enabled"}},
        off={"thinking": {"type": "disabled"}},
        back="reasoning_content",
        missing=" ",
    ),
    # Its call ids (`functions.name:0`) mean something to the model and go back as they came.
    tools=Tools(most=128, letter_first=True, thinking_choices=frozenset({"none"})),
    schema=Schema(type_in_any_of=True, property_types=True, prefix_items=True),
    error_codes={"exceeded_current_quota_error": "quota", "engine_overloaded_error": "overload"},
    variants=(
        ("kimi-k2-thinking*", {"reasoning": _ALWAYS_THINKS}),
        ("kimi-k2.7-code*", {"reasoning": _ALWAYS_THINKS}),  # "only type=enabled is allowed"
        ("kimi-k2-[0i]*", {"reasoning": _ALWAYS_THINKS | {"missing": None}}),  # k2-0905, k2-instruct: no thinking
        ("moonshot-v1*", {"reasoning": _ALWAYS_THINKS | {"missing": None}}),
        (
            "kimi-k3*",
            {
                "reasoning": {"effort_field": "reasoning_effort", "efforts": LOW_HIGH_MAX, **_ALWAYS_THINKS},
                "tools": {"thinking_choices": ["none", "required", "named"]},
            },
        ),
    ),
)
