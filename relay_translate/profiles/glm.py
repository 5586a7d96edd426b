"""Zhipu's GLM, at Z.ai and BigModel (documentation and SDK 0.2.3 of June 2026, dated notes of September and November).

`clear_thinking: false` keeps earlier reasoning in sight, which then has to come back unchanged. Its refusals are
numbers with one sentence for all ("1210", a wrong parameter), so nothing is sent that it is not known to take.
"""

from .families import LOW_HIGH_MAX, TEXT_ONLY
from .profile import COMMON_FIELDS, Profile, Reasoning, Tools, WebSearch

_KEPT = {"type": "enabled", "clear_thinking": False}
_HIGH_MAX = {"none": None, "minimal": "high", "low": "high", "medium": "high", "xhigh": "max", "ultra": "max"}

PROFILE = Profile(
    name="glm",
    title="GLM",
    key_variable="ZAI_API_KEY",
    hosts=("api.z.ai", "open.bigmodel.cn"),
    models=("glm-4*", "glm-5*"),
    base_path="/api/paas/v4",
    blind=TEXT_ONLY,
    optional_fields=COMMON_FIELDS - {"parallel_tool_calls", "reasoning_effort", "seed"},
    json_schema="object",  # a schema is answered 200 and ignored
    reasoning=Reasoning(
        effort_field="",
        always={"thinking": _KEPT},
        off={"thinking": {"type": "disabled"}},
        back="reasoning_content",
    ),
    tools=Tools(choices=frozenset(), thinking_choices=frozenset(), drop_when_none=True),
    # With intent detection it searches when there is something to search for, not in each step of a loop.
    web_search=WebSearch(
        tool={
            "type": "web_search",
            "web_search": {"enable": True, "search_engine": "search_std", "search_intent": True},
        }
    ),
    finish_reasons={"sensitive": "content_filter", "network_error": "error", "model_context_window_exceeded": "length"},
    error_codes={
        "1000": "auth", "1001": "auth", "1002": "auth", "1003": "auth", "1004": "auth", "1113": "quota",
        "1308": "quota", "1309": "quota", "1310": "quota", "1261": "overflow", "1301": "filter", "1302": "rate",
        "1303": "rate", "1305": "overload", "1210": "refused", "1211": "model", "1214": "refused",
    },
    variants=(
        *(
            (pattern, {"optional_fields": COMMON_FIELDS - {"parallel_tool_calls", "seed"},
                       "reasoning": {"effort_field": "reasoning_effort", "efforts": efforts}})
            for pattern, efforts in (("glm-5.2*", _HIGH_MAX), ("glm-5.[3-9]*", LOW_HIGH_MAX))
        ),
        ("glm-5.[3-9]*", {"reasoning": {"off": None}}),  # "does not support disabling thinking"
        ("glm-4-*", {"reasoning": {"always": {}, "off": None, "back": "none"}}),  # before thinking
    ),
)  # fmt: skip
