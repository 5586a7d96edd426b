"""`codex-relay fixtures`: arguments and output; the work is done in addon/recording."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from addon.recording import RecordingError

UNKNOWN = 2
"""Exit status of a difference that holds what the translator does not know, so that a scheduled check fails."""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "fixtures",
        help="make test cases of recordings, and compare versions of Codex",
        description="Recordings as test cases: folders of text that are read, compared and replayed by the tests.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    extract = actions.add_parser(
        "extract",
        help="flow files -> folders",
        description="Writes <codex version>/<case>/turn-N/ with the request, the chat request, the provider's stream "
        "and the answer, with placeholders: the same conversation, recorded twice, gives the same bytes. VERSIONS.md "
        "gets a row for a version that has none.",
    )
    extract.add_argument("files", nargs="+", type=Path, metavar="FILE", help="flow files that the relay has written")
    extract.add_argument("--out", type=Path, default=Path("fixtures"), metavar="FOLDER", help="(fixtures)")
    extract.add_argument("--trim", action="store_true", help="cut long prose, and leave out tools that nobody calls")
    extract.add_argument("--case", action="append", default=[], metavar="NAME", help="only this case; may be repeated")
    extract.set_defaults(run=_extract)

    diff = actions.add_parser(
        "diff",
        help="what changed on the wire between two versions",
        description="Compares what Codex sent: headers, fields, items, tools. Exit status 2 when B holds anything that "
        "the translator does not know.",
    )
    for side, what in (("a", "a version in the fixtures, a folder, or a flow file"), ("b", "what it is compared with")):
        diff.add_argument(side, metavar=side.upper(), help=what)
    diff.add_argument("--fixtures", type=Path, default=Path("fixtures"), metavar="FOLDER", help="(fixtures)")
    diff.add_argument("--all", action="store_true", help="also what did not change")
    diff.add_argument("--json", action="store_true", help="for machines")
    diff.set_defaults(run=_diff)


def _extract(arguments: argparse.Namespace) -> None:
    from addon.recording.fixtures import extract_files

    try:
        for line in extract_files(arguments.files, arguments.out, trim=arguments.trim, names=arguments.case):
            print(line, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RecordingError(f"{error.filename or arguments.out} can't be written: {error.strerror}") from None


def _diff(arguments: argparse.Namespace) -> int:
    from addon.recording.diff import as_json, compare, find_inventory, table

    a, b = (find_inventory(side, arguments.fixtures) for side in (arguments.a, arguments.b))
    names = [Path(side).name.removesuffix(".flow") for side in (arguments.a, arguments.b)]
    difference = compare(a, b, *names)
    if arguments.json:
        print(json.dumps(as_json(difference, whole=arguments.all), ensure_ascii=False, indent=1))
    else:
        columns = shutil.get_terminal_size((120, 24)).columns
        for line in table(difference, columns=columns, whole=arguments.all):
            print(line)
    return UNKNOWN if difference.unknown else 0
