"""One recorded turn through the translator, with numbered ids and a stopped clock, and the forms that are compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from relay_translate import (
    StreamTranslator,
    TranslatedRequest,
    error_stream,
    find_profile,
    translate_error,
    translate_request,
)
from relay_translate.errors import upstream_broke
from relay_translate.transcript import close_envelopes, open_envelopes
from tests.golden.cases import GoldenTurn

CREATED_AT = 1750000000
_SEQUENCE = re.compile(r'"sequence_number":\d+')
_EVENT_END = re.compile(rb"(?<=\n\n)|(?<=\r\n\r\n)")


# --- through the translator -------------------------------------------------------------------------------------------


def translated(turn: GoldenTurn) -> TranslatedRequest:
    return translate_request(close_envelopes(turn.request), find_profile(name=turn.case["profile"]), turn.options)


def answered(turn: GoldenTurn, split: Callable[[bytes], Iterable[bytes]]) -> str:
    """The Responses stream that the turn's upstream makes when it arrives in the pieces of `split`."""
    context, facts, new_id = translated(turn).context, turn.facts, numbered_ids(turn.number)
    if not turn.answered:
        error = translate_error(facts["status"], facts.get("headers", {}), turn.upstream, provider=context.provider)
        return error_stream(error, context, new_id=new_id, created_at=CREATED_AT).decode()
    translator = StreamTranslator(context, new_id=new_id, created_at=CREATED_AT)
    out = b"".join(translator.receive(piece) for piece in split(turn.upstream))
    if facts.get("broken_off"):
        out += translator.fail(upstream_broke(f"{context.provider} broke off its answer: {facts['broken_off']}"))
    else:
        out += translator.finish()
    return open_envelopes(out.decode())


def numbered_ids(turn: int) -> Callable[[str], str]:
    """`resp_00020001` is the answer of turn 2, and the translator calls its items `msg_00020001_0` and so on."""
    counts: dict[str, int] = {}

    def new_id(prefix: str) -> str:
        counts[prefix] = counts.get(prefix, 0) + 1
        return f"{prefix}_{turn:04d}{counts[prefix]:04d}"

    return new_id


# --- pieces -----------------------------------------------------------------------------------------------------------


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def by_event(data: bytes) -> Iterator[bytes]:
    """As providers send it; response.sse is written with this one."""
    yield from (piece for piece in _EVENT_END.split(data) if piece)


def by_bytes(count: int) -> Callable[[bytes], Iterator[bytes]]:
    def split(data: bytes) -> Iterator[bytes]:
        yield from (data[start : start + count] for start in range(0, len(data), count))

    return split


# --- forms ------------------------------------------------------------------------------------------------------------


def without_keep_alives(stream: str) -> str:
    """Keep-alives are made by pieces that say nothing yet, so the split decides how many there are."""
    events = [event for event in stream.split("\n\n") if event]
    said = [event for n, event in enumerate(events) if n == 1 or not event.startswith("event: response.in_progress\n")]
    numbers = iter(range(len(said)))
    return "\n\n".join(_SEQUENCE.sub(f'"sequence_number":{next(numbers)}', event, count=1) for event in said)
