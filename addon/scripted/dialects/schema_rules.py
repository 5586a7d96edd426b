"""What providers refuse in a tool's schema. Keywords are told from names of properties by where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]

_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else",
           "unevaluatedProperties", "unevaluatedItems")  # fmt: skip


def _type_beside_any_of(node: Json, where: str) -> Iterator[str]:
    if "anyOf" in node and "type" in node:
        yield f"At path '{where}': type must not stand beside anyOf"


def _untyped_property(node: Json, where: str) -> Iterator[str]:
    for name, one in (node.get("properties") or {}).items():
        if isinstance(one, dict) and not {"type", "anyOf", "oneOf", "allOf", "$ref"} & set(one):
            yield f"At path '{where}.properties.{name}': type is missing"


def _tuple_items(node: Json, where: str) -> Iterator[str]:
    if isinstance(node.get("items"), list):
        yield f"At path '{where}.items': items must be an object"


def _null_type(node: Json, where: str) -> Iterator[str]:
    kinds = node.get("type")
    if kinds == "null" or isinstance(kinds, list):
        yield f"At path '{where}': type must be one word other than null, not {kinds!r}"


# Constructs, by the names a row of limits gives them; any other word there is a keyword.
_CONSTRUCTS: Mapping[str, Callable[[Json, str], Iterator[str]]] = {
    "type beside anyOf": _type_beside_any_of,
    "untyped property": _untyped_property,
    "tuple items": _tuple_items,
    "null type": _null_type,
}


def schema_complaints(schema: object, refused: frozenset[str]) -> Iterator[str]:
    """What stands in `schema` that is among `refused`."""
    for where, node in _nodes(schema, "parameters"):
        for keyword in sorted(refused & set(node)):
            yield f"At path '{where}': unknown keyword {keyword!r}"
        for name, construct in _CONSTRUCTS.items():
            if name in refused:
                yield from construct(node, where)


def _nodes(schema: object, where: str) -> Iterator[tuple[str, Json]]:
    if not isinstance(schema, dict):
        return
    yield where, schema
    for key in _NAMED:
        table = schema.get(key)
        for name, one in table.items() if isinstance(table, dict) else ():
            yield from _nodes(one, f"{where}.{key}.{name}")
    for key in _LISTED:
        for number, one in enumerate(schema[key] if isinstance(schema.get(key), list) else ()):
            yield from _nodes(one, f"{where}.{key}[{number}]")
    for key in _SINGLE:
        value = schema.get(key)
        for one in value if isinstance(value, list) else [value]:
            yield from _nodes(one, f"{where}.{key}")
