"""``python -m tests.e2e.table``: every row through the real Codex and the real relay, as a table.

W works, P works in part, B is broken. The exit status is 0 only if every row is W.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from addon.codex.install import CodexMissing, find_codex, version_of
from addon.scenarios.relay import RelayFailed
from tests.e2e.playing import AT_ONCE, Result, play_rows
from tests.e2e.rows import Row, all_rows

SHOWN_WIDTH = 70


def chosen_rows(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """The rows whose name or title holds one of the names; all, if none is given."""
    wanted = [name.lower() for name in names]
    return [row for row in rows if not wanted or any(w in row.name or w in row.title.lower() for w in wanted)]


def progress(count: int) -> Callable[[Result], None]:
    done = 0

    def tell(result: Result) -> None:
        nonlocal done
        done += 1
        line = f"[{done:>2}/{count}] {result.grade} {result.row.name} ({result.seconds:.1f} s)"
        print(line, file=sys.stderr, flush=True)

    return tell


def lines_of(results: Sequence[Result]) -> list[str]:
    width = max(len(result.row.title) for result in results)
    lines = [f"{'row':<{width}} | ? | requests | seconds | what the user saw", "-" * (width + 37 + 20)]
    for one in results:
        shown = one.shown if len(one.shown) <= SHOWN_WIDTH else one.shown[: SHOWN_WIDTH - 1] + "…"
        lines.append(f"{one.row.title:<{width}} | {one.grade} | {one.requests:>8} | {one.seconds:>7.1f} | {shown}")
    return lines


def report(results: Sequence[Result], codex: str, seconds: float) -> int:
    """Print the table, what is wrong behind it, and a closing line; the exit status."""
    print("\n".join(lines_of(results)))
    bad = [result for result in results if result.grade != "W"]
    for result in bad:
        print("\n" + result.explained)
    counts = ", ".join(f"{sum(r.grade == grade for r in results)} {grade}" for grade in "WPB")
    print(f"\nCodex {codex}: {len(results)} rows, {counts}, in {seconds:.0f} s")
    return 1 if bad or not results else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.table", description=__doc__)
    parser.add_argument("--codex", default="", metavar="VERSION|PATH", help="which Codex (default: as in the tests)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only rows whose name holds this")
    parser.add_argument("--jobs", type=int, default=AT_ONCE, help=f"rows at a time (default {AT_ONCE})")
    parser.add_argument("--keep", type=Path, help="keep requests, logs and homes in this new folder")
    parser.add_argument("--list", action="store_true", help="list the rows and stop")
    chosen = parser.parse_args()
    rows = chosen_rows(all_rows(), chosen.only)
    if chosen.list:
        print("\n".join(f"{row.name:<32} {row.title}" for row in rows))
        return 0
    if not rows:
        parser.error(f"no row is called like {chosen.only}; --list lists them")
    if chosen.keep is not None and chosen.keep.exists():
        parser.error(f"{chosen.keep} exists already")
    started = time.monotonic()
    try:
        codex = find_codex(chosen.codex)
        version = version_of(codex)
        results = asyncio.run(play_rows(rows, codex, jobs=chosen.jobs, keep=chosen.keep, told=progress(len(rows))))
    except (CodexMissing, RelayFailed) as problem:
        print(problem, file=sys.stderr)
        return 2
    return report(results, version, time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
