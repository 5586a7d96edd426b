"""Scenarios for the command line: small, endless, and made to be watched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import EllipsisType

from addon.scripted.chunks import Call
from addon.scripted.replies import answer, error
from addon.scripted.scenario import Scenario, Seen, Step

HELLO = "Hello! This answer is scripted, and arrives word by word."


def _after_tools(first: Step, then: Step) -> Step:
    """Call a tool when the user spoke last, answer when the tool did."""

    def step(seen: Seen):  # type: ignore[no-untyped-def]
        chosen = then if seen.messages[-1]["role"] == "tool" else first
        return chosen(seen) if callable(chosen) else chosen

    return step


def _sample(name: str, *steps: Step | EllipsisType) -> Callable[[frozenset[str]], Scenario]:
    return lambda rules: Scenario(name, steps, rules=rules)


def _samples(*entries: tuple[str, Sequence[Step | EllipsisType]]) -> Mapping[str, Callable[[frozenset[str]], Scenario]]:
    return {name: _sample(name, *steps) for name, steps in entries}


SHELL = answer("Looking.", reasoning="I should list the files.", calls=[Call.of("exec_command", {"cmd": "ls"})])

SAMPLES = _samples(
    ("text", [answer(HELLO), ...]),
    ("slow", [answer(HELLO).paced(0.2), ...]),
    ("reasoning", [answer(HELLO, reasoning="Let me think about it first."), ...]),
    ("shell", [_after_tools(SHELL.paced(0.05), answer("That is what is there.").paced(0.05)), ...]),
    ("busy", [error(429, "Slow down.", type="rate_limit_error", headers={"retry-after": "1"}), answer(HELLO), ...]),
    ("cut", [answer(HELLO).cut(4), ...]),
)
