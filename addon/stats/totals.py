"""What a number of turns took: tokens, time, errors, money. Of each turn only numbers in a few sums are kept."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mitmproxy import http

from addon.recording.flows import RecordedTurn
from addon.recording.times import utc
from relay_translate.profiles.prices import Entry, find_price

Json = dict[str, Any]
_ENDED = "completed"
_MOST = 10**15  # tokens that a turn can have; a broken file's number may have any length
_LONGEST = 366 * 86_400.0  # seconds that a turn can take
_SUMMED = (
    "turns", "told", "estimated", "overcounted", "tokens_in", "cached", "tokens_out", "reasoning", "cost", "hidden",
)  # fmt: skip


@dataclass
class Sums:
    """Of some turns. told: turns with token counts. overcounted: turns of whose input more was said to be cached than
    there was. hidden: turns whose cost is unknown though their tokens are. times: seconds, 4 bytes a turn."""

    turns: int = 0
    told: int = 0
    estimated: int = 0
    overcounted: int = 0
    tokens_in: int = 0
    cached: int = 0
    tokens_out: int = 0
    reasoning: int = 0
    cost: float = 0.0
    hidden: int = 0
    endings: Counter[str] = field(default_factory=Counter)  # how turns ended that were not completed
    errors: Counter[str] = field(default_factory=Counter)
    first_token: array[float] = field(default_factory=lambda: array("f"))
    total: array[float] = field(default_factory=lambda: array("f"))

    @property
    def hit_rate(self) -> float | None:
        """Share of the input that came out of the provider's cache; None when no input was counted."""
        return self.cached / self.tokens_in if self.tokens_in else None

    @property
    def known_cost(self) -> float | None:
        """USD, of the turns whose price is known; None when there is none."""
        return self.cost if self.told > self.hidden else None

    def add(self, facts: Mapping[str, Any], cost: float | None) -> None:
        status, usage = str(facts.get("status") or "unknown"), mapping(facts.get("usage"))
        self.turns += 1
        if status != _ENDED:
            self.endings[status] += 1
        if error := mapping(facts.get("error")):
            self.errors[str(error.get("code") or "unknown")] += 1
        timings = mapping(facts.get("timings"))
        for name, times in (("first_token", self.first_token), ("total", self.total)):
            if (taken := seconds(timings.get(name))) is not None:
                times.append(taken)
        if not usage:
            return
        self.told += 1
        self.estimated += bool(facts.get("usage_estimated"))
        self.overcounted += overcounted(usage)
        tokens_in, cached, tokens_out, reasoning = counts(usage)
        self.tokens_in += tokens_in
        self.cached += cached
        self.tokens_out += tokens_out
        self.reasoning += reasoning
        self.cost += cost or 0.0
        self.hidden += cost is None

    def include(self, other: Sums) -> None:
        for name in _SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.endings += other.endings
        self.errors += other.errors
        self.first_token.extend(other.first_token)
        self.total.extend(other.total)


@dataclass(frozen=True)
class Group:
    """Turns that belong together. thread: the client's name for the conversation, "" when it gives none."""

    thread: str
    provider: str
    model: str


@dataclass
class Thread:
    """When a thread's first turn began and its last one did, Unix seconds; None when nobody told."""

    begun: float | None = None
    last: float | None = None


class Totals:
    """Turns, summed up by thread, provider and model. entries: prices that go before those known to the project."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = entries
        self.groups: dict[Group, Sums] = {}
        self.threads: dict[str, Thread] = {}  # in the order in which they began
        self._ids: set[str] = set()  # of turns that were added as flows, 100 bytes each

    def __len__(self) -> int:
        return sum(sums.turns for sums in self.groups.values())

    def add(self, metadata: Mapping[str, Any], *, thread: str = "", begun: float | None = None) -> None:
        """A finished turn: a flow's metadata, or what "relay" holds in it (see addon/recording). begun: Unix time."""
        facts = metadata["relay"] if isinstance(metadata.get("relay"), Mapping) else metadata
        group = Group(thread, str(facts.get("provider") or ""), str(facts.get("model") or "unknown"))
        known = self.threads.setdefault(thread, Thread())
        if begun is not None:
            known.begun = begun if known.begun is None else min(known.begun, begun)
            known.last = begun if known.last is None else max(known.last, begun)
        self.groups.setdefault(group, Sums()).add(facts, self._cost(group, facts, begun))

    def add_flow(self, flow: object) -> bool:
        """Whether the flow is a finished turn, seen from the client, that is not counted yet; it is added then."""
        if not isinstance(flow, http.HTTPFlow) or flow.request.method != "POST":
            return False
        turn = RecordedTurn(flow)
        id = str(turn.facts.get("id") or "")
        if turn.facts.get("role") != "client" or id in self._ids:
            return False
        if id:
            self._ids.add(id)
        self.add(turn.facts, thread=turn.thread, begun=utc(flow.request.timestamp_start).timestamp())
        return True

    def copy(self) -> Totals:
        """Sums of the same turns, to which others can be added."""
        made = Totals(self.entries)
        made.threads = {name: replace(thread) for name, thread in self.threads.items()}
        made._ids = set(self._ids)
        for group, sums in self.groups.items():
            made.groups.setdefault(group, Sums()).include(sums)
        return made

    def by_model(self) -> dict[Group, Sums]:
        """The sums of all threads, under groups without one."""
        found: dict[Group, Sums] = {}
        for group, sums in self.groups.items():
            found.setdefault(replace(group, thread=""), Sums()).include(sums)
        return found

    def all(self) -> Sums:
        whole = Sums()
        for sums in self.groups.values():
            whole.include(sums)
        return whole

    def lines(self, width: int = 120) -> list[str]:
        """A table for people, and what has to be said about it."""
        from .table import lines

        return lines(self, width)

    def sentences(self) -> list[str]:
        """The same by model, one line each, for places where no table can stand."""
        from .table import sentences

        return sentences(self)

    def _cost(self, group: Group, facts: Mapping[str, Any], begun: float | None) -> float | None:
        price = find_price(group.provider, group.model, self.entries)
        if price is None:
            return None
        tokens_in, cached, tokens_out, _ = counts(mapping(facts.get("usage")))
        return price.cost(tokens_in, cached, tokens_out, begun)


def counts(usage: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Tokens in, of them cached, out, of them reasoning. No more are cached than came in (see `overcounted`)."""
    tokens_in, details_out = _count(usage.get("input_tokens")), mapping(usage.get("output_tokens_details"))
    return (
        tokens_in,
        min(_cached(usage), tokens_in),
        _count(usage.get("output_tokens")),
        _count(details_out.get("reasoning_tokens")),
    )


def overcounted(usage: Mapping[str, Any]) -> bool:
    """Whether more of the input is said to be cached than there was."""
    return _cached(usage) > _count(usage.get("input_tokens"))


def seconds(value: object) -> float | None:
    """A duration of a turn's facts; None where it is none that a turn can have."""
    return float(value) if isinstance(value, int | float) and 0 <= value <= _LONGEST else None


def percentile(times: Sequence[float], share: float) -> float | None:
    """The smallest of the values that at least this share of them does not exceed; where exactly so many do not, the
    middle between it and the next one, which makes 0.5 the median of any number of values. None without values."""
    if not times:
        return None
    ordered = sorted(times)
    place = round(share * len(ordered), 6)  # 0.07 * 100 is more than 7
    first = max(0, math.ceil(place) - 1)
    second = min(first + 1, len(ordered) - 1) if place == first + 1 else first
    return (ordered[first] + ordered[second]) / 2


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _cached(usage: Mapping[str, Any]) -> int:
    return _count(mapping(usage.get("input_tokens_details")).get("cached_tokens"))


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < _MOST else 0
