"""However the bytes are cut and framed, the items are the same."""

from __future__ import annotations

import json

import pytest

from .streams import DONE, brief, call, chunk, event, play, play_chunks, stop, stream, text

ANSWER = [
    chunk({"role": "assistant", "reasoning_content": "Ünï "}),
    chunk({"reasoning_content": "\U0001f914"}),
    text("漢字 "),
    text("\U0001f600\n"),
    call("", "exec_command", "call_1", 0),
    call('{"cmd":"ls', index=0),
    call('"}', index=0),
    call('{"input":"a\\n', "apply_patch", "call_2", 1),
    call('b"}', index=1),
    stop("tool_calls", usage={"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11}),
]
ITEMS = [
    ("reasoning", "Ünï \U0001f914"),
    ("message", "漢字 \U0001f600\n"),
    ("function_call", "exec_command", '{"cmd":"ls"}'),
    ("custom_tool_call", "apply_patch", "a\nb"),
]


def raw_utf8(*chunks):
    return b"".join(b"data: " + json.dumps(c, ensure_ascii=False).encode() + b"\n\n" for c in chunks) + DONE


@pytest.mark.parametrize("data", [stream(*ANSWER), raw_utf8(*ANSWER)], ids=["escaped", "utf-8"])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_any_slices_and_line_ends_give_the_same_items(data, ending, size):
    data = data.replace(b"\n", ending)
    played = play(*(data[i : i + size] for i in range(0, len(data), size)))
    assert brief(played.items) == ITEMS
    assert played.end["usage"]["total_tokens"] == 11


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_every_split_point_gives_the_same_events(bom):
    data = bom + raw_utf8(*({"choices": each["choices"]} for each in ANSWER[::2]), stop())
    whole = play(data).events
    for i in range(len(data) + 1):
        events = [event for event in play(data[:i], data[i:]).events if event["type"] != "response.in_progress"]
        assert [e["type"] for e in events] == [e["type"] for e in whole if e["type"] != "response.in_progress"], i
        assert events[-1]["response"] == whole[-1]["response"], i


def test_a_comment_gives_a_real_event():
    played = play(b": OPENROUTER PROCESSING\n\n", b": keep-", b"alive\n\n", stream(*ANSWER))
    kinds = [[event["type"] for event in piece] for piece in played.by_piece[:3]]
    assert kinds == [
        ["response.created", "response.in_progress", "response.in_progress"],
        [],
        ["response.in_progress"],
    ]


def test_a_comment_between_deltas_gives_a_real_event():
    played = play(event(text("a")), b":\n\n", event(text("b")), stream(stop()))
    assert [event["type"] for event in played.by_piece[1]] == ["response.in_progress"]
    assert played.by_piece[1][0]["response"]["output"] == []


def test_a_keep_alive_shows_what_is_finished():
    played = play(event(text("a")), event(call('{"cmd":"ls"}', "exec_command", "c")), b":\n\n", stream(stop()))
    assert brief(played.by_piece[2][0]["response"]["output"]) == [("message", "a")]


def test_blank_lines_and_other_fields_are_nothing():
    played = play_chunks(text("Hello"), end=b"\n\n\nid: 4\nretry: 10\nevent: ping\n\n" + event(stop()))
    assert brief(played.items) == [("message", "Hello")]


@pytest.mark.parametrize(
    "odd", ["ping", '"text"', "5", "null", "[]", "[1]", "{}", '{"choices":null}', '{"choices":[5]}', '{"choices":[{}]}']
)
def test_events_that_say_nothing_change_nothing(odd):
    played = play(event(text("Hel")), event(odd), stream(text("lo"), stop()))
    assert brief(played.items) == [("message", "Hello")]


@pytest.mark.parametrize(
    "first",
    [
        {
            "id": "",
            "object": "",
            "created": 0,
            "model": "",
            "choices": [],
            "prompt_filter_results": [{"prompt_index": 0}],
        },
        {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant"}}]},
        {"id": "c", "choices": [{"delta": None, "finish_reason": None, "index": 0}], "obfuscation": "aK2"},
        {"id": "c", "choices": [], "usage": None},
    ],
)
def test_first_chunks_without_content_are_nothing(first):
    assert brief(play_chunks(first, text("Hello"), stop()).items) == [("message", "Hello")]


def test_a_missing_choice_index_and_finish_reason_are_the_defaults():
    played = play_chunks(
        {"choices": [{"delta": {"content": "Hello"}}]}, {"choices": [{"finish_reason": "stop"}]}, end=b""
    )
    assert brief(played.items) == [("message", "Hello")]


def test_data_over_several_lines_is_one_event():
    played = play(b'data: {"choices":[{"delta":\ndata: {"content":"Hello"}}]}\n\n', stream(stop()))
    assert brief(played.items) == [("message", "Hello")]
