"""What is stored of a turn: both flows without their keys, metadata, comment, and a line in the log."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterable, Mapping
from typing import Any

from mitmproxy import flow, http

import relay_translate
from relay_translate.errors import known_code, one_line
from relay_translate.quirks import QUIRKS

from . import compat, flow_list, keys
from .corpus import corpus
from .exchange import Exchange
from .recording.pieces import pack_pieces
from .recording.private import environment_secrets, machine_words
from .recording.scrub import Scrubber, withheld
from .replies import codex_version

logger = logging.getLogger(__name__)

_KNOWN_NOTES = 1000
_VERSIONS = {
    "relay": relay_translate.__version__,
    "mitmproxy": compat.MITMPROXY,
    "python": platform.python_version(),
}

_logged_notes: set[str] = set()
_logged_quirks: set[str] = set()


class Writing:
    """What becomes of a flow on its way to a file."""

    def __init__(self) -> None:
        self.configure(scrub=True)

    def configure(self, *, scrub: bool, patterns: Iterable[str] = ()) -> None:
        keys.remember(environment_secrets())
        words = machine_words() if scrub else ()
        self.scrubber = Scrubber(words, patterns, keys.known, only_keys=not scrub)

    def rewrite(self, written: flow.Flow) -> flow.Flow:
        """The flow that is written in its place. Never raises; what can't be scrubbed is not written."""
        if not isinstance(written, http.HTTPFlow):
            return written
        try:
            return self.scrubber.flow(written)
        except Exception:
            logger.exception("a flow could not be scrubbed; it is written without its content")
            return withheld(written)


def is_replayed_upstream(flow: http.HTTPFlow) -> bool:
    """Whether somebody sends the provider's side of a turn again: it is in the provider's language already, and its
    answer is for the person who looks at it, not for a client."""
    stored = flow.metadata.get("relay")
    return flow.is_replay == "request" and isinstance(stored, dict) and stored.get("role") == "upstream"


async def record(flow: http.HTTPFlow, exchange: Exchange, linked: http.HTTPFlow) -> None:
    """Everything that is left of a turn when it is over. linked: becomes the exchange with the provider. Never
    raises."""
    try:
        exchange.rest()
        write_down(flow, exchange, linked)
        exchange.keep()
        if not flow.is_replay:
            corpus.add(flow, exchange.response, exchange.asked.earlier)
        if flow.is_replay != "response":  # nothing went up: server replay answered
            await compat.announce(linked)
    except Exception:
        logger.exception("a turn could not be recorded")
        keys.scrub_flow(flow)


def write_down(flow: http.HTTPFlow, exchange: Exchange, linked: http.HTTPFlow) -> None:
    """What the two flows tell of a turn that is over."""
    keys.scrub_flow(flow, exchange.secrets)
    _complete(linked, flow, exchange)
    facts = _metadata(exchange, linked.id, replayed=flow.is_replay == "request")
    flow_list.finish(flow, facts)
    flow_list.finish_upstream(linked, facts)
    flow.metadata["relay"] = facts
    _log(exchange, facts)


def _complete(linked: http.HTTPFlow, flow: http.HTTPFlow, exchange: Exchange) -> None:
    """The exchange with the provider as a flow of its own: seen, saved, and found by server replay."""
    linked.server_conn = flow.server_conn
    linked.request = exchange.upstream_request.copy()
    linked.response = exchange.upstream_response
    if linked.response is None or linked.response.raw_content is None:
        linked.error = flow.error
    linked.metadata["relay"]["pieces"] = pack_pieces(exchange.body.pieces) if exchange.body else ""
    keys.scrub_flow(linked, exchange.secrets)


def _metadata(exchange: Exchange, linked: str, *, replayed: bool) -> dict[str, Any]:
    """As addon/recording describes it. Plain values only: mitmproxy loses a flow whose metadata it can't write."""
    outcome, context, timings = exchange.outcome, exchange.context, exchange.timings
    found: dict[str, Any] = {
        "role": "client",
        "id": exchange.id,
        "upstream_flow": linked,
        "provider": exchange.upstream.authority,
        "status": outcome.status,
        **({"replayed": True} if replayed else {}),
        "timings": {"first_byte": timings.first_byte, "first_token": timings.first_token, "total": timings.total},
        "client": {"codex": codex_version(exchange.client_request), "versions": _VERSIONS},
    }
    if (options := exchange.options) is not None:
        found["options"] = {
            "model_map": dict(options.model_map),
            "extra_params": _plain(dict(options.extra_params)),
            "drop_params": sorted(options.drop_params),
            "tool_denylist": sorted(options.tool_denylist),
            "disabled_quirks": sorted(options.disabled_quirks),
            "web_search": options.web_search,
        }
    if context is not None and exchange.translated is not None:
        found |= {"label": context.provider, "profile": context.profile.name}
        found |= {"model": context.model, "requested_model": context.requested_model}
        found["notes"] = list(exchange.translated.notes)
    if way := _failover(exchange):
        found["failover"] = way
    if outcome.summary is not None:
        found |= {"usage": _plain(outcome.summary.usage), "finish": outcome.summary.finish_reason}
        found["calls"] = list(outcome.summary.calls)
        found["quirks"] = list(outcome.summary.quirks)
        found["usage_estimated"] = outcome.summary.usage_estimated
        found["notes"] = [*found.get("notes", ()), *outcome.summary.notes]
    if outcome.error is not None:
        found["error"] = {"code": known_code(outcome.error), "message": outcome.error.message}
    if exchange.body is not None and (exchange.body.raw.cut or exchange.body.sent.cut):
        found["truncated"] = True
    return found


def _failover(exchange: Exchange) -> dict[str, str]:
    """{from, to, why} of a turn that stands in for another model, or that another one takes over from."""
    way, error = exchange.way, exchange.outcome.error
    if error is not None and error.replaced is not None and exchange.context is not None:
        why = one_line(error.replaced.message)
        return {"from": way.place.label, "to": exchange.successor, "why": why}
    if way.first is not None:
        return {"from": way.first.label, "to": way.place.label, "why": one_line(way.rest.why) if way.rest else ""}
    return {}


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _end(exchange: Exchange) -> str:
    outcome = exchange.outcome
    if outcome.error is not None:
        return f"{outcome.status} {known_code(outcome.error)}: {one_line(outcome.error.message)}"
    return outcome.status


def _log(exchange: Exchange, facts: Mapping[str, Any]) -> None:
    timings, first = exchange.timings, exchange.way.first
    first_token = f"first token {timings.first_token:.2f} s" if timings.first_token is not None else ""
    counts = flow_list.tokens(facts, str)
    middle = [part for part in (counts, first_token, f"{timings.total or 0:.2f} s") if part]
    level = logging.WARNING if exchange.outcome.error else logging.INFO
    whose = flow_list.model(facts) + (f" for {first.label}" if first else "")
    logger.log(level, "%s", f"{whose} at {exchange.upstream.authority}: {', '.join(middle)}, {_end(exchange)}")
    if exchange.context is not None and logger.isEnabledFor(logging.DEBUG):
        called = exchange.outcome.summary.calls if exchange.outcome.summary else ()
        logger.debug(
            "tools offered: %s; called: %s", " ".join(exchange.context.tools) or "none", " ".join(called) or "none"
        )
    summary_notes = exchange.outcome.summary.notes if exchange.outcome.summary else ()
    for note in (*(exchange.translated.notes if exchange.translated else ()), *summary_notes):
        if note not in _logged_notes and len(_logged_notes) < _KNOWN_NOTES:
            _logged_notes.add(note)
            logger.info("note: %s", one_line(note))
    for quirk in exchange.outcome.summary.quirks if exchange.outcome.summary else ():
        if quirk not in _logged_quirks:
            _logged_quirks.add(quirk)
            logger.info("quirk %s: %s (relay_disable_quirks=%s leaves it)", quirk, QUIRKS[quirk], quirk)
