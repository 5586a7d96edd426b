"""Freeform tools: the text inside `{"input": "..."}` streams unescaped."""

from __future__ import annotations

import json

import pytest

from .streams import brief, call, play_chunks, stop

PATCH = '*** Begin Patch\n*** Add File: a.py\n+print("Ünï \\d \U0001f600")\n*** End Patch\n'


def arguments(text: str, ascii_only: bool = True) -> str:
    return json.dumps({"input": text}, ensure_ascii=ascii_only)


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_patch_in_pieces_is_the_patch(ascii_only, size):
    whole = arguments(PATCH, ascii_only)
    pieces = [whole[i : i + size] for i in range(0, len(whole), size)]
    played = play_chunks(call("", "apply_patch", "a"), *map(call, pieces), stop("tool_calls"))
    assert brief(played.items) == [("custom_tool_call", "apply_patch", PATCH)]
    assert "".join(played.deltas()) == PATCH


def test_each_piece_gives_its_text_at_once():
    played = play_chunks(
        call('{"input":"', "apply_patch", "a"), call("*** Begin"), call(" Patch\\n"), call("+a"), call('"}'), stop()
    )
    assert played.deltas_by_piece()[:5] == [[], ["*** Begin"], [" Patch\n"], ["+a"], []]


def test_a_pair_split_over_escapes_and_chunks_is_one_character():
    played = play_chunks(call('{"input":"x\\ud83d', "apply_patch", "a"), call("\\u"), call('de00y"}'), stop())
    assert played.deltas() == ["x", "\U0001f600y"]


def test_raw_halves_of_a_pair_in_two_chunks_are_one_character():
    played = play_chunks(call('{"input":"x\ud83d', "apply_patch", "a"), call('\ude00y"}'), stop())
    assert played.items[0]["input"] == "x\U0001f600y"


@pytest.mark.parametrize(
    ("whole", "text"),
    [
        ('{"input":"grep \\d+"}', "grep \\d+"),
        ('{"input":"a\nb"}', "a\nb"),
        ('{"patch":"a"}', "a"),
        ("*** Begin Patch\n*** End Patch", "*** Begin Patch\n*** End Patch"),
        ('"quoted"', "quoted"),
        ('{"input":"\\ud83d"}', "\ufffd"),
    ],
)
def test_what_models_write_instead_is_taken_as_meant(whole, text):
    for size in (1, 5, 100):
        pieces = [whole[i : i + size] for i in range(0, len(whole), size)]
        played = play_chunks(call("", "apply_patch", "a"), *map(call, pieces), stop("tool_calls"))
        assert brief(played.items) == [("custom_tool_call", "apply_patch", text)]


def test_a_custom_tool_in_a_namespace_keeps_it():
    tools = [{"type": "namespace", "name": "editor", "tools": [{"type": "custom", "name": "paste"}]}]
    item = play_chunks(call(arguments("x"), "editor__paste", "a"), stop(), tools=tools).items[0]
    assert (item["type"], item["namespace"], item["name"], item["input"]) == (
        "custom_tool_call",
        "editor",
        "paste",
        "x",
    )


def test_a_raw_line_break_does_not_make_an_answer_without_finish_reason_look_cut():
    played = play_chunks(call('{"input":"a\nb"}', "apply_patch", "a"))
    assert brief(played.items) == [("custom_tool_call", "apply_patch", "a\nb")]


def test_an_empty_object_before_the_real_one_is_replaced():
    played = play_chunks(call("{}", "apply_patch", "a"), call('{"input":"x"}'), stop("tool_calls"))
    assert brief(played.items) == [("custom_tool_call", "apply_patch", "x")]
