"""Tool calls in every shape providers stream them."""

from __future__ import annotations

import json

import pytest

from .streams import brief, call, chunk, entry, play_chunks, stop, text

A = ("function_call", "exec_command", '{"cmd":"ls"}')
B = ("function_call", "write_stdin", '{"chars":"x"}')


def calls(*entries, finish=None):
    return chunk({"tool_calls": list(entries)}, finish)


def test_call_split_over_chunks_is_one_item():
    played = play_chunks(
        call("", "exec_command", "call_1"), call('{"cmd'), call('":"l'), call('s"}'), stop("tool_calls")
    )
    assert brief(played.items) == [A]
    assert played.items[0]["call_id"] == "call_1"
    assert played.deltas_by_piece()[:4] == [[], ['{"cmd'], ['":"l'], ['s"}']]
    assert played.summary.calls == ("exec_command",)


SHAPES = {
    "the API's own": [
        call("", "exec_command", "a", 0), call('{"cmd"', index=0), call(':"ls"}', index=0),
        call("", "write_stdin", "b", 1), call('{"chars":"x"}', index=1),
    ],
    "whole calls": [call('{"cmd":"ls"}', "exec_command", "a", 0), call('{"chars":"x"}', "write_stdin", "b", 1)],
    "whole calls in one delta": [
        calls(entry('{"cmd":"ls"}', "exec_command", "a", 0), entry('{"chars":"x"}', "write_stdin", "b", 1)),
    ],
    "no index, whole": [
        call('{"cmd":"ls"}', "exec_command", "a", None), call('{"chars":"x"}', "write_stdin", "b", None),
    ],
    "no index, two in each delta": [
        calls(entry("", "exec_command", "a", None), entry("", "write_stdin", "b", None)),
        calls(entry('{"cmd"', index=None), entry('{"chars"', index=None)),
        calls(entry(':"ls"}', index=None), entry(':"x"}', index=None)),
    ],
    "no index, fragments with ids": [
        call("", "exec_command", "a", None), call('{"cmd"', id="a", index=None), call(':"ls"}', id="a", index=None),
        call("", "write_stdin", "b", None), call('{"chars":"x"}', id="b", index=None),
    ],
    "no index, interleaved by id": [
        call('{"cmd"', "exec_command", "a", None), call('{"chars"', "write_stdin", "b", None),
        call(':"ls"}', id="a", index=None), call(':"x"}', id="b", index=None),
    ],
    "index 0 for all": [
        call('{"cmd":"ls"}', "exec_command", "a", 0), call('{"chars":"x"}', "write_stdin", "b", 0),
    ],
    "index 0 for all, interleaved by id": [
        call('{"cmd"', "exec_command", "a", 0), call('{"chars"', "write_stdin", "b", 0),
        call(':"ls"}', id="a", index=0), call(':"x"}', id="b", index=0),
    ],
    "index 0 for all, no ids, whole": [
        call('{"cmd":"ls"}', "exec_command", None, 0), call('{"chars":"x"}', "write_stdin", None, 0),
    ],
    "indexes from 1 with a gap": [
        call("", "exec_command", "a", 1), call('{"cmd":"ls"}', index=1),
        call("", "write_stdin", "b", 4), call('{"chars":"x"}', index=4),
    ],
    "ids empty on continuation": [
        call("", "exec_command", "a", 0), call('{"cmd"', id="", index=0), call(':"ls"}', id="", index=0),
        call("", "write_stdin", "b", 1), call('{"chars":"x"}', id="", index=1),
    ],
    "ids and names null on continuation": [
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "exec_command", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "id": None, "function": {"name": None, "arguments": '{"cmd":"ls"}'}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "write_stdin", "arguments": None}}]}),
        chunk({"tool_calls": [{"index": 1, "id": None, "function": {"name": None, "arguments": '{"chars":"x"}'}}]}),
    ],
    "names empty on continuation": [
        call("", "exec_command", "a", 0), call('{"cmd"', "", index=0), call(':"ls"}', "", index=0),
        call("", "write_stdin", "b", 1), call('{"chars":"x"}', "", index=1),
    ],
    "ids and names in every delta": [
        call("", "exec_command", "a", 0), call('{"cmd"', "exec_command", "a", 0), call(':"ls"}', "exec_command", "a", 0),
        call("", "write_stdin", "b", 1), call('{"chars":"x"}', "write_stdin", "b", 1),
    ],
    "a new id in every delta": [
        call("", "exec_command", "a", 0), call('{"cmd"', id="a2", index=0), call(':"ls"}', id="a3", index=0),
        call("", "write_stdin", "b", 1), call('{"chars":"x"}', id="b2", index=1),
    ],
    "the id after the arguments": [
        call('{"cmd"', "exec_command", None, 0), call(':"ls"}', id="a", index=0),
        call('{"chars":"x"}', "write_stdin", None, 1), call("", id="b", index=1),
    ],
    "the name after the arguments": [
        call('{"cmd"', None, "a", 0), call(':"ls"}', "exec_command", index=0),
        call('{"chars":"x"}', None, "b", 1), call("", "write_stdin", index=1),
    ],
    "the name in pieces": [
        call(None, "exec_", "a", 0), call("", "command", index=0), call('{"cmd":"ls"}', index=0),
        call(None, "write", "b", 1), call("", "_stdin", index=1), call('{"chars":"x"}', index=1),
    ],
    "names with the namespace that needs none": [
        call('{"cmd":"ls"}', "functions.exec_command", "a", 0), call('{"chars":"x"}', "functions.write_stdin", "b", 1),
    ],
    "arguments as objects": [
        calls(entry({"cmd": "ls"}, "exec_command", "a", 0), entry({"chars": "x"}, "write_stdin", "b", 1)),
    ],
    "an empty object first": [
        call("{}", "exec_command", "a", 0), call('{"cmd":"ls"}', index=0),
        call("{}", "write_stdin", "b", 1), call('{"chars"', index=1), call(':"x"}', index=1),
    ],
    "no type": [
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "exec_command", "arguments": '{"cmd":"ls"}'}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "write_stdin", "arguments": '{"chars":"x"}'}}]}),
    ],
    "interleaved": [
        call('{"cmd"', "exec_command", "a", 0), call('{"chars"', "write_stdin", "b", 1), call(':"ls"}', index=0), call(':"x"}', index=1),
    ],
    "interleaved, the second one whole first": [
        call('{"cmd"', "exec_command", "a", 0), call('{"chars":"x"}', "write_stdin", "b", 1), call(':"ls"}', index=0),
    ],
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reason", ["tool_calls", "stop", "function_call", ""])
def test_two_calls_come_out_whole_and_in_order(shape, reason):
    played = play_chunks(*SHAPES[shape], stop(reason))
    assert brief(played.items) == [A, B]
    ids = [item["call_id"] for item in played.items]
    if "no ids" not in shape and "id after" not in shape:
        assert ids == ["a", "b"]


def test_role_call_and_finish_reason_may_share_a_chunk():
    played = play_chunks(
        chunk(
            {"role": "assistant", "tool_calls": [entry('{"cmd":"ls"}', "exec_command", "9charsid1", None)]},
            "tool_calls",
        )
    )
    assert brief(played.items) == [A]


def test_the_legacy_function_call_is_a_call():
    played = play_chunks(
        chunk({"function_call": {"name": "exec_command", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"cmd":"ls"}'}}),
        stop("function_call"),
    )
    assert brief(played.items) == [A]
    assert played.items[0]["call_id"].startswith("call_")


def test_an_id_that_comes_before_the_name_is_known_is_used():
    played = play_chunks(call('{"cmd"', None, None), call("", id="late"), call(':"ls"}', "exec_command"), stop())
    assert brief(played.items) == [A]
    assert played.items[0]["call_id"] == "late"


def test_what_hangs_on_a_call_stands_before_it():
    played = play_chunks(
        call('{"cmd":"ls"}', "exec_command", "a", 0, extra_content={"signature": "x"}),
        call('{"chars":"x"}', "write_stdin", "b", 1, extra_content={"signature": "y"}),
        stop("tool_calls"),
    )
    assert brief(played.items) == [("reasoning", ""), A, ("reasoning", ""), B]


def test_ids_used_twice_are_made_unique():
    played = play_chunks(*(call(f'{{"n":{n}}}', "exec_command", "same", n) for n in range(3)), stop("tool_calls"))
    assert [item["call_id"] for item in played.items] == ["same", "same_2", "same_3"]
    assert [item["arguments"] for item in played.items] == ['{"n":0}', '{"n":1}', '{"n":2}']


def test_white_space_behind_whole_arguments_begins_no_other_call():
    played = play_chunks(
        call('{"cmd":"ls"}', "exec_command", "a"),
        call("\n", "exec_command", "a"),
        call("", "exec_command", "a"),
        stop(),
    )
    assert brief(played.items) == [("function_call", "exec_command", '{"cmd":"ls"}\n')]


@pytest.mark.parametrize("late", ["\n", '{"cmd":"rm"}', "}"])
def test_what_comes_for_a_call_that_was_sent_is_ignored(late):
    played = play_chunks(
        call('{"cmd":"ls"}', "exec_command", "a", 0),
        call('{"chars":"x"}', "write_stdin", "b", 1),
        call(late, index=0),
        text("Hello"),
        call(late, index=1),
        stop(),
    )
    assert brief(played.items) == [A, B, ("message", "Hello")]


@pytest.mark.parametrize("pieces", [[], [""], ["{}"], ["{", "}"], ["{}", "\n"], [" ", "{}"], ["{}", "{}"], [" "]])
def test_a_call_without_arguments_has_an_empty_object(pieces):
    played = play_chunks(call(None, "exec_command", "a"), *map(call, pieces), stop("tool_calls"))
    assert json.loads(played.items[0]["arguments"]) == {}


@pytest.mark.parametrize("pieces", [[], ["{}"], ["{", "}"]])
@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("apply_patch", ("custom_tool_call", "apply_patch", "")),
        ("tool_search", ("tool_search_call", {})),
        ("local_shell", ("local_shell_call", {"type": "exec", "env": {}, "command": []})),
    ],
)
def test_a_call_of_another_kind_may_be_empty(name, item, pieces):
    played = play_chunks(call(None, name, "a"), *map(call, pieces), stop("tool_calls"))
    assert brief(played.items) == [item]


def test_a_call_without_arguments_between_others_keeps_its_place():
    played = play_chunks(
        call('{"cmd":"ls"}', "exec_command", "a", 0),
        call("", "write_stdin", "b", 1),
        call('{"cmd":"pwd"}', "exec_command", "c", 2),
        stop("tool_calls"),
    )
    assert [item["arguments"] for item in played.items] == ['{"cmd":"ls"}', "{}", '{"cmd":"pwd"}']


def test_arguments_stream_while_the_call_is_alone():
    pieces = ['{"cmd":', '"', "échö ", "\U0001f600", '"', "}"]
    played = play_chunks(call("", "exec_command", "a"), *map(call, pieces), stop("tool_calls"))
    assert played.deltas_by_piece()[1 : 1 + len(pieces)] == [[piece] for piece in pieces]


def test_the_next_call_in_a_row_streams_too():
    played = play_chunks(
        call('{"cmd":"ls"}', "exec_command", "a", 0),
        call('{"chars"', "write_stdin", "b", 1),
        call(':"x"}', index=1),
        stop(),
    )
    assert played.deltas_by_piece()[:3] == [['{"cmd":"ls"}'], ['{"chars"'], [':"x"}']]


def test_an_interleaved_call_waits_for_its_turn():
    played = play_chunks(
        call('{"cmd"', "exec_command", "a", 0), call('{"chars"', "write_stdin", "b", 1), call(':"ls"}', index=0), stop(),
        end=b"",
    )  # fmt: skip
    assert played.by_piece[1] == []
    assert played.deltas_by_piece()[2] == [':"ls"}', '{"chars"']


def test_an_object_that_no_parser_takes_does_not_hold_up_the_next_call():
    played = play_chunks(
        call('{"cmd":"grep \\d \n"}', "exec_command", "a", 0),
        call('{"chars":"x"}', "write_stdin", "b", 1),
        stop(),
        end=b"",
    )
    assert played.deltas_by_piece()[1] == ['{"chars":"x"}']
    assert played.items[0]["arguments"] == '{"cmd":"grep \\d \n"}'


def test_a_member_of_a_namespace_comes_back_with_it():
    item = play_chunks(call('{"a":1}', "mcp__tiny__echo", "a"), stop("tool_calls")).items[0]
    assert (item["name"], item["namespace"], item["arguments"]) == ("echo", "mcp__tiny", '{"a":1}')


def test_a_function_has_no_namespace_member():
    assert "namespace" not in play_chunks(call("{}", "exec_command", "a"), stop()).items[0]


def test_an_unknown_name_is_passed_on():
    played = play_chunks(call("", "no_such_tool", "a"), call('{"a":1}'), stop("tool_calls"))
    assert brief(played.items) == [("function_call", "no_such_tool", '{"a":1}')]


def test_an_unknown_name_without_arguments_is_passed_on():
    played = play_chunks(call("", "no_such_tool", "a"), stop("tool_calls"))
    assert brief(played.items) == [("function_call", "no_such_tool", "{}")]


def test_a_call_without_a_name_is_a_failure_to_be_retried():
    played = play_chunks(call('{"a":1}', None, "a"), stop("tool_calls"))
    assert played.items == []
    assert played.error == {"code": "server_error", "message": "host: a tool call came without a name"}


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        ('{"command":["ls","-l"],"timeout_ms":5}', {"command": ["ls", "-l"], "timeout_ms": 5}),
        ('{"command":"ls -l"}', {"command": ["bash", "-lc", "ls -l"]}),
        ("ls -l", {"command": ["bash", "-lc", "ls -l"]}),
        ('{"command":7}', {"command": []}),
    ],
)
def test_a_local_shell_call_has_an_action(arguments, action):
    played = play_chunks(call(arguments, "local_shell", "a"), stop("tool_calls"))
    assert brief(played.items) == [("local_shell_call", {"type": "exec", "env": {}} | action)]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ('{"query":"mail","limit":3}', {"query": "mail", "limit": 3}),
        ("mail", {"query": "mail"}),
        ('["mail"]', {"query": ["mail"]}),
        ('{"query":NaN}', {"query": None}),
    ],
)
def test_a_tool_search_call_has_an_object(arguments, wanted):
    item = play_chunks(call(arguments, "tool_search", "a"), stop("tool_calls")).items[0]
    assert item["arguments"] == wanted
    assert item["execution"] == "client"


def test_text_between_calls_keeps_its_place():
    played = play_chunks(
        text("first"),
        call('{"cmd":"ls"}', "exec_command", "a", 0),
        text("then"),
        call('{"chars":"x"}', "write_stdin", "b", 1),
        stop(),
    )
    assert brief(played.items) == [("message", "first"), A, ("message", "then"), B]


@pytest.mark.parametrize(
    "raw", [None, {}, {"index": 0}, {"function": None}, "x", 5, {"function": {"name": 3, "arguments": 4}}]
)
def test_odd_entries_are_no_reason_to_raise(raw):
    played = play_chunks(text("hello"), chunk({"tool_calls": [raw]}), stop())
    assert played.end["status"] in ("completed", "failed")
