"""Mistral's La Plateforme (OpenAPI document of August 2026, recorded answers of January to August).

The strictest of all: unknown fields are refused everywhere, call ids have nine characters, and reasoning stands in the
content as parts of type `thinking`.
"""

from .families import TEXT_ONLY
from .profile import COMMON_FIELDS, Profile, Reasoning, Tools

# Its models know high and none; the large one has a ladder.
_ON_OR_OFF = {"none": "none", "minimal": "high", "low": "high", "medium": "high", "xhigh": "high", "max": "high",
              "ultra": "high"}  # fmt: skip
_LADDER = {"none": "none", "minimal": "low", "xhigh": "high", "max": "high", "ultra": "high"}

PROFILE = Profile(
    name="mistral",
    title="Mistral",
    key_variable="MISTRAL_API_KEY",
    hosts=("api.mistral.ai", "codestral.mistral.ai"),
    models=("mistral-*", "magistral*", "codestral*", "devstral*", "ministral*"),
    after_tools="Understood.",  # "Unexpected role 'user' after role 'tool'"
    blind=TEXT_ONLY,
    optional_fields=COMMON_FIELDS - {"seed"},  # its own is called random_seed
    stream_usage=False,  # usage stands on the last chunk; the OpenAPI document has no stream_options
    cache_key="prompt_cache_key",
    reasoning=Reasoning(effort_field="", back="parts"),
    # With `none` beside tools its models answer with garbled text.
    tools=Tools(most=128, call_ids="nine", drop_when_none=True),
    finish_reasons={"error": "error"},
    # Numbers of requests at fault. 3051 also stands for a prompt that is too long, which its sentence tells.
    error_codes={"3051": "refused", "3230": "refused", "3280": "refused"},
    # Models of 2026 know an effort (medium 3.5, small 4, large 4); older ones refuse the field.
    variants=tuple(
        (f"mistral-{size}{version}", {"reasoning": {"effort_field": "reasoning_effort", "efforts": efforts}})
        for size, efforts in (("medium", _ON_OR_OFF), ("small", _ON_OR_OFF), ("large", _LADDER))
        for version in ("", "-latest", "-[34]", "-[34].*", "-2[6-9]??")
    ),
)
