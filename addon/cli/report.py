"""`codex-relay report`: arguments and output; the work is done in addon/recording."""

from __future__ import annotations

from typing import Any


def add(commands: Any) -> None:
    """Declare the command."""
