"""Playing rows: several at once, each bounded in time, all on one upstream and (unless they restart it) one relay."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from addon.codex.install import find_codex
from addon.scenarios.relay import Relay
from addon.scenarios.stage import Grade, Stage
from addon.scripted import ScriptedUpstream
from tests.e2e.rows import Row

AT_ONCE = 3  # rows at a time; most of a row is waiting for two other processes


@dataclass(frozen=True)
class Result:
    row: Row
    grade: Grade
    requests: int
    seconds: float
    shown: str
    complaints: tuple[str, ...]
    folder: Path

    @property
    def explained(self) -> str:
        return "\n".join((f"{self.row.name}: {self.grade}", *(f"  {text}" for text in self.complaints)))


async def play_row(row: Row, upstream: ScriptedUpstream, shared: Relay, codex: Path, folder: Path) -> Result:
    """One row, never an exception: what goes wrong in a row is its finding."""
    started = time.monotonic()
    relay = Relay(upstream.url, folder / "relay") if row.own_relay else shared
    stage = Stage(row.name, upstream, relay, codex, folder, version=row.version)
    try:
        if row.own_relay:
            await relay.start()
        await asyncio.wait_for(row.play(stage), row.limit)
        stage.close()
    except TimeoutError:
        stage.broken.append(f"not done within {row.limit:.0f} s")
    except Exception:
        stage.broken.append("the row itself failed: " + traceback.format_exc(limit=-3))
    finally:
        if row.own_relay:
            await relay.stop()
    _write_record(stage, folder)
    played = stage.seen if stage.was_played else []
    complaints = (*stage.broken, *stage.partly)
    return Result(row, stage.grade, len(played), time.monotonic() - started, stage.shown, complaints, folder)


async def play_rows(
    rows: Sequence[Row],
    codex: Path | None,
    *,
    jobs: int = AT_ONCE,
    keep: Path | None = None,
    told: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """All rows, in their order; ``told`` hears of each as it ends. ``keep`` is where the records stay.

    ``codex`` may be None if every row names its version.
    """
    programs = {row.name: find_codex(row.version) if row.version else codex for row in rows}
    folder = Path(tempfile.mkdtemp(prefix="codex-relay-e2e-")) if keep is None else keep
    free = asyncio.Semaphore(jobs)
    try:
        async with ScriptedUpstream() as upstream, Relay(upstream.url, folder / "relay") as relay:

            async def one(row: Row) -> Result:
                program = programs[row.name]
                assert program is not None, f"row {row.name} has no Codex"
                async with free:
                    result = await play_row(row, upstream, relay, program, folder / row.name)
                    told(result)
                    return result

            results = list(await asyncio.gather(*(one(row) for row in rows)))
            return [*results, *relay_findings(relay)]
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def relay_findings(relay: Relay) -> list[Result]:
    """The shared relay is a row by itself if it printed a traceback: no row can be blamed for it."""
    printed = relay.printed()
    at = printed.find("Traceback (most recent call last)")
    if at < 0:
        return []
    count = printed.count("Traceback (most recent call last)")
    complaint = f"{count} tracebacks in the relay's log, the first:\n{printed[max(0, at - 200) : at + 2000]}"
    row = Row("relay-log", "the relay's log", _nothing)
    return [Result(row, "P", 0, 0.0, f"{count} tracebacks", (complaint,), relay.folder)]


async def _nothing(stage: Stage) -> None:
    """What the row of the relay's log plays."""


def _write_record(stage: Stage, folder: Path) -> None:
    """The upstream requests of the row, for whoever has to find out what went wrong."""
    if not stage.was_played:
        return
    requests = [{"thread": seen.thread, "complaints": seen.complaints, "body": seen.body} for seen in stage.seen]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "requests.json").write_text(json.dumps(requests, indent=1, ensure_ascii=False))
