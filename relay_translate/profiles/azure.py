"""Azure OpenAI and Foundry, the v1 path without an API version (Microsoft's documentation, 2026).

The model is the name of a deployment. Models of other vendors keep their quirks there.
"""

from dataclasses import replace

from .families import TEXT_ONLY
from .openai import PROFILE as OPENAI
from .profile import COMMON_EFFORTS, COMMON_FIELDS

_OTHERS = {
    "system_role": "system",
    "late_instructions": "user",
    "merge_users": True,
    "max_tokens_field": "max_tokens",
    "optional_fields": COMMON_FIELDS,
    "cache_key": "",
    "reasoning": {"efforts": COMMON_EFFORTS, "back": "same"},
}

PROFILE = replace(
    OPENAI,
    name="azure",
    title="Azure OpenAI",
    key_variable="AZURE_OPENAI_API_KEY",
    hosts=("*.openai.azure.com", "*.services.ai.azure.com", "*.cognitiveservices.azure.com"),
    base_path="/openai/v1",
    auth="api-key",
    blind=TEXT_ONLY,
    error_codes={"DeploymentNotFound": "model", "content_filter": "filter"},
    variants=(
        *((f"*{family}*", _OTHERS) for family in ("mistral", "ministral", "codestral", "grok", "deepseek", "llama",
                                                   "phi-", "kimi", "qwen", "glm")),
        *((f"*{family}*", {"tools": {"call_ids": "nine"}, "after_tools": "Understood."})
          for family in ("mistral", "ministral", "codestral")),
        ("*deepseek-v4*", {"reasoning": {"missing": " "}}),
        ("*grok*", {"reasoning": {"back": "none"}, "optional_fields": COMMON_FIELDS - {"stop", "reasoning_effort"}}),
    ),
)  # fmt: skip
