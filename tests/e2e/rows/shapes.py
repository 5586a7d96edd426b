"""Chunks that are no OpenAI chunks: fields null, missing or of another type, text where it does not belong."""

from __future__ import annotations

import json
from collections.abc import Iterable

from addon.scenarios.stage import Stage
from addon.scripted import Call, answer, chunk, stream
from addon.scripted.chunks import USAGE, usage_chunk
from addon.scripted.replies import Reply, Said
from tests.e2e.rows import row
from tests.e2e.rows.turns import shell

START = chunk({"role": "assistant", "content": ""})
STOP = chunk(finish="stop")


@row("<think> in content")
async def think_in_content(stage: Stage) -> None:
    pieces = ["<th", "ink>", "Secret ", "thoughts.", "</thi", "nk>", "\n\n", "The tag <think> ", "marks thoughts."]
    stage.play(stream(START, *(chunk({"content": piece}) for piece in pieces), STOP, usage_chunk(USAGE)))
    run = await stage.codex("go")
    stage.says("The tag <think> marks thoughts.")
    stage.should(any("Secret thoughts." in text for text in run.reasoning), f"reasoning shown: {run.reasoning}")
    stage.requests(1)


@row("choices: null and []")
async def choices_null(stage: Stage) -> None:
    stage.play(
        stream(
            chunk(choices=[]), START, chunk(choices=None), chunk({"content": "Whole."}), chunk(choices=None), STOP,
            usage_chunk(USAGE) | {"choices": None},
        )
    )  # fmt: skip
    run = await stage.codex("go")
    stage.says("Whole.")
    stage.requests(1)
    stage.should(run.usage.get("input_tokens") == 1200, f"usage is {run.usage}")


@row("delta: null")
async def delta_null(stage: Stage) -> None:
    empty = chunk(choices=[{"index": 0, "delta": None, "finish_reason": None}])
    end = chunk(choices=[{"index": 0, "delta": None, "finish_reason": "stop"}])
    stage.play(stream(empty, chunk({"content": "Whole."}), empty, end, usage_chunk(USAGE)))
    await stage.codex("go")
    stage.says("Whole.")
    stage.requests(1)


@row("calls without index")
async def index_missing(stage: Stage) -> None:
    stage.play(
        answer(reasoning="Which?", calls=[shell("echo left"), shell("echo right")], shape="no_index"),
        answer("Ran both."),
    )
    await stage.codex("go")
    stage.says("Ran both.")
    stage.requests(2)
    stage.sent(2, "Output:\nleft\n", "Output:\nright\n")


@row("arguments as an object")
async def arguments_object(stage: Stage) -> None:
    stage.play(answer(reasoning="Go.", calls=[shell("echo object")], shape="object"), answer("Ran it."))
    await stage.codex("go")
    stage.says("Ran it.")
    stage.requests(2)
    stage.sent(2, "Output:\nobject\n")


@row("content as parts, thinking among them")
async def content_parts(stage: Stage) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hidden plan."}]}
    stage.play(
        stream(
            START,
            chunk({"content": [thinking]}),
            chunk({"content": [{"type": "text", "text": "Part one, "}]}),
            chunk({"content": [{"type": "text", "text": "part"}, {"type": "text", "text": " two, "}]}),
            chunk({"content": "and a string."}),
            STOP,
            usage_chunk(USAGE),
        )
    )
    run = await stage.codex("go")
    stage.says("Part one, part two, and a string.")
    stage.should(any("Hidden plan." in text for text in run.reasoning), f"reasoning shown: {run.reasoning}")
    stage.requests(1)


@row("usage numbers null")
async def usage_null(stage: Stage) -> None:
    holes = {
        "prompt_tokens": 1200,
        "completion_tokens": None,
        "total_tokens": None,
        "prompt_tokens_details": None,
        "completion_tokens_details": {"reasoning_tokens": None},
    }
    stage.play(answer("Counted badly.", usage=holes))
    run = await stage.codex("go")
    stage.says("Counted badly.")
    stage.requests(1)
    stage.should(run.usage.get("input_tokens") == 1200, f"usage is {run.usage}")


@row("usage inside the choice")
async def usage_in_choice(stage: Stage) -> None:
    usage = {"prompt_tokens": 90, "completion_tokens": 50, "total_tokens": 140, "cached_tokens": 64}
    end = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop", "usage": usage}])
    stage.play(stream(START, chunk({"content": "Counted inside."}), end))
    run = await stage.codex("go")
    stage.says("Counted inside.")
    stage.requests(1)
    counted = {name: run.usage.get(name) for name in ("input_tokens", "cached_input_tokens", "output_tokens")}
    stage.should(list(counted.values()) == [90, 64, 50], f"usage is {counted}")


@row("refusal")
async def refusal(stage: Stage) -> None:
    stage.play(stream(START, chunk({"refusal": "I cannot "}), chunk({"refusal": "help with that."}), STOP))
    await stage.codex("go")
    stage.says("I cannot help with that.")
    stage.requests(1)


@row("legacy function_call")
async def legacy_call(stage: Stage) -> None:
    stage.play(answer(calls=[shell("echo legacy")], shape="legacy"), answer("Ran the old way."))
    await stage.codex("go")
    stage.says("Ran the old way.")
    stage.requests(2)
    stage.sent(2, "Output:\nlegacy\n")


@row("reasoning_details")
async def reasoning_details(stage: Stage) -> None:
    stage.play(
        answer(reasoning="Detailed thoughts, in parts.", field="reasoning_details", calls=[shell("echo 1")]),
        answer("Thought through.", reasoning="Enough.", field="reasoning_details"),
    )
    run = await stage.codex("go")
    stage.says("Thought through.")
    stage.should(any("Detailed thoughts" in text for text in run.reasoning), f"reasoning shown: {run.reasoning}")
    stage.requests(2)


@row("encrypted reasoning_details")
async def reasoning_encrypted(stage: Stage) -> None:
    sealed = {"type": "reasoning.encrypted", "data": "b3BhcXVl", "id": "r1", "format": "unknown", "index": 0}
    call = Call("exec_command", '{"cmd": "echo 1"}', "call_1")
    function = {"name": call.name, "arguments": call.arguments}
    entry = {"index": 0, "id": call.id, "type": "function", "function": function}
    stage.play(
        stream(
            START, chunk({"reasoning_details": [sealed]}), chunk({"tool_calls": [entry]}), chunk(finish="tool_calls"),
            said=Said(calls=(call,)),
        ),
        answer("Unsealed."),
        # The rule compares texts, and there is no text here; what must come back is checked below.
        rules=stage.rules_without("reasoning_returned"),
    )  # fmt: skip
    await stage.codex("go")
    stage.says("Unsealed.")
    stage.requests(2)
    stage.sent(2, "b3BhcXVl")


@row("finish stop although calls were made")
async def stop_with_calls(stage: Stage) -> None:
    stage.play(answer(reasoning="Go.", calls=[shell("echo called")], finish="stop"), answer("Called."))
    await stage.codex("go")
    stage.says("Called.")
    stage.requests(2)


@row("CRLF, event names, comments, no space behind data:")
async def odd_framing(stage: Stage) -> None:
    plain = answer("Framed oddly — ünï 😀.")
    odd = [b": hello\r\n\r\n"]
    for piece in plain.pieces:
        assert isinstance(piece, bytes)
        odd.append(b"event: message\r\n" + piece.replace(b"data: ", b"data:").replace(b"\n\n", b"\r\n\r\n"))
    whole = b"".join(odd)
    # Seven bytes at a time: no piece is an event, some end inside a line break or a character.
    stage.play(stream(*(whole[start : start + 7] for start in range(0, len(whole), 7)), done=False))
    await stage.codex("go")
    stage.says("Framed oddly — ünï 😀.")
    stage.requests(1)


def written(pieces: Iterable[str], said: Said, field: str = "content") -> Reply:
    """An answer in these pieces, which mean `said`; the finish reason knows nothing of calls."""
    return stream(START, *(chunk({field: piece}) for piece in pieces), STOP, usage_chunk(USAGE), said=said)


@row("a call leaked as DSML")
async def leaked_dsml(stage: Stage) -> None:
    pieces = [
        "I will look.\n\n<｜DS",
        'ML｜tool_calls>\n<｜DSML｜invoke name="exec_',
        'command">\n<｜DSML｜parameter name="cmd" ',
    ]
    pieces += ['string="true">echo "a < b"</｜DSML｜para', "meter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"]
    stage.play(
        written(pieces, Said("I will look.\n\n", calls=(shell('echo "a < b"'),))),
        answer("The DSML call ran."),
    )
    run = await stage.codex("go")
    stage.says("The DSML call ran.")
    stage.requests(2)
    stage.sent(2, "I will look.", "Output:\na < b\n")
    stage.should("DSML｜" not in json.dumps(run.events, ensure_ascii=False), "the user saw markup")


@row("two calls leaked with Kimi's tokens")
async def leaked_kimi(stage: Stage) -> None:
    calls = [
        f'<|tool_call_begin|>functions.exec_command:{i}<|tool_call_argument_begin|>{{"cmd":"echo {word}"}}<|tool_call_end|>'
        for i, word in enumerate(("left", "right"))
    ]
    whole = f"Checking.<|tool_calls_section_begin|>{''.join(calls)}<|tool_calls_section_end|>"
    pieces = (whole[start : start + 9] for start in range(0, len(whole), 9))
    stage.play(
        written(pieces, Said("Checking.", calls=(shell("echo left"), shell("echo right")))),
        answer("Both ran."),
    )
    await stage.codex("go")
    stage.says("Both ran.")
    stage.requests(2)
    stage.sent(2, "Checking.", "Output:\nleft\n", "Output:\nright\n", "functions.exec_command:1")


@row("a call leaked into the reasoning (Hermes)")
async def leaked_reasoning(stage: Stage) -> None:
    block = '<tool_call>\n{"name": "exec_command", "arguments": {"cmd": "echo thought"}}\n</tool_call>'
    pieces = ["I should look.\n", block[:20], block[20:]]
    stage.play(
        written(pieces, Said(reasoning="I should look.\n", calls=(shell("echo thought"),)), "reasoning_content"),
        answer("Thought and ran."),
    )
    run = await stage.codex("go")
    stage.says("Thought and ran.")
    stage.requests(2)
    stage.sent(2, "I should look.", "Output:\nthought\n")
    stage.should(not any("tool_call" in text for text in run.reasoning), f"reasoning shown: {run.reasoning}")


@row("an example of a call in a code block")
async def leaked_example(stage: Stage) -> None:
    said = 'So it is written:\n\n```\n<tool_call>\n{"name": "exec_command", "arguments": {"cmd": "ls"}}\n</tool_call>\n```\n\nThat is all.'
    pieces = (said[start : start + 6] for start in range(0, len(said), 6))
    stage.play(written(pieces, Said(said)))
    await stage.codex("go")
    stage.says(said)
    stage.requests(1)
