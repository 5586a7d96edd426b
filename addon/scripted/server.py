"""The server: HTTP/1.1 over asyncio streams, several scripts at once, told apart by the bearer token."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from addon.scripted.replies import Cut, Reply, Until, Wait, error, raw_body
from addon.scripted.scenario import Scenario, Script, Seen

MAX_BODY = 64 * 1024 * 1024
IDLE_LIMIT = 120.0  # seconds a kept connection may stay silent
MODELS = {"object": "list", "data": [{"id": "scripted-model", "object": "model", "owned_by": "tests"}]}


class ClientLeft(Exception):
    """The client closed the connection while the reply was being written."""


class ScriptedUpstream:
    """``async with ScriptedUpstream() as upstream: script = upstream.play("key", scenario)``"""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.host, self.port, self._tls = host, port, tls
        self.models: Any = MODELS  # the answer to GET /models
        self._scripts: dict[str, Script] = {}
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> ScriptedUpstream:
        self._server = await asyncio.start_server(self._connected, self.host, self.port, limit=1 << 20, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    def play(self, key: str, scenario: Scenario) -> Script:
        """Answer the requests that carry this bearer token by this scenario. The key ``*`` stands for every token."""
        script = self._scripts[key] = Script(scenario)
        return script

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, ClientLeft):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its reply; whether the connection can be used again."""
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE_LIMIT)
        method, path, headers = _parse_head(head)
        body = await asyncio.wait_for(_read_body(reader, headers), IDLE_LIMIT)
        seen, reply = self._answer(method, path, headers, body)
        try:
            return await _write(reply, reader, writer)
        except (ClientLeft, ConnectionError):
            if seen is not None:
                seen.left_early = True
            raise

    def _answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[Seen | None, Reply]:
        path = path.partition("?")[0]
        if method == "GET" and path.endswith("/models"):
            return None, raw_body(self.models)
        if method != "POST" or not path.endswith("/chat/completions"):
            return None, error(404, f"Unknown request URL: {method} {path}")
        key = headers.get("authorization", "").removeprefix("Bearer ")
        key = key or headers.get("api-key", "") or headers.get("x-api-key", "")
        script = self._scripts.get(key) or self._scripts.get("*")
        if script is None:
            return None, error(401, f"No script is played for the key {key!r}", code="invalid_api_key")
        try:
            value: Any = json.loads(body)
        except ValueError as problem:
            return None, error(400, f"We could not parse the JSON body of your request: {problem}")
        if not isinstance(value, dict):
            return None, error(400, "The body of your request must be an object")
        return script.receive(value, headers, asyncio.get_running_loop().time(), path)


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines if line)
    return method, path, {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(min(int(headers.get("content-length", 0)), MAX_BODY))
    body = bytearray()
    while size := int((await reader.readline()).split(b";")[0], 16):
        if len(body) + size > MAX_BODY:
            raise ConnectionError("body too large")
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return bytes(body)


async def _write(reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    await _pause(reply.head_delay, reader)
    headers = dict(reply.headers)
    chunked = "content-length" not in headers
    if chunked:
        headers["transfer-encoding"] = "chunked"
    head = f"HTTP/1.1 {reply.status} {_reason(reply.status)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(head.encode() + b"\r\n")
    for piece in reply.pieces:
        if isinstance(piece, Wait):
            await writer.drain()
            await _pause(piece.seconds, reader)
        elif isinstance(piece, Until):
            await writer.drain()
            while not piece.happened():
                await _pause(0.05, reader)
        elif isinstance(piece, Cut):
            if piece.how == "reset":
                writer.transport.abort()
                return False
            break
        elif piece:  # an empty chunk would end the body
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            await writer.drain()
            if reader.at_eof():
                raise ClientLeft
    if chunked:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


async def _pause(seconds: float, reader: asyncio.StreamReader) -> None:
    """Wait, but notice within a moment that nobody is listening any more."""
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    while (left := end - clock()) > 0:
        if reader.at_eof():
            raise ClientLeft
        await asyncio.sleep(min(left, 0.05))


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
