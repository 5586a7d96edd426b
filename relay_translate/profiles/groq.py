"""Groq (its Python SDK 1.7 of August 2026, recorded answers of February).

Earlier reasoning goes back under the name it came by, `reasoning`; `reasoning_content` is refused. Efforts are a matter
of the model: most take none.
"""

from .families import LOW_MEDIUM_HIGH, TEXT_ONLY
from .profile import COMMON_FIELDS, Profile, Reasoning, Tools

_ON_OR_OFF = dict.fromkeys(("minimal", "low", "medium", "high", "xhigh", "max", "ultra"), "default")

PROFILE = Profile(
    name="groq",
    title="Groq",
    key_variable="GROQ_API_KEY",
    hosts=("api.groq.com",),
    base_path="/openai/v1",
    empty_content="omit",  # older models refuse null
    blind=TEXT_ONLY,
    max_tokens_field="max_completion_tokens",
    optional_fields=COMMON_FIELDS,  # its service tiers are not those that Codex names
    stream_usage=False,  # it stands on the last chunk anyway
    reasoning=Reasoning(effort_field="", back="reasoning"),
    tools=Tools(most=128, no_format=True),  # "json mode cannot be combined with tool/function calling"
    error_codes={"capacity_exceeded": "overload"},
    variants=(
        ("*gpt-oss*", {"reasoning": {"effort_field": "reasoning_effort", "efforts": LOW_MEDIUM_HIGH}}),
        (
            "qwen/qwen3*",
            {
                "reasoning": {
                    "effort_field": "reasoning_effort",
                    "efforts": _ON_OR_OFF,
                    "off": {"reasoning_effort": "none"},
                    # "raw" would put the reasoning into the content.
                    "always": {"reasoning_format": "parsed"},
                }
            },
        ),
    ),
)
