"""Streams that end badly, late or oddly: nothing may be lost, doubled, or taken for complete."""

from __future__ import annotations

from addon.scenarios import failures
from addon.scenarios.stage import Stage
from addon.scripted import Wait, answer, chunk, error, frame, raw_body, stream
from tests.e2e.rows import row
from tests.e2e.rows.turns import shell

TEXT = "A sentence of several words that is cut."
CALL_CUT = 6  # pieces of the answers below: role, reasoning, call, and two fragments of its arguments


def _once(stage: Stage, text: str) -> None:
    """The user sees the text once: one message item, nothing of the failed attempt."""
    messages = stage.runs[-1].messages
    stage.must(messages == [text], f"the user sees {messages}")


@row("cut mid text")
async def cut_in_text(stage: Stage) -> None:
    await failures.cut(stage)


@row("cut mid tool call")
async def cut_in_call(stage: Stage) -> None:
    call = shell("echo called >> calls.txt")
    stage.play(
        answer(reasoning="First try.", calls=[call]).cut(CALL_CUT),
        answer(reasoning="Second try.", calls=[call]),
        answer("Called once."),
    )
    await stage.codex("go")
    stage.says("Called once.")
    stage.requests(3)
    stage.file("calls.txt", "called\n")


@row("cut behind a finished call")
async def cut_behind_call(stage: Stage) -> None:
    """Whether the call is run or asked for again is free; that it is run once and answered is not."""
    calls = [shell("echo first >> calls.txt"), shell("echo second >> calls.txt")]
    whole = answer(reasoning="Both.", calls=calls)
    # Role, reasoning, the first call with its four fragments, the second call with one.
    stage.play(whole.cut(9), answer(reasoning="Both now.", calls=calls), answer("Called."))
    await stage.codex("go")
    stage.says("Called.")
    lines = (stage.workspace / "calls.txt").read_text().split() if (stage.workspace / "calls.txt").exists() else []
    stage.must(lines.count("second") == 1, f"the cut call ran {lines.count('second')} times")
    stage.requests(3)


@row("clean end without finish/[DONE] in a tool call")
async def silent_end_in_call(stage: Stage) -> None:
    call = shell("echo called >> calls.txt")
    stage.play(
        answer(reasoning="First try.", calls=[call]).cut(CALL_CUT, "clean"),
        answer(reasoning="Second try.", calls=[call]),
        answer("Called once."),
    )
    await stage.codex("go")
    stage.says("Called once.")
    stage.requests(3)
    stage.file("calls.txt", "called\n")


@row("clean end without finish/[DONE] in text")
async def silent_end_in_text(stage: Stage) -> None:
    stage.play(answer(TEXT).cut(4, "clean"), answer(TEXT))
    await stage.codex("go")
    stage.says(TEXT)
    _once(stage, TEXT)
    stage.requests(2)


@row("finish_reason but no [DONE]")
async def finish_without_done(stage: Stage) -> None:
    stage.play(
        answer(reasoning="Go.", calls=[shell("echo ran")], done=False),
        answer("No end mark, all the same.", done=False),
    )
    await stage.codex("go")
    stage.says("No end mark, all the same.")
    stage.requests(2)


@row("usage absent")
async def usage_absent(stage: Stage) -> None:
    stage.play(answer("Nobody counted.", usage=None))
    run = await stage.codex("go")
    stage.says("Nobody counted.")
    stage.requests(1)
    stage.should(run.usage.get("input_tokens", 0) > 0, f"usage is {run.usage}: the context gauge stands still")


@row("finish length")
async def finish_length(stage: Stage) -> None:
    await failures.length(stage)
    shown = " ".join(stage.runs[-1].messages)
    noted = any(word in shown.lower() for word in ("limit", "truncated", "cut"))
    stage.should(noted, f"nothing tells the user that the answer is cut: {shown!r}")


@row("finish length inside a call")
async def finish_length_in_call(stage: Stage) -> None:
    cut = answer(reasoning="Long.", calls=[shell("echo ran > ran.txt; echo and much more")], finish="length")
    kept = cut.pieces[:6] + cut.pieces[-3:]  # the arguments stop in the middle; finish, usage and [DONE] follow
    stage.play(stream(*kept, done=False), ...)
    await stage.codex("go")
    stage.fails("output")
    stage.requests(1)
    stage.must(not (stage.workspace / "ran.txt").exists(), "the truncated call was run")


@row("content_filter")
async def content_filter(stage: Stage) -> None:
    stage.play(answer("Half an ans", finish="content_filter"), ...)
    await stage.codex("go")
    stage.fails("filter")
    stage.requests(1)


@row("empty reply, once")
async def empty_once(stage: Stage) -> None:
    stage.play(answer(""), answer("Here I am."))
    await stage.codex("go")
    stage.says("Here I am.")
    stage.requests(2)


@row("empty reply, always")
async def empty_always(stage: Stage) -> None:
    stage.play(answer(""), ...)
    await stage.codex("go")
    stage.fails("empty")
    stage.requests(2)


@row("error object inside the stream")
async def error_in_stream(stage: Stage) -> None:
    trouble = {"error": {"message": "The engine stumbled in the middle.", "type": "server_error", "code": 500}}
    stage.play(
        stream(chunk({"role": "assistant", "content": "Half a "}), trouble),
        answer("A whole answer."),
    )
    await stage.codex("go")
    stage.says("A whole answer.")
    _once(stage, "A whole answer.")
    stage.requests(2)


@row("error object inside the stream, always")
async def error_in_stream_always(stage: Stage) -> None:
    trouble = {"error": {"message": "The engine stumbled in the middle.", "type": "server_error", "code": 500}}
    stage.play(stream(chunk({"role": "assistant", "content": "Half a "}), trouble), ...)
    await stage.codex("go")
    stage.fails("The engine stumbled in the middle.")
    stage.requests(2)


def _whole(message: dict[str, object], finish: str) -> dict[str, object]:
    """The answer to a request that did not ask for a stream."""
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "scripted-model",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 1200, "completion_tokens": 34, "total_tokens": 1234},
    }


@row("JSON body to a stream request")
async def whole_body(stage: Stage) -> None:
    call = shell("echo whole")
    entry = {"id": "call_1", "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    stage.play(
        # What is said here is not tracked, so the calls coming back would be unknown to the reasoning rule.
        raw_body(_whole({"content": None, "tool_calls": [entry]}, "tool_calls")),
        raw_body(_whole({"content": "Not streamed at all."}, "stop")),
        rules=stage.rules_without("reasoning_returned"),
    )
    await stage.codex("go")
    stage.says("Not streamed at all.")
    stage.requests(2)
    stage.sent(2, "Output:\nwhole\n")


@row("first byte after 6 s (idle limit 3 s), headers late")
async def late_headers(stage: Stage) -> None:
    stage.home(idle_ms=3000)
    stage.play(answer("Late, but here.").late(6))
    await stage.codex("go")
    stage.says("Late, but here.")
    stage.requests(1)


@row("first byte after 6 s (idle limit 3 s), comments meanwhile")
async def late_with_comments(stage: Stage) -> None:
    stage.home(idle_ms=3000)
    waiting = [piece for _ in range(6) for piece in (b": keep-alive\n\n", Wait(1))]
    stage.play(answer("Late, but here.").led_by(*waiting))
    await stage.codex("go")
    stage.says("Late, but here.")
    stage.requests(1)


@row("first byte after 25 s (idle limit 15 s), silent behind the head")
async def late_first_byte(stage: Stage) -> None:
    stage.home(idle_ms=15000)
    stage.play(answer("Late, but here.").led_by(Wait(25)))
    await stage.codex("go", limit=60)
    stage.says("Late, but here.")
    stage.requests(1)


@row("silence in mid answer for 12 s (idle limit 8 s)")
async def silence_in_mid_answer(stage: Stage) -> None:
    stage.home(idle_ms=8000)
    start, rest = frame(chunk({"role": "assistant", "content": "Think"})), answer("ing took a while.")
    stage.play(rest.led_by(start, Wait(12)))
    await stage.codex("go", limit=60)
    stage.says("Thinking took a while.")
    stage.requests(1)


@row("error event named `error`")
async def named_error_event(stage: Stage) -> None:
    named = b'event: error\ndata: {"error":{"message":"Overloaded, sorry.","type":"overloaded_error"}}\n\n'
    stage.play(stream(frame(chunk({"role": "assistant"})), named, done=False), answer("Better now."))
    await stage.codex("go")
    stage.says("Better now.")
    stage.requests(2)


@row("silent upstream, then 503")
async def busy_then_well(stage: Stage) -> None:
    stage.play(error(503, "Loading model", type="unavailable_error").late(1), answer("Loaded."))
    await stage.codex("go")
    stage.says("Loaded.")
    stage.requests(2)
