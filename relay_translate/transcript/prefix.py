"""Where a request stops being the continuation of the one before: that decides what a provider's prompt cache holds.

A cache keeps the beginning of prompts, and a prompt is made of the tools, the instructions and the conversation, in
that order with most models, wherever they stand in the JSON.  Fields that are no part of it (`stream`, limits,
sampling) do not count.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from relay_translate.json_text import json_text

from .layout import object_of, one_line, text_of

_LISTS = ("tools", "messages", "input")
_PROMPT = ("model", "tools", "instructions", "messages", "input")
_NEUTRAL = frozenset({
    "stream", "stream_options", "store", "include", "metadata", "client_metadata", "user", "safety_identifier",
    "prompt_cache_key", "prompt_cache_retention", "service_tier", "max_tokens", "max_completion_tokens",
    "max_output_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "n", "presence_penalty",
    "frequency_penalty", "logprobs", "top_logprobs", "truncation", "previous_response_id",
})  # fmt: skip
_decoder = json.JSONDecoder(strict=False)


@dataclass(frozen=True)
class Difference:
    """The first thing that differs.

    offset: bytes into the later request.  place: `messages[3] (tool)`, `tools[2] (exec_command)`, a field; "" when one
    of the two is no request.  was, now: what stands there, shortly; "" for nothing.  kept, prompt: characters of
    the later prompt before that place, and of all of it.
    """

    offset: int
    place: str
    was: str
    now: str
    kept: int
    prompt: int

    def __str__(self) -> str:
        share = 100 * self.kept // self.prompt if self.prompt else 0
        change = f"`{self.was}` became `{self.now}`" if self.was else f"`{self.now}` is new"
        change = change if self.now else f"`{self.was}` is gone"
        where = f"{self.place}, byte {self.offset:,}" if self.place else f"byte {self.offset:,}"
        return f"{where}, after {share} % of the prompt: {change}"


@dataclass(frozen=True)
class _Piece:
    """One value of a request. place: field and number; begin, end: characters of the text."""

    place: tuple[str, int]
    begin: int
    end: int
    label: str


def prefix_difference(previous: bytes, now: bytes) -> Difference | None:
    """The first difference between the prompts of two request bodies; None when `now` continues `previous`."""
    before, after = previous.decode("utf-8", "replace"), now.decode("utf-8", "replace")
    old, new = _pieces(before), _pieces(after)
    if not old or not new:
        return None if previous == now else _plain(before, after)
    was = {piece.place: piece for piece in old}
    places = {piece.place for piece in new}
    gone = next((piece for piece in old if piece.place not in places), None)
    kept = 0
    for piece in new:
        if gone is not None and _order(gone) < _order(piece):
            break
        known = was.get(piece.place)
        if known is None and _continues(piece, old):
            continue
        if known is None or not _same(before[known.begin : known.end], after[piece.begin : piece.end]):
            return _found(before, known, after, piece, kept, new)
        kept += piece.end - piece.begin
    if gone is None:
        return None
    place = max((piece.end for piece in new if piece.place[0] == gone.place[0]), default=len(after))
    return Difference(
        _bytes(after[:place]), _named(gone), one_line(before[gone.begin : gone.end], 60), "", kept, _all(new)
    )


def _continues(piece: _Piece, old: list[_Piece]) -> bool:
    """Whether it is a further message behind all that were there. A further tool stands before the conversation."""
    return piece.place[0] in ("messages", "input") and any(one.place[0] == piece.place[0] for one in old)


def _found(before: str, known: _Piece | None, after: str, piece: _Piece, kept: int, new: list[_Piece]) -> Difference:
    old_text = before[known.begin : known.end] if known else ""
    new_text = after[piece.begin : piece.end]
    same = _common(old_text, new_text) if known else 0
    context = max(0, same - 20)
    return Difference(
        _bytes(after[: piece.begin + same]),
        _named(piece),
        one_line(old_text[context:], 60),
        one_line(new_text[context:], 60),
        kept + same,
        _all(new),
    )


def _plain(before: str, after: str) -> Difference:
    same = _common(before, after)
    return Difference(
        _bytes(after[:same]), "", one_line(before[same:], 60), one_line(after[same:], 60), same, len(after)
    )


def _same(old: str, new: str) -> bool:
    """Spaces between the values make no other prompt; the order of members may."""
    if old == new:
        return True
    if len(old) == len(new):
        return False
    try:
        return json_text(_decoder.decode(old)) == json_text(_decoder.decode(new))
    except RecursionError:
        return False


def _common(one: str, other: str) -> int:
    """How many characters two texts begin alike with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _all(pieces: list[_Piece]) -> int:
    return sum(piece.end - piece.begin for piece in pieces)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _named(piece: _Piece) -> str:
    name, number = piece.place
    return f"{name}[{number}]{f' ({piece.label})' if piece.label else ''}" if number >= 0 else name


def _pieces(text: str) -> list[_Piece]:
    """The values that make the prompt, in its order; none for anything but a request."""
    try:
        found = list(_fields(text))
    except (ValueError, RecursionError, IndexError):
        return []
    if not any(piece.place[0] in ("messages", "input", "instructions") for piece in found):
        return []
    return sorted(found, key=_order)


def _order(piece: _Piece) -> tuple[int, int]:
    """Its place in the prompt."""
    name, number = piece.place
    return _PROMPT.index(name) if name in _PROMPT else len(_PROMPT), number


def _fields(text: str) -> Iterator[_Piece]:
    for name, value, begin, end in _members(text, _gap(text, 0)):
        if name in _LISTS and isinstance(value, list):
            yield from _elements(text, begin, name)
        elif name not in _NEUTRAL and value is not None:
            yield _Piece((name, -1), begin, end, "")


def _members(text: str, place: int) -> Iterator[tuple[str, object, int, int]]:
    """(name, value, where it begins and ends) of the object at `place`. Raises ValueError or IndexError."""
    if text[place] != "{":
        raise ValueError("no object")
    place = _gap(text, place + 1)
    while text[place] != "}":
        name, end = _decoder.raw_decode(text, place)
        begin = _gap(text, _gap(text, end) + 1)
        value, end = _decoder.raw_decode(text, begin)
        yield str(name), value, begin, end
        place = _gap(text, end)
        place = _gap(text, place + 1) if text[place] == "," else place


def _elements(text: str, place: int, name: str) -> Iterator[_Piece]:
    place, number = _gap(text, place + 1), 0
    while text[place] != "]":
        value, end = _decoder.raw_decode(text, place)
        yield _Piece((name, number), place, end, _label(value))
        place, number = _gap(text, end), number + 1
        place = _gap(text, place + 1) if text[place] == "," else place


def _gap(text: str, place: int) -> int:
    while text[place] in " \t\r\n":
        place += 1
    return place


def _label(value: object) -> str:
    """What a message or a tool is called."""
    holder = object_of(value)
    function = object_of(holder.get("function"))
    words = (holder.get("name"), function.get("name"), holder.get("role"), holder.get("type"))
    return one_line(next((text for word in words if (text := text_of(word))), ""), 64)
