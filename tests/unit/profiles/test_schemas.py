"""Tool schemas become what a provider takes, and stay the same schema where they can."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from relay_translate.profiles import PROFILES
from relay_translate.profiles.profile import Schema
from relay_translate.schemas import fit_schema

Json = dict[str, Any]
PLAIN = Schema()
STRING = {"type": "string"}


def of(**properties: Any) -> Json:
    return {"type": "object", "properties": properties}


def fitted(schema: Json, **rules: Any) -> Json:
    return fit_schema(schema, Schema(**rules))


def test_a_plain_schema_stays_as_it_is():
    schema = of(cmd=STRING, n={"type": "integer", "minimum": 0}) | {"required": ["cmd"], "additionalProperties": False}
    assert fitted(schema) == schema


@pytest.mark.parametrize(
    "schema",
    [{}, {"type": "string"}, {"type": ["object", "null"]}, {"anyOf": [{"required": ["a"]}]}, {"properties": []}],
)
def test_the_root_is_an_object_with_properties(schema):
    made = fitted(schema)
    assert (made["type"], made["properties"]) == ("object", {})


@pytest.mark.parametrize("keyword", ["$schema", "$id", "$comment"])
def test_words_about_the_document_go_wherever_they_stand(keyword):
    schema = of(a={"type": "object", keyword: "x", "properties": {"b": {"type": "array", "items": {keyword: "x"}}}}) | {
        keyword: "x"
    }
    assert keyword not in json.dumps(fitted(schema))


@pytest.mark.parametrize(
    "name", ["$schema", "$ref", "$defs", "type", "anyOf", "items", "properties", "const", "enum", "not"]
)
def test_a_property_may_be_called_like_a_keyword(name):
    schema = of(**{name: STRING | {"description": "mine"}}) | {"required": [name]}
    rules = Schema(
        drop=frozenset({"$schema", "not", "const"}), const_as_enum=True, null_types=False, type_in_any_of=True
    )
    assert fit_schema(schema, rules) == schema


def test_values_that_look_like_schemas_are_left_alone():
    value = {"$ref": "#/$defs/A", "$schema": "x", "type": "null"}
    schema = of(a={"type": "object", "default": value, "examples": [value], "enum": [value]})
    assert fitted(schema, null_types=False) == schema


# --- references


@pytest.mark.parametrize("table", ["$defs", "definitions"])
def test_a_reference_is_what_it_refers_to(table):
    schema = of(a={"$ref": f"#/{table}/A"}, b={"type": "array", "items": {"$ref": f"#/{table}/A"}}) | {
        table: {"A": STRING}
    }
    assert fitted(schema) == of(a=STRING, b={"type": "array", "items": STRING})


def test_what_stands_beside_a_reference_has_the_last_word():
    schema = of(a={"$ref": "#/$defs/A", "description": "here"}) | {"$defs": {"A": STRING | {"description": "there"}}}
    assert fitted(schema)["properties"]["a"] == STRING | {"description": "here"}


def test_a_reference_may_lead_to_another():
    schema = of(a={"$ref": "#/$defs/A"}) | {"$defs": {"A": {"$ref": "#/$defs/B"}, "B": STRING}}
    assert fitted(schema) == of(a=STRING)


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("#/properties/first", STRING), ("#/properties/list/anyOf/1", {"type": "integer"}), ("#/$defs/a~1b", {"type": "number"}),
        ("#/$defs/a~0b", {"type": "boolean"}), ("#/$defs/gone", {}), ("#/properties/list/anyOf/7", {}), ("#/properties/list/anyOf/x", {}),
        ("other.json#/A", {}), ("#anchor", {}), ("", {}), ("#/$defs", {"a/b": {"type": "number"}, "a~b": {"type": "boolean"}}),
        ("#/properties/list/anyOf/99999999999999999999", {}),
    ],
)  # fmt: skip
def test_a_reference_is_a_pointer_into_the_schema(reference, found):
    named = {"a/b": {"type": "number"}, "a~b": {"type": "boolean"}}
    schema = of(first=STRING, list={"anyOf": [STRING, {"type": "integer"}]}, it={"$ref": reference}) | {"$defs": named}
    assert fitted(schema)["properties"]["it"] == found


@pytest.mark.parametrize(
    "schema",
    [
        of(a={"$ref": "#"}),
        of(a={"$ref": "#/properties/a"}),
        of(node={"$ref": "#/$defs/N"})
        | {"$defs": {"N": of(next={"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]})}},
        of(a={"$ref": "#/$defs/A"}) | {"$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}},
        {"$ref": "#/$defs/Root", "$defs": {"Root": of(again={"$ref": "#/$defs/Root"})}},
    ],
)
@pytest.mark.parametrize("null_types", [True, False])
def test_a_reference_to_itself_ends(schema, null_types):
    made = fitted(schema, null_types=null_types)
    assert "$ref" not in json.dumps(made)
    assert made["type"] == "object"


def test_references_that_multiply_are_cut_off():
    """Each level refers to the next one ten times: ten to the twentieth nodes, written out."""
    levels = {f"L{n}": of(**{f"p{m}": {"$ref": f"#/$defs/L{n + 1}"} for m in range(10)}) for n in range(20)}
    started = time.monotonic()
    made = fitted(of(a={"$ref": "#/$defs/L0"}) | {"$defs": levels | {"L20": STRING}})
    assert time.monotonic() - started < 5
    assert len(json.dumps(made)) < 5_000_000


def test_references_may_stay():
    schema = of(a={"$ref": "#/$defs/A"}) | {"$defs": {"A": STRING}}
    assert fitted(schema, inline_refs=False) == schema


# --- types


def test_a_type_beside_any_of_moves_into_its_branches():
    node = {"type": "object", "description": "d", "anyOf": [{"required": ["a"]}, {"type": "string"}, True]}
    moved = {"description": "d", "anyOf": [{"type": "object", "required": ["a"]}, {"type": "string"}, True]}
    assert fitted(of(a=node), type_in_any_of=True) == of(a=moved)
    assert fitted(of(a=node)) == of(a=node)


def test_the_root_has_no_any_of_beside_its_type_where_that_is_refused():
    assert fitted(of(a=STRING) | {"anyOf": [{"required": ["a"]}]}, type_in_any_of=True) == of(a=STRING)


@pytest.mark.parametrize(
    ("node", "made"),
    [
        ({"type": ["string", "null"]}, STRING),
        ({"type": ["string", "integer", "null"]}, {"type": ["string", "integer"]}),
        ({"type": ["null"]}, STRING),
        ({"type": "null"}, STRING),
        ({"anyOf": [STRING, {"type": "null"}]}, STRING),
        ({"description": "d", "oneOf": [STRING, {"type": ["null"]}]}, STRING | {"description": "d"}),
        ({"anyOf": [STRING, {"type": "integer"}, {"type": "null"}]}, {"anyOf": [STRING, {"type": "integer"}]}),
        ({"anyOf": [{"type": "null"}]}, {}),
        ({"type": ["string", "null"], "enum": ["a", None]}, STRING | {"enum": ["a"]}),
        ({"enum": [None]}, {}),
        ({"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}, {"type": "integer"}),
        ({"$ref": "#/$defs/Nullable"}, {"type": "number"}),
    ],
)
def test_null_is_taken_out_where_it_is_no_type(node, made):
    tables = {"$defs": {"A": {"type": "integer"}, "Nullable": {"type": ["number", "null"]}}}
    assert fitted(of(a=node) | tables, null_types=False) == of(a=made)


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        ({"description": "d"}, "string"), ({"enum": ["a"]}, "string"), ({"enum": [1, 2]}, "integer"), ({"const": True}, "boolean"),
        ({"const": 1.5}, "number"), ({"items": STRING}, "array"), ({"properties": {}}, "object"), ({"enum": []}, "string"),
    ],
)  # fmt: skip
def test_a_property_gets_the_type_it_seems_to_have(node, kind):
    made = fitted(of(a=node), property_types=True)["properties"]["a"]
    assert made["type"] == kind
    assert {key: value for key, value in made.items() if key != "type"} == node


@pytest.mark.parametrize("node", [STRING, {"anyOf": [STRING]}, {"allOf": [STRING]}, {"oneOf": [STRING]}])
def test_a_property_that_tells_its_type_is_left_alone(node):
    assert fitted(of(a=node), property_types=True) == of(a=node)


def test_types_are_given_to_properties_of_any_depth():
    deep = of(a=of(b={"type": "array", "items": of(c={"description": "d"})}))
    found = fitted(deep, property_types=True)["properties"]["a"]["properties"]["b"]["items"]["properties"]["c"]
    assert found == {"type": "string", "description": "d"}


def test_items_of_older_drafts_become_prefix_items():
    node = {"type": "array", "items": [STRING, {"$ref": "#/$defs/A"}]}
    made = fitted(of(a=node) | {"$defs": {"A": {"type": "integer"}}}, prefix_items=True)
    assert made == of(a={"type": "array", "prefixItems": [STRING, {"type": "integer"}]})


def test_a_constant_may_be_an_enum_of_one():
    assert fitted(of(a={"const": "x"}), const_as_enum=True) == of(a={"enum": ["x"]})


# --- whatever comes


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": None, "b": 5, "c": [], "d": True}},
        {"properties": {"a": {"type": 5, "anyOf": {}, "items": 7, "enum": "x", "required": 1}}},
        {"$defs": [], "properties": {"a": {"$ref": "#/$defs/0"}}},
        {"properties": {"a": {"$ref": ["x"]}, "b": {"$ref": None}}},
        {"properties": {"a": {"anyOf": [None, 1, {"type": []}]}}},
        {"anyOf": None, "oneOf": 3, "allOf": "x", "not": [], "definitions": 1},
        {"properties": {"a": {"enum": [[], {}, None, 1.5]}}},
    ],
)  # fmt: skip
def test_an_odd_schema_becomes_a_schema_of_an_object(name, schema):
    made = fit_schema(schema, PROFILES[name].schema)
    assert made["type"] == "object" and isinstance(made["properties"], dict)
    assert json.loads(json.dumps(made)) == json.loads(json.dumps(fit_schema(schema, PROFILES[name].schema)))


def test_a_schema_nested_too_deep_says_less():
    deep: Json = {"type": "string"}
    for _ in range(200):
        deep = of(a=deep)
    assert len(json.dumps(fitted(deep))) < 2_000


def test_the_schema_that_was_given_is_not_changed():
    schema = of(a={"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}, b={"const": 1, "items": [STRING]}) | {
        "$defs": {"A": STRING}
    }
    before = json.dumps(schema)
    for profile in PROFILES.values():
        fit_schema(schema, profile.schema)
    assert json.dumps(schema) == before
