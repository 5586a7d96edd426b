"""Keys, and how they are kept out of everything that is shown, stored or said."""

from __future__ import annotations

from collections.abc import Iterable

from mitmproxy import http

from . import compat

SCRUBBED = "[scrubbed]"
_SECRET_HEADERS = (
    "authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "set-cookie",
)  # fmt: skip


def scrub_headers(headers: http.Headers) -> None:
    """Replace credentials; the scheme (Bearer) stays, it tells how the request was authorised."""
    for name in _SECRET_HEADERS:
        if name in headers:
            scheme, space, rest = headers[name].partition(" ")
            headers[name] = f"{scheme} {SCRUBBED}" if name.endswith("authorization") and space and rest else SCRUBBED


def is_scrubbed(value: str) -> bool:
    return SCRUBBED in value


def scrub_flow(flow: http.HTTPFlow, secrets: Iterable[str] = ()) -> None:
    """Take the keys out of a flow whose traffic is over."""
    compat.scrub_backup(flow, scrub_headers)
    for message in (flow.request, flow.response):
        if message is None:
            continue
        scrub_headers(message.headers)
        for secret in secrets:
            if message.raw_content and secret.encode() in message.raw_content:
                message.raw_content = message.raw_content.replace(secret.encode(), SCRUBBED.encode())
