"""What the list says of flows that end without a turn's answer: killed, left by their client, or sent again in vain."""

from __future__ import annotations

import asyncio
import re
from typing import NoReturn
from weakref import WeakSet

from mitmproxy import connection, ctx, http
from mitmproxy.exceptions import AddonHalt
from mitmproxy.flow import Error
from mitmproxy.proxy.layers.http import HttpErrorHook

from relay_translate.errors import one_line

from . import compat, flow_list, keys, live_view, recorder, replies
from .exchange import Exchange, Outcome, live

_OF_AN_ANSWER = re.compile(r" ?\b(?:(?:status|error|tool|quirk|failover)=\S*|slow\b)")

UNHEARD = 1.0  # seconds after which mitmproxy says no more of a client that has left

over: WeakSet[http.HTTPFlow] = WeakSet()
"""Turns that have ended by `error`. mitmproxy may call `response` after it, while that hook is still at work: when the
provider's answer ends with the connection, which mitmproxy closes for a client that has left."""

GOODBYE = 0.5  # seconds after which mitmproxy has looked whether the client is still there

_ending: set[asyncio.Task[None]] = set()
_refused: WeakSet[http.HTTPFlow] = WeakSet()


def no_turn(flow: http.HTTPFlow, ended_by: str, when: str) -> None:
    """A flow of the relay's that is over without having been a turn. ended_by: `killed` while it was held, or `client
    left`."""
    keys.scrub_flow(flow)
    sign = flow_list.SIGN if ended_by == "killed" else ""
    flow_list.tell(flow, f"{sign}{ended_by} {when}")
    flow.metadata[flow_list.WORDS] = f"role=client status={ended_by.replace(' ', '_')}"
    flow.response = None
    if ended_by == "killed":
        flow.response = replies.aborted(flow.request, events=replies.is_codex(flow.request))
        flow.marked = flow.marked or flow_list.FAILED
        tell_client(flow)


def tell_client(flow: http.HTTPFlow) -> None:
    """A flow was killed whose client has heard nothing: before mitmproxy closes the connection, it hears why."""
    if flow.response is not None:
        compat.leave_last_words(flow, flow.response)


async def error_instead(flow: http.HTTPFlow) -> NoReturn:
    """In `response`, for an answer that is not to be given: the addons behind the relay hear of an error, as they do of
    every other flow that was killed; some take it for granted that there is an answer. Raises AddonHalt."""
    await ctx.master.addons.trigger_event(HttpErrorHook(flow))
    raise AddonHalt


def heed_kills(now: float) -> None:
    """End the turns that somebody killed while their provider is waited for or answers: mitmproxy looks between two
    hooks only, and a long answer would be paid for to its end (measured with 11.0.2 and 12.3.1)."""
    for flow, turn in list(live.items()):
        is_open = turn.sent(flow) and turn.timings.total is None and turn.given_up is None
        if is_open and compat.ended_by(flow) == "killed" and compat.drop_upstream(flow):
            turn.give_up(replies.ABORTED)


def cut_off(flow: http.HTTPFlow, turn: Exchange) -> None:
    """mitmproxy ends while the provider is waited for or answers, and closes its files right after this: what there is
    of the turn is written down, by no hook any more."""
    turn.abandon(flow)
    if not turn.sent(flow):
        return
    live.pop(flow, None)
    over.add(flow)
    linked = live_view.upstream_flow(flow, turn)
    turn.end_time()
    if flow.response is not None:
        turn.keep_body(flow.response)
    turn.outcome = Outcome("relay ended", None, turn.body.translator.summary if turn.body else None)
    recorder.write_down(flow, turn, linked)
    if (save := ctx.master.addons.get("save")) is not None:
        save.save_flow(linked)


def forget_goodbye(flow: http.HTTPFlow) -> None:
    """Once the hooks of a complete turn have run: a client that hangs up meanwhile is no error of the turn's, but
    mitmproxy says so."""
    asyncio.get_running_loop().call_later(GOODBYE, _forget_goodbye, flow)


def _forget_goodbye(flow: http.HTTPFlow) -> None:
    if flow not in live and flow.error and compat.says_client_left(flow.error.msg):
        flow.error = None
        if compat.viewer() is not None:
            compat.show_updated([flow])


def was_of(flow: http.HTTPFlow, client: connection.Client) -> bool:
    """Whether the flow came from this connection; a replay has none."""
    return flow.client_conn.id == client.id and flow.is_replay is None


def end_later(client: connection.Client) -> None:
    """The client is gone. A turn whose connection to the provider is just being opened ends without a hook in mitmproxy
    (measured with 11.0.2 and 12.3.1); it would be under way for good, with the key on its flow."""
    task = asyncio.get_running_loop().create_task(_end(client), name="codex-relay turns of a client that left")
    _ending.add(task)
    task.add_done_callback(_ending.discard)


async def _end(client: connection.Client) -> None:
    await asyncio.sleep(UNHEARD)
    for flow in [one for one in live if was_of(one, client) and not one.intercepted]:
        flow.error = Error("Client disconnected.")
        await ctx.master.addons.handle_lifecycle(HttpErrorHook(flow))
        flow.live = False


def refuse(flow: http.HTTPFlow, why: str) -> None:
    """A request that the relay itself answers. mitmproxy replays a flow in place: what is told of a good turn would
    stand beside the refusal."""
    if flow.is_replay == "request":
        flow_list.forget(flow)
        why += _revert(flow)
    flow_list.refuse(flow, why)


def refuse_upstream(flow: http.HTTPFlow, why: str) -> None:
    """The same for the provider's side of a turn, replayed by itself."""
    _refused.add(flow)
    _tell_upstream(flow, f"{flow_list.SIGN}refused: {one_line(why)}{_revert(flow)}")
    flow.metadata[flow_list.WORDS] += " status=refused"


def upstream_answered(flow: http.HTTPFlow) -> None:
    """The provider's side of a turn, replayed by itself, has been answered or not."""
    if flow not in _refused:
        why = one_line(flow.error.msg) if flow.error else ""
        how = f"HTTP {flow.response.status_code}" if flow.response else why
        _tell_upstream(flow, " · ".join([*flow_list.told_words(flow, "model", "provider"), "replayed", how]))
    _refused.discard(flow)


def _revert(flow: http.HTTPFlow) -> str:
    """What mitmproxy keeps of a flow that it replays in place."""
    before = flow.get_state()["backup"] or {}
    return "; Revert brings its answer back" if before.get("response") else ""


def _tell_upstream(flow: http.HTTPFlow, comment: str) -> None:
    if flow.comment == "" or flow.comment.startswith("↳ "):  # nobody else has written one
        flow.comment = "↳ " + comment
    flow.metadata["relay"]["pieces"] = ""  # of the answer before
    flow.metadata[flow_list.WORDS] = _OF_AN_ANSWER.sub("", str(flow.metadata.get(flow_list.WORDS, "role=upstream")))
