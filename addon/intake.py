"""What the client asks for: which request this is, and its body as a JSON object."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, NoReturn
from urllib.parse import urlsplit

from mitmproxy import http

from relay_translate import InvalidRequest
from relay_translate.errors import one_line

from .encodings import EncodingError, decode_body
from .providers import Upstream
from .replies import Refused

LARGEST_BODY = 512 * 1024 * 1024  # bytes once decoded: a bound for compressed bodies, far above any conversation


class Route(Enum):
    RESPONSES = "responses"
    MODELS = "models"
    SEARCH = "alpha/search"


_METHODS = {Route.RESPONSES: "POST", Route.MODELS: "GET", Route.SEARCH: "POST"}


def is_turn(request: http.Request) -> bool:
    """Whether it is one that is translated."""
    return _is(request, Route.RESPONSES)


def is_search(request: http.Request) -> bool:
    """Whether it is Codex's own web search, which the relay answers by itself."""
    return _is(request, Route.SEARCH)


def is_models(request: http.Request) -> bool:
    """Whether it asks for the model list, which the relay puts together where there are several providers."""
    return _is(request, Route.MODELS)


def _is(request: http.Request, wanted: Route) -> bool:
    try:
        return route(request) is wanted
    except Refused:
        return False


def route(request: http.Request) -> Route:
    """Raises Refused (403, 404, 405, 426) for everything that is not translated: nothing else is ever passed on."""
    _refuse_web_page(request)
    path = request.path.partition("?")[0].rstrip("/")
    try:
        found = Route(path.removeprefix("/v1").removeprefix("/"))
    except ValueError:
        raise Refused(
            404,
            "not_found",
            f"{request.method} {path or '/'} is not served by codex-relay, which knows POST /v1/responses, "
            "GET /v1/models and POST /v1/alpha/search; point the client's base_url to this proxy with the path /v1",
        ) from None
    if found is Route.RESPONSES and "upgrade" in request.headers:
        raise Refused(426, "upgrade_required", "WebSocket is not supported here; send POST /v1/responses")
    if request.method != _METHODS[found]:
        allowed = _METHODS[found]
        message = f"{request.method} is not allowed for {path}; use {allowed}"
        raise Refused(405, "method_not_allowed", message, [("allow", allowed)])
    return found


def _refuse_web_page(request: http.Request) -> None:
    """Any page that a browser on this machine shows can send requests here, which would be paid with the relay's key.
    A page of this machine's own may; a name that was made to point here (DNS rebinding) shows in `origin` too."""
    origin = request.headers.get("origin", "")
    if not origin:
        return
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        host = ""
    if not Upstream("http", host, 80).is_here:
        raise Refused(403, "forbidden", f"requests of web pages are not served ({one_line(origin[:100])})")


def read_body(request: http.Request) -> dict[str, Any]:
    """The body as a JSON object. Raises InvalidRequest saying what is wrong with it."""
    raw = request.raw_content
    if raw is None:
        raise InvalidRequest("the request was streamed past the relay by another addon or option")
    try:
        data = decode_body(raw, request.headers.get("content-encoding", ""), limit=LARGEST_BODY)
    except EncodingError as error:
        raise InvalidRequest(f"the request body can't be read: {error}", "content-encoding") from error
    try:
        body = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the request body is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise InvalidRequest("the request body is nested too deeply") from error
    except ValueError as error:
        raise InvalidRequest(f"the request body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise InvalidRequest("the request body must be a JSON object")
    return body


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON value")
