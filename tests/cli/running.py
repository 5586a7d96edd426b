"""Running the command in a process of its own, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
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
    command = [*COMMAND, *arguments]
    return subprocess.run(
        command, cwd=cwd, env=dict(env), capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL
    )


def left_running(folder: Path) -> list[str]:
    """Command lines of processes that still name `folder`, which everything the demo starts does."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue  # it ended while we looked
        text = b" ".join(words).decode(errors="replace")
        if str(folder) in text and int(entry.parent.name) != os.getpid():
            found.append(text)
    return found
