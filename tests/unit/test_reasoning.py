"""Reasoning goes out inside the items and comes back in the next request as the provider sent it."""

from __future__ import annotations

import base64
import json
import tracemalloc
import zlib

import pytest

from relay_translate.reasoning import (
    LARGEST,
    VERSION,
    ReasoningState,
    details_text,
    fold_details,
    join_states,
    seal,
    seal_summary,
    unseal,
    unseal_summary,
)

STATE = ReasoningState(
    "an1",
    "reasoning_content",
    "why é \U0001f914",
    ({"type": "reasoning.text", "signature": "c2ln"},),
    {1: {"extra_content": {"g": 1}}},
)


def pack(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return VERSION + base64.urlsafe_b64encode(zlib.compress(data)).decode().rstrip("=")


def test_what_is_sealed_is_read_back():
    assert unseal(seal(STATE, "p", "m"), "p", "m") == STATE


def test_a_seal_is_ascii_compact_and_always_the_same():
    blob = seal(STATE, "p", "m")
    assert blob.isascii() and blob.startswith("relay1.") and "=" not in blob
    assert blob == seal(STATE, "p", "m")
    assert len(seal(ReasoningState("a", "reasoning", "word " * 10_000), "p", "m")) < 500


def test_another_model_of_the_provider_gets_the_text_and_no_secrets():
    assert unseal(seal(STATE, "p", "m"), "p", "n") == ReasoningState("an1", "reasoning_content", STATE.text)


def test_another_provider_gets_nothing():
    assert unseal(seal(STATE, "p", "m"), "q", "m") is None


BLOB = seal(STATE, "p", "m")
FOREIGN = [
    None, "", 5, {}, [], "OPAQUE-1", "gAAAAABo-openai-fernet", "relay2." + BLOB[7:], "relay1.", "relay1.@@@", "relay1.é",
    BLOB[:-1], BLOB[: len(BLOB) // 2], BLOB[:20], BLOB[:20] + "A" + BLOB[21:], BLOB.upper(),
    pack(b""), pack(b"not json"), pack(b"\xff\xfe"), pack([]), pack("x"), pack(5), pack({}), pack({"profile": 5}),
    pack(b'{"a":' * 100_000), VERSION + base64.urlsafe_b64encode(b"not zlib").decode(),
]  # fmt: skip


@pytest.mark.parametrize("blob", FOREIGN)
def test_foreign_and_damaged_blobs_are_ignored(blob):
    assert unseal(blob, "p", "m") is None
    assert unseal_summary(blob) is None


@pytest.mark.parametrize(
    "more",
    [
        {"text": 5}, {"text": None, "source": None}, {"details": "x"}, {"details": [5, None]}, {"calls": []}, {"calls": {"x": {}}},
        {"calls": {"-1": {}}}, {"calls": {"\u00b2": {}}}, {"calls": {"9" * 5000: {}}}, {"calls": {"0": "x"}},
    ],
)  # fmt: skip
def test_odd_content_of_a_forged_blob_is_left_out(more):
    state = unseal(pack({"profile": "p", "model": "m"} | more), "p", "m")
    assert state is not None and not state


def test_a_bomb_cannot_fill_the_memory():
    bomb = VERSION + base64.urlsafe_b64encode(zlib.compress(b" " * (LARGEST * 4), 9)).decode()
    tracemalloc.start()
    assert unseal(bomb, "p", "m") is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < LARGEST * 4


def test_a_summary_is_read_back_and_is_no_reasoning():
    blob = seal_summary("All é done.")
    assert unseal_summary(blob) == "All é done."
    assert unseal(blob, "p", "m") is None
    assert unseal_summary(BLOB) is None


@pytest.mark.parametrize(
    ("pieces", "folded"),
    [
        ([], []),
        ([{"index": 0, "type": "t", "text": "a"}, {"index": 0, "type": "t", "text": "b"}], [{"index": 0, "type": "t", "text": "ab"}]),
        ([{"index": 0, "type": "t", "text": "a"}, {"index": 0, "type": "t", "signature": "s"}], [{"index": 0, "type": "t", "text": "a", "signature": "s"}]),
        ([{"index": 0, "type": "t", "text": "a"}, {"index": 0, "type": "t", "text": None}], [{"index": 0, "type": "t", "text": "a"}]),
        ([{"index": 0, "type": "t", "text": "a"}, {"index": 1, "type": "t", "text": "b"}], [{"index": 0, "type": "t", "text": "a"}, {"index": 1, "type": "t", "text": "b"}]),
        ([{"index": 0, "type": "s", "summary": "a"}, {"index": 0, "type": "e", "data": "x"}], [{"index": 0, "type": "s", "summary": "a"}, {"index": 0, "type": "e", "data": "x"}]),
        ([{"type": "t", "text": "a"}, {"type": "t", "text": "b"}], [{"type": "t", "text": "a"}, {"type": "t", "text": "b"}]),
        ([5, None, {"type": "t"}], [{"type": "t"}]),
    ],
)  # fmt: skip
def test_pieces_of_details_are_put_together(pieces, folded):
    assert fold_details([], pieces) == folded


def test_the_text_of_details_is_what_people_can_read():
    assert details_text([{"text": "a"}, {"summary": "b"}, {"data": "x"}, {"text": None}, 5]) == "ab"


def test_the_states_of_a_message_are_joined_in_order():
    states = [
        ReasoningState("1", "reasoning", "a"),
        ReasoningState("1", calls={0: {"x": {}}}),
        ReasoningState("1", "reasoning", "b", ({"type": "t"},)),
    ]
    assert join_states(states) == ReasoningState("1", "reasoning", "ab", ({"type": "t"},), {0: {"x": {}}})


def test_the_state_of_a_cut_answer_is_not_the_next_ones():
    states = [ReasoningState("1", "reasoning", "cut"), ReasoningState("2", "reasoning", "whole")]
    assert join_states(states).text == "whole"
    assert not join_states([])
