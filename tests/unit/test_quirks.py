"""Repairs have names: each shows when it was needed, and can be switched off."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import relay_translate
from relay_translate import RequestOptions, translate_request
from relay_translate.markup.scanner import MARKUPS
from relay_translate.quirks import QUIRKS
from relay_translate.tools import parameter_types

from .leaks import LEAKS, TOOLS
from .streams import PATCH, TINY, brief, call, chunk, entry, play_chunks, stop, text

RUN = ("exec_command", "c1")
CALL = ("function_call", "exec_command", "{}")

# quirk -> chunks that need it, and the items with and without it
CASES = {
    "duplicate-reasoning": ([chunk({"reasoning_content": "why", "reasoning": "why"}), text("Yes.")],
                            [("reasoning", "why"), ("message", "Yes.")], [("reasoning", "whywhy"), ("message", "Yes.")]),
    "blank-text": ([text("\n\n"), call("{}", *RUN)], [CALL], [("message", "\n\n"), CALL]),
    "shared-index": (
        [call('{"a":1}', "exec_command", "a"), call('{"b":2}', "write_stdin", "b")],
        [("function_call", "exec_command", '{"a":1}'), ("function_call", "write_stdin", '{"b":2}')],
        [("function_call", "exec_command", '{"a":1}{"b":2}')],
    ),
    "args-object": ([call({"cmd": "ls"}, *RUN)], [("function_call", "exec_command", '{"cmd":"ls"}')], [CALL]),
    "args-empty-then-real": ([call("{}", *RUN), call('{"cmd":"ls"}')], [("function_call", "exec_command", '{"cmd":"ls"}')],
                             [("function_call", "exec_command", '{}{"cmd":"ls"}')]),
    "cut-note": ([text("Half"), stop("length")],
                 [("message", "Half\n\n[The answer stops here: the model's output limit was reached.]")], [("message", "Half")]),
}  # fmt: skip


@pytest.mark.parametrize(("quirk", "case"), CASES.items(), ids=CASES.keys())
def test_a_repair_shows_and_can_be_switched_off(quirk: str, case: tuple) -> None:
    chunks, repaired, raw = case
    end = stop(None if quirk == "cut-note" else "stop", usage={"prompt_tokens": 9, "completion_tokens": 2})
    played = play_chunks(*chunks, end)
    assert (brief(played.items), played.summary.quirks) == (repaired, (quirk,))
    played = play_chunks(*chunks, end, disabled_quirks=frozenset({quirk}))
    assert (brief(played.items), played.summary.quirks) == (raw, ())


def test_ids_that_are_missing_or_repeated_are_made_up() -> None:
    calls = chunk(
        {
            "tool_calls": [
                entry("{}", "exec_command", index=0),
                entry("{}", "exec_command", "c", 1),
                entry("{}", "exec_command", "c", 2),
            ]
        }
    )
    played = play_chunks(calls, stop("tool_calls"))
    assert len({item["call_id"] for item in played.items}) == 3
    assert {"missing-call-id", "repeated-call-id"} < set(played.summary.quirks)
    played = play_chunks(call("{}", *RUN), stop("tool_calls"))
    assert not {"missing-call-id", "repeated-call-id"} & set(played.summary.quirks)


def test_an_estimated_usage_is_a_quirk() -> None:
    assert play_chunks(text("Hi"), stop()).summary.quirks == ("usage-estimated",)
    played = play_chunks(text("Hi"), stop(), disabled_quirks=frozenset(QUIRKS))
    assert (played.summary.quirks, played.summary.usage, played.summary.usage_estimated) == ((), None, False)


def test_an_answer_without_repairs_has_none() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    played = play_chunks(
        chunk({"reasoning_content": "a < b"}),
        text("[x] <y>"),
        call('{"cmd":"ls"}', *RUN),
        stop("tool_calls", usage=usage),
    )
    assert played.summary.quirks == ()


def test_every_quirk_is_used_and_every_leak_is_one() -> None:
    folder = Path(relay_translate.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py") if path.name != "quirks.py")
    names = re.findall(r"^([A-Z_]+) = ", (folder / "quirks.py").read_text(encoding="utf-8"), re.M)
    assert len(names) == len(QUIRKS)
    assert [name for name in names if name not in source] == []
    leaked = {name for name in QUIRKS if name.startswith("leaked-")}
    assert set().union(*(markup.quirks for markup in MARKUPS)) == leaked == {leak.quirk for leak in LEAKS.values()}


def test_the_answer_knows_the_offered_tools_and_what_is_switched_off() -> None:
    body = {"model": "m", "input": "hi", "tools": [*TOOLS, TINY]}
    context = translate_request(body, options=RequestOptions(disabled_quirks=frozenset({"think-tags"}))).context
    assert context.disabled_quirks == {"think-tags"}
    assert list(context.parameters) == ["exec_command", "stop", "apply_patch", "mcp__tiny__echo"]
    assert dict(context.parameters["exec_command"]) == {
        "cmd": "string", "limit": "integer", "tty": "boolean", "env": "object", "note": "string|null",
    }  # fmt: skip
    assert dict(translate_request(body | {"tool_choice": "none"}).context.parameters) == {}
    assert dict(translate_request({"model": "m", "input": "hi"}).context.parameters) == {}
    options = RequestOptions(drop_params=frozenset({"tools"}))
    assert dict(translate_request(body, options=options).context.parameters) == {}


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({"type": "string"}, "string"),
        ({"type": ["string", "null"]}, "string|null"),
        ({"anyOf": [{"type": "integer"}, {"type": ["null", "integer"]}]}, "integer|null"),
        ({"enum": ["a", "b"]}, "string"),
        ({"enum": ["a", 1]}, ""),
        ({}, ""),
        (True, ""),
        ({"type": 5}, ""),
    ],
)
def test_types_of_parameters(schema: object, types: str) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"p": schema}}}}
    assert parameter_types([tool]) == {"f": {"p": types}}


def test_odd_tools_have_no_types() -> None:
    assert parameter_types(None) == {}
    assert parameter_types(["x", {"type": "web_search"}, {"function": {"name": 5}}]) == {}
    assert parameter_types([{"function": {"name": "f", "parameters": {"properties": []}}}]) == {"f": {}}


def test_a_freeform_tool_has_one_text() -> None:
    body = {"model": "m", "input": "hi", "tools": [PATCH]}
    assert translate_request(body).context.parameters == {"apply_patch": {"input": "string"}}
