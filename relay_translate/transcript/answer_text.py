"""An answer as people read it, finished, broken off or still coming."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from relay_translate.error_shapes import read_body
from relay_translate.event_stream import EventStreamDecoder
from relay_translate.responses_api import Json

from .answer_parts import ChatParts, Part, ResponsesParts, Told
from .entries import item_entries
from .layout import (
    LONGEST_ROW,
    STEP,
    WIDE,
    WIDTH,
    Room,
    count,
    fold_middle,
    folded_rows,
    hanging,
    indented,
    joined_words,
    labelled,
    number_of,
    object_of,
    one_line,
    page,
    size,
    span,
    text_of,
)
from .plain_json import pretty
from .request_text import TOO_DEEP, entry_lines

RUNNING = "running"
"""The status of an answer that is still coming: what it lacks is then no fault."""

_ROOM = Room(400, 40_000)  # of one text or one call; the view is cut at some 500 lines
_UNREADABLE = 3  # events that are no JSON and are shown


class AnswerView:
    """The view of an answer that comes in pieces: `receive` folds them, `text` lays out what has come so far.

    After `finish` the text also says what the answer lacks."""

    def __init__(self, content_type: str = "") -> None:
        self._is_json = "json" in content_type.lower()
        self._is_plain = self._is_json
        self._begun = self._is_json
        self._body: list[bytes] = []  # of an answer that is no stream
        self._decoder = EventStreamDecoder()
        self._parts: ChatParts | ResponsesParts | None = None
        self._events = 0
        self._bytes = 0
        self._unreadable: list[str] = []  # what is to be said of the first ones
        self._not_json = 0
        self._damaged = 0
        self._is_over = False

    def receive(self, piece: bytes) -> None:
        self._bytes += len(piece)
        if not self._begun and piece.strip():
            self._begun = True
            self._is_plain = piece.lstrip()[:1] in (b"{", b"[", b"<")
        if self._is_plain:
            self._body.append(piece)
        else:
            self._body = [] if self._events else [*self._body, piece]
            for data in self._decoder.receive(piece):
                self._event(data)

    def finish(self) -> None:
        """The answer is over: read what can be read only now, a JSON body, an event without its blank line."""
        self._is_over = True
        for data in self._decoder.finish():
            self._event(data)
        if self._parts is not None or not self._body or self._events:
            return
        try:
            body = json.loads(b"".join(self._body))
        except (ValueError, RecursionError):
            return
        if not isinstance(body, dict):
            return
        if body.get("object") == "response" or "output" in body:
            self._parts = ResponsesParts()
            self._parts.whole(body)
        elif "choices" in body:
            self._fold(body)

    def text(
        self,
        *,
        timings: Mapping[str, float | None] | None = None,
        status: str = "",
        error: Mapping[str, Any] | None = None,
        turn: str = "",
        phases: Sequence[str] = (),
    ) -> str:
        """The view of what has come so far. Arguments as for `answer_view`."""
        try:
            return page(self._lines(dict(timings or {}), status, dict(error or {}), turn, phases))
        except RecursionError:
            return TOO_DEEP

    @property
    def items(self) -> list[Part]:
        """The output items so far."""
        return self._parts.parts if self._parts else []

    @property
    def told(self) -> Told:
        """What the answer says about itself."""
        return self._parts.told if self._parts else Told()

    @property
    def failure(self) -> str:
        """The error that the answer is or holds, or what in it can't be read; "" when there is nothing of it."""
        told = self._parts.told.error if self._parts else None
        if told is None and self._parts is None:
            told = _error_of(b"".join(self._body))
        return ": ".join(told) if told else next((one for one in self._unreadable if "can't" in one), "")

    def amount(self) -> str:
        """`18 chunks, 4.0 KB`, `nothing`"""
        noun = "chunk" if isinstance(self._parts, ChatParts) else "event"
        if not self._bytes:
            return "nothing"
        return f"{count(self._events, noun) if self._events else 'one body'}, {size(self._bytes)}"

    def _event(self, data: bytes) -> None:
        self._events += 1
        text = data.decode("utf-8", "replace")
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, list) and event:
            event = event[0]  # some wrap their errors so
        if isinstance(event, dict):
            self._fold(event)
        elif text.strip() == "[DONE]":
            if isinstance(self._parts, ChatParts):
                self._parts.is_done = True
        elif text.strip():
            self._unread(text.strip())

    def _unread(self, text: str) -> None:
        """A damaged chunk was part of the answer; a word (`ping`) was none."""
        is_damaged = text[:1] in ("{", "[")
        self._damaged += is_damaged
        self._not_json += 1
        if self._not_json <= _UNREADABLE:
            what = "can't be read" if is_damaged else "is not JSON"
            self._unreadable.append(f"event {self._events:,} {what}: {one_line(text[:400], 100)}")

    def _fold(self, event: Json) -> None:
        if self._parts is None:
            kind = event.get("type")
            is_responses = isinstance(kind, str) and "choices" not in event
            self._parts = ResponsesParts() if is_responses else ChatParts()
        self._parts.receive(event)

    def _lines(self, timings: Json, status: str, error: Json, turn: str, phases: Sequence[str]) -> list[str]:
        status = status or ("" if self._is_over else RUNNING)
        parts = self._parts
        if parts is None:
            return self._plain_lines(timings, status, error)
        lines = [_title(parts, status, self._damaged), *([f"turn: {turn}"] if turn else [])]
        lines += [*_usage_line(parts.told.usage, parts.told.extra), *_timing_line(timings, parts)]
        lines += [f"phases: {', '.join(phases)}"] if phases else []
        lines += _error_lines(error, parts.told.error)
        faults = [*self._unreadable, *(parts.missing() if self._is_over else [])]
        if self._not_json > _UNREADABLE:
            faults.append(f"{count(self._not_json - _UNREADABLE, 'more event')} like these")
        lines += [row for fault in faults for row in hanging(f"note: {fault}", "")]
        flat = False
        for part in parts.parts:
            rows = part_lines(part)
            lines += rows if flat and len(rows) == 1 else ["", *rows]  # short calls stand close together
            flat = len(rows) == 1
        return [*lines, "", *self._count_lines(parts)]

    def _plain_lines(self, timings: Json, status: str, error: Json) -> list[str]:
        """A body that is no answer of either wire: an error, a page, a list of models, a piece of JSON."""
        body = b"".join(self._body)
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        told = _error_of(body) if _is_error(value) else None
        head = "an error" if told else "not an answer of either wire" if self._bytes else "no answer"
        lines = [f"{status or head} · {size(self._bytes)}", *_timing_line(timings, None), *_error_lines(error, told)]
        if not body.strip():
            return lines
        if value is not None:
            return [*lines, "", *folded_rows(pretty(value, width=WIDTH))]
        if self._is_json and self._is_over and body.lstrip()[:1] in (b"{", b"["):
            lines.append("note: the JSON is not whole")
        text = body[: 4 * LONGEST_ROW].decode("utf-8", "replace")
        return [*lines, "", *fold_middle(text, Room(200, LONGEST_ROW))]

    def _count_lines(self, parts: ChatParts | ResponsesParts) -> list[str]:
        words = [f"{name.removeprefix('response.')} {n:,}" for name, n in parts.counts.items()]
        if self._decoder.comments:
            words.append(f"keep-alive comments {self._decoder.comments:,}")
        if isinstance(parts, ChatParts) and parts.is_done:
            words.append("[DONE]")
        noun = "chunk" if isinstance(parts, ChatParts) else "event"
        what = f"{count(self._events, noun)} in a stream" if self._events else "a whole JSON body"
        return [f"{parts.wire} wire, {what}, {size(self._bytes)}{':' if words else ''}", *joined_words(words)]


def answer_view(
    data: bytes,
    *,
    content_type: str = "",
    timings: Mapping[str, float | None] | None = None,
    status: str = "",
    error: Mapping[str, Any] | None = None,
    turn: str = "",
    phases: Sequence[str] = (),
) -> str:
    """An answer of either wire, event stream or JSON, whole or not. Never raises.

    timings: seconds, as in {first_byte, first_token, total}.  status, error: what the relay says of this answer
    ({code, message}); RUNNING for one that is still coming.  turn: how the turn ended, where that is another thing.
    phases: what took how long (`phase_words`).
    """
    view = AnswerView(content_type)
    view.receive(data)
    if status != RUNNING:
        view.finish()
    return view.text(timings=timings, status=status, error=error, turn=turn, phases=phases)


def part_lines(part: Part) -> list[str]:
    """One output item; an open one is marked."""
    item = part.as_item()
    lines = []
    for entry in item_entries(0, item):
        if part.item is None and entry.kind not in ("call", "other"):
            entry.remark = ""
        if entry.kind == "reasoning" or entry.label == "assistant":
            mark = f" ({entry.remark})" if entry.remark else ""
            lines += [f"{entry.label}{mark}:", *indented(fold_middle(entry.text, _ROOM, WIDTH - len(STEP)))]
        elif entry.kind == "other":
            lines += labelled(entry.label, pretty(item, width=WIDTH - 2 * len(STEP)), WIDE)
        else:
            lines += entry_lines(entry, _ROOM, number=False)
    return lines


def _title(parts: ChatParts | ResponsesParts, status: str, damaged: int) -> str:
    told = parts.told
    ended = status or told.status or "broken off"
    if damaged and ended == "completed":
        ended += f", but {count(damaged, 'event')} can't be read"
    words = [ended, told.model or "no model named"]
    if told.end:
        words.append(told.end)
    calls = sum(part.kind.endswith("_call") for part in parts.parts)
    if calls:
        words.append(count(calls, "call"))
    return " · ".join(one_line(word, 100) for word in words)


def _usage_line(usage: Json | None, extra: list[str]) -> list[str]:
    if usage is None:
        return [f"also: {', '.join(extra)}"] if extra else []
    read, written = number_of(usage.get("input_tokens")), number_of(usage.get("output_tokens"))
    cached = number_of(object_of(usage.get("input_tokens_details")).get("cached_tokens"))
    kept = number_of(object_of(usage.get("input_tokens_details")).get("cache_write_tokens"))
    thought = number_of(object_of(usage.get("output_tokens_details")).get("reasoning_tokens"))
    share = f" ({cached:,} cached, {100 * cached // read} %)" if read and cached else " (none cached)"
    words = [f"{read:,} in{share}", f"{written:,} out" + (f" ({thought:,} reasoning)" if thought else "")]
    if kept:
        words.append(f"{kept:,} put into the cache")
    return [f"tokens: {', '.join([*words, *extra])}"]


def _timing_line(timings: Json, parts: ChatParts | ResponsesParts | None) -> list[str]:
    names = {"first_byte": "first byte", "first_token": "first token", "total": "total"}
    ordered = [*names, *(name for name in timings if name not in names)]  # files have them in another order
    seconds = {name: timings[name] for name in ordered if isinstance(timings.get(name), int | float)}
    words = [f"{names.get(name, str(name).replace('_', ' '))} {span(value)}" for name, value in seconds.items()]
    usage = parts.told.usage if parts else None
    written = number_of(usage.get("output_tokens")) if usage else 0
    writing = seconds.get("total", 0) - seconds.get("first_token", seconds.get("total", 0))
    if written and writing > 0.05:
        words.append(f"{written / writing:,.0f} tokens/s")
    return [f"time: {', '.join(words)}"] if words else []


def _error_lines(error: Json, told: tuple[str, str] | None) -> list[str]:
    """The relay's account of the failure, which holds the provider's words, else the answer's own."""
    code = text_of(error.get("code")) or (told[0] if told else "")
    message = text_of(error.get("message")) or (told[1] if told else "")
    if not code and not message:
        return []
    return [row for line in f"error: {code}: {message}".split("\n")[:20] for row in hanging(line, "")]


def _error_of(body: bytes) -> tuple[str, str] | None:
    """(code, message) of a body that is an error."""
    found = read_body(body) if body.strip() else None
    return (found.code or found.type or "error", found.message) if found else None


def _is_error(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and _is_error(value[0])
    names = ("error", "errors", "detail", "message", "msg", "error_msg", "base_resp")
    return isinstance(value, dict) and any(value.get(name) for name in names)
