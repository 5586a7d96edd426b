"""Running the command in a process of its own, in an environment of its own, and never for longer than a limit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "addon.cli"]
LIMIT = 120.0


def environment(folder: Path, **more: str) -> dict[str, str]:
    """A home and temporary folder inside `folder`, and a PATH without Codex."""
    for name in ("home", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
    own = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "PATH": "/usr/bin:/bin", "TERM": "xterm"}
    return {**kept, **own, "PYTHONPATH": str(REPOSITORY), **more}


def run(arguments: Sequence[str], env: Mapping[str, str], cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Runs `codex-relay ARGUMENTS` to its end, without a terminal."""
    with started(arguments, env, cwd) as process:
        out, errors = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


@contextlib.contextmanager
def started(
    arguments: Sequence[str],
    env: Mapping[str, str],
    cwd: Path = REPOSITORY,
    *,
    ignoring: Sequence[signal.Signals] = (),
    limit: float = LIMIT,
) -> Iterator[subprocess.Popen[str]]:
    """`codex-relay ARGUMENTS`, with its two outputs as pipes, until it ends.

    When the limit is over, all that it started is killed: whoever waits for it here, be it for a line, goes on, and
    TimeoutError is raised. The same is killed when the block fails.
    """
    with dispositions(ignoring):
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    over = threading.Event()

    def expire() -> None:
        over.set()
        kill(process, env)

    watchdog = threading.Timer(limit, expire)
    watchdog.start()
    try:
        with process:
            try:
                yield process
                process.wait()
            finally:
                watchdog.cancel()
                kill(process, env)
    finally:
        if over.is_set():
            raise TimeoutError(f"{arguments} did not end within {limit} s")


@contextlib.contextmanager
def dispositions(ignoring: Sequence[signal.Signals]) -> Iterator[None]:
    """What a child started here ignores: these signals, and not those we were told to ignore ourselves.

    A script's `&` has the whole test run ignore Ctrl-C, and `nohup` the end of the terminal. A child inherits that; a
    signal that we handle it gets with its default.
    """
    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {kind: signal.getsignal(kind) for kind in kinds}
    try:
        for kind in kinds:
            signal.signal(kind, signal.SIG_IGN if kind in ignoring else signal.default_int_handler)
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def kill(process: subprocess.Popen[str], env: Mapping[str, str]) -> None:
    """The process with its group, and what it started in groups of its own: those have its temporary folder."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    folder = Path(env["TMPDIR"])
    for pid in processes_of(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    left_running(folder)


def left_running(folder: Path) -> list[str]:
    """Command lines of what still runs; what was killed a moment ago is given the time to end."""
    deadline = time.monotonic() + 2
    while (found := processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return list(found.values())


def processes_of(folder: Path) -> dict[int, str]:
    """Process id -> command line, of those that name `folder` there or in their environment. Needs /proc.

    All that is started with an `environment` inside the folder does.
    """
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words, variables = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue  # it ended while we looked, or is somebody else's
        if os.fsencode(folder) in words + variables and int(entry.name) != os.getpid():
            found[int(entry.name)] = words.replace(b"\0", b" ").decode(errors="replace")
    return found
