from __future__ import annotations

import pytest

from relay_translate.markup import ThinkSplitter


def split(*pieces: str) -> tuple[str, str]:
    splitter = ThinkSplitter()
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
]


@pytest.mark.parametrize(("whole", "thought", "text"), CASES)
def test_every_split_point_gives_the_same_parts(whole, thought, text):
    assert {split(whole[:i], whole[i:]) for i in range(len(whole) + 1)} == {(thought, text)}


@pytest.mark.parametrize(("whole", "thought", "text"), CASES)
def test_single_characters_give_the_same_parts(whole, thought, text):
    assert split(*whole) == (thought, text)


def test_text_is_not_held_once_it_is_text():
    splitter = ThinkSplitter()
    assert splitter.receive("Hello") == ("", "Hello")
    assert splitter.is_text
    assert splitter.receive("<thi") == ("", "") or splitter.is_text


def test_reasoning_streams_up_to_what_may_be_the_tag():
    splitter = ThinkSplitter()
    assert splitter.receive("<think>one ") == ("one ", "")
    assert splitter.receive("two</") == ("two", "")
    assert splitter.receive("b>") == ("</b>", "")
    assert splitter.receive("</think>x") == ("", "x")
