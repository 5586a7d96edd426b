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
from mitmproxy.exceptions import AddonHalt, OptionsError
from mitmproxy.proxy import server_hooks

# mitmproxy puts only this script's own folder on the path, and a standalone mitmproxy can't install packages.
if (_root := str(Path(__file__).resolve().parent.parent)) not in sys.path:
    sys.path.append(_root)

from addon import (
    commands,
    compat,
    endings,
    exchange,
    flow_list,
    guard,
    heartbeat,
    hidden,
    holding,
    inspection,
    intake,
    keys,
    live_view,
    loaded,
    options,
    providers,
    recorder,
    replies,
    routing,
    search,
    served_models,
    settings,
    stand_ins,
    upstream,
    views,
)
from addon.corpus import corpus
from addon.history import history
from addon.stats.totals import Totals

logger = logging.getLogger(__name__)


class Relay:
    def __init__(self) -> None:
        self.settings: settings.Settings | None = None
        self.is_running = False
        self.heartbeat = heartbeat.Heartbeat()
        self.live_view = live_view.LiveView()
        self.writing = recorder.Writing()
        self.totals = Totals()
        # mitmproxy finds what else there is of an addon here.
        self.addons = [commands.Commands(self.totals, lambda: self.settings)]

    def load(self, loader: Loader) -> None:
        options.declare(loader)
        # Eager connects before the request is known, and a dead upstream then ends the client without an answer.
        ctx.options.update(connection_strategy="lazy")
        compat.install(replies.error_page, guard.wrong_place)
        compat.rewrite_written(self.writing.rewrite)
        compat.prefer_columns(flow_list.COLUMNS)
        views.offer()
        loaded.install()

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
        inspection.refuse_open_web(compat.web_host_without_login())
        inspection.refuse_holding(values, somebody_looks=compat.viewer() is not None)
        targets = [providers.Upstream(*target) for target in compat.running_targets()]
        self.settings = settings.parse(values, targets)
        keys.remember(self.settings.keys)
        for doubt in routing.doubtful(self.settings):
            logger.warning("%s", doubt)
        self.writing.configure(scrub=self.settings.scrub, patterns=self.settings.scrub_patterns)
        try:
            history.configure(self.settings.history)
            corpus.configure(self.settings.corpus, self.writing.scrubber)
        except ValueError as wrong:
            raise OptionsError(str(wrong)) from None

    def running(self) -> None:
        self.is_running = True
        self.heartbeat.start()
        self.live_view.start()
        stand_ins.lists.ask(self.settings)
        if compat.web_host_without_login() is not None:
            logger.warning(
                "mitmweb of mitmproxy 11.0 asks for no password: everybody on this machine can read and change what "
                "passes; mitmproxy 12 asks for one"
            )
        if self.settings and self.settings.api_key and not self.settings.key_variable and compat.is_web():
            logger.warning(
                "relay_api_key holds the key itself, which mitmweb shows under Options; put it into an environment "
                "variable, and name that: relay_api_key=env:NAME"
            )
        if compat.listens_to_everybody():
            logger.warning(
                "the relay listens on every network interface, for anybody who can reach this machine; "
                "add --listen-host 127.0.0.1 (codex-relay: --bind 127.0.0.1)"
            )
        if not compat.running_targets():
            logger.warning(
                "no reverse mode is running, nothing will be translated; add --mode reverse:http://HOST:PORT"
            )

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if _target(flow) is not None:
            holding.forget(flow)
            endings.over.discard(flow)
            self.live_view.begin(flow)

    async def request(self, flow: http.HTTPFlow) -> None:
        target = _target(flow)
        if target is None or flow.response is not None:
            return
        await self._request(flow, target)
        holding.hold_unsent_once(flow)

    async def _request(self, flow: http.HTTPFlow, target: providers.Upstream) -> None:
        try:
            await holding.hold_request(flow, self.settings)
        except Exception:
            logger.exception("unexpected error while a request was held; it was not sent on")
            flow.response = replies.as_status(replies.our_fault("this request"))
            return
        if not flow.killable:
            endings.no_turn(flow, holding.ended(flow) or "killed", "before it was translated")
            self._keep(flow)
            raise AddonHalt  # mitmproxy's own intercept would hold it again, for nobody
        if intake.is_search(flow.request):
            await search.answer(flow, self.settings.search if self.settings else None)
            self._keep(flow)
            return
        if self.settings and self.settings.providers and intake.is_models(flow.request):
            await served_models.answer(flow, self.settings)
            self._keep(flow)
            return
        hidden.reveal(flow)
        if recorder.is_replayed_upstream(flow):
            exchange.replayed.add(flow)
            self._replay_upstream(flow)
            guard.guard(flow, self.settings)
            self.live_view.about_to_send(flow)
            return
        await stand_ins.lists.before_turn(self.settings, target)
        turn = exchange.open_exchange(flow.request, commands.settings_of(flow, self.settings), target)
        if isinstance(turn, exchange.Refusal):
            flow.response = turn.response
            keys.scrub_headers(flow.request.headers)
            endings.refuse(flow, turn.why)
            self._keep(flow)
        else:
            if flow.is_replay == "request":
                flow_list.forget(flow)
            turn.no_server = flow.server_conn
            exchange.live[flow] = turn
            flow.request = turn.upstream_request
            guard.guard(flow, self.settings)
            self.live_view.about_to_send(flow, turn)

    def _replay_upstream(self, flow: http.HTTPFlow) -> None:
        if error := upstream.refuse_replay(flow.request, self.settings):
            flow.response = replies.as_status(error)
            endings.refuse_upstream(flow, error.message)

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        if why := guard.wrong_server(data.client, data.server):
            logger.error("%s", why)
            data.server.error = why

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if _target(flow) is None or flow.response is None:
            return
        turn = exchange.live.get(flow)
        if turn is None:
            keys.scrub_headers(flow.request.headers)  # it was sent, and is shown after this hook
            if flow.response.raw_content is None and not recorder.is_replayed_upstream(flow):
                logger.error("an answer that belongs to no translated request was stopped")
                flow.kill()
            return
        try:
            turn.begin_answer(flow, whole=holding.wants_answer(flow, turn, self.settings))
        except Exception:
            logger.exception("unexpected error at the start of an answer")
            turn.broken = replies.our_fault("this answer")
            flow.response.stream = False  # buffered, and replaced in `response`

    def _at_the_end(self, flow: http.HTTPFlow) -> None:
        """First of all in `response` and `error`. Raises AddonHalt for a turn that is over: who comes behind the relay
        has heard of it, and it would be written twice."""
        if flow not in exchange.live:
            self.live_view.unsent(flow)
        if flow in endings.over:
            raise AddonHalt

    async def response(self, flow: http.HTTPFlow) -> None:
        self._at_the_end(flow)
        if not _is_under_way(flow):
            return
        guard.forget(flow)
        turn = exchange.live.pop(flow, None)
        if turn is None:
            keys.scrub_flow(flow)
            if recorder.is_replayed_upstream(flow):
                endings.upstream_answered(flow)
            await holding.hold_translated(flow)
            if how := holding.ended(flow):
                endings.no_turn(flow, how, "before it was answered")
                self._keep(flow)
        else:
            await self._finish(flow, turn)
        exchange.replayed.discard(flow)
        if not flow.killable:
            await endings.error_instead(flow)

    async def _finish(self, flow: http.HTTPFlow, turn: exchange.Exchange) -> None:
        turn.end_time()
        try:
            await holding.hold_answer(flow)
            turn.finish_answer(flow)
            await holding.hold_translated(flow, is_told=turn.is_told)
            if turn.is_told and holding.ended(flow) == "client left":
                flow.error = None  # it had heard everything
            elif not flow.killable:
                turn.kill(flow, holding.ended(flow) or "killed")
        except Exception:
            logger.exception("unexpected error at the end of an answer")
            flow.response = turn.refusal(replies.our_fault("this answer"))
        await self._record(flow, turn)

    async def error(self, flow: http.HTTPFlow) -> None:
        self._at_the_end(flow)
        if not _is_under_way(flow):
            return
        guard.forget(flow)
        turn = exchange.live.pop(flow, None)
        why = flow.error.msg if flow.error else "unknown error"
        ended_by = compat.ended_by(flow)
        if turn is not None and turn.given_up is replies.ABORTED:
            ended_by = "killed"  # mitmproxy has put its own words in the place of that
        if turn is None:
            if recorder.is_replayed_upstream(flow):
                endings.upstream_answered(flow)
                exchange.replayed.discard(flow)
            elif ended_by == "killed" or compat.says_client_left(why):
                endings.no_turn(flow, ended_by or "client left", "during its request")
                self._keep(flow)
            else:
                flow.response = replies.broken_request(flow.request, why)
                endings.refuse(flow, why)
                compat.leave_last_words(flow, flow.response)
                self._keep(flow)
            keys.scrub_flow(flow)
            return
        endings.over.add(flow)
        try:
            how = holding.ended(flow) or ("killed" if ended_by == "killed" and not turn.has_begun else "")
            if how:
                turn.kill(flow, how)
                response, rest = None, b""
            else:
                response, rest = turn.break_off(flow, why, ended_by)
        except Exception:
            logger.exception("unexpected error at the end of a broken answer")
            response, rest = turn.refusal(replies.our_fault("this answer")), b""
        if response is not None and ended_by != "client left":
            compat.leave_last_words(flow, response, rest)
        await self._record(flow, turn)

    async def _record(self, flow: http.HTTPFlow, turn: exchange.Exchange) -> None:
        is_deleted = self.live_view.is_deleted(flow, turn)
        linked = live_view.upstream_flow(flow, turn)
        await recorder.record(flow, turn, linked)
        if is_deleted:
            compat.viewer().remove([linked])  # where the hooks of its life have brought it back
        if turn.outcome.status == "killed" and not turn.has_begun:
            endings.tell_client(flow)
        if turn.outcome.status == "completed":
            endings.forget_goodbye(flow)
        self.totals.add_flow(flow)
        self._keep(flow, linked)

    def _keep(self, flow: http.HTTPFlow, linked: http.HTTPFlow | None = None) -> None:
        self.live_view.keep(flow, linked, self.settings.inspection.keep_flows if self.settings else 0)

    def client_disconnected(self, client: connection.Client) -> None:
        compat.forget_client(client)
        if any(endings.was_of(flow, client) for flow in exchange.live):
            endings.end_later(client)

    def done(self) -> None:
        if compat.shutting_down():  # not when the script is reloaded, which turns survive
            holding.let_go()
            for flow, turn in list(exchange.live.items()):
                try:
                    endings.cut_off(flow, turn)
                except Exception:
                    logger.exception("a turn under way could not be recorded")
                    keys.scrub_flow(flow)
            history.close()
        self.heartbeat.stop()
        stand_ins.lists.stop()
        self.live_view.stop()
        compat.uninstall()


def _target(flow: http.HTTPFlow) -> providers.Upstream | None:
    target = compat.reverse_target(flow) if flow.live else None
    return providers.Upstream(*target) if target else None


def _is_under_way(flow: http.HTTPFlow) -> bool:
    """Whether it is of the relay's own; one that was killed is not live any more."""
    return _target(flow) is not None or flow in exchange.live or flow in exchange.replayed


addons = [Relay()]
