"""Names, ids, numbers, choices and forms, within what a provider takes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from relay_translate import RequestOptions, translate_request
from relay_translate.ids import call_id_for
from relay_translate.profiles import GENERIC, PROFILES, Profile
from relay_translate.profiles.profile import Schema, Tools, WebSearch
from relay_translate.request import SCHEMA_IN_WORDS
from tests.unit.items import called, chat_call, chat_calls, messages, output, request, tool, user

F = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}


def with_tools(**rules) -> Profile:
    return replace(GENERIC, tools=Tools(**rules))


def sent(profile=GENERIC, **fields):
    return request([user("Hi")], profile, tools=fields.pop("tools", [F]), **fields)


# --- ids


@pytest.mark.parametrize(
    "call_id", ["call_00_AbCd", "x", "", "functions.exec:0", "é" * 9, "a" * 200, "Abc123xy-", "\ud800"]
)
def test_an_id_of_nine_is_made_of_any_other(call_id):
    made = call_id_for(call_id, form="nine", longest=64)
    assert re.fullmatch(r"[a-zA-Z0-9]{9}", made)
    assert made == call_id_for(call_id, form="nine", longest=64) != call_id_for(call_id + "x", form="nine", longest=64)


def test_an_id_that_is_right_already_stays():
    assert call_id_for("gSIMJiOkT", form="nine", longest=64) == "gSIMJiOkT"
    assert call_id_for("functions.f:0", form="any", longest=64) == "functions.f:0"
    assert call_id_for("toolu_01-x", form="plain", longest=64) == "toolu_01-x"


@pytest.mark.parametrize(("form", "longest", "legal"), [("any", 40, r".{1,40}"), ("plain", 64, r"[a-zA-Z0-9_-]{1,64}")])
def test_an_id_that_is_too_long_or_odd_is_hashed(form, longest, legal):
    made = {call_id_for(call_id, form=form, longest=longest) for call_id in ("x" * 65, "x" * 66, "functions.f:0" * 9)}
    assert len(made) == 3
    assert all(re.fullmatch(legal, one) for one in made)


def test_call_and_output_keep_together_whatever_their_ids_become():
    items = [
        user("Hi"),
        called("functions.f:0"),
        called("functions.f:1"),
        output("functions.f:1", "b"),
        output("functions.f:0", "a"),
    ]
    made = messages(*items, profile=with_tools(call_ids="nine"))
    first, second = (call["id"] for call in made[1]["tool_calls"])
    assert first != second and len(first) == len(second) == 9
    assert made[2:] == [tool(first, "a"), tool(second, "b")]


def test_an_id_used_twice_is_two_ids_of_nine():
    items = [user("Hi"), called("c", id="fc_a_0"), output("c"), called("c", id="fc_b_0"), output("c")]
    made = messages(*items, profile=with_tools(call_ids="nine"))
    ids = [call["id"] for message in made for call in message.get("tool_calls", [])]
    assert len(set(ids)) == 2


# --- names and numbers


@pytest.mark.parametrize("name", ["9lives", "-dash", "é", "Ünïcode"])
def test_a_name_begins_with_a_letter_where_it_must(name):
    tools = [F | {"name": name}, F | {"name": "plain_1"}]
    translated = sent(with_tools(letter_first=True), tools=tools)
    first, second = (one["function"]["name"] for one in translated.body["tools"])
    assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}", first) and second == "plain_1"
    assert translated.context.tools[first].name == name


def test_a_name_in_the_history_is_the_one_that_is_offered():
    items = [user("Hi"), called("c", "9lives"), output("c")]
    body = request(items, with_tools(letter_first=True), tools=[F | {"name": "9lives"}]).body
    assert body["messages"][1] == chat_calls(chat_call("c", body["tools"][0]["function"]["name"]))


def test_more_tools_than_are_taken_are_left_out_from_the_end_and_noted():
    tools = [F | {"name": f"t{n}"} for n in range(5)]
    translated = sent(with_tools(most=3), tools=tools)
    assert [one["function"]["name"] for one in translated.body["tools"]] == ["t0", "t1", "t2"]
    assert "tools: 5 are offered and generic takes 3; left out: t3, t4" in translated.notes


def test_a_shorter_name_is_as_long_as_is_taken():
    translated = sent(with_tools(longest_name=20), tools=[F | {"name": "n" * 30}, F | {"name": "n" * 31}])
    names = [one["function"]["name"] for one in translated.body["tools"]]
    assert len(set(names)) == 2 and all(len(name) <= 20 for name in names)


# --- strictness


@pytest.mark.parametrize(("rule", "strict"), [("omit", None), ("keep", True)])
def test_strict_is_kept_where_it_is_known(rule, strict):
    profile = replace(GENERIC, schema=Schema(strict=rule))
    body = sent(profile, tools=[F | {"strict": True}]).body
    assert body["tools"][0]["function"].get("strict") is strict


# --- choices


@pytest.mark.parametrize(
    ("choice", "effort", "kept"),
    [
        ("none", None, False), ("none", "high", False), ("none", "none", True), ("required", "high", False),
        ("required", "none", False), ({"type": "function", "name": "f"}, "high", True), ("auto", "high", False),
    ],
)  # fmt: skip
def test_a_choice_is_sent_where_it_is_taken_while_thinking_and_while_not(choice, effort, kept):
    rules = Tools(choices=frozenset({"none"}), thinking_choices=frozenset({"named"}))
    profile = replace(GENERIC, tools=rules, reasoning=replace(GENERIC.reasoning, off={}))
    translated = sent(profile, tool_choice=choice, reasoning={"effort": effort} if effort else {})
    assert ("tool_choice" in translated.body) is kept
    assert any(note.startswith("tool_choice") for note in translated.notes) is (not kept and choice != "auto")


def test_a_ban_on_tools_may_be_no_tools():
    body = sent(with_tools(drop_when_none=True), tool_choice="none", parallel_tool_calls=False).body
    assert {"tools", "tool_choice", "parallel_tool_calls"}.isdisjoint(body)


# --- the form of the answer

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
TEXT = {"format": {"type": "json_schema", "name": "t", "schema": SCHEMA, "strict": True}}
IN_WORDS = SCHEMA_IN_WORDS + '{"type":"object","properties":{"a":{"type":"string"}}}'


@pytest.mark.parametrize(
    ("profile", "tools", "asked", "told"),
    [
        (GENERIC, [F], "json_schema", False),
        (replace(GENERIC, json_schema="object"), [F], "json_object", True),
        (replace(GENERIC, json_schema="prompt"), [F], None, True),
        (with_tools(no_format=True), [F], None, True),
        (with_tools(no_format=True), [], "json_schema", False),
    ],
)
def test_a_schema_of_the_answer_is_enforced_or_told(profile, tools, asked, told):
    translated = sent(profile, tools=tools, text=TEXT, instructions="Be good.")
    assert translated.body.get("response_format", {}).get("type") == asked
    assert translated.body["messages"][0] == {
        "role": "system",
        "content": f"Be good.\n\n{IN_WORDS}" if told else "Be good.",
    }
    assert any("the schema stands in the instructions" in note for note in translated.notes) is told


def test_a_json_object_is_asked_for_where_a_schema_is_not_taken():
    profile = replace(GENERIC, json_schema="prompt")
    assert sent(profile, text={"format": {"type": "json_object"}}).body["response_format"] == {"type": "json_object"}
    left_out = sent(with_tools(no_format=True), text={"format": {"type": "json_object"}})
    assert "response_format" not in left_out.body and any("together with tools" in note for note in left_out.notes)


# --- search

SEARCH = {"type": "web_search", "search_context_size": "low", "filters": {"allowed_domains": ["a.example"]}}


def test_a_search_of_the_providers_own_takes_codexs_settings():
    rules = WebSearch(
        tool={"type": "own:search"},
        fields={"searching": True},
        settings={"search_context_size": "parameters.size", "allowed_domains": "parameters.only"},
    )
    profile = replace(GENERIC, web_search=rules)
    body = sent(profile, tools=[F, SEARCH]).body
    assert body["tools"][1:] == [{"type": "own:search", "parameters": {"size": "low", "only": ["a.example"]}}]
    assert body["searching"] is True
    assert rules.tool == {"type": "own:search"}
    without = translate_request(
        {"model": "m", "input": "Hi", "tools": [F, SEARCH]}, profile, RequestOptions(web_search=False)
    )
    assert len(without.body["tools"]) == 1 and "searching" not in without.body


@pytest.mark.parametrize("name", sorted(name for name, one in PROFILES.items() if one.web_search is None))
def test_without_one_the_search_is_left_out_with_a_note(name):
    translated = sent(PROFILES[name], tools=[F, SEARCH])
    assert [one["type"] for one in translated.body["tools"]] == ["function"]
    assert any("web_search" in note for note in translated.notes)
