"""xAI's chat wire, which it calls legacy (recorded answers of February 2026, dated notes of July to November).

Reasoning models refuse `stop` and maybe the penalties; effort is refused by the models without one, so it is sent only
to those that are known to have it. Earlier reasoning can't go back on this wire.
"""

from .profile import COMMON_FIELDS, Profile, Reasoning

_TO_HIGH = {"none": "low", "minimal": "low", "xhigh": "high", "max": "high", "ultra": "high"}
_TO_XHIGH = {"none": "low", "minimal": "low", "max": "xhigh", "ultra": "xhigh"}
_LOW_OR_HIGH = {"none": "low", "minimal": "low", "medium": "high", "xhigh": "high", "max": "high", "ultra": "high"}

PROFILE = Profile(
    name="xai",
    title="xAI",
    key_variable="XAI_API_KEY",
    hosts=("api.x.ai", "*.api.x.ai"),
    models=("grok-*",),
    blind=("grok-code*", "grok-3*"),
    max_tokens_field="max_completion_tokens",
    optional_fields=COMMON_FIELDS - {"stop", "presence_penalty", "frequency_penalty"},
    reasoning=Reasoning(effort_field="", back="none"),
    variants=(
        ("grok-3-mini*", {"reasoning": {"effort_field": "reasoning_effort", "efforts": _LOW_OR_HIGH}}),
        ("grok-4.[345]*", {"reasoning": {"effort_field": "reasoning_effort", "efforts": _TO_HIGH}}),
        ("grok-4.3*", {"reasoning": {"efforts": _TO_HIGH | {"none": "none"}}}),
        ("grok-4.[6-9]*", {"reasoning": {"effort_field": "reasoning_effort", "efforts": _TO_XHIGH}}),
    ),
)
