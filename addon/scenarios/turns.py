"""Turns that go well: text, the shell, pictures, reasoning, threads that are taken up again."""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress
from typing import Any

from addon.codex.config import catalog_of
from addon.codex.mcp_server import PICTURE
from addon.scenarios.catalog import case
from addon.scenarios.offered import shell
from addon.scenarios.stage import Stage
from addon.scripted import answer

ANSWER_SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "integer"}},
    "required": ["answer"],
    "additionalProperties": False,
}


@case("text alone: the base prompt, and every tool that Codex offers", whole=True)
async def text(stage: Stage) -> None:
    stage.play(answer("Hello from the scripted model."))
    await stage.codex("say hello")
    stage.says("Hello from the scripted model.")
    stage.requests(1)
    system = stage.seen[0].text_of("system")
    stage.must(len(system) > 5_000, f"the base prompt is lost: {len(system)} characters of system text")
    stage.must(stage.seen[0].last_text.endswith("say hello"), "the user's words do not come last")


@case("a tool loop: a call of the shell, and its result")
async def tools(stage: Stage) -> None:
    stage.play(
        lambda seen: answer("I write it.", reasoning="One line.", calls=[shell(seen, "echo one | tee made.txt")]),
        answer("The line is written."),
    )
    await stage.codex("write a line")
    stage.says("The line is written.")
    stage.requests(2)
    stage.file("made.txt", "one\n")
    stage.sent(2, "one")


@case("text, reasoning and two calls in one answer")
async def parallel(stage: Stage) -> None:
    stage.play(
        lambda seen: answer(
            "I look at both.",
            reasoning="Two things at once.",
            calls=[shell(seen, "echo left"), shell(seen, "echo right")],
        ),
        answer("Seen both."),
    )
    await stage.codex("look")
    stage.says("Seen both.")
    stage.requests(2)
    stage.sent(2, "left", "right")
    turns = [message for message in stage.seen[-1].messages if message["role"] == "assistant"]
    # Until 0.58 each output stood right behind its call, which makes two messages of one answer.
    if stage.at_least("0.80"):
        stage.should(
            len(turns) == 1 and turns[0].get("content") == "I look at both." and len(turns[0]["tool_calls"]) == 2,
            f"text, reasoning and calls of one turn are not one message: {turns}",
        )


@case("reasoning goes back to the provider, over a tool loop and into the next turn")
async def reasoning(stage: Stage) -> None:
    stage.play(
        lambda seen: answer("One.", reasoning="First I count.\n", calls=[shell(seen, "echo 1")]),
        lambda seen: answer(reasoning="Second — “quoted” 😀, \\ and\ttab ", calls=[shell(seen, "echo 2")]),
        answer("Done counting.", reasoning="That was it."),
        answer("Counted on.", reasoning="Finished."),
    )
    run = await stage.codex("count")
    stage.says("Done counting.")
    stage.should(any("First I count." in text for text in run.reasoning), f"reasoning is not shown: {run.reasoning}")
    await stage.codex("count on", resume=True)
    stage.says("Counted on.")
    stage.requests(4)


@case("a thread that is taken up again by `exec resume`")
async def resume(stage: Stage) -> None:
    stage.play(answer("First answer."), answer("Second answer."))
    await stage.codex("one")
    stage.says("First answer.")
    await stage.codex("two", resume=True)
    stage.says("Second answer.")
    stage.requests(2)
    stage.sent(2, "one", "First answer.", "two")


@case("Codex is killed inside a call, and the thread taken up again: the call was aborted, or (until 0.58) never made")
async def killed(stage: Stage) -> None:
    stage.play(
        lambda seen: answer("Long.", reasoning="This takes a while.", calls=[shell(seen, "touch begun; sleep 60")]),
        answer("Back at work."),
    )
    running = asyncio.ensure_future(stage.home().exec("sleep"))
    begun = stage.workspace / "begun"
    while not begun.exists() and not running.done():  # noqa: ASYNC110 - made by another process
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)  # the call is written to the rollout by another task
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await stage.codex("go on", resume=True)
    stage.says("Back at work.")
    stage.requests(2)
    if stage.at_least("0.80"):
        stage.sent(2, "aborted")


@case(
    "a picture from the user",
    since="0.58.0",
    missing="exec sends the picture in a turn of its own, whose end it may miss",
)
async def image(stage: Stage) -> None:
    picture = stage.workspace / "red.png"
    picture.write_bytes(base64.b64decode(PICTURE))
    stage.play(answer("A red square."))
    await stage.codex("what is this?", images=[picture])
    stage.says("A red square.")
    stage.requests(1)
    stage.must(len(stage.seen[0].images()) == 1, "the picture does not reach the model")
    stage.must("what is this?" in stage.seen[0].last_text, "the question is lost")


@case("structured output (--output-schema)", since="0.58.0", missing="exec has no --output-schema")
async def schema(stage: Stage) -> None:
    stage.play(answer('{"answer":42}'))
    await stage.codex("the answer, please", schema=ANSWER_SCHEMA)
    stage.says('{"answer":42}')
    stage.requests(1)
    wanted = stage.seen[0].body.get("response_format") or {}
    stage.must(wanted.get("type") == "json_schema", f"the schema is lost: {wanted}")
    found = (wanted.get("json_schema") or {}).get("schema")
    stage.must(found == ANSWER_SCHEMA, f"the schema changed: {wanted}")


@case("instructions of a project (AGENTS.md), reasoning effort, and verbosity where a catalog allows it")
async def settings(stage: Stage) -> None:
    extra: dict[str, Any] = {"model_reasoning_effort": "high", "model_verbosity": "low"}
    if stage.at_least("0.107"):
        stage.home(catalog=catalog_of("scripted-model", support_verbosity=True), extra=extra)
    else:
        stage.home(model="gpt-5", extra=extra)
    (stage.workspace / "AGENTS.md").write_text("Always answer in rhyme.\n")
    stage.play(answer("All the time, I rhyme."))
    await stage.codex("say something")
    stage.says("All the time, I rhyme.")
    stage.requests(1)
    stage.sent(1, "Always answer in rhyme.")
