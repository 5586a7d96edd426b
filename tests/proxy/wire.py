"""Raw HTTP/1.1 on both sides of the proxy: a scripted upstream, and a client that notes when each piece arrived."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

TIMEOUT = 20.0


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not condition():  # noqa: ASYNC110 - mitmproxy has no event for most of what is waited for
            await asyncio.sleep(0.005)


# --- chat answers -----------------------------------------------------------------------------------------------------


def sse(*chunks: object) -> bytes:
    return b"".join(
        b"data: " + (chunk.encode() if isinstance(chunk, str) else json.dumps(chunk).encode()) + b"\n\n"
        for chunk in chunks
    )


def delta(text: str) -> dict[str, Any]:
    return {"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]}


def finish(reason: str = "stop") -> dict[str, Any]:
    return {"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


USAGE = {
    "id": "c1",
    "choices": [],
    "usage": {
        "prompt_tokens": 120,
        "completion_tokens": 7,
        "total_tokens": 127,
        "prompt_tokens_details": {"cached_tokens": 100},
    },
}


def text_answer(*texts: str) -> bytes:
    return sse(*(delta(text) for text in texts), finish(), USAGE, "[DONE]")


def whole_answer(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    body = {"id": "c1", "object": "chat.completion", "model": "m", "usage": USAGE["usage"]}
    return json.dumps({**body, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()


# --- the upstream -----------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """A request as the upstream got it; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answering:
    """One request being answered by a script."""

    seen: Seen
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    chunked: bool = True

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(
        self, status: str = "200 OK", headers: dict[str, str] | None = None, *, chunked: bool = True
    ) -> None:
        self.chunked = chunked
        fields = {"Content-Type": "text/event-stream", **(headers or {})}
        if chunked:
            fields["Transfer-Encoding"] = "chunked"
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await self.raw(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode())

    async def send(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    async def end(self, trailers: bytes = b"") -> None:
        await self.raw(b"0\r\n" + trailers + b"\r\n")

    async def stream(self, *pieces: bytes, headers: dict[str, str] | None = None) -> None:
        await self.head(headers=headers)
        for piece in pieces:
            await self.send(piece)
        await self.end()

    async def whole(self, body: bytes, status: str = "200 OK", headers: dict[str, str] | None = None) -> None:
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        await self.head(status, fields, chunked=False)
        await self.raw(body)

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self) -> float:
        """The time at which the other side has closed the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(4096):
                pass
        return time.monotonic()


Script = Callable[[Answering], Awaitable[None]]


async def say_hello(answer: Answering) -> None:
    await answer.stream(text_answer("Hel", "lo"))


@dataclass
class Upstream:
    """A server that answers each request with `script` and keeps what it saw."""

    script: Script = say_hello
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[Upstream]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=2**24)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.connections += 1
        try:
            while (seen := await read_request(reader)) is not None:
                self.seen.append(seen)
                await self.script(Answering(seen, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()


async def read_head(reader: asyncio.StreamReader) -> tuple[str, list[tuple[str, str]]] | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    return first, [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]


async def read_request(reader: asyncio.StreamReader) -> Seen | None:
    head = await read_head(reader)
    if head is None:
        return None
    method, path, _ = head[0].split(" ")
    headers = dict(head[1])
    return Seen(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


# --- the client -------------------------------------------------------------------------------------------------------


@dataclass
class Reply:
    """status 0: nothing came. `pieces`: (seconds since the request was sent, bytes). complete: the body ended as it
    should have."""

    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    complete: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.pieces)

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[dict[str, Any]]:
        lines = (line for line in self.body.decode().split("\n") if line.startswith("data: "))
        return [json.loads(line[6:]) for line in lines]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]

    def text(self) -> str:
        return "".join(event["delta"] for event in self.events() if event["type"] == "response.output_text.delta")

    def failure(self) -> dict[str, Any]:
        """The error of a stream that fails as Codex expects it."""
        last = self.events()[-1]
        assert self.status == 200
        assert last["type"] == "response.failed", last
        return last["response"]["error"]


CODEX = {"originator": "codex_exec", "user-agent": "codex_exec/0.169.0", "authorization": "Bearer client-key-123"}
OTHER = {"user-agent": "OpenAI/Python 2.0", "authorization": "Bearer client-key-123"}


class Client:
    """One connection to the proxy."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b"", version: str = "HTTP/1.1"
    ) -> None:
        fields = {"Host": "relay.test", "Content-Length": str(len(body)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.sent_at = time.monotonic()
        self.writer.write(f"{method} {path} {version}\r\n{lines}\r\n".encode() + body)
        await self.writer.drain()

    async def read(self) -> Reply:
        head = await read_head(self.reader)
        if head is None:
            return Reply()
        _, status, reason = (head[0] + " ").split(" ", 2)
        reply = Reply(int(status), reason.strip(), dict(head[1]))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            async for data in self._body(reply.headers):
                reply.pieces.append((time.monotonic() - self.sent_at, data))
            reply.complete = True
        return reply

    async def _body(self, headers: dict[str, str]) -> AsyncIterator[bytes]:
        if headers.get("transfer-encoding") == "chunked":
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                yield (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readexactly(2)
        elif "content-length" in headers:
            yield await self.reader.readexactly(int(headers["content-length"]))
        else:
            while data := await self.reader.read(65536):
                yield data

    def leave(self) -> None:
        self.writer.transport.abort()


def turn(text: str = "hi", **fields: object) -> bytes:
    return json.dumps({"model": "gpt-test", "input": text, "stream": True, **fields}).encode()


async def ask(
    port: int,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    *,
    method: str = "POST",
    path: str = "/v1/responses",
    version: str = "HTTP/1.1",
) -> Reply:
    """One request on a connection of its own."""
    async with Client(port) as client:
        fields = {"content-type": "application/json", **(CODEX if headers is None else headers)}
        await client.send(method, path, fields, turn() if body is None else body, version)
        return await asyncio.wait_for(client.read(), TIMEOUT)
