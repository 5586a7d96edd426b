"""Answers that the relay gives itself: always the API's error object, never HTML, never a 500.

Codex hears of errors in a 200 stream, because that is the one channel that every version reads alike and that costs
neither thirty requests (5xx) nor the provider's sentence (429, 500). Other clients get the HTTP status.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus

from mitmproxy import http

from relay_translate import ApiError, TranslationError, TurnContext, error_body, error_headers, error_stream
from relay_translate.errors import CONTEXT, QUOTA, RATE_LIMIT, RETRY, STOP

EVENT_STREAM = "text/event-stream"
_CODEX_KNOWS = {CONTEXT, QUOTA, RATE_LIMIT, RETRY, STOP}
_CODEX_VERSION = re.compile(r"codex[\w-]*/(\d+\.\d+\.\d+[\w.-]*)", re.I)
Headers = Iterable[tuple[str, str]]


class Refused(TranslationError):
    """The relay itself won't send this request on."""

    def __init__(self, status: int, code: str, message: str, headers: Headers = ()) -> None:
        super().__init__(ApiError(status, code, message, "invalid_request_error"))
        self.headers = tuple(headers)


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def is_codex(request: http.Request) -> bool:
    """By the headers of every Codex version; an IDE names itself in `originator` and keeps codex in `user-agent`."""
    originator = request.headers.get("originator", "").lower()
    return originator.startswith("codex") or "codex" in request.headers.get("user-agent", "").lower()


def codex_version(request: http.Request) -> str:
    """Which Codex sent a request; "" for other clients."""
    found = _CODEX_VERSION.search(request.headers.get("user-agent", ""))
    return found[1] if found else ""


def make(status: int, headers: Headers, body: bytes) -> http.Response:
    response = http.Response.make(
        status, body, http.Headers([(k.encode(), v.encode("utf-8", "surrogateescape")) for k, v in headers])
    )
    response.reason = reason(status)
    return response


def reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def in_stream(error: ApiError, context: TurnContext | None = None, model: str = "") -> http.Response:
    """An error for Codex: a stream that fails."""
    body = error_stream(for_codex(error), context, new_id=new_id, created_at=int(time.time()), model=model)
    return make(200, [("content-type", EVENT_STREAM), ("cache-control", "no-cache")], body)


def as_status(error: ApiError, headers: Headers = ()) -> http.Response:
    """An error for everyone else: an HTTP status and the API's error object."""
    given = {name.lower() for name, _ in headers}
    headers = [*headers, *((name, value) for name, value in error_headers(error) if name not in given)]
    return make(error_status(error.status), headers, error_body(error))


def error_status(status: int) -> int:
    """The status of an error answer. A 500 would hide its message from Codex and from people."""
    return status if 400 <= status < 600 and status != 500 else 502


def error_page(status: int, message: str) -> http.Response:
    """In place of mitmproxy's HTML page."""
    if status < 500:
        return as_status(ApiError(status, "invalid_request", message, "invalid_request_error"))
    return as_status(ApiError(status, RETRY, message))


def for_codex(error: ApiError) -> ApiError:
    """Codex tries again at every code that it does not know; a request at fault must stop it."""
    if error.status >= 500 or error.code in _CODEX_KNOWS:
        return error
    where = f" ({error.param})" if error.param and error.param not in error.message else ""
    return replace(error, code=STOP, message=error.message + where)


def our_fault(what: str) -> ApiError:
    """Something unexpected in the relay. It would happen again: the client is told to stop."""
    return ApiError(502, STOP, f"codex-relay failed to translate {what}; the relay's log has the details")


def unreachable(where: str, why: str) -> ApiError:
    """The provider could not be reached or broke off before its answer began."""
    if re.search(r"certificate|self.signed", why, re.I):
        advice = (
            "if it has a certificate authority of its own, start mitmproxy with "
            "--set ssl_verify_upstream_trusted_ca=/path/to/ca.pem (or, unsafe, --ssl-insecure)"
        )
        return ApiError(502, STOP, f"{where} could not be reached: {why.rstrip('.')}; {advice}")
    return ApiError(502, RETRY, f"{where} could not be reached: {why}")


ABORTED = ApiError(
    403, "aborted", "aborted by somebody in mitmweb or the console; it is not sent again", "invalid_request_error"
)


def aborted(request: http.Request, context: TurnContext | None = None, *, events: bool) -> http.Response:
    """Somebody who held this request or its answer threw it away. Were the connection closed without a word, Codex
    would ask again, up to thirty times, and each answer is paid for."""
    return in_stream(ABORTED, context) if events else as_status(ABORTED)


def broken_request(request: http.Request, why: str) -> http.Response:
    """mitmproxy refused a request before the relay saw it whole: its head, or its size."""
    error = ApiError(413 if "body_size_limit" in why else 400, "invalid_request", why, "invalid_request_error")
    return in_stream(error) if is_codex(request) and request.method == "POST" else as_status(error)
