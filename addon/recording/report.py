"""A recording -> what one attaches to an issue: a small flow file without private things, and a page about it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from mitmproxy import http
from mitmproxy.io import FlowWriter

from . import RecordingError
from .check import progress
from .flows import RecordedTurn, Recording, open_recording
from .minimal import minimal, recorded_keys
from .private import environment_secrets, machine_words
from .scrub import Scrubber
from .summary import Row, in_words, row, summary


@dataclass
class Report:
    """flow, page: the files. rows: the turns that they hold, by their number in the recording, from 1."""

    flow: Path
    page: Path
    turns: int  # of the recording
    damage: str = ""
    rows: list[Row] = field(default_factory=list)


def write_report(
    path: Path,
    name: Path,
    *,
    last: int | None = None,
    whole: bool = False,
    patterns: Iterable[str] = (),
    force: bool = False,
) -> Report:
    """NAME.flow and NAME.md for the recording at `path`.

    last: the last so many turns; None takes the last failed one (without one, the last) and the one before it.
    Raises RecordingError when the recording can't be read, or a file is there already and `force` is not given.
    """
    if name.is_dir():
        raise RecordingError(f"{name} is a folder; name a file in it, such as {name / 'report'}")
    base = name.with_suffix("") if name.suffix in (".flow", ".md") else name
    report = Report(base.with_name(base.name + ".flow"), base.with_name(base.name + ".md"), 0)
    _refuse(report, path, force)
    recording = open_recording(path)
    report.turns, report.damage = len(recording), recording.damage
    numbers = chosen(recording, last)
    targets = [file.resolve() for file in (report.flow, report.page)]  # a link stays one
    if odd := next((file for file in targets if file.exists() and not file.is_file()), None):
        raise RecordingError(f"{odd} is not a regular file; give another name with --out")
    parts = [file.with_name(file.name + ".part") for file in targets]
    with ExitStack() as stack:
        for part in parts:
            stack.callback(part.unlink, missing_ok=True)
        try:
            scrubber = _write_flows(recording, numbers, parts[0], report, whole=whole, patterns=list(patterns))
            page = summary(report.rows, report.flow.name, report.turns, report.damage)
            parts[1].write_text(scrubber.text(page), encoding="utf-8")
            for part, file in zip(parts, targets, strict=True):
                os.replace(part, file)
        except OSError as error:
            raise RecordingError(f"{report.flow} can't be written: {error.strerror or error}") from error
    return report


def chosen(recording: Recording, last: int | None) -> list[int]:
    """Numbers of the turns to report, from 0."""
    if last is not None:
        return list(range(max(0, len(recording) - last), len(recording)))
    latest: dict[str, int] = {}  # by thread
    failed: list[int] = []
    for number, turn in enumerate(progress(recording.turns(), len(recording), "looked at")):
        if turn.facts.get("status") == "failed":
            before = latest.get(turn.thread) if turn.thread else None
            failed = [number] if before is None else [before, number]
        latest[turn.thread] = number
    return failed or [len(recording) - 1]


def _refuse(report: Report, path: Path, force: bool) -> None:
    for file in (report.flow, report.page):
        if not file.exists():
            continue
        if path.exists() and file.samefile(path):
            raise RecordingError(f"{file} is the recording itself; give another name with --out")
        if not force:
            raise RecordingError(f"{file} is there already; give another name with --out, or --force to replace it")


def _write_flows(
    recording: Recording, numbers: list[int], path: Path, report: Report, *, whole: bool, patterns: list[str]
) -> Scrubber:
    """Fills the flow file and the report's rows. Gives the scrubber, which knows the keys of all these turns."""
    secrets = [*environment_secrets(), *(key for number in numbers for key in recorded_keys(recording.turn(number)))]
    secrets = sorted(set(secrets), key=len, reverse=True)
    scrubber = Scrubber(machine_words(), patterns, secrets)
    with path.open("wb") as file:
        for number in numbers:
            given = minimal(recording.turn(number), scrubber, whole=whole)
            for flow in _in_order(given.turn):
                file.write(_without(_bytes(flow), secrets, number + 1))
            report.rows.append(row(number + 1, given))
    return scrubber


def _in_order(turn: RecordedTurn) -> Iterator[http.HTTPFlow]:
    """As the relay records them: the provider's side first."""
    if turn.upstream is not None:
        yield turn.upstream
    yield turn.client


def _bytes(flow: http.HTTPFlow) -> bytes:
    out = io.BytesIO()
    FlowWriter(out).add(flow)
    return out.getvalue()


def _without(data: bytes, secrets: Iterable[str], number: int) -> bytes:
    """The data. Raises RecordingError when a key is in it though it was scrubbed: nothing is written then."""
    if any(secret.encode() in data for secret in secrets):
        raise RecordingError(f"turn {number} still holds a key after scrubbing, so nothing was written; please tell us")
    return data


def describe(report: Report) -> str:
    """What the files hold, and what is left to do, for people."""
    cut = sum(not one.kept_whole for one in report.rows)
    texts = "long texts cut" if cut == len(report.rows) else f"long texts cut in {cut}" if cut else "nothing cut"
    which = in_words(one.number for one in report.rows)
    return (
        f"{report.flow}  {report.flow.stat().st_size / 1000:,.0f} kB: {which} of {report.turns}, both sides, {texts}\n"
        f"{report.page}  the summary\n"
        "Keys, accounts, sessions, homes and the names of this machine were taken out. What was talked about was not:\n"
        f"read {report.page.name}, and look through {report.flow.name} with `mitmweb -n -r {report.flow}`, "
        "before you post them.\nMore is taken out with --scrub REGEX."
    )
