"""A recorded answer for today's conversation: the folder and the ids that it names are those of the client at hand.

A model's calls name the folder it works in, the agents it has started, the shell sessions it has opened. Codex gives
them other names in each run; a call with the recorded name would fail, and the turn end otherwise than it did.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from .deltas import texts_in_pieces
from .matching import text_of, working_directory

Timed = tuple[bytes, int]  # a piece of a body, and when it came

_GIVEN = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|(?<=session ID )\d{3,}\b")


def renamed(asked: Mapping[str, Any], recorded: Mapping[str, Any]) -> dict[str, str]:
    """What has another name now: recorded -> today's. Found in tools' outputs that stand at the same place."""
    names = {}
    for then, now in zip(_outputs(recorded), _outputs(asked), strict=False):
        old, new = _GIVEN.findall(then), _GIVEN.findall(now)
        if len(old) == len(new):
            names |= dict(zip(old, new, strict=True))
    if (old_cwd := working_directory(recorded)) and (new_cwd := working_directory(asked)):
        names[old_cwd] = new_cwd
    return {old: new for old, new in names.items() if old != new and _is_plain(old) and _is_plain(new)}


def rewrite(pieces: Sequence[Timed], names: Mapping[str, str]) -> list[Timed]:
    """The pieces of a body with those names replaced, also where a name is spread over several deltas."""
    edits = sorted(_edits(b"".join(data for data, _ in pieces), names)) if names else []
    if not edits:
        return list(pieces)
    starts = [0, *accumulate(len(data) for data, _ in pieces)]
    return [(_edited(data, start, edits), at) for (data, at), start in zip(pieces, starts, strict=False)]


def _outputs(request: Mapping[str, Any]) -> list[str]:
    messages = request.get("messages") or ()
    return [text_of(one) for one in messages if isinstance(one, dict) and one.get("role") == "tool"]


def _is_plain(name: str) -> bool:
    """JSON writes it as it is, however deep it stands."""
    return json.dumps(name) == f'"{name}"'


def _edits(body: bytes, names: Mapping[str, str]) -> Iterator[tuple[int, int, bytes]]:
    """(start, end, instead) of what changes in the body. A name that is spread is written where it begins."""
    wanted = {old.encode(): new.encode() for old, new in names.items()}
    name = re.compile(
        rb"(?<![\w-])(?:" + b"|".join(map(re.escape, sorted(wanted, key=len, reverse=True))) + rb")(?![\w-])"
    )
    for spans in texts_in_pieces(body):
        joined = b"".join(body[start:end] for start, end in spans)
        begins = [0, *accumulate(end - start for start, end in spans)]
        for found in name.finditer(joined):
            instead, at = wanted[found[0]], found.start()
            while at < found.end():
                span = bisect_right(begins, at) - 1
                until = min(found.end(), begins[span + 1])
                offset = spans[span][0] - begins[span]
                yield at + offset, until + offset, instead
                instead, at = b"", until


def _edited(data: bytes, start: int, edits: Sequence[tuple[int, int, bytes]]) -> bytes:
    """One piece, which begins at `start` of the body. A change belongs to the piece in which it begins."""
    end, out, at = start + len(data), bytearray(), start
    for begin, until, instead in edits:
        if until <= start or begin >= end:
            continue
        out += data[at - start : max(begin, start) - start]
        if begin >= start:
            out += instead
        at = until
    return bytes(out + data[at - start :])
