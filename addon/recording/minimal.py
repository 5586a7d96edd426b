"""A turn for strangers: scrubbed, and without the long texts that matter to nobody who looks for a fault in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mitmproxy import http

from addon.keys import is_scrubbed, is_secret_header
from relay_translate import (
    TranslationError,
    json_bytes,
)

from . import RecordingError
from .check import Checked, checked_turn
from .flows import Json, RecordedTurn
from .placeholders import shorten
from .private import PARAMETERS
from .scrub import Scrubber
from .translating import translated

_SHORTEST = 12  # of a header's value that is searched for everywhere; shorter ones may be plain words
_PARTS = re.compile(r"[\s;,=]+")  # `Bearer KEY`, `name=KEY; other=...`


@dataclass(frozen=True)
class Minimal:
    """turn: to be given away. kept_whole: why its long texts were not cut, "" when they were.
    checked: what today's translator makes of it."""

    turn: RecordedTurn
    kept_whole: str
    checked: Checked


def minimal(turn: RecordedTurn, scrubber: Scrubber, *, whole: bool = False) -> Minimal:
    """A copy of the turn; with `whole` it is scrubbed only.

    Where the client's request is cut, the provider's is the translation of the cut one. That must not hide what
    happened: a turn stays whole where today's translator does not give the request that was recorded, or finds the
    answer of the cut turn to be another.
    """
    clean = RecordedTurn(scrubber.flow(turn.client), scrubber.flow(turn.upstream) if turn.upstream else None)
    checked = checked_turn(clean)
    why = "as was asked for" if whole else _why_whole(turn)
    if why:
        return Minimal(clean, why, checked)
    short = _cut(clean)
    if checked_turn(short) != checked:
        return Minimal(clean, "its answer depends on the long texts of its request", checked)
    return Minimal(short, "", checked)


def _cut(turn: RecordedTurn) -> RecordedTurn:
    request = shorten(turn.request)
    client, upstream = turn.client.copy(), turn.upstream.copy() if turn.upstream else None
    client.id = turn.client.id
    if upstream is not None and turn.upstream is not None:
        upstream.id = turn.upstream.id
        _put(upstream.request, dict(translated(turn, request).body))
    _put(client.request, request)
    return RecordedTurn(client, upstream)


def _why_whole(turn: RecordedTurn) -> str:
    try:
        now = json.loads(json_bytes(translated(turn).body)) if turn.upstream else {}
        if now != turn.chat_request:
            return "today's translator makes another chat request of it than was recorded"
    except RecordingError as error:
        return str(error)
    except TranslationError as error:
        return f"today's translator refuses its request: {error}"
    return ""


def _put(request: http.Request, body: Json) -> None:
    request.headers.pop("content-encoding", None)
    request.content = json_bytes(body)


# --- keys that were recorded ------------------------------------------------------------------------------------------


def recorded_keys(turn: RecordedTurn) -> Iterator[str]:
    """Credentials in headers and paths of a file that was recorded without scrubbing: they may stand elsewhere too."""
    for flow in (turn.client, turn.upstream):
        if flow is None:
            continue
        path = flow.request.path.encode("utf-8", "surrogateescape")
        found = [value.decode("utf-8", "surrogateescape") for value in PARAMETERS.findall(path)]
        for message in (flow.request, flow.response):
            headers = message.headers.items(multi=True) if message else ()
            found += [part for name, value in headers if is_secret_header(name) for part in _PARTS.split(value)]
        yield from (value for value in found if _may_be_key(value))


def _may_be_key(value: str) -> bool:
    return len(value) >= _SHORTEST and not value.isalpha() and not is_scrubbed(value)
