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

from .error_kinds import Kind, kind_of, remark_on, wait_for_reset, wait_in, wait_in_headers
from .error_shapes import LONGEST_TEXT, ProviderError, read_body, read_error
from .json_text import mend_surrogates

STOP = "invalid_prompt"
RETRY = "server_error"
RATE_LIMIT = "rate_limit_exceeded"
QUOTA = "insufficient_quota"
CONTEXT = "context_length_exceeded"

DEFAULT_WAIT = 5.0  # seconds, when a provider limits the rate and does not say for how long
HAND_OVER_WAIT = 0.1  # seconds until the client asks again, and is answered by another model
LONGEST_WAIT = 900.0  # seconds; nobody watches a turn that sleeps longer, so it stops and says why


@dataclass(frozen=True)
class ApiError:
    """What the client is told: `status` is the HTTP status for clients that can use one, `code` is for Codex (see
    above), `type` a word of the Responses API, `retry_after` in seconds, `upstream_code` the provider's own word.
    `replaced`: the provider's own error, when another model takes over and the client is told to ask again at once."""

    status: int
    code: str
    message: str
    type: str = "server_error"
    param: str | None = None
    retry_after: float | None = None
    upstream_code: str = ""
    replaced: ApiError | None = None


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


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
TURNING = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""Characters that turn the direction of writing: a text would read as another one."""
_TURNING = re.compile(f"[{TURNING}]")
# What Codex reads as a wait; "in 1m2.3s" it does not.
_TRY_AGAIN = re.compile(r"try again in\s*\d+(\.\d+)?\s*(ms|s|seconds?)\b", re.I)
_NO_CODES: Mapping[str, str] = {}


def translate_error(
    status: int, headers: Mapping[str, str], body: bytes, *, provider: str = "", codes: Mapping[str, str] = _NO_CODES
) -> ApiError:
    """An upstream HTTP error (status, lower-case header names, body bytes) as the client should hear it.

    provider: its name for people. codes: the profile's `error_codes`.
    """
    if 300 <= status < 400:
        where = headers.get("location", "another place")
        redirect = f"the provider redirects to {where}, which is not followed; put the right URL in relay_upstream"
        return replace(upstream_refused(_sentence(redirect, status, provider), 502), type="server_error")
    error = read_body(body)
    wait = wait_in_headers(headers)
    kind = kind_of(status, error, codes, named_wait=wait is not None)
    if wait is None and kind == "rate" and _own_wait(error) is None:
        wait = wait_for_reset(headers)
    return _told(kind, status, error, provider, wait)


def stream_error(body: object, *, provider: str = "", codes: Mapping[str, str] = _NO_CODES) -> ApiError | None:
    """An error object inside a stream or a 200 body; None when `body` is none. It may name an HTTP status."""
    error = read_error(body)
    if error is None and isinstance(body, dict):
        error = read_error(body.get("x_groq"))
    if error is None:
        return None
    return _told(kind_of(error.status, error, codes), error.status, error, provider)


def _told(kind: Kind, status: int, error: ProviderError, provider: str, wait: float | None = None) -> ApiError:
    """The consequence of an error of this kind (see the module's header)."""
    wait = _own_wait(error) if wait is None else wait
    remark = remark_on(error.message)
    message = f"{error.message} [{remark}]" if remark else error.message
    if not message and kind == "overflow":
        message = "request too large"
    sentence = _sentence(message, status, provider)
    if kind == "overflow":
        told = ApiError(400, CONTEXT, sentence, "invalid_request_error")
    elif kind == "quota":
        told = ApiError(402 if status == 402 else 429, QUOTA, sentence, "insufficient_quota")
    elif kind == "rate":
        told = _limited(429, sentence, DEFAULT_WAIT if wait is None else wait)
    elif kind in ("overload", "broken") and (wait is not None or kind == "overload"):
        told = _limited(status, sentence, DEFAULT_WAIT if wait is None else wait)
    elif kind in ("slip", "broken"):
        told = ApiError(status if status >= 400 and kind == "broken" else 502, RETRY, sentence)
    else:
        told = _refused(kind, status, sentence)
    return replace(told, upstream_code=_own_code(kind, error))


def _refused(kind: Kind, status: int, sentence: str) -> ApiError:
    """No for good, with the status and type that other clients know it by."""
    status = {"auth": 401, "model": 404, "filter": 400}.get(kind, status if 400 <= status < 500 else 400)
    return replace(upstream_refused(sentence, status), type=_blame(status))


# For clients that read codes: the word of the API where the provider has only a number, or none.
_WORDS: Mapping[str, str] = {"auth": "invalid_api_key", "model": "model_not_found", "filter": "content_filter"}


def _own_code(kind: Kind, error: ProviderError) -> str:
    return error.code if error.code and not error.code.isdigit() else _WORDS.get(kind, error.code)


def _own_wait(error: ProviderError) -> float | None:
    """Seconds that the body asks to wait."""
    for found in (error.wait, wait_in(error.message), wait_in(error.details)):
        if found is not None:
            return found
    return None


def hand_over(error: ApiError, successor: str, wait: float = HAND_OVER_WAIT, *, stood_in: bool = False) -> ApiError:
    """The error as the client hears it when the model `successor` answers its next try: a short wait (seconds),
    whatever the provider said. Unchanged where another model would not help: the request itself was refused, or the
    key. stood_in: the model that failed was not the one that was asked for; its refusals end no turn either."""
    may_help = (RETRY, RATE_LIMIT, QUOTA, STOP) if stood_in else (RETRY, RATE_LIMIT, QUOTA)
    waits_too_long = error.code == STOP and error.status == 429
    if not successor or error.replaced or not (waits_too_long or error.code in may_help):
        return error
    said = _TRY_AGAIN.sub("try again later", error.message).rstrip(".")
    message = f"{said}. {successor} takes over; try again in {wait:g}s."
    return ApiError(429, RATE_LIMIT, message, "rate_limit_error", None, wait, error.upstream_code, replaced=error)


def _code_for_others(error: ApiError) -> str:
    """The provider's own code where ours says no more than that Codex should stop or try again; "" where it has none
    and Codex should stop."""
    if error.code not in (STOP, RETRY):
        return error.code
    return error.upstream_code or (RETRY if error.code == RETRY else "")


def known_code(error: ApiError) -> str:
    """The code for people: `_code_for_others`, or the kind of error where there is none."""
    return _code_for_others(error) or error.type or error.code


def error_body(error: ApiError) -> bytes:
    """The API's error object, for clients that get an HTTP status."""
    code = _code_for_others(error) or None
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
    message = readable(message).strip()[:LONGEST_TEXT] or "no reason given"
    if not provider:
        return message
    return f"{message} ({provider}{f', HTTP {status}' if status >= 300 else ''})"


def readable(text: str) -> str:
    """Text without control characters, which a terminal would obey."""
    return _CONTROL.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Text that can't break, paint or turn round a log, and can be encoded: no line ends, no control characters, also
    none of the direction of writing, no halves of characters."""
    return " ".join(mend_surrogates(_TURNING.sub("\ufffd", readable(text))).split())
