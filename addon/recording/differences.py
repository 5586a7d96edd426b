"""Recorded and new bodies, compared as people would: by value, with a path to each place where they differ.

Sealed envelopes are compared open, because compressed bytes differ from one zlib to another. Heartbeats
(`response.in_progress` in mid stream) follow the network, not the translator, and are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile, zip_longest
from typing import Any

from relay_translate.event_stream import EventStreamDecoder
from relay_translate.transcript import open_envelopes

Json = dict[str, Any]

_SHOWN = 100  # characters of a value
_MISSING = object()
_RANDOM_ID = re.compile(r"([a-z]+_)?[0-9a-f-]{24,}(_\d+)?")
_ID_KEYS = {"id", "item_id", "call_id"}


@dataclass(frozen=True)
class Difference:
    """side: "request" or "answer". where: a JSON path, in a stream behind the event's index and type."""

    side: str
    where: str
    recorded: str = ""
    now: str = ""

    def __str__(self) -> str:
        if not self.recorded and not self.now:
            return f"{self.side}: {self.where}"
        return f"{self.side}: {self.where}\n  recorded {self.recorded}\n  now      {self.now}"


def compare_bodies(side: str, recorded: bytes, now: bytes) -> Iterator[Difference]:
    """Two answers: event streams event by event, up to the first that differs; other bodies as JSON."""
    if _is_stream(recorded) or _is_stream(now):
        yield from _compare_streams(side, recorded, now)
    else:
        yield from compare(side, _value(recorded), _value(now))


def compare(side: str, recorded: Any, now: Any) -> Iterator[Difference]:
    """Two JSON values. Ids made by chance may differ, if the same one stands for the same all through."""
    yield from _compare(side, "", _opened(recorded), _opened(now), _Renaming())


def _is_stream(body: bytes) -> bool:
    return body.startswith((b"event:", b"data:", b":"))


def _compare_streams(side: str, recorded: bytes, now: bytes) -> Iterator[Difference]:
    renaming = _Renaming()
    for index, (one, other) in enumerate(zip_longest(_events(recorded), _events(now))):
        place = f"event {index} {(one or other or {}).get('type', '')}"
        if one is None or other is None:
            yield Difference(side, place, _short(one or _MISSING), _short(other or _MISSING))
            return
        found = list(_compare(side, "", one, other, renaming))
        yield from (replace(each, where=f"{place}, {each.where}") for each in found)
        if found:
            return  # what comes behind it differs because of it


def _events(stream: bytes) -> Iterator[Json]:
    """The events, opened, without heartbeats and numbers."""
    decoder, number = EventStreamDecoder(), 0
    for data in (*decoder.receive(stream), *decoder.finish()):
        event = _opened(_value(data))
        if not isinstance(event, dict):
            event = {"type": "no event", "data": event}
        number += 1
        if event.get("type") == "response.in_progress" and number > 2:
            continue
        event.pop("sequence_number", None)
        yield event


def _value(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")


def _opened(value: Any) -> Any:
    text = json.dumps(value, ensure_ascii=False)
    opened = open_envelopes(text)
    return value if opened is text or opened == text else json.loads(opened)


class _Renaming:
    """Ids that mean the same: made by chance on both sides, and the same pair wherever one of them stands."""

    def __init__(self) -> None:
        self._there: dict[str, str] = {}
        self._back: dict[str, str] = {}

    def __call__(self, key: str, recorded: object, now: object) -> bool:
        """Whether two values under a key are one id."""
        if key not in _ID_KEYS or not isinstance(recorded, str) or not isinstance(now, str):
            return False
        if not _RANDOM_ID.fullmatch(recorded) or not _RANDOM_ID.fullmatch(now):
            return False
        return self._there.setdefault(recorded, now) == now and self._back.setdefault(now, recorded) == recorded


def _compare(side: str, path: str, recorded: Any, now: Any, same_id: _Renaming) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(now, dict):
        for key in dict.fromkeys((*recorded, *now)):
            inner = f"{path}.{key}" if path else str(key)
            yield from _compare(side, inner, recorded.get(key, _MISSING), now.get(key, _MISSING), same_id)
    elif isinstance(recorded, list) and isinstance(now, list):
        for index, (one, other) in enumerate(zip_longest(recorded, now, fillvalue=_MISSING)):
            yield from _compare(side, f"{path}[{index}]", one, other, same_id)
    elif (recorded != now or type(recorded) is not type(now)) and not same_id(path.rpartition(".")[2], recorded, now):
        yield Difference(side, path or "the whole body", *_shortened(recorded, now))


def _shortened(recorded: object, now: object) -> tuple[str, str]:
    """Both values for people; long texts from a little before the place where they part."""
    if not isinstance(recorded, str) or not isinstance(now, str) or max(len(recorded), len(now)) <= _SHOWN:
        return _short(recorded), _short(now)
    equal = (one == other for one, other in zip(recorded, now, strict=False))
    start = max(0, sum(takewhile(bool, equal)) - _SHOWN // 3)
    lead = f"… (from character {start}) " if start else ""
    return lead + _short(recorded[start:]), lead + _short(now[start:])


def _short(value: object) -> str:
    if value is _MISSING:
        return "(not there)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
