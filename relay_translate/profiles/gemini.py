"""Google's OpenAI-compatible endpoint for Gemini (its documentation, and a dated log of September 2026).

Unknown fields are refused ("Cannot find field"), `parallel_tool_calls` among them. The signature that came on a tool
call has to go back on it; a call that another model made gets the word Google documents for that case. Schemas are
OpenAPI's, which knows fewer keywords.
"""

from .profile import COMMON_FIELDS, Profile, Reasoning, Schema, Tools

_UNSIGNED = {"extra_content": {"google": {"thought_signature": "skip_thought_signature_validator"}}}
_LADDER = {"none": "low", "minimal": "low", "xhigh": "high", "max": "high", "ultra": "high"}

PROFILE = Profile(
    name="gemini",
    title="Gemini",
    key_variable="GEMINI_API_KEY",
    hosts=("generativelanguage.googleapis.com",),
    models=("gemini-*", "models/gemini-*"),
    base_path="/v1beta/openai",
    optional_fields=COMMON_FIELDS - {"parallel_tool_calls", "seed"},
    reasoning=Reasoning(efforts=_LADDER, back="none", missing_on_call=_UNSIGNED),
    tools=Tools(letter_first=True),
    schema=Schema(
        drop=frozenset({
            "$schema", "$id", "$comment", "additionalProperties", "patternProperties", "propertyNames",
            "unevaluatedProperties", "dependentSchemas", "exclusiveMinimum", "exclusiveMaximum", "not", "if", "then",
            "else", "examples", "contentEncoding", "contentMediaType", "prefixItems",
        }),
        null_types=False,
        property_types=True,
        const_as_enum=True,
        openapi=True,  # "items: missing field", "only 'enum' and 'date-time' are supported for STRING type"
    ),
    variants=(
        # "none" only where it does something: 2.5 models other than pro.
        *((pattern, {"reasoning": {"off": {"reasoning_effort": "none"}}}) for pattern in ("*gemini-2.5-flash*",)),
        ("*gemma-*", {"reasoning": {"effort_field": "", "missing_on_call": {}}}),
    ),
)  # fmt: skip
