"""Together (its Python SDK 3.1.1 of November 2026). What it does with unknown fields is not known, so none is sent."""

from .families import LOW_MEDIUM_HIGH, TEXT_ONLY
from .profile import COMMON_FIELDS, Profile, Reasoning

_EFFORT = {"effort_field": "reasoning_effort", "efforts": LOW_MEDIUM_HIGH, "on": {}, "off": None}

PROFILE = Profile(
    name="together",
    title="Together",
    key_variable="TOGETHER_API_KEY",
    hosts=("api.together.ai", "api.together.xyz"),
    blind=TEXT_ONLY,
    optional_fields=COMMON_FIELDS - {"parallel_tool_calls"},
    stream_usage=False,  # usage is on the last chunk; the SDK knows no stream_options
    reasoning=Reasoning(
        effort_field="",
        on={"reasoning": {"enabled": True}},
        off={"reasoning": {"enabled": False}},
    ),
    finish_reasons={"eos": "stop"},
    variants=(
        ("*gpt-oss*", {"reasoning": _EFFORT}),
        ("deepseek-ai/*", {"reasoning": {**_EFFORT, "missing": " "}}),
    ),
)
