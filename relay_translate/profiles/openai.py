"""OpenAI's own Chat Completions (API reference, 2026)."""

from .profile import COMMON_FIELDS, Profile

PROFILE = Profile(
    name="openai",
    hosts=("api.openai.com",),
    system_role="developer",
    late_instructions="system",
    merge_users=False,
    max_tokens_field="max_completion_tokens",
    optional_fields=COMMON_FIELDS | {"verbosity", "prompt_cache_key", "service_tier", "top_logprobs", "logprobs"},
    efforts={},
)
