"""Fonts for names in any writing: the one that comes with matplotlib, and what this machine has for the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

USUAL = "DejaVu Sans"
_PLACEHOLDER = "Last Resort"  # a font that has a box for every character
_UNKNOWN = "\ufffd"


@dataclass(frozen=True)
class Fonts:
    """families: where a character is looked for, in this order. missing: characters that none of them has."""

    families: tuple[str, ...]
    missing: frozenset[str]

    def drawable(self, text: str) -> str:
        """The text with a sign in place of what can't be drawn."""
        return "".join(_UNKNOWN if letter in self.missing else letter for letter in text) if self.missing else text


def fonts_for(text: str) -> Fonts:
    """The usual font, and as few of the machine's others as have what it lacks. Those are looked at only then: it takes
    a second where there are many."""
    from matplotlib import font_manager

    wanted = set(text)
    wanted -= _held(font_manager.findfont(USUAL), wanted)
    families: list[str] = []
    if wanted:
        holding = {family: held for family, path in _others() if (held := _held(path, wanted))}
        while holding and wanted:
            best = min(holding, key=lambda family: (-len(holding[family] & wanted), "Sans" not in family, family))
            if not holding[best] & wanted:
                break
            families.append(best)
            wanted -= holding.pop(best)
        # A family that has no bold letters is drawn without them; matplotlib would say so.
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    return Fonts((USUAL, *families), frozenset(wanted))


def _others() -> Iterator[tuple[str, str]]:
    """Name and file of each family's upright font of ordinary weight, also of those that were installed after
    matplotlib had made its list."""
    from matplotlib import font_manager

    known = {font.fname for font in font_manager.fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        try:
            font_manager.fontManager.addfont(path)
        except (OSError, RuntimeError, ValueError):  # of a kind that matplotlib can't read
            continue
    for font in font_manager.fontManager.ttflist:
        if font.style == "normal" and font.weight in (400, "normal", "regular") and _PLACEHOLDER not in font.name:
            yield font.name, font.fname


def _held(path: str, wanted: set[str]) -> set[str]:
    """Which of the characters a font file has; none where they are pictures of one size, which can't be drawn."""
    from matplotlib import font_manager

    try:
        font: Any = font_manager.get_font(path)
    except (OSError, RuntimeError, ValueError):
        return set()
    return {letter for letter in wanted if font.get_char_index(ord(letter))} if font.scalable else set()
