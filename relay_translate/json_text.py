"""JSON as both wires want it: compact, UTF-8, deterministic, and never failing on odd strings."""

from __future__ import annotations

import json
import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_MARK = re.compile(r'[\\"{}]')
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)


def json_text(value: object) -> str:
    """Compact JSON; keys keep their order, so that equal values give equal bytes."""
    return _encoder.encode(value)


def json_bytes(value: object) -> bytes:
    """`json_text` as UTF-8. A lone surrogate, which JSON can spell but UTF-8 can't, becomes U+FFFD."""
    text = _encoder.encode(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return mend_surrogates(text).encode()


def mend_surrogates(text: str) -> str:
    """Join surrogate pairs, replace lone halves."""
    text = _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    return _SURROGATE.sub("\ufffd", text)


def split_surrogate(text: str) -> tuple[str, str]:
    """`text` without a trailing high surrogate, and that half: its other half may be in the next chunk."""
    if text and "\ud800" <= text[-1] <= "\udbff":
        return text[:-1], text[-1]
    return text, ""


class ObjectScanner:
    """Tells when a JSON object that comes in pieces is whole: its last brace has come and nothing after it.

    Braces and strings are all it knows, so an object that a strict parser refuses (a raw line break, an escape
    such as \\d) is whole too.  Each character is looked at once.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._skip = -1  # position, in the next piece, of a character behind a backslash
        self._state = "start"  # start -> inside -> whole, or other

    @property
    def is_whole(self) -> bool:
        return self._state == "whole"

    def receive(self, piece: str) -> int:
        """Gives the place in `piece` behind the object's last brace, or -1 when it is not there."""
        begin, end = 0, -1
        if self._state == "start":
            begin = len(piece) - len(piece.lstrip())
            if begin < len(piece):
                self._state = "inside" if piece[begin] == "{" else "other"
        if self._state == "inside":
            begin = self._scan(piece, begin)
            end = begin if self._state == "whole" else -1
        if self._state == "whole" and piece[begin:].strip():
            self._state = "other"
        return end

    def _scan(self, piece: str, begin: int) -> int:
        """Look at `piece` from `begin` to the object's last brace; gives the place behind it."""
        for mark in _MARK.finditer(piece, begin):
            place = mark.start()
            if place == self._skip:
                continue
            if mark[0] == "\\":
                self._skip = place + 1
            elif mark[0] == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if mark[0] == "{" else -1
                if not self._depth:
                    self._state = "whole"
                    return place + 1
        self._skip -= len(piece)
        return len(piece)


def is_complete_object(text: str) -> bool:
    """Whether `text` is one whole JSON object: a call whose arguments can't grow any more."""
    text = text.strip()
    if not text.startswith("{") or not text.endswith("}"):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
