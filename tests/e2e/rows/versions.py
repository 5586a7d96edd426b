"""The same four conversations for each Codex version: text, tool loop, patch, MCP.

Tool names and shapes changed over the versions; the scripted model takes what it is offered, as a real one would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from addon.codex.config import catalog_of
from addon.codex.install import VERSIONS
from addon.scenarios.stage import Stage
from addon.scripted import Call, Seen, answer
from tests.e2e.rows import Play, Row
from tests.e2e.rows.turns import PATCH, PATCHED

FIRST_WITH_CATALOG = (0, 107)


def shell_call(seen: Seen, command: str) -> Call:
    """The shell tool has had three names, and takes a line or a list of words."""
    for name in ("exec_command", "shell_command", "shell"):
        if name in seen.tools:
            kind = "cmd" if name == "exec_command" else "command"
            return Call.of(name, {kind: ["bash", "-lc", command] if name == "shell" else command})
    raise LookupError(f"no shell among {seen.tools}")


async def text(stage: Stage) -> None:
    stage.play(answer("Hello, whatever version you are.", reasoning="A greeting."))
    await stage.codex("say hello")
    stage.says("Hello, whatever version you are.")
    stage.requests(1)
    system = stage.seen[0].text_of("system")
    stage.must(len(system) > 5_000, f"the base prompt is lost: {len(system)} characters of system text")
    stage.must(stage.seen[0].last_text.endswith("say hello"), "the user's words do not come last")


async def tool_loop(stage: Stage) -> None:
    stage.play(
        lambda seen: answer("One.", reasoning="First.", calls=[shell_call(seen, "echo one | tee made.txt")]),
        lambda seen: answer(
            reasoning="Then both.",
            calls=[shell_call(seen, "echo two >> made.txt"), shell_call(seen, "echo beside")],
        ),
        answer("Both lines are written."),
    )
    await stage.codex("write two lines")
    stage.says("Both lines are written.")
    stage.requests(3)
    stage.file("made.txt", "one\ntwo\n")
    stage.sent(3, "one", "beside")


async def patch(stage: Stage) -> None:
    # Before there were catalogs, only the slugs Codex knew itself had the freeform tool.
    known: dict[str, Any] = {"model": "gpt-5-codex"}
    stage.home(**({"catalog": catalog_of("scripted-model")} if version_of(stage) >= FIRST_WITH_CATALOG else known))
    stage.play(
        lambda seen: answer(reasoning="A patch.", calls=[seen.free_text("apply_patch", PATCH)]),
        answer("Patched."),
    )
    await stage.codex("add a file")
    stage.says("Patched.")
    stage.requests(2)
    stage.file("new.txt", PATCHED)


async def mcp(stage: Stage) -> None:
    stage.home(mcp=["tiny"])
    stage.play(
        lambda seen: answer(
            reasoning="Two tools.",
            calls=[seen.call("tiny", "echo", text="hé", times=2), seen.call("tiny", "ping")],
        ),
        lambda seen: answer(reasoning="A picture.", calls=[seen.call("tiny", "pic")]),
        answer("All tools work."),
    )
    await stage.codex("try the tools")
    stage.says("All tools work.")
    stage.requests(3)
    stage.sent(2, "echo: hé hé", "pong with {}")
    if len(stage.seen) == 3:
        stage.must(len(stage.seen[2].images()) == 1, "the picture does not reach the model")


def version_of(stage: Stage) -> tuple[int, ...]:
    return tuple(int(part) for part in stage.version.split(".")[:2])


PLAYS: dict[str, Play] = {"text": text, "tool-loop": tool_loop, "patch": patch, "mcp": mcp}


def version_rows(versions: Sequence[str] = VERSIONS) -> list[Row]:
    return [
        Row(f"{version}-{name}", f"Codex {version}: {name}", play, version=version)
        for version in versions
        for name, play in PLAYS.items()
    ]
