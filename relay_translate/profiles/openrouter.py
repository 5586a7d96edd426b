"""OpenRouter (its documentation of August 2026).

It drops what the routed model lacks. Reasoning is one object, and its `reasoning_details` go back unmodified and in
order: that is how signatures and encrypted reasoning of Claude, Gemini and OpenAI models survive a tool loop.
"""

from .families import TEXT_ONLY
from .profile import COMMON_FIELDS, Profile, Reasoning, Tools, WebSearch

PROFILE = Profile(
    name="openrouter",
    title="OpenRouter",
    key_variable="OPENROUTER_API_KEY",
    hosts=("openrouter.ai",),
    base_path="/api/v1",
    blind=TEXT_ONLY,
    optional_fields=(COMMON_FIELDS - {"reasoning_effort"}) | {"verbosity", "service_tier", "top_logprobs", "logprobs"},
    cache_key="prompt_cache_key",
    reasoning=Reasoning(
        effort_field="reasoning.effort",
        efforts={"max": "xhigh", "ultra": "xhigh"},  # older gateways refuse max
        off={"reasoning": {"effort": "none"}},
    ),
    tools=Tools(longest_id=40),  # what it routes to may be OpenAI
    web_search=WebSearch(
        tool={"type": "openrouter:web_search"},
        settings={
            "search_context_size": "parameters.search_context_size",
            "allowed_domains": "parameters.allowed_domains",
        },
    ),
    error_codes={
        "payment_required": "quota",
        "provider_overloaded": "overload",
        "provider_unavailable": "overload",
        "content_policy_violation": "filter",
        "refusal": "filter",
        "invalid_prompt": "refused",
        "rate_limit_exceeded": "rate",
        "context_length_exceeded": "overflow",
        "max_tokens_exceeded": "overflow",
        "token_limit_exceeded": "overflow",
    },
)
