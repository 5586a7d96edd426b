"""Fireworks (its Python SDK 1.2.30 of October 2026, refusals from users' reports).

"Extra inputs are not permitted" is its answer to any field it does not know, in messages too: reasoning goes back as
`reasoning_content` only. `thinking` and `reasoning_effort` together are refused, so the effort alone is sent.
"""

from .families import LOW_HIGH_MAX, TEXT_ONLY
from .profile import COMMON_FIELDS, Profile, Reasoning, Tools

PROFILE = Profile(
    name="fireworks",
    title="Fireworks",
    key_variable="FIREWORKS_API_KEY",
    hosts=("api.fireworks.ai",),
    base_path="/inference/v1",
    blind=TEXT_ONLY,
    optional_fields=COMMON_FIELDS | {"service_tier"},
    stream_usage=False,  # it stands on the last chunk anyway
    cache_key="prompt_cache_key",
    reasoning=Reasoning(
        efforts={"minimal": "low", "xhigh": "high", "max": "high", "ultra": "high"},
        off={"reasoning_effort": "none"},
        back="reasoning_content",
    ),
    tools=Tools(no_format=True),
    variants=(
        ("*/glm-5p[3-9]*", {"reasoning": {"efforts": LOW_HIGH_MAX, "off": None}}),
        ("*/kimi-k3*", {"reasoning": {"efforts": LOW_HIGH_MAX, "off": None, "missing": " "}}),
        ("*/deepseek-v4*", {"reasoning": {"missing": " "}}),
    ),
)
