"""``python -m tests.e2e.matrix``: every provider x every conversation, through the real Codex and the real relay.

Each provider is scripted, refuses what the real one refuses and streams as it streams. W works, P works in part, B is
broken, — can't be (the model sees no pictures; a note in their place and the turns behind it work). The exit status is
0 only if nothing is P or B.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from addon.codex.install import CodexMissing, find_codex, version_of
from addon.scenarios.relay import Relay, RelayFailed
from addon.scripted import ScriptedUpstream
from addon.scripted.dialects import DIALECTS, Dialect
from tests.e2e.playing import AT_ONCE, Result, play_row, relay_findings
from tests.e2e.providers import COLUMNS, rows_of
from tests.e2e.table import progress

DEFAULT_CODEX = "0.169.0"
RELAYS_AT_ONCE = 3  # each relay is a process that takes a second to start

Cells = Mapping[str, Result]


def chosen_dialects(names: Sequence[str]) -> list[Dialect]:
    """The providers whose name begins with one of the names; all, if none is given."""
    return [one for one in DIALECTS.values() if not names or any(one.name.startswith(name.lower()) for name in names)]


async def play_matrix(
    dialects: Sequence[Dialect],
    codex: Path,
    *,
    jobs: int = AT_ONCE,
    keep: Path | None = None,
    told: Callable[[Result], None] = lambda result: None,
) -> dict[str, Cells]:
    """provider -> column -> result. ``told`` hears of each as it ends; ``keep`` is where the records stay."""
    folder = Path(tempfile.mkdtemp(prefix="codex-relay-matrix-")) if keep is None else keep
    rows, relays = asyncio.Semaphore(jobs), asyncio.Semaphore(RELAYS_AT_ONCE)
    try:
        async with ScriptedUpstream() as upstream:

            async def one(dialect: Dialect) -> tuple[str, Cells]:
                async with relays:
                    return dialect.name, await _play_provider(dialect, upstream, codex, folder, rows, told)

            return dict(await asyncio.gather(*(one(dialect) for dialect in dialects)))
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


async def _play_provider(
    dialect: Dialect,
    upstream: ScriptedUpstream,
    codex: Path,
    folder: Path,
    free: asyncio.Semaphore,
    told: Callable[[Result], None],
) -> Cells:
    rows = rows_of(dialect)
    place = folder / next(iter(rows.values())).name.rpartition("-")[0]
    async with Relay(upstream.url, place / "relay", [f"relay_profile={dialect.profile}"]) as relay:

        async def one(column: str) -> tuple[str, Result]:
            async with free:
                result = await play_row(rows[column], upstream, relay, codex, place / column)
                told(result)
                return column, result

        cells = dict(await asyncio.gather(*(one(column) for column in rows)))
        return cells | {found.row.name: found for found in relay_findings(relay)}


def cell(dialect: Dialect, column: str, result: Result) -> str:
    return "—" if column == "image" and not dialect.limits.sees and result.grade == "W" else result.grade


def lines_of(results: Mapping[str, Cells], *, markdown: bool) -> list[str]:
    """The table, as Markdown or to be read as it is."""
    head = ["provider", "model", *COLUMNS.values()]
    body = []
    for name, cells in results.items():
        dialect = DIALECTS[name]
        grades = [cell(dialect, column, cells[column]) if column in cells else "" for column in COLUMNS]
        body.append([name, dialect.model, *grades])
    if markdown:
        ruled = [head, ["---"] * len(head), *([one[0], f"`{one[1]}`", *one[2:]] for one in body)]
        return ["| " + " | ".join(line) + " |" for line in ruled]
    widths = [max(len(line[n]) for line in (head, *body)) for n in range(len(head))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)) for line in (head, *body)]
    return [line.rstrip() for line in (lines[0], "-" * len(lines[0]), *lines[1:])]


def report(results: Mapping[str, Cells], codex: str, seconds: float, *, markdown: bool) -> int:
    """Print the table, what is wrong behind it, and a closing line; the exit status."""
    print("\n".join(lines_of(results, markdown=markdown)))
    played = [result for cells in results.values() for result in cells.values()]
    bad = [result for result in played if result.grade != "W"]
    for result in bad:
        print("\n" + result.explained, file=sys.stderr if markdown else sys.stdout)
    counts = ", ".join(f"{sum(one.grade == grade for one in played)} {grade}" for grade in "WPB")
    closing = f"Codex {codex}: {len(results)} providers, {len(played)} conversations, {counts}, in {seconds:.0f} s"
    print("\n" + closing, file=sys.stderr if markdown else sys.stdout)
    return 1 if bad or not played else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.matrix", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="PROFILE", help="only providers so named")
    parser.add_argument("--codex", default=DEFAULT_CODEX, metavar="VERSION|PATH", help="(default %(default)s)")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown, the rest on stderr")
    parser.add_argument("--jobs", type=int, default=AT_ONCE, help="conversations at a time (default %(default)s)")
    parser.add_argument("--keep", type=Path, help="keep requests, logs and homes in this new folder")
    chosen = parser.parse_args()
    dialects = chosen_dialects(chosen.only)
    if not dialects:
        parser.error(f"no provider is called like {chosen.only}; known are {', '.join(DIALECTS)}")
    if chosen.keep is not None and chosen.keep.exists():
        parser.error(f"{chosen.keep} exists already")
    started = time.monotonic()
    told = progress(len(dialects) * len(COLUMNS))
    try:
        codex = find_codex(chosen.codex)
        version = version_of(codex)
        results = asyncio.run(play_matrix(dialects, codex, jobs=chosen.jobs, keep=chosen.keep, told=told))
    except (CodexMissing, RelayFailed) as problem:
        print(problem, file=sys.stderr)
        return 2
    return report(results, version, time.monotonic() - started, markdown=chosen.markdown)


if __name__ == "__main__":
    sys.exit(main())
