"""Intercept and edit: turns that wait for a person.

The relay's own options hold what is translated when the person resumes: the client's request and the provider's answer.
mitmproxy's `intercept` asks for the chat request and the client's answer. All four wait here: mitmproxy's own waiting
never ends when a held flow is killed (mitmweb's Abort), and does not hear of a client that leaves. A client waits for
the head of an answer as long as it takes (measured with Codex: its idle limit begins behind the head), so nothing is
sent to it meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Literal
from weakref import WeakKeyDictionary, WeakSet

from mitmproxy import flowfilter, http

from relay_translate.editable import editable

from . import compat
from .exchange import Exchange
from .intake import is_turn
from .settings import Settings

logger = logging.getLogger(__name__)

TICK = 0.25  # seconds: how soon it is noticed that a flow was killed, or that its client has left

_FRAMING = ("content-encoding", "content-length")

held: WeakSet[http.HTTPFlow] = WeakSet()
"""Clients' flows that wait for a person."""

_answers: WeakSet[http.HTTPFlow] = WeakSet()
_ended: WeakKeyDictionary[http.HTTPFlow, str] = WeakKeyDictionary()


def forget(flow: http.HTTPFlow) -> None:
    """mitmproxy replays a flow in place: how it ended before is of no interest any more."""
    _ended.pop(flow, None)
    _answers.discard(flow)


def ended(flow: http.HTTPFlow) -> str:
    """How a flow ended while it was held: `killed` by somebody, or `client left`. Else ""."""
    return _ended.get(flow, "")


async def hold_request(flow: http.HTTPFlow, settings: Settings | None) -> None:
    """Let a person edit the client's request of a turn where `relay_intercept` asks for it."""
    if settings is not None and is_turn(flow.request) and _matches(settings.inspection.intercept, flow):
        flow.intercept()
        await _hold_spread(flow, "request", "held: edit the request, then resume")


async def until_resumed(flow: http.HTTPFlow) -> bool:
    """Once the hooks of `request` have run: let a person edit what mitmproxy's `intercept` holds, the chat request.
    Gives whether it was held."""
    if not flow.intercepted:
        return False
    await _hold_spread(flow, "request", "held: edit the chat request, then resume")
    return True


def wants_answer(flow: http.HTTPFlow, turn: Exchange, settings: Settings | None) -> bool:
    """In `responseheaders`: whether the whole answer is needed before the client hears of it, because somebody holds
    it: as the provider gave it (`relay_intercept_answers`), or as it is translated (mitmproxy's `intercept`)."""
    turn.restore(flow)
    if settings is not None and turn.context and _matches(settings.inspection.intercept_answers, flow):
        _answers.add(flow)
        return True
    return compat.will_be_intercepted(flow)


async def hold_answer(flow: http.HTTPFlow) -> None:
    """In `response`, before the translation: let a person edit the provider's answer, if it was wanted."""
    if flow in _answers and flow.killable:
        _answers.discard(flow)
        flow.intercept()
        await _hold_spread(flow, "response", "held: edit the provider's answer, then resume")


async def hold_translated(flow: http.HTTPFlow, *, is_told: bool = False) -> None:
    """In `response`: let a person edit what the client is told, where mitmproxy's `intercept` asks for it. Not left to
    mitmproxy, which would hold it when it has been recorded. is_told: the client has heard it already."""
    what_to_do = "the client has heard it; resume" if is_told else "edit the answer, then resume"
    if flow.killable and compat.will_be_intercepted(flow):
        flow.intercept()
        await _hold(flow, f"held: {what_to_do}")
        compat.leave_alone(flow)


def hold_unsent_once(flow: http.HTTPFlow) -> None:
    """In `request`: what the relay has answered itself is held in `response`, if at all."""
    if flow.response is not None and flow.is_replay is None:
        compat.leave_alone(flow)


def let_go() -> None:
    """mitmproxy ends, and saves flows that are still open as they stand: nobody waits for them any more."""
    for flow in list(held):
        flow.intercepted = False
        flow.comment = "relay ended while this was held"


def _matches(wanted: flowfilter.TFilter | None, flow: http.HTTPFlow) -> bool:
    return wanted is not None and flow.is_replay is None and bool(wanted(flow))


async def _hold_spread(flow: http.HTTPFlow, side: Literal["request", "response"], comment: str) -> None:
    """In lines, as far as it is JSON, and the pieces of an answer's text as one. What nobody edits goes on as it came,
    byte for byte."""
    message: http.Message = getattr(flow, side)
    before, kept = message.raw_content, {name: message.headers.get(name) for name in _FRAMING}
    _spread(message)
    spread = message.raw_content
    await _hold(flow, comment)
    message = getattr(flow, side)  # an edit that was reverted makes a new one
    if message is not None and message.raw_content == spread:
        message.raw_content = before
        message.headers.update({name: value for name, value in kept.items() if value is not None})


async def _hold(flow: http.HTTPFlow, comment: str) -> None:
    """Wait while somebody holds the flow, and no longer than its client waits."""
    before, flow.comment = flow.comment, comment
    held.add(flow)
    compat.show_updated([flow])
    logger.info("%s %s is held for you to edit and resume", flow.request.method, flow.request.path.partition("?")[0])
    while flow.intercepted:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                await flow.wait_for_resume()
        if flow.intercepted and flow.is_replay is None and not flow.client_conn.connected and flow.killable:
            _ended[flow] = "client left"
            flow.kill()
        if flow.intercepted and flow.killable and not compat.is_listed(flow):
            flow.kill()  # somebody has cleared the list: nobody can resume it any more
    held.discard(flow)
    if not flow.killable:
        _ended.setdefault(flow, "killed")
    if flow.comment == comment:
        flow.comment = before


def _spread(message: http.Message) -> None:
    """It is one line, or many pieces, which nobody can edit. What it says is the same."""
    with contextlib.suppress(ValueError):  # an encoding that mitmproxy does not know
        if isinstance(message, http.Request):
            message.decode()  # that of an answer is undone where it is translated
        if message.raw_content:
            message.content = editable(message.content or b"")
