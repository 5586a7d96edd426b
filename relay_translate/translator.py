"""The state machine at the edge: bytes of an upstream body in, bytes of a Responses event stream out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from .context import TurnContext
from .errors import ApiError, one_line, readable, stream_error, upstream_broke
from .event_stream import BOM, EventStreamDecoder
from .ids import NewId
from .items import EventWriter
from .responses_api import Json, ResponseUsage
from .stream import Answer


@dataclass(frozen=True)
class TurnSummary:
    """What became of a turn. status: in_progress, completed, incomplete or failed. calls: names as the provider
    knows them. usage: Responses form, or None when the provider sent none; for Codex it is then an estimate.
    quirks: names of the repairs that were made (see quirks.py)."""

    status: str
    error: ApiError | None
    finish_reason: str | None
    usage: ResponseUsage | None
    usage_estimated: bool
    model: str
    text_chars: int
    reasoning_chars: int
    calls: tuple[str, ...]
    notes: tuple[str, ...]
    quirks: tuple[str, ...] = ()


class StreamTranslator:
    """Bytes of an upstream body in, bytes of a Responses event stream out, in any slices. Never raises.

    new_id: prefix (`resp`, `call`) -> unique id; items are numbered under the response's. created_at: Unix seconds.
    on_exception: hears of an unexpected exception, which the client sees as a failure it may retry.
    """

    def __init__(
        self,
        context: TurnContext,
        *,
        new_id: NewId,
        created_at: int,
        on_exception: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._writer = EventWriter()
        self._answer = Answer(context, self._writer, new_id, created_at)
        self._decoder = EventStreamDecoder()
        self._body: bytearray | None = None  # a body that is not an event stream
        self._head = b""
        self._is_over = False
        self._events = 0
        self._on_exception = on_exception

    @property
    def done(self) -> bool:
        """Whether a terminal event has been written; what comes later is ignored."""
        return self._answer.ended

    @property
    def response(self) -> Json:
        """The Response object as it stands."""
        return self._answer.response()

    @property
    def summary(self) -> TurnSummary:
        answer = self._answer
        return TurnSummary(
            status=answer.status,
            error=answer.error,
            finish_reason=answer.finish_reason,
            usage=answer.usage,
            usage_estimated=answer.usage_estimated,
            model=answer.model,
            text_chars=answer.output.text_length,
            reasoning_chars=answer.output.reasoning_length,
            calls=tuple(call.name for call in answer.output.calls.calls),
            notes=tuple(answer.notes),
            quirks=tuple(answer.quirks.fired),
        )

    def receive(self, data: bytes) -> bytes:
        """The events that a piece of the upstream body makes; b"" when there is nothing to say yet."""
        return self._guarded(lambda: self._receive(data))

    def finish(self) -> bytes:
        """The upstream body has ended in the normal way."""
        return self._guarded(self._finish)

    def keep_alive(self) -> bytes:
        """A real event for a silent stretch: Codex's idle timer counts nothing less. b"" after the end."""
        return b"" if self.done else self._guarded(self._answer.keep_alive)

    def fail(self, error: ApiError) -> bytes:
        """Something around the stream failed."""
        return self._guarded(lambda: self._answer.fail(error))

    def _guarded(self, step: Callable[[], None]) -> bytes:
        try:
            step()
        except Exception as exception:  # a stream callable that raises leaves the client hanging
            if self._on_exception is not None:
                self._on_exception(exception)
            self._answer.fail(upstream_broke(f"the relay could not translate the answer: {type(exception).__name__}"))
        return self._writer.take()

    def _receive(self, data: bytes) -> None:
        if self._answer.ended:
            return
        if self._body is None and not self._events and self._is_other_body(data):
            self._body = bytearray(self._head)
            return
        if self._body is not None:
            self._body += data
            return
        comments = self._decoder.comments
        for event in self._decoder.receive(data):
            self._event(event)
        if not self._answer.ended and self._decoder.comments > comments:
            self._answer.keep_alive()

    def _is_other_body(self, data: bytes) -> bool:
        """An event stream begins with a field name or a comment, never with JSON or a page."""
        if len(self._head) < 512:
            self._head = (self._head + data).lstrip()  # blank lines before a JSON body keep connections alive
        return self._head.removeprefix(BOM).lstrip()[:1] in (b"{", b"[", b"<")

    def _event(self, data: bytes) -> None:
        self._events += 1
        if self._answer.ended:
            return
        if data.strip() == b"[DONE]":
            self._answer.finish(saw_done=True)
            return
        try:
            chunk = json.loads(data.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            self._unreadable(data)
            return
        if isinstance(chunk, list) and chunk:
            chunk = chunk[0]  # errors of Gemini's come so
        if isinstance(chunk, dict):
            self._answer.receive(chunk)

    def _unreadable(self, data: bytes) -> None:
        """An event that is no JSON. A word (`ping`) says nothing; a damaged chunk was part of a text or of a command,
        which would be another one without it."""
        text = readable(data.decode("utf-8", "replace")).strip()
        if text[:1] in ("{", "[") and not self._is_over and self._answer.finish_reason is None:
            self._answer.fail(upstream_broke(self._answer.say("the stream holds an event that can't be read")))
        elif text:
            self._answer.aside = text[:300]
            self._answer.notes["an event that is not JSON was left out"] = None

    def _finish(self) -> None:
        if self._body is not None:
            self._finish_body(bytes(self._body))
            return
        self._is_over = True  # what is cut off now is judged by the end of the answer
        for event in self._decoder.finish():
            self._event(event)
        if not self._events and not self._answer.ended:
            said = readable(self._head.removeprefix(BOM).decode("utf-8", "replace")).strip()[:300]
            words = f"the answer is not an event stream: {said}" if said else "the answer was empty"
            self._answer.fail(upstream_broke(self._answer.say(words)))
        self._answer.finish(saw_done=False)

    def _finish_body(self, body: bytes) -> None:
        try:
            value = json.loads(body.removeprefix(BOM))
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict) and (value.get("choices") or stream_error(value) is not None):
            self._answer.receive(value)
            self._answer.finish(saw_done=True)
        else:
            said = one_line(body[:300].decode("utf-8", "replace"))
            self._answer.fail(upstream_broke(self._answer.say(f"unexpected answer: {said}")))
