"""Errors by blame, and what a provider's HTTP error means to the client.

An `ApiError` is a value: it says what went wrong in words for a person, and carries its consequence
(HTTP status, the Responses error code that decides whether Codex retries, the wait).  Exceptions exist
only for a client's bad request; everything an upstream does wrong ends as an `ApiError`.

Codex acts on `error.code` of a `response.failed` event (measured on 0.58 to 0.169):
`invalid_prompt` stops and shows the message, `context_length_exceeded` starts its compaction,
`insufficient_quota` stops, `rate_limit_exceeded` waits for "try again in Ns", anything else is retried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

STOP = "invalid_prompt"
RETRY = "server_error"
RATE_LIMIT = "rate_limit_exceeded"
QUOTA = "insufficient_quota"
CONTEXT = "context_length_exceeded"

DEFAULT_WAIT = 5.0  # seconds, when a provider limits the rate and does not say for how long
LONGEST_WAIT = 900.0  # seconds; nobody watches a turn that sleeps longer, so it stops and says why
LONGEST_SENTENCE = 2000  # characters of a provider's text that are passed on


@dataclass(frozen=True)
class ApiError:
    """What the client is told: `status` is the HTTP status for clients that can use one, `code` is for Codex (see
    above), `type` a word of the Responses API, `retry_after` in seconds, `upstream_code` the provider's own word."""

    status: int
    code: str
    message: str
    type: str = "server_error"
    param: str | None = None
    retry_after: float | None = None
    upstream_code: str = ""


class TranslationError(Exception):
    """A request that can't be translated. `api_error` is the answer to give."""

    def __init__(self, api_error: ApiError) -> None:
        super().__init__(api_error.message)
        self.api_error = api_error


class InvalidRequest(TranslationError):
    """The client's fault: HTTP 400 naming the field `param` (a path such as `input[3].content`)."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(ApiError(400, "invalid_value", message, "invalid_request_error", param))


def upstream_broke(message: str) -> ApiError:
    """The provider broke off or broke its protocol: worth another try."""
    return ApiError(502, RETRY, message)


def upstream_refused(message: str, status: int = 400) -> ApiError:
    """The provider said no for good: the client stops and shows `message`."""
    return ApiError(status, STOP, message, "invalid_request_error")


# Exclusions first: these sentences mention tokens and limits but speak of a rate.
_RATE = re.compile(r"rate.?limit|too many requests|tokens per (minute|day|hour)|\bTPM\b|\bRPM\b|throttl", re.I)
# Wordings of "the conversation is too long", collected over providers and servers.
_OVERFLOW = re.compile(
    r"context[_ ]length[_ ]exceeded|context_window_exceeded|exceed_context_size|prompt (is )?too long"
    r"|request_too_large|request entity too large|request payload size exceeds"
    r"|prompt tokens too long|prompt exceeds max length|maximum context length|context length is only"
    r"|longer than the (model'?s context|maximum model|context length)"
    r"|exceeds?\b.{0,40}context.?(window|size|length|limit)"
    r"|context.?window.{0,5}exceed|exceed(ed|s)? (the )?(model )?(max(imum)? )?(context|token) (length|limit)"
    r"|exceeded model token limit|maximum prompt length is \d+|too large for model with \d+"
    r"|reduce the length of the (messages|input|prompt)|input token count.*exceeds|input tokens exceed"
    r"|range of input length should be|tokens to keep from the initial prompt|keep the first \d+ tokens"
    r"|current length is \d+ while limit is|must be <= \d+\. given|larger than the max context size"
    r"|input is too long for requested model|input length.{0,30}exceeds|token count .{0,30}exceeds the limit"
    r"|ran out of room in the model|超过最大上下文|超出了模型最大",
    re.I,
)
_QUOTA = re.compile(
    r"insufficient_quota|insufficient.?balance|insufficient_user_quota|exceeded_current_quota"
    r"|exceeded your current quota|arrearage"
    r"|out of credits?|insufficient credits?|billing_hard_limit|credit balance is too low|余额不足",
    re.I,
)
_FILTER = re.compile(r"content_filter|content_policy|data_inspection_failed|responsibleaipolicy|moderation", re.I)
_REFUSED = re.compile(r"invalid_request|unsupported|invalid_argument|authentication|permission|not_found", re.I)
# The model's own slip, found by a server that checks calls: the next attempt usually succeeds.
_SLIP = re.compile(r"tool_use_failed", re.I)
_WAIT = re.compile(
    r"(?:try again|retry|retrydelay\W*)\s*(?:in|after)?\s*:?\s*\"?((?:[0-9]+(?:\.[0-9]+)?\s*(?:ms|s|m|h)?)+)", re.I
)
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h)?", re.I)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# What Codex reads as a wait; "in 1m2.3s" it does not.
_TRY_AGAIN = re.compile(r"try again in\s*\d+(\.\d+)?\s*(ms|s|seconds?)\b", re.I)


@dataclass(frozen=True)
class ProviderError:
    """What could be read from an error body: the sentence, and the words that classify it."""

    message: str
    code: str = ""
    type: str = ""


def read_error(body: object) -> ProviderError | None:
    """The provider's error in parsed JSON, in any of the shapes in use; None when `body` holds none.

    `{"error":{...}}`, `{"error":"text"}`, `[{"error":...}]`, flat `{"object":"error","message":...}`,
    `{"base_resp":{"status_code","status_msg"}}`, `{"detail":...}` and upstream JSON wrapped in a string.
    """
    if isinstance(body, list):
        return read_error(body[0]) if body else None
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, str) and error:
        return ProviderError(error, _word(body.get("code")))
    if isinstance(error, dict) and error:
        return _read_error_object(error)
    base = body.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return ProviderError(_text(base.get("status_msg")) or "unknown error", _word(base["status_code"]))
    flat = body.get("object") == "error" or body.get("type") == "error" or "choices" not in body
    if flat and isinstance(body.get("message"), str):
        return ProviderError(body["message"], _word(body.get("code")), _word(body.get("type")))
    if flat and body.get("detail"):
        return ProviderError(_text(body["detail"]), _word(body.get("title")))
    return None


def _read_error_object(error: dict[str, object]) -> ProviderError:
    message = _text(error.get("message")) or _text(error.get("msg")) or _text(error)
    metadata = error.get("metadata")
    kind = _word(error.get("type")) or _word(error.get("status"))
    if isinstance(metadata, dict):
        kind = _word(metadata.get("error_type")) or kind
        raw = metadata.get("raw")
        if isinstance(raw, str) and raw and raw not in message:
            inner = read_error(_parse(raw))
            message = f"{message}: {inner.message if inner else raw}"
    return ProviderError(message, _word(error.get("code")), kind)


def classify(status: int, error: ProviderError, *, provider: str = "", wait: float | None = None) -> ApiError:
    """Decide the consequence of a provider's error (the table in the module's header). status: 0 when none came."""
    words = f"{error.code} {error.type} {error.message}"
    wait = wait if wait is not None else _wait_in(error.message)
    sentence = _sentence(error.message, status, provider)
    if _OVERFLOW.search(words) and not _RATE.search(words):
        return ApiError(400, CONTEXT, sentence, "invalid_request_error")
    # Some say "quota" for a limit per minute too; those name a wait.
    if status == 402 or (_QUOTA.search(words) and _wait_in(error.message) is None):
        return ApiError(402 if status == 402 else 429, QUOTA, sentence, "insufficient_quota")
    if status == 429 or (status in (413, 498) and _RATE.search(words)):
        return _limited(429, sentence, DEFAULT_WAIT if wait is None else wait)
    if _SLIP.search(f"{error.code} {error.type}"):
        return ApiError(502, RETRY, sentence)
    if _FILTER.search(f"{error.code} {error.type}"):
        return upstream_refused(sentence, 400)
    if status in (408, 409, 425, 498) or status >= 500 or status < 400:
        if wait is not None:
            return _limited(status, sentence, wait)
        return ApiError(status if status >= 400 else 502, RETRY, sentence)
    return replace(upstream_refused(sentence, status), type=_blame(status))


def translate_error(status: int, headers: Mapping[str, str], body: bytes, *, provider: str = "") -> ApiError:
    """An upstream HTTP error (status, lower-case header names, body bytes) as the client should hear it."""
    text = body.decode("utf-8", "replace").strip()
    parsed = _parse(text.removeprefix("data:").strip())
    error = read_error(parsed)
    if error is None:
        if status == 413 and not text:
            return ApiError(400, CONTEXT, _sentence("request too large", status, provider), "invalid_request_error")
        error = ProviderError(_plain(text))
    if 300 <= status < 400:
        where = headers.get("location", "another place")
        redirect = f"the provider redirects to {where}, which is not followed; put the right URL in relay_upstream"
        return replace(upstream_refused(_sentence(redirect, status, provider), 502), type="server_error")
    told = classify(status, error, provider=provider, wait=_wait_header(headers))
    return replace(told, upstream_code=error.code)


def stream_error(body: object, *, provider: str = "") -> ApiError | None:
    """An error object inside a stream or a 200 body; None when `body` is none. The code may carry an HTTP status."""
    error = read_error(body)
    if error is None and isinstance(body, dict):
        error = read_error(body.get("x_groq"))
    if error is None:
        return None
    for word in (error.code, error.type, _word(body.get("status_code")) if isinstance(body, dict) else ""):
        if re.fullmatch(r"[45]\d\d", word):
            return classify(int(word), error, provider=provider)
    kind = f"{error.code} {error.type}"
    if _REFUSED.search(kind):
        return classify(400, error, provider=provider)
    return classify(429 if _RATE.search(f"{kind} {error.message}") else 0, error, provider=provider)


def error_body(error: ApiError) -> bytes:
    """The API's error object, for clients that get an HTTP status: with the provider's own code where ours says no
    more than that Codex should stop or try again."""
    code: str | None = error.code
    if error.code in (STOP, RETRY):
        code = error.upstream_code or (None if error.code == STOP else RETRY)
    fields = {"message": error.message, "type": error.type, "param": error.param, "code": code}
    return json.dumps({"error": fields}, ensure_ascii=False).encode("utf-8", "replace")


def _limited(status: int, sentence: str, wait: float) -> ApiError:
    """A retry with a wait. Codex reads it from the sentence: "try again in 2.5s"."""
    if wait > LONGEST_WAIT:
        again = f"{sentence.rstrip('.')}. Try again in {wait / 60:.0f} minutes."
        return ApiError(429, STOP, again, "rate_limit_error", retry_after=wait)
    if not _TRY_AGAIN.search(sentence):
        sentence = f"{sentence.rstrip('.')}. Please try again in {wait:g}s."
    return ApiError(max(status, 429), RATE_LIMIT, sentence, "rate_limit_error", retry_after=wait)


def _blame(status: int) -> str:
    return {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}.get(
        status, "invalid_request_error"
    )


def _sentence(message: str, status: int, provider: str) -> str:
    message = readable(message).strip()[:LONGEST_SENTENCE] or "no reason given"
    if not provider:
        return message
    return f"{message} ({provider}{f', HTTP {status}' if status >= 300 else ''})"


def readable(text: str) -> str:
    """Text without control characters, which a terminal would obey."""
    return _CONTROL.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Text that can't break or paint a log: no line ends, no control characters."""
    return " ".join(readable(text).split())


def _wait_header(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: `retry-after-ms`, `retry-after` (seconds). HTTP dates need a clock and are left to the text."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if 0 <= seconds < 86400:
            return seconds
    return None


def _wait_in(message: str) -> float | None:
    found = _WAIT.search(message)
    if found is None:
        return None
    return sum(float(number) * _UNITS[unit.lower() or "s"] for number, unit in _SPAN.findall(found[1]))


def _plain(text: str) -> str:
    """A page or a bare text as one sentence; markup is for browsers."""
    if re.match(r"\s*<(!doctype|html|head|body)", text, re.I):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.I | re.S)
        bare = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", title[1] if title else text, flags=re.I | re.S)
        return " ".join(bare.split())[:300]
    return text[:LONGEST_SENTENCE]


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _word(value: object) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False) if value else ""
