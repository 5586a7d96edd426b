"""Where in an answer a marker stands."""

from __future__ import annotations

import re

# As CommonMark 4.5 has fenced code, but in quotes and lists of any depth too.
_OPENS = re.compile(r"[\s>*+\-\d.)]*?(`{3,}|~{3,})(.*)")
_SENTENCE_ENDS = frozenset(".:!?…。：！？)")
_KEPT = 80  # characters of an unfinished line: enough to know a fence


class Place:
    """Keeps what was said, and looks at it only when asked."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._line = ""
        self._last = ""
        self._fence = ""

    def is_fenced(self) -> bool:
        """In a fenced code block."""
        self._read()
        return bool(self._fence)

    def is_quoted(self, *, written: bool) -> bool:
        """Where a marker is spoken of: right behind a backtick; one that people write too (`written`) anywhere but at
        the start of a line or glued to the end of a sentence, for people put a space before it."""
        self._read()
        at_start = (len(self._line) < _KEPT and not self._line.strip()) or self._last in _SENTENCE_ENDS
        return self._last == "`" or (written and not at_start)

    def _read(self) -> None:
        said = "".join(self.said)
        self.said.clear()
        if not said:
            return
        *lines, line = (self._line + said).split("\n")
        for each in lines:
            self._end_line(each)
        self._last = line[-1:]
        self._line = line[:_KEPT]

    def _end_line(self, line: str) -> None:
        if self._fence:
            bare = line.strip(" \t\r>")
            if bare.startswith(self._fence) and not bare.strip(self._fence[0]):
                self._fence = ""
        elif (found := _OPENS.match(line)) and not (found[1][0] == "`" and "`" in found[2]):
            self._fence = found[1]
