"""The relay's own keys go to the servers they are for, whatever happens to a request behind the relay (map_remote,
another addon, a person who edits an intercepted or a replayed flow)."""

from __future__ import annotations

import logging
from weakref import WeakKeyDictionary

from mitmproxy import connection, http

from .keys import credentials
from .providers import Upstream
from .settings import Settings

logger = logging.getLogger(__name__)

guards: WeakKeyDictionary[http.HTTPFlow, Upstream] = WeakKeyDictionary()
"""Requests under way that carry the relay's own key, and the only place they may go."""


def guard(flow: http.HTTPFlow, settings: Settings | None) -> None:
    """Called when a request, a new one or a replayed one, is ready to be sent."""
    request, carried = flow.request, credentials(flow.request.headers)
    if settings and any(key in carried for key in settings.keys):
        guards[flow] = Upstream(request.scheme, request.host, request.port)


def forget(flow: http.HTTPFlow) -> None:
    """Called when a request is over."""
    guards.pop(flow, None)


def wrong_place(flow: http.HTTPFlow, address: tuple[str, int], tls: bool) -> str:
    """Why a request must not be sent there: the relay's own key is in it and for another host. Else ""."""
    place = guards.get(flow)
    if place is None or (place.host, place.port, place.scheme == "https") == (*address, tls):
        return ""
    why = _redirected(place)
    logger.error("%s", why)
    return why


def wrong_server(client: connection.Client, server: connection.Server) -> str:
    """The same for a connection that is about to be opened for a client, whatever request it is for."""
    # By address: a replay runs on a copy of the flow's client connection.
    places = [place for flow, place in guards.items() if flow.client_conn.peername == client.peername]
    if not places or server.address in [(place.host, place.port) for place in places]:
        return ""
    return _redirected(places[0])


def _redirected(place: Upstream) -> str:
    return f"relay_api_key is for {place.authority} only, but something redirected the request elsewhere"
