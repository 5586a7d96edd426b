"""OpenAI's own Chat Completions (API reference, July 2026)."""

from .profile import COMMON_FIELDS, Profile, Reasoning, Tools

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
    # Which efforts there are is the model's matter; Codex knows OpenAI's own. Reasoning stays hidden on this wire.
    reasoning=Reasoning(efforts={}, back="none"),
    tools=Tools(most=128, longest_id=40),
)
