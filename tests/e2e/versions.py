"""``python -m tests.e2e.versions``: text, tool loop, patch and MCP with each Codex version, as a table.

Versions are looked for in the cache; ``--install`` installs what is missing through npm.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from addon.codex.install import VERSIONS, CodexMissing, find_codex, install
from addon.scenarios.relay import RelayFailed
from tests.e2e.playing import AT_ONCE, play_rows
from tests.e2e.rows.versions import version_rows
from tests.e2e.table import progress, report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.versions", description=__doc__)
    parser.add_argument("versions", nargs="*", default=list(VERSIONS), metavar="VERSION")
    parser.add_argument("--install", action="store_true", help="install missing versions first")
    parser.add_argument("--keep", type=Path, help="keep requests, logs and homes in this new folder")
    parser.add_argument("--jobs", type=int, default=AT_ONCE, help=f"rows at a time (default {AT_ONCE})")
    chosen = parser.parse_args()
    started = time.monotonic()
    rows = version_rows(chosen.versions)
    try:
        for version in chosen.versions:
            install(version) if chosen.install else find_codex(version)
        results = asyncio.run(play_rows(rows, None, jobs=chosen.jobs, keep=chosen.keep, told=progress(len(rows))))
    except (CodexMissing, RelayFailed) as problem:
        print(problem, file=sys.stderr)
        return 2
    return report(results, ", ".join(chosen.versions), time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
