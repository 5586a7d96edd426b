"""Whole bodies (`stream: false`, replays, buffered answers), through the same state machine."""

from __future__ import annotations

from dataclasses import dataclass

from .context import TurnContext
from .errors import ApiError, error_body
from .ids import NewId
from .items import EventWriter
from .json_text import json_bytes
from .stream import Answer
from .translator import StreamTranslator, TurnSummary

EVENT_STREAM = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
JSON_BODY = (("content-type", "application/json"),)


@dataclass(frozen=True)
class WholeReply:
    """An answer in one piece: HTTP status, header fields, body bytes, and what became of the turn."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    summary: TurnSummary


def translate_response(data: bytes, context: TurnContext, *, new_id: NewId, created_at: int) -> WholeReply:
    """A whole 2xx upstream body (JSON or event stream) as the client asked for it: events, or one Response object.

    Never raises: what can't be read is an error reply."""
    translator = StreamTranslator(context, new_id=new_id, created_at=created_at)
    events = translator.receive(data) + translator.finish()
    summary = translator.summary
    if context.stream:
        return WholeReply(200, EVENT_STREAM, events, summary)
    if summary.error is not None:
        return WholeReply(summary.error.status, error_headers(summary.error), error_body(summary.error), summary)
    return WholeReply(200, JSON_BODY, json_bytes(translator.response), summary)


def error_headers(error: ApiError) -> tuple[tuple[str, str], ...]:
    """The header fields of an error answered as an HTTP status. Clients read whole seconds only."""
    if error.retry_after is None:
        return JSON_BODY
    return (*JSON_BODY, ("retry-after", str(max(0, round(error.retry_after + 0.499)))))


def error_stream(
    error: ApiError, context: TurnContext | None = None, *, new_id: NewId, created_at: int, model: str = ""
) -> bytes:
    """An error as Codex wants to hear of it: an event stream that ends in `response.failed`."""
    writer = EventWriter()
    Answer(context or TurnContext(requested_model=model), writer, new_id, created_at).fail(error)
    return writer.take()
