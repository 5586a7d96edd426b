"""How long an answer took over each of its parts: waiting, reasoning, text, calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .answer_parts import Part
from .answer_text import AnswerView
from .layout import count, span

_WORDS = {"message": "text", "reasoning": "reasoning"}


@dataclass
class _Phase:
    kind: str
    begun: float  # seconds
    parts: int = 1

    @property
    def words(self) -> str:
        if self.kind == "call":
            return count(self.parts, "call")
        return _WORDS.get(self.kind, self.kind.replace("_", " "))


def phase_words(pieces: Iterable[tuple[bytes, float]]) -> list[str]:
    """`waited 0.50 s`, `reasoning 1.46 s`, `text 0.43 s`, `2 calls 0.27 s`; a phase lasts until the next one begins.

    pieces: the answer as it came, with the seconds since its request.  [] of one that came in one piece."""
    view, phases = AnswerView(), list[_Phase]()
    seen, first, last = 0, -1.0, -1.0
    for data, at in pieces:
        view.receive(data)
        first, last = (at if first < 0 else first), at
        for part in view.items[seen:]:
            _begin(phases, part, at)
        seen = len(view.items)
    if not phases or first == last:
        return []
    ends = [phase.begun for phase in phases[1:]] + [last]
    words = [f"{phase.words} {span(end - phase.begun)}" for phase, end in zip(phases, ends, strict=True)]
    return [f"waited {span(phases[0].begun)}", *words]


def _begin(phases: list[_Phase], part: Part, at: float) -> None:
    kind = "call" if part.kind.endswith("_call") else part.kind
    if phases and phases[-1].kind == kind:
        phases[-1].parts += 1
    else:
        phases.append(_Phase(kind, at))
