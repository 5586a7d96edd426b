"""The rows of the table: each is a conversation, and says what must come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module

from addon.scenarios.stage import Stage

Play = Callable[[Stage], Awaitable[None]]
MODULES = ("turns", "tools", "failures", "endings", "shapes", "models", "agents")


@dataclass(frozen=True)
class Row:
    name: str  # short, unique: test id, scenario name and upstream key
    title: str
    play: Play
    own_relay: bool = False  # the row restarts its relay, so it cannot share one
    limit: float = 90.0
    version: str = ""  # the Codex this row is about; otherwise whichever the run is given


REGISTER: dict[str, Row] = {}


def row(title: str, *, own_relay: bool = False, limit: float = 90.0) -> Callable[[Play], Play]:
    """Register the decorated conversation under its function's name."""

    def enter(play: Play) -> Play:
        name = play.__name__.replace("_", "-")
        assert name not in REGISTER, f"two rows are called {name}"
        REGISTER[name] = Row(name, title, play, own_relay, limit)
        return play

    return enter


def all_rows() -> list[Row]:
    """Every row, in the order of the modules and of the functions in them."""
    for module in MODULES:
        import_module(f"tests.e2e.rows.{module}")
    return list(REGISTER.values())
