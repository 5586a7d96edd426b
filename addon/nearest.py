"""The name that somebody meant: a slip of the fingers away from what was written, or none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

NEAR = 0.75  # of the characters, in order: two that changed places in a word of four


def nearest(word: str, known: Iterable[str], prefix: str = "") -> str:
    """The nearest of the known names, "" when none is near. prefix: what all have; it makes nothing alike."""
    names = {name.removeprefix(prefix): name for name in known}
    found = difflib.get_close_matches(word.removeprefix(prefix), names, n=1, cutoff=NEAR)
    return names[found[0]] if found else ""
