"""An upstream that stamps every piece with the time it was sent, at the pace the request's model name asks for."""

from __future__ import annotations

import asyncio
import json
import time

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
CHUNK = (
    b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench",'
    b'"choices":[{"index":0,"delta":%b,"finish_reason":%b}]%b}\n\n'
)
USAGE = b',"usage":{"prompt_tokens":1000,"completion_tokens":1000,"total_tokens":2000}'


def model_name(pieces: int, milliseconds: float) -> str:
    """What to ask for `pieces` deltas, one every so many milliseconds."""
    return f"bench-{pieces}-{milliseconds:g}"


def piece(delta: bytes, finish: bytes = b"null", usage: bytes = b"") -> bytes:
    event = CHUNK % (delta, finish, usage)
    return b"%x\r\n%b\r\n" % (len(event), event)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection; each answer is written one event, one chunk, one write."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.partition("content-length:")[2].split("\r\n")[0])
            body = json.loads(await reader.readexactly(length))
            _, pieces, milliseconds = body["model"].split("-")
            await _answer(writer, int(pieces), float(milliseconds) / 1000)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _answer(writer: asyncio.StreamWriter, pieces: int, pause: float) -> None:
    writer.write(HEAD)
    due = time.perf_counter()
    for _ in range(pieces):
        # Against a timetable, so that the cost of sending does not add up.
        due += pause
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        writer.write(piece(b'{"content":"%d "}' % time.perf_counter_ns()))
        await writer.drain()
    writer.write(piece(b"{}", b'"stop"', USAGE) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
    await writer.drain()
