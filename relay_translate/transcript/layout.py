"""Texts laid out for people: folded, wrapped, sized.

Whatever is shown passes `tidy`, so it can be encoded and can't steer a terminal.  A text that is folded says how much
more there is, and a short digest that tells whether two long texts are the same.  Widths are columns of a screen, of
which Chinese letters and most emoji take two.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from relay_translate.errors import TURNING
from relay_translate.json_text import mend_surrogates
from relay_translate.responses_api import Json

from .plain_json import pretty

WIDTH = 80
"""Columns: a terminal's, and what mitmweb leaves for a body beside its list in a window of 1,400 pixels (84)."""

STEP = "  "
HANG = STEP * 2
_TAB = 4  # columns
_SIZED = 26  # columns: indent, colon, ` (123,456 characters)`
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Control characters as their pictures; those that turn the direction of writing could make a text read as another.
_SHOWN = {code: chr(0x2400 + code) for code in range(32) if code not in (9, 10)} | dict.fromkeys(
    [*range(0x7F, 0xA0), *map(ord, TURNING)], "\ufffd"
)
_CONTROLS = re.compile(f"[\x00-\x09\x0b-\x1f\x7f-\x9f{TURNING}\ud800-\udfff]")


@dataclass(frozen=True)
class Room:
    """How much of one text is shown."""

    lines: int
    characters: int


WIDE = Room(100, 10_000)
SHORT = Room(8, 640)
LINE = Room(1, 50)
LONGEST_ROW = 20_000  # characters, of a body that is shown as it is


def tidy(text: str) -> str:
    """`text` without what a screen would obey; colours go, tabs are spaces, other control characters are shown as
    pictures."""
    if not _CONTROLS.search(text):
        return text
    text = _COLOURS.sub("", text.replace("\r\n", "\n")).expandtabs(_TAB)
    return mend_surrogates(text.translate(_SHOWN))


def page(lines: Iterable[str]) -> str:
    """A whole view; whatever got into it untidied or too wide is tidied and wrapped here."""
    rows = tidy("\n".join(lines)).split("\n")
    return "\n".join(part for row in rows for part in (_broken(row) if columns(row) > WIDTH else (row,))) + "\n"


def _broken(row: str) -> list[str]:
    """A row that is too wide, its further lines deeper than its first."""
    text = row.lstrip(" ")
    indent = " " * min(len(row) - len(text), WIDTH // 2)
    first, *rest = wrap(text, WIDTH - len(indent) - 2 * len(STEP))
    return [indent + first, *indented(rest, indent + 2 * STEP)]


def columns(text: str) -> int:
    """How wide a line of text is."""
    return len(text) if text.isascii() else sum(map(_columns, text))


@lru_cache(8192)
def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fitting(text: str, width: int, start: int = 0) -> int:
    """Where the characters of the line end that fit, from `start` on; there is one at least."""
    if text.isascii():
        return min(len(text), start + max(1, width))
    used = 0
    for place in range(start, len(text)):
        used += _columns(text[place])
        if used > width:
            return max(start + 1, place)
    return len(text)


def padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def one_line(text: str, longest: int) -> str:
    """The beginning of `text` on one line. longest: columns."""
    flat = " ".join(tidy(text[: 4 * longest]).split())
    if columns(flat) <= longest and len(text) <= 4 * longest:
        return flat
    return flat[: fitting(flat, longest - 1)].rstrip() + "…"


def glimpse(text: str, longest: int = LINE.characters) -> str:
    """The beginning of a text, and its size if there is more."""
    shown = one_line(text.strip(), longest)
    return f"{shown} ({count(len(text), 'character')})" if shown.endswith("…") else shown


def fold(text: str, room: Room, width: int = WIDTH, hang: str = "") -> list[str]:
    """The lines of `text`, wrapped; when there is no room for all of it, the last one names what is left out.

    hang: in front of the further lines of a wrapped one, so that code does not seem to have a line more."""
    lines, end = _lines(text, _room_for(text, room), width, hang)
    rest = len(text) - end
    return lines if rest <= 0 else [*lines, f"… {rest:,} characters more, sha {digest(text)}"]


def fold_middle(text: str, room: Room, width: int = WIDTH, hang: str = "") -> list[str]:
    """As `fold`, with the end of a long text too: what a growing one has come to stands there."""
    if _room_for(text, room) is not room:
        return fold(text, room, width, hang)
    half = Room(room.lines // 2, room.characters // 2)
    head, end = _lines(text, half, width, hang)
    tail = text[max(end, len(text) - half.characters) :]
    kept = tail.rsplit("\n", half.lines)
    tail = "\n".join(kept[1:] if len(kept) > half.lines else kept)
    rest = len(text) - end - len(tail)
    between = [f"… {rest:,} characters left out here, sha {digest(text)} …"] if rest else []
    return head + between + _lines(tail, Room(room.lines, room.characters), width, hang)[0]


def folded_rows(text: str) -> list[str]:
    """The rows of a text, of which nobody reads a very long one: its middle is left out, and how much that is."""
    rows = []
    for row in text.split("\n"):
        rows += [row] if len(row) <= LONGEST_ROW else fold_middle(row, Room(200, LONGEST_ROW))
    return rows


def _room_for(text: str, room: Room) -> Room:
    """Room for all of a text that is not much too long: to leave out a line or two would save nothing."""
    if len(text) > 1.5 * room.characters or text.count("\n", 0, 2 * room.characters) > 1.5 * room.lines:
        return room
    return Room(4 * room.lines, 2 * room.characters)


def _lines(text: str, room: Room, width: int, hang: str) -> tuple[list[str], int]:
    """(lines, how many characters of `text` they show)."""
    lines: list[str] = []
    place = 0
    while place < len(text) and len(lines) < room.lines:
        end = text.find("\n", place)
        end = len(text) if end < 0 else end
        take = min(end, room.characters)
        if take < end:
            take = max(take - 40, text.rfind(" ", place, take))  # not within a word
        line = tidy(text[place:take])
        first, *rest = wrap(line, width if not hang or columns(line) <= width else width - len(hang))
        lines += [first, *(hang + part for part in rest)]
        if take < end:
            return lines, take
        place = end + 1
    while lines and not lines[-1].strip():
        lines.pop()
    return lines, place


def wrap(line: str, width: int) -> list[str]:
    """A line that has been tidied, in lines that are no wider."""
    line = line.rstrip()
    wrapped, start = [], 0
    while (end := fitting(line, width, start)) < len(line):
        cut = line.rfind(" ", start + (end - start) // 2, end + 1)
        cut = end if cut < 0 else cut
        wrapped.append(line[start:cut].rstrip())
        start = cut
        while line[start] == " ":
            start += 1
    return [*wrapped, line[start:]]


def hanging(line: str, indent: str = STEP) -> list[str]:
    """A line of any length in lines of the usual width, the further ones deeper."""
    line = tidy(line)
    if len(indent) + columns(line) <= WIDTH:
        return [indent + line]
    first, *rest = wrap(line, WIDTH - len(indent) - 2 * len(STEP))
    return [indent + first, *indented(rest, indent + STEP * 2)]


def indented(lines: Iterable[str], indent: str = STEP) -> list[str]:
    return [f"{indent}{line}" if line else "" for line in lines]


def labelled(label: str, text: str, room: Room, *, ends: bool = False) -> list[str]:
    """`label: text` on one line, or the text below its label. ends: the end of a long text is shown too."""
    if room == LINE:
        return [f"{label}: {glimpse(text, max(LINE.characters, WIDTH - columns(label) - _SIZED))}"]
    short = len(text) < WIDTH and "\n" not in text
    if short and columns(label) + columns(tidy(text)) + 2 * len(STEP) < WIDTH and len(text) <= room.characters:
        return [f"{label}: {tidy(text)}".rstrip()]
    return [f"{label}:", *indented((fold_middle if ends else fold)(text, room, WIDTH - 2 * len(STEP)))]


def joined_words(words: Iterable[str], indent: str = STEP) -> list[str]:
    """Words with commas between them, in lines of the usual width; no word is broken."""
    lines: list[str] = []
    for word in words:
        if lines and columns(lines[-1]) + columns(word) + 2 < WIDTH - len(indent):
            lines[-1] += f", {word}"
        else:
            if lines:
                lines[-1] += ","
            lines.append(word)
    return indented(lines, indent)


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 item`, `1,200 items`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def rough(number: int) -> str:
    """An estimate: `842`, `8.8k`, `1.2M`."""
    if number < 1000:
        return str(number)
    return f"{number / 1e3:.1f}k" if number < 999_950 else f"{number / 1e6:.1f}M"


def size(number: int) -> str:
    """Bytes as `842 bytes`, `5.4 KB`, `1.2 MB`."""
    if number < 1000:
        return count(number, "byte")
    if number < 1_000_000:
        return f"{number / 1000:.1f} KB" if number < 10_000 else f"{number / 1000:.0f} KB"
    return f"{number / 1_000_000:.1f} MB"


def span(seconds: float) -> str:
    """`40 ms`, `0.52 s`, `12.3 s`."""
    if seconds < 0.0995:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds:.2f} s"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def data_size(base64_text: str) -> int:
    """Bytes that a base64 text stands for."""
    return max(0, len(base64_text) * 3 // 4 - base64_text.count("=", -2))


_DATA_URL = re.compile(r"data:([\w.+-]+)/([\w.+-]+)[^,]{0,64},")


def picture(url: object) -> str:
    """`[image png 12 KB]` for an image inside the request, its address for one outside."""
    if not isinstance(url, str) or not url:
        return "[image without an address]"
    found = _DATA_URL.match(url)
    if found is None:
        return f"[image {one_line(url, 90)}]"
    return f"[{found[1]} {found[2]} {size(data_size(url[found.end() :]))}]"


def shown_value(value: object, longest: int = WIDTH) -> str:
    """A JSON value on one line, strings of one word without quotes."""
    if isinstance(value, str):
        return value if re.fullmatch(r"[\w./:@+-]{1,80}", value) else one_line(pretty(value[: 4 * longest]), longest)
    return one_line(flat_json(value), longest)


def flat_json(value: object) -> str:
    """A JSON value as a short line without the quotes of its names: `{type: object, strict: true}`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(shown_value(inner) for inner in value) + "]"
    return pretty(value)


# -- values of which nobody promised the type


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def object_of(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def number_of(value: object) -> int:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15
    return int(value) if is_number else 0  # type: ignore[call-overload]
