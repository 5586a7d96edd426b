"""How the answers were streamed, over all of them: what the relay repairs by itself, told for the record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from addon.probe.question import Answer, Finding
from addon.probe.reply import Json, Reply
from relay_translate.stream import BROKEN, CUT, FILTERED, FINISHED

KNOWN_REASONS = FINISHED | CUT | FILTERED | BROKEN


def shapes(replies: Sequence[Reply]) -> Iterator[Finding]:
    """The rows about streams; none when nothing was answered."""
    whole = [reply for reply in replies if not reply.cut]
    if not replies:
        return
    streamed = sum(reply.streamed for reply in replies)
    yield _row("stream", "answers as a stream", "yes" if streamed == len(replies) else "no",
               f"{streamed} of {len(replies)}")  # fmt: skip
    if whole:
        done = sum(reply.done for reply in whole)
        yield _row("done", "[DONE] at the end", "yes" if done == len(whole) else "no", f"{done} of {len(whole)}")
        yield _usage(whole)
        yield _finish(whole)
    yield _reasoning(replies)
    yield _calls(replies)


def _row(name: str, asks: str, answer: Answer, says: str = "", value: object = None) -> Finding:
    return Finding(name, asks, answer, says, "seen in the answers", value)


def _usage(replies: Iterable[Reply]) -> Finding:
    places = {place: None for reply in replies for place, _ in reply.usages()}
    return _row("usage", "counts tokens", "yes" if places else "no", ", ".join(places))


def _finish(replies: Iterable[Reply]) -> Finding:
    reasons = Counter(reply.finish or "(none)" for reply in replies)
    strange = sorted(reason for reason in reasons if reason not in KNOWN_REASONS)
    says = ", ".join(reasons) + (f"; the relay does not know {', '.join(strange)}" if strange else "")
    return _row("finish", "a finish reason", "no" if "(none)" in reasons else "yes", says, strange)


def _reasoning(replies: Iterable[Reply]) -> Finding:
    places = Counter(place for reply in replies for place in reply.thought())
    if not places:
        return _row("reasoning", "reasoning in the answers", "unknown", "none was seen")
    return _row("reasoning", "reasoning in the answers", "yes", ", ".join(places), list(places))


def _calls(replies: Iterable[Reply]) -> Finding:
    oddities: dict[str, None] = {}
    seen = False
    for reply in replies:
        entries = list(reply.call_entries)
        seen = seen or bool(entries)
        oddities |= dict.fromkeys(_oddities(entries))
    if not seen:
        return _row("call_shape", "calls as the reference has them", "unknown", "no call was seen")
    says = ", ".join(oddities) or "a name first, then pieces of arguments"
    return _row("call_shape", "calls as the reference has them", "no" if oddities else "yes", says, list(oddities))


def _oddities(entries: list[Json]) -> Iterator[str]:
    """What is unusual about the pieces of the calls of one answer."""
    ids: dict[str, int | None] = {}
    named = Counter(entry.get("index") for entry in entries if _function(entry).get("name"))
    for entry in entries:
        function, given, index = _function(entry), entry.get("id"), entry.get("index")
        if index is None:
            yield "index missing"
        if given == "":
            yield 'id ""'
        if isinstance(function.get("arguments"), dict):
            yield "arguments as an object"
        if function.get("name") == "":
            yield 'name ""'
        if given:
            ids.setdefault(given, index)
    if entries and not ids:
        yield "id missing"
    if len(ids) > 1 and len(set(ids.values())) == 1:
        yield "one index for several calls"
    elif any(times > 1 for times in named.values()):
        yield "the name in each piece"
    if entries and min((entry.get("index") or 0) for entry in entries) > 0:
        yield "the first index is not 0"
    if entries and len(entries) == len(ids) and all(_function(entry).get("arguments") for entry in entries):
        yield "whole calls at once"


def _function(entry: Json) -> Json:
    function = entry.get("function")
    return function if isinstance(function, dict) else {}
