"""Turns while they run, for people who look on in mitmweb or the console. In mitmdump nothing of this happens.

The exchange with the provider gets its place in the list as soon as it is sent, right behind the client's; both answers
grow a few times a second, and less often when showing them takes long, so that streams are not slowed. Of finished
turns the list keeps the last `relay_keep_flows`: mitmweb itself never lets go of one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from weakref import WeakKeyDictionary

from mitmproxy import http

from . import compat, flow_list, hidden, holding
from .exchange import Exchange, live
from .keys import scrub_headers

logger = logging.getLogger(__name__)

PERIOD = 0.25  # seconds between two updates
SHARE = 50  # the time between updates is at least this many times what the last one took
_SOON = 0.01  # seconds until it is looked again whether a request has gone

linked: WeakKeyDictionary[Exchange, http.HTTPFlow] = WeakKeyDictionary()
"""The flows that show the providers' sides of turns under way."""

_not_before = 0.0


def spent(seconds: float) -> None:
    """Something has been shown, and streams waited for it."""
    global _not_before
    _not_before = max(_not_before, time.monotonic() + seconds * SHARE)


class LiveView:
    """Runs from `start` (mitmproxy's `running`) to `stop` (`done`)."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept: OrderedDict[str, list[str]] = OrderedDict()  # a finished turn's flow -> the ids of all its flows

    def start(self) -> None:
        if compat.viewer() is not None:
            self._spawn(self._refreshing())

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _spawn(self, work: object) -> None:
        task = asyncio.get_running_loop().create_task(work, name="codex-relay live view")  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- from the request to the answer

    def begin(self, flow: http.HTTPFlow) -> None:
        """In `requestheaders`, before the flow is first shown."""
        if compat.viewer() is not None:
            hidden.hide(flow)

    def about_to_send(self, flow: http.HTTPFlow, turn: Exchange | None = None) -> None:
        """In `request`: what the flow now holds is sent once all hooks have run. No turn: a replayed chat request."""
        if compat.viewer() is None:
            return
        before = flow.server_conn
        hidden.hide(flow)

        async def wait() -> None:
            await holding.until_resumed(flow)
            hidden.reveal(flow)
            if flow.response is None and flow.killable:
                self._spawn(_cover(flow, before, turn))
                try:
                    if turn is not None:
                        _show(flow, turn)
                except Exception:  # the connection waits for the end of this
                    logger.exception("unexpected error in the live view")

        compat.before_sending(flow, wait)

    # --- while it is answered

    async def _refreshing(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            try:
                if live and time.monotonic() >= _not_before and compat.is_watched():
                    await refresh()
            except Exception:  # one odd flow must not end the view of all others
                logger.exception("unexpected error in the live view")

    # --- when it is over

    def keep(self, flow: http.HTTPFlow, upstream: http.HTTPFlow, most: int) -> None:
        """Note a finished turn, and take the oldest out of the list. most: 0 keeps all."""
        view = compat.viewer()
        if view is None or not most:
            return
        self._kept[flow.id] = [*self._kept.pop(flow.id, [flow.id]), upstream.id]
        for client in list(self._kept)[: max(0, len(self._kept) - most)]:
            flows = [one for id in self._kept[client] if (one := view.get_by_id(id)) is not None]
            if any(one.live or one.intercepted or _is_marked(one) for one in flows):
                continue  # it is replayed just now, or somebody wants it
            del self._kept[client]
            for one in flows:
                view.remove([one])


async def refresh() -> None:
    """Show how far each running turn has come, one after the other: a piece of a stream waits for one turn at most."""
    took = 0.0
    for flow, turn in list(live.items()):
        if live.get(flow) is not turn:
            continue  # it is over by now
        begun = time.perf_counter()
        if changed := _changed(flow, turn):
            compat.show_updated(changed)
        took += time.perf_counter() - begun
        await asyncio.sleep(0)
    spent(took)


def _changed(flow: http.HTTPFlow, turn: Exchange) -> list[http.HTTPFlow]:
    upstream = linked.get(turn)
    if flow.intercepted or upstream is None or not turn.sent(flow):
        return []
    flow_list.tell(flow, flow_list.running(flow, turn))
    if turn.body is None or upstream.response is None:
        upstream.response = turn.upstream_response
        return [flow, upstream]
    if flow.response is not None and turn.body.sent.size:
        flow.response.raw_content = turn.body.sent.whole()
    upstream.response.raw_content = turn.body.raw.whole()
    return [flow, upstream]


def upstream_flow(flow: http.HTTPFlow, turn: Exchange) -> http.HTTPFlow:
    """The exchange with the provider as a flow of its own, without its answer; the one that is shown, if it is."""
    if (shown := linked.get(turn)) is not None:
        return shown
    made = http.HTTPFlow(flow.client_conn, flow.server_conn, live=False)
    made.timestamp_created = flow.timestamp_created + 1e-6  # its place is behind the client's, wherever it is sorted
    made.metadata["relay"] = {"role": "upstream", "id": turn.id, "client_flow": flow.id}
    return made


def _show(flow: http.HTTPFlow, turn: Exchange) -> None:
    upstream = linked[turn] = upstream_flow(flow, turn)
    upstream.request = flow.request.copy()
    scrub_headers(upstream.request.headers)
    flow_list.tell(upstream, flow_list.running_upstream(turn))
    flow_list.tell(flow, flow_list.running(flow, turn))
    upstream.marked = flow_list.UPSTREAM
    compat.viewer().add([upstream])


async def _cover(flow: http.HTTPFlow, before: object, turn: Exchange | None) -> None:
    """Put the client's request back as soon as the chat request has gone: what is shown holds no key any more.

    Never before: what stands on the flow is what is sent. And the flow may be on its next way by now, in a replay."""
    request = flow.request
    while flow.request is request and flow.live and flow.server_conn is before:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(_SOON)
    if flow.request is not request or flow.server_conn is before:
        return
    if turn is None:
        scrub_headers(request.headers)
    elif live.get(flow) is turn:
        turn.restore(flow)


def _is_marked(flow: http.HTTPFlow) -> bool:
    return flow.marked not in ("", flow_list.FAILED, flow_list.UPSTREAM)
