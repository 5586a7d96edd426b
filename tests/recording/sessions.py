"""Recordings made by hand: a client and a provider talk through the translator, and what the relay would record of it.

Nothing is sent anywhere. The client keeps its history as Codex does: what it said, and the finished items of answers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from mitmproxy import connection, http
from mitmproxy.io import tnetstring

from addon.recording.answer import answer_items
from addon.recording.flows import RecordedTurn
from addon.recording.pieces import pack_pieces
from addon.scripted.replies import answer
from relay_translate import (
    RequestOptions,
    StreamTranslator,
    error_stream,
    find_profile,
    json_bytes,
    translate_error,
    translate_request,
)

Json = dict[str, Any]
PROVIDER = "provider.example"
STARTED = 1_780_000_000.0  # Unix seconds, of the first turn
TOOLS: list[Json] = [
    {
        "type": "function",
        "name": "exec_command",
        "description": "Runs a command.",
        "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]},
    }
]
_numbers = itertools.count(1)


@dataclass
class Session:
    """One thread of a client. `flows` is what was recorded, both flows of each turn, in order."""

    thread: str = "thread-1"
    instructions: str = "You are a careful assistant."
    model: str = "scripted-model"
    tools: list[Json] = field(default_factory=lambda: list(TOOLS))
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str = "[scrubbed]"
    profile: str = "generic"
    options: RequestOptions = field(default_factory=lambda: RequestOptions(provider=PROVIDER))
    history: list[Json] = field(default_factory=list)
    flows: list[http.HTTPFlow] = field(default_factory=list)

    def says(self, text: str) -> Session:
        self.history.append(_message("user", text, "input_text"))
        return self

    def ran(self, output: str) -> Session:
        """The outputs of the calls that wait for one."""
        answered = {item["call_id"] for item in self.history if item["type"] == "function_call_output"}
        for item in list(self.history):
            if item["type"] == "function_call" and item["call_id"] not in answered:
                made = {"id": f"fco_{next(_numbers)}", "type": "function_call_output"}
                self.history.append(made | {"call_id": item["call_id"], "output": output})
        return self

    def hears(self, text: str = "", *, cut: int = 0, **named: Any) -> RecordedTurn:
        """A turn: `answer(text, ...)` of the scripted provider, broken off after `cut` pieces if that is given."""
        pieces = [piece for piece in answer(text, **named).pieces if isinstance(piece, bytes)]
        return self.receives(b"".join(pieces[:cut] if cut else pieces))

    def receives(self, upstream: bytes, status: int = 200, **fields: Any) -> RecordedTurn:
        """A turn with these bytes of the provider's. fields: of the request, further ones."""
        request = self.request(**fields)
        translated = translate_request(request, find_profile(name=self.profile), self.options)
        number = next(_numbers)
        ids = (f"{number:012d}{n:020d}" for n in itertools.count(1))
        facts: Json = {"model": translated.context.model, "usage": None, "notes": list(translated.notes)}
        if status == 200:
            translator = StreamTranslator(
                translated.context, new_id=lambda prefix: f"{prefix}_{next(ids)}", created_at=1
            )
            out = translator.receive(upstream) + translator.finish()
            done = translator.summary
            facts |= {
                "usage": done.usage,
                "finish": done.finish_reason,
                "status": done.status,
                "calls": list(done.calls),
            }
            error = done.error
        else:
            error = translate_error(status, {}, upstream, provider=PROVIDER)
            out = error_stream(error, translated.context, new_id=lambda prefix: f"{prefix}_{next(ids)}", created_at=1)
            facts["status"] = "failed"
        if error is not None:
            facts["error"] = {"code": error.code, "message": error.message}
        turn = self._record(number, request, json_bytes(translated.body), upstream, status, out, facts)
        if facts["status"] == "completed":
            self.history += answer_items(turn)
        return turn

    def request(self, **fields: Any) -> Json:
        first = _message("developer", self.instructions, "input_text", "msg_0")
        return {
            "model": self.model,
            "stream": True,
            "store": False,
            "input": [first, *self.history],
            "tools": self.tools,
            **fields,
        }

    def _record(
        self, number: int, request: Json, chat: bytes, upstream: bytes, status: int, response: bytes, facts: Json
    ) -> RecordedTurn:
        id, at = f"turn_{number:032x}", STARTED + number
        events = {"content-type": "text/event-stream"}
        client = _flow(
            "http://127.0.0.1:4446/v1/responses", self._headers(), json_bytes(request), 200, events, response
        )
        kind = events if status == 200 else {"content-type": "application/json"}
        url = f"https://{PROVIDER}/v1/chat/completions"
        linked = _flow(url, {"authorization": f"Bearer {self.key}"}, chat, status, kind, upstream)
        client.request.timestamp_start = linked.request.timestamp_start = at
        linked.metadata["relay"] = {"role": "upstream", "id": id, "client_flow": client.id}
        linked.metadata["relay"]["pieces"] = pack_pieces([(len(upstream), 20)] if upstream else [])
        client.metadata["relay"] = facts | {
            "role": "client",
            "id": id,
            "upstream_flow": linked.id,
            "provider": PROVIDER,
            "profile": self.profile,
            "requested_model": self.model,
            "timings": {"first_byte": 0.1, "first_token": 0.2, "total": 1.5},
            "client": {"codex": "0.169.0", "versions": {"relay": "0.1.0", "mitmproxy": "12.3.1", "python": "3.13.1"}},
            "options": {
                "model_map": dict(self.options.model_map),
                "extra_params": dict(self.options.extra_params),
                "drop_params": sorted(self.options.drop_params),
            },
        }
        self.flows += [linked, client]
        return RecordedTurn(client, linked)

    def _headers(self) -> dict[str, str]:
        named = {"thread-id": self.thread, "session-id": self.thread} if self.thread else {}
        agent = "codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_exec; 0.169.0)"
        return {
            "user-agent": agent,
            "originator": "codex_exec",
            "content-type": "application/json",
            "authorization": f"Bearer {self.key}",
            **named,
            **self.headers,
        }


def write(path: Path, *flows: Iterable[http.HTTPFlow]) -> Path:
    """A flow file of these, one after the other."""
    with path.open("wb") as file:
        for flow in itertools.chain(*flows):
            add(file, flow)
    return path


def add(file: BinaryIO, flow: http.HTTPFlow) -> None:
    """Without mitmproxy's FlowWriter, which scrubs in a process in which a relay has run."""
    tnetstring.dump(flow.get_state(), file)


def _message(role: str, text: str, kind: str, id: str = "") -> Json:
    id = id or f"msg_{next(_numbers)}"
    return {"id": id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def _flow(
    url: str, headers: Mapping[str, str], body: bytes, status: int, answered: Mapping[str, str], data: bytes
) -> http.HTTPFlow:
    here = connection.Client(peername=("127.0.0.1", 50000), sockname=("127.0.0.1", 4446), timestamp_start=STARTED)
    flow = http.HTTPFlow(here, connection.Server(address=(PROVIDER, 443)))
    flow.request = http.Request.make("POST", url, body, dict(headers))
    flow.response = http.Response.make(status, data, dict(answered))
    return flow
