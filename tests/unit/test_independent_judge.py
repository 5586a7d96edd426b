"""The openai SDK judges our streams: its event types validate them, its accumulator folds them."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent

from relay_translate import translate_response

from .events import parse_events
from .streams import EXEC, PATCH, call, chunk, context, counted_ids, event, play_chunks, stop, text

# By kind, for errors that one can read: a union complains about each of its members.
EVENTS = {
    get_args(each.model_fields["type"].annotation)[0]: each for each in get_args(get_args(ResponseStreamEvent)[0])
}


# A member of function_call_arguments.done that only some releases of the SDK know.
COMES_AND_GOES = {"name"}


def validated(raw):
    return EVENTS[raw["type"]].model_validate(raw)


USAGE = {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11, "prompt_tokens_details": {"cached_tokens": 2}}

STREAMS = {
    "text": [text("Hel"), text("lo \U0001f600"), stop(usage=USAGE)],
    "reasoning and text": [chunk({"reasoning_content": "why "}), chunk({"reasoning_content": "not"}), text("Hello"), stop()],
    "one call": [call("", "exec_command", "a"), call('{"cmd"'), call(':"ls"}'), stop("tool_calls", usage=USAGE)],
    "no arguments": [call("", "exec_command", "a"), stop("tool_calls")],
    "calls in a row": [
        call('{"cmd":"a"}', "exec_command", "a", 0), call('{"input":"x', "apply_patch", "b", 1), call('y"}', index=1),
        call('{"a":1}', "mcp__tiny__echo", "c", 2), stop("tool_calls"),
    ],
    "interleaved calls": [
        call('{"cmd":', "exec_command", "a", 0), call('{"cmd":', "exec_command", "b", 1), call('"1"}', index=0), call('"2"}', index=1), stop(),
    ],
    "all at once": [
        chunk({"reasoning": "r"}), text("t"), call('{"cmd":"a"}', "exec_command", "a", 0, extra_content={"s": "x"}), text("u"),
        call('{"query":"q"}', "tool_search", "d", 1), call('{"command":["ls"]}', "local_shell", "e", 2), stop("tool_calls"),
    ],
    "cut text": [text("Hel"), stop("length")],
}  # fmt: skip


def judged(events):
    """Our events, folded by the SDK, as a Response."""
    state = ResponseStreamState(input_tools=omit, text_format=omit)
    last = None
    for raw in events:
        last = state.handle_event(validated(raw))[-1]
    return state, last


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("codex", [True, False])
def test_every_event_is_one_of_the_apis(name, codex):
    for raw in play_chunks(*STREAMS[name], codex=codex).events:
        parsed = validated(raw)
        assert parsed.type == raw["type"]
        own = set(parsed.model_extra or ()) - COMES_AND_GOES
        assert not own, f"{raw['type']} has members of our own: {own}"


@pytest.mark.parametrize("name", STREAMS)
def test_the_sdk_folds_a_stream_to_the_response_it_ends_with(name):
    played = play_chunks(*STREAMS[name])
    _, last = judged(played.events)
    assert last.type == "response.completed"
    assert [item.to_dict()["type"] for item in last.response.output] == [item["type"] for item in played.items]
    assert last.response.output_text == "".join(i["content"][0]["text"] for i in played.items if i["type"] == "message")
    for ours, theirs in zip(played.items, last.response.output, strict=True):
        folded = theirs.to_dict()
        for part in folded.get("content") or []:
            part.pop("parsed", None)  # the SDK's own
        assert {key: value for key, value in folded.items() if key in ours} == ours


@pytest.mark.parametrize("name", STREAMS)
def test_the_deltas_alone_give_the_sdk_the_same_text_and_arguments(name):
    played = play_chunks(*STREAMS[name])
    state = ResponseStreamState(input_tools=omit, text_format=omit)
    for raw in played.events[:-1]:
        snapshot = state.accumulate_event(validated(raw))
        state._ResponseStreamState__current_snapshot = snapshot
    for ours, theirs in zip(played.items, snapshot.output, strict=True):
        if ours["type"] == "message":
            assert theirs.content[0].text == ours["content"][0]["text"]
        elif ours["type"] == "function_call":
            assert theirs.arguments == ours["arguments"]


@pytest.mark.parametrize(
    ("chunks", "kind"),
    [
        ([text("Hel"), stop("length")], "response.incomplete"),
        ([text("Hel"), call('{"a', "exec_command", "a"), stop("length")], "response.incomplete"),
        ([text("Hel"), {"error": {"message": "Boom"}}], "response.failed"),
        ([stop()], "response.failed"),
    ],
)
def test_other_endings_are_events_of_the_api_too(chunks, kind):
    played = play_chunks(*chunks, codex=False, cut_call=True)
    for raw in played.events:
        validated(raw)
    _, last = judged(played.events)
    assert last.type == kind


def test_what_a_request_said_is_repeated_in_the_apis_form():
    echo = {
        "tools": [EXEC | {"strict": False}, PATCH],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
    }
    for raw in play_chunks(*STREAMS["one call"], codex=False, echo=echo).events:
        validated(raw)


@pytest.mark.parametrize("name", STREAMS)
def test_a_whole_body_is_a_response_of_the_api(name):
    data = b"".join(map(event, STREAMS[name]))
    reply = translate_response(data, context(stream=False, codex=False), new_id=counted_ids(), created_at=1)
    body = json.loads(reply.body)
    response = Response.model_validate(body)
    assert response.status in ("completed", "incomplete")
    assert not response.model_extra
    assert [item.type for item in response.output] == [item["type"] for item in body["output"]]


def test_the_judge_can_say_no():
    events = play_chunks(*STREAMS["text"]).events
    with pytest.raises(ValueError):
        validated(events[0] | {"sequence_number": None})
    with pytest.raises((AssertionError, RuntimeError, IndexError)):
        judged([event for event in events if event["type"] != "response.content_part.added"])


def test_the_strict_reader_can_say_no():
    with pytest.raises(AssertionError):
        parse_events(b"data: {}\n\n")
