"""The page of a report: who was asked with what, what came of each turn, and how to see it happen again."""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import relay_translate
from addon import compat
from relay_translate.errors import one_line

from .check import Checked
from .flows import body_of
from .minimal import Minimal
from .times import utc
from .translating import mapping

_LONGEST = 400  # characters of an error, or of another text of others
_EVENT = re.compile(r"\bevent \d+")


@dataclass(frozen=True)
class Row:
    """What the page tells of one turn. provider_status: HTTP, None where nobody answered. pictures: in the client's
    request."""

    number: int
    facts: Mapping[str, Any]
    started: float
    codex: str
    kept_whole: str
    provider_status: int | None
    broken_off: str
    pictures: int
    checked: Checked


def row(number: int, given: Minimal) -> Row:
    turn = given.turn
    answer = turn.upstream.response if turn.upstream else None
    return Row(
        number=number,
        facts=turn.facts,
        started=turn.client.request.timestamp_start,
        codex=turn.codex_version,
        kept_whole=given.kept_whole,
        provider_status=answer.status_code if answer else None,
        broken_off=turn.client.error.msg if turn.client.error else "",
        pictures=body_of(turn.client.request).count(b"data:image/"),
        checked=given.checked,
    )


def summary(rows: Sequence[Row], flow: str, turns: int, damage: str = "") -> str:
    """The page, in Markdown. flow: name of the flow file that goes with it; turns: of the recording."""
    last = rows[-1]
    lines = ["# codex-relay report", "", *_versions(last), *_provider(last)]
    if damage:
        lines.append(f"- the recording is damaged: {_code(damage)}")
    lines += ["", f"## Turns ({len(rows)} of {turns})", "", *_table(rows), ""]
    lines += _section("Notes", _notes(rows))
    lines += _section("Today's translator", _checks(rows))
    lines += _section(f"What {flow} holds", _holds(rows))
    lines += ["## See it again", "", f"    codex-relay replay {flow} --check", f"    mitmweb -n -r {flow}", ""]
    return "\n".join(lines)


def _versions(last: Row) -> Iterator[str]:
    here = f"codex-relay {relay_translate.__version__}, mitmproxy {compat.MITMPROXY}, Python {sys.version.split()[0]}"
    yield f"- reported with {here}, {platform.system()} {platform.release()} {platform.machine()}"
    client = mapping(last.facts.get("client"))
    versions = mapping(client.get("versions"))
    if versions:
        told = f"codex-relay {versions.get('relay')}, mitmproxy {versions.get('mitmproxy')}"
        yield f"- recorded with {told}, Python {versions.get('python')}"
    codex = client.get("codex") or last.codex
    yield f"- client: {f'Codex {codex}' if codex else 'not Codex'}"


def _provider(last: Row) -> Iterator[str]:
    facts = last.facts
    yield f"- provider: {_code(facts.get('provider') or 'unknown')}, profile {_code(facts.get('profile') or 'unknown')}"
    if facts.get("options") is None:
        yield "- options: not recorded"
        return
    options = mapping(facts["options"])
    told = ", ".join(f"{name} {_code(json.dumps(value))}" for name, value in sorted(options.items()) if value)
    yield f"- options: {told or 'none'}"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    names = ("turn", "time (UTC)", "model", "status", "tokens", "first token", "total", "provider", "error")
    yield _line(names)
    yield _line(["---"] * len(names))
    for one in rows:
        facts, timings = one.facts, mapping(one.facts.get("timings"))
        yield _line([
            str(one.number),
            utc(one.started).strftime("%Y-%m-%d %H:%M:%S"),
            _code(facts.get("model") or "unknown"),
            str(facts.get("status") or "unknown"),
            _tokens(facts),
            _seconds(timings.get("first_token")),
            _seconds(timings.get("total")),
            f"HTTP {one.provider_status}" if one.provider_status else "no answer",
            _error(one),
        ])  # fmt: skip


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _tokens(facts: Mapping[str, Any]) -> str:
    usage = mapping(facts.get("usage"))
    if not usage:
        return "unknown"
    about = "about " if facts.get("usage_estimated") else ""
    return f"{about}{usage.get('input_tokens')} in, {usage.get('output_tokens')} out"


def _seconds(value: object) -> str:
    return f"{value:.2f} s" if isinstance(value, int | float) else ""


def _error(one: Row) -> str:
    error = mapping(one.facts.get("error"))
    said = _code(f"{error.get('code')}: {error.get('message')}") if error else ""
    if not one.broken_off or one.broken_off in str(error.get("message")):
        return said
    return f"{said} {_code(one.broken_off)}".strip()


def _notes(rows: Sequence[Row]) -> Iterator[str]:
    turns: dict[str, list[int]] = {}
    for one in rows:
        for note in one.facts.get("notes") or ():
            turns.setdefault(str(note), []).append(one.number)
    for note, numbers in turns.items():
        yield f"{_code(note)} ({in_words(numbers)})"


def _checks(rows: Sequence[Row]) -> Iterator[str]:
    same = [one.number for one in rows if not one.checked.differences and not one.checked.unchecked]
    if same:
        yield f"{in_words(same)}: gives what was recorded"
    turns: dict[str, list[int]] = {}
    for one in rows:
        for found in (*one.checked.differences, *(f"not compared: {why}" for why in one.checked.unchecked)):
            turns.setdefault(_EVENT.sub("event", _code(found)), []).append(one.number)
    yield from (f"{in_words(numbers)}: {text}" for text, numbers in turns.items())


def _holds(rows: Sequence[Row]) -> Iterator[str]:
    cut = [one.number for one in rows if not one.kept_whole]
    if cut:
        yield (
            f"{in_words(cut)}: long texts (prompts, messages, tool outputs, descriptions of tools) are cut in "
            "both requests, the provider's is the translation of the cut one; answers are whole"
        )
    yield from (f"turn {one.number}: whole, {one_line(one.kept_whole)}" for one in rows if one.kept_whole)
    if pictures := sum(one.pictures for one in rows):
        yield f"pictures: {pictures}"


def in_words(numbers: Iterable[int]) -> str:
    """`turn 3`, `turns 3, 4`, `turns 3 to 5, 8`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return f"turn{'s' if len(runs) > 1 or len(runs[0]) > 1 else ''} {', '.join(parts)}"


def _section(title: str, entries: Iterator[str]) -> list[str]:
    found = [f"- {entry}" for entry in entries]
    return [f"## {title}", "", *found, ""] if found else []


def _code(text: object) -> str:
    """Others' words as they are: no markup of theirs is markup on the page."""
    plain = one_line(str(text)).replace("`", "'")
    return f"`{plain[:_LONGEST]}{'...' if len(plain) > _LONGEST else ''}`"
