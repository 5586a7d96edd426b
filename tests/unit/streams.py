"""Makes provider streams and plays them through the translator; every stream played is checked."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from relay_translate import StreamTranslator, TurnContext, TurnSummary
from relay_translate.tools import ToolTable, parameter_types

from .events import check_events, parse_events

Json = dict[str, Any]

DONE = b"data: [DONE]\n\n"

EXEC = {"type": "function", "name": "exec_command", "parameters": {"type": "object", "properties": {}}}
STDIN = {"type": "function", "name": "write_stdin", "parameters": {"type": "object", "properties": {}}}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Applies a patch."}
TINY = {"type": "namespace", "name": "mcp__tiny", "tools": [{"type": "function", "name": "echo"}]}
SEARCH = {"type": "tool_search", "execution": "client", "parameters": {"type": "object"}}
SHELL = {"type": "local_shell"}
TOOLS = [EXEC, STDIN, PATCH, TINY, SEARCH, SHELL]


def counted_ids(first: int = 0) -> Callable[[str], str]:
    numbers = itertools.count(first)
    return lambda prefix: f"{prefix}_{next(numbers)}"


def context(tools: Iterable[Json] = TOOLS, **fields: Any) -> TurnContext:
    table = ToolTable()
    table.offer(tools)
    offered = {"tools": table.refs(), "parameters": parameter_types(table.listed())}
    return TurnContext(**{"model": "m", "requested_model": "gpt-x", "provider": "host"} | offered | fields)


def chunk(delta: Json | None = None, finish: str | None = None, **extra: Any) -> Json:
    """A chat.completion.chunk with one choice; `extra` adds or replaces top-level members."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice]} | extra


def text(piece: str, finish: str | None = None) -> Json:
    return chunk({"content": piece}, finish)


def call(arguments: Any = None, name: Any = None, id: Any = None, index: Any = 0, **extra: Any) -> Json:
    """A chunk with one entry in `tool_calls`; what is None is left out."""
    return chunk({"tool_calls": [entry(arguments, name, id, index, **extra)]})


def entry(arguments: Any = None, name: Any = None, id: Any = None, index: Any = 0, **extra: Any) -> Json:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    places = {key: value for key, value in (("index", index), ("id", id)) if value is not None}
    return {**places, "type": "function", "function": function, **extra}


def stop(reason: str | None = "stop", **extra: Any) -> Json:
    return chunk({}, reason, **extra)


def event(data: Any) -> bytes:
    """One event of a provider: JSON of `data`, or the text itself."""
    return b"data: " + (data if isinstance(data, str) else json.dumps(data)).encode() + b"\n\n"


def stream(*chunks: Any, end: bytes = DONE) -> bytes:
    return b"".join(map(event, chunks)) + end


@dataclass(frozen=True)
class Played:
    """What became of a stream: all events, the finished items, and the events that each piece made."""

    events: list[Json]
    items: list[Json]
    summary: TurnSummary
    by_piece: list[list[Json]]

    @property
    def end(self) -> Json:
        return self.events[-1]["response"]

    @property
    def error(self) -> Json:
        assert self.events[-1]["type"] == "response.failed"
        return self.end["error"]

    def deltas(self) -> list[str]:
        return [event["delta"] for event in self.events if "delta" in event]

    def deltas_by_piece(self) -> list[list[str]]:
        return [[event["delta"] for event in events if "delta" in event] for events in self.by_piece]


def play(*pieces: bytes, cut_call: bool = False, first_id: int = 0, **fields: Any) -> Played:
    """Translate `pieces`; `fields` are the turn context's (`tools` as a request lists them)."""
    seen: list[BaseException] = []
    translator = StreamTranslator(
        context(**fields), new_id=counted_ids(first_id), created_at=1, on_exception=seen.append
    )
    encoded = [translator.receive(piece) for piece in pieces] + [translator.finish()]
    assert seen == []
    assert translator.done
    by_piece = [parse_events(data) for data in encoded]
    events = [event for part in by_piece for event in part]
    return Played(events, check_events(events, cut_call=cut_call), translator.summary, by_piece)


def play_chunks(*chunks: Any, end: bytes = DONE, **fields: Any) -> Played:
    """Each chunk is a piece of its own."""
    return play(*map(event, chunks), end, **fields)


def brief(items: Iterable[Json]) -> list[tuple[Any, ...]]:
    """Items as (type, name or none, what it says), to compare with literals."""
    return [_brief(item) for item in items]


def _brief(item: Json) -> tuple[Any, ...]:
    match item["type"]:
        case "message":
            return "message", item["content"][0]["text"]
        case "reasoning":
            return "reasoning", "".join(part["text"] for part in item["summary"])
        case "function_call":
            return (
                "function_call",
                f"{item['namespace']}/{item['name']}" if "namespace" in item else item["name"],
                item["arguments"],
            )
        case "custom_tool_call":
            return "custom_tool_call", item["name"], item["input"]
        case "tool_search_call":
            return "tool_search_call", item["arguments"]
        case "web_search_call":
            return (
                "web_search_call",
                item["action"]["query"],
                [each["url"] for each in item["action"].get("sources", [])],
            )
        case "local_shell_call":
            return "local_shell_call", item["action"]
    return item["type"], item.get("encrypted_content")
