"""What the translation of a turn did, side by side."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from relay_translate import translate_request
from relay_translate.json_text import json_bytes
from relay_translate.profiles import PROFILES
from relay_translate.transcript import WIDTH, prefix_difference, request_view, translation_view

from .transcripts import FIXTURES, TURNS, assert_shown, body, raw, section


def view_of(case: str, turn: int, **told: Any) -> str:
    upstream = "upstream.sse" if (FIXTURES / case / f"turn-{turn}" / "upstream.sse").exists() else "upstream.json"
    given = {"answer": raw(case, turn, "response.sse"), "chat_answer": raw(case, turn, upstream)}
    return translation_view(body(case, turn), body(case, turn, "chat_request.json"), **given, **told)


def test_each_item_stands_beside_the_message_it_went_into() -> None:
    assert view_of("patch", 2) == (
        """8 items -> 4 messages · 3.3 KB -> 2.2 KB

Parameters:
  passed on: model: scripted-model, stream: true
  not sent, the default: tool_choice: auto, parallel_tool_calls: true
  not sent, no part of Chat Completions: reasoning.summary, include,
      client_metadata
  not sent, for OpenAI alone: store
  left out by the profile or an option: prompt_cache_key:
      00000000-0000-4000-8000-000000000001
  (added for token counts)              -> stream_options: {include_usage: true}

Tools:
  apply_patch (custom)                  -> function apply_patch(input: string)

Answer: 5 chunks, 939 bytes -> 9 events, 3.0 KB
  content (8 characters): Patched.      -> 0 message
  finish_reason: stop                   -> response.completed
  usage: 1200 in, 34 out                -> the same

Conversation:
  joined: what instructs in front; user messages in a row (some refuse them)
    0 developer: You are a coding agen… -> 0 system, joined with others
    1 developer: <skills_instructions>… -> 0 system, joined with others
    2 user: <environment_context> <cwd… -> 1 user, joined with others
    3 user: add a file                  -> 1 user, joined with others
    4 reasoning: A patch will do.       -> 2 assistant.reasoning_content
    5 assistant: Patching.              -> 2 assistant
    6 apply_patch: adds new.txt (+2 −0) -> 2 assistant.tool_calls[0], its text
                                           as `input`
    7   exit 0, 0.1 s: Success. Update… -> 3 tool
"""
    )


def test_images_of_tools_are_found_in_the_message_that_was_added_for_them() -> None:
    assert section(view_of("tool-image", 2), "Conversation:").split("\n")[-2:] == [
        "    7   0.1 s: a red square [image png… -> 3 tool, its image in 5 user",
        "    8   [image png 80 bytes]            -> 4 tool, its image in 5 user",
    ]


def test_tools_of_a_namespace_are_shown_with_the_names_they_got() -> None:
    assert "mcp__tiny.NAME -> mcp__tiny__NAME: echo, ping, structured\n" in view_of("mcp", 1)


def test_a_tool_that_was_left_out_is_told_and_then_nothing_else_is_claimed() -> None:
    view = view_of("web-search", 1)
    assert f"  {'web_search':<37} -> left out\n" in view
    assert "nothing had to be left out" not in view


def test_notes_and_repairs_come_first_with_their_reasons() -> None:
    view = view_of("patch", 2, notes=["text.verbosity: left out, the provider has none"], quirks=["think-tags"])
    assert section(view, "Left out, renamed or repaired:").split("\n") == [
        "  text.verbosity: left out, the provider has none",
        "  answer: reasoning between think tags at the start of the text was made",
        "      reasoning (think-tags)",
    ]
    assert view.index("Left out, renamed or repaired:") < view.index("Parameters:")
    assert "nothing had to be" not in view


@pytest.mark.parametrize("note", ["verbosity: left out, only one model has it", ""])
def test_a_parameter_that_was_left_out_is_told_once(note: str) -> None:
    request = {"model": "m", "input": [], "text": {"verbosity": "low"}, "prompt_cache_key": "k-1"}
    notes = [note, "prompt_cache_key: left out, nobody reads it"] if note else []
    view = translation_view(request, {"model": "m", "messages": []}, notes=notes)
    assert "nothing had to be left out" not in view
    assert (view.count("verbosity"), view.count("prompt_cache_key")) == (1, 1)
    if note:
        assert "  text.verbosity (low): left out, only one model has it\n" in view
        assert "  prompt_cache_key (k-1): left out, nobody reads it\n" in view
    else:
        told = "left out by the profile or an option: text.verbosity: low, prompt_cache_key: k-1"
        assert told in " ".join(view.split())


def test_a_turn_that_lost_nothing_says_so() -> None:
    request = {"model": "m", "input": [], "store": False, "tool_choice": "auto", "client_metadata": {"a": "b"}}
    assert "nothing had to be left out or repaired\n" in translation_view(request, {"model": "m", "messages": []})


def test_what_is_said_of_a_field_is_true_of_the_two_bodies() -> None:
    fields = {"parallel_tool_calls": False, "tool_choice": "auto", "store": True, "include": [], "user": "u"}
    request = {"model": "m", "input": [], "client_metadata": {"a": "b"}, **fields}
    tools = [{"type": "function", "function": {"name": "f"}}]
    chat = {"model": "m", "messages": []}

    def rows(**more: Any) -> list[str]:
        view = translation_view(request, chat | more)
        return [line.strip() for line in section(view + "\n", "Parameters:").split("\n")]

    assert "passed on: model: m, parallel_tool_calls: false" in rows(tools=tools, parallel_tool_calls=False)
    assert "not sent, as there are no tools: parallel_tool_calls: false" in rows()
    assert "left out by the profile or an option: parallel_tool_calls: false" in rows(tools=tools)
    assert "not sent, the default: tool_choice: auto" in rows(tools=tools)
    assert "not sent, for OpenAI alone: store, user" in rows()
    assert "not sent, no part of Chat Completions: include, client_metadata" in rows()
    sent = rows(store=True, client_metadata={"a": "b"})
    assert "not sent, for OpenAI alone: user" in sent and "not sent, no part of Chat Completions: include" in sent


@pytest.mark.parametrize("turn", TURNS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_field_of_a_real_request_is_told_once(turn: Any) -> None:
    request = body(turn.parent.name, int(turn.name[5:]))
    made = translate_request(request)
    view = translation_view(request, made.body, notes=made.notes)
    end = view.index("\n\nTools:") if "\n\nTools:" in view else view.index("\n\nConversation:")
    told = " ".join(view[:end].split())
    for name in ("prompt_cache_key", "text.verbosity", "store", "include:", "reasoning.summary", "client_metadata"):
        assert told.count(name) <= 1, name


def test_renamed_and_added_parameters_are_told() -> None:
    request = {"model": "m", "input": [], "max_output_tokens": 5, "reasoning": {"effort": "high"}}
    chat = {"model": "m", "messages": [], "max_tokens": 5, "reasoning_effort": "high", "top_k": 1}
    lines = section(translation_view(request, chat) + "\n", "Parameters:").split("\n")
    assert f"  {'max_output_tokens: 5':<37} -> max_tokens: 5" in lines
    assert f"  {'reasoning.effort: high':<37} -> reasoning_effort: high" in lines
    assert f"  {'(added by the profile or an option)':<37} -> top_k: 1" in lines


def test_an_item_that_was_lost_is_told() -> None:
    request, chat = body("parallel", 2), body("parallel", 2, "chat_request.json")
    chat["messages"] = chat["messages"][:-1]
    last = translation_view(request, chat).rstrip("\n").split("\n")[-1]
    assert last.startswith("    9   exit 0, 0.1 s: right ")
    assert last.endswith("-> left out")


def test_a_call_found_in_the_text_is_told() -> None:
    data = b'data: {"choices": [{"delta": {"content": "<tool_call>x"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    item = {"type": "function_call", "name": "exec_command", "call_id": "c", "arguments": '{"cmd": "ls"}'}
    events = [
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"status": "completed"}},
    ]
    answer = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    view = translation_view(body("patch", 1), body("patch", 1, "chat_request.json"), answer=answer, chat_answer=data)
    assert "-> no item of its own\n" in view
    assert "  (found in the text, or added)         -> 0 function_call exec_command\n" in view


def test_a_long_field_is_read_on_both_sides_of_the_arrow() -> None:
    schema = {"type": "json_schema", "name": "answer", "schema": {"type": "object", "required": ["answer"]}}
    request = {"model": "m", "input": [], "text": {"format": schema}}
    view = translation_view(request, {"model": "m", "messages": [], "response_format": {"type": "json_object"}})
    assert f"  {'text.format: {type: json_schema,':<37} -> response_format: {{type: json_object}}\n" in view
    assert "required: [answer]" in " ".join(view.split())


def test_the_error_that_a_turn_ended_with_has_its_row() -> None:
    error = {"type": "response.failed", "response": {"status": "failed", "error": {"code": "x", "message": "Broken"}}}
    answer = b"data: " + json.dumps(error).encode() + b"\n\n"
    bodies = body("patch", 1), body("patch", 1, "chat_request.json")
    for given, left in (
        (b'{"error": {"message": "Out of credit", "code": "quota"}}', "quota: Out of credit"),
        (b'data: {"choices": [{"delta": {"content": "a"}}]}\n\ndata: {"ch\n\n', "event 2 can't be read: {\"ch"),
        (b"", "no error is told"),
    ):
        assert f"  {left:<37} -> x: Broken\n" in translation_view(*bodies, answer=answer, chat_answer=given)


def test_a_turn_that_was_never_sent_says_so() -> None:
    assert "no chat request was made of it\n" in translation_view(body("patch", 1), {})


def test_an_answer_that_never_came_is_nothing() -> None:
    view = translation_view(body("cut", 1), body("cut", 1, "chat_request.json"), answer=raw("cut", 1, "response.sse"))
    assert "\nAnswer: nothing -> 8 events, " in view


@pytest.mark.parametrize("turn", TURNS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_item_of_a_real_turn_has_its_row_within_the_page(turn: Any) -> None:
    case, number = turn.parent.name, int(turn.name[5:])
    view = view_of(case, number)
    assert_shown(view)
    assert max(map(len, view.split("\n"))) <= WIDTH
    rows = section(view + "\n", "Conversation:").split("\n")
    assert len({row.split()[0] for row in rows if row[2:5].strip().isdigit()}) == len(body(case, number)["input"])
    assert not [row for row in rows if row.endswith("-> left out")]


def test_every_profiles_request_can_be_compared() -> None:
    request = body("tool-image", 2)
    for profile in PROFILES.values():
        made = translate_request(request, profile)
        assert_shown(translation_view(request, made.body, notes=made.notes))


# -- damage

WORDS = [
    "type", "role", "content", "input", "output", "tools", "name", "messages", "model", "arguments", "call_id", "function",
    "text", "image_url", "summary", "user", "assistant", "tool", "reasoning", "function_call", "tool_calls", "properties",
    "anyOf", "enum", "namespace", "custom", "\ud800", "\x1b[31mX", "*** Begin Patch", "a\nb", "x" * 300,
]  # fmt: skip
VALUES = [None, True, 0, -1, 1e308, float("nan"), float("inf"), 10**400, "", [], {}]


def anything(dice: random.Random, depth: int = 0) -> Any:
    kind = dice.randrange(4 if depth < 5 else 2)
    if kind == 0:
        return dice.choice(VALUES)
    if kind == 1:
        return dice.choice(WORDS)
    if kind == 2:
        return [anything(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {dice.choice(WORDS): anything(dice, depth + 1) for _ in range(dice.randrange(5))}


def spoilt(value: Any, dice: random.Random, share: float) -> Any:
    if dice.random() < share:
        return anything(dice)
    if isinstance(value, dict):
        return {key: spoilt(one, dice, share) for key, one in value.items() if dice.random() > share / 3}
    return [spoilt(one, dice, share) for one in value] if isinstance(value, list) else value


def test_json_of_any_shape_can_be_shown() -> None:
    dice = random.Random(1)
    for _ in range(300):
        one, other = anything(dice), anything(dice)
        assert_shown(request_view(one, previous=other))
        assert_shown(request_view({"input": one, "tools": other}, previous={"input": other}))
        assert_shown(request_view({"messages": one, "tools": other}, previous={"messages": other}))
        assert_shown(translation_view({"input": one, "tools": other}, {"messages": other, "tools": one}))


def test_spoilt_requests_can_be_shown_and_compared() -> None:
    dice = random.Random(2)
    for turn in TURNS:
        number = int(turn.name[5:])
        request, chat = (body(turn.parent.name, number, name) for name in ("request.json", "chat_request.json"))
        for share in (0.02, 0.2):
            odd, odd_chat = spoilt(copy.deepcopy(request), dice, share), spoilt(copy.deepcopy(chat), dice, share)
            assert_shown(request_view(odd, previous=request))
            assert_shown(request_view(chat, previous=odd_chat))
            assert_shown(translation_view(odd, odd_chat, notes=["x: y"], quirks=["?"]))
            before, now = json_bytes(request), json_bytes(odd)
            found = prefix_difference(before, now)
            assert found is None or (str(found) and 0 <= found.offset <= len(now))
            prefix_difference(now[: dice.randrange(len(now) + 1)], before)


def test_answers_cut_anywhere_can_be_compared() -> None:
    request, chat = body("mcp", 1), body("mcp", 1, "chat_request.json")
    answer, chat_answer = raw("mcp", 1, "response.sse"), raw("mcp", 1, "upstream.sse")
    for length in range(0, len(answer), 101):
        assert_shown(translation_view(request, chat, answer=answer[:length], chat_answer=chat_answer[: length // 2]))
