"""Texts that come in pieces: where the strings of a stream stand that make one text together."""

from __future__ import annotations

import re

Span = tuple[int, int]

# Which call a piece belongs to stands before it in its line. No alternatives for each letter of a string: a body may
# be one string of megabytes.
_PIECE = re.compile(
    rb"(?:\"(?:output_)?index\": ?(\d+)|\"(arguments|content|delta|input|partial_json|reasoning|reasoning_content|"
    rb"refusal|text|thinking)\": ?\"([^\"\\]*(?:\\.[^\"\\]*)*)\"|(\n))"
)


def texts_in_pieces(stream: bytes) -> list[list[Span]]:
    """The texts of an event stream of either wire (an answer, a call's arguments), each as the spans of its pieces."""
    groups: dict[tuple[bytes, bytes], list[Span]] = {}
    index = b""
    for found in _PIECE.finditer(stream):
        if found[4]:
            index = b""
        elif found[1]:
            index = found[1]
        elif found[3]:
            groups.setdefault((found[2], index), []).append(found.span(3))
    return list(groups.values())
