"""Alibaba's DashScope (recorded answers of February 2026, dated notes of September).

It also hosts other vendors' models, and those take its own switch, not their vendors'.
"""

from .families import TEXT_ONLY
from .profile import COMMON_FIELDS, Profile, Reasoning, Tools, WebSearch

_EFFORTS = {"none": None, "minimal": "low", "high": "xhigh", "max": "xhigh", "ultra": "xhigh"}
_HIGH_MAX = {"none": None, "minimal": "high", "low": "high", "medium": "high", "xhigh": "max", "ultra": "max"}

PROFILE = Profile(
    name="qwen",
    title="Qwen",
    key_variable="DASHSCOPE_API_KEY",
    hosts=("dashscope*.aliyuncs.com", "token-plan.*.maas.aliyuncs.com"),
    models=("qwen-max*", "qwen-plus*", "qwen-flash*", "qwen-turbo*", "qwen[0-9]*-max*", "qwen[0-9]*-plus*",
            "qwen[0-9]*-flash*"),
    base_path="/compatible-mode/v1",
    address="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",  # keys of the mainland site need the other host
    blind=TEXT_ONLY,
    optional_fields=COMMON_FIELDS - {"reasoning_effort"},
    json_schema="object",
    reasoning=Reasoning(
        effort_field="",
        on={"enable_thinking": True},
        off={"enable_thinking": False},
        back="reasoning_content",
    ),
    tools=Tools(thinking_choices=frozenset({"none"})),
    # Without a strategy the larger models say they searched and did not.
    web_search=WebSearch(fields={"enable_search": True, "search_options": {"search_strategy": "max"}}),
    # `insufficient_quota` is its limit of tokens per minute; out of money is Arrearage.
    error_codes={
        "insufficient_quota": "rate", "Arrearage": "quota", "data_inspection_failed": "filter",
        "limit_requests": "rate",
    },
    variants=(
        # From 3.6 on it reads earlier reasoning, when it is told to.
        ("qwen3.[6-9]*", {"reasoning": {"always": {"preserve_thinking": True}}}),
        *(
            (
                pattern,
                {
                    "optional_fields": COMMON_FIELDS,
                    "reasoning": {"effort_field": "reasoning_effort", "efforts": efforts},
                },
            )
            for pattern, efforts in (
                ("qwen3.[7-9]*", _EFFORTS), ("deepseek-*", _HIGH_MAX), ("glm-*", _HIGH_MAX), ("kimi-*", _HIGH_MAX),
            )
        ),
        # Models that only think: "restricted to True".
        *(
            (pattern, {"reasoning": {"always": {"enable_thinking": True}, "off": None}})
            for pattern in ("*-thinking*", "qwq*", "qvq*")
        ),
        ("deepseek-*", {"reasoning": {"missing": " "}, "web_search": None}),
    ),
)  # fmt: skip
