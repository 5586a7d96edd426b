"""Finds written-out calls in a text that arrives in pieces."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from relay_translate import quirks
from relay_translate.quirks import Quirks

from . import spelled, tags
from .cursor import Cursor, NotACall, Reading
from .offer import Offer, WrittenCall
from .place import Place

Grammar = Callable[[Cursor, Offer], Reading[tuple[str, list[WrittenCall]]]]

READ_AGAIN = 1 << 16  # characters of an answer that are looked at for markers a second time; keeps the work linear
LONGEST_QUOTE = 1 << 12  # characters of a block that is spoken of


@dataclass(frozen=True)
class Markup:
    """Opening markers and what reads on from them. written: whether people write the markers too."""

    openings: tuple[str, ...]
    grammar: Grammar
    quirks: frozenset[str]
    written: bool = False


def _markup(openings: tuple[str, ...], grammar: Grammar, *names: str, written: bool = False) -> Markup:
    return Markup(openings, grammar, frozenset(names), written)


MARKUPS = (
    _markup(tags.DSML, tags.dsml, quirks.LEAKED_DSML),
    _markup((tags.TOOL_CALL,), tags.tool_call, quirks.LEAKED_HERMES, quirks.LEAKED_QWEN, quirks.LEAKED_GLM,
            quirks.LEAKED_LLAMA, written=True),
    _markup((tags.FUNCTION,), tags.function, quirks.LEAKED_QWEN, quirks.LEAKED_LLAMA, written=True),
    _markup((tags.VENDOR_CALLS,), tags.invokes, quirks.LEAKED_MINIMAX, written=True),
    _markup((spelled.CALLS,), spelled.group_of_tokens, quirks.LEAKED_DEEPSEEK),
    _markup((spelled.CALL,), spelled.call_in_tokens, quirks.LEAKED_DEEPSEEK),
    _markup(spelled.SECTIONS, spelled.section, quirks.LEAKED_KIMI),
    _markup((spelled.SECTION_CALL,), spelled.call_in_section, quirks.LEAKED_KIMI),
    _markup((spelled.PYTHON_TAG,), spelled.python_tag, quirks.LEAKED_LLAMA),
    _markup((spelled.BRACKET_CALLS,), spelled.bracket_calls, quirks.LEAKED_MISTRAL, written=True),
    _markup((spelled.ASSISTANT,), spelled.after_assistant, quirks.LEAKED_HARMONY),
    _markup((spelled.CHANNEL,), spelled.after_channel, quirks.LEAKED_HARMONY),
    _markup((spelled.REQUEST,), spelled.request, quirks.LEAKED_LM_STUDIO, written=True),
)  # fmt: skip


@dataclass(frozen=True)
class _Markers:
    """The opening markers in use: found whole by `whole`, cut off by `beginnings`; without a `hint` there is none."""

    whole: re.Pattern[str]
    hint: re.Pattern[str]
    beginnings: frozenset[str]
    longest: int
    markups: dict[str, Markup]

    def open_end(self, text: str) -> int:
        """How many of the last characters may be the beginning of a marker."""
        start = max(0, len(text) - self.longest + 1)
        tail = text[start:]
        for place, letter in enumerate(tail):
            if letter in "<[" and tail[place:] in self.beginnings:
                return len(tail) - place
        return 0


@lru_cache(maxsize=16)
def _markers(disabled: frozenset[str]) -> _Markers:
    markups = {opening: one for one in MARKUPS if one.quirks - disabled for opening in one.openings}
    starts = sorted({opening[:2] for opening in markups})
    longest_first = sorted(markups, key=len, reverse=True)
    return _Markers(
        whole=re.compile("|".join(map(re.escape, longest_first)) or "(?!)"),
        hint=re.compile("|".join(f"{re.escape(start[0])}(?:{re.escape(start[1])}|\\Z)" for start in starts) or "(?!)"),
        beginnings=frozenset(opening[:end] for opening in markups for end in range(1, len(opening))),
        longest=max(map(len, markups), default=0),
        markups=markups,
    )


@dataclass(frozen=True)
class Found:
    """A block of calls: as it was written, and the quirk by which it is read."""

    raw: str
    quirk: str
    calls: list[WrittenCall]


class Scanned(NamedTuple):
    """text: what is text for certain. found: the block that ended behind it. rest: what follows, not looked at yet."""

    text: str
    found: Found | None = None
    rest: str = ""


class _Block:
    """A block that is open. `raw` is all of it, marker included, for the case that it is none."""

    def __init__(self, grammar: Grammar, marker: str, text: str, offer: Offer, *, ended: bool) -> None:
        self.raw = [text]
        self.size = len(text)
        self.marker = marker
        self.cursor = Cursor(text[len(marker) :], ended=ended)
        self.found: tuple[str, list[WrittenCall]] | None = None
        self._reading = grammar(self.cursor, offer)

    def add(self, piece: str) -> None:
        self.raw.append(piece)
        self.size += len(piece)
        self.cursor.rest += piece

    def read(self) -> bool:
        """Read on. Gives whether the block is over, and in `found` what it was."""
        try:
            next(self._reading)
        except StopIteration as stop:
            self.found = stop.value
        except NotACall:
            self.found = None
        else:
            return False
        return True


class Scanner:
    """One channel of an answer: its text or its reasoning."""

    def __init__(self, offer: Offer, fired: Quirks) -> None:
        self._offer = offer
        self._quirks = fired
        self._markers = _markers(fired.disabled)
        self._is_on = bool(offer) and bool(self._markers.markups)
        self._place = Place()
        self._held = ""  # may be the beginning of a marker
        self._block: _Block | None = None
        self._quote: _Block | None = None  # one that is spoken of: it is text, and so is what stands in it
        self._again = READ_AGAIN

    def passes(self, piece: str) -> bool:
        """The quick way for nearly everything: whether `piece` is text and nothing is being held."""
        if self._is_on:
            if self._held or self._block or self._quote:
                return False
            if ("<" in piece or "[" in piece) and self._markers.hint.search(piece):
                return False
            self._place.said.append(piece)
        return True

    @property
    def holds(self) -> bool:
        return bool(self._held or self._block)

    def receive(self, piece: str) -> Scanned:
        """Look at one more piece. What is given back as `rest` has to be given again, to this channel or another."""
        return self._receive(piece, ended=False)

    def finish(self, piece: str = "") -> Scanned:
        """Nothing follows in this channel for now; `piece` is the rest of the last call."""
        return self._receive(piece, ended=True)

    def _receive(self, piece: str, *, ended: bool) -> Scanned:
        if not self._is_on:
            return Scanned(piece)
        if self._block is not None:
            self._block.add(piece)
            self._block.cursor.ended = ended
            return self._continue(self._block, ended)
        if self._quote is not None:
            return self._pass_quote(self._quote, piece, ended)
        text, self._held = self._held + piece, ""
        return self._search(text, 0, ended)

    def _continue(self, block: _Block, ended: bool) -> Scanned:
        if not block.read():
            return Scanned("")
        self._block = None
        if self._is_call(block):
            return self._done("", block)
        text = "".join(block.raw)
        return self._search(text, self._behind(block, text), ended)

    def _pass_quote(self, quote: _Block, piece: str, ended: bool) -> Scanned:
        quote.add(piece)
        quote.cursor.ended = ended
        if not quote.read() and quote.size < LONGEST_QUOTE:
            self._place.said.append(piece)
            return Scanned(piece)
        self._quote = None
        return self._search(piece, max(0, len(piece) - len(quote.cursor.rest)), ended)

    def _search(self, text: str, start: int, ended: bool) -> Scanned:
        """Look for markers from `start` on; what stands before it is text."""
        told = 0  # as far as the place has been told
        while (found := self._markers.whole.search(text, start)) is not None:
            self._place.said.append(text[told : found.start()])
            told = found.start()
            markup = self._markers.markups[found[0]]
            if self._place.is_fenced():
                start = found.end()
                continue
            block = _Block(markup.grammar, found[0], text[told:], self._offer, ended=ended)
            is_over, is_quoted = block.read(), self._place.is_quoted(written=markup.written)
            if is_quoted and not is_over:
                self._quote = block
                self._place.said.append(text[told:])
                return Scanned(text)
            if not is_over:
                self._block = block
                return Scanned(text[:told])
            if not is_quoted and self._is_call(block):
                return self._done(text[:told], block)
            start = told + self._behind(block, text[told:])
        kept = 0 if ended else self._markers.open_end(text[start:])
        certain, self._held = text[: len(text) - kept], text[len(text) - kept :]
        self._place.said.append(certain[told:])
        return Scanned(certain)

    def _is_call(self, block: _Block) -> bool:
        return block.found is not None and block.found[0] not in self._quirks.disabled

    def _done(self, before: str, block: _Block) -> Scanned:
        assert block.found is not None
        self._place.said.append("\n")
        rest, raw = block.cursor.rest, "".join(block.raw)
        return Scanned(before, Found(raw[: len(raw) - len(rest)], *block.found), rest)

    def _behind(self, block: _Block, text: str) -> int:
        """Where in `text` the search goes on: behind a block that is spoken of, and for one that is none behind its
        marker, as long as that is cheap."""
        read = len(text) - len(block.cursor.rest)
        if read > self._again or block.found is not None:
            return max(read, len(block.marker))
        self._again -= read
        return len(block.marker)
