"""Codex's version numbers as values that can be compared."""

from __future__ import annotations

import re

Version = tuple[int, int, int]
NEWEST: Version = (1_000_000, 0, 0)  # stands for a version that is not known: nothing is missing in it


def parse(text: str) -> Version:
    """`0.169.0`, `0.98` and `0.170.0-alpha.3` (as its release); NEWEST for what is no version."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else NEWEST
