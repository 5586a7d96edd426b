"""Recorded turns through today's translator: what differs from what was recorded.

The translator is given the ids and the clock of the recording again, so that an answer has no reason to differ.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from addon import replies
from addon.upstream import read_headers
from relay_translate import (
    ApiError,
    StreamTranslator,
    TranslatedRequest,
    TranslationError,
    TurnContext,
    error_body,
    error_stream,
    json_bytes,
    translate_error,
    translate_response,
)
from relay_translate.errors import one_line, upstream_broke
from relay_translate.transcript import count

from . import RecordingError
from .differences import Difference, compare, compare_bodies
from .flows import RecordedTurn, body_of, open_recording, relay_facts
from .pieces import cut, unpack_pieces
from .times import utc
from .translating import translated

Json = dict[str, Any]
T = TypeVar("T")

MOST = 8  # differences that are told of one side of a turn
_EVENT_END = re.compile(rb"(?<=\n\n)|(?<=\r\n\r\n)")
_RELAY_ID = re.compile(r"\b([a-z]+)_([0-9a-f]{32}|[0-9a-f-]{36})\b")


class Unchecked(Exception):
    """A side of a turn can't be compared; the text says why."""


class _Refused(Exception):
    """Today's translator refuses a request that was translated once."""


@dataclass
class Checked:
    """What came of one turn. unchecked: why a side of it, or all of it, could not be compared."""

    differences: list[Difference] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def check_turn(turn: RecordedTurn) -> list[Difference]:
    """What today's translator makes otherwise than it was recorded. Raises Unchecked when neither side could be
    compared."""
    checked = checked_turn(turn)
    if checked.unchecked and not checked.differences:
        raise Unchecked("; ".join(checked.unchecked))
    return checked.differences


def checked_turn(turn: RecordedTurn) -> Checked:
    """Both sides of a turn. Never raises: an exception in the translator is a finding."""
    result = Checked()
    try:
        done = _translated(turn)
        result.differences += _capped(_request_differences(turn, done))
    except (Unchecked, RecordingError) as why:
        result.unchecked.append(str(why))
        return result
    except _Refused as why:
        result.differences.append(Difference("request", f"it is refused now: {why}"))
        return result
    except Exception as error:
        result.differences.append(_raised("request", error))
        return result
    try:
        result.differences += _capped(_answer_differences(turn, done.context))
    except Unchecked as why:
        result.unchecked.append(str(why))
    except Exception as error:
        result.differences.append(_raised("answer", error))
    return result


def check_file(path: Path) -> int:
    """Check a recording and print what differs; the exit status, 0 when nothing does. Raises RecordingError."""
    recording = open_recording(path)
    differing, partly, unchecked = 0, 0, 0
    seen: dict[tuple[str, ...], int] = {}  # what is told of a turn -> the first turn it was told of
    for number, turn in enumerate(progress(recording.turns(), len(recording), "checked"), 1):
        checked = checked_turn(turn)
        if not checked.differences and not checked.unchecked:
            continue
        lines = (*map(str, checked.differences), *(f"not compared: {why}" for why in checked.unchecked))
        first = seen.setdefault(tuple(re.sub(r"\bevent \d+", "event", line) for line in lines), number)
        print(_title(number, turn) + ("" if first == number else f": as turn {first}"))
        if first == number:
            print("  " + "\n".join(lines).replace("\n", "\n  "))
        differing += bool(checked.differences)
        partly += bool(checked.unchecked)
        unchecked += bool(checked.unchecked and not checked.differences)
    if recording.damage:
        print(f"{path} is damaged ({recording.damage}); what stands before that was checked")
    whole, same = len(recording), len(recording) - unchecked
    differ, are = "differs" if differing == 1 else "differ", "is" if same == 1 else "are"
    told = f"{differing} of {count(whole, 'turn')} {differ}"
    said = told if differing else f"{same} of {count(whole, 'turn')} {are} as recorded"
    print(f"{path}: {said}" + (f"; {partly} could not be compared as a whole" if partly else ""))
    return 1 if differing or recording.damage else 0


def progress(turns: Iterable[T], whole: int, done: str, every: float = 3.0) -> Iterator[T]:
    """The turns, with a line on standard error every few seconds of a long file."""
    last = time.monotonic()
    for number, turn in enumerate(turns):
        if time.monotonic() - last > every:
            last = time.monotonic()
            print(f"{number:,} of {whole:,} turns {done}", file=sys.stderr, flush=True)
        yield turn


def _title(number: int, turn: RecordedTurn) -> str:
    at = utc(turn.client.request.timestamp_start)
    parts = [f"turn {number}", str(turn.facts.get("requested_model") or "no model"), f"{at:%Y-%m-%d %H:%M:%S} UTC"]
    parts += [f"thread {turn.thread[-12:]}"] if turn.thread else []
    parts += [str(turn.case["name"])] if turn.case.get("name") else []
    return one_line(", ".join(parts))


def _capped(found: Iterable[Difference]) -> list[Difference]:
    differences = list(found)
    more = len(differences) - MOST
    if more <= 0:
        return differences
    return [*differences[:MOST], Difference(differences[0].side, f"and {more} more differences")]


def _raised(side: str, error: Exception) -> Difference:
    return Difference(side, f"the translator raised {type(error).__name__}: {one_line(str(error))}")


# --- the request ------------------------------------------------------------------------------------------------------


def _translated(turn: RecordedTurn) -> TranslatedRequest:
    """Today's chat request. Raises Unchecked, and RecordingError."""
    try:
        done = translated(turn)
    except TranslationError as refused:
        raise _Refused(refused.api_error.message) from refused
    if turn.upstream is None:
        raise Unchecked("its exchange with the provider was not recorded")
    return done


def _request_differences(turn: RecordedTurn, done: TranslatedRequest) -> Iterator[Difference]:
    recorded, now = turn.chat_request, json.loads(json_bytes(done.body))
    found = list(compare("request", recorded, now))
    yield from found
    if found and "options" not in turn.facts:
        yield Difference("request", "with this turn no options were recorded; extra or dropped parameters differ too")


# --- the answer -------------------------------------------------------------------------------------------------------


def _answer_differences(turn: RecordedTurn, context: TurnContext) -> Iterator[Difference]:
    assert turn.upstream is not None
    if turn.facts.get("truncated"):
        raise Unchecked("its answer was too large to be kept whole")
    if turn.client.response is None:
        raise Unchecked("the client left before an answer began")
    recorded = body_of(turn.client.response)
    ids = _Ids(recorded)
    errors: list[BaseException] = []
    status, now = _answered(turn, context, ids, errors)
    yield from (_raised("answer", error) for error in errors if isinstance(error, Exception))
    if status != turn.client.response.status_code:
        yield Difference("answer", "HTTP status", str(turn.client.response.status_code), str(status))
    yield from compare_bodies("answer", recorded, now)


def _answered(turn: RecordedTurn, context: TurnContext, ids: _Ids, errors: list[BaseException]) -> tuple[int, bytes]:
    """(HTTP status, body) of what today's relay answers."""
    assert turn.upstream is not None
    response, created_at = turn.upstream.response, ids.created_at
    why = turn.client.error.msg if turn.client.error else ""
    if response is None:
        return _refusal(_unanswered(turn, context, why), context, ids)
    data = body_of(response)
    if not 200 <= response.status_code < 300:
        headers, codes = read_headers(response.headers), context.profile.error_codes
        error = translate_error(response.status_code, headers, data, provider=context.provider, codes=codes)
        return _refusal(error, context, ids)
    if not context.stream:
        if why:
            return _refusal(upstream_broke(f"{context.provider} broke off its answer: {why}"), context, ids)
        reply = translate_response(data, context, new_id=ids, created_at=created_at)
        return reply.status if reply.status < 400 else replies.error_status(reply.status), reply.body
    translator = StreamTranslator(context, new_id=ids, created_at=created_at, on_exception=errors.append)
    out = b"".join(translator.receive(piece) for piece in _pieces(turn, data))
    if not why:
        out += translator.finish()
    elif turn.facts.get("status") not in ("client left", "killed"):
        out += translator.fail(upstream_broke(f"{context.provider} broke off its answer: {why}"))
    return 200, out


def _unanswered(turn: RecordedTurn, context: TurnContext, why: str) -> ApiError:
    """The relay's own words where no answer began. Whether the request was sent is known only by what was said."""
    said = str((turn.facts.get("error") or {}).get("message", ""))
    if "gave no usable answer" in said:
        return upstream_broke(f"{context.provider} gave no usable answer: {why}")
    if not said:
        raise Unchecked("the exchange ended before an answer began")
    return replies.unreachable(context.provider, why)


def _refusal(error: ApiError, context: TurnContext, ids: _Ids) -> tuple[int, bytes]:
    if context.codex and context.stream:
        return 200, error_stream(replies.for_codex(error), context, new_id=ids, created_at=ids.created_at)
    return replies.error_status(error.status), error_body(error)


def _pieces(turn: RecordedTurn, data: bytes) -> list[bytes]:
    """The provider's body as it arrived, by event where that is not recorded."""
    assert turn.upstream is not None
    pieces = unpack_pieces(relay_facts(turn.upstream).get("pieces"))
    if pieces and sum(size for size, _ in pieces) == len(data):
        return [piece for piece, _ in cut(data, pieces)]
    return [piece for piece in _EVENT_END.split(data) if piece]


class _Ids:
    """Gives the ids of a recorded answer again, in their order; new ones when there are no more of a kind."""

    def __init__(self, recorded: bytes) -> None:
        text = recorded.decode("utf-8", "replace")
        clock = re.search(r'"created_at": ?(\d+)', text)
        self.created_at = int(clock[1]) if clock else 0
        self._left: dict[str, list[str]] = {}
        for found in _RELAY_ID.finditer(text):
            known = self._left.setdefault(found[1], [])
            if found[0] not in known:
                known.append(found[0])
        self._count = 0

    def __call__(self, prefix: str) -> str:
        if left := self._left.get(prefix):
            return left.pop(0)
        self._count += 1
        return f"{prefix}_{self._count:032x}"
