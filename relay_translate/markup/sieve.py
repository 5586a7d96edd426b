"""Sorts what a provider streams as text and as reasoning into text, reasoning and calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from relay_translate.quirks import THINK_TAGS, Quirks

from .offer import Offer, WrittenCall
from .scanner import Found, Scanned, Scanner
from .think import ThinkSplitter

DECIDES = 200  # characters behind a block; who says more had quoted it


class Trail:
    """A block that looks like calls and what follows it, held until it is known which it is.

    A model that leaks its calls ends with them, in so many words or a few more between two blocks. One that quotes a
    block, from a log, a file or its instructions, goes on to talk about it; nothing in what it quotes may be run.
    """

    def __init__(self) -> None:
        self._parts: list[str | Found] = []
        self._said = 0

    def __bool__(self) -> bool:
        return bool(self._parts)

    @property
    def ends_in_calls(self) -> bool:
        return bool(self._parts) and not self._said

    def add(self, part: str | Found) -> bool:
        """Hold a part; gives whether so much text followed the last block that it was no call."""
        self._parts.append(part)
        self._said = self._said + len(part.strip()) if isinstance(part, str) else 0
        return self._said > DECIDES

    def take_raw(self) -> tuple[str, list[WrittenCall]]:
        """All of it as it was written, and the calls in it."""
        parts = self._take()
        calls = [call for part in parts if isinstance(part, Found) for call in part.calls]
        return "".join(part if isinstance(part, str) else part.raw for part in parts), calls

    def take_calls(self, quirks: Quirks) -> tuple[str, list[WrittenCall]]:
        """What was said between the blocks, and their calls, which now are repairs that were made."""
        text, calls = [], []
        for part in self._take():
            if isinstance(part, str):
                text.append(part.lstrip())  # the white space behind a block is the block's
            elif quirks(part.quirk):
                calls += part.calls
        return "".join(text), calls

    def _take(self) -> list[str | Found]:
        parts, self._parts, self._said = self._parts, [], 0
        return parts


class Sieve:
    """Writes text and reasoning as soon as they are certain, and keeps the calls it finds.

    write_text(piece); write_reasoning(source, piece, details), where `source` is the field it came in, or the tag.
    """

    def __init__(
        self,
        think_tags: tuple[str, ...],
        offer: Offer,
        quirks: Quirks,
        write_text: Callable[[str], None],
        write_reasoning: Callable[[str, str, list[Any]], None],
    ) -> None:
        self._think = ThinkSplitter(() if THINK_TAGS in quirks.disabled else think_tags)
        self._text, self._trail = Scanner(offer, quirks), Trail()
        self._thoughts, self._thought_trail = Scanner(offer, quirks), Trail()
        self._quirks = quirks
        self._write_text = write_text
        self._write_reasoning = write_reasoning
        self._source = ""  # of the reasoning that came last
        self._is_plain = False  # whether a piece of text without a marker can go straight out
        self.thoughts: list[str] = []  # names of calls that were only thought of or quoted, and are not made
        self._calls: list[WrittenCall] = []

    def content(self, piece: str) -> None:
        """A piece of the answer's text."""
        if self._is_plain and self._text.passes(piece):  # nearly all of them
            self._write_text(piece)
            return
        while piece:
            piece = self._sort(piece)
        self._is_plain = self._think.is_text and not (self._thoughts.holds or self._trail or self._thought_trail)

    def reasoning(self, source: str, piece: str, details: list[Any]) -> None:
        """A piece of reasoning, or opaque details of it, which pass."""
        if self._text.holds:
            self._release_text()
        self._source = source
        if not self._thought_trail and self._thoughts.passes(piece):
            self._write_reasoning(source, piece, details)
            return
        if details:
            self._write_reasoning(source, "", details)
        while piece:
            piece = self._reasoned(self._thoughts.receive(piece))
        self._is_plain = False

    def pause(self) -> None:
        """A proper call or the end stands here: what is held is what it looks like. Reasoning may begin again."""
        thought, text = self._think.finish()
        if thought:
            self.reasoning(self._think.tag, thought, [])
        if self._thoughts.holds:
            self._release_thoughts()
        while text:
            text = self._wrote(self._text.receive(text))
        if self._text.holds:
            self._release_text()
        self._settle_text()
        self._think.restart()
        self._is_plain = False

    def calls(self, made: Iterable[tuple[str, str]], *, answered: bool = False) -> list[WrittenCall]:
        """The calls that were written out and are to be made, besides those (name, arguments) that were called.

        A call in the reasoning counts only where nothing else was called or said (answered): a model that leaks its
        call there says nothing more, and one that goes on to ask, or calls another, only thought of it. A written
        call that was called as well is the same one: some servers leave its text in.
        """
        known = {(name, _meaning(arguments)) for name, arguments in made}
        if self._thought_trail.ends_in_calls and not (self._calls or known or answered):
            text, self._calls = self._thought_trail.take_calls(self._quirks)
            if text:
                self._write_reasoning(self._source, text, [])
        elif self._thought_trail:
            self._drop_thoughts(known | {(call.name, _meaning(call.arguments)) for call in self._calls})
        return [call for call in self._calls if (call.name, _meaning(call.arguments)) not in known]

    def _sort(self, piece: str) -> str:
        """Sort one piece; gives what stands behind a call in it."""
        if not self._think.is_text:
            thought, piece = self._think.receive(piece)
            if self._think.tag:
                self._quirks(THINK_TAGS)
            if thought:
                self.reasoning(self._think.tag, thought, [])
            if not piece:
                return ""
        if self._thoughts.holds:
            self._release_thoughts()
        return self._wrote(self._text.receive(piece))

    def _wrote(self, scanned: Scanned) -> str:
        if scanned.text:
            if self._thought_trail and scanned.text.strip():
                self._drop_thoughts()  # the answer is another
            if not self._trail:
                self._write_text(scanned.text)
            elif self._trail.add(scanned.text):
                self._quote_text()
        if scanned.found is not None:
            self._trail.add(scanned.found)
            self._think.restart()
        return scanned.rest

    def _settle_text(self) -> None:
        """The text is over for now: whether it ended in its blocks decides what they were."""
        if not self._trail.ends_in_calls:
            self._quote_text()
            return
        text, calls = self._trail.take_calls(self._quirks)
        self._calls += calls
        if text:
            self._write_text(text)

    def _quote_text(self) -> None:
        text, calls = self._trail.take_raw()
        self.thoughts += [call.name for call in calls]
        if text:
            self._write_text(text)

    def _reasoned(self, scanned: Scanned) -> str:
        if scanned.text:
            if not self._thought_trail:
                self._write_reasoning(self._source, scanned.text, [])
            elif self._thought_trail.add(scanned.text):
                self._drop_thoughts()
        if scanned.found is not None:
            self._thought_trail.add(scanned.found)
        return scanned.rest

    def _drop_thoughts(self, known: Iterable[tuple[str, object]] = ()) -> None:
        """Blocks in the reasoning that are not called stay reasoning; those that were called anyway go unsaid."""
        text, calls = self._thought_trail.take_raw()
        self.thoughts += [call.name for call in calls if (call.name, _meaning(call.arguments)) not in set(known)]
        if text:
            self._write_reasoning(self._source, text, [])

    def _release_thoughts(self) -> None:
        rest = self._reasoned(self._thoughts.finish())
        while rest:
            rest = self._reasoned(self._thoughts.finish(rest))

    def _release_text(self) -> None:
        rest = self._wrote(self._text.finish())
        while rest:
            rest = self._wrote(self._text.finish(rest))


def _meaning(arguments: str) -> str:
    """The same for the same object, however it is written."""
    try:
        return json.dumps(json.loads(arguments, strict=False), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments
