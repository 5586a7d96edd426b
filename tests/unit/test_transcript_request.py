"""Requests as people read them."""

from __future__ import annotations

import base64
import copy
import json
import time
from typing import Any

import pytest

from relay_translate.json_text import json_bytes
from relay_translate.transcript import WIDTH, columns, request_view

from .transcripts import TURNS, assert_shown, body, section

Json = dict[str, Any]


def said(role: str, text: str) -> Json:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def call(call_id: str, command: str) -> Json:
    arguments = json_bytes({"cmd": command}).decode()
    return {"type": "function_call", "name": "exec_command", "arguments": arguments, "call_id": call_id}


def output(call_id: str, text: str) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


SHELL: Json = {
    "model": "m1",
    "instructions": "Be brief.",
    "stream": True,
    "input": [said("user", "count the files"), call("c1", "ls | wc -l"), output("c1", "Exit code: 0\nOutput:\n7")],
    "tools": [
        {
            "type": "function",
            "name": "exec_command",
            "description": "Runs a command. And more.",
            "parameters": {
                "type": "object",
                "properties": {"tty": {"type": "boolean"}, "cmd": {"type": "string"}},
                "required": ["cmd"],
            },
        }
    ],
}


def test_a_shell_loop_is_read_from_the_newest_step_down() -> None:
    title, *rest = request_view(SHELL).split("\n")
    assert title.startswith("m1 · Responses request · 3 items, 1 tool · ")
    assert "\n".join(rest) == (
        """
Newest:
  1 exec_command $ ls | wc -l
    -> exit 0: 7

This turn, before that:
  0 user: count the files

Before:
  instructions: Be brief.

Tools:
  exec_command(cmd: string, tty?: boolean)  # Runs a command.
"""
    )


def test_a_long_row_of_other_json_is_folded_and_that_is_said() -> None:
    view = request_view({"note": "x" * 30_000 + "the end", "short": "y" * 300})
    assert len(view) < 25_000
    assert " characters left out here, sha " in view and view.count("y") == 300 and 'the end"' in view


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            "patch",
            r"""
  4 reasoning (sealed by another service, 128 bytes): A patch will do.
  5 assistant: Patching.
  6 apply_patch: adds new.txt (+2 −0)
      *** Begin Patch
      *** Add File: new.txt
      +first line
      +"second" \ line — ünï
      *** End Patch
    -> exit 0, 0.1 s:
      Success. Updated the following files:
      A new.txt""",
        ),
        (
            "parallel",
            """
  4 reasoning (sealed by another service, 131 bytes): Two things at once.
  5 assistant: I look at both.
  6 exec_command $ echo left
    -> exit 0, 0.1 s: left
  7 exec_command $ echo right
    -> exit 0, 0.1 s: right""",
        ),
        (
            "tool-image",
            """
  4 reasoning (sealed by another service, 117 bytes): Both.
  5 mcp__tiny.pic()
    -> 0.1 s:
      a red square
      [image png 80 bytes]
  6 view_image(path: "red.png")
    -> [image png 80 bytes]""",
        ),
        (
            "subagent",
            """
  4 reasoning (sealed by another service, 121 bytes): Delegate.
  5 multi_agent_v1.spawn_agent(message: "SUBTASK: count the files")
    -> {"agent_id":"00000000-0000-4000-8000-000000000004","nickname":"Ada"}""",
        ),
    ],
)
def test_what_codex_added_in_its_second_turn_stands_together(case: str, expected: str) -> None:
    view = request_view(body(case, 2), previous=body(case, 1))
    assert section(view, "New:") == expected[1:]


def test_a_chat_request_reads_as_the_request_it_was_made_of() -> None:
    view = request_view(body("parallel", 2, "chat_request.json"))
    assert section(view, "Newest:") == (
        "  2 reasoning (as reasoning_content): Two things at once.\n"
        "  2 assistant: I look at both.\n"
        "  2 exec_command $ echo left\n"
        "    -> exit 0, 0.1 s: left\n"
        "  2 exec_command $ echo right\n"
        "    -> exit 0, 0.1 s: right"
    )


def test_images_are_named_with_kind_and_size_and_never_shown() -> None:
    data = base64.b64encode(bytes(12_000)).decode()
    image = {"type": "input_image", "image_url": f"data:image/jpeg;base64,{data}"}
    view = request_view({"model": "m1", "input": [{"type": "message", "role": "user", "content": [image]}]})
    assert "user: [image jpeg 12 KB]" in view
    assert "AAAA" not in view
    assert "[image png 80 bytes]" in request_view(body("image", 1))


def test_a_long_text_is_folded_and_its_size_named() -> None:
    view = request_view({"model": "m1", "input": [said("user", "go"), output("c9", "0123456789 " * 40_000)]})
    assert "440,000 characters" in view
    assert "left out here, sha " in view
    assert len(view) < 30_000


def test_two_texts_that_begin_and_end_alike_have_different_digests() -> None:
    texts = ["a " * 30_000 + middle + " b" * 30_000 for middle in ("x", "y")]
    one, other = (request_view({"model": "m1", "input": [said("user", text)]}) for text in texts)
    assert one != other


def test_an_output_without_its_call_and_a_call_without_its_output_are_told() -> None:
    view = request_view({"model": "m1", "input": [call("c1", "true"), output("c2", "lost")]})
    assert "exec_command $ true\n    -> no output" in view
    assert "output for call c2:\n    -> lost" in view


def test_two_calls_with_one_id_get_one_output_each() -> None:
    items = [call("c", "one"), call("c", "two"), output("c", "1"), output("c", "2")]
    assert "$ one\n    -> 1\n" in request_view({"model": "m1", "input": items})
    assert "$ two\n    -> 2\n" in request_view({"model": "m1", "input": items})


def test_arguments_that_broke_off_are_said_to_be_broken() -> None:
    broken = {**call("c1", "x"), "arguments": '{"cmd": "ec'}
    assert "exec_command (arguments are not whole JSON):" in request_view({"model": "m1", "input": [broken]})


def test_changes_against_the_previous_turn_are_listed() -> None:
    before = copy.deepcopy(SHELL)
    now = copy.deepcopy(SHELL)
    now |= {"model": "m2", "instructions": "Be very brief.", "temperature": 0.5, "tools": []}
    now["input"][0] = said("user", "count all the files")
    now["input"].append(said("user", "thanks"))
    lines = section(request_view(now, previous=before), "Since the last request:").split("\n")
    assert lines == [
        "  parameter model: m1 -> m2",
        "  parameter temperature: 0.5 (was not set)",
        "  tools: exec_command removed",
        "  instructions: 9 -> 14 characters, from character 3 on: `Be brief.` became",
        "      `Be very brief.`",
        "  item 0 (user) changed: 15 -> 19 characters, from character 6 on: `count",
        "      the files` became `count all the files`",
        "  1 item more (3): 1 message of the user",
    ]


def test_what_a_compaction_does_to_the_conversation_is_told() -> None:
    lines = section(request_view(body("compact", 3), previous=body("compact", 2)), "Since the last request:")
    assert "became" in lines or "gone" in lines


def test_the_same_request_again_is_said_to_be_the_same() -> None:
    view = request_view(SHELL, previous=copy.deepcopy(SHELL))
    assert "  the conversation is the same, 3 items\n" in view


@pytest.mark.parametrize("turn", TURNS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_no_line_of_a_real_request_is_wider_than_the_page(turn: Any) -> None:
    for name in ("request.json", "chat_request.json"):
        if (turn / name).exists():
            view = request_view(body(turn.parent.name, int(turn.name[5:]), name))
            assert_shown(view)
            assert max(map(len, view.split("\n"))) <= WIDTH


def test_what_codex_tells_of_the_turn_stays_within_the_page() -> None:
    facts = {"request_kind": "turn", "thread_source": "user", "turn_trigger": "x" * 50, "sandbox_mode": "y" * 50}
    told = {"x-codex-turn-metadata": json_bytes(facts).decode(), "thread_id": "0" * 36}
    view = request_view({**SHELL, "client_metadata": told})
    assert "request turn" in view
    assert max(map(len, view.split("\n"))) <= WIDTH


def test_wide_letters_are_wrapped_where_the_page_ends() -> None:
    chinese = "请把这个文件翻译成中文，然后运行所有的测试，" * 8
    call = {"type": "function_call", "call_id": "c1", "name": "shell", "arguments": json.dumps({"cmd": chinese})}
    items = [said("user", chinese + "🎉" * 50), call, output("c1", "e\u0301" * 70 + "漢字" * 90)]
    view = request_view({"model": "m", "input": items})
    assert max(map(columns, view.split("\n"))) <= WIDTH
    assert columns("漢字e\u0301") == 5
    assert view.count("，") == 32  # nothing of it was cut off


def test_tabs_become_spaces_and_the_rest_of_a_wrapped_line_stands_deeper() -> None:
    patch = f"*** Begin Patch\n*** Update File: Makefile\n+\tgcc {'-Wall ' * 14}-o a\n*** End Patch"
    call = {"type": "function_call", "call_id": "c1", "name": "apply_patch", "arguments": json.dumps({"input": patch})}
    view = request_view({"model": "m", "input": [said("user", "go"), call, output("c1", "a\tb")]})
    assert "\t" not in view
    assert "\n      +   gcc -Wall" in view
    assert "\n          -Wall" in view
    assert "-> a   b\n" in view


def test_a_long_output_of_one_line_is_folded_and_its_size_told() -> None:
    view = request_view({"model": "m", "input": [said("user", "go"), output("c1", "var a=1;" * 20_000)]})
    assert "-> (160,000 characters)\n" in view
    assert "characters left out here, sha " in view
    assert view.count("\n") < 200
    assert max(map(columns, view.split("\n"))) <= WIDTH


def test_json_that_is_no_request_stays_within_the_page() -> None:
    view = request_view({"models": [{"slug": "m", "instructions": "word " * 100}]})
    assert max(map(len, view.split("\n"))) <= WIDTH


def test_remarks_stand_below_the_title() -> None:
    assert request_view(SHELL, remarks=["prompt cache: x"]).split("\n")[1] == "prompt cache: x"


def test_escape_sequences_do_not_reach_the_screen() -> None:
    view = request_view({"model": "\x1b]0;x\x07", "input": [output("c1", "\x1b[31mred\x1b[0m \x1b[2J \u202e \ud83d")]})
    assert_shown(view)
    assert "red" in view


def test_a_request_of_two_megabytes_is_shown_at_once() -> None:
    items = [said("user", "go")]
    for number in range(500):
        items += [call(f"c{number}", "cat f"), output(f"c{number}", "a line of output\n" * 230)]
    begun = time.perf_counter()
    view = request_view({"model": "m1", "input": items}, previous={"model": "m1", "input": items[:-2]})
    assert time.perf_counter() - begun < 2  # 0.02 s on an idle machine
    assert "2 items more (999 to 1000): 1 call, 1 output" in view


def test_what_is_no_request_is_shown_as_it_is() -> None:
    assert request_view([1, {"a": None}]) == '[1, {"a": null}]\n'
    assert request_view("text") == '"text"\n'


def test_a_body_nested_without_end_is_left_to_the_raw_view() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for shown in (deep, {"input": deep}, {"input": [{"type": "x", "a": deep}]}, {"messages": [{"content": deep}]}):
        assert_shown(request_view(shown))


def test_what_a_request_has_is_shown_whether_anybody_knows_it_or_not() -> None:
    thought = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "In short"}],
        "content": [{"type": "reasoning_text", "text": "At length"}],
    }
    asked = {
        "model": "m1",
        "stream": True,
        "stream_options": {"include_obfuscation": False},
        "client_metadata": {"team": "blue", "thread_id": "t", "x-codex-installation-id": "i"},
        "input": [said("user", "hi") | {"mood": "good"}, thought, call("a", "ls"), output("a", "x") | {"by": "me"}],
    }
    view = request_view(asked)
    assert "stream_options.include_obfuscation: false" in view
    assert "client_metadata: team: blue, 2 fields of Codex's own" in view
    assert "user (mood: good): hi" in view
    assert "In short" in view and "[content] At length" in view
    assert "-> by: me: x" in view
    assert "stream_options" not in request_view({"messages": [], "stream_options": {"include_usage": True}})
