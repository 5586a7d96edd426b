"""A turn in the list of flows: its comment, its marker, and the words that filters find it by.

A comment is often cut (mitmproxy's own columns leave it twenty characters), so it begins with what differs from turn to
turn; one that begins with ↳ tells of the exchange with the provider, which stands below its client's. The words are for
`~meta`, one `name=value` each: `model=`, `asked=`, `provider=`, `profile=`, `status=`, `error=`, `tool=`, `quirk=`,
`codex=`, `failover=` (who took over), and `slow`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from mitmproxy import http

from relay_translate.errors import one_line

from .exchange import Exchange

COLUMNS = ("comment",)  # mitmweb shares the room out by a plan in which a status gets half of what a comment does
FAILED = ":red_circle:"
SIGN = "🔴 "
"""What a failed turn's comment begins with: a client is answered 200 and told in the stream, so that its status is
green, and mitmweb shows markers beside paths only. The same as its marker, which the console shows."""
UPSTREAM = ":arrow_right_hook:"
WORDS = "relay_words"

_CUT = ("killed", "client left", "relay ended")  # before the provider had said all
SLOW_FIRST, SLOW_TOTAL = 10.0, 60.0  # seconds that a person waits with a question
_ERROR = 200  # characters of an error

_written: WeakKeyDictionary[http.HTTPFlow, str] = WeakKeyDictionary()


# --- what the list says -----------------------------------------------------------------------------------------------


def tell(flow: http.HTTPFlow, comment: str) -> None:
    """Set the comment, unless somebody has written one."""
    if flow.comment in ("", _written.get(flow)) or flow.comment in _of_its_metadata(flow):
        flow.comment = _written[flow] = comment


def forget(flow: http.HTTPFlow) -> None:
    """It is sent again, in place: what became of it before would be found as what it is now, and saved with what there
    is of it if mitmproxy ends meanwhile. *Revert* brings it back."""
    tell(flow, "")
    flow.metadata.pop(WORDS, None)
    flow.metadata.pop("relay", None)


def finish(flow: http.HTTPFlow, facts: Mapping[str, Any]) -> None:
    """The client's flow of a turn that is over. facts: `metadata["relay"]`."""
    tell(flow, comment(facts))
    flow.metadata[WORDS] = words(facts, "client")
    if facts.get("status") in ("failed", "killed"):
        flow.marked = flow.marked or FAILED
    elif flow.marked == FAILED:  # of the time before it was replayed
        flow.marked = ""


def finish_upstream(flow: http.HTTPFlow, facts: Mapping[str, Any]) -> None:
    """The linked flow. facts: those of the client's."""
    status = f"HTTP {flow.response.status_code}" if flow.response else one_line(flow.error.msg if flow.error else "")
    cut = facts.get("status") if facts.get("status") in _CUT else ""
    parts = [model(facts), str(facts.get("label") or facts.get("provider") or ""), status, facts.get("finish"), cut]
    tell(flow, "↳ " + _joined(parts))
    flow.metadata[WORDS] = words(facts, "upstream")
    flow.marked = flow.marked or UPSTREAM


def refuse(flow: http.HTTPFlow, why: str) -> None:
    """A request that the relay itself answers."""
    tell(flow, f"{SIGN}refused: {one_line(why)}")
    flow.metadata[WORDS] = "role=client status=refused"
    flow.marked = flow.marked or FAILED


def running(flow: http.HTTPFlow, turn: Exchange) -> str:
    """`4 s, 143 pieces · 0.80 s first · model · provider`, of a turn under way."""
    now, timings = turn.timings.now(), turn.timings
    if turn.body is None or timings.first_byte is None:
        told = [f"waiting {now:.0f} s"]
    else:
        first = f"{seconds(timings.first_token)} first" if timings.first_token is not None else ""
        told = [f"{now:.0f} s, {len(turn.body.pieces)} pieces", first]
    return _joined([*told, _model_of(turn), _provider_of(turn)])


def running_upstream(turn: Exchange) -> str:
    return "↳ " + _joined([_model_of(turn), _provider_of(turn)])


def comment(facts: Mapping[str, Any]) -> str:
    """`12.3k (11.9k cached) in, 210 out · 0.80 s first, 4.2 s · shell ×2 · model · provider · quirk think-tags`."""
    slow = "slow" if _is_slow(facts) else ""
    told = [_end(facts), _failover(facts), tokens(facts), _times(facts), slow, _calls(facts), model(facts)]
    told.append(str(facts.get("label") or facts.get("provider") or ""))
    told += [_asked(facts), "sent again" if facts.get("replayed") else ""]
    quirks = [str(name) for name in facts.get("quirks") or ()]
    told.append(f"quirk {', '.join(quirks)}" if quirks else "")
    return _joined(told)


def words(facts: Mapping[str, Any], role: str) -> str:
    """The line that `~meta` is asked for, one `name=value` after the other."""
    return " ".join(_words(facts, role))


def _words(facts: Mapping[str, Any], role: str) -> Iterator[str]:
    yield f"role={role}"
    error, client = facts.get("error"), facts.get("client")
    named = {
        "model": facts.get("model"),
        "asked": facts.get("requested_model"),
        "provider": facts.get("provider"),
        "profile": facts.get("profile"),
        "status": facts.get("status"),
        "error": error.get("code") if isinstance(error, Mapping) else None,
        "codex": client.get("codex") if isinstance(client, Mapping) else None,
    }
    yield from (f"{name}={_word(value)}" for name, value in named.items() if value)
    yield from (f"tool={_word(name)}" for name in dict.fromkeys(facts.get("calls") or ()))
    yield from (f"quirk={_word(name)}" for name in facts.get("quirks") or ())
    if isinstance(told := facts.get("failover"), Mapping):
        yield f"failover={_word(told.get('to'))}"
    if _is_slow(facts):
        yield "slow"


def told_words(flow: http.HTTPFlow, *names: str) -> list[str]:
    """The values of these names, as far as the flow's words have them."""
    found = dict(word.partition("=")[::2] for word in str(flow.metadata.get(WORDS, "")).split())
    return [found[name] for name in names if name in found]


# --- its parts --------------------------------------------------------------------------------------------------------


def _joined(parts: Iterable[Any]) -> str:
    return " · ".join(str(part) for part in parts if part)


def _word(value: object) -> str:
    return one_line(str(value)).replace(" ", "_")


def _end(facts: Mapping[str, Any]) -> str:
    status, error = str(facts.get("status") or ""), facts.get("error")
    sign = SIGN if status in ("failed", "killed") else ""
    if not isinstance(error, Mapping):
        return "" if status == "completed" else sign + status
    said = one_line(str(error.get("message") or ""))
    said = said if len(said) <= _ERROR else said[: _ERROR - 1] + "…"
    return f"{sign}{status}: {said} ({error.get('code')})"


def _failover(facts: Mapping[str, Any]) -> str:
    """`for deepseek/v4`, of a turn that stands in for another model; who takes over stands in the error."""
    told = facts.get("failover")
    return f"for {one_line(str(told.get('from')))}" if isinstance(told, Mapping) and not facts.get("error") else ""


def _asked(facts: Mapping[str, Any]) -> str:
    """`asked gpt-5`, where the client named another model than was asked: not that of a provider, by its full name."""
    asked, model = str(facts.get("requested_model") or ""), str(facts.get("model") or "")
    return f"asked {one_line(asked)}" if asked and asked != model and not asked.endswith(f"/{model}") else ""


def short(number: object) -> str:
    """12,345 as 12.3k: a list is looked over, not added up."""
    if not isinstance(number, int | float):
        return "?"
    if number < 10_000:
        return f"{number:.0f}"
    return f"{number / 1e3:.1f}k" if number < 999_950 else f"{number / 1e6:.1f}M"


def tokens(facts: Mapping[str, Any], number: Callable[[object], str] = short) -> str:
    """`12.3k (11.9k cached) in, 210 out`, or "" when the provider said nothing. number: how a count is written."""
    usage = facts.get("usage")
    if not isinstance(usage, Mapping) or not usage:
        return ""
    details = usage.get("input_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    about = "about " if facts.get("usage_estimated") else ""
    note = f" ({number(cached)} cached)" if cached else ""
    return f"{about}{number(usage.get('input_tokens'))}{note} in, {number(usage.get('output_tokens'))} out"


def _timing(facts: Mapping[str, Any], name: str) -> float | None:
    timings = facts.get("timings")
    value = timings.get(name) if isinstance(timings, Mapping) else None
    return value if isinstance(value, int | float) else None


def _times(facts: Mapping[str, Any]) -> str:
    first, total = _timing(facts, "first_token"), _timing(facts, "total")
    told = [f"{seconds(first)} first"] if first is not None else []
    return ", ".join([*told, seconds(total or 0)])


def seconds(value: float) -> str:
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s" if value < 100 else f"{value:.0f} s"


def _is_slow(facts: Mapping[str, Any]) -> bool:
    first, total = _timing(facts, "first_token"), _timing(facts, "total")
    return (first or 0) >= SLOW_FIRST or (total or 0) >= SLOW_TOTAL


def _calls(facts: Mapping[str, Any]) -> str:
    counts = Counter(one_line(str(name)) for name in facts.get("calls") or ())
    return ", ".join(name if count == 1 else f"{name} ×{count}" for name, count in counts.items())


def model(facts: Mapping[str, Any]) -> str:
    return one_line(str(facts.get("model") or "model list"))


def _model_of(turn: Exchange) -> str:
    return one_line(turn.context.model) if turn.context else "model list"


def _provider_of(turn: Exchange) -> str:
    return turn.context.provider if turn.context else turn.upstream.authority


def _of_its_metadata(flow: http.HTTPFlow) -> Sequence[str]:
    """What a flow that was loaded from a file was told of then, and before there was a sign."""
    facts = flow.metadata.get("relay")
    told = comment(facts) if isinstance(facts, Mapping) and facts.get("role") == "client" else ""
    return told, told.removeprefix(SIGN)
