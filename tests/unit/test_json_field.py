from __future__ import annotations

import json
import re

import pytest

from relay_translate.json_field import StringField


def read(*pieces: str) -> tuple[list[str], str]:
    field = StringField("input")
    live = [field.receive(piece) for piece in pieces]
    return live, field.finish("".join(pieces))


def test_text_comes_as_it_arrives():
    assert read('{"input": "', "ab", "cd", 'e"', "}") == (["", "ab", "cd", "e", ""], "abcde")


TEXTS = [
    "plain",
    'quote " backslash \\ slash / tab \t newline \n',
    "Ünïcödé 漢字 \U0001f600\U0001f680",
    "*** Begin Patch\n*** Add File: a\\b.txt\n+\\d+ \\u0041\n*** End Patch\n",
    "\\\\\\",
    "\x00\x1f\x7f\u2028",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_every_split_point_gives_the_same_text(text, ascii_only):
    whole = json.dumps({"input": text}, ensure_ascii=ascii_only)
    for i in range(len(whole) + 1):
        live, final = read(whole[:i], whole[i:])
        assert (final, "".join(live)) == (text, text), i


@pytest.mark.parametrize("text", TEXTS)
def test_single_characters_give_the_same_text(text):
    live, final = read(*json.dumps({"input": text}))
    assert "".join(live) == final == text


def test_a_surrogate_pair_in_two_escapes_is_never_sent_in_half():
    live, final = read('{"input":"a\\ud83d', "\\ude", '00b"}')
    assert live == ["a", "", "\U0001f600b"]
    assert final == "a\U0001f600b"


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"\ud83d", "\ufffd"),
        (r"\ude00x", "\ufffdx"),
        (r"\ud83dxyz1234", "\ufffdxyz1234"),
        (r"\ud83d\n", "\ufffd\n"),
        (r"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
    ],
)
def test_half_a_pair_is_replaced(escaped, text):
    whole = f'{{"input":"{escaped}"}}'
    for i in range(len(whole) + 1):
        live, final = read(whole[:i], whole[i:])
        assert (final, "".join(live)) == (text, text), i


@pytest.mark.parametrize(
    ("escaped", "text"),
    [(r"\d+", r"\d+"), (r"it\'s", r"it\'s"), ("two\nlines\tx", "two\nlines\tx"), (r"\xff \n", "\\xff \n")],
)
def test_what_json_does_not_allow_is_taken_as_meant(escaped, text):
    whole = f'{{"input":"{escaped}"}}'
    for i in range(len(whole) + 1):
        live, final = read(whole[:i], whole[i:])
        assert (final, "".join(live)) == (text, text), i


@pytest.mark.parametrize(
    ("whole", "text"),
    [
        ('{ "input" :\n "a" }', "a"),
        ('{"input":"a","more":1}', "a"),
        ('{"more":1,"input":"a"}', "a"),
        ('{"patch":"a"}', "a"),
        ('"a"', "a"),
        ("*** Begin Patch\n*** End Patch", "*** Begin Patch\n*** End Patch"),
        ('{"a":"x","b":"y"}', '{"a":"x","b":"y"}'),
        ('{"input":["a"]}', '{"input":["a"]}'),
        ("{}", ""),
        ("null", ""),
        ('{"input":""}', ""),
        ('{"input":"cut', "cut"),
    ],
)
def test_texts_wrapped_in_other_ways_are_found_in_the_end(whole, text):
    live, final = read(*whole)
    assert final == text
    assert re.match(re.escape("".join(live)), final)


def test_deep_nesting_is_text():
    whole = '{"a":' * 100_000
    assert read(whole)[1] == whole
