from __future__ import annotations

import pytest

from relay_translate.event_stream import EventStreamDecoder, encode_event

SAMPLE = (
    "data: one\n\n: note\nevent: x\ndata: tw\u00f6\ndata:three\n\nid: 7\nretry: 1\ndata\n\ndata:  four\n\n".encode()
)
EVENTS = [b"one", "tw\u00f6\nthree".encode(), b"", b" four"]


def decode(*pieces: bytes) -> list[bytes]:
    decoder = EventStreamDecoder()
    return [event for piece in pieces for event in decoder.receive(piece)] + decoder.finish()


def test_data_lines_are_joined_and_other_fields_ignored():
    assert decode(SAMPLE) == EVENTS


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_any_line_ending_in_any_slices_gives_the_same_events(ending, size):
    data = SAMPLE.replace(b"\n", ending)
    assert decode(*(data[i : i + size] for i in range(0, len(data), size))) == EVENTS


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_every_split_point_gives_the_same_events(ending):
    data = b"\xef\xbb\xbf" + SAMPLE.replace(b"\n", ending)
    assert {tuple(decode(data[:i], data[i:])) for i in range(len(data) + 1)} == {tuple(EVENTS)}


def test_an_event_is_reported_with_the_piece_that_ends_it():
    decoder = EventStreamDecoder()
    assert decoder.receive(b"data: a") == []
    assert decoder.receive(b"\n") == []
    assert decoder.receive(b"\ndata: b\n\n") == [b"a", b"b"]


def test_crlf_is_one_line_end_though_it_comes_in_two_pieces():
    decoder = EventStreamDecoder()
    assert decoder.receive(b"data: a\r") == []
    assert decoder.receive(b"\ndata: b\r") == []
    assert decoder.receive(b"\n\r") == []
    assert decoder.receive(b"\n") == [b"a\nb"]


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r", b"\r\n"])
def test_the_end_of_the_stream_completes_the_last_event(ending):
    assert decode(b"data: a\n\ndata: b" + ending) == [b"a", b"b"]


def test_finish_is_empty_when_nothing_is_open():
    decoder = EventStreamDecoder()
    decoder.receive(b"data: a\n\n")
    assert decoder.finish() == []
    assert decoder.finish() == []


def test_comments_are_counted_not_reported():
    decoder = EventStreamDecoder()
    assert decoder.receive(b": OPENROUTER PROCESSING\n\n:\n:keep") == []
    assert decoder.comments == 2
    decoder.receive(b"-alive\n\n")
    assert decoder.comments == 3


def test_a_byte_order_mark_counts_at_the_start_only():
    assert decode(b"\xef\xbb\xbfdata: \xef\xbb\xbfa\n\n") == [b"\xef\xbb\xbfa"]


def test_a_line_in_a_thousand_pieces_is_one_line():
    assert decode(b"data: ", *[b"x" * 10] * 1000, b"\n\n") == [b"x" * 10_000]


def test_encode_event_names_and_ends_the_event():
    assert encode_event("response.created", b"{}") == b"event: response.created\ndata: {}\n\n"
