"""The scenarios as data: what each shows, and which versions of Codex can play it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from addon.codex import versions
from addon.recording import RecordingError
from addon.scenarios.stage import Stage

Play = Callable[[Stage], Awaitable[None]]
MODULES = ("turns", "tools", "models", "agents", "failures")
OLDEST = "0.40.0"


@dataclass(frozen=True)
class Case:
    """A scenario: a conversation of Codex with a scripted model that takes what it is offered.

    since: the first version that supports it. missing: why the versions before it do not. whole: its recording keeps
    prompts and tools as they are. keeps: names or types of tools that stay in the recording though nobody calls them.
    """

    name: str
    shows: str
    play: Play
    since: str = OLDEST
    missing: str = ""
    whole: bool = False
    keeps: Sequence[str] = ()
    limit: float = 90.0  # seconds

    def unsupported(self, version: str) -> str:
        """Why this version can't play it; "" if it can."""
        if versions.parse(version) >= versions.parse(self.since):
            return ""
        return f"since {self.since}: {self.missing}"


_REGISTER: dict[str, Case] = {}


def case(
    shows: str,
    *,
    since: str = OLDEST,
    missing: str = "",
    whole: bool = False,
    keeps: Sequence[str] = (),
    limit: float = 90.0,
) -> Callable[[Play], Play]:
    """Register the decorated conversation under its function's name."""

    def enter(play: Play) -> Play:
        name = play.__name__.replace("_", "-")
        assert name not in _REGISTER, f"two scenarios are called {name}"
        assert missing or since == OLDEST, f"{name} does not say why versions before {since} lack it"
        _REGISTER[name] = Case(name, shows, play, since, missing, whole, keeps, limit)
        return play

    return enter


def all_cases() -> list[Case]:
    """Every scenario, in the order of the modules and of the functions in them."""
    homes = [import_module(f"addon.scenarios.{module}").__name__ for module in MODULES]
    # Whoever imported one of them before has registered its scenarios first.
    return sorted(_REGISTER.values(), key=lambda one: homes.index(one.play.__module__))


def chosen_cases(names: Sequence[str]) -> list[Case]:
    """The scenarios of these names, all for `all` or none. Raises RecordingError for a name that there is not."""
    known = {case.name: case for case in all_cases()}
    wanted = [name for name in names if name != "all"]
    if unknown := [name for name in wanted if name not in known]:
        raise RecordingError(f"there is no scenario {unknown[0]!r}; there are: {', '.join(known)}")
    return [case for case in known.values() if not wanted or case.name in wanted]
