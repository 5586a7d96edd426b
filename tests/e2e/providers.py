"""The conversations of the matrix: each is had with every provider, played by its own rules and in its own style."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from addon.codex.config import catalog_of
from addon.codex.mcp_server import PICTURE
from addon.scenarios.offered import PATCH, PATCHED
from addon.scenarios.stage import Stage
from addon.scripted.dialects import Dialect
from addon.scripted.scenario import Step
from relay_translate.messages import NO_IMAGE
from tests.e2e.rows import Row
from tests.e2e.rows.turns import shell


@dataclass(frozen=True)
class Talk:
    """One conversation: its column's title, and what is said. effort: how hard Codex asks the model to think."""

    title: str
    play: Callable[[Stage, Dialect], Awaitable[None]]
    effort: str


TALKS: dict[str, Talk] = {}


def talk(name: str, title: str, effort: str) -> Callable[[Callable[[Stage, Dialect], Awaitable[None]]], None]:
    def enter(play: Callable[[Stage, Dialect], Awaitable[None]]) -> None:
        TALKS[name] = Talk(title, play, effort)

    return enter


def rows_of(dialect: Dialect) -> dict[str, Row]:
    """The provider's rows, by the name of their column. A row's name is the key Codex sends, so it is plain."""
    plain = re.sub(r"[^a-z0-9]+", "-", dialect.name.lower()).strip("-")
    return {
        name: Row(f"{plain}-{name}", f"{dialect.name}: {one.title}", _bound(one, dialect))
        for name, one in TALKS.items()
    }


def _bound(one: Talk, dialect: Dialect) -> Callable[[Stage], Awaitable[None]]:
    async def play(stage: Stage) -> None:
        extra = {"model_reasoning_effort": one.effort} if one.effort else {}
        stage.home(model=dialect.model, catalog=catalog_of(dialect.model), extra=extra)
        await one.play(stage, dialect)
        asked = {seen.path for seen in stage.seen}
        stage.must(asked == {dialect.path}, f"requests went to {sorted(asked)}, not to {dialect.path}")

    return play


def _script(stage: Stage, dialect: Dialect, *steps: Step) -> None:
    stage.play(*steps, rules=frozenset({"stable_prefix"}), judge=dialect)


@talk("text", "text", "xhigh")
async def _text(stage: Stage, dialect: Dialect) -> None:
    _script(stage, dialect, dialect.says("Hello from the scripted model.", reasoning="A greeting is wanted."))
    run = await stage.codex("say hello")
    stage.says("Hello from the scripted model.")
    stage.requests(1)
    _shown(stage, dialect, run.reasoning, "A greeting is wanted.")
    cached, reasoned = dialect.counted
    expected = {
        "input_tokens": 1200,
        "cached_input_tokens": cached,
        "output_tokens": 34,
        "reasoning_output_tokens": reasoned,
    }
    counted = {name: run.usage.get(name) for name in expected}
    stage.should(counted == expected, f"usage is {counted}, not {expected}")


@talk("loop", "tool loop, reasoning returned", "high")
async def _loop(stage: Stage, dialect: Dialect) -> None:
    """Two steps, an answer, and a second turn, which repeats the whole history."""
    _script(
        stage,
        dialect,
        dialect.says("First.", reasoning="I count from one.\n", calls=[shell("echo one > made.txt && cat made.txt")]),
        dialect.says(reasoning="Then “two” 😀, \\ and\ttab.", calls=[shell("echo two >> made.txt && cat made.txt")]),
        dialect.says("Both lines are written.", reasoning="That was it."),
        dialect.says(reasoning="A new turn.", calls=[shell("cat made.txt")]),
        dialect.says("Both are there.", reasoning="Seen."),
    )
    run = await stage.codex("write two lines")
    stage.says("Both lines are written.")
    _shown(stage, dialect, run.reasoning, "I count from one.")
    await stage.codex("look again", resume=True)
    stage.says("Both are there.")
    stage.requests(5)
    stage.file("made.txt", "one\ntwo\n")
    stage.sent(3, "Output:\none\ntwo\n")


@talk("parallel", "parallel calls", "medium")
async def _parallel(stage: Stage, dialect: Dialect) -> None:
    calls = [shell(f"echo {side} > {side}.txt && echo {side} is written") for side in ("left", "right", "middle")]
    _script(
        stage,
        dialect,
        dialect.says("I write all three.", reasoning="At once.", calls=calls),
        dialect.says("All are written."),
    )
    await stage.codex("write")
    stage.says("All are written.")
    stage.requests(2)
    for side in ("left", "right", "middle"):
        stage.file(f"{side}.txt", f"{side}\n")
        stage.sent(2, f"{side} is written")
    turns = [message for message in stage.seen[-1].messages if message["role"] == "assistant"]
    stage.should(
        [len(turn.get("tool_calls") or ()) for turn in turns] == [3], f"the calls are not one message: {turns}"
    )


@talk("patch", "apply_patch", "low")
async def _patch(stage: Stage, dialect: Dialect) -> None:
    _script(
        stage,
        dialect,
        dialect.says(reasoning="A patch will do.", calls=lambda seen: [seen.free_text("apply_patch", PATCH)]),
        dialect.says("Patched."),
    )
    await stage.codex("add a file")
    stage.says("Patched.")
    stage.requests(2)
    stage.file("new.txt", PATCHED)
    stage.sent(2, "Success. Updated the following files")


@talk("image", "image", "")
async def _image(stage: Stage, dialect: Dialect) -> None:
    """A picture of the user's, the same from a tool, and a turn after them, for a picture stays in the history."""
    picture = stage.workspace / "red.png"
    picture.write_bytes(base64.b64decode(PICTURE))
    _script(
        stage,
        dialect,
        dialect.says(
            "I look closer.", reasoning="Closer.", calls=lambda seen: [seen.call("view_image", path=str(picture))]
        ),
        dialect.says("A red square."),
        dialect.says("As I said."),
    )
    await stage.codex("what is this?", images=[picture])
    stage.says("A red square.")
    await stage.codex("are you sure?", resume=True)
    stage.says("As I said.")
    stage.requests(3)
    _pictures(stage, dialect, [1, 2, 2])


def _pictures(stage: Stage, dialect: Dialect, counts: list[int]) -> None:
    for number, count in enumerate(counts[: len(stage.seen)], 1):
        wanted = count if dialect.limits.sees else 0
        found = len(stage.seen[number - 1].images())
        stage.must(found == wanted, f"{found} pictures are in request {number}, not {wanted}")
        if not dialect.limits.sees:
            notes = stage.seen[number - 1].text_of().count(NO_IMAGE)
            stage.must(notes == count, f"{notes} notes stand in place of {count} pictures in request {number}")
    if stage.seen:
        stage.must("what is this?" in stage.seen[0].last_text, "the question is lost")


def _shown(stage: Stage, dialect: Dialect, shown: list[str], text: str) -> None:
    if dialect.style.reasoning != "hidden":
        stage.should(any(text in one for one in shown), f"the reasoning is not shown but {shown}")


COLUMNS: Mapping[str, str] = {name: one.title for name, one in TALKS.items()}
