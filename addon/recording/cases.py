"""A recording as cases: what a scripted scenario calls one, in `metadata["case"]`, else a conversation of a client."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from . import RecordingError
from .check import checked_turn
from .flows import RecordedTurn, body_of, open_recording
from .inventory import FRAMING_HEADERS
from .times import utc

Json = dict[str, Any]

DECIDING_HEADERS = ("retry-after", "retry-after-ms", "location")  # of an upstream's error, beside status and body
_TEXT = re.compile(rb'"text": ?"((?:[^"\\]|\\.)*)"')
_LONGEST_NAME = 80  # of a folder


@dataclass(frozen=True)
class Turn:
    """One exchange as recorded. broken_off: mitmproxy's words when the upstream broke off in its answer.
    differs: what today's translator makes otherwise than it was recorded: "chat request", "answer"."""

    request: Json
    request_headers: frozenset[str]
    chat_request: Json
    status: int
    headers: Mapping[str, str]
    upstream: str
    response: str
    codex: bool
    broken_off: str = ""
    subagent: str = ""
    differs: tuple[str, ...] = ()

    @property
    def answered(self) -> bool:
        return 200 <= self.status < 300


@dataclass
class Case:
    """remarks: which of its turns are left out, and why."""

    name: str
    codex_version: str
    facts: Mapping[str, Any]  # of `metadata["case"]`
    relay: Mapping[str, Any]  # of the first turn's `metadata["relay"]`
    recorded: date
    turns: list[Turn] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def read_cases(path: Path, names: Collection[str] = ()) -> Iterator[Case]:
    """The cases of a flow file in the order in which they began, one at a time in memory. names: only these.

    Raises RecordingError when `path` is not a flow file of the relay, or holds no case of one of the names."""
    recording = open_recording(path)
    members: dict[tuple[str, str], list[int]] = {}
    for number, turn in enumerate(recording.turns()):
        version = _folder_name(str(turn.case.get("codex") or turn.codex_version or "other"))
        members.setdefault((version, _folder_name(str(turn.case.get("name") or _session(turn)))), []).append(number)
    found = {name for _, name in members}
    if missing := sorted(set(names) - found):
        raise RecordingError(f"{path} holds no case {missing[0]!r}; it holds {', '.join(sorted(found))}")
    for (version, name), numbers in members.items():
        if not names or name in names:
            yield _case(version, name, [recording.turn(number) for number in numbers])
    if recording.damage:
        raise RecordingError(f"{path} is damaged: {recording.damage}; what stands before that was extracted")


def _case(version: str, name: str, recorded: list[RecordedTurn]) -> Case:
    first = recorded[0]
    began = utc(first.client.request.timestamp_start).date()
    case = Case(name, version, first.case, first.facts, began)
    for turn in _in_order(recorded):
        try:
            case.turns.append(_turn(turn))
        except RecordingError as error:
            case.remarks.append(f"left out: a turn of {name}: {error}")
    return case


def _in_order(recorded: list[RecordedTurn]) -> list[RecordedTurn]:
    """By time within a conversation. Agents work at once; what they were asked decides which of them stands first."""
    threads: dict[str, list[RecordedTurn]] = {}
    for turn in sorted(recorded, key=lambda turn: turn.client.request.timestamp_start):
        threads.setdefault(turn.thread if _subagent(turn) else "", []).append(turn)
    tasks = {thread: (bool(thread), _subagent(turns[0]), _last_text(turns[0])) for thread, turns in threads.items()}
    return [turn for thread in sorted(threads, key=lambda thread: tasks[thread]) for turn in threads[thread]]


def _subagent(turn: RecordedTurn) -> str:
    return turn.client.request.headers.get("x-openai-subagent", "")


def _last_text(turn: RecordedTurn) -> str:
    texts = _TEXT.findall(body_of(turn.client.request))
    return texts[-1].decode("utf-8", "replace") if texts else ""


def _turn(turn: RecordedTurn) -> Turn:
    """Raises RecordingError when there is nothing to translate back, or not all of it."""
    answer, response = turn.upstream and turn.upstream.response, turn.client.response
    if answer is None or response is None:
        raise RecordingError("nobody answered it")
    if turn.facts.get("truncated"):
        raise RecordingError("its bodies were too large to be kept whole")
    if turn.request.get("stream") is not True:
        raise RecordingError("its answer is no stream")
    return Turn(
        request=turn.request,
        request_headers=frozenset(name.lower() for name in turn.client.request.headers) - {*FRAMING_HEADERS},
        chat_request=turn.chat_request,
        status=answer.status_code,
        headers={name: answer.headers[name] for name in DECIDING_HEADERS if name in answer.headers},
        upstream=body_of(answer).decode("utf-8", "surrogateescape"),
        response=body_of(response).decode("utf-8", "surrogateescape"),
        codex=turn.is_codex,
        broken_off=turn.client.error.msg if turn.client.error else "",
        subagent=_subagent(turn),
        differs=tuple(sorted({_SIDES[one.side] for one in checked_turn(turn).differences})),
    )


_SIDES = {"request": "chat request", "answer": "answer"}


def _folder_name(text: str) -> str:
    """Recordings come from others; what they say must stay below the folder it is written to."""
    return re.sub(r"[^\w.-]+|^\.+", "-", text)[:_LONGEST_NAME] or "unnamed"


def _session(turn: RecordedTurn) -> str:
    return f"session-{turn.thread[-12:]}" if turn.thread else f"flow-{turn.client.id[:8]}"
