"""Tool calls that a model wrote into its text become calls."""

from __future__ import annotations

import json

import pytest

from .leaks import LEAKS, LS, TOOLS, Leak, Sifted, called, dsml, dsml_invoke, glm, said, sift, spelled, thought
from .streams import call, chunk, play_chunks, stop, text

EVERY = pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS.keys())


def halves(block: str) -> list[tuple[str, str]]:
    return [(block[:i], block[i:]) for i in range(len(block) + 1)]


def play_text(*pieces: str, field: str = "content", **fields):
    return play_chunks(*(chunk({field: piece}) for piece in pieces), stop(), tools=TOOLS, **fields)


@EVERY
def test_a_block_split_anywhere_becomes_its_calls(leak: Leak) -> None:
    for first, second in halves(leak.block):
        assert sift(f"Looking.\n{first}", second) == Sifted("Looking.\n", "", leak.calls, (leak.quirk,)), first


@EVERY
def test_a_block_in_single_characters_becomes_its_calls(leak: Leak) -> None:
    played = play_text(*f"Looking.\n\n{leak.block}\n\n")
    assert called(played.items) == list(leak.calls)
    assert said(played.items) == "Looking.\n\n"
    assert played.summary.quirks == (leak.quirk, "usage-estimated")
    assert played.summary.calls == tuple(name for name, _ in leak.calls)


@EVERY
def test_a_block_alone_is_the_whole_answer(leak: Leak) -> None:
    played = play_text(leak.block)
    assert [item["type"].endswith("_call") for item in played.items] == [True] * len(leak.calls)
    assert played.end["status"] == "completed"


@EVERY
def test_a_block_in_the_reasoning_becomes_its_calls_and_the_rest_stays(leak: Leak) -> None:
    for first, second in halves(leak.block):
        sifted = sift(f"I look.\n{first}", f"{second}\n", field="reasoning_content")
        assert sifted == Sifted("", "I look.\n", leak.calls, (leak.quirk,)), first
    played = play_text("I look.\n", leak.block, field="reasoning")
    assert (called(played.items), thought(played.items)) == (list(leak.calls), "I look.\n")
    assert played.items[0]["type"] == "reasoning"


@EVERY
def test_a_block_between_think_tags_becomes_its_calls(leak: Leak) -> None:
    played = play_text("<think>I look.\n", leak.block, "\n</think>\n\n")
    assert (called(played.items), thought(played.items)) == (list(leak.calls), "I look.\n")


@EVERY
def test_a_call_that_was_only_thought_about_before_an_answer_is_not_made(leak: Leak) -> None:
    played = play_text("<think>I could.\n", leak.block, "\nBut I must ask.</think>\n\nShall I?")
    assert (called(played.items), said(played.items)) == ([], "Shall I?")
    assert any("taken for thoughts" in note for note in played.summary.notes)


@EVERY
def test_blocks_of_all_kinds_may_follow_each_other(leak: Leak) -> None:
    second = LEAKS["kimi"]
    played = play_text(f"{leak.block}\nAnd then.\n{second.block}\n")
    assert called(played.items) == [*leak.calls, *second.calls]
    assert said(played.items) == "And then.\n"


@EVERY
def test_a_whole_body_is_treated_the_same(leak: Leak) -> None:
    message = {"role": "assistant", "content": f"Looking.\n{leak.block}"}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    played = play_chunks(whole, tools=TOOLS)
    assert called(played.items) == list(leak.calls)


def test_closing_tags_of_a_group_may_have_been_a_stop_token() -> None:
    for name, cut in (
        ("kimi", 26),
        ("dsml", len("</｜DSML｜tool_calls>")),
        ("hermes", 12),
        ("harmony", 8),
        ("minimax", 20),
    ):
        leak = LEAKS[name]
        assert called(play_text(leak.block[:-cut]).items) == list(leak.calls), name


def test_the_models_own_call_id_is_kept() -> None:
    assert [item["call_id"] for item in play_text(LEAKS["kimi"].block).items] == [
        "functions.exec_command:0",
        "functions.exec_command:1",
    ]
    assert [item["call_id"] for item in play_text(LEAKS["mistral-id"].block).items] == ["a1b2c3d4e"]


@pytest.mark.parametrize("written", ["functions.exec_command", "EXEC_COMMAND", "Exec_Command"])
def test_names_may_have_a_prefix_or_other_letters(written: str) -> None:
    played = play_text(f"<tool_call>{spelled(written, LS)}</tool_call>")
    assert called(played.items) == [("exec_command", LS)]


def test_a_name_in_other_letters_is_not_guessed_between_two_tools() -> None:
    tools = [*TOOLS, {"type": "function", "name": "Exec_command"}]
    block = f"<tool_call>{spelled('EXEC_COMMAND', LS)}</tool_call>"
    assert said(play_chunks(text(block), stop(), tools=tools).items) == block


@pytest.mark.parametrize(
    ("parameter", "written", "value"),
    [
        ("cmd", "5", "5"),
        ("cmd", "true", "true"),
        ("cmd", '{"a": 1}', '{"a": 1}'),
        ("cmd", "null", "null"),
        ("note", "null", None),
        ("note", "x", "x"),
        ("limit", "5", 5),
        ("limit", "5.0", 5),
        ("limit", "five", "five"),
        ("tty", "True", True),
        ("env", '{"A": "b"}', {"A": "b"}),
        ("other", "[1]", [1]),
        ("other", '"x"', '"x"'),
        ("other", "plain words", "plain words"),
    ],
)
def test_bare_values_have_the_type_that_the_tool_asks_for(parameter: str, written: str, value: object) -> None:
    played = play_text(glm("exec_command", **{parameter: written}))
    assert called(played.items) == [("exec_command", {parameter: value})]


@pytest.mark.parametrize(
    ("parameter", "is_text", "written", "value"),
    [
        ("cmd", "true", "5", "5"),
        ("cmd", "false", "5", "5"),
        ("cmd", "false", '"ls"', "ls"),
        ("limit", "true", "5", 5),
        ("other", "true", "5", "5"),
        ("other", "false", "5", 5),
    ],
)
def test_dsml_says_what_is_a_string_where_the_tool_does_not(
    parameter: str, is_text: str, written: str, value: object
) -> None:
    played = play_text(dsml(dsml_invoke("exec_command", (parameter, is_text, written))))
    assert called(played.items) == [("exec_command", {parameter: value})]


def test_raw_line_breaks_in_json_strings_are_forgiven() -> None:
    played = play_text('<tool_call>{"name": "exec_command", "arguments": {"cmd": "a\nb"}}</tool_call>')
    assert called(played.items) == [("exec_command", {"cmd": "a\nb"})]


def test_calls_come_after_all_text() -> None:
    played = play_text("One.\n", LEAKS["hermes"].block, "\nTwo.\n", LEAKS["hermes"].block)
    assert [item["type"] for item in played.items] == ["message", "function_call", "function_call"]


def test_reasoning_may_begin_again_behind_a_call() -> None:
    block = LEAKS["hermes"].block
    played = play_text("<think>a</think>One.\n", block, "\n<thi", "nk>b</think>")
    assert (thought(played.items), said(played.items), len(called(played.items))) == ("ab", "One.\n", 1)


@EVERY
@pytest.mark.parametrize("behind", ["\nThat was the format.", "." + "x" * 500])
def test_a_block_that_is_talked_about_is_text_byte_for_byte(leak: Leak, behind: str) -> None:
    whole = f"The log shows:\n{leak.block}\n {behind}"
    for field in ("content", "reasoning_content"):
        for pieces in ([whole], list(whole), [whole[:20], whole[20:]]):
            played = play_text(*pieces, field=field)
            told = (
                said(played.items)
                if field == "content"
                else "".join(
                    event["delta"]
                    for event in played.events
                    if event["type"] == "response.reasoning_summary_text.delta"
                )
            )
            assert (called(played.items), told) == ([], whole)
            assert leak.quirk not in played.summary.quirks


def test_a_block_that_is_quoted_at_length_is_not_held_to_the_end() -> None:
    pieces = [LEAKS["hermes"].block, *["word "] * 100]
    events = play_text(*pieces).events
    deltas = [event for event in events if event["type"] == "response.output_text.delta"]
    assert len(deltas) > 40


def test_a_call_that_was_understood_although_its_text_was_left_in_is_made_once() -> None:
    played = play_chunks(
        text(LEAKS["glm-inline"].block), call('{"cmd":"ls -la"}', "exec_command", "c1"), stop("tool_calls"), tools=TOOLS
    )
    assert called(played.items) == [("exec_command", LS)]
    assert [item["call_id"] for item in played.items] == ["c1"]


def test_a_call_in_the_reasoning_before_a_proper_one_was_a_thought() -> None:
    block = LEAKS["hermes"].block
    played = play_chunks(chunk({"reasoning_content": block}), call("{}", "stop", "c1"), stop("tool_calls"), tools=TOOLS)
    assert called(played.items) == [("stop", {})]
    assert any("taken for thoughts" in note and "exec_command" in note for note in played.summary.notes)
    played = play_chunks(chunk({"reasoning_content": block}), text(LEAKS["glm-empty"].block), stop(), tools=TOOLS)
    assert called(played.items) == [("stop", {})]


@pytest.mark.parametrize("end", [[], [stop("error")], [stop("content_filter")]])
def test_an_answer_that_breaks_off_calls_nothing(end: list) -> None:
    played = play_chunks(text(LEAKS["hermes"].block), *end, end=b"", tools=TOOLS)
    assert played.events[-1]["type"] == "response.failed"
    assert played.items == []


def test_a_whole_call_in_an_answer_cut_by_the_limit_is_made() -> None:
    played = play_chunks(text(LEAKS["hermes"].block), stop("length"), tools=TOOLS)
    assert called(played.items) == list(LEAKS["hermes"].calls)


def test_a_long_call_in_small_pieces_takes_time_in_proportion() -> None:
    lines = "\n".join(f"+line {i} with <tags> [and] {{braces}}" for i in range(3000))
    block = f"<tool_call>{spelled('apply_patch', {'input': lines})}</tool_call>"
    played = play_text(*(block[i : i + 7] for i in range(0, len(block), 7)))
    assert called(played.items) == [("apply_patch", lines)]


def test_arguments_are_json() -> None:
    (item,) = play_text(LEAKS["qwen"].block).items
    assert json.loads(item["arguments"]) == LEAKS["qwen"].calls[0][1]
