"""What a turn was answered, as the output items that its client keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from relay_translate.event_stream import EventStreamDecoder

from .flows import RecordedTurn, body_of

Json = dict[str, Any]
_DONE, _DELTA = "response.output_item.done", "response.output_text.delta"
_ENDS = ("response.completed", "response.incomplete")  # all items of these are finished


def answer_items(turn: RecordedTurn) -> list[Json]:
    """The finished items in order and, of an answer that was cut, the text that had come: a message of its own."""
    body = body_of(turn.client.response)
    if body.lstrip()[:1] == b"{":
        return [item for item in _object(body).get("output") or [] if isinstance(item, dict)]
    decoder = EventStreamDecoder()
    events = [*decoder.receive(body), *decoder.finish()]
    items = [event["item"] for event in _events(events, _DONE) if isinstance(event.get("item"), dict)]
    if events and _object(events[-1]).get("type") in _ENDS:
        return items
    return [*items, *_cut_text(events, {item.get("id") for item in items})]


def response_object(body: bytes) -> Json:
    """The Response object of a whole answer, from its last event or its JSON; {} for anything else."""
    if body.lstrip()[:1] == b"{":
        return _object(body)
    decoder = EventStreamDecoder()
    events = [*decoder.receive(body), *decoder.finish()]
    found = _object(events[-1]).get("response") if events else None
    return found if isinstance(found, dict) else {}


def _cut_text(events: list[bytes], done: set[object]) -> Iterator[Json]:
    pieces: dict[str, list[str]] = {}
    for event in _events(events, _DELTA):
        if event.get("item_id") not in done:
            pieces.setdefault(str(event.get("item_id")), []).append(str(event.get("delta", "")))
    for id, texts in pieces.items():
        part = {"type": "output_text", "text": "".join(texts)}
        yield {"id": id, "type": "message", "status": "incomplete", "role": "assistant", "content": [part]}


def _events(events: list[bytes], kind: str) -> Iterator[Json]:
    """Those of one kind; the bytes are looked at first, most events are deltas."""
    name = kind.encode()
    for data in events:
        if name in data and (event := _object(data)).get("type") == kind:
            yield event


def _object(data: bytes) -> Json:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
