"""An answer for somebody who edits it: easier to read, and saying the same."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from relay_translate import TurnContext, translate_response
from relay_translate.editable import editable


def sse(*chunks: object) -> bytes:
    texts = (chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks)
    return "".join(f"data: {text}\n\n" for text in texts).encode()


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def said(body: bytes) -> Any:
    """What a client is told of it."""
    numbers = itertools.count()
    context = TurnContext(requested_model="m", stream=False)
    reply = translate_response(body, context, new_id=lambda kind: f"{kind}_{next(numbers)}", created_at=1)
    return json.loads(reply.body)


def events(body: bytes) -> list[str]:
    return body.decode().strip().split("\n\n")


def test_the_pieces_of_a_text_are_one_and_stand_in_lines() -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "shell", "arguments": ""}}
    more = [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in ('{"x', '": 1}')]
    body = sse(
        *map(chunk, [{"role": "assistant", "content": ""}, {"content": "Two "}, {"content": "words\n\ud83d"}]),
        chunk({"content": "\ude00"}, obfuscation="xyz"),
        *map(chunk, [{"tool_calls": [call]}, *more]), chunk({}, "tool_calls"), "[DONE]",
    )  # fmt: skip
    made = editable(body)
    assert [len(event.splitlines()) > 1 for event in events(made)] == [True, True, True, False]
    assert 'data:     "content": "Two words\\n😀"\n' in made.decode()
    assert '"arguments": "{\\"x\\": 1}"' in made.decode()
    assert said(made) == said(body)
    assert editable(made) == made


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk({"content": "a"}), chunk({"content": "b"}, "stop")],
        [chunk({"content": "a"}), chunk({"reasoning": "b"})],
        [chunk({"content": "a"}), chunk({"content": "b"}, usage={"prompt_tokens": 1})],
        [chunk({"content": "a", "reasoning": "b"}), chunk({"content": "c"})],
        [chunk({"tool_calls": [{"index": 0, "function": {"arguments": "a"}}]}),
         chunk({"tool_calls": [{"index": 1, "function": {"arguments": "b"}}]})],
        [chunk({"tool_calls": [{"index": 0, "function": {"arguments": "a"}}]}),
         chunk({"tool_calls": [{"index": 0, "id": "new", "function": {"arguments": "b"}}]})],
        [chunk({"content": "a"}), {"error": {"message": "b"}}],
    ],
)  # fmt: skip
def test_what_is_more_than_the_next_piece_of_a_text_stays_by_itself(chunks: list[Any]) -> None:
    assert len(events(editable(sse(*chunks)))) == 2


@pytest.mark.parametrize("body", [b"", b"Bad gateway", b"<html>\n\n", b"data: nonsense\n\n", b"\xff\xfe", b"[" * 9999])
def test_what_is_no_answer_comes_back_as_it_is(body: bytes) -> None:
    assert editable(body) == body


def test_a_whole_body_is_spread() -> None:
    body = {"choices": [{"message": {"content": "Grüße"}}]}
    made = editable(json.dumps(body).encode())
    assert json.loads(made) == body
    assert '    "content": "Grüße"\n'.encode() in made


def test_it_says_the_same_whatever_the_order_of_pieces() -> None:
    draw = random.Random(6)
    for _ in range(2000):
        body = sse(*_pieces(draw), chunk({}, draw.choice(["stop", "tool_calls", None])), "[DONE]")
        assert said(editable(body)) == said(body), body


def _pieces(draw: random.Random) -> Sequence[dict[str, Any]]:
    words = ["a", "<think>", "</think>", "b\n", '{"x": 1}', "", "ü"]  # a piece of blanks alone may count as none
    names, made = ["content", "reasoning_content", "reasoning", "refusal"], []
    for number in range(draw.randrange(12)):
        kind = draw.randrange(6)
        if kind < 3:
            made.append(chunk({draw.choice(names[: 1 + kind]): draw.choice(words)}))
        elif kind < 5:
            function = {"arguments": draw.choice(['{"x": 1}', '{"x', '": 1}', ""])}
            call: dict[str, Any] = {"index": draw.randrange(2), "function": function}
            if draw.random() < 0.5:
                call |= {"id": f"call_{number}"}
                function["name"] = "shell"
            made.append(chunk({"tool_calls": [call]}))
        else:
            made.append(chunk({draw.choice(names): draw.choice(words), "role": "assistant"}))
    return made
