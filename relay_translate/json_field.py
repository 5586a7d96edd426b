"""One string field of a JSON object, unescaped while the object is still arriving."""

from __future__ import annotations

import json
import re

from .json_text import mend_surrogates

# Whole characters and whole escapes; a surrogate pair is one token so that it is never cut in half.
_TOKEN = re.compile(
    r"[^\"\\]+|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[^u]", re.S
)
_HALF_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}")
_LONGEST_START = 80  # characters of `{"input": "` with odd spacing; what is longer is something else


class StringField:
    """Reads `{"NAME": "..."}` piece by piece and gives the decoded text as it comes.

    Models that wrap the text differently are not streamed; `finish` finds their text in the whole.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._start = re.compile(rf"\s*\{{\s*\"{re.escape(name)}\"\s*:\s*\"")
        self._rest = ""
        self._text: list[str] = []
        self._state = "start"  # start -> string -> end, or start -> other

    def receive(self, piece: str) -> str:
        """The text that `piece` adds; "" while nothing is certain."""
        if self._state in ("end", "other"):
            return ""
        self._rest += piece
        if self._state == "start":
            found = self._start.match(self._rest)
            if found is None:
                if len(self._rest) > _LONGEST_START:
                    self._state = "other"
                return ""
            self._state, self._rest = "string", self._rest[found.end() :]
        text = self._take()
        self._text.append(text)
        return text

    def finish(self, whole: str) -> str:
        """The field's text, given the whole object (or whatever came in its place)."""
        if self._state in ("string", "end"):
            return "".join(self._text)
        try:
            value = json.loads(whole, strict=False)
        except (ValueError, RecursionError):
            return whole  # a model that wrote the bare text
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            if isinstance(value.get(self._name), str):
                return str(value[self._name])
            strings = [v for v in value.values() if isinstance(v, str)]
            if len(strings) == 1:
                return strings[0]
        return "" if value in ({}, None) else whole

    def _take(self) -> str:
        rest, end = self._rest, 0
        while (token := _TOKEN.match(rest, end)) is not None:
            if _HALF_PAIR.fullmatch(token[0]) and len(rest) - token.end() < 6 and '"' not in rest[token.end() :]:
                break  # the other half may follow
            end = token.end()
        if rest[end : end + 1] == '"':
            self._state = "end"
        taken, self._rest = rest[:end], rest[end:]
        return _unescape(taken)


def _unescape(escaped: str) -> str:
    if "\\" not in escaped:
        return escaped
    try:
        text = str(json.loads(f'"{escaped}"', strict=False))
    except ValueError:
        # An escape that JSON does not have, such as \d or \': models mean the two characters or the second.
        text = str(json.loads(f'"{_mended(escaped)}"', strict=False))
    return text if text.isprintable() else mend_surrogates(text)


def _mended(escaped: str) -> str:
    return re.sub(
        r"\\(u[0-9a-fA-F]{4}|[\"\\/bfnrt])|\\(.)", lambda m: m[0] if m[1] else rf"\\{m[2]}", escaped, flags=re.S
    )
