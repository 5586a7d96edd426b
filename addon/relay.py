"""The script for `mitmdump -s addon/relay.py`: hooks in flow order, nothing else.

Only live flows that came through a reverse mode are touched. Flows that are loaded, or added by this addon itself, run
through the same hooks and are left alone.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Set as AbstractSet
from pathlib import Path

from mitmproxy import connection, ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy import server_hooks

# mitmproxy puts only this script's own folder on the path, and a standalone mitmproxy can't install packages.
if (_root := str(Path(__file__).resolve().parent.parent)) not in sys.path:
    sys.path.append(_root)

from addon import (
    compat,
    exchange,
    guard,
    heartbeat,
    intake,
    keys,
    options,
    providers,
    recorder,
    replies,
    search,
    served_models,
    settings,
    upstream,
)
from addon.corpus import corpus
from addon.history import history

logger = logging.getLogger(__name__)


class Relay:
    def __init__(self) -> None:
        self.settings: settings.Settings | None = None
        self.is_running = False
        self.heartbeat = heartbeat.Heartbeat()
        self.writing = recorder.Writing()

    def load(self, loader: Loader) -> None:
        options.declare(loader)
        # Eager connects before the request is known, and a dead upstream then ends the client without an answer.
        ctx.options.update(connection_strategy="lazy")
        compat.install(replies.error_page, guard.wrong_place)
        compat.rewrite_written(self.writing.rewrite)

    def configure(self, updated: AbstractSet[str]) -> None:
        if not options.WATCHED & updated:
            return
        try:
            self._configure()
        except OptionsError as wrong:
            if self.is_running:
                raise  # mitmproxy takes the change back and says why
            # Raised at the start it would be shown as a traceback; an error in the log ends the start as well.
            logger.error("%s", wrong)

    def _configure(self) -> None:
        settings.refuse_unknown(compat.unknown_options("relay_"))
        settings.refuse_streaming(ctx.options.stream_large_bodies)
        values = {name: getattr(ctx.options, name) for name in (*options.OPTIONS, options.PATTERNS)}
        targets = [providers.Upstream(*target) for target in compat.running_targets()]
        self.settings = settings.parse(values, targets)
        keys.remember(self.settings.keys)
        self.writing.configure(scrub=self.settings.scrub, patterns=self.settings.scrub_patterns)
        try:
            history.configure(self.settings.history)
            corpus.configure(self.settings.corpus, self.writing.scrubber)
        except ValueError as wrong:
            raise OptionsError(str(wrong)) from None

    def running(self) -> None:
        self.is_running = True
        self.heartbeat.start()
        if compat.listens_to_everybody():
            logger.warning(
                "the relay listens on every network interface, for anybody who can reach this machine; "
                "add --listen-host 127.0.0.1 (codex-relay: --bind 127.0.0.1)"
            )
        if not compat.running_targets():
            logger.warning(
                "no reverse mode is running, nothing will be translated; add --mode reverse:http://HOST:PORT"
            )

    async def request(self, flow: http.HTTPFlow) -> None:
        target = _target(flow)
        if target is None or flow.response is not None:
            return
        if intake.is_search(flow.request):
            await search.answer(flow, self.settings.search if self.settings else None)
            return
        if self.settings and self.settings.providers and intake.is_models(flow.request):
            await served_models.answer(flow, self.settings)
            return
        if recorder.is_replayed_upstream(flow):
            flow.response = upstream.refuse_replay(flow.request, self.settings)
            guard.guard(flow, self.settings)
            return
        turn = exchange.open_exchange(flow.request, self.settings, target)
        if isinstance(turn, http.Response):
            flow.response = turn
            flow.marked = recorder.FAILED
        else:
            turn.no_server = flow.server_conn
            exchange.live[flow] = turn
            flow.request = turn.upstream_request
            guard.guard(flow, self.settings)

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        if why := guard.wrong_server(data.client, data.server):
            logger.error("%s", why)
            data.server.error = why

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if _target(flow) is None or flow.response is None:
            return
        turn = exchange.live.get(flow)
        if turn is None:
            if flow.response.raw_content is None and not recorder.is_replayed_upstream(flow):
                logger.error("an answer that belongs to no translated request was stopped")
                flow.kill()
            return
        try:
            turn.begin_answer(flow)
        except Exception:
            logger.exception("unexpected error at the start of an answer")
            turn.broken = replies.our_fault("this answer")
            flow.response.stream = False  # buffered, and replaced in `response`

    async def response(self, flow: http.HTTPFlow) -> None:
        if _target(flow) is None:
            return
        guard.forget(flow)
        turn = exchange.live.pop(flow, None)
        if turn is None:
            keys.scrub_flow(flow)
            return
        try:
            turn.finish_answer(flow)
        except Exception:
            logger.exception("unexpected error at the end of an answer")
            flow.response = turn.refusal(replies.our_fault("this answer"))
        await recorder.record(flow, turn)

    async def error(self, flow: http.HTTPFlow) -> None:
        if _target(flow) is None:
            return
        guard.forget(flow)
        turn = exchange.live.pop(flow, None)
        why = flow.error.msg if flow.error else "unknown error"
        ended_by = compat.ended_by(flow)
        if turn is None:
            if not ended_by and not recorder.is_replayed_upstream(flow):
                flow.response = replies.broken_request(flow.request, why)
                compat.leave_last_words(flow, flow.response)
            keys.scrub_flow(flow)
            return
        try:
            response, rest = turn.break_off(flow, why, ended_by)
        except Exception:
            logger.exception("unexpected error at the end of a broken answer")
            response, rest = turn.refusal(replies.our_fault("this answer")), b""
        compat.leave_last_words(flow, response, rest)
        await recorder.record(flow, turn)

    def client_disconnected(self, client: connection.Client) -> None:
        compat.forget_client(client)

    def done(self) -> None:
        if compat.shutting_down():  # not when the script is reloaded, which turns survive
            for flow, turn in list(exchange.live.items()):
                turn.abandon(flow)
            history.close()
        self.heartbeat.stop()
        compat.uninstall()


def _target(flow: http.HTTPFlow) -> providers.Upstream | None:
    target = compat.reverse_target(flow) if flow.live else None
    return providers.Upstream(*target) if target else None


addons = [Relay()]
