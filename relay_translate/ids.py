"""Item ids that tell which answer of the provider an item belongs to.

Codex (0.148 and newer) sends an item's id back with it.  That keeps the calls of one answer together where the order
of the items does not: after an interrupt they come as call, output, call, output, just like calls of two answers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

NewId = Callable[[str], str]
"""prefix (`resp`, `call`) -> a unique id that begins with it."""

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NINE = re.compile(r"[a-zA-Z0-9]{9}")
_PLAIN = re.compile(r"[a-zA-Z0-9_-]+")
# Some models number their calls behind the tool's name and are led astray by other ids: these stay, long or not.
_NAMED = re.compile(r"[\w.-]{1,128}:[0-9]{1,4}")
_USUAL = 64
_MARK_LENGTH = 8  # of the response's id; enough to tell neighbours apart


class AnswerIds:
    """Makes the ids of one response: `msg_<response>_<n>`. Called with an item's prefix."""

    def __init__(self, new_id: NewId) -> None:
        self.new_id = new_id
        self.response_id = new_id("resp")
        self._stem = self.response_id.rpartition("_")[2]
        self._count = 0

    @property
    def answer(self) -> str:
        """What `answer_of` finds in these ids."""
        return self._stem[-_MARK_LENGTH:]

    def __call__(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_{self._stem}_{self._count - 1}"


def answer_of(item_id: object) -> str:
    """The mark of the answer in an item's id; "" when the id is not one of ours."""
    parts = item_id.split("_") if isinstance(item_id, str) else []
    return parts[1][-_MARK_LENGTH:] if len(parts) == 3 and parts[2].isdigit() else ""


def call_id_for(call_id: str, *, form: str, longest: int) -> str:
    """A call id as a provider takes it. The provider's own ids pass; what has to be changed becomes a hash, which is
    the same in every turn. Nothing has to be turned back: an id matters only beside the other ids of its request."""
    if form == "nine":
        return call_id if _NINE.fullmatch(call_id) else _base62(call_id, 9)
    if len(call_id) <= longest and (form == "any" or _PLAIN.fullmatch(call_id)):
        return call_id
    if form == "any" and longest >= _USUAL and _NAMED.fullmatch(call_id):
        return call_id
    return f"call_{_base62(call_id, min(24, longest - 5))}"


def _base62(text: str, length: int) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest(), "big")
    letters = []
    for _ in range(length):
        number, letter = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[letter])
    return "".join(letters)


class UniqueIds:
    """Tells repeated ids apart: `a`, `a_2`, `a_3`. The same sequence of ids gives the same sequence."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}  # id -> the last number tried behind it

    def __call__(self, wanted: str) -> str:
        unique = wanted
        while unique in self._taken:
            self._taken[wanted] += 1
            unique = f"{wanted}_{self._taken[wanted]}"
        self._taken[unique] = 1
        return unique
