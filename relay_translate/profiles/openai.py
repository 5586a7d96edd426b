"""OpenAI's own Chat Completions (API reference, 2026)."""

from .profile import COMMON_FIELDS, Profile, Reasoning

PROFILE = Profile(
    name="openai",
    title="OpenAI",
    key_variable="OPENAI_API_KEY",
    hosts=("api.openai.com",),
    system_role="developer",
    late_instructions="system",
    merge_users=False,
    max_tokens_field="max_completion_tokens",
    optional_fields=COMMON_FIELDS | {"verbosity", "service_tier", "top_logprobs", "logprobs"},
    cache_key="prompt_cache_key",
    reasoning=Reasoning(efforts={}),
)
