"""A provider that plays recorded answers: status, deciding headers, and the body in its pieces at its pace.

What answers a request is somebody else's choice (see Choose); this is the server, and what it sends. It needs no
mitmproxy until a recorded turn is read.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .pieces import cut, unpack_pieces

if TYPE_CHECKING:
    from .flows import RecordedTurn

Json = dict[str, Any]
Timed = tuple[bytes, int]  # a piece of a body, and when it came: milliseconds since the request

PAUSE = 0.03  # seconds between two events where no times were recorded: lively, and slow enough to be read
CHAT_PATH = "/chat/completions"
_LARGEST_REQUEST = 512 * 1024 * 1024
_EVENT_END = re.compile(rb"(?<=\n\n)|(?<=\r\n\r\n)")
# Headers that frame a body, say how it was packed, or set something in the client: the rest is played.
_NOT_PLAYED = frozenset(
    ("content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive", "trailer", "upgrade",
     "set-cookie", "alt-svc", "strict-transport-security", "proxy-authenticate", "proxy-connection")
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a provider said. cut: the connection ends where the pieces end; without a status before the head."""

    pieces: Sequence[Timed]
    status: int = 200
    headers: Sequence[tuple[str, str]] = (("content-type", "text/event-stream"),)
    cut: bool = False


Choose = Callable[[Json], Answer]
"""A chat request -> what is answered. Not awaited: what it looks up should take moments."""


def recorded_answer(turn: RecordedTurn, pause: float = PAUSE) -> Answer | None:
    """What the provider of a recorded turn said; None when the turn has no exchange with one.

    pause: seconds between two events of a stream whose times are not recorded."""
    from .flows import body_of, relay_facts

    upstream = turn.upstream
    if upstream is None:
        return None
    response = upstream.response
    if response is None:
        return Answer((), 0, (), cut=True)
    body = body_of(response)
    pieces = unpack_pieces(relay_facts(upstream).get("pieces"))
    kind = response.headers.get("content-type", "")
    if pieces and sum(size for size, _ in pieces) == len(body):
        timed = cut(body, pieces)
    else:
        timed = by_event(body, pause) if "event-stream" in kind else [(body, 0)] if body else []
    headers = [(name, value) for name, value in response.headers.items(multi=True) if name.lower() not in _NOT_PLAYED]
    return Answer(timed, response.status_code, headers, cut=_broke_off(turn))


def _broke_off(turn: RecordedTurn) -> bool:
    """Whether the answer was not received whole: the provider broke it off, the client left, or not all was kept."""
    assert turn.upstream is not None
    return bool(turn.client.error or turn.upstream.error or turn.facts.get("truncated"))


def by_event(stream: bytes, pause: float) -> list[Timed]:
    """The events of a stream, `pause` seconds apart. Providers send `[DONE]` with the chunk before it; clients leave
    then."""
    events = [event for event in _EVENT_END.split(stream) if event]
    if len(events) > 1 and b"[DONE]" in events[-1]:
        events[-2:] = [events[-2] + events[-1]]
    return [(event, round(number * pause * 1000)) for number, event in enumerate(events)]


def error_answer(status: int, message: str, type: str) -> Answer:
    body = json.dumps({"error": {"message": message, "type": type, "param": None, "code": type}}).encode()
    return Answer(((body, 0),), status, (("content-type", "application/json"),))


@dataclass
class PlayingProvider:
    """`async with PlayingProvider(choose) as provider: provider.port`. A Chat Completions server on loopback.

    models: the names its model list has. speed: 2 plays twice as fast, 0 without pauses.
    """

    choose: Choose
    models: Sequence[str] = ()
    speed: float = 1.0
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> PlayingProvider:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._open:
            connection.cancel()
        await asyncio.gather(*self._open)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass  # the relay is done with this connection, or what came was no HTTP
        except asyncio.CancelledError:
            pass  # the provider ends; Python 3.11 prints a traceback for a connection that ends cancelled
        finally:
            self._open.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether the connection can be used again."""
        head = await reader.readuntil(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        method, path, *_ = line.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (one.partition(":") for one in fields)}
        size = int(headers.get("content-length", "0"))
        if size > _LARGEST_REQUEST:
            return False
        body = await reader.readexactly(size)
        answer = self._answer(method, path.partition("?")[0].rstrip("/"), body)
        await self._send(answer, writer)
        return not answer.cut

    def _answer(self, method: str, path: str, body: bytes) -> Answer:
        if method == "GET" and path.endswith("/models"):
            listed = [{"id": model, "object": "model", "owned_by": "recording"} for model in self.models]
            data = json.dumps({"object": "list", "data": listed}).encode()
            return Answer(((data, 0),), headers=(("content-type", "application/json"),))
        if method != "POST" or not path.endswith(CHAT_PATH):
            words = f"A played recording knows POST {CHAT_PATH} and GET /models, not {method} {path}."
            return error_answer(404, words, "not_found_error")
        try:
            request = json.loads(body)
        except (ValueError, RecursionError) as error:
            return error_answer(400, f"The request is no JSON: {error}", "invalid_request_error")
        if not isinstance(request, dict):
            return error_answer(400, "The request is no JSON object.", "invalid_request_error")
        return self.choose(request)

    async def _send(self, answer: Answer, writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        started, chunked = clock(), answer.status >= 200 and answer.status not in (204, 304)
        head = _head(answer, chunked) if answer.status else b""
        for data, at in answer.pieces:
            left = at / 1000 / self.speed - (clock() - started) if self.speed else 0.0
            if left > 0:
                await asyncio.sleep(left)
            if data and chunked:  # an empty chunk would end the body
                writer.write(head + b"%x\r\n%b\r\n" % (len(data), data))
                await writer.drain()
                head = b""
        writer.write(head + (b"0\r\n\r\n" if chunked and not answer.cut else b""))
        await writer.drain()


def _head(answer: Answer, chunked: bool) -> bytes:
    fields: Iterable[tuple[str, str]] = (*answer.headers, *((("transfer-encoding", "chunked"),) if chunked else ()))
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {answer.status} {_reason(answer.status)}\r\n{lines}\r\n".encode("utf-8", "surrogateescape")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
