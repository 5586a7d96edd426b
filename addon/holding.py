"""Intercept and edit: turns that wait for a person, before their translation.

mitmproxy's own `intercept` sees what it sends: the chat request, and the client's answer. Here the client's request and
the provider's answer are held, which are translated when the person resumes. A client waits for the head of an answer
as long as it takes (measured with Codex: its idle limit begins behind the head), so nothing is sent to it meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from weakref import WeakSet

from mitmproxy import flowfilter, http

from . import compat
from .exchange import Exchange
from .settings import Settings

logger = logging.getLogger(__name__)

TICK = 0.25  # seconds: how soon it is noticed that a flow was killed, or that its client has left

_FRAMING = ("content-encoding", "content-length")

_answers: WeakSet[http.HTTPFlow] = WeakSet()


async def until_resumed(flow: http.HTTPFlow) -> None:
    """Wait while somebody holds the flow. A client that leaves ends it; mitmproxy itself would hear of that later."""
    while flow.intercepted:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                await flow.wait_for_resume()
        if flow.intercepted and flow.is_replay is None and not flow.client_conn.connected and flow.killable:
            flow.kill()


async def hold_request(flow: http.HTTPFlow, settings: Settings | None) -> None:
    """Let a person edit the client's request where `relay_intercept` asks for it; in lines, as far as it is JSON."""
    if settings is None or not _matches(settings.inspection.intercept, flow):
        return
    before, kept = flow.request.raw_content, {name: flow.request.headers.get(name) for name in _FRAMING}
    _spread(flow.request)
    spread = flow.request.raw_content
    await _hold(flow, "held: edit the request, then resume")
    if flow.request.raw_content == spread:
        flow.request.raw_content = before
        flow.request.headers.update({name: value for name, value in kept.items() if value is not None})


def wants_answer(flow: http.HTTPFlow, turn: Exchange, settings: Settings | None) -> bool:
    """In `responseheaders`: whether the whole answer is needed before the client hears of it, because somebody holds
    it: as the provider gave it (`relay_intercept_answers`), or as it is translated (mitmproxy's `intercept`)."""
    turn.restore(flow)
    if settings is not None and _matches(settings.inspection.intercept_answers, flow):
        _answers.add(flow)
        return True
    return compat.will_be_intercepted(flow)


async def hold_answer(flow: http.HTTPFlow) -> None:
    """In `response`, before the translation: let a person edit the provider's answer, if it was wanted."""
    if flow in _answers:
        _answers.discard(flow)
        await _hold(flow, "held: edit the provider's answer, then resume")


def _matches(wanted: flowfilter.TFilter | None, flow: http.HTTPFlow) -> bool:
    return wanted is not None and flow.is_replay is None and bool(wanted(flow))


async def _hold(flow: http.HTTPFlow, comment: str) -> None:
    before, flow.comment = flow.comment, comment
    flow.intercept()
    compat.show_updated([flow])
    logger.info("%s %s is held for you to edit and resume", flow.request.method, flow.request.path.partition("?")[0])
    await until_resumed(flow)
    if flow.comment == comment:
        flow.comment = before


def _spread(request: http.Request) -> None:
    """A client's JSON is one line, which nobody can edit. What it says is the same, so the translation is."""
    with contextlib.suppress(ValueError, RecursionError):
        request.decode()
        text = json.dumps(json.loads(request.raw_content or b""), indent=1, ensure_ascii=False)
        request.content = text.encode()
