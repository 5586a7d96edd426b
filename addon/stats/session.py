"""When a recording's turns ran, thread by thread: what the picture of a session is drawn from."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from mitmproxy import http

from addon.recording.flows import RecordedTurn
from addon.recording.times import utc

from .totals import counts, mapping, seconds

MOST_TURNS = 20_000  # a few MB; a picture of more would show nothing


@dataclass(frozen=True, slots=True)
class Turn:
    """begun: Unix time. first_token, total: seconds after it; first_token is `total` where nothing was said.
    estimated: the tokens, because the provider sent no counts."""

    begun: float
    first_token: float
    total: float
    tokens_in: int
    cached: int
    tokens_out: int
    status: str
    error: str
    model: str
    calls: tuple[str, ...]
    estimated: bool = False

    @property
    def end(self) -> float:
        return self.begun + self.total


@dataclass
class Session:
    """threads: the client's name -> its turns. left_out: turns past the limit."""

    threads: dict[str, list[Turn]] = field(default_factory=dict)
    left_out: int = 0
    _count: int = 0

    def add(self, flow: http.HTTPFlow) -> None:
        """The client's flow of a finished turn."""
        if self._count >= MOST_TURNS:
            self.left_out += 1
            return
        self._count += 1
        turn = RecordedTurn(flow)
        self.threads.setdefault(turn.thread, []).append(_turn(turn, utc(flow.request.timestamp_start).timestamp()))

    def in_order(self) -> list[tuple[str, list[Turn]]]:
        """Threads by their first turn, their turns by time."""
        ordered = {name: sorted(turns, key=lambda turn: turn.begun) for name, turns in self.threads.items()}
        return sorted(ordered.items(), key=lambda one: one[1][0].begun)


@dataclass(frozen=True)
class Pause:
    """A time in which no thread did anything, drawn shorter than it was. Real seconds, and their place drawn."""

    start: float
    end: float
    drawn_at: float


class Clock:
    """Real time -> place on the axis, seconds from the start of the session; long pauses take little room there."""

    def __init__(self, turns: Iterable[Turn]) -> None:
        busy = _merged(sorted((turn.begun, turn.end) for turn in turns))
        self.start = busy[0][0]
        work = sum(end - start for start, end in busy)
        gaps = [after[0] - before[1] for before, after in pairwise(busy)]
        # A pause is long when it would take more room than a tenth of the work; seconds are no pause.
        self._longest = max(work / 10, 20.0)
        short = [gap for gap in gaps if gap <= self._longest]
        # All of them take half of the axis at most.
        self._room = max((work + sum(short)) / max(40, len(gaps) - len(short)), 0.01)
        self.pauses: list[Pause] = []
        self._saved: list[tuple[float, float]] = []  # (end of a pause, what it and those before it were shortened by)
        saved = 0.0
        for (_, end), (start, _) in pairwise(busy):
            if start - end > self._longest:
                self.pauses.append(Pause(end, start, end - self.start - saved + self._room / 2))
                saved += start - end - self._room
                self._saved.append((start, saved))
        self.end = self.at(busy[-1][1])

    @property
    def room(self) -> float:
        """What a shortened pause takes on the axis."""
        return self._room

    def at(self, moment: float) -> float:
        """The place of a moment of Unix time; one within a shortened pause lies in proportion."""
        before = bisect_left(self.pauses, moment, key=lambda pause: pause.start)
        if not before:
            return moment - self.start
        pause = self.pauses[before - 1]
        if moment < pause.end:
            share = (moment - pause.start) / (pause.end - pause.start)
            return pause.drawn_at + (share - 0.5) * self._room
        return moment - self.start - self._saved[before - 1][1]

    @property
    def left_out(self) -> float:
        """Seconds that the shortened pauses took and do not take on the axis."""
        return self._saved[-1][1] if self._saved else 0.0


def _merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _turn(turn: RecordedTurn, begun: float) -> Turn:
    facts = turn.facts
    timings, error = mapping(facts.get("timings")), mapping(facts.get("error"))
    total = seconds(timings.get("total")) or 0.0
    first = seconds(timings.get("first_token"))
    tokens_in, cached, tokens_out, _ = counts(mapping(facts.get("usage")))
    calls = facts.get("calls")
    return Turn(
        begun=begun,
        first_token=total if first is None else min(first, total),
        total=total,
        tokens_in=tokens_in,
        cached=cached,
        tokens_out=tokens_out,
        status=str(facts.get("status") or "unknown"),
        error=str(error.get("code") or ""),
        model=str(facts.get("model") or "unknown"),
        calls=tuple(str(name) for name in calls) if isinstance(calls, list | tuple) else (),
        estimated=bool(facts.get("usage_estimated")),
    )
