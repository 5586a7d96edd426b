"""Reads an event stream of ours strictly, and checks it against the rules of the Responses API."""

from __future__ import annotations

import json
import re
from typing import Any

Json = dict[str, Any]

TERMINAL = {"response.completed": "completed", "response.incomplete": "incomplete", "response.failed": "failed"}

# One letter an event, so that the order of an item's events is a regular expression.
LETTERS = {
    "response.output_item.added": "a",
    "response.content_part.added": "p",
    "response.reasoning_summary_part.added": "p",
    "response.output_text.delta": "d",
    "response.reasoning_summary_text.delta": "d",
    "response.function_call_arguments.delta": "d",
    "response.custom_tool_call_input.delta": "d",
    "response.output_text.annotation.added": "n",
    "response.web_search_call.in_progress": "s",
    "response.web_search_call.searching": "s",
    "response.web_search_call.completed": "s",
    "response.output_text.done": "t",
    "response.reasoning_summary_text.done": "t",
    "response.function_call_arguments.done": "t",
    "response.custom_tool_call_input.done": "t",
    "response.content_part.done": "e",
    "response.reasoning_summary_part.done": "e",
    "response.output_item.done": "z",
}
ORDER = {
    "message": "apd+n*tez",
    "reasoning": "a(pd+te)?z",
    "function_call": "ad+tz",
    "custom_tool_call": "ad*tz",
    "tool_search_call": "az",
    "local_shell_call": "az",
    "compaction": "az",
    "web_search_call": "asssz",
}
PREFIX = {
    "message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc", "tool_search_call": "tsc",
    "local_shell_call": "lsh", "compaction": "cmp", "web_search_call": "ws",
}  # fmt: skip
EVENT = re.compile(r"event: (?P<name>[a-z_.]+)\ndata: (?P<data>[^\n]*)\n\n")


def no_constant(word: str) -> Any:
    raise AssertionError(f"{word} is not JSON")


def parse_events(stream: bytes) -> list[Json]:
    """The events of a stream that consists of whole events in our own form and nothing else."""
    text = stream.decode("utf-8")
    events, end = [], 0
    for found in EVENT.finditer(text):
        assert found.start() == end, f"not an event: {text[end : end + 80]!r}"
        event = json.loads(found["data"], parse_constant=no_constant)
        assert event["type"] == found["name"]
        events.append(event)
        end = found.end()
    assert end == len(text), f"not an event: {text[end : end + 80]!r}"
    return events


def check_events(events: list[Json], *, cut_call: bool = False) -> list[Json]:
    """Check a whole stream; gives the finished items.

    cut_call: a call that was announced and never finished is expected (the model's output limit came first).
    """
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    last = events[-1]
    assert [event["type"] for event in events if event["type"] in TERMINAL] == [last["type"]]
    done = _check_items(events[2:-1], last["type"], cut_call)
    _check_responses(events, done)
    call_ids = [item["call_id"] for item in done if "call_id" in item]
    assert len(set(call_ids)) == len(call_ids) and all(call_ids)
    return done


def _check_items(events: list[Json], ending: str, cut_call: bool) -> list[Json]:
    done: list[Json] = []
    item_events: list[Json] = []  # of the open item
    opened = 0
    for event in events:
        if event["type"] == "response.in_progress":
            assert event["response"]["output"] == done  # a keep-alive
            continue
        if event["type"] == "response.output_item.added":
            if item_events:
                assert cut_call and item_events[0]["item"]["type"].endswith("_call"), "two items are open"
            item_events = []
            assert event["output_index"] == opened
            opened += 1
        else:
            assert item_events, f"{event['type']} without an open item"
        item_events.append(event)
        assert event["type"] in LETTERS, event["type"]
        assert event["output_index"] == opened - 1
        if event["type"] == "response.output_item.done":
            done.append(_check_item(item_events))
            item_events = []
    if item_events and ending != "response.failed":
        assert cut_call, "an item is still open at the end"
    ids = [item["id"] for item in done]
    assert len(set(ids)) == len(ids)
    return done


def _check_item(events: list[Json]) -> Json:
    added, item = events[0]["item"], events[-1]["item"]
    kind, item_id = item["type"], item["id"]
    letters = "".join(LETTERS[event["type"]] for event in events)
    assert re.fullmatch(ORDER[kind], letters), f"{kind}: {letters}"
    assert added["type"] == kind and added["id"] == item_id
    assert item_id.startswith(PREFIX[kind] + "_")
    assert all(event["item_id"] == item_id for event in events[1:-1])
    if kind != "compaction":
        assert (added["status"], item["status"]) == ("in_progress", "completed")
    deltas = [event["delta"] for event in events if "delta" in event]
    assert all(deltas), "an empty delta"
    _CHECKS.get(kind, _check_other)(added, item, "".join(deltas), events)
    return item


def _check_message(added: Json, item: Json, text: str, events: list[Json]) -> None:
    assert added["content"] == [] and item["role"] == added["role"] == "assistant"
    cited = [event["annotation"] for event in events if "annotation" in event]
    assert [event["annotation_index"] for event in events if "annotation" in event] == list(range(len(cited)))
    assert all(0 <= each["start_index"] <= each["end_index"] <= len(text) and each["url"] for each in cited)
    part = {"type": "output_text", "text": text, "annotations": cited, "logprobs": []}
    assert item["content"] == [part] and text
    assert events[1]["part"] == part | {"text": "", "annotations": []}
    assert events[-3]["text"] == text
    assert events[-2]["part"] == part
    assert all(event["content_index"] == 0 for event in events[1:-1])


def _check_reasoning(added: Json, item: Json, text: str, events: list[Json]) -> None:
    assert added["summary"] == []
    assert item["summary"] == ([{"type": "summary_text", "text": text}] if text else [])
    assert text or item["encrypted_content"], "a reasoning item that holds nothing"
    if text:
        assert events[1]["part"] == {"type": "summary_text", "text": ""}
        assert events[-3]["text"] == text
        assert events[-2]["part"] == item["summary"][0]
        assert all(event["summary_index"] == 0 for event in events[1:-1])


def _check_function(added: Json, item: Json, text: str, events: list[Json]) -> None:
    assert added["arguments"] == "" and added["name"] == item["name"]
    assert item["arguments"] == events[-2]["arguments"] == text
    assert events[-2]["name"] == item["name"]


def _check_custom(added: Json, item: Json, text: str, events: list[Json]) -> None:
    assert added["input"] == "" and added["name"] == item["name"]
    assert item["input"] == events[-2]["input"] == text


def _check_search(added: Json, item: Json, text: str, events: list[Json]) -> None:
    assert item["action"]["type"] == added["action"]["type"] == "search"
    assert isinstance(item["action"]["query"], str)
    assert all(source["type"] == "url" and source["url"] for source in item["action"].get("sources", []))


def _check_other(added: Json, item: Json, text: str, events: list[Json]) -> None:
    assert len(events) == 2


_CHECKS = {
    "message": _check_message,
    "reasoning": _check_reasoning,
    "function_call": _check_function,
    "custom_tool_call": _check_custom,
    "web_search_call": _check_search,
}


def _check_responses(events: list[Json], done: list[Json]) -> None:
    lifecycle = [event for event in events if "response" in event]
    assert len({event["response"]["id"] for event in lifecycle}) == 1
    for event in lifecycle[:-1]:
        assert event["response"]["status"] == "in_progress"
    assert events[0]["response"]["output"] == events[1]["response"]["output"] == []
    last = events[-1]["response"]
    assert last["status"] == TERMINAL[events[-1]["type"]]
    assert last["output"] == done
    assert last["id"].startswith("resp_") and last["object"] == "response"
    assert (last["error"] is not None) == (last["status"] == "failed")
    assert (last["incomplete_details"] is not None) == (last["status"] == "incomplete")
    if last["error"]:
        assert last["error"].keys() == {"code", "message"} and last["error"]["message"]
    if last["usage"] is not None:
        _check_usage(last["usage"])


def _check_usage(usage: Json) -> None:
    assert usage.keys() == {
        "input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details", "total_tokens",
    }  # fmt: skip
    counts = [usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]]
    counts += [*usage["input_tokens_details"].values(), usage["output_tokens_details"]["reasoning_tokens"]]
    assert usage["input_tokens_details"].keys() == {"cached_tokens", "cache_write_tokens"}
    assert all(type(count) is int and count >= 0 for count in counts)
