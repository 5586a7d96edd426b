"""Tool schemas, as a provider takes them.

Keywords are told from names of properties by where they stand (JSON Schema 2020-12): a property may be called `$ref`.
The same schema always gives the same result, for providers cache the tools with the prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .profiles.profile import Schema
from .responses_api import Json

_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")  # name -> schema
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else",
           "unevaluatedProperties", "unevaluatedItems")  # fmt: skip
_OPENAPI_FORMATS = ("enum", "date-time")
_DEEPEST = 24  # levels; deeper, a schema says no more than that something stands there
_MOST_NODES = 20_000  # of one tool, once its references are written out

_TYPES: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def fit_schema(schema: Json, rules: Schema) -> Json:
    """A root object schema as `rules` allow it. Raises nothing: what can't be expressed becomes less strict."""
    fitted = _Fitting(schema, rules).node(schema, (), 0)
    if not isinstance(fitted, dict):
        fitted = {}
    if fitted.get("type") != "object":
        fitted["type"] = "object"  # beside a root anyOf too: providers insist on it
    if rules.type_in_any_of:
        fitted.pop("anyOf", None)
    if not isinstance(fitted.get("properties"), dict):
        fitted["properties"] = {}
    return fitted


class _Fitting:
    def __init__(self, root: Json, rules: Schema) -> None:
        self.root, self.rules, self.nodes = root, rules, 0

    def node(self, schema: Any, inside: tuple[str, ...], depth: int) -> Any:
        """inside: the references that are being written out here; one that refers to itself ends."""
        if isinstance(schema, bool) and self.rules.property_types:
            return {}  # true and false are schemas too, which only validators know
        if not isinstance(schema, dict):
            return schema
        self.nodes += 1
        if depth > _DEEPEST or self.nodes > _MOST_NODES:
            return {}
        if not self.rules.null_types:
            schema = _without_null(schema)  # first: what is left of an `anyOf` may be a reference
        reference = schema.get("$ref")
        if self.rules.inline_refs and isinstance(reference, str):
            target = self._target(reference)
            if target is None or reference in inside:
                target = {}
            siblings = {key: value for key, value in schema.items() if key != "$ref"}
            return self.node({**target, **siblings}, (*inside, reference), depth + 1)
        made = {key: self._keyword(key, value, inside, depth) for key, value in schema.items() if self._stays(key)}
        return self._mended(made)

    def _stays(self, key: str) -> bool:
        return key not in self.rules.drop and not (self.rules.inline_refs and key in ("$defs", "definitions"))

    def _keyword(self, key: str, value: Any, inside: tuple[str, ...], depth: int) -> Any:
        if key in _NAMED and isinstance(value, dict):
            named = {name: self.node(one, inside, depth + 1) for name, one in value.items()}
            return {n: self._typed(one) for n, one in named.items()} if key == "properties" else named
        if key in _LISTED and isinstance(value, list):
            return [self.node(one, inside, depth + 1) for one in value]
        if key in _SINGLE and not (key.startswith(("additional", "unevaluated")) and isinstance(value, bool)):
            several = isinstance(value, list)  # `items` of older drafts
            made = [self._typed(self.node(one, inside, depth + 1)) for one in (value if several else [value])]
            return made if several else made[0]
        return value

    def _target(self, reference: str) -> Json | None:
        """What a JSON pointer into this schema points to: mostly into `$defs`, with some generators anywhere."""
        pointer, *steps = reference.split("/")
        found: Any = self.root if pointer == "#" else None
        for step in steps:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isdecimal() and int(name[:6]) < len(found):
                found = found[int(name[:6])]
            else:
                found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else None

    def _mended(self, node: Json) -> Json:
        if self.rules.prefix_items and isinstance(node.get("items"), list):
            node["prefixItems"] = node.pop("items")
        if self.rules.const_as_enum and "const" in node:
            node["enum"] = [node.pop("const")]
        branches = node.get("anyOf")
        if self.rules.type_in_any_of and isinstance(branches, list) and "type" in node:
            kind = node.pop("type")
            node["anyOf"] = [{"type": kind, **one} if isinstance(one, dict) else one for one in branches]
        return _as_openapi(node) if self.rules.openapi else node

    def _typed(self, node: Any) -> Any:
        """A property with a type, where the rules want one and nothing else tells it."""
        if not self.rules.property_types or not isinstance(node, dict):
            return node
        if any(key in node for key in ("type", "anyOf", "oneOf", "allOf", "$ref")):
            return node
        if "properties" in node:
            return {"type": "object", **node}
        if "items" in node:
            return {"type": "array", **node}
        values = node.get("enum")
        values = values if isinstance(values, list) and values else [node.get("const")]
        return {"type": _TYPES.get(type(values[0]), "string"), **node}


def _as_openapi(node: Json) -> Json:
    """A schema as OpenAPI 3.0 knows it: one type, items for arrays, enums of strings, names that exist."""
    kind = node.get("type")
    if isinstance(kind, list):
        node["type"] = kind = kind[0] if kind else "string"
    if kind == "array" and not isinstance(node.get("items"), dict):
        node["items"] = {"type": "string"}
    values = node.get("enum")
    if values is not None and not (
        kind in (None, "string") and isinstance(values, list) and all(isinstance(value, str) for value in values)
    ):
        del node["enum"]
    if kind in (None, "string") and node.get("format") not in _OPENAPI_FORMATS:
        node.pop("format", None)
    required, properties = node.get("required"), node.get("properties")
    if isinstance(required, list):
        node["required"] = [name for name in required if isinstance(properties, dict) and name in properties]
        if not node["required"]:
            del node["required"]
    return node


def _without_null(node: Json) -> Json:
    kinds = node.get("type")
    if isinstance(kinds, list):
        rest = [kind for kind in kinds if kind != "null"]
        node = {**node, "type": rest[0] if len(rest) == 1 else rest or "string"}
    elif kinds == "null":
        node = {**node, "type": "string"}
    for key in ("anyOf", "oneOf"):
        branches = node.get(key)
        if not isinstance(branches, list):
            continue
        rest = [one for one in branches if not _is_null(one)]
        if len(rest) == len(branches):
            continue
        node = {name: value for name, value in node.items() if name != key}
        if len(rest) == 1 and isinstance(rest[0], dict):
            node = {**rest[0], **node}
        elif rest:
            node[key] = rest
    if isinstance(node.get("enum"), list):
        values = [value for value in node["enum"] if value is not None]
        node = {key: value for key, value in node.items() if key != "enum"} | ({"enum": values} if values else {})
    return node


def _is_null(branch: Any) -> bool:
    return isinstance(branch, dict) and branch.get("type") in ("null", ["null"])
