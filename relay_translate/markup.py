"""Text that is not text: `<think>` at the start of an answer, recognised across chunk borders."""

from __future__ import annotations

OPENING = "<think>"
CLOSING = "</think>"


class ThinkSplitter:
    """Splits content into reasoning and text.

    Only a tag at the very start counts (after white space): prose that mentions the tag is prose.  What could be
    the beginning of a tag is held until it is decided.  A tag never closed makes all of it reasoning.
    """

    def __init__(self) -> None:
        self._state = "start"  # start -> opened -> thinking -> after -> text, or start -> text
        self._held = ""

    @property
    def is_text(self) -> bool:
        """Whether everything from here on is text, so that the splitter can be left out."""
        return self._state == "text"

    def receive(self, piece: str) -> tuple[str, str]:
        """(reasoning, text) that `piece` makes certain."""
        if self._state == "text":
            return "", piece
        self._held += piece
        if self._state == "start":
            return self._begin()
        if self._state == "after":
            return "", self._after()
        return self._think()

    def finish(self) -> tuple[str, str]:
        """What was held when the answer ended."""
        held, self._held = self._held, ""
        return (held.rstrip(), "") if self._state in ("opened", "thinking") else ("", held)

    def _begin(self) -> tuple[str, str]:
        start = self._held.lstrip()
        if start.startswith(OPENING):
            self._state, self._held = "opened", start[len(OPENING) :]
            return self._think()
        if OPENING.startswith(start):
            return "", ""
        self._state = "text"
        held, self._held = self._held, ""
        return "", held

    def _think(self) -> tuple[str, str]:
        if self._state == "opened":
            self._held = self._held.lstrip("\n")  # the rest of the tag's line, which may come in a piece of its own
            self._state = "thinking" if self._held else "opened"
        reasoning, tag, rest = self._held.partition(CLOSING)
        if tag:
            self._state, self._held = "after", rest
            return reasoning.rstrip("\n"), self._after()
        # White space at the end belongs to the tag's line, a partial tag to the tag.
        keep = len(self._held.rstrip("\n"))
        for length in range(1, len(CLOSING)):
            if self._held.endswith(CLOSING[:length]):
                keep = len(self._held[:-length].rstrip("\n"))
        reasoning, self._held = self._held[:keep], self._held[keep:]
        return reasoning, ""

    def _after(self) -> str:
        """The blank lines between the closing tag and the answer are the tag's."""
        text = self._held.lstrip()
        self._held = ""
        if text:
            self._state = "text"
        return text
