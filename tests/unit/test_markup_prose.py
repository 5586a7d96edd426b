"""Text that only looks like a tool call is passed on, byte for byte, and without waiting longer than it must."""

from __future__ import annotations

import random
import re

import pytest

from relay_translate.markup.scanner import MARKUPS
from relay_translate.quirks import QUIRKS

from .leaks import LEAKS, TOOLS, Leak, Sifted, called, said, sift, thought
from .streams import SEARCH, chunk, play_chunks, stop, text

EVERY = pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS.keys())
LONGEST = max(len(opening) for markup in MARKUPS for opening in markup.openings)


def play_text(*pieces: str, field: str = "content", **fields):
    """Text, or reasoning in front of a text, for reasoning alone is no answer."""
    last = [] if field == "content" else [text("!")]
    return play_chunks(*(chunk({field: piece}) for piece in pieces), *last, stop(), **{"tools": TOOLS} | fields)


def passes(*pieces: str, field: str = "content", **fields) -> bool:
    """Whether the pieces come out as they went in, as text or as reasoning, and call nothing."""
    whole = "".join(pieces)
    text_and_thought = (whole, "") if field == "content" else ("", whole)
    return sift(*pieces, field=field, **fields) == Sifted(*text_and_thought, (), ())


@EVERY
def test_without_tools_it_is_text(leak: Leak) -> None:
    assert passes("Looking.\n", leak.block, tools=[])
    assert passes("Looking.\n", leak.block, parameters={})


@EVERY
def test_a_call_of_no_offered_tool_is_text(leak: Leak) -> None:
    for field in ("content", "reasoning_content"):
        assert passes("Looking.\n", leak.block, "\nDone.", tools=[SEARCH], field=field)


@EVERY
def test_a_quirk_that_is_switched_off_leaves_the_text(leak: Leak) -> None:
    off = frozenset({leak.quirk})
    for field in ("content", "reasoning_content"):
        assert passes("Looking.\n", leak.block, "\nDone.", disabled_quirks=off, field=field)
    assert called(play_text(leak.block, disabled_quirks=frozenset(QUIRKS) - off).items) == list(leak.calls)


@EVERY
def test_a_block_cut_anywhere_calls_only_what_is_whole(leak: Leak) -> None:
    for end in range(1, len(leak.block)):
        cut = sift("Looking.\n", leak.block[:end])
        assert cut.calls == leak.calls[: len(cut.calls)]
        assert cut.calls or cut == Sifted(f"Looking.\n{leak.block[:end]}", "", (), ())


@EVERY
@pytest.mark.parametrize(
    "around",
    ["So:\n```\n{}\n```\nand so on.", "```xml\n\n{}\n", "1. ```text\n   x\n{}", "~~~~\n```\n{}\n~~~~", "It writes `{}` then."],
    ids=["fence", "open", "list", "tildes", "inline"],
)  # fmt: skip
def test_an_example_in_a_code_block_is_text(leak: Leak, around: str) -> None:
    whole = around.format(leak.block)
    assert passes(whole)
    assert passes(*whole)
    assert passes(whole, field="reasoning_content")


@EVERY
def test_behind_a_code_block_it_is_a_call(leak: Leak) -> None:
    before = "```sh\nls `x`\n```\nand ```inline``` code.\n"
    items = play_text(*before, leak.block).items
    assert (called(items), said(items)) == (list(leak.calls), before)


@pytest.mark.parametrize("name", ["hermes", "qwen", "glm", "minimax", "llama", "mistral", "lm-studio"])
def test_a_marker_that_people_write_counts_at_a_line_start_only(name: str) -> None:
    leak = LEAKS[name]
    assert passes("The model writes ", leak.block, " when it calls.")
    assert passes('"', leak.block, '"')
    for before in ("Looking.\n  ", "Looking.", "看一下。", ""):
        assert called(play_text(before, leak.block).items) == list(leak.calls), before


PROSE = [
    "The tag <tool_call> opens a call, </tool_call> closes it.",
    "<tool_call> is the tag.\n<tool_call>\nis another line, <tool_call>\n{ } and so on",
    "<tool_call>\n{\"name\": \"exec_command\"\n\nThat was not JSON.",
    "<tool_call>exec_command is the tool, <arg_key> is a tag.",
    "<function=name> stands for a name, <function=exec_command> too.",
    "<function=exec_command>\n<parameter=cmd>\nls\nand never an end",
    "[TOOL_CALLS] is a token, [TOOL_CALLS]exec_command[ARGS] needs an object, [TOOL_CALLS]exec_command[ARGS]{...} as here",
    "[TOOL_REQUEST] and [END_TOOL_REQUEST] belong together.",
    "Kimi's <|tool_calls_section_begin|> is followed by <|tool_call_begin|>functions.exec_command:0.",
    "<|channel|>analysis<|message|>I think.<|end|><|start|>assistant<|channel|>final<|message|>Done.",
    "<｜DSML｜tool_calls> is full-width, <｜DSML｜invoke name=\"exec_command\"> too.",
    "<｜tool▁calls▁begin｜> and <｜tool▁calls▁end｜>",
    "<minimax:tool_call>\nnothing in it\n</minimax:tool_call>",
    "<|python_tag|>print(1)<|eom_id|>",
    "x = a[i] < b[j] << 3; std::vector<std::map<int, T>> v; [[nodiscard]] <T>[T] <|> <｜",
    "<tool_call>\n{\"name\": \"exec_command\", \"arguments\": [1]}\n</tool_call>",
    "<tool_call>\n{\"name\": \"exec_command\", \"arguments\": {\"cmd\": NaN}}\n</tool_call>",
    "<tool_call>\n{\"name\": 5, \"arguments\": {}}\n</tool_call>",
]  # fmt: skip


@pytest.mark.parametrize("prose", PROSE)
def test_prose_about_markup_is_text(prose: str) -> None:
    for i in range(len(prose) + 1):
        assert passes(prose[:i], prose[i:])
    assert passes(*prose)
    assert passes(*prose, field="reasoning_content")


def test_a_call_behind_prose_about_calls_is_found() -> None:
    leak = LEAKS["hermes"]
    before = "<tool_call>\n{} is how it begins.\n\n"
    items = play_text(*before, leak.block).items
    assert (called(items), said(items)) == (list(leak.calls), before)


def waits(prose: str, field: str = "content") -> int:
    """The longest that was held back while `prose` came character by character."""
    played = play_text(*prose, field=field)
    out, longest = 0, 0
    for number, deltas in enumerate(played.deltas_by_piece()[: len(prose)], 1):
        out += len("".join(deltas))
        longest = max(longest, number - out)
    return longest


@pytest.mark.parametrize("field", ["content", "reasoning_content"])
def test_nothing_is_held_that_cannot_be_a_marker(field: str) -> None:
    assert waits("Plain words, 1 > 0, (x), {y}: nothing to wait for.", field) == 0
    assert waits("a<b c[i] </div> <b> [x](y) <<EOF", field) == 1
    assert waits("<tool_box> <|tool_calls_sec> [TOOL_BOX]", field) < LONGEST


def test_a_marker_is_given_up_where_no_call_can_follow() -> None:
    assert waits("Behold:\n<tool_call> is the tag that opens a call in some models.") < LONGEST
    assert waits("Behold:\n<function=nothing> is no tool, <function=exec_command") <= len("<function=exec_command")
    assert waits("In a sentence <tool_call>\n{ is not looked at, nor is\n```\n<tool_call>\n{ in code") < LONGEST


def test_text_before_a_block_does_not_wait_for_it() -> None:
    played = play_text("Looking.\n<tool_", "call>\n{", '"name": ')
    assert played.deltas_by_piece()[0] == ["Looking.\n"]


PARTS = [
    *(opening for markup in MARKUPS for opening in markup.openings), *re.findall(r"<[^>]*>|\[[^]]*]", "".join(PROSE)),
    "exec_command", "apply_patch", "stop", "\n", " ", "```", "`", "{", "}", '"', '{"cmd": "x"}', "\n```\n", "x", "é😀", ":0",
    '{"name": "exec_command", "arguments": {}}', '{"name": "no", "arguments": {}}', "to=functions.stop", "<", "[", "|", "｜",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_no_call_comes_out_as_it_went_in(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(150):
        whole = "x" + "".join(dice.choice(PARTS) for _ in range(dice.randint(1, 40)))
        size = dice.choice([1, 3, 10, 1000])
        pieces = [whole[i : i + size] for i in range(0, len(whole), size)]
        field = dice.choice(["content", "reasoning_content"])
        assert passes(*pieces, field=field, tools=[SEARCH])
        assert passes(*pieces, field=field, disabled_quirks=frozenset(QUIRKS))
        assert sift(*pieces, field=field) == sift(whole, field=field)
        items = play_text(*pieces, field=field, disabled_quirks=frozenset(QUIRKS)).items
        assert (said(items), thought(items)) == ((whole, "") if field == "content" else ("!", whole))


def test_many_markers_that_lead_nowhere_take_time_in_proportion() -> None:
    assert passes("\n".join(["x"] + ["<tool_call>\n{"] * 5000))
    assert passes("\n".join(["x"] + ["<tool_call>exec_command<arg_key>"] * 5000))
    assert passes("x\n", *(["<tool_call>\n<function=exec_command>\n"] * 2000))


def test_held_text_comes_before_what_follows_it() -> None:
    played = play_chunks(chunk({"reasoning_content": "a <"}), text("b <"), chunk({"reasoning_content": "c"}), stop())
    assert [item["type"] for item in played.items] == ["reasoning", "message", "reasoning"]
    assert (thought(played.items), said(played.items)) == ("a <c", "b <")
