"""A chat answer for somebody who edits it: a stream's pieces of one text joined, and JSON in lines.

What it says is the same. A stream stays a stream, so that nothing of a dialect is lost: only what comes piece by piece
becomes one piece, and each event's JSON stands in several `data` lines, which are one by the standard.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from .event_stream import EventStreamDecoder
from .json_text import mend_surrogates

Json = dict[str, Any]

_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")
_PASSING = {"created", "obfuscation"}  # differ from chunk to chunk and say nothing


def editable(data: bytes) -> bytes:
    """A whole body of chat completions, JSON or event stream. What is neither comes back as it is."""
    try:
        return _lines(json.loads(data))
    except (ValueError, RecursionError):
        pass
    decoder = EventStreamDecoder()
    events = [_read(event) for event in [*decoder.receive(data), *decoder.finish()]]
    if not any(isinstance(event, dict) for event in events):
        return data
    return b"".join(_event(one if isinstance(one, bytes) else _lines(one)) for one in _joined(events))


def _read(event: bytes) -> Json | bytes:
    """A chunk; anything else, such as `[DONE]`, as it came."""
    try:
        value = json.loads(event)
    except (ValueError, RecursionError):
        return event
    return value if isinstance(value, dict) else event


def _lines(value: object) -> bytes:
    return mend_surrogates(json.dumps(value, indent=1, ensure_ascii=False)).encode()


def _event(data: bytes) -> bytes:
    return b"".join(b"data: %b\n" % line for line in data.split(b"\n")) + b"\n"


def _joined(events: Iterable[Json | bytes]) -> Iterator[Json | bytes]:
    before: Json | bytes | None = None
    for event in events:
        if isinstance(before, dict) and isinstance(event, dict) and _join(before, event):
            continue
        if before is not None:
            yield before
        before = event
    if before is not None:
        yield before


def _join(before: Json, chunk: Json) -> bool:
    """Add a chunk that only goes on with the text of the one before to that one; False for any other."""
    first, second = _choice(before), _choice(chunk)
    if first is None or second is None or _rest(before, first) != _rest(chunk, second):
        return False
    told, added = first["delta"], {name: value for name, value in second["delta"].items() if value is not None}
    added.pop("role", None)
    if len(added) != 1:
        return False
    (name, value), *_ = added.items()
    mine = told.get(name)
    if name in _TEXTS and isinstance(value, str) and isinstance(mine, str) and _has_only(told, name):
        told[name] = mine + value
        return True
    return name == "tool_calls" and _has_only(told, name) and _join_call(mine, value)


def _choice(chunk: Json) -> Json | None:
    choices = chunk.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return None
    return choices[0] if isinstance(choices[0].get("delta"), dict) else None


def _rest(chunk: Json, choice: Json) -> tuple[Json, Json]:
    """What must be the same in both."""
    around = {name: value for name, value in chunk.items() if name != "choices" and name not in _PASSING}
    return around, {name: value for name, value in choice.items() if name != "delta"}


def _has_only(delta: Json, name: str) -> bool:
    """Whether nothing in a delta but its role would come to stand in another order."""
    return all(value is None or value == "" or key in (name, "role") for key, value in delta.items())


def _join_call(mine: object, more: object) -> bool:
    if not (isinstance(mine, list) and isinstance(more, list) and len(mine) == len(more) == 1):
        return False
    call, added = mine[0], more[0]
    if not (isinstance(call, dict) and isinstance(added, dict)) or call.get("index") != added.get("index"):
        return False
    function, extra = call.get("function"), added.get("function")
    if not (isinstance(function, dict) and isinstance(extra, dict)):
        return False
    said = {name for name, value in [*added.items(), *extra.items()] if value not in (None, "")}
    arguments, rest = function.get("arguments"), extra.get("arguments")
    if said - {"index", "function", "arguments", "type"} or not isinstance(arguments, str) or not isinstance(rest, str):
        return False
    if arguments and rest.lstrip().startswith("{"):
        return False  # some repeat all arguments at the end
    function["arguments"] = arguments + rest
    return True
