"""Turns while they run, for people who look on in mitmweb or the console. In mitmdump nothing of this happens.

The exchange with the provider gets its place in the list together with the client's, right behind it: a page that is
open shows flows as they come, and turns that begin at once would stand between each other. Both answers grow a few
times a second. Streams go first: one flow is shown at a time, with a pause behind it for what has arrived
meanwhile, so many turns at once are each shown less often, except the answer that somebody has open. Of finished turns
the list keeps the last `relay_keep_flows`: mitmweb itself never lets go of one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from mitmproxy import http

from . import compat, flow_list, hidden, holding, recorder
from .exchange import Exchange, live
from .intake import is_turn
from .keys import scrub_headers

logger = logging.getLogger(__name__)

PERIOD = 0.25  # seconds between two updates of a flow
MOST = 8  # updates a second, of all flows together: 16 streams feel twice as many, and do not feel these
BEHIND = 1.0  # seconds between two updates of a provider's side that nobody has open; its line hardly changes
SHARE = 50  # the time between updates is at least this many times what the last one took
OPEN = 2.0  # seconds for which an answer that was looked at counts as open
BESIDE = 20  # model lists, searches and refused requests that stay in the list
_SOON = 0.01  # seconds until it is looked again whether a request has gone

linked: WeakKeyDictionary[Exchange, http.HTTPFlow] = WeakKeyDictionary()
"""The flows that show the providers' sides of turns under way."""

_unsent: WeakKeyDictionary[http.HTTPFlow, http.HTTPFlow] = WeakKeyDictionary()
"""The same, by the client's flow, before there is a turn and while nothing has been sent."""

_not_before = 0.0
_NEVER = (0.0, None)
_shown: WeakKeyDictionary[http.HTTPFlow, tuple[float, object]] = WeakKeyDictionary()  # when, and what there was to see
_looked_at: WeakKeyDictionary[http.HTTPFlow, float] = WeakKeyDictionary()


def spent(seconds: float) -> None:
    """Something has been shown, and streams waited for it."""
    global _not_before
    _not_before = max(_not_before, time.monotonic() + seconds * SHARE)


def look_at(flow: http.HTTPFlow) -> None:
    """Somebody reads this flow's answer: it is shown before all others."""
    _looked_at[flow] = time.monotonic()


class LiveView:
    """Runs from `start` (mitmproxy's `running`) to `stop` (`done`)."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept: OrderedDict[str, list[str]] = OrderedDict()  # a finished turn's flow -> the ids of all its flows
        self._beside: OrderedDict[str, list[str]] = OrderedDict()  # the same of what is no turn

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
        if (view := compat.viewer()) is None:
            return
        hidden.hide(flow)
        if not is_turn(flow.request) or recorder.is_replayed_upstream(flow):
            return
        if (before := _before(flow)) is not None:
            _unsent[flow] = before  # it is answered in place, and so is this
        else:
            upstream = _unsent[flow] = _made(flow)
            upstream.request = flow.request.copy()
            upstream.request.path = "/chat/completions"
            upstream.comment, upstream.marked = "↳ not sent yet", flow_list.UPSTREAM
            view.add([flow, upstream])

    def unsent(self, flow: http.HTTPFlow) -> None:
        """The flow has ended without being a turn: nothing will be sent."""
        if (upstream := _unsent.pop(flow, None)) is not None and "relay" not in upstream.metadata:
            compat.viewer().remove([upstream])

    def is_deleted(self, flow: http.HTTPFlow, turn: Exchange) -> bool:
        """Whether somebody has taken a turn that is under way, or one side of it, out of the list."""
        return not all(compat.is_listed(one) for one in (flow, linked.get(turn)) if one is not None)

    def about_to_send(self, flow: http.HTTPFlow, turn: Exchange | None = None) -> None:
        """In `request`: what the flow now holds is sent once all hooks have run. No turn: a replayed chat request."""
        if compat.viewer() is None:
            return
        before = flow.server_conn
        hidden.hide(flow)

        async def wait() -> None:
            try:
                if await holding.until_resumed(flow) and turn is not None:
                    turn.timings.restart()  # the provider is not slow for it
                hidden.reveal(flow)
                if flow.response is None and flow.killable:
                    # Nobody pays for a request without a key, should it be sent after all.
                    compat.before_kill(flow, lambda: scrub_headers(flow.request.headers))
                    self._spawn(_cover(flow, before, turn))
                    if turn is not None:
                        _show(flow, turn)
            except Exception:  # the connection waits for the end of this
                logger.exception("unexpected error in the live view")

        compat.before_sending(flow, wait)

    # --- while it is answered

    async def _refreshing(self) -> None:
        while True:
            await asyncio.sleep(1 / MOST if live else PERIOD)
            try:
                if live and time.monotonic() >= _not_before and compat.is_watched():
                    refresh()
            except Exception:  # one odd flow must not end the view of all others
                logger.exception("unexpected error in the live view")

    # --- when it is over

    def keep(self, flow: http.HTTPFlow, upstream: http.HTTPFlow | None, most: int) -> None:
        """Note a finished turn, and take the oldest out of the list. most: 0 keeps all. upstream: None for what the
        relay answered by itself. Model lists and the like push out no turns; a few of them stay."""
        view = compat.viewer()
        if view is None or not most:
            return
        is_turn = upstream is not None and flow.request.method == "POST"
        kept = self._kept if is_turn else self._beside
        kept[flow.id] = [*kept.pop(flow.id, [flow.id]), *([upstream.id] if upstream else [])]
        for client in list(kept)[: max(0, len(kept) - (most if is_turn else min(most, BESIDE)))]:
            flows = [one for id in kept[client] if (one := view.get_by_id(id)) is not None]
            if any(one.live or one.intercepted or _is_marked(one) for one in flows):
                continue  # it is replayed just now, or somebody wants it
            del kept[client]
            for one in flows:
                view.remove([one])


@dataclass(frozen=True, order=True)
class _Due:
    """A flow whose turn it is to be shown. The order of these is the order in which they are."""

    unread: bool  # nobody has it open
    since: float
    number: int
    turn: Exchange = field(compare=False)
    client: http.HTTPFlow = field(compare=False)
    shown: http.HTTPFlow = field(compare=False)

    def size(self) -> int:
        """Bytes of its answer so far; -1 before the provider has answered at all."""
        body = self.turn.body
        if body is None:
            return -1 if self.turn.upstream_response is None else 0
        return (body.sent if self.shown is self.client else body.raw).size

    def fill(self) -> None:
        """Put on the flow what there is of the answer."""
        if self.shown is not self.client and self.shown.response is None:
            self.shown.response = self.turn.upstream_response
        body, response = self.turn.body, self.shown.response
        if body is not None and response is not None and self.size():
            response.raw_content = (body.sent if self.shown is self.client else body.raw).whole()


def refresh() -> None:
    """Show how far one flow has come: of those that have changed, the one that has waited longest."""
    begun = time.perf_counter()
    for due in _waiting(time.monotonic()):
        if due.shown is due.client:
            flow_list.tell(due.client, flow_list.running(due.client, due.turn))
        now = due.shown.comment, due.size()
        if _shown.get(due.shown, _NEVER)[1] != now:
            _shown[due.shown] = time.monotonic(), now
            due.fill()
            compat.show_updated([due.shown])
            break
    spent(time.perf_counter() - begun)


def _waiting(now: float) -> list[_Due]:
    found: list[_Due] = []
    for client, turn in list(live.items()):
        upstream = linked.get(turn)
        if client.intercepted or upstream is None or not turn.sent(client):
            continue
        for one in (client, upstream):
            is_open = now - _looked_at.get(one, -OPEN) < OPEN
            since = _shown.get(one, _NEVER)[0] + (PERIOD if is_open or one is client else BEHIND)
            if now >= since:
                found.append(_Due(not is_open, since, len(found), turn, client, one))
    return sorted(found)


def upstream_flow(flow: http.HTTPFlow, turn: Exchange) -> http.HTTPFlow:
    """The exchange with the provider as a flow of its own, without its answer; the one that is shown, if it is."""
    if (shown := linked.get(turn)) is not None:
        return shown
    made = _unsent.pop(flow, None) or _made(flow)
    if "relay" in made.metadata:
        made.backup()  # for Revert
        made.response = made.error = None
    made.server_conn = flow.server_conn
    made.metadata["relay"] = {"role": "upstream", "id": turn.id, "client_flow": flow.id}
    made.comment = ""
    return made


def _before(flow: http.HTTPFlow) -> http.HTTPFlow | None:
    """The provider's side of a turn that is sent again in place, if it is in the list."""
    stored = flow.metadata.get("relay")
    id = stored.get("upstream_flow") if flow.is_replay == "request" and isinstance(stored, dict) else None
    found = compat.viewer().get_by_id(str(id)) if id else None
    return found if isinstance(found, http.HTTPFlow) and not found.live else None


def _made(flow: http.HTTPFlow) -> http.HTTPFlow:
    made = http.HTTPFlow(flow.client_conn, flow.server_conn, live=False)
    made.timestamp_created = flow.timestamp_created + 1e-6  # its place is behind the client's, wherever it is sorted
    return made


def _show(flow: http.HTTPFlow, turn: Exchange) -> None:
    upstream = linked[turn] = upstream_flow(flow, turn)
    upstream.request = flow.request.copy()
    scrub_headers(upstream.request.headers)
    flow_list.tell(upstream, flow_list.running_upstream(turn))
    flow_list.tell(flow, flow_list.running(flow, turn))
    upstream.marked = flow_list.UPSTREAM
    if compat.is_listed(upstream):
        compat.show_updated([upstream])
    else:
        compat.viewer().add([upstream])


async def _cover(flow: http.HTTPFlow, before: object, turn: Exchange | None) -> None:
    """Put the client's request back as soon as the chat request has gone: what is shown holds no key any more.

    Never before: what stands on the flow is what is sent. And the flow may be on its next way by now, in a replay."""
    request = flow.request
    while flow.request is request and flow.live and flow.server_conn is before:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(_SOON)
    compat.forget_kill(flow)
    if flow.request is not request or flow.server_conn is before:
        return
    if turn is None:
        scrub_headers(request.headers)
    elif live.get(flow) is turn:
        turn.restore(flow)


def _is_marked(flow: http.HTTPFlow) -> bool:
    return flow.marked not in ("", flow_list.FAILED, flow_list.UPSTREAM)
