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


def model_name(pieces: int, milliseconds: float, phase: float | None = None) -> str:
    """What to ask for `pieces` deltas, one every so many milliseconds. phase: milliseconds of each such period at which
    they are sent, whenever the request came: else streams that are asked for together fall on each other or beside
    each other as the time that each request takes will have it."""
    return f"bench-{pieces}-{milliseconds:g}" + ("" if phase is None else f"-{phase:g}")


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
            _, pieces, milliseconds, *phase = body["model"].split("-")
            pace = float(milliseconds) / 1000
            begin = _next(float(phase[0]) / 1000, pace) if phase else time.perf_counter()
            await _answer(writer, int(pieces), pace, begin)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def _next(phase: float, period: float) -> float:
    """The next perf_counter time that is `phase` seconds into a period."""
    now = time.perf_counter()
    return now + (phase - now) % period


async def _answer(writer: asyncio.StreamWriter, pieces: int, pause: float, due: float) -> None:
    """due: the perf_counter time one pause before the first piece."""
    writer.write(HEAD)
    for _ in range(pieces):
        # Against a timetable, so that the cost of sending does not add up.
        due += pause
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        writer.write(piece(b'{"content":"%d "}' % time.perf_counter_ns()))
        await writer.drain()
    writer.write(piece(b"{}", b'"stop"', USAGE) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
    await writer.drain()
