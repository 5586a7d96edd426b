"""`<think>` at the start of an answer, recognised across chunk borders."""

from __future__ import annotations

_BLANKS = 256  # characters; more line ends than that belong to nobody's tag


class ThinkSplitter:
    """Splits content into reasoning and text.

    Only a tag at the very start counts (after white space): prose that mentions the tag is prose.  What could be
    the beginning of a tag is held until it is decided.  The first closing tag closes, whatever was opened in between:
    reasoning about tags must not swallow the answer.  A tag never closed makes all of it reasoning.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.tag = ""  # the last one that was opened, such as `<think>`
        self._openings = tuple(f"<{name}>" for name in names)
        self._closing = ""
        # start -> opened -> thinking -> after -> text, or start -> text
        self._state = "start" if names else "text"
        self._held = ""

    @property
    def is_text(self) -> bool:
        """Whether everything from here on is text, so that the splitter can be left out."""
        return self._state == "text"

    def restart(self) -> None:
        """A call stood here: what follows may begin with reasoning again."""
        if self._openings and self._state in ("text", "after"):
            self._state = "start"

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
        for opening in self._openings:
            if start.startswith(opening):
                self.tag, self._closing = opening, f"</{opening[1:]}"
                self._state, self._held = "opened", start[len(opening) :]
                return self._think()
        if any(opening.startswith(start) for opening in self._openings):
            return "", ""
        self._state = "text"
        held, self._held = self._held, ""
        return "", held

    def _think(self) -> tuple[str, str]:
        if self._state == "opened":
            self._held = self._held.lstrip("\n")  # the rest of the tag's line, which may come in a piece of its own
            self._state = "thinking" if self._held else "opened"
        reasoning, tag, rest = self._held.partition(self._closing)
        if tag:
            self._state, self._held = "after", rest
            return reasoning.rstrip("\n"), self._after()
        # White space at the end belongs to the tag's line, a partial tag to the tag.
        keep = len(self._held.rstrip("\n")) if len(self._held) < _BLANKS else len(self._held)
        for length in range(1, len(self._closing)):
            if self._held.endswith(self._closing[:length]):
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
