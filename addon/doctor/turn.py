"""One turn as Codex asks for it: streamed, with a tool. What comes back is held against what Codex needs of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from addon.codex.install import CURRENT
from addon.doctor import Finding, failed, ok, warning
from relay_translate.errors import CONTEXT, QUOTA, RATE_LIMIT, one_line
from relay_translate.event_stream import EventStreamDecoder

Json = dict[str, Any]

ABOUT = "turn"
LIMIT = 120.0  # seconds
COST = "a few hundred tokens, more where the model thinks"
LARGEST_ERROR = 1 << 20  # bytes
WORD = "ready"
TOOL = "note"
_ENDS = ("response.completed", "response.failed", "response.incomplete")
_CALLS = ("function_call", "custom_tool_call")


class TurnFailed(Exception):
    """There was no answer; the text is one line, of the provider where that spoke."""

    def __init__(self, text: str, code: str = "", status: int = 0) -> None:
        super().__init__(one_line(text))
        self.code, self.status = code, status


@dataclass
class Answer:
    """What a stream of Responses events said. wrong: what Codex would stumble over."""

    text: str = ""
    calls: list[Json] = field(default_factory=list)
    usage: Json = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    end: str = ""
    seconds: float = 0.0

    @property
    def tokens(self) -> str:
        return f"{self.usage.get('input_tokens', 0)} tokens in, {self.usage.get('output_tokens', 0)} out"


def request_body(model: str) -> Json:
    return {
        "model": model,
        "input": [
            _message("developer", "You are a coding agent. Use the tools you are given."),
            _message("user", f"Call the tool {TOOL} once, with the word {WORD}. Write nothing else."),
        ],
        "tools": [
            {
                "type": "function",
                "name": TOOL,
                "description": "Notes a word.",
                "strict": False,
                "parameters": {
                    "type": "object",
                    "properties": {"word": {"type": "string"}},
                    "required": ["word"],
                    "additionalProperties": False,
                },
            }
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "stream": True,
    }


def _message(role: str, text: str) -> Json:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def ask(base_url: str, model: str, key: str = "", limit: float = LIMIT) -> Answer:
    """The answer of the relay at base_url. key: the client's own, "" for none. Raises TurnFailed."""
    import httpx

    headers = {
        "accept": "text/event-stream",
        "content-type": "application/json",
        # The relay tells Codex by these, and answers it in its own way.
        "originator": "codex_exec",
        "user-agent": f"codex_exec/{CURRENT} (codex-relay doctor)",
        "authorization": f"Bearer {key or 'relay'}",
    }
    started = time.monotonic()
    try:
        with (
            httpx.Client(timeout=limit, trust_env=False) as client,
            client.stream(
                "POST", f"{base_url}/responses", content=json.dumps(request_body(model)), headers=headers
            ) as reply,
        ):
            if reply.status_code != 200:
                raise _as_failure(reply.status_code, _start_of(reply.iter_bytes()))
            kind = reply.headers.get("content-type", "")
            if "event-stream" not in kind:
                raise TurnFailed(f"the relay's answer is no event stream but {kind or 'of no type'}")
            answer = read(_events(reply.iter_bytes(), started + limit, limit))
            answer.seconds = time.monotonic() - started
            return answer
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TurnFailed(f"the relay broke off: {error or type(error).__name__}") from None


def _start_of(pieces: Iterator[bytes]) -> bytes:
    body = b""
    for piece in pieces:
        body += piece
        if len(body) > LARGEST_ERROR:
            break
    return body


def _as_failure(status: int, body: bytes) -> TurnFailed:
    try:
        error = json.loads(body)["error"]
        return TurnFailed(f"HTTP {status}: {error['message']}", str(error.get("code") or ""), status)
    except (ValueError, LookupError, TypeError, AttributeError):
        return TurnFailed(f"HTTP {status}: {body[:300].decode('utf-8', 'replace') or 'nothing else'}", "", status)


def _events(pieces: Iterable[bytes], deadline: float, limit: float) -> Iterator[Json]:
    decoder = EventStreamDecoder()
    for piece in pieces:
        yield from (_event(data) for data in decoder.receive(piece))
        if time.monotonic() > deadline:
            raise TurnFailed(f"the answer did not end within {limit:g} s")
    yield from (_event(data) for data in decoder.finish())


def _event(data: bytes) -> Json:
    try:
        event = json.loads(data)
    except ValueError:
        event = None
    return event if isinstance(event, dict) else {"type": "?", "data": data[:80].decode("utf-8", "replace")}


def read(events: Iterable[Json]) -> Answer:
    """Events in their order -> Answer. Raises TurnFailed when the stream itself tells of a failure."""
    answer, order = Answer(), _Order()
    for event in events:
        kind = str(event.get("type") or "?")
        answer.wrong += [f"{kind} after the end"] if answer.end else order.wrong(kind, event)
        _take(answer, kind, event)
    if not answer.end:
        raise TurnFailed("the stream ended without response.completed")
    return answer


@dataclass
class _Order:
    """What has come so far, as far as it decides about what may come next."""

    number: int = -1
    began: bool = False
    items: set[int] = field(default_factory=set)

    def wrong(self, kind: str, event: Json) -> list[str]:
        found = []
        if kind == "?":
            found.append("an event that is no JSON object with a type")
        if not self.began and kind not in {"response.created", *_ENDS}:
            found.append(f"it begins with {kind}")
        number, index = event.get("sequence_number"), event.get("output_index")
        if isinstance(number, int):
            if number <= self.number:
                found.append(f"{kind} has the number {number} after {self.number}")
            self.number = number
        if isinstance(index, int):
            if kind == "response.output_item.added":
                self.items.add(index)
            elif index not in self.items:
                found.append(f"{kind} for the item {index}, which was not begun")
        self.began = True
        return found


def _take(answer: Answer, kind: str, event: Json) -> None:
    if kind == "response.output_item.done":
        item = event.get("item") or {}
        if item.get("type") in _CALLS:
            answer.calls.append(item)
        if item.get("type") == "message":
            answer.text += "".join(part.get("text", "") for part in item.get("content") or ())
    if kind in _ENDS:
        response = event.get("response") or {}
        answer.end, answer.usage = kind, response.get("usage") or {}
        if kind == "response.failed":
            error = response.get("error") or {}
            raise TurnFailed(str(error.get("message") or "it failed without a word"), str(error.get("code") or ""))


def judge(answer: Answer, model: str) -> Finding:
    """What Codex would make of the answer."""
    if answer.wrong:
        says = f"events that Codex does not expect: {one_line('; '.join(answer.wrong[:3]))}"
        return failed(ABOUT, says, "this is the relay's mistake: record the turn (--record) and report it")
    if answer.end == "response.incomplete":
        return failed(ABOUT, f"{model} stopped before it had done anything", "its output limit may be too small")
    if not all(isinstance(answer.usage.get(name), int) for name in ("input_tokens", "output_tokens", "total_tokens")):
        return failed(ABOUT, "the tokens of the turn are missing; Codex would repeat it", "report this")
    spent = f"{answer.tokens}, {answer.seconds:.1f} s"
    if answer.calls:
        return _judge_call(answer.calls[0], model, spent)
    if answer.text.strip():
        remedy = "choose a model that calls tools; a server of your own may need its tool parser switched on"
        return warning(ABOUT, f"{model} answered in words and called no tool ({spent})", remedy)
    return failed(ABOUT, f"{model} answered nothing ({spent})", "try again, or choose another model")


def _judge_call(call: Json, model: str, spent: str) -> Finding:
    try:
        arguments = json.loads(call.get("arguments") or "")
    except ValueError:
        arguments = None
    if call.get("name") != TOOL or not isinstance(arguments, dict):
        called = one_line(f"{call.get('name')} {call.get('arguments')}")[:100]
        says = f"{model} called a tool wrongly: {called}"
        return warning(
            ABOUT, f"{says} ({spent})", "Codex tells it so, and it may mend it; a stronger model does better"
        )
    return ok(ABOUT, f"{model} called the tool, streamed ({spent})")


def failure(problem: TurnFailed, names: Iterable[str], model: str) -> Finding:
    """A turn that failed, with what to do about it."""
    from addon.doctor.endpoint import near

    return failed(ABOUT, str(problem), _remedy(problem, near(model, list(names))))


def _remedy(problem: TurnFailed, close: list[str]) -> str:
    text = str(problem).lower()
    if problem.status == 401 or any(
        word in text for word in ("401", "unauthorized", "api key", "api_key", "x-api-key")
    ):
        return "the key is not taken; make another one at the provider and export it"
    if "model" in text and any(word in text for word in ("not found", "not exist", "unknown", "no such", "404")):
        return f"near by name: {', '.join(close)}" if close else "choose one of the provider's list"
    known = {
        QUOTA: "the account has no credit: add some at the provider",
        RATE_LIMIT: "wait as long as it says, and try again",
        CONTEXT: "the model's window is too small for Codex; choose another one, or give your server a larger one",
    }
    return known.get(problem.code, "the words are the provider's; codex-relay probe tells what it takes")
