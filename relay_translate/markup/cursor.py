"""Reads a block of markup while it is still arriving.

A grammar is a generator: it asks the cursor for what must come next, and yields where it has to wait for more.  Each
character is looked at once, however small the pieces are.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import TypeVar

from relay_translate.json_text import ObjectScanner

T = TypeVar("T")
Reading = Generator[None, None, T]

LONGEST_NAME = 200  # characters of a tool's or a parameter's name; what goes on is prose
_WORD = re.compile(r"[\w.:-]*")


class NotACall(Exception):
    """What began like a call is something else, or was never finished."""


class Cursor:
    """`rest` is what has arrived and was not read yet; `ended` tells that nothing will follow."""

    def __init__(self, rest: str, *, ended: bool = False) -> None:
        self.rest = rest
        self.ended = ended

    def _more(self) -> Reading[None]:
        if self.ended:
            raise NotACall
        yield

    def spaces(self) -> Reading[None]:
        """Skip white space."""
        while not (rest := self.rest.lstrip()) and not self.ended:
            self.rest = rest
            yield
        self.rest = rest

    def is_over(self) -> Reading[bool]:
        """Whether nothing but white space was left: closing tags before a stop token are not always sent."""
        yield from self.spaces()
        return self.ended and not self.rest

    def take(self, *options: str) -> Reading[str]:
        """The first of `options` that comes next; "" comes next anywhere."""
        while not self.ended and any(len(one) > len(self.rest) and one.startswith(self.rest) for one in options):
            yield
        for option in options:
            if self.rest.startswith(option):
                self.rest = self.rest[len(option) :]
                return option
        raise NotACall

    def word(self) -> Reading[str]:
        """The characters that names and ids are made of."""
        while (found := _WORD.match(self.rest)) and found.end() == len(self.rest) <= LONGEST_NAME and not self.ended:
            yield
        assert found is not None  # it matches nothing too
        self.rest = self.rest[found.end() :]
        if not found[0]:
            raise NotACall
        return found[0]

    def until(self, *ends: str, before: tuple[str, ...] = (), longest: int = 0) -> Reading[str]:
        """The text up to the first of `ends`, which is skipped.

        before: what must follow the end after white space; where something else does, the end was part of the text.
        """
        taken: list[str] = []
        size, start, overlap = 0, 0, max(map(len, ends)) - 1
        while True:
            place, end = self._find(ends, start)
            follows = self._follows(place + len(end), before) if end else None
            if follows:
                taken.append(self.rest[:place])
                self.rest = self.rest[place + len(end) :]
                return "".join(taken)
            if follows is False:
                start = place + len(end)
                continue
            if not end:
                cut = max(start, len(self.rest) - overlap)
                taken.append(self.rest[:cut])
                size, start, self.rest = size + cut, 0, self.rest[cut:]
            if longest and size > longest:
                raise NotACall
            yield from self._more()

    def object(self) -> Reading[str]:
        """A JSON object, by its braces."""
        yield from self.spaces()
        if not self.rest.startswith("{"):
            raise NotACall
        scanner, taken = ObjectScanner(), list[str]()
        while (end := scanner.receive(self.rest)) < 0:
            taken.append(self.rest)
            self.rest = ""
            yield from self._more()
        taken.append(self.rest[:end])
        self.rest = self.rest[end:]
        return "".join(taken)

    def _find(self, ends: tuple[str, ...], start: int) -> tuple[int, str]:
        found = [(place, end) for end in ends if (place := self.rest.find(end, start)) >= 0]
        return min(found, default=(-1, ""))

    def _follows(self, place: int, options: tuple[str, ...]) -> bool | None:
        """Whether one of `options` stands there; None while that is open."""
        if not options:
            return True
        ahead = self.rest[place:].lstrip()
        if any(ahead.startswith(option) for option in options):
            return True
        return None if any(option.startswith(ahead) for option in options) else False
