"""How far a recording is: one line that changes on a terminal, a line a turn elsewhere. Standard error, both."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from relay_translate.transcript import count


class TurnProgress:
    """Counts the turns that the tap tells of."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stderr
        self.live = self.out.isatty() and os.environ.get("TERM") != "dumb"
        self.turns = self.failed = self.tokens_in = self.cached = self.tokens_out = 0
        self._started = time.monotonic()
        self._width = 0  # of the line that stands there

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def turn(self, facts: Mapping[str, Any]) -> None:
        """One record of the tap: status, usage, error of a finished turn."""
        usage = facts.get("usage") or {}
        self.turns += 1
        self.failed += facts.get("status") == "failed"
        self.tokens_in += _count(usage.get("input_tokens"))
        self.cached += _count((usage.get("input_tokens_details") or {}).get("cached_tokens"))
        self.tokens_out += _count(usage.get("output_tokens"))
        self.show() if self.live else self.note(self.line())

    def line(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{count(self.turns, 'turn')} in {self.seconds:.0f} s: {self.tokens()}{failed}"

    def tokens(self) -> str:
        return f"tokens {self.tokens_in:,} in ({self.cached:,} cached), {self.tokens_out:,} out"

    def show(self) -> None:
        """Write the line anew; nothing where lines can't be changed."""
        if self.live:
            text = self.line()
            self.out.write("\r" + text.ljust(self._width))
            self.out.flush()
            self._width = len(text)

    def note(self, text: str) -> None:
        """A line that stays, above the one that changes."""
        self.clear()
        self.out.write(text + "\n")
        self.out.flush()

    def clear(self) -> None:
        if self._width:
            self.out.write("\r" + " " * self._width + "\r")
            self._width = 0


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
