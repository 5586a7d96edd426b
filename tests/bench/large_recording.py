"""`python -m tests.bench.large_recording FILE [--megabytes 500]`: a flow file of long conversations, side by side.

Each turn repeats the history, which grows by a file that the model has read, as in a day of work; a thread that has
grown long gives way to a new one. The same arguments give the same conversations.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from addon.scripted.chunks import Call
from tests.recording.sessions import Session, add

SIDE_BY_SIDE = 8  # threads


def words(chance: random.Random, size: int) -> str:
    """Text of about `size` characters that does not compress to nothing and looks like what tools print."""
    return " ".join(f"{chance.getrandbits(36):09x}" for _ in range(size // 10))


def step(session: Session, chance: random.Random, read: int) -> None:
    """One turn of a thread: something new to answer, and an answer that calls a tool or ends the work."""
    if not session.history or session.history[-1]["type"] == "message":
        session.says(f"Please look into {words(chance, 80)}.")
    elif session.history[-1]["type"] == "function_call":
        session.ran(words(chance, read))
    if chance.random() < 0.8:
        call = Call.of("exec_command", {"cmd": f"cat {words(chance, 40)}"}, f"call_{chance.getrandbits(48):x}")
        session.hears(reasoning=words(chance, 2000), calls=[call])
    else:
        session.hears(f"Found: {words(chance, 400)}", reasoning=words(chance, 500))


def make(path: Path, size: int, *, turns: int, read: int, seed: int = 1) -> tuple[int, int]:
    """A file of at least `size` bytes; gives the numbers of turns and threads. A thread has `turns` turns, in each of
    which a tool prints `read` characters."""
    chance, threads, count = random.Random(seed), 0, 0
    sessions: list[tuple[Session, int]] = []
    with path.open("wb") as file:
        while file.tell() < size:
            if len(sessions) < SIDE_BY_SIDE:
                threads += 1
                session, left = Session(thread=f"thread-{threads}"), chance.randint(1, 2 * turns)
            else:
                session, left = sessions.pop(0)
            step(session, chance, read)
            for flow in session.flows:
                add(file, flow)
            session.flows.clear()
            count += 1
            if left > 1:
                sessions.append((session, left - 1))
    return count, threads


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("file", type=Path)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--turns", type=int, default=40, help="of a thread, on average")
    parser.add_argument("--read", type=int, default=8_000, help="characters that a tool prints in each turn")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    turns, threads = make(options.file, options.megabytes * 1_000_000, turns=options.turns, read=options.read)
    size = options.file.stat().st_size / 1e6
    print(f"{options.file}: {size:.0f} MB, {turns} turns of {threads} threads, {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
