"""A provider that hangs, where another model could answer: how long its first token is waited for.

Nobody else ends such a turn. Codex limits the time between events only, and not the time before an answer's head; and
a sign of life (heartbeat.py) is an event.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from mitmproxy import http

from relay_translate.errors import upstream_broke

from . import compat, exchange

FIRST_TOKEN = 300.0  # seconds; what Codex itself bears without an event, where `stream_idle_timeout_ms` is not set

_since: WeakKeyDictionary[http.HTTPFlow, float] = WeakKeyDictionary()  # when a turn was first found waiting


def give_up(now: float) -> None:
    """End the turns that have waited too long, so that the client's next try is answered by another model."""
    for flow, turn in list(exchange.live.items()):
        if not _waits(flow, turn):
            _since.pop(flow, None)
        elif now - _since.setdefault(flow, now) >= FIRST_TOKEN and compat.drop_upstream(flow):
            turn.give_up(upstream_broke(f"{turn.upstream.authority} has said nothing for {FIRST_TOKEN:g} s"))


def _waits(flow: http.HTTPFlow, turn: exchange.Exchange) -> bool:
    """Whether a request is on its way whose first token has not come, and somebody can take over. An answer in one
    piece has no first token, and one that somebody holds is not late."""
    if not turn.expects_token or turn.given_up or flow.intercepted or not turn.sent(flow):
        return False
    return bool(turn.context and turn.context.successor)
