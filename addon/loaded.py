"""Turns that are read from files: by `-r`, by *Open* of mitmweb, by the console's `view.flows.load`, by `-S`.

A file tells the facts of each turn; a recording of an older relay holds neither the words that filters ask for nor
today's comment and marker, and sorts the provider's side by the end of the turn. All this is made of the facts when a
flow is read, before any filter and any list sees it (a hook would come behind `-r FILE FILTER`, and never for
`view.flows.load`). The file stays as it is; what is saved anew holds it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mitmproxy import flow, http

from relay_translate.errors import one_line

from . import compat, flow_list
from .recording.flows import body_of, named_last, relay_facts

logger = logging.getLogger(__name__)

BEHIND = 1e-6  # seconds from a client's flow to its provider's, as they are made live
_MOST = 32  # flows of providers that wait for their client's: as many turns as may have ended between the two
_UPSTREAM = "↳ "
_OLDER_UPSTREAM = re.compile("upstream of [0-9a-f]{8}")
_KNOWN = 64  # clients' facts that are kept for a provider's side which comes later

_plainly: list[None] = []


def install() -> None:
    """Have mitmproxy's reader of flow files give every turn what the list shows of it."""
    compat.rewrite_read(lambda flows: flows if _plainly else described(flows))


@contextlib.contextmanager
def as_they_are() -> Iterator[None]:
    """Flows are read as they stand in their file, one after the other, by tools that count bytes meanwhile."""
    _plainly.append(None)
    try:
        yield
    finally:
        _plainly.pop()


def described(flows: Iterable[flow.Flow]) -> Iterator[flow.Flow]:
    """The same flows, a turn's two sides one behind the other, the client's first. What the reader raises is raised
    when all that it gave before has been given on."""
    pairing = _Pairing()
    try:
        for one in flows:
            yield from pairing.add(one)
    except Exception:
        yield from pairing.rest()
        raise
    yield from pairing.rest()


class _Pairing:
    """The provider's side is told of by its client's facts, and stands before it in files."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, http.HTTPFlow] = OrderedDict()
        self._known: OrderedDict[str, tuple[Mapping[str, Any], float]] = OrderedDict()

    def add(self, one: flow.Flow) -> Iterator[flow.Flow]:
        facts = relay_facts(one) if isinstance(one, http.HTTPFlow) else {}
        role, id = facts.get("role"), str(facts.get("id") or "")
        if isinstance(one, http.HTTPFlow) and flow_list.WORDS in one.metadata:
            _name_last(one, facts)
        is_told = not id or role not in ("client", "upstream") or flow_list.WORDS in one.metadata
        if is_told or not isinstance(one, http.HTTPFlow):
            yield one
        elif role == "client":
            _describe(one, facts)
            self._known[id] = facts, one.timestamp_created
            _shorten(self._known, _KNOWN)
            yield one
            if (upstream := self._waiting.pop(id, None)) is not None:
                yield self._described(id, upstream)
        elif id in self._known:
            yield self._described(id, one)
        else:
            if (other := self._waiting.pop(id, None)) is not None:
                yield self._described(id, other)
            self._waiting[id] = one
            while len(self._waiting) > _MOST:
                yield self._described(*self._waiting.popitem(last=False))

    def rest(self) -> Iterator[flow.Flow]:
        while self._waiting:
            yield self._described(*self._waiting.popitem(last=False))

    def _described(self, id: str, upstream: http.HTTPFlow) -> http.HTTPFlow:
        facts, created = self._known.get(id, ({}, None))
        _describe_upstream(upstream, facts)
        if created is not None:
            upstream.timestamp_created = created + BEHIND
        return upstream


def _shorten(values: OrderedDict[str, Any], most: int) -> None:
    while len(values) > most:
        values.popitem(last=False)


def _describe(one: http.HTTPFlow, facts: Mapping[str, Any]) -> None:
    with _harmless(one):
        _, own = _of_its_case(one)
        before = one.comment
        one.comment = "" if own == _older_comment(facts) else own
        flow_list.finish(one, facts)
        _end_in(one, before, own, facts)


def _describe_upstream(one: http.HTTPFlow, facts: Mapping[str, Any]) -> None:
    """facts: of the client's; {} when its flow was not saved, and the request has to tell."""
    with _harmless(one):
        _, own = _of_its_case(one)
        before = one.comment
        one.comment = "" if _OLDER_UPSTREAM.fullmatch(own) else own
        flow_list.finish_upstream(one, facts or _facts_of_request(one.request))
        _end_in(one, before, own, facts)


def _name_last(one: http.HTTPFlow, facts: Mapping[str, Any]) -> None:
    """A relay that told of a turn as today put the scenario's name first."""
    with _harmless(one):
        name, own = _of_its_case(one)
        if name and (own.startswith((_UPSTREAM, flow_list.SIGN)) or own == flow_list.comment(facts)):
            one.comment = ""
            flow_list.tell(one, named_last(own, name))


def _end_in(one: http.HTTPFlow, before: str, own: str, facts: Mapping[str, Any]) -> None:
    """What was told just now ends in the scenario's name; what somebody wrote is as it was before. own: of `before`."""
    told, one.comment = one.comment, before
    name, _ = _of_its_case(one)
    if told == own:
        _name_last(one, facts)
    else:
        one.comment = ""
        flow_list.tell(one, named_last(told, name) if name else told)


@contextlib.contextmanager
def _harmless(one: http.HTTPFlow) -> Iterator[None]:
    """A stranger's flow that can't be described is shown as it is."""
    before = one.comment
    try:
        yield
    except Exception:
        one.comment = before
        logger.exception("a turn that was loaded from a file could not be described in the list")


def _of_its_case(one: http.HTTPFlow) -> tuple[str, str]:
    """The name of the scenario that older recordings over scenarios began the comment with, or "", and the rest."""
    case = one.metadata.get("case")
    name = str(case.get("name") or "") if isinstance(case, Mapping) else ""
    own = one.comment.removeprefix(f"{name}: ") if name else one.comment
    return (name, own) if own != one.comment else ("", own)


def _older_comment(facts: Mapping[str, Any]) -> str:
    """What a relay before the words wrote: nobody's own, so it may be renewed."""
    timings, status, error = facts.get("timings"), str(facts.get("status")), facts.get("error")
    total = timings.get("total") if isinstance(timings, Mapping) else None
    parts = [flow_list.model(facts), flow_list.tokens(facts, str), f"{total or 0:.2f} s"]
    if isinstance(error, Mapping):
        parts.append(f"{status} {error.get('code')}: {one_line(str(error.get('message')))}")
    elif status != "completed":
        parts.append(status)
    return " · ".join(part for part in parts if part)


def _facts_of_request(request: http.Request) -> dict[str, Any]:
    facts: dict[str, Any] = {"provider": request.host}
    with contextlib.suppress(ValueError):
        body = json.loads(body_of(request))
        facts["model"] = body.get("model") if isinstance(body, dict) else None
    return facts
