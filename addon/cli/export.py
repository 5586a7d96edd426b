"""`codex-relay export`: arguments and output; the work is done in addon/recording."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from addon.recording import RecordingError


def add(commands: Any) -> None:
    """Declare the command."""
    export = commands.add_parser(
        "export",
        help="write the conversations of recordings as OpenAI messages",
        description="Writes each conversation of the recordings once, a JSON object a line: messages, with tool calls "
        "and reasoning (`reasoning_content`), tools, model, thread, kind, Codex version, start, number of answers, "
        "status. Several files count as one, in the order given. Files may be larger than the memory.",
        epilog="Exit status: 1 when a file was damaged or turns were not kept whole; what could be read is written.",
    )
    export.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a flow file that the relay has recorded")
    export.add_argument("--format", choices=["messages"], default="messages", help="the only one, and the default")
    export.add_argument("--out", default="-", metavar="FILE", help="where to; - is standard output (-)")
    export.add_argument("--no-reasoning", action="store_true", help="leave the model's reasoning out")
    export.add_argument(
        "--min-turns", type=_count, default=1, metavar="N", help="only conversations with N answers or more (1)"
    )
    export.add_argument("--no-scrub", action="store_true", help="take out keys only: leave homes, names and ids in")
    export.set_defaults(run=_run)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no number; give one from 0 up")
    return int(text)


def _run(arguments: argparse.Namespace) -> int:
    from addon.recording.export import Export, summary
    from addon.recording.private import environment_secrets, machine_words
    from addon.recording.scrub import Scrubber

    began = time.monotonic()
    words = () if arguments.no_scrub else machine_words()
    export = Export(
        arguments.files,
        Scrubber(words, secrets=environment_secrets(), only_keys=arguments.no_scrub),
        reasoning=not arguments.no_reasoning,
        min_turns=arguments.min_turns,
    )
    with _output(arguments.out, arguments.files) as out:
        done = export.write(out)
    for line in summary(done, arguments.min_turns, time.monotonic() - began):
        print(line, file=sys.stderr)
    return 0 if done.is_whole else 1


@contextlib.contextmanager
def _output(name: str, sources: list[Path]) -> Iterator[BinaryIO]:
    """The file under a name of its own until it is whole. Raises RecordingError."""
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(name).resolve()  # a link stays one
    if any(path.exists() and source.exists() and path.samefile(source) for source in sources):
        raise RecordingError(f"{path} is the recording itself; give another name with --out")
    part = path if path.exists() and not path.is_file() else path.with_name(path.name + ".part")  # a pipe, a device
    try:
        with part.open("wb") as out:
            yield out
        if part != path:
            os.replace(part, path)
    except OSError as error:
        raise RecordingError(f"{path} can't be written: {error.strerror or error}") from error
    finally:
        if part != path:
            part.unlink(missing_ok=True)
