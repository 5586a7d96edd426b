"""What changed on the wire between two versions of Codex, and what of it the translator does not know."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from . import RecordingError
from .inventory import KINDS, Entry, Inventory, inventory_of_folder, inventory_of_recording

Json = dict[str, Any]
_SHORT = 18  # characters of facts that stand in a column of their own
_VALUES = ("field", "reasoning", "text", "output", "picture")  # kinds whose facts say what the value is
_ABSENT = "–"
_NARROWEST = 60  # columns; a narrower terminal wraps lines itself
_UNKNOWN = "does not know"


class Change(Enum):
    NEW = "new"
    GONE = "gone"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True)
class Row:
    """One name of a kind and its facts on both sides; None where it was not sent.

    signed: `+fact` that B has and A has not, `-fact` the other way round, where both sides have it. elsewhere: the
    cases that alone show the change, when the other side has none of them: it may just not have been recorded there.
    unknown: what of B the translator does not know.
    """

    kind: str
    name: str
    a: tuple[str, ...] | None
    b: tuple[str, ...] | None
    change: Change
    signed: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def knowledge(self) -> str:
        if self.b is None:
            return ""
        named = [word for word in self.unknown if word not in (self.name, *self.name.split())]
        return f"{_UNKNOWN} {', '.join(named)}".strip() if self.unknown else "knows"


@dataclass(frozen=True)
class Difference:
    a: str
    b: str
    rows: list[Row] = field(default_factory=list)

    @property
    def unknown(self) -> list[Row]:
        return [row for row in self.rows if row.unknown]

    def count(self, change: Change) -> int:
        return sum(row.change is change for row in self.rows)


# --- comparing --------------------------------------------------------------------------------------------------------


def compare(a: Inventory, b: Inventory, name_a: str, name_b: str) -> Difference:
    """Every name of either side, kind by kind, in alphabetical order."""
    keys = sorted(a.entries.keys() | b.entries.keys(), key=lambda key: (KINDS.index(key[0]), key[1]))
    return Difference(name_a, name_b, [_row(*key, a, b) for key in keys])


def _row(kind: str, name: str, a: Inventory, b: Inventory) -> Row:
    before, after = a.entries.get((kind, name)), b.entries.get((kind, name))
    unknown = tuple(sorted(after.unknown)) if after else ()
    make = partial(Row, kind, name, _facts(before), _facts(after), unknown=unknown)
    if after is None or before is None:
        entry, other = (after, a) if after else (before, b)
        assert entry is not None
        return make(Change.NEW if after else Change.GONE, elsewhere=_elsewhere(entry.cases, a, b, other))
    told = (*_offered(kind, before, after, a, b), *_said(kind, before, after, a, b))
    signs: list[tuple[str, tuple[str, ...]]] = [(sign, ()) for sign in told]
    signs += [
        (f"+{fact}", _elsewhere(after.facts[fact], a, b, a)) for fact in sorted(after.facts.keys() - before.facts)
    ]
    signs += [
        (f"-{fact}", _elsewhere(before.facts[fact], a, b, b)) for fact in sorted(before.facts.keys() - after.facts)
    ]
    # What cases show that both sides have is the change; the rest is only told where there is nothing else.
    certain = tuple(sign for sign, cases in signs if not cases)
    signed = certain or tuple(sign for sign, _ in signs)
    elsewhere = () if certain else tuple(sorted({case for _, cases in signs for case in cases}))
    return make(Change.CHANGED if signed else Change.SAME, signed, elsewhere)


def _offered(kind: str, before: Entry, after: Entry, a: Inventory, b: Inventory) -> list[str]:
    """A tool that both sides know may be offered by one of them only when a setting asks for it: the whole cases that
    have it on one side and not on the other."""
    if kind != "tool":
        return []
    both = a.whole & b.whole
    new, gone = sorted((after.cases - before.cases) & both), sorted((before.cases - after.cases) & both)
    return [f"+in {case}" for case in new] + [f"-in {case}" for case in gone]


def _said(kind: str, before: Entry, after: Entry, a: Inventory, b: Inventory) -> list[str]:
    """A field whose values both sides know may have another one in the same whole case: its default has changed."""
    signs = []
    for case in sorted(a.whole & b.whole if kind == "field" else ()):
        old, new = ({word for word, cases in entry.facts.items() if case in cases} for entry in (before, after))
        if old and new and old != new and old | new <= before.facts.keys() & after.facts.keys():
            signs.append(f"{'/'.join(sorted(old))} -> {'/'.join(sorted(new))} in {case}")
    return signs


def _facts(entry: Entry | None) -> tuple[str, ...] | None:
    return None if entry is None else tuple(sorted(entry.facts))


def _elsewhere(cases: Set[str], a: Inventory, b: Inventory, other: Inventory) -> tuple[str, ...]:
    """The cases, if the other side was not seen in any. Sides without a common case, such as two sessions, are
    compared as they are."""
    return tuple(sorted(cases)) if a.cases & b.cases and not cases & other.cases else ()


def find_inventory(text: str, fixtures: Path) -> Inventory:
    """Of a version in `fixtures`, a folder, or a flow file. Raises RecordingError naming the versions there are."""
    if "/" not in text and any((fixtures / text).glob("*/case.toml")):
        return inventory_of_folder(fixtures / text)
    path = Path(text)
    if path.is_dir():
        return inventory_of_folder(path)
    if path.is_file():
        return inventory_of_recording(path)
    versions = sorted({found.parts[-3] for found in fixtures.glob("*/*/case.toml")})
    there = f"{fixtures} holds {', '.join(versions)}" if versions else f"{fixtures} holds no version"
    raise RecordingError(f"{text} is neither a flow file nor a folder nor a version; {there}")


# --- showing ----------------------------------------------------------------------------------------------------------


def table(difference: Difference, *, columns: int, whole: bool = False) -> Iterator[str]:
    """Lines for a terminal of so many columns. whole: also what did not change."""
    rows = [row for row in difference.rows if whole or row.change is not Change.SAME or row.unknown]
    cells = [("kind", "name", difference.a, difference.b, "what changed", "translator")]
    cells += [(row.kind, row.name, _cell(row, row.a), _cell(row, row.b), _what(row), row.knowledge) for row in rows]
    if rows:
        yield from _laid_out(cells, max(columns, _NARROWEST))
        yield ""
    yield from summary(difference)


def summary(difference: Difference) -> Iterator[str]:
    counts = [f"{difference.count(change)} {change.value}" for change in Change]
    yield f"{difference.a} -> {difference.b}: {', '.join(counts)}"
    if difference.unknown:
        names = ", ".join(f"{row.kind} {row.name}" for row in difference.unknown)
        yield f"The translator does not know {len(difference.unknown)} of them: {names}"
    else:
        yield f"The translator knows everything that {difference.b} sends here."


def as_json(difference: Difference, *, whole: bool = False) -> Json:
    rows = [row for row in difference.rows if whole or row.change is not Change.SAME or row.unknown]
    return {
        "a": difference.a,
        "b": difference.b,
        "counts": {change.value: difference.count(change) for change in Change},
        "unknown": [[row.kind, row.name, *row.unknown] for row in difference.unknown],
        "rows": [
            {
                "kind": row.kind,
                "name": row.name,
                "a": row.a,
                "b": row.b,
                "change": row.change.value,
                "changes": row.signed,
                "only_in_cases": row.elsewhere,
                "unknown": row.unknown,
            }
            for row in rows
        ],
    }


def _cell(row: Row, facts: tuple[str, ...] | None) -> str:
    if facts is None:
        return _ABSENT
    text = ", ".join(facts)
    return text if row.kind in _VALUES and text and len(text) <= _SHORT else "yes"


def _what(row: Row) -> str:
    if row.change is Change.SAME:
        return ""
    told = "  ".join(row.signed) or row.change.value
    return f"{told} (only seen in {', '.join(row.elsewhere)})" if row.elsewhere else told


def _laid_out(cells: list[tuple[str, ...]], columns: int) -> Iterator[str]:
    """Columns as wide as they need to be; what changed and the name take what is left, in several lines if need be."""
    widths = [max(len(cell[n]) for cell in cells) for n in range(6)]
    widths[5] = min(widths[5], 24)
    left = columns - sum(widths[n] for n in (0, 2, 3, 5)) - 5 * 2
    widths[1] = min(widths[1], max(18, left * 3 // 5))
    widths[4] = min(widths[4], max(18, left - widths[1]))
    kind = ""
    for number, cell in enumerate(cells):
        shown = ("" if cell[0] == kind else cell[0], *cell[1:])
        if number > 1 and shown[0]:
            yield ""
        kind = cell[0]
        lines = [textwrap.wrap(text, width) or [""] for text, width in zip(shown, widths, strict=True)]
        for n in range(max(map(len, lines))):
            parts = (some[n] if n < len(some) else "" for some in lines)
            yield "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
        if number == 0:
            yield "  ".join("-" * width for width in widths)
