"""Both wires as people read them."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from relay_translate import json_bytes, transcript, translate_request
from tests.golden.cases import FIXTURES, golden_turns

PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
REQUEST = {
    "model": "m",
    "instructions": "Be brief.",
    "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "List the files."}, PICTURE]},
        {"type": "function_call", "call_id": "c1", "name": "exec_command", "arguments": '{"cmd":"ls"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "Process exited with code 0\nOutput:\na.txt"},
    ],
    "tools": [
        {
            "type": "function",
            "name": "exec_command",
            "parameters": {
                "type": "object",
                "properties": {"cmd": {"type": "string"}, "workdir": {"type": "string"}},
                "required": ["cmd"],
            },
        }
    ],
    "stream": True,
}


def sse(*chunks: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


def call(arguments: str, **more: Any) -> dict[str, Any]:
    return delta(tool_calls=[{"index": 0, "function": {"arguments": arguments, **more}, "id": "c1"}])


CUT = sse(delta(reasoning_content="Hm."), delta(content="Hello"), call('{"cmd":', name="exec_command"))
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
END = sse(
    call('"ls"}'),
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}], "usage": USAGE},
)


def test_a_request_begins_with_what_is_new() -> None:
    text = transcript.request_view(REQUEST, previous={**REQUEST, "input": REQUEST["input"][:1]})
    assert text.rstrip().split("\n\n") == [
        "m · Responses request · 3 items, 1 tool · 591 bytes, about 1,049 tokens",
        "Since the last request:\n  2 items more (1 to 2): 1 call, 1 output",
        "New:\n  1 exec_command $ ls\n    -> exit 0: a.txt",
        "This turn, before that:\n  0 user:\n    List the files.\n    [image png 8 bytes]",
        "Before:\n  instructions: Be brief.",
        "Tools:\n  exec_command(cmd: string, workdir?: string)",
    ]


def test_the_chat_request_of_it_reads_alike() -> None:
    text = transcript.request_view(dict(translate_request(REQUEST).body))
    assert text.startswith("m · chat request · 4 messages, 1 tool · ")
    assert "Newest:\n  2 exec_command $ ls\n    -> exit 0: a.txt\n" in text
    assert "Before:\n  0 system: Be brief.\n" in text


def test_a_long_text_is_folded_and_says_how_long_it_is() -> None:
    body = {**REQUEST, "instructions": "".join(f"rule {n}\n" for n in range(5000))}
    text = transcript.request_view(body)
    assert "characters more" in text
    assert text.count("\n") < 512  # what mitmproxy shows at once


def test_a_finished_answer() -> None:
    text = transcript.answer_view(
        CUT + END + b"data: [DONE]\n\n", content_type="text/event-stream", timings={"first_token": 0.5, "total": 1.2}
    )
    assert text.startswith(
        "completed · no model named · tool_calls · 1 call\n"
        "tokens: 12 in (none cached), 3 out\n"
        "time: first token 0.50 s, total 1.20 s, 4 tokens/s\n"
    )
    for part in ("reasoning:\n  Hm.\n", "assistant:\n  Hello\n", "exec_command $ ls\n"):
        assert part in text


def test_a_stream_that_breaks_off_says_in_what() -> None:
    text = transcript.answer_view(CUT, content_type="text/event-stream")
    assert text.startswith("broken off")
    assert "the stream broke off in the arguments of exec_command" in text
    assert '{"cmd":' in text


def test_an_error_in_the_providers_words() -> None:
    text = transcript.answer_view(b'{"error":{"message":"no credit","code":"x"}}', status="failed")
    assert text.startswith("failed · ")
    assert "error: x: no credit\n" in text


def test_a_growing_answer_is_read_piece_by_piece() -> None:
    view = transcript.AnswerView()
    data = CUT + END
    for start in range(0, len(data), 7):
        view.receive(data[start : start + 7])
        view.text()
    assert "exec_command $ ls" in view.text()


def test_the_translation_lists_what_became_of_each_item() -> None:
    chat = dict(translate_request({**REQUEST, "tools": [*REQUEST["tools"], {"type": "web_search"}]}).body)
    text = transcript.translation_view(REQUEST, chat, notes=["tools: web_search was left out, nobody has it"])
    assert text.startswith("3 items -> 4 messages · ")
    assert "web_search was left out, nobody has it" in text
    for line in text.split("\n"):
        assert len(line) <= transcript.WIDTH
    rows = {left.strip(): right.strip() for left, _, right in (line.partition("->") for line in text.split("\n"))}
    assert rows["1 exec_command $ ls"] == "2 assistant.tool_calls[0]"
    assert rows["2   exit 0: a.txt"] == "3 tool"


def test_where_the_prompt_cache_breaks() -> None:
    body = dict(translate_request(REQUEST).body)
    longer = {**body, "messages": [*body["messages"], {"role": "user", "content": "More."}]}
    changed = {**body, "messages": [{"role": "system", "content": "Be long."}, *body["messages"][1:]]}
    assert transcript.prefix_difference(json_bytes(body), json_bytes(longer)) is None
    found = transcript.prefix_difference(json_bytes(changed), json_bytes(body))
    assert str(found).startswith("messages[0] (system), byte ")


@pytest.mark.parametrize(
    "turn", [turn for turn in golden_turns() if turn.name.startswith("0.169.0/")], ids=lambda turn: turn.name
)
def test_what_codex_and_the_scripted_providers_said_can_be_read(turn: Any) -> None:
    chat = json.loads(turn.read("chat_request.json")) if (turn.folder / "chat_request.json").exists() else {}
    for text in (
        transcript.request_view(turn.request, previous=turn.request),
        transcript.request_view(chat),
        transcript.answer_view(turn.upstream),
        transcript.translation_view(turn.request, chat, chat_answer=turn.upstream),
    ):
        assert text.strip()
        assert "relay1." not in text  # reasoning of ours stands open


def _anything(dice: random.Random, depth: int = 0) -> Any:
    words = ["", "input", "messages", "content", "role", "type", "function_call", "user", "tools", "arguments", "name"]
    kind = dice.randrange(8 if depth < 4 else 5)
    if kind < 5:
        return dice.choice([None, True, 0, -1.5, *words])
    if kind < 7:
        return {dice.choice(words): _anything(dice, depth + 1) for _ in range(dice.randrange(5))}
    return [_anything(dice, depth + 1) for _ in range(dice.randrange(5))]


def test_no_json_and_no_bytes_break_a_view() -> None:
    dice = random.Random(6)
    streams = [CUT + END, json_bytes(REQUEST), (FIXTURES / "VERSIONS.md").read_bytes()[:3000]]
    for _ in range(400):
        one, other = ({"model": "m", "input": _anything(dice), "messages": _anything(dice),
                       "tools": _anything(dice)} for _ in range(2))  # fmt: skip
        transcript.request_view(one, previous=other)
        transcript.translation_view(one, other, notes=["a"], quirks=["think-tags"])
        transcript.answer_view(json.dumps(_anything(dice)).encode())
        transcript.prefix_difference(json.dumps(one).encode(), json.dumps(other).encode())
        data = bytearray(dice.choice(streams))
        for _ in range(3):
            data[dice.randrange(len(data))] = dice.randrange(256)
        cut = bytes(data[: dice.randrange(len(data))])
        transcript.answer_view(cut, content_type=dice.choice(["", "text/event-stream", "application/json"]))
        transcript.prefix_difference(cut, json_bytes(REQUEST))
