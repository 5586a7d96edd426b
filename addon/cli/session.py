"""A session that is recorded: mitmdump with the relay as a child whose turns are counted, until somebody ends it."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path

from addon import demo, processes
from addon.cli import serving
from addon.cli.progress import TurnProgress
from addon.demo.screen import Screen
from addon.recording import RecordingError

TAP = Path(__file__).resolve().parent.parent / "recording" / "tap.py"
START_LIMIT = 60.0  # seconds
_LOG_PREFIX = re.compile(r"^\[[\d:.]+\](\[[^\]]*\])?\s*")


def record(path: Path, upstream: str, port: int, *, append: bool, passed_on: Sequence[str]) -> int:
    """Record until Ctrl-C, a signal, or mitmdump ends. Raises RecordingError and ServeError."""
    serving.check_port(port, passed_on)
    if append:
        _check_readable(path)
    kept = _put_aside(path) if not append else None
    try:
        return _record(path, upstream, port, append=append, passed_on=passed_on)
    finally:
        if kept is not None:
            _put_back(kept, path)


def _check_readable(path: Path) -> None:
    """What is appended to a file that can't be read to its end can't be read either."""
    if not path.exists() or not path.stat().st_size:
        return
    from addon.recording.flows import damage_of

    if damage := damage_of(path):
        raise RecordingError(f"{path} can't be appended to: {damage}; record into another file")


def _put_aside(path: Path) -> Path | None:
    """An older recording under another name, until there is a new one."""
    if not path.is_file() or not path.stat().st_size:
        return None
    real = path.resolve()
    kept = real.with_name(f".{real.name}.{os.getpid()}")  # nobody else's
    os.replace(real, kept)
    return kept


def _put_back(kept: Path, path: Path) -> None:
    real = path.resolve()
    if real.exists() and real.stat().st_size:
        kept.unlink()
    else:
        os.replace(kept, real)


def _record(path: Path, upstream: str, port: int, *, append: bool, passed_on: Sequence[str]) -> int:
    options = serving.relay_options(upstream, port)
    # Quiet: a line a turn is told by the tap, and what goes wrong is worth a line all the same.
    options += ["-s", str(TAP), "--set", "flow_detail=0", "--set", "termlog_verbosity=warn"]
    options += ["-w", _option(path, append=append), *passed_on]
    before = path.stat().st_size if append and path.exists() else 0
    progress = TurnProgress()
    command = processes.mitmproxy_tool("mitmdump", *options)
    try:
        asyncio.run(demo.cancellable(_follow(command, port, passed_on, progress), Screen()))
    except (asyncio.CancelledError, KeyboardInterrupt):
        pass  # this is how it ends
    finally:
        progress.clear()
        if path.is_file() and not path.is_symlink() and not path.stat().st_size:
            path.unlink()
    return _summary(path, before, port, progress)


def _option(path: Path, *, append: bool) -> str:
    """mitmproxy takes % as the start of a date, and + as the wish to append."""
    return ("+" if append else "") + str(path.absolute()).replace("%", "%%")


async def _follow(command: list[str], port: int, passed_on: Sequence[str], progress: TurnProgress) -> None:
    def logged(line: str) -> None:
        if line.strip():
            progress.note(_LOG_PREFIX.sub("", line))

    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    async with (
        processes.running(command, Path.cwd(), environment) as mitmdump,
        processes.following(mitmdump, progress.turn, logged) as log,
    ):
        if not serving.has_own_address(passed_on) and await processes.listens(mitmdump, port, START_LIMIT):
            progress.note(serving.codex_hint(port))
            progress.note("Recording; Ctrl-C ends it.")
        ticking = asyncio.create_task(_tick(progress))
        try:
            status = await mitmdump.wait()
        except asyncio.CancelledError:  # Ctrl-C: what mitmdump still writes and tells is part of the recording
            await processes.stop(mitmdump)
            return
        finally:
            ticking.cancel()
        await asyncio.sleep(0.1)  # its last lines
        if status:
            raise RecordingError(f"mitmdump ended with status {status}: {reason(log)}")


def reason(log: Sequence[str]) -> str:
    """Why mitmdump ended: what it said last, before it told that it gives up."""
    said = [_LOG_PREFIX.sub("", line) for line in log if line.strip()]
    given_up = next((n for n, line in enumerate(said) if line.endswith("exiting...")), len(said))
    return said[given_up - 1] if given_up else "it printed nothing"


async def _tick(progress: TurnProgress) -> None:
    while True:
        await asyncio.sleep(1)
        progress.show()


def _summary(path: Path, before: int, port: int, progress: TurnProgress) -> int:
    size = path.stat().st_size if path.exists() else 0
    if not progress.turns:
        print(f"No turn was recorded in {progress.seconds:.0f} s. {serving.codex_hint(port)}")
        return 0
    if size <= before:
        raise RecordingError(f"{progress.line()}, but nothing was written to {path}; is another -w among the options?")
    print(f"{progress.line()}; {path}: {size:,} bytes")
    print(f"Next: codex-relay replay {path} --check")
    return 0
