"""Bodies that Codex and providers really sent, for the tests of the views."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parents[2] / "fixtures" / "0.169.0"
TURNS = sorted(FIXTURES.glob("*/turn-*"))


def body(case: str, turn: int, name: str = "request.json") -> Any:
    return json.loads(raw(case, turn, name))


def raw(case: str, turn: int, name: str) -> bytes:
    return (FIXTURES / case / f"turn-{turn}" / name).read_bytes()


def section(view: str, title: str) -> str:
    """What stands below a title, to the next empty line."""
    lines = view.split("\n")
    begin = lines.index(title) + 1
    return "\n".join(lines[begin : lines.index("", begin)])


def assert_shown(view: str) -> None:
    """It can be encoded, steers no terminal, and ends in a line break."""
    view.encode()
    assert view.endswith("\n")
    assert not [character for character in view if ord(character) < 32 and character not in "\n\t"]
