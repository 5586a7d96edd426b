"""The provider's body on its way to the client: bytes in, translated bytes out, and both kept for the record."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from relay_translate import ApiError, StreamTranslator, TurnContext
from relay_translate.errors import upstream_broke

from . import replies
from .encodings import BodyDecoder, EncodingError
from .recording.pieces import MOST_PIECES, Piece

logger = logging.getLogger(__name__)

KEPT_BYTES = 64 * 1024 * 1024  # of each body: what a recording may cost in memory while the turn lasts


@dataclass
class Timings:
    """Seconds since the request was complete; None until it happened."""

    started: float = field(default_factory=time.monotonic)
    first_byte: float | None = None
    first_token: float | None = None
    total: float | None = None

    def restart(self) -> None:
        self.started = time.monotonic()

    def now(self) -> float:
        return round(time.monotonic() - self.started, 4)


@dataclass
class Kept:
    """Bytes that went by, for the record. Bounded; `cut` tells that the rest was let go."""

    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    cut: bool = False

    def add(self, data: bytes) -> None:
        if self.size + len(data) > KEPT_BYTES:
            self.cut = True
        else:
            self.pieces.append(data)
            self.size += len(data)

    def whole(self) -> bytes:
        self.pieces[:] = [b"".join(self.pieces)]
        return self.pieces[0]


class BodyStream:
    """The callable that mitmproxy gives the provider's bytes to. It never raises: mitmproxy would drop the piece and go
    on, or hang at the end. It never returns b"", which would end a chunked body."""

    def __init__(self, context: TurnContext, content_encoding: str, timings: Timings) -> None:
        self.translator = StreamTranslator(
            context, new_id=replies.new_id, created_at=int(time.time()), on_exception=_log_exception
        )
        self.provider = context.provider
        self.raw, self.sent = Kept(), Kept()
        self.pieces: list[Piece] = []
        self.called = False
        self.given_up: ApiError | None = None  # why we ourselves end it; many an answer ends with its connection
        self.last_sent = time.monotonic()
        self._encoding = content_encoding
        self._decoder: BodyDecoder | None = None
        self._timings = timings

    def __call__(self, data: bytes) -> bytes | list[bytes]:
        self.called = True
        try:
            out = self._receive(data) if data else self._end()
        except EncodingError as error:
            out = self.fail(upstream_broke(f"{self.provider} sent an answer that can't be read: {error}"))
        except Exception:
            logger.exception("unexpected error in a stream")
            out = self.fail(replies.our_fault("this answer"))
        self._note(out)
        return out or []

    def fail(self, error: ApiError) -> bytes:
        """What is left to say when something outside the stream went wrong; b"" if it was already over."""
        try:
            return b"" if self.translator.done else self.translator.fail(error)
        except Exception:
            logger.exception("unexpected error at the end of a stream")
            return b""

    def end_with(self, error: ApiError) -> bytes:
        out = self.fail(error)
        self._note(out)
        return out

    def sign_of_life(self) -> bytes:
        """An event for a client that has waited long; b"" when there is nothing to wait for."""
        out = self.translator.keep_alive()
        self._note(out)
        return out

    def _receive(self, data: bytes) -> bytes:
        self.raw.add(data)
        now = self._timings.now()
        if self._timings.first_byte is None:
            self._timings.first_byte = now
        if self._decoder is None:
            self._decoder = BodyDecoder(self._encoding)
        decoded = self._decoder.decode(data)
        if decoded and len(self.pieces) < MOST_PIECES:
            self.pieces.append((len(decoded), int(now * 1000)))
        return b"" if self.translator.done or not decoded else self.translator.receive(decoded)

    def _end(self) -> bytes:
        return self.translator.finish() if self.given_up is None else self.fail(self.given_up)

    def _note(self, out: bytes) -> None:
        if not out:
            return
        self.sent.add(out)
        self.last_sent = time.monotonic()
        if self._timings.first_token is None and b".delta" in out:
            self._timings.first_token = self._timings.now()


def _log_exception(error: BaseException) -> None:
    logger.error("unexpected error in the translation of an answer", exc_info=error)
