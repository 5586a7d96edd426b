"""Chat Completions chunks: the deltas of one answer in each shape providers are known to stream them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
CallShape = Literal[
    "openai", "whole", "interleaved", "shared_index", "name_repeated", "no_id", "no_index", "object", "legacy"
]

DONE = b"data: [DONE]\n\n"
USAGE: Json = {
    "prompt_tokens": 1200,
    "completion_tokens": 34,
    "total_tokens": 1234,
    "prompt_tokens_details": {"cached_tokens": 256},
    "completion_tokens_details": {"reasoning_tokens": 7},
}


@dataclass(frozen=True)
class Call:
    """One tool call of the scripted model. ``arguments`` is the text as streamed; it need not be JSON.
    ``extra`` holds what a provider hangs on a call and wants back (a signature)."""

    name: str
    arguments: str
    id: str = ""
    extra: Json = field(default_factory=dict)

    @staticmethod
    def of(name: str, arguments: Json, id: str = "") -> Call:
        return Call(name, json.dumps(arguments, ensure_ascii=False), id)


def frame(value: Json | str, *, ascii_only: bool = False) -> bytes:
    """One server-sent event. A string is sent as it is (for broken data)."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=ascii_only)
    return b"data: " + text.encode() + b"\n\n"


def chunk(delta: Json | None = None, *, finish: str | None = None, **extra: Any) -> Json:
    """A chat.completion.chunk with one choice; ``extra`` replaces or adds top-level keys."""
    base: Json = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "scripted-model",
        "choices": [{"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}],
    }
    return base | extra


def usage_chunk(usage: Json) -> Json:
    return chunk(choices=[], usage=usage)


def slices(text: str, by: int) -> list[str]:
    return [text[start : start + by] for start in range(0, len(text), by)]


def words(text: str) -> list[str]:
    """Cut after each space, so that the pieces joined are the text again."""
    pieces = text.split(" ")
    return [piece + " " for piece in pieces[:-1]] + pieces[-1:]


def text_deltas(text: str) -> list[Json]:
    return [{"content": piece} for piece in words(text)] if text else []


def reasoning_deltas(text: str, field: str) -> list[Json]:
    """Reasoning in the named field; ``reasoning_details`` has a list of typed parts (OpenRouter, MiniMax)."""
    if not text:
        return []
    if field == "reasoning_details":
        return [
            {"reasoning_details": [{"type": "reasoning.text", "text": piece, "index": 0, "format": "unknown"}]}
            for piece in words(text)
        ]
    return [{field: piece} for piece in words(text)]


def call_deltas(calls: Sequence[Call], shape: CallShape = "openai", by: int = 12) -> list[Json]:
    """The tool-call deltas of one answer; ``by`` characters of arguments in each."""
    if shape == "interleaved":
        return _interleaved(calls, by)
    deltas: list[Json] = []
    for index, call in enumerate(calls):
        deltas.extend(_one_call(index, call, shape, by))
    return deltas


def _one_call(index: int, call: Call, shape: CallShape, by: int) -> Iterator[Json]:
    function: Json = {"name": call.name, "arguments": call.arguments}
    entry: Json = {"index": index, "id": call.id, "type": "function", "function": function}
    match shape:
        case "whole":
            yield {"tool_calls": [entry]}
        case "object":
            yield {"tool_calls": [entry | {"function": {"name": call.name, "arguments": json.loads(call.arguments)}}]}
        case "no_index":
            del entry["index"]
            yield {"tool_calls": [entry]}
        case "no_id":
            del entry["id"]
            yield from _fragments(entry, call, by, repeat=False)
        case "shared_index":
            # Gemini's compatible endpoint gives every parallel call index 0; only the id tells them apart.
            yield from _fragments(entry | {"index": 0}, call, by, repeat=False)
        case "name_repeated":
            yield from _fragments(entry, call, by, repeat=True)
        case "legacy":
            yield {"function_call": {"name": call.name, "arguments": ""}}
            for piece in slices(call.arguments, by):
                yield {"function_call": {"arguments": piece}}
        case _:
            yield from _fragments(entry, call, by, repeat=False)


def _fragments(entry: Json, call: Call, by: int, *, repeat: bool) -> Iterator[Json]:
    yield {"tool_calls": [entry | {"function": {"name": call.name, "arguments": ""}}]}
    for piece in slices(call.arguments, by):
        if repeat:
            yield {"tool_calls": [entry | {"function": {"name": call.name, "arguments": piece}}]}
        else:
            yield {"tool_calls": [{"index": entry["index"], "function": {"arguments": piece}}]}


def _interleaved(calls: Sequence[Call], by: int) -> list[Json]:
    """All calls open at once, their fragments in turn."""
    streams: list[Iterable[Json]] = [list(_one_call(i, call, "openai", by)) for i, call in enumerate(calls)]
    queues = [list(items) for items in streams]
    deltas: list[Json] = []
    while any(queues):
        deltas.extend(queue.pop(0) for queue in queues if queue)
    return deltas
