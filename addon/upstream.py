"""What goes up to the provider: address, path, headers, and whose key."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import ceil

from mitmproxy import http

import relay_translate
from relay_translate import ApiError

from .keys import is_scrubbed
from .providers import Upstream, header_value, key_header
from .replies import Refused
from .routing import Place
from .settings import Settings

USER_AGENT = f"codex-relay/{getattr(relay_translate, '__version__', '0')}"

# A list of what goes up rather than of what does not: Codex adds headers with every version, and none of them is meant
# for a provider. The last ones are how some providers attribute and trace requests.
_UP = ("user-agent", "accept-language", "idempotency-key", "http-referer", "x-title", "traceparent", "tracestate")
CREDENTIALS = ("authorization", "api-key", "x-api-key", "x-goog-api-key")
# What `codex-relay config` has Codex send where the relay is to have the key: it is nobody's.
NO_KEY = "bearer relay"
_EPOCH = re.compile(r"1\d{9}|1\d{12}")
_DOWN = re.compile(r"date|x-request-id|request-id|cf-ray|retry-after(-ms)?|(x-)?ratelimit.*")


def chat_request(client: http.Request, body: bytes, place: Place, *, stream: bool) -> http.Request:
    """The request that is sent in place of the client's. Raises Refused when there is no key that could be sent."""
    headers = _headers(client, place)
    headers["accept"] = "text/event-stream" if stream else "application/json"
    headers["content-type"] = "application/json"
    return _request(client, "POST", place.profile.chat_path(place.upstream.base_path), headers, body, place.upstream)


def models_request(client: http.Request, place: Place) -> http.Request:
    headers = _headers(client, place)
    return _request(client, "GET", place.profile.models_path(place.upstream.base_path), headers, b"", place.upstream)


def headers_down(upstream: http.Headers) -> list[tuple[str, str]]:
    """The provider's headers that a client may see. `openai-model` and `x-codex-*` would make Codex act on them."""
    return [(name, value) for name, value in upstream.items(multi=True) if _DOWN.fullmatch(name.lower())]


def read_headers(upstream: http.Headers) -> dict[str, str]:
    """A refusal's headers by lower-case name, with the dates in `retry-after` and `x-ratelimit-reset` as seconds from
    now: reading them needs a clock, and Codex waits for nothing else."""
    headers = {name.lower(): value for name, value in upstream.items()}
    now = datetime.now(UTC)
    if _EPOCH.fullmatch(reset := headers.get("x-ratelimit-reset", "")):  # OpenRouter's is in milliseconds
        at = int(reset) / (1000 if len(reset) > 10 else 1)
        headers["x-ratelimit-reset"] = f"{max(0.0, at - now.timestamp()):.3f}"
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return headers
    seconds = date.replace(tzinfo=date.tzinfo or UTC) - now
    return {**headers, "retry-after": str(max(0, ceil(seconds.total_seconds())))}


def refuse_replay(request: http.Request, settings: Settings | None) -> ApiError | None:
    """Give a stored chat request its key again, if it had one; or say that there is none to give."""
    if not any(is_scrubbed(request.headers.get(name, "")) for name in CREDENTIALS):
        return None
    key = settings.key_at(request.scheme, request.host, request.port, request.path) if settings else ""
    if not key:
        where = f"{request.host}:{request.port}"
        message = f"keys are not kept in flows; set relay_api_key for {where} to send this one again"
        return ApiError(401, "invalid_api_key", message, "authentication_error")
    for name in CREDENTIALS:
        if is_scrubbed(request.headers.pop(name, "")):
            request.headers[name] = header_value(name, key)
    return None


def _headers(client: http.Request, place: Place) -> http.Headers:
    headers = http.Headers(host=place.upstream.authority)
    for name in _UP:
        if value := client.headers.get(name):
            headers[name] = value
    headers.setdefault("user-agent", USER_AGENT)
    headers["accept"] = "application/json"
    for name, value in _credentials(client, place):
        headers[name] = value
    return headers


def _credentials(client: http.Request, place: Place) -> list[tuple[str, str]]:
    """The relay's key, or the client's own, where the provider looks for it: Codex can only say Bearer."""
    if place.key:
        return [key_header(place.key, place.profile.auth)]
    found = []
    for name in CREDENTIALS if place.takes_clients_key else ():
        value = client.headers.get(name, "").strip()
        if is_scrubbed(value):
            raise Refused(
                401,
                "invalid_api_key",
                "the client's key is not kept; set relay_api_key to send its request again",
            )
        if value and value.lower() not in ("bearer", NO_KEY):
            scheme, _, bare = value.partition(" ")
            is_bearer = name == "authorization" and scheme.lower() == "bearer"
            found.append(key_header(bare.strip(), place.profile.auth) if is_bearer else (name, value))
    return found


def _request(
    client: http.Request, method: str, path: str, headers: http.Headers, body: bytes, upstream: Upstream
) -> http.Request:
    url = f"{upstream.scheme}://{upstream.authority}{path}"
    request = http.Request.make(method, url, body, headers)
    if client.is_http2 or client.is_http3:
        # mitmproxy reuses HTTP/1 upstream connections by the version that the client's request has.
        request.http_version = client.http_version
        request.authority = upstream.authority
        del request.headers["host"]
    return request
