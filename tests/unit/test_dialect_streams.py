"""Every shape in which a provider streams, in every framing and every slicing, comes to the outcome it states."""

from __future__ import annotations

import pytest

from .dialect_streams import SHAPES, Shape
from .streams import DONE, Played, brief, play
from .test_independent_judge import judged, validated

SLICES = [1, 2, 7, 64, 1_000_000]
LINE_ENDS = [b"\n", b"\r\n", b"\r"]
# Codes that Codex acts on and that the SDK's list of codes for people does not have.
OF_CODEX = {"context_length_exceeded", "insufficient_quota"}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def shape(request: pytest.FixtureRequest) -> Shape:
    return request.param


def played(shape: Shape, data: bytes, size: int = 1_000_000, **fields: object) -> Played:
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return play(*pieces, cut_call=True, **{**shape.context, **fields})


def check(shape: Shape, result: Played) -> None:
    assert brief(result.items) == list(shape.items)
    if shape.error:
        assert result.error["code"] == shape.error
        assert shape.says in result.error["message"]
        return
    assert result.end["status"] == "completed"
    assert result.summary.usage_estimated is (shape.usage is None)
    if shape.usage is not None:
        told = result.end["usage"]
        cached, reasoning = (
            told["input_tokens_details"]["cached_tokens"],
            told["output_tokens_details"]["reasoning_tokens"],
        )
        assert (told["input_tokens"], cached, told["output_tokens"], reasoning, told["total_tokens"]) == shape.usage


@pytest.mark.parametrize("size", SLICES)
def test_a_stream_comes_to_its_outcome_however_it_is_cut(shape: Shape, size: int) -> None:
    check(shape, played(shape, shape.data, size))


@pytest.mark.parametrize("line_end", LINE_ENDS)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_change_nothing(shape: Shape, line_end: bytes, mark: bytes) -> None:
    for size in (1, 1_000_000):
        check(shape, played(shape, mark + shape.data.replace(b"\n", line_end), size))


def test_comments_between_all_events_change_nothing(shape: Shape) -> None:
    if not shape.is_stream:
        return  # a comment would make a stream of it
    check(shape, played(shape, b": hello\n\n" + shape.data.replace(b"\n\n", b"\n\n: still here\n\n"), 100))


def test_the_sdk_folds_a_stream_to_its_outcome(shape: Shape) -> None:
    events = played(shape, shape.data).events
    for event in events:
        if event["type"] != "response.failed" or event["response"]["error"]["code"] not in OF_CODEX:
            validated(event)
    if shape.error:
        return
    _, last = judged(events)
    assert last.type == "response.completed"
    assert [item.type for item in last.response.output] == [kind for kind, *_ in shape.items]


def test_an_answer_asked_for_whole_may_come_as_a_stream(shape: Shape) -> None:
    """`stream: false` and an event stream all the same."""
    if not shape.error:
        check(shape, played(shape, shape.data, stream=False))


def test_a_cut_stream_is_never_a_success(shape: Shape) -> None:
    """Cut before the chunk with the finish reason, which is where a connection breaks."""
    events = shape.data.split(b"\n\n")
    whole = [i for i, event in enumerate(events) if b'"finish_reason": "' in event]
    if not shape.is_stream or not whole or shape.error:
        return  # a body, a stream without a reason, or one that fails anyway
    result = played(shape, b"\n\n".join(events[: whole[0]]) + b"\n\n")
    assert result.error["code"] == "server_error"


def test_every_kind_of_outcome_is_among_the_shapes() -> None:
    """A generator that builds nothing would pass every test above."""
    assert {shape.error for shape in SHAPES.values()} >= {"", "server_error", "invalid_prompt", *OF_CODEX}
    kinds = {kind for shape in SHAPES.values() for kind, *_ in shape.items}
    assert kinds == {"message", "reasoning", "function_call", "web_search_call"}
    assert len(SHAPES) > 100
    assert len({shape.data for shape in SHAPES.values()}) == len(SHAPES)
    assert sum(DONE in shape.data for shape in SHAPES.values()) > 70
