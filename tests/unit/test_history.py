"""Requests that go on from a turn that somebody keeps, and tools that are not offered."""

from __future__ import annotations

import itertools
import json

import pytest

from relay_translate import (
    InvalidRequest,
    RequestOptions,
    StreamTranslator,
    TranslationError,
    json_bytes,
    translate_request,
)
from relay_translate.history import input_items, is_stored, not_found, previous_id
from tests.unit.streams import call, event, stop, text

ECHO = {"type": "function", "name": "echo", "parameters": {"type": "object", "properties": {}}}
ids = itertools.count(1)


def ask(earlier=(), denied=(), **fields):
    options = RequestOptions(codex=False, tool_denylist=frozenset(denied))
    return translate_request({"model": "m", **fields}, options=options, earlier=earlier)


def answered(asked, *chunks):
    """The Response object that these chunks of the provider's make."""
    translator = StreamTranslator(asked.context, new_id=lambda prefix: f"{prefix}_{next(ids)}", created_at=1)
    translator.receive(b"".join(map(event, chunks)))
    translator.finish()
    return translator.response


def messages(asked):
    return asked.body["messages"]


def test_what_was_said_comes_before_the_new_input():
    first = ask(input="look", tools=[ECHO], instructions="Be brief.")
    answer = answered(first, text("I look."), call("{}", "echo", "call_1"), stop("tool_calls"))
    earlier = [*input_items("look"), *answer["output"]]
    done = {"type": "function_call_output", "call_id": "call_1", "output": "a"}
    second = ask(earlier, input=[done], previous_response_id=answer["id"])
    assert [message["role"] for message in messages(second)] == ["user", "assistant", "tool"]
    assert messages(second)[1]["tool_calls"][0]["id"] == messages(second)[2]["tool_call_id"] == "call_1"
    assert "tools" not in second.body and "Be brief." not in json.dumps(second.body), "the API does not inherit them"


def test_a_conversation_that_goes_on_begins_with_the_same_bytes():
    whole, earlier, before = [], [], b""
    for number in range(4):
        asked = ask(earlier, input=f"question {number}", instructions="Be brief.", tools=[ECHO])
        sent = json_bytes(messages(asked))
        assert sent.startswith(before)
        before = sent[:-1]
        answer = answered(
            asked, {"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}}]}, text("Yes."), stop()
        )
        earlier = [*earlier, *input_items(f"question {number}"), *answer["output"]]
        whole.append(sent)
    assert messages(asked)[2]["reasoning_content"] == "Hm.", "reasoning comes back although the client never held it"


def test_the_response_names_the_one_before():
    asked = ask([], input="hi", previous_response_id="resp_1")
    assert answered(asked, text("x"), stop())["previous_response_id"] == "resp_1"


def test_without_a_memory_it_is_refused():
    with pytest.raises(InvalidRequest, match="`previous_response_id` is not supported by this relay"):
        ask(None, input="hi", previous_response_id="resp_1")


def test_other_memories_are_refused_all_the_same():
    with pytest.raises(InvalidRequest, match="`conversation` is not supported"):
        ask([], input="hi", conversation="conv_1")


def test_the_new_input_is_still_checked_by_its_own_places():
    with pytest.raises(InvalidRequest) as refused:
        ask(input_items("earlier"), input=["hi"], previous_response_id="resp_1")
    assert refused.value.api_error.param == "input[0]"


@pytest.mark.parametrize(("value", "found"), [(None, ""), ("", ""), ("resp_1", "resp_1")])
def test_the_id_that_is_gone_on_from(value, found):
    assert previous_id({"previous_response_id": value}) == found


@pytest.mark.parametrize("value", [5, ["resp_1"], {"id": "resp_1"}])
def test_an_id_that_can_not_be_one_is_refused(value):
    with pytest.raises(InvalidRequest, match="must be the id of a response"):
        previous_id({"previous_response_id": value})


def test_a_turn_is_kept_unless_the_client_says_no():
    assert [is_stored(body) for body in ({}, {"store": None}, {"store": True}, {"store": False})] == [True] * 3 + [
        False
    ]


def test_an_unknown_id_is_told_as_the_api_tells_it():
    error = not_found("resp_1")
    assert isinstance(error, TranslationError)
    told = error.api_error
    assert (told.status, told.code, told.param) == (400, "previous_response_not_found", "previous_response_id")
    assert told.message.startswith("Previous response with id 'resp_1' not found.")
    assert "send the whole conversation in `input`" in told.message


# --- tools that are not offered ---------------------------------------------------------------------------------------


def test_a_denied_tool_is_not_offered_and_said_to_be_left_out():
    asked = ask(
        input="hi",
        tools=[ECHO, ECHO | {"name": "other"}],
        denied=["echo"],
        tool_choice={"type": "function", "name": "echo"},
    )
    assert [tool["function"]["name"] for tool in asked.body["tools"]] == ["other"]
    assert "tool_choice" not in asked.body
    assert "tools: echo was left out, as relay_tool_denylist says" in asked.notes


def test_nothing_is_sent_of_tools_when_all_are_denied():
    asked = ask(input="hi", tools=[ECHO], denied=["echo"], tool_choice="required", parallel_tool_calls=False)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & asked.body.keys()


def test_a_call_of_a_denied_tool_is_one_of_any_undeclared_tool():
    offered = ask(input="hi", tools=[ECHO], denied=["echo"])
    never = ask(input="hi", tools=[])
    chunks = call("{}", "echo", "call_1"), stop("tool_calls")
    calls = [answered(asked, *chunks)["output"][0] for asked in (offered, never)]
    assert [(item["type"], item["name"], item["status"]) for item in calls] == [
        ("function_call", "echo", "completed")
    ] * 2


def test_a_found_tool_that_is_denied_is_not_told_to_be_callable():
    tools = [{"type": "namespace", "name": "mcp__git", "tools": [ECHO, ECHO | {"name": "log"}]}]
    found = [
        {"type": "tool_search_call", "call_id": "s1", "execution": "client", "arguments": {"query": "git"}},
        {"type": "tool_search_output", "call_id": "s1", "execution": "client", "tools": tools},
    ]
    asked = ask(input=[*input_items("hi"), *found], denied=["mcp__git__echo"])
    assert messages(asked)[2]["content"] == "Found, and callable from now on:\n- mcp__git__log"
    assert [tool["function"]["name"] for tool in asked.body["tools"]] == ["mcp__git__log"]
