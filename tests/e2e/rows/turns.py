"""Turns that go well: text, shell, patches, pictures, reasoning, resumed sessions."""

from __future__ import annotations

import asyncio

from addon.scenarios import tools, turns
from addon.scenarios.stage import Stage
from addon.scripted import Call, Reply, answer
from addon.scripted.replies import Said
from tests.e2e.rows import row


def shell(command: str) -> Call:
    return Call.of("exec_command", {"cmd": command})


@row("plain text")
async def plain_text(stage: Stage) -> None:
    await turns.text(stage)
    # Codex sends its base prompt first and further developer messages behind it; none may be dropped.
    stage.must("Codex CLI" in stage.seen[0].text_of("system"), "the system message does not hold the base prompt")
    stage.should("<skills_instructions>" in stage.seen[0].text_of(), "a later developer message is lost")
    expected = {"input_tokens": 1200, "cached_input_tokens": 256, "output_tokens": 34, "reasoning_output_tokens": 7}
    counted = {name: stage.runs[-1].usage.get(name) for name in expected}
    stage.should(counted == expected, f"usage is {counted}")


@row("shell loop")
async def shell_loop(stage: Stage) -> None:
    stage.play(
        answer(calls=[shell("echo one > made.txt && cat made.txt")]),
        answer("Now the second.", calls=[shell("echo two >> made.txt && cat made.txt")]),
        answer("Both lines are written."),
    )
    await stage.codex("write two lines")
    stage.says("Both lines are written.")
    stage.requests(3)
    stage.file("made.txt", "one\ntwo\n")
    stage.sent(2, "Output:\none\n")
    stage.sent(3, "Output:\none\ntwo\n")


@row("apply_patch (freeform)")
async def apply_patch(stage: Stage) -> None:
    await tools.patch(stage)


@row("parallel calls + text")
async def parallel_and_text(stage: Stage) -> None:
    await turns.parallel(stage)
    stage.sent(2, "Output:\nleft\n", "Output:\nright\n")


@row("parallel calls, text behind them")
async def text_behind_calls(stage: Stage) -> None:
    calls = [shell("echo left"), shell("echo right")]
    stage.play(answer("Both are started.", reasoning="Go.", calls=calls, calls_first=True), answer("Seen both."))
    await stage.codex("look")
    stage.says("Seen both.")
    stage.requests(2)
    stage.sent(2, "Output:\nleft\n", "Output:\nright\n", "Both are started.")


@row("image input (-i)")
async def image_input(stage: Stage) -> None:
    await turns.image(stage)


@row("reasoning over loop, strict provider")
async def reasoning_loop(stage: Stage) -> None:
    await turns.reasoning(stage)


@row("reasoning in field `reasoning`, strict")
async def reasoning_other_field(stage: Stage) -> None:
    stage.play(
        answer("One.", reasoning="I list first.", field="reasoning", calls=[shell("echo 1")]),
        answer(reasoning="Then again.", field="reasoning", calls=[shell("echo 2")]),
        answer("Done.", reasoning="That was it.", field="reasoning"),
    )
    await stage.codex("count")
    stage.says("Done.")
    stage.requests(3)


@row("reasoning between text and calls, strict")
async def reasoning_between(stage: Stage) -> None:
    call = shell("echo 1")
    whole = answer("A plan.", reasoning="First I think. ", calls=[call])
    more = answer(reasoning="Then I think again.", calls=[call])
    # Role, reasoning, text of the one; then reasoning and the call of the other, to its end.
    stage.play(
        Reply((*whole.pieces[:7], *more.pieces[1:]), said=Said("A plan.", "First I think. Then I think again.",
              calls=more.said.calls)),
        answer("Thought twice."),
    )  # fmt: skip
    await stage.codex("go")
    stage.says("Thought twice.")
    stage.requests(2)


@row("reasoning, relay restarted between turns", own_relay=True)
async def restart_between_turns(stage: Stage) -> None:
    stage.play(
        answer("One.", reasoning="First I count.", calls=[shell("echo 1")]),
        answer("Done counting.", reasoning="That was it."),
        answer(reasoning="A new turn.", calls=[shell("echo 2")]),
        answer("Counted on.", reasoning="Finished."),
    )
    await stage.codex("count")
    stage.says("Done counting.")
    await stage.relay.restart()
    await stage.codex("count on", resume=True)
    stage.says("Counted on.")
    stage.requests(4)


@row("reasoning, relay restarted inside a turn", own_relay=True)
async def restart_inside_turn(stage: Stage) -> None:
    stage.home(request_retries=4, stream_retries=4)
    stage.play(
        answer("Wait.", reasoning="This takes a while.", calls=[shell("sleep 5; echo slept")]),
        answer(reasoning="Again.", calls=[shell("echo 2")]),
        answer("Well slept."),
    )

    async def restart() -> None:
        while not stage.seen:  # noqa: ASYNC110 - the script knows no events, and 50 ms are no matter
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)  # the first answer is through, its command sleeps
        await stage.relay.restart()

    await asyncio.gather(stage.codex("sleep"), restart())
    stage.says("Well slept.")
    stage.requests(3)


@row("same call id twice")
async def same_call_id(stage: Stage) -> None:
    def call(command: str) -> Call:
        return Call.of("exec_command", {"cmd": command}, id="functions.exec_command:0")

    stage.play(
        answer(reasoning="The first time.", calls=[call("echo first >> log.txt")]),
        answer(reasoning="The second time.", calls=[call("echo second >> log.txt")]),
        answer(reasoning="Twice at once.", calls=[call("echo third"), call("echo fourth")]),
        answer("Three turns, one id."),
    )
    await stage.codex("go")
    stage.says("Three turns, one id.")
    stage.requests(4)
    stage.file("log.txt", "first\nsecond\n")
    stage.sent(4, "Output:\nthird\n", "Output:\nfourth\n")


@row("exec resume, three turns")
async def exec_resume(stage: Stage) -> None:
    stage.play(
        answer("First answer."),
        answer(reasoning="Look it up.", calls=[shell("echo looked")]),
        answer("Second answer."),
        answer("Third answer."),
    )
    for prompt, text in (("one", "First answer."), ("two", "Second answer."), ("three", "Third answer.")):
        await stage.codex(prompt, resume=prompt != "one")
        stage.says(text)
    stage.requests(4)
    stage.sent(4, "First answer.", "Second answer.", "looked")


@row("interrupted inside a call, then resumed")
async def interrupted_and_resumed(stage: Stage) -> None:
    stage.play(
        answer("Long.", reasoning="This takes a while.", calls=[shell("sleep 60"), shell("echo beside")]),
        answer(reasoning="Where was I?", calls=[shell("echo back")]),
        answer("Back at work."),
    )
    killed = await stage.home().exec("sleep", limit=3)
    stage.must(killed.exit_code is None, "the first turn ended by itself")
    await stage.codex("go on", resume=True)
    stage.says("Back at work.")
    stage.requests(3)
    stage.sent(3, "Output:\nback\n")


@row("output schema")
async def output_schema(stage: Stage) -> None:
    await turns.schema(stage)
