"""What a person sees: a line for each question while it runs, then the table."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

from addon.probe.question import Finding

_WIDTH = 140  # columns where no terminal says
_LONGEST = 62  # characters of a question
_CLEAR = "\r\x1b[K"
_COLOURS = {"yes": "32", "no": "33", "unknown": "2", "not asked": "2"}


class Screen:
    """Progress: on a terminal the question stands there while it is being asked, elsewhere only results are lines."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stderr
        self.live = self.out.isatty() and os.environ.get("TERM") != "dumb"
        self.colours = self.live and "NO_COLOR" not in os.environ

    def asking(self, what: str) -> None:
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            self._write(_CLEAR + f"  … {what}"[:width])

    def found(self, finding: Finding) -> None:
        answer = f"\x1b[{_COLOURS[finding.answer]}m{finding.answer}\x1b[0m" if self.colours else finding.answer
        said = finding.says or (finding.evidence if finding.answer in ("no", "unknown") else "")
        self.note(f"{finding.asks}: {answer}{f' ({_short(said, 100)})' if said else ''}")

    def note(self, text: str) -> None:
        self._write(f"{_CLEAR if self.live else ''}  {text}\n")

    def clear(self) -> None:
        if self.live:
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()


def table(findings: Iterable[Finding], width: int = 0) -> Iterator[str]:
    """Lines: question, answer, what the answer rests on."""
    rows = list(findings)
    width = width or (shutil.get_terminal_size((_WIDTH, 40)).columns if sys.stdout.isatty() else _WIDTH)
    first = min(max((len(row.asks) for row in rows), default=8), _LONGEST)
    yield f"{'question':{first}}  {'answer':9}  evidence"
    yield f"{'-' * first}  {'-' * 9}  {'-' * 8}"
    for row in rows:
        why = "; ".join(text for text in (row.says, row.evidence) if text)
        yield f"{_short(row.asks, first):{first}}  {row.answer:9}  {_short(why, max(20, width - first - 13))}".rstrip()


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
