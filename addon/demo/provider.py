"""A provider that replays a recording: no key, no network, the provider's own bytes at a readable pace."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]
CHAT_PATH = "/chat/completions"
NOT_FOUND = b'{"error":{"message":"The demo provider knows only POST /chat/completions.","type":"not_found_error"}}'


class RecordingError(Exception):
    """The recording cannot be used; the text says why and what to do."""


@dataclass(frozen=True)
class RecordedTurn:
    """One exchange with the provider: the chat request, and the streamed answer as it came."""

    request: Json
    answer: bytes

    @property
    def model(self) -> str:
        return str(self.request.get("model", ""))


def recording_path() -> Path:
    """The demo's recording: beside the packages in a checkout, inside the addon package in a wheel."""
    package = Path(__file__).resolve().parent.parent
    places = [package.parent / "recordings" / "demo.flow", package / "recordings" / "demo.flow"]
    for place in places:
        if place.is_file():
            return place
    raise RecordingError(f"The demo's recording is missing: neither {places[0]} nor {places[1]} exists. Reinstall.")


def read_recording(path: Path) -> list[RecordedTurn]:
    """The upstream exchanges of a flow file, in order. Raises RecordingError."""
    from mitmproxy.exceptions import FlowReadException
    from mitmproxy.http import HTTPFlow
    from mitmproxy.io import FlowReader

    turns: list[RecordedTurn] = []
    try:
        with path.open("rb") as file:
            for flow in FlowReader(file).stream():
                if not isinstance(flow, HTTPFlow) or not flow.response or not flow.response.content:
                    continue
                if flow.request.path.split("?")[0].endswith(CHAT_PATH):
                    turns.append(RecordedTurn(json.loads(flow.request.get_content() or b"{}"), flow.response.content))
    except OSError as error:
        raise RecordingError(f"Cannot read {path}: {error.strerror}.") from None
    except (FlowReadException, ValueError) as error:
        raise RecordingError(f"{path} is not a usable flow file: {error}") from None
    if not turns:
        raise RecordingError(f"{path} holds no answered request to a path ending in {CHAT_PATH}.")
    return turns


def recorded_outputs(turns: list[RecordedTurn]) -> dict[str, str]:
    """call id -> what the tool printed when the recording was made."""
    messages = [message for turn in turns for message in turn.request.get("messages", ())]
    return {m["tool_call_id"]: str(m.get("content", "")) for m in messages if m.get("role") == "tool"}


class ReplayProvider:
    """Answers each chat request with the recorded turn that stands at the same place in the conversation.

    The place is the number of assistant messages the request already holds, so a retried request gets the same answer.
    """

    def __init__(self, turns: list[RecordedTurn], pause: float) -> None:
        self.turns = turns
        self.pause = pause  # seconds between two events
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> ReplayProvider:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
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

    def answer_to(self, request: Json) -> bytes:
        said = sum(1 for message in request.get("messages", ()) if message.get("role") == "assistant")
        return self.turns[min(said, len(self.turns) - 1)].answer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                line, *fields = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                await self._answer(line, body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the relay is done with this connection
        except asyncio.CancelledError:
            pass  # the demo ends; Python 3.11 prints a traceback for a connection that ends cancelled
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, request_line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        method, _, rest = request_line.partition(" ")
        if method != "POST" or not rest.split(" ")[0].split("?")[0].endswith(CHAT_PATH):
            head = "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\n"
            writer.write(f"{head}content-length: {len(NOT_FOUND)}\r\n\r\n".encode() + NOT_FOUND)
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        *events, last = pieces(self.answer_to(json.loads(body)))
        for event in events:
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
            await asyncio.sleep(self.pause)
        writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last))
        await writer.drain()


def pieces(stream: bytes) -> list[bytes]:
    """The events of a stream. Providers send `[DONE]` with the chunk before it; clients leave then."""
    events = [event + b"\n\n" for event in stream.split(b"\n\n") if event.strip()]
    if len(events) > 1 and b"[DONE]" in events[-1]:
        events[-2:] = [events[-2] + events[-1]]
    return events
