"""The endpoint over HTTP: one question at a time, its waits kept, an outage told from a refusal, all of it counted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from addon.probe import Stopped
from addon.probe.reply import Reply
from addon.providers import key_header
from relay_translate import ApiError, Profile, translate_error
from relay_translate.errors import CONTEXT, QUOTA, RATE_LIMIT, RETRY, one_line, stream_error
from relay_translate.event_stream import EventStreamDecoder
from relay_translate.usage import estimate_tokens

Json = dict[str, Any]

LONGEST_WAIT = 120.0  # seconds that a limit may ask to wait; nobody watches a probe for longer
MOST_WAITS = 4  # for one request
RETRY_AFTER = 1.0  # seconds before an outage is asked once more
MOST_BYTES = 4 << 20  # of one answer
MOST_ERROR = 256 << 10  # bytes of an error body
NOTHING = Reply(())


@dataclass(frozen=True)
class Outcome:
    """What came of one request. answered: `reply` holds it. refused: the endpoint said no, in `words`.
    unclear: it said no for a reason of its own (such as a context window too small). failed: it did not answer, or only
    that it can't; `status` 0 means that nothing came."""

    kind: Literal["answered", "refused", "unclear", "failed"]
    status: int = 0
    words: str = ""
    reply: Reply = NOTHING

    @property
    def evidence(self) -> str:
        status = f"HTTP {self.status}" if self.status else ""
        return ": ".join(part for part in (status, self.words) if part)


@dataclass
class Endpoint:
    """chat, models: full URLs. auth, codes: a profile's `auth` and `error_codes`. key: "" sends none.
    pause: seconds between requests. timeout: seconds for one request as a whole. tell: a line for the person who waits.
    """

    chat: str
    models: str
    auth: str = "bearer"
    codes: Mapping[str, str] = field(default_factory=dict)
    key: str = field(default="", repr=False)
    pause: float = 0.0
    timeout: float = 60.0
    tell: Callable[[str], None] = print
    sleep: Callable[[float], None] = time.sleep
    requests: int = 0
    tokens: int = 0
    estimated: int = 0  # requests whose tokens were not counted by the endpoint

    @classmethod
    def at(cls, url: str, path: str, profile: Profile, **more: Any) -> Endpoint:
        """url: scheme and authority; path: the base URL's path, "" for the profile's own."""
        return cls(
            url + profile.chat_path(path), url + profile.models_path(path), profile.auth, profile.error_codes, **more
        )

    def __post_init__(self) -> None:
        import httpx  # only the probe needs it: the command starts without

        # A proxy of the environment is for other hosts than this machine.
        here = dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]"))
        self._client = httpx.Client(timeout=self.timeout, headers=self._headers(), mounts=here)
        self._broken = (httpx.HTTPError, httpx.InvalidURL)

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def listed(self) -> tuple[list[str] | None, Outcome]:
        """The ids that the models endpoint lists; None when there is no list."""
        try:
            answer = self._client.get(self.models)
        except self._broken as error:
            return None, Outcome("failed", 0, self._said(_problem(error)))
        finally:
            self.requests += 1
        if answer.status_code != 200:
            return None, self._refusal(answer.status_code, {}, answer.content[:MOST_ERROR])
        ids = _model_ids(_parsed(answer.content))
        return ids, Outcome("answered", 200, f"{len(ids)} models" if ids is not None else "no list of models")

    def ask(self, body: Json, most: int, *, again: bool = True) -> Outcome:
        """One question, asked a second time after an outage. most: characters after which it is not read on.

        Raises Stopped when nothing further can be asked: no credit, a wait that is too long.
        """
        outcome = self._patiently(body, most)
        if outcome.kind == "failed" and again:
            self.tell(f"no answer ({outcome.evidence[:80]}); once more")
            self.sleep(RETRY_AFTER)
            outcome = self._patiently(body, most)
        return outcome

    def _patiently(self, body: Json, most: int) -> Outcome:
        """The outcome, after the waits that a rate limit asked for."""
        outcome = Outcome("failed")
        for _ in range(MOST_WAITS):
            if self.requests and self.pause:
                self.sleep(self.pause)
            outcome, error = self._once(body, most)
            if error is None:
                return outcome
            wait = error.retry_after or 0.0
            if error.code == QUOTA:
                raise Stopped(f"the account has no credit: {outcome.evidence}")
            if error.code != RATE_LIMIT or wait > LONGEST_WAIT:
                raise Stopped(f"the endpoint asks to wait for too long: {outcome.evidence}; try again later")
            self.tell(f"waiting {wait:.0f} s, as the endpoint asks ({outcome.evidence[:80]})")
            self.sleep(wait)
        raise Stopped(f"after {MOST_WAITS} waits the endpoint asks to wait again ({outcome.evidence}); "
                      "try again later, or with --pause SECONDS")  # fmt: skip

    def _once(self, body: Json, most: int) -> tuple[Outcome, ApiError | None]:
        """The outcome, and the error when it is one of the account or the rate rather than of the question."""
        self.requests += 1
        started, reply = time.monotonic(), NOTHING
        try:
            with self._client.stream("POST", self.chat, content=json.dumps(body).encode()) as answer:
                if not 200 <= answer.status_code < 300:
                    return self._sorted(self._error(answer))
                reply = _read(answer.iter_bytes(), answer.headers, most, started + self.timeout)
        except self._broken as error:
            return Outcome("failed", 0, self._said(_problem(error))), None
        self._count(body, reply)
        for chunk in reply.chunks:
            if problem := stream_error(chunk, codes=self.codes):
                return self._sorted((Outcome("refused", answer.status_code, self._said(problem.message)), problem))
        if not reply.chunks:
            return Outcome("failed", answer.status_code, "an answer without anything in it"), None
        return Outcome("answered", answer.status_code, "", reply), None

    def _error(self, answer: Any) -> tuple[Outcome, ApiError]:
        content = b""
        for piece in answer.iter_bytes():
            content += piece
            if len(content) > MOST_ERROR:
                break
        headers = {name.lower(): value for name, value in answer.headers.items()}
        error = translate_error(answer.status_code, headers, content, codes=self.codes)
        return self._refusal(answer.status_code, headers, content), error

    def _refusal(self, status: int, headers: dict[str, str], content: bytes) -> Outcome:
        error = translate_error(status, headers, content, codes=self.codes)
        return Outcome("refused", status, self._said(error.message))

    def _sorted(self, found: tuple[Outcome, ApiError]) -> tuple[Outcome, ApiError | None]:
        outcome, error = found
        # A wait that is longer than Codex would sit through comes as an error that stops, with its wait.
        if error.code in (QUOTA, RATE_LIMIT) or error.retry_after:
            return outcome, error
        if error.code == CONTEXT or error.upstream_code == "content_filter":
            return replace(outcome, kind="unclear"), None
        if error.code == RETRY and outcome.status != 501:  # 501 says that something is not implemented
            return replace(outcome, kind="failed"), None
        return outcome, None

    def _count(self, body: Json, reply: Reply) -> None:
        counted = sum(value for name in ("prompt_tokens", "completion_tokens") if isinstance(
            value := reply.usage.get(name), int))  # fmt: skip
        if counted:
            self.tokens += counted
        else:
            self.estimated += 1
            self.tokens += estimate_tokens([body]) + estimate_tokens([reply.text, *reply.thought().values()])

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "codex-relay"}
        if self.key:
            name, value = key_header(self.key, self.auth)
            headers[name] = value
        return headers

    def _said(self, words: str) -> str:
        """The provider's words on one line. Some repeat the key that they were sent."""
        return one_line(words.replace(self.key, "[the key]") if self.key else words)


def _read(pieces: Iterator[bytes], headers: Any, most: int, deadline: float) -> Reply:
    """The answer, no further than needed."""
    if "event-stream" not in headers.get("content-type", ""):
        return _read_body(pieces, deadline)
    decoder, chunks, size, done, characters = EventStreamDecoder(), [], 0, False, 0
    for piece in pieces:
        size += len(piece)
        for data in decoder.receive(piece):
            if data.strip() == b"[DONE]":
                done = True
            elif isinstance(chunk := _parsed(data), (dict, list)):
                chunks += chunk if isinstance(chunk, list) else [chunk]
                characters += _characters(chunks[-1])
        if not done and (characters > most or size > MOST_BYTES or time.monotonic() > deadline):
            return Reply(tuple(chunks), cut=True)
    chunks += [chunk for data in decoder.finish() if isinstance(chunk := _parsed(data), dict)]
    return Reply(tuple(chunk for chunk in chunks if isinstance(chunk, dict)), done)


def _read_body(pieces: Iterator[bytes], deadline: float) -> Reply:
    content = b""
    for piece in pieces:
        content += piece
        if len(content) > MOST_BYTES or time.monotonic() > deadline:
            return Reply(())
    text = content.strip()
    if text.startswith((b"data:", b"event:", b":")):  # a stream under another name
        return replace(_read(iter([content]), {"content-type": "event-stream"}, MOST_BYTES, deadline), streamed=True)
    body = _parsed(text)
    body = body[0] if isinstance(body, list) and body else body
    return Reply((body,) if isinstance(body, dict) else (), streamed=False)


def _characters(chunk: Any) -> int:
    return Reply((chunk,) if isinstance(chunk, dict) else ()).characters


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _model_ids(body: Any) -> list[str] | None:
    """Some answer with a bare list."""
    listed = body.get("data", body.get("models")) if isinstance(body, dict) else body
    if not isinstance(listed, list):
        return None
    names = (one.get("id") or one.get("name") for one in listed if isinstance(one, dict))
    return [name for name in names if isinstance(name, str)]


def _problem(error: Exception) -> str:
    kind = type(error).__name__
    if "Timeout" in kind:
        return "no answer in time"
    return str(error) or kind
