"""Bodies as people read them, in mitmweb and the console: a turn's request, its answer, and what became of both.

`Relay` is shown by itself for what passed the relay, and for nothing else; mitmproxy's own views (Raw, JSON) are one
click away. `Relay translation` shows both sides of a turn, whichever of its four bodies one looks at.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from mitmproxy import flow, http

from relay_translate import transcript

from . import body_views, compat, flow_list, holding, live_view
from .exchange import live
from .recording.flows import RecordedTurn, body_of, relay_facts
from .recording.pieces import cut, unpack_pieces

_KEPT = 4  # rendered texts: a browser asks for the same one again with every click
_rendered: OrderedDict[tuple[object, ...], str] = OrderedDict()
_under_way: WeakKeyDictionary[http.HTTPFlow, tuple[transcript.AnswerView, int]] = WeakKeyDictionary()


def offer() -> None:
    for view in (RelayView(), TranslationView()):
        body_views.add_body_view(view)


@dataclass(frozen=True)
class Side:
    """What a flow is in its turn. role: client, upstream; turn: the turn's id, "" for a request that was refused."""

    role: str
    turn: str
    facts: Mapping[str, Any]


def side_of(shown: flow.Flow | None) -> Side | None:
    """None for flows that are no turn of the relay's. Turns under way have no metadata yet."""
    if not isinstance(shown, http.HTTPFlow) or shown.request.method != "POST":
        return None
    facts = relay_facts(shown)
    running = live.get(shown)
    if running is not None:
        return Side("client", running.id, {})
    if (role := facts.get("role")) in ("client", "upstream"):
        return Side(str(role), str(facts.get("id")), facts)
    return Side("client", "", {}) if shown in holding.held or flow_list.WORDS in shown.metadata else None


class RelayView:
    name = "Relay"

    def priority(self, data: bytes, flow: flow.Flow | None, message: object) -> float:
        return 2 if data and isinstance(message, http.Message) and side_of(flow) is not None else -1

    def render(self, data: bytes, flow: flow.Flow | None, message: object) -> str:
        side = side_of(flow)
        if isinstance(message, http.Response):
            return _answer(data, flow, side)
        before = _previous(flow, side) if isinstance(flow, http.HTTPFlow) and side else b""
        return _once(("request", data, before), lambda: _request(data, before))


class TranslationView:
    name = "Relay translation"

    def priority(self, data: bytes, flow: flow.Flow | None, message: object) -> float:
        return -1

    def render(self, data: bytes, flow: flow.Flow | None, message: object) -> str:
        side = side_of(flow)
        if side is None or not side.turn:
            raise ValueError("this is no turn that the relay has translated")
        turn = turn_of(side.turn)
        if turn is None or turn.upstream is None:
            raise ValueError("the other side of this turn is not in the list")
        bodies = [body_of(turn.client.request), body_of(turn.upstream.request)]
        bodies += [body_of(turn.client.response), body_of(turn.upstream.response)]
        facts = turn.facts if turn.client not in live else {}
        return _once(("translation", *bodies), lambda: _translation(bodies, facts))


def turn_of(id: str, flows: Iterable[flow.Flow] | None = None) -> RecordedTurn | None:
    """Both flows of a turn, of those in the list (or of `flows`); None when the client's is not there."""
    found: dict[str, http.HTTPFlow] = {}
    for shown in compat.shown() if flows is None else flows:
        side = side_of(shown)
        if side is not None and side.turn == id and isinstance(shown, http.HTTPFlow):
            found[side.role] = shown
    return RecordedTurn(found["client"], found.get("upstream")) if "client" in found else None


def _previous(shown: http.HTTPFlow, side: Side) -> bytes:
    """The body of the request before this one in the client's conversation, on the same wire; b"" if there is none."""
    flows = compat.shown()
    turn = turn_of(side.turn, flows) if side.role == "upstream" else RecordedTurn(shown)
    if turn is None or not turn.thread:
        return b""
    before: http.HTTPFlow | None = None
    for other in flows:
        if not isinstance(other, http.HTTPFlow) or other.id == turn.client.id:
            continue
        of = side_of(other)
        if of is None or of.role != "client" or RecordedTurn(other).thread != turn.thread:
            continue
        if (before.timestamp_created if before else 0) < other.timestamp_created < turn.client.timestamp_created:
            before = other
    if before is None:
        return b""
    if side.role == "client":
        return body_of(before.request)
    of = side_of(before)
    pair = turn_of(of.turn, flows) if of else None
    return body_of(pair.upstream.request) if pair and pair.upstream else b""


def _request(data: bytes, before: bytes) -> str:
    try:
        body = json.loads(data)
    except ValueError as error:
        return f"not JSON: {error}\n\n{transcript.tidy(data.decode('utf-8', 'replace'))}"
    if not before:
        return transcript.request_view(body)
    differs = transcript.prefix_difference(before, data)
    told = f"differs at {differs}" if differs else "continues the last request, all of it"
    try:
        previous = json.loads(before)
    except ValueError:  # somebody has edited it
        previous = None
    return transcript.request_view(body, previous=previous, remarks=[f"prompt cache: {told}"])


def _answer(data: bytes, shown: flow.Flow | None, side: Side | None) -> str:
    turn = turn_of(side.turn) if side and side.turn else None
    running = live.get(turn.client) if turn else None
    if running is not None and isinstance(shown, http.HTTPFlow):
        live_view.look_at(shown)
        timings = {"first_byte": running.timings.first_byte, "first_token": running.timings.first_token, "total": None}
        return _timed(lambda: _growing(shown, data).text(timings=timings, status=transcript.RUNNING))
    whole = turn.facts if turn else {}
    facts = whole if side and side.role == "client" else {}
    ended = _ended(whole) if side and side.role == "upstream" else ""
    kind = _content_type(shown)

    def render() -> str:
        return transcript.answer_view(
            data,
            content_type=kind,
            timings=_mapping(whole.get("timings")),
            status=str(facts.get("status") or ""),
            error=_mapping(facts.get("error")),
            turn=ended,
            phases=_phases(turn),
        )

    return _once(("answer", data, kind, side.role if side else "", facts.get("status"), ended), render)


def _phases(turn: RecordedTurn | None) -> list[str]:
    """What the provider took how long for; [] when nobody noted when the pieces of its answer came."""
    if turn is None or turn.upstream is None:
        return []
    pieces = cut(body_of(turn.upstream.response), unpack_pieces(relay_facts(turn.upstream).get("pieces")))
    return transcript.phase_words((data, at / 1000) for data, at in pieces)


def _ended(facts: Mapping[str, Any]) -> str:
    """How the relay ended a turn that its provider may have called complete; "" when it was."""
    status, error = str(facts.get("status") or ""), _mapping(facts.get("error"))
    if status in ("", "completed"):
        return ""
    return f"{status}, {error.get('message')} ({error.get('code')})" if error else status


def _content_type(shown: flow.Flow | None) -> str:
    response = shown.response if isinstance(shown, http.HTTPFlow) else None
    return response.headers.get("content-type", "") if response else ""


def _growing(shown: http.HTTPFlow, data: bytes) -> transcript.AnswerView:
    """The view of an answer under way; only what has come since it was last looked at is read."""
    view, seen = _under_way.pop(shown, (None, 0))
    if view is None or len(data) < seen:
        view, seen = transcript.AnswerView(_content_type(shown)), 0
    view.receive(data[seen:])
    _under_way[shown] = view, len(data)
    return view


def _mapping(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) else None


def _translation(bodies: list[bytes], facts: Mapping[str, Any]) -> str:
    request, chat_request, answer, chat_answer = bodies
    return transcript.translation_view(
        json.loads(request),
        json.loads(chat_request),
        notes=[str(note) for note in facts.get("notes") or ()],
        quirks=[str(name) for name in facts.get("quirks") or ()],
        answer=answer,
        chat_answer=chat_answer,
        profile=str(facts.get("profile") or ""),
    )


def _once(key: tuple[object, ...], render: Callable[[], str]) -> str:
    """The text, made once."""
    if key not in _rendered:
        _rendered[key] = _timed(render)
        while len(_rendered) > _KEPT:
            _rendered.popitem(last=False)
    _rendered.move_to_end(key)
    return _rendered[key]


def _timed(render: Callable[[], str]) -> str:
    """The text. Streams wait while it is made, so the live view makes up for it."""
    begun = time.perf_counter()
    try:
        return render()
    finally:
        live_view.spent(time.perf_counter() - begun)
