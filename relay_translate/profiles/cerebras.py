"""Cerebras (its Python SDK 1.91 of July 2026, recorded answers of May).

"wrong_api_format" is its answer to any field it does not know. gpt-oss gets its reasoning back as `reasoning`; GLM
wants it inside the content, between think tags, and is told not to clear it.
"""

from .families import LOW_HIGH_MAX, LOW_MEDIUM_HIGH, TEXT_ONLY
from .profile import COMMON_FIELDS, Profile, Reasoning, Tools

PROFILE = Profile(
    name="cerebras",
    title="Cerebras",
    key_variable="CEREBRAS_API_KEY",
    hosts=("api.cerebras.ai",),
    blind=TEXT_ONLY,
    max_tokens_field="max_completion_tokens",
    optional_fields=(COMMON_FIELDS - {"presence_penalty", "frequency_penalty"}) | {"service_tier"},
    stream_usage=False,  # it stands on the last chunk anyway
    cache_key="prompt_cache_key",
    reasoning=Reasoning(effort_field="", back="reasoning"),
    tools=Tools(no_format=True),
    error_codes={"empty_body": "overflow"},  # a prompt that is too long gets a 400 or 413 without a word
    variants=(
        ("*gpt-oss*", {"reasoning": {"effort_field": "reasoning_effort", "efforts": LOW_MEDIUM_HIGH}}),
        ("*qwen*", {"reasoning": {"off": {"reasoning_effort": "none"}}}),
        (
            "*glm*",
            {"reasoning": {"back": "think", "always": {"clear_thinking": False}, "off": {"reasoning_effort": "none"}}},
        ),
        *(
            (pattern, {"reasoning": {"effort_field": "reasoning_effort", "efforts": LOW_HIGH_MAX, "off": None}})
            for pattern in ("*glm-5.3*", "*kimi-k3*")
        ),
    ),
)
