"""A client for both wires: sends one request and notes when each stamped piece arrives."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
# The stamp is the text of the delta: "content" in a chat chunk, "delta" in a Responses event.
STAMP = re.compile(rb'"(?:content|delta)": ?"(\d{6,}) "')


@dataclass
class Arrivals:
    """One answer. Times are perf_counter seconds; latencies are from the upstream's write to our read."""

    sent: float
    first: float = 0.0
    last: float = 0.0
    latencies: list[float] = field(default_factory=list)
    reads: int = 0  # times at which at least one new piece was there
    in_order: bool = True
    complete: bool = False

    @property
    def first_delta(self) -> float:
        return self.first - self.sent

    @property
    def total(self) -> float:
        return self.last - self.sent


async def ask(port: int, path: str, body: Json, end: bytes) -> Arrivals:
    """One request on a new connection; `end` is the text whose arrival ends the answer well."""
    payload = json.dumps(body).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer bench\r\n"
    head += f"content-type: application/json\r\naccept: text/event-stream\r\ncontent-length: {len(payload)}\r\n\r\n"
    arrivals = Arrivals(time.perf_counter())
    try:
        writer.write(head.encode() + payload)
        await _read(reader, arrivals, end)
    finally:
        writer.close()
    return arrivals


async def _read(reader: asyncio.StreamReader, arrivals: Arrivals, end: bytes) -> None:
    rest, before = b"", 0
    while data := await reader.read(1 << 20):
        now = time.perf_counter()
        *lines, rest = (rest + data).split(b"\n")
        stamps = [int(found[1]) for line in lines if (found := STAMP.search(line))]
        if stamps:
            arrivals.first = arrivals.first or now
            arrivals.reads += 1
            arrivals.in_order &= stamps == sorted(stamps) and stamps[0] > before
            before = stamps[-1]
            arrivals.latencies += [now - stamp / 1e9 for stamp in stamps]
        arrivals.last = now
        if end in data or any(end in line for line in lines):
            arrivals.complete = True
            return


def chat_body(model: str, history: str = "") -> Json:
    messages = [{"role": "system", "content": "You are a coding agent."}, {"role": "user", "content": "Go on."}]
    if history:
        for number, text in enumerate(pieces_of(history)):
            call = {"id": f"call_{number}", "type": "function", "function": {"name": "exec_command", "arguments": "{}"}}
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})  # type: ignore[dict-item]
            messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": text})
    return {"model": model, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}


def responses_body(model: str, history: str = "") -> Json:
    items: list[Json] = [
        {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}
        for role, text in (("developer", "You are a coding agent."), ("user", "Go on."))
    ]
    for number, text in enumerate(pieces_of(history)):
        call = {"type": "function_call", "call_id": f"call_{number}", "name": "exec_command", "arguments": "{}"}
        items += [call, {"type": "function_call_output", "call_id": f"call_{number}", "output": text}]
    return {"model": model, "input": items, "stream": True, "store": False, "include": ["reasoning.encrypted_content"]}


def pieces_of(history: str, size: int = 4000) -> list[str]:
    """A long history is many tool outputs of a few kB, not one huge text."""
    return [history[start : start + size] for start in range(0, len(history), size)]
