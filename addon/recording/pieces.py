"""When the pieces of a streamed body arrived, in few bytes: text for `metadata["relay"]["pieces"]`.

A piece is (size in bytes after content decoding, milliseconds since the request was complete). The text is base64 of
zlib of LEB128 numbers, for each piece its size and the time since the piece before it: two to four bytes a token.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator

Piece = tuple[int, int]
MOST_PIECES = 200_000  # kept of one body; what comes later is one last piece
_LARGEST_TEXT = 64 * 1024 * 1024  # bytes of numbers; a file of a stranger may claim more


def pack_pieces(pieces: Iterable[Piece]) -> str:
    numbers, before = bytearray(), 0
    for size, at in pieces:
        for number in (size, max(0, at - before)):
            while number > 0x7F:
                numbers.append(number & 0x7F | 0x80)
                number >>= 7
            numbers.append(number)
        before = max(before, at)
    return b64encode(zlib.compress(bytes(numbers), 9)).decode()


def unpack_pieces(text: object) -> list[Piece]:
    """The pieces; [] when there are none or the text is not one of ours."""
    if not isinstance(text, str) or not text:
        return []
    try:
        data = zlib.decompressobj().decompress(b64decode(text, validate=True), _LARGEST_TEXT)
    except (ValueError, zlib.error):
        return []
    numbers, pieces, at = list(_numbers(data)), [], 0
    for size, wait in zip(numbers[::2], numbers[1::2], strict=False):
        at += wait
        pieces.append((size, at))
    return pieces


def cut(body: bytes, pieces: list[Piece]) -> list[tuple[bytes, int]]:
    """`body` as it arrived: (bytes, milliseconds) a piece. Sizes that don't fit it: all of it at the last moment."""
    if not pieces or sum(size for size, _ in pieces) != len(body):
        return [(body, pieces[-1][1] if pieces else 0)] if body else []
    start, found = 0, []
    for size, at in pieces:
        found.append((body[start : start + size], at))
        start += size
    return found


def _numbers(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
