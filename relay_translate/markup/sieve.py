"""Sorts what a provider streams as text and as reasoning into text, reasoning and calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from relay_translate.quirks import THINK_TAGS, Quirks

from .offer import Offer, WrittenCall
from .scanner import Scanned, Scanner
from .think import ThinkSplitter


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
        self._text = Scanner(offer, quirks)
        self._thoughts = Scanner(offer, quirks)
        self._quirks = quirks
        self._write_text = write_text
        self._write_reasoning = write_reasoning
        self._source = ""  # of the reasoning that came last
        self._is_plain = False  # whether a piece of text without a marker can go straight out
        self.thoughts: list[str] = []  # names of calls that were taken for thoughts, and are not made
        self._calls: list[WrittenCall] = []
        self._thought_calls: list[WrittenCall] = []

    def content(self, piece: str) -> None:
        """A piece of the answer's text."""
        if self._is_plain and self._text.passes(piece):  # nearly all of them
            self._write_text(piece)
            return
        while piece:
            piece = self._sort(piece)
        self._is_plain = self._think.is_text and not self._thoughts.holds

    def reasoning(self, source: str, piece: str, details: list[Any]) -> None:
        """A piece of reasoning, or opaque details of it, which pass."""
        if self._text.holds:
            self._release_text()
        self._source = source
        if self._thoughts.passes(piece):
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
        self._think.restart()
        self._is_plain = False

    def calls(self, made: Iterable[tuple[str, str]], *, answered: bool = False) -> list[WrittenCall]:
        """The calls that were written out and are to be made, besides those (name, arguments) that were called.

        A call in the reasoning counts only where nothing else was called or said (answered): a model that leaks its
        call there says nothing more, and one that goes on to ask, or calls another, only thought of it. A written
        call that was called as well is the same one: some servers leave its text in.
        """
        known = {(name, _meaning(arguments)) for name, arguments in made}
        found, thoughts = self._calls, self._thought_calls
        if not found and not known and not answered:
            found, thoughts = thoughts, []
        called = known | {(call.name, _meaning(call.arguments)) for call in found}
        self.thoughts = [call.name for call in thoughts if (call.name, _meaning(call.arguments)) not in called]
        return [call for call in found if (call.name, _meaning(call.arguments)) not in known]

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
            self._write_text(scanned.text)
        if scanned.calls is not None:
            self._calls += scanned.calls
            self._think.restart()
        return scanned.rest

    def _reasoned(self, scanned: Scanned) -> str:
        if scanned.text:
            self._write_reasoning(self._source, scanned.text, [])
        self._thought_calls += scanned.calls or ()
        return scanned.rest

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
