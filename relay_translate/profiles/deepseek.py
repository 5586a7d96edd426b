"""DeepSeek's API (its documentation of August and September 2026, users' reports of refusals to November)."""

from .profile import COMMON_FIELDS, Profile, Reasoning, Tools

PROFILE = Profile(
    name="deepseek",
    title="DeepSeek",
    key_variable="DEEPSEEK_API_KEY",
    hosts=("api.deepseek.com",),
    models=("deepseek-v*", "deepseek-flash*", "deepseek-pro*", "deepseek-chat*", "deepseek-reasoner*", "deepseek-r1*"),
    images=False,  # "unknown variant `image_url`"; V4.1 flash, which sees, is a variant below
    optional_fields=COMMON_FIELDS - {"parallel_tool_calls", "seed"},
    cache_key="prompt_cache_key",
    json_schema="object",  # json_schema: "This response_format type is unavailable now"
    reasoning=Reasoning(
        # The server's own mapping since August 2026, written out because it refuses words it does not know.
        efforts={"none": None, "minimal": "low", "medium": "high", "xhigh": "high", "ultra": "max"},
        on={"thinking": {"type": "enabled"}},
        off={"thinking": {"type": "disabled"}},  # the effort "none" does not switch it off
        back="reasoning_content",
        back_on="calls",  # "must be passed back" there, over the whole history; ignored elsewhere
        missing=" ",
    ),
    tools=Tools(most=128, thinking_choices=frozenset({"none"})),
    finish_reasons={"insufficient_system_resource": "error", "aborted": "error"},
    variants=(
        ("deepseek-flash*", {"images": True}),
        ("deepseek-v4.1-flash*", {"images": True}),
        # R1 takes no effort, always thinks, and refuses to see its reasoning again.
        ("deepseek-r1*", {"reasoning": {"effort_field": "", "on": {}, "off": None, "back": "none"}}),
        ("deepseek-v3*", {"reasoning": {"effort_field": ""}}),
    ),
)
