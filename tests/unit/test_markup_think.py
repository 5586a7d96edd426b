"""Reasoning between tags at the start of the text."""

from __future__ import annotations

import pytest

from relay_translate import translate_request
from relay_translate.markup.think import ThinkSplitter
from relay_translate.profiles import find_profile

from .leaks import said, thought
from .streams import PATCH, call, play_chunks, stop, text


def split(*pieces: str) -> tuple[str, str]:
    splitter = ThinkSplitter(("think", "thought"))
    parts = [splitter.receive(piece) for piece in pieces] + [splitter.finish()]
    return "".join(thought for thought, _ in parts), "".join(text for _, text in parts)


CASES = [
    ("<think>why</think>because", "why", "because"),
    ("<think>\nwhy\n</think>\n\nbecause", "why", "because"),
    ("\n<think>\nwhy\n\nso\n</think>\nbecause", "why\n\nso", "because"),
    ("<think></think>because", "", "because"),
    ("<think>never closed", "never closed", ""),
    ("<think>a < b </thin c</think>d", "a < b </thin c", "d"),
    ("no tag", "", "no tag"),
    ("say <think>x</think>", "", "say <think>x</think>"),
    ("<thinking>x", "", "<thinking>x"),
    ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
    ("<b>bold</b>", "", "<b>bold</b>"),
    ("<th", "", "<th"),
    ("<thought>why</thought>because", "why", "because"),
    ("<thought>a</think>b</thought>c", "a</think>b", "c"),
    ("<think>use <think> tags</think>answer", "use <think> tags", "answer"),
    ("<think>a<think>b</think>c</think>d", "a<think>b", "c</think>d"),
    ("<think>\n\n</think>\n\n<think> opens", "", "<think> opens"),
    ("</think>because", "", "</think>because"),
    ("`<think>` opens", "", "`<think>` opens"),
    ("<thinker>x", "", "<thinker>x"),
]


@pytest.mark.parametrize(("whole", "thought", "text"), CASES)
def test_every_split_point_gives_the_same_parts(whole, thought, text):
    assert {split(whole[:i], whole[i:]) for i in range(len(whole) + 1)} == {(thought, text)}


@pytest.mark.parametrize(("whole", "thought", "text"), CASES)
def test_single_characters_give_the_same_parts(whole, thought, text):
    assert split(*whole) == (thought, text)


def test_text_is_not_held_once_it_is_text():
    splitter = ThinkSplitter(("think", "thought"))
    assert splitter.receive("Hello") == ("", "Hello")
    assert splitter.is_text
    assert splitter.receive("<thi") == ("", "") or splitter.is_text


def test_reasoning_streams_up_to_what_may_be_the_tag():
    splitter = ThinkSplitter(("think", "thought"))
    assert splitter.receive("<think>one ") == ("one ", "")
    assert splitter.receive("two</") == ("two", "")
    assert splitter.receive("b>") == ("</b>", "")
    assert splitter.receive("</think>x") == ("", "x")


def test_a_tag_that_is_not_the_profiles_is_text():
    splitter = ThinkSplitter(("reason",))
    assert splitter.receive("<think>a</think>b") == ("", "<think>a</think>b")
    splitter = ThinkSplitter(("reason",))
    assert splitter.receive("<reason>a</reason>b") == ("a", "b")


def played(*pieces, **fields):
    return play_chunks(*(text(piece) if isinstance(piece, str) else piece for piece in pieces), stop(), **fields)


def test_reasoning_may_begin_again_behind_calls():
    run = call('{"cmd":"ls"}', "exec_command", "c1")
    items = played("<think>a</think>One.", run, "<th", "ink>b</think>", "Two. <think>c</think>").items
    assert [item["type"] for item in items] == ["reasoning", "message", "function_call", "reasoning", "message"]
    assert (thought(items), said(items)) == ("ab", "One.Two. <think>c</think>")


def test_reasoning_that_is_still_open_at_a_call_goes_on_behind_it():
    run = call('{"cmd":"ls"}', "exec_command", "c1")
    items = played("<think>a", run, "b</think>Done.").items
    assert (thought(items), said(items)) == ("ab", "Done.")


def test_think_tags_are_a_quirk():
    on, off = played("<think>a</think>b"), played("<think>a</think>b", disabled_quirks=frozenset({"think-tags"}))
    assert ("think-tags" in on.summary.quirks, "think-tags" in off.summary.quirks) == (True, False)
    assert said(off.items) == "<think>a</think>b"
    assert "think-tags" not in played("b <think>").summary.quirks


@pytest.mark.parametrize("tag", ["think", "thought"])
def test_reasoning_goes_back_between_the_tags_it_came_in(tag):
    run = call('{"cmd":"ls"}', "exec_command", "c1")
    items = played(f"<{tag}>\nwhy\n</{tag}>\n\nbecause", run, model="m").items
    output = {"type": "function_call_output", "call_id": "c1", "output": "x"}
    body = {"model": "m", "input": [{"type": "message", "role": "user", "content": "go"}, *items, output]}
    (_, assistant, _) = translate_request(body | {"tools": [PATCH]}, find_profile()).body["messages"]
    assert assistant["content"] == f"<{tag}>\nwhy\n</{tag}>\n\nbecause"
