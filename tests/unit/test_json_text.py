from __future__ import annotations

import pytest

from relay_translate.json_text import (
    ObjectScanner,
    is_complete_object,
    json_bytes,
    json_text,
    mend_surrogates,
    split_surrogate,
)

WHOLE = [
    "{}",
    ' {"a": 1}\n',
    '{"a":{"b":{}},"c":[{}]}',
    '{"a":"}"}',
    '{"a":"\\"}"}',
    '{"a":"\\\\"}',
    '{"a":"{\\\\\\"{"}',
    '{"a":"\\u007d"}',
]
NOT_STRICT = ['{"a":"\\d"}', '{"a":"x\ny"}', "{a}"]
OTHER = [
    "", " ", "{", '{"a":"}', '{"a":"\\"}', '{"a":{}', '{"a":1}x', "{}{}", '{} "', "[]", '"{}"', "x{}", "null", "}", '{"a":"\\\\\\"}',
]  # fmt: skip


def scanned(*pieces: str) -> bool:
    scanner = ObjectScanner()
    for piece in pieces:
        scanner.receive(piece)
    return scanner.is_whole


@pytest.mark.parametrize(("text", "whole"), [*((t, True) for t in WHOLE + NOT_STRICT), *((t, False) for t in OTHER)])
def test_an_object_is_whole_at_its_last_brace_wherever_it_is_cut(text, whole):
    assert scanned(*text) is whole
    assert {scanned(text[:i], text[i:]) for i in range(len(text) + 1)} == {whole}
    assert {scanned(text[:i], "", text[i : i + 2], text[i + 2 :]) for i in range(len(text) + 1)} == {whole}


@pytest.mark.parametrize(("text", "whole"), [*((t, True) for t in WHOLE), *((t, False) for t in NOT_STRICT + OTHER)])
def test_a_strict_look_takes_only_json(text, whole):
    assert is_complete_object(text) is whole


def test_an_object_nested_beyond_reason_is_not_taken():
    assert not is_complete_object('{"a":' * 100_000 + "1" + "}" * 100_000)


def test_json_is_compact_and_keeps_the_order_of_keys():
    assert json_text({"b": [1, None, True], "a": "é\n"}) == '{"b":[1,null,true],"a":"é\\n"}'


@pytest.mark.parametrize(
    ("text", "mended"),
    [("a", "a"), ("\ud83d", "\ufffd"), ("\ude00\ud83d", "\ufffd\ufffd"), ("\ud83d\ude00", "\U0001f600")],
)
def test_bytes_are_utf_8_whatever_the_text(text, mended):
    assert mend_surrogates(text) == mended
    assert json_bytes({"k": text}) == f'{{"k":"{mended}"}}'.encode()


@pytest.mark.parametrize(
    ("text", "parts"), [("", ("", "")), ("a", ("a", "")), ("a\ud83d", ("a", "\ud83d")), ("a\ude00", ("a\ude00", ""))]
)
def test_half_a_pair_at_the_end_is_kept_apart(text, parts):
    assert split_surrogate(text) == parts
