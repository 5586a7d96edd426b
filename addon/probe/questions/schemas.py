"""What a tool's schema may hold, one keyword a tool."""

from __future__ import annotations

from addon.probe.question import Add, Json, Known, Question, offer

_STRING: Json = {"type": "string"}


def _root(**properties: Json) -> Json:
    return {"type": "object", "properties": properties}


# name -> (what is asked, schema). Written as Codex's own tools and MCP servers write theirs.
SCHEMAS: dict[str, tuple[str, Json]] = {
    "schema_ref": ("$ref into $defs", _root(a={"$ref": "#/$defs/word"}) | {"$defs": {"word": _STRING}}),
    "schema_dollar": ("$schema", _root(a=_STRING) | {"$schema": "https://json-schema.org/draft/2020-12/schema"}),
    "schema_any_of": ("type beside anyOf", _root(a={"type": "string", "anyOf": [{"minLength": 1}, {"maxLength": 9}]})),
    "schema_null": (
        "null among types", _root(a={"type": ["string", "null"]}, b={"anyOf": [_STRING, {"type": "null"}]})
    ),
    "schema_untyped": ("a property without type", _root(a={"description": "anything"})),
    "schema_closed": ("additionalProperties", _root(a=_STRING) | {"additionalProperties": False}),
    "schema_default": ("default", _root(a=_STRING | {"default": "x"})),
    "schema_pattern": ("pattern", _root(a=_STRING | {"pattern": "^[a-z]+$"})),
    "schema_format": ("format", _root(a=_STRING | {"format": "uri"})),
    "schema_examples": ("examples", _root(a=_STRING | {"examples": ["x"]})),
    "schema_not": ("not", _root(a=_STRING | {"not": {"enum": ["x"]}})),
    "schema_exclusive": ("exclusiveMinimum", _root(a={"type": "integer", "exclusiveMinimum": 0})),
    "schema_patterns": ("patternProperties", _root(a={"type": "object", "patternProperties": {"^x": _STRING}})),
    "schema_names": ("propertyNames", _root(a={"type": "object", "propertyNames": {"maxLength": 9}})),
    "schema_const": ("const", _root(a=_STRING | {"const": "x"})),
    "schema_items_list": ("a list of schemas in items", _root(a={"type": "array", "items": [_STRING, _STRING]})),
    "schema_one_of": ("oneOf", _root(a={"oneOf": [_STRING, {"type": "integer"}]})),
}  # fmt: skip
# The keywords that are left out where they are refused.
KEYWORDS = {
    "schema_closed": "additionalProperties", "schema_default": "default", "schema_pattern": "pattern",
    "schema_format": "format", "schema_examples": "examples", "schema_not": "not",
    "schema_exclusive": "exclusiveMinimum", "schema_patterns": "patternProperties", "schema_names": "propertyNames",
}  # fmt: skip


def _with(name: str, schema: Json) -> Add:
    def add(body: Json, _: Known) -> None:
        offer(body, f"probe_{name}", schema)

    return add


def _without_parameters(body: Json, _: Known) -> None:
    offer(body, "probe_no_parameters")


def _strict(body: Json, _: Known) -> None:
    offer(body, "probe_strict", _root(a=_STRING), strict=False)


def _offered(known: Known) -> bool:
    return known.answer("tools") == "yes"


ALL = (
    *(
        Question(name=name, asks=f"{what} in a tool's schema", add=_with(name, schema), together="tool schemas",
                 when=_offered)
        for name, (what, schema) in SCHEMAS.items()
    ),
    Question(name="no_parameters", asks="a tool without parameters", add=_without_parameters, together="tool schemas",
             when=_offered),
    Question(name="strict", asks="strict on a tool", add=_strict, together="tool schemas", when=_offered),
)  # fmt: skip
