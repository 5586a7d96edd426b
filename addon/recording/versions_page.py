"""fixtures/VERSIONS.md: one row a version, newest first. A row that is there belongs to whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from .diff import Change, Difference, Row, compare
from .inventory import inventory_of_folder

PAGE = "VERSIONS.md"
_HEAD = "| version | released | new on the wire |"
_RULE = re.compile(r"\|[ :|-]+\|")
_ROW = re.compile(r"\| (\d+(?:\.\d+)+)[\w.-]* \|")
_VERSION = re.compile(r"\d+\.\d+\.\d+[\w.-]*")
_MOST_NAMES = 12  # of one kind; a row is for reading
# Kinds whose names tell something by themselves; of the others only what changed is told.
_TOLD = {
    "endpoint": "endpoints", "header": "headers", "field": "fields", "reasoning": "reasoning", "text": "text",
    "include": "include", "item": "items", "tool type": "tool types", "tool": "tools",
}  # fmt: skip
_INTRODUCTION = f"""# Codex versions recorded here

One row a version: when it was released, and what is new on the wire since the row below.

{_HEAD}
|---|---|---|
"""


def describe_versions(fixtures: Path, released: Mapping[str, date]) -> Iterator[str]:
    """Add a row for each of the versions that has none; tells which. released: version -> its date."""
    page = fixtures / PAGE
    text = page.read_bytes().decode() if page.exists() else _INTRODUCTION
    for version in sorted(released, key=_numbers):
        if not _VERSION.fullmatch(version) or f"| {version} |" in text:
            continue
        row = f"| {version} | {released[version]} | {_news(fixtures, version)} |"
        text = _with_row(text, row, version)
        page.write_bytes(text.encode())
        yield f"{PAGE}: a row for {version}"


def _with_row(text: str, row: str, version: str) -> str:
    """The page with a row before that of the first older version."""
    lines = text.split("\n")
    rule = next((n for n, line in enumerate(lines) if _RULE.fullmatch(line)), None)
    if rule is None:  # somebody's page without a table
        return f"{text.rstrip()}\n\n{_HEAD}\n|---|---|---|\n{row}\n"
    place = rule + 1
    while place < len(lines) and (found := _ROW.match(lines[place])) and _numbers(found[1]) > _numbers(version):
        place += 1
    return "\n".join([*lines[:place], row, *lines[place:]])


def _news(fixtures: Path, version: str) -> str:
    versions = [path.name for path in fixtures.iterdir() if path.is_dir() and _VERSION.fullmatch(path.name)]
    older = [name for name in versions if _numbers(name) < _numbers(version)]
    if not older:
        return "the oldest"
    before = max(older, key=_numbers)
    difference = compare(
        inventory_of_folder(fixtures / before), inventory_of_folder(fixtures / version), before, version
    )
    return "; ".join(_sentences(difference)) or "nothing that the recorded cases show"


def _sentences(difference: Difference) -> Iterator[str]:
    """New, gone and changed, kind by kind; what only other scenarios show is no news."""
    rows = [row for row in difference.rows if not row.elsewhere]
    for change, verb in ((Change.NEW, ""), (Change.GONE, "gone: ")):
        for kind in _TOLD:
            if names := [row.name for row in rows if row.kind == kind and row.change is change]:
                yield f"{verb}{_TOLD[kind] if len(names) > 1 else kind} {_listed(names)}"
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for row in rows:
        if row.change is Change.CHANGED:
            alike.setdefault((row.kind, _told(row)), []).append(row.name)
    for (kind, signed), names in alike.items():
        what = " ".join(map(_code, signed)) or "other parameters"
        yield f"{_TOLD.get(kind, kind) if len(names) > 1 else kind} {_listed(names)}: {what}"


def _told(row: Row) -> tuple[str, ...]:
    """The facts that changed. Parameters are many: that there are others is enough here."""
    if row.kind != "tool":
        return row.signed
    return tuple(sign for sign in row.signed if sign[1:].startswith("in "))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(_code(name) for name in names[:_MOST_NAMES]) + more


def _code(name: str) -> str:
    """A recorded name in a cell; recordings come from others."""
    return "`" + re.sub(r"[`|\s\x00-\x1f\ufffd]+", " ", name)[:80].strip() + "`"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
