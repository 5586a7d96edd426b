"""Where a turn's chat request went, and what the key of that place is called here."""

from __future__ import annotations

from dataclasses import dataclass

from mitmproxy import http

from addon import compat
from addon.providers import ProviderError, Upstream, find_provider
from addon.settings import Settings

ANY = "API_KEY"


@dataclass(frozen=True)
class Key:
    """variable: of the environment. whose: host and port of the only server that it is for."""

    variable: str
    whose: str


def as_sent(upstream: http.HTTPFlow) -> http.Request:
    """A copy of the request, at the address that it was sent to: mitmproxy points what it loads from a file to its own
    reverse mode, and the key that belongs to the one place must not go to the other."""
    request, server = upstream.request.copy(), upstream.server_conn
    here = (request.scheme, request.host.lower(), request.port)
    if server.address and compat.running_targets() == [here] and server.address[:2] != here[1:]:
        request.host, request.port = server.address[:2]
        request.scheme = "https" if server.tls else "http"
    return request


def key_of(request: http.Request, settings: Settings | None) -> Key:
    """The variable that the relay itself was told to use for this place, else the one that its provider usually has,
    else a name that says nothing."""
    place = Upstream(request.scheme, request.host.lower(), request.port)
    path = request.path.partition("?")[0]
    variable = settings.variable_at(place.scheme, place.host, place.port, path) if settings else ""
    if not variable:
        try:
            variable = find_provider(f"place={place.url}", {}).variable
        except ProviderError:  # somebody has edited the address
            variable = ""
    return Key(variable or ANY, place.authority)
