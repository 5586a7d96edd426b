"""`codex-relay report`: arguments and output; the work is done in addon/recording."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Declare the command."""
    report = commands.add_parser(
        "report",
        help="make a small, scrubbed recording and a summary for an issue",
        description="Writes NAME.flow and NAME.md: the last failed turn and the one before it in its thread, or the "
        "last turn when none has failed. Keys and private things are taken out, long prompts and texts are cut.",
    )
    report.add_argument("file", type=Path, metavar="FILE", help="a flow file that the relay has recorded")
    report.add_argument("--last", type=_count, metavar="N", help="report the last N turns instead")
    report.add_argument(
        "--out", type=Path, metavar="NAME", help="name of both files without ending (FILE-report, here)"
    )
    report.add_argument("--whole", action="store_true", help="cut nothing: when a long text is part of the problem")
    report.add_argument(
        "--scrub", type=pattern, action="append", default=[], metavar="REGEX",
        help="take this out too, its group 1 or all of a match; may be given often",
    )  # fmt: skip
    report.add_argument("--force", action="store_true", help="replace files that are there")
    report.set_defaults(run=_run)


def pattern(text: str) -> str:
    try:
        found = re.compile(text.encode())
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from None
    if found.fullmatch(b""):
        raise argparse.ArgumentTypeError(f"{text!r} matches the empty text, so it would say nothing")
    return text


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of turns; give one from 1 up")
    return int(text)


def _run(arguments: argparse.Namespace) -> None:
    from addon.recording.report import describe, write_report

    name = arguments.out or Path(f"{arguments.file.stem}-report")
    report = write_report(
        arguments.file,
        name,
        last=arguments.last,
        whole=arguments.whole,
        patterns=arguments.scrub,
        force=arguments.force,
    )
    print(describe(report))
