"""Framing: comments, event names, line ends, JSON in place of a stream, and chunks with nothing in them."""

from __future__ import annotations

import json

from tests.unit.streams import DONE, Json, chunk, event, stop, stream, text

from .shape import choices, counted, said, shape

HELLO = ("message", "Hello")
WHOLE = {
    "id": "w1", "object": "chat.completion", "created": 1, "model": "m-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": counted(5, 2),
}  # fmt: skip


@shape(HELLO)
def comments() -> bytes:
    """OpenRouter's, DeepSeek's keep-alives, llama.cpp's bare colon."""
    return b": OPENROUTER PROCESSING\n\n: keep-alive\n\n:\n\n" + stream(
        text("Hel"), end=b":\n\n" + stream(text("lo"), stop())
    )


@shape(HELLO)
def blank_lines_first() -> bytes:
    return b"\n\n\n" + stream(text("Hello"), stop())


@shape(HELLO)
def event_names_and_numbers() -> bytes:
    """Gateways: event, id and retry lines, no space behind the colon."""
    one = b"id: 1\nevent:message\nretry:500\ndata:" + json.dumps(text("Hello")).encode() + b"\n\n"
    return one + b"id:2\nevent: message\ndata:" + json.dumps(stop()).encode() + b"\n\ndata:[DONE]\n\n"


@shape(HELLO)
def data_over_two_lines() -> bytes:
    raw = json.dumps(text("Hello"), indent=1).encode()
    return b"data: " + raw.replace(b"\n", b"\ndata: ") + b"\n\n" + stream(stop())


@shape(HELLO)
def last_event_unfinished() -> bytes:
    return stream(text("Hello"), end=event(stop())[:-2])


@shape(HELLO)
def first_chunk_is_empty() -> list[Json]:
    """Azure: filter results, no choices, empty names."""
    first = {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": [{"prompt_index": 0}],
    }
    return [first, text("Hello"), stop()]


@shape(HELLO)
def choices_of_every_kind() -> list[Json]:
    """Null, absent, empty, with a null delta."""
    return [
        choices() | {"choices": None}, {"id": "c1", "object": "chat.completion.chunk"}, choices(), said(None),
        text("Hello"), said(None, finish_reason="stop"), choices() | {"choices": None},
    ]  # fmt: skip


@shape(HELLO)
def keys_in_another_order() -> list[Json]:
    """Qwen: choices first, id last; the role on each."""
    return [dict(reversed(each.items())) for each in (chunk({"content": "Hello", "role": "assistant"}), stop())]


@shape(HELLO)
def content_as_parts() -> list[Json]:
    return [chunk({"content": [{"type": "text", "text": "Hel"}]}), chunk({"content": ["lo"]}), stop()]


@shape(("message", "Grüße 😀 漢"))
def characters_of_many_bytes() -> bytes:
    """Raw UTF-8, which a cut may fall into."""
    pieces = (text("Grü"), text("ße 😀"), text(" 漢"), stop())
    return b"".join(b"data: " + json.dumps(piece, ensure_ascii=False).encode() + b"\n\n" for piece in pieces) + DONE


@shape(("message", "😀"))
def a_pair_cut_in_two() -> bytes:
    """A surrogate pair over two deltas."""
    halves = [json.dumps(text("X")).replace('"X"', f'"{half}"') for half in (r"\ud83d", r"\ude00")]
    return stream(*halves, stop())


@shape(HELLO)
def an_event_that_is_no_json() -> bytes:
    return stream(text("Hello"), end=b"data: ping\n\n" + stream(stop()))


@shape(HELLO, usage=(5, 0, 2, 0, 7), is_stream=False)
def json_in_place_of_a_stream() -> bytes:
    return json.dumps(WHOLE, indent=1).encode()


@shape(HELLO, usage=(5, 0, 2, 0, 7), is_stream=False)
def json_behind_blank_lines() -> bytes:
    """DeepSeek keeps a waiting connection alive with them."""
    return b"\n\n\n" + json.dumps(WHOLE).encode()


@shape(error="server_error", says="Boom", is_stream=False)
def json_error_of_a_200() -> bytes:
    """OpenRouter, relays."""
    return b'{"error": {"message": "Boom", "code": 502}, "user_id": "u"}'


@shape(error="server_error", says="502 Bad Gateway", is_stream=False)
def a_page() -> bytes:
    return b"<html><head><title>502 Bad Gateway</title></head></html>"


@shape(error="server_error", says="was empty", is_stream=False)
def nothing() -> bytes:
    return b""
