"""`codex-relay stats`: arguments and output; the work is done in addon/stats."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from addon.recording import RecordingError

if TYPE_CHECKING:
    from relay_translate.profiles.prices import Entry

PICTURES = (".svg", ".png")


def add(commands: Any) -> None:
    """Declare the command."""
    stats = commands.add_parser(
        "stats",
        help="count a recording's tokens, seconds, errors and cost",
        description="Prints a table of a recording: for each thread and model the turns, tokens, cache hits, times to "
        "the first token and to the end, errors, and the cost where the price is known. Files may be larger than the "
        "memory.",
        epilog='A file of prices names models, USD per million tokens: ["model-*"] with input = 0.5, output = 2.0 and '
        'perhaps cached = 0.05, host = "llm.example.com" or with a port. Exit status: 1 when the file was damaged.',
    )
    stats.add_argument("file", type=Path, metavar="FILE", help="a flow file that the relay has recorded")
    stats.add_argument(
        "--json", action="store_true", help="print JSON instead: exact numbers, null for what is unknown"
    )
    stats.add_argument(
        "--plot",
        type=_picture,
        metavar="OUT",
        help="draw the session over time too, as .svg or .png (needs matplotlib)",
    )
    stats.add_argument("--prices", type=Path, metavar="FILE.toml", help="prices that go before the known list prices")
    stats.set_defaults(run=_run)


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a picture; end it in .svg or .png")
    return path


def _run(arguments: argparse.Namespace) -> int:
    from addon.stats import Totals, timeline
    from addon.stats.reading import Reading
    from addon.stats.table import as_json
    from relay_translate.transcript import count

    if arguments.plot:
        timeline.check(arguments.plot, arguments.file)
    totals, session = Totals(_prices(arguments.prices)), timeline.Session()
    reading = Reading(arguments.file)
    for flow in reading.turns():
        if totals.add_flow(flow) and arguments.plot:
            session.add(flow)
    if not totals:
        raise RecordingError(
            f"{arguments.file} holds {count(reading.flows, 'flow')} but no turn that the relay has recorded; "
            "record with `mitmdump -s addon/relay.py -w FILE` or `codex-relay record FILE`"
        )
    print(json.dumps(as_json(totals), indent=2) if arguments.json else "\n".join(totals.lines()))
    if arguments.plot:
        for line in timeline.draw(session, arguments.plot, arguments.file.name):
            print(line, file=sys.stderr)
    if reading.damage:
        print(f"codex-relay: {arguments.file} is damaged, the sums end there: {reading.damage}", file=sys.stderr)
    return 1 if reading.damage else 0


def _prices(path: Path | None) -> list[Entry]:
    """Raises RecordingError that names the file and what is wrong in it."""
    from relay_translate.profiles.prices import prices_from_table

    if path is None:
        return []
    try:
        return prices_from_table(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RecordingError(f"{path} can't be read: {error.strerror or error}") from error
    except ValueError as error:  # of TOML, of its encoding, or of what it says
        raise RecordingError(f"{path} holds no prices: {error}") from error
