"""A model that fails before its first token, and another one that answers the client's next try."""

from __future__ import annotations

import pytest

from relay_translate import ApiError
from relay_translate.errors import QUOTA, RATE_LIMIT, RETRY, STOP, hand_over

from .streams import Played, chunk, play_chunks, text

SUCCESSOR = "kimi/kimi-k3"


def answered(*chunks: object) -> Played:
    return play_chunks(*chunks, successor=SUCCESSOR)


@pytest.mark.parametrize(
    "error",
    [
        ApiError(429, RATE_LIMIT, "slow down. Please try again in 60s.", retry_after=60.0),
        ApiError(402, QUOTA, "no credit"),
        ApiError(502, RETRY, "x.test could not be reached"),
        ApiError(429, STOP, "used up. Try again in 90 minutes.", retry_after=5400.0),
    ],
)
def test_what_another_model_may_not_have_is_asked_again_at_once(error: ApiError) -> None:
    told = hand_over(error, SUCCESSOR)
    assert (told.status, told.code, told.retry_after) == (429, RATE_LIMIT, 0.1)
    assert told.message.endswith("kimi/kimi-k3 takes over; try again in 0.1s.")
    assert told.message.count("try again in") == 1
    assert told.replaced == error
    assert hand_over(told, SUCCESSOR) == told


@pytest.mark.parametrize(
    "error",
    [
        ApiError(401, STOP, "wrong key"),
        ApiError(400, STOP, "unknown field"),
        ApiError(400, "context_length_exceeded", "too long"),
    ],
)
def test_what_every_model_would_refuse_stays_as_it_is(error: ApiError) -> None:
    assert hand_over(error, SUCCESSOR) == error
    assert hand_over(ApiError(502, RETRY, "x"), "").code == RETRY


def test_an_error_at_the_head_of_a_stream_is_handed_over() -> None:
    played = answered({"error": {"message": "engine overloaded", "code": 503}})
    error = played.events[-1]["response"]["error"]
    assert error["code"] == RATE_LIMIT
    assert "takes over" in error["message"]
    assert played.summary.error.replaced is not None


def test_an_answer_that_has_begun_is_not() -> None:
    played = answered(text("Hello"), {"error": {"message": "engine overloaded", "code": 503}})
    assert played.summary.error.replaced is None
    assert "takes over" not in played.summary.error.message


def test_thoughts_are_paid_for_too() -> None:
    played = play_chunks(chunk({"reasoning_content": "Hm"}), end=b"", successor=SUCCESSOR)
    assert played.summary.error.replaced is None


def test_the_refusal_of_a_model_that_stood_in_is_handed_over_too() -> None:
    told = hand_over(ApiError(401, STOP, "wrong key"), "one/a", 12.1, stood_in=True)
    assert (told.code, told.retry_after) == (RATE_LIMIT, 12.1)
    assert told.message == "wrong key. one/a takes over; try again in 12.1s."
    overflow = ApiError(400, "context_length_exceeded", "too long")
    assert hand_over(overflow, "one/a", stood_in=True) == overflow
