"""Replies: the exact bytes one request is answered with, and what the scripted model said in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from addon.scripted.chunks import (
    DONE,
    USAGE,
    Call,
    CallShape,
    Json,
    call_deltas,
    chunk,
    frame,
    reasoning_deltas,
    text_deltas,
    usage_chunk,
)


@dataclass(frozen=True)
class Wait:
    """Silence on the wire."""

    seconds: float


@dataclass(frozen=True)
class Until:
    """Silence until something has happened elsewhere: what another thread does must not be a matter of luck."""

    happened: Callable[[], bool]


@dataclass(frozen=True)
class Cut:
    """The end of the connection: ``reset`` breaks it inside the body, ``clean`` ends the body properly."""

    how: Literal["reset", "clean"] = "reset"


Piece = bytes | Wait | Until | Cut


@dataclass(frozen=True)
class Said:
    """What the model said in one reply, for the rule that it must come back."""

    text: str = ""
    reasoning: str = ""
    field: str = "reasoning_content"
    calls: tuple[Call, ...] = ()
    details: tuple[Json, ...] = ()  # reasoning_details as they have to come back


@dataclass(frozen=True)
class Reply:
    pieces: tuple[Piece, ...]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})
    head_delay: float = 0.0  # seconds before the status line
    said: Said = Said()

    def cut(self, after: int, how: Literal["reset", "clean"] = "reset", linger: float = 0.2) -> Reply:
        """The first ``after`` pieces, then the end. The pause keeps the end out of the last piece's packet."""
        return replace(self, pieces=(*self.pieces[:after], Wait(linger), Cut(how)))

    def late(self, seconds: float) -> Reply:
        """Nothing at all, not even a status line, for so long."""
        return replace(self, head_delay=seconds)

    def paced(self, seconds: float) -> Reply:
        """The same with a pause behind each piece."""
        return replace(self, pieces=tuple(part for piece in self.pieces for part in (piece, Wait(seconds))))

    def led_by(self, *pieces: Piece) -> Reply:
        return replace(self, pieces=(*pieces, *self.pieces))


def answer(
    text: str = "",
    *,
    reasoning: str = "",
    field: str = "reasoning_content",
    calls: Sequence[Call] = (),
    shape: CallShape = "openai",
    by: int = 12,
    calls_first: bool = False,
    finish: str | None = None,
    usage: Json | None = USAGE,
    done: bool = True,
    ascii_only: bool = False,
) -> Reply:
    """A streamed answer as an orderly provider sends it, one chunk a piece.

    Calls without an id get one, except in the shapes that have none. ``finish`` defaults to what was said.
    """
    calls = tuple(call if call.id else replace(call, id=f"call_{call.name}_{n}") for n, call in enumerate(calls))
    spoken, called = text_deltas(text), call_deltas(calls, shape, by)
    deltas = [{"role": "assistant", "content": ""}, *reasoning_deltas(reasoning, field)]
    deltas += [*called, *spoken] if calls_first else [*spoken, *called]
    reason = finish or ("function_call" if shape == "legacy" else "tool_calls" if calls else "stop")
    chunks = [chunk(delta) for delta in deltas] + [chunk(finish=reason)]
    if usage is not None:
        chunks.append(usage_chunk(usage))
    pieces = [frame(one, ascii_only=ascii_only) for one in chunks]
    return Reply(tuple(pieces + [DONE] * done), said=Said(text, reasoning, field, calls))


def stream(*chunks: Json | bytes | Wait | Cut, done: bool = True, said: Said = Said()) -> Reply:
    """A streamed answer of exactly these chunks."""
    pieces = [frame(one) if isinstance(one, dict) else one for one in chunks]
    return Reply(tuple(pieces + [DONE] * done), said=said)


def raw_body(body: bytes | str | Json, *, status: int = 200, content_type: str = "application/json") -> Reply:
    """A whole body that is no stream."""
    text = json.dumps(body) if isinstance(body, dict) else body
    data = text.encode() if isinstance(text, str) else text
    return Reply((data,), status, {"content-type": content_type, "content-length": str(len(data))})


def error(
    status: int,
    message: str,
    *,
    type: str = "invalid_request_error",
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """An HTTP error in OpenAI's shape."""
    reply = raw_body({"error": {"message": message, "type": type, "param": None, "code": code}}, status=status)
    return replace(reply, headers={**reply.headers, **(headers or {})})
