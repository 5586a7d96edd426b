from __future__ import annotations

import pytest

from relay_translate.usage import translate_timings, translate_usage

from .streams import chunk, play_chunks, stop, text


def usage(prompt, cached, completion, reasoning, total, written=0):
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": total,
    }


BASE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (BASE, usage(100, 0, 20, 0, 120)),
        (BASE | {"prompt_tokens_details": {"cached_tokens": 64}}, usage(100, 64, 20, 0, 120)),
        (BASE | {"prompt_tokens_details": None, "prompt_cache_hit_tokens": 30}, usage(100, 30, 20, 0, 120)),
        (
            BASE | {"prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 90}},
            usage(100, 8, 20, 0, 120, written=90),
        ),
        (
            BASE | {"cache_read_input_tokens": 40, "cache_creation_input_tokens": 50},
            usage(100, 40, 20, 0, 120, written=50),
        ),
        (BASE | {"prompt_cache_hit_tokens": 30, "prompt_cache_miss_tokens": 70}, usage(100, 30, 20, 0, 120)),
        (BASE | {"input_tokens_details": {"cached_tokens": 9}}, usage(100, 9, 20, 0, 120)),
        (BASE | {"output_tokens_details": {"reasoning_tokens": 9}}, usage(100, 0, 20, 9, 120)),
        (BASE | {"cached_tokens": 31}, usage(100, 31, 20, 0, 120)),
        (BASE | {"num_cached_tokens": 32}, usage(100, 32, 20, 0, 120)),
        (BASE | {"prompt_token_details": {"cached_tokens": 33}}, usage(100, 33, 20, 0, 120)),
        (BASE | {"completion_tokens_details": {"reasoning_tokens": 7}}, usage(100, 0, 20, 7, 120)),
        (BASE | {"reasoning_tokens": 8}, usage(100, 0, 20, 8, 120)),
        ({"input_tokens": 3, "output_tokens": 4}, usage(3, 0, 4, 0, 7)),
        ({"prompt_tokens": 3}, usage(3, 0, 0, 0, 3)),
        ({"prompt_tokens": 3.0, "completion_tokens": 4.0, "total_tokens": 7.0}, usage(3, 0, 4, 0, 7)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 5}, usage(3, 0, 4, 0, 7)),
        ({"prompt_tokens": 10, "cached_tokens": 50}, usage(10, 10, 0, 0, 10)),
    ],
)
def test_counts_are_found_where_providers_put_them(raw, expected):
    assert translate_usage(raw) == expected


def test_reasoning_counted_only_in_the_total_is_added_to_the_output():
    raw = {
        "prompt_tokens": 12,
        "completion_tokens": 2,
        "total_tokens": 114,
        "completion_tokens_details": {"reasoning_tokens": 100},
    }
    assert translate_usage(raw) == usage(12, 0, 102, 100, 114)


def test_a_total_above_its_parts_is_reasoning_that_nobody_counted():
    assert translate_usage(BASE | {"total_tokens": 178}) == usage(100, 0, 78, 58, 178)


def test_a_total_that_reasoning_does_not_explain_stays():
    raw = BASE | {"total_tokens": 178, "completion_tokens_details": {"reasoning_tokens": 7}}
    assert translate_usage(raw) == usage(100, 0, 20, 7, 178)


def test_timings_stand_in_for_a_usage():
    timings = {"cache_n": 236, "prompt_n": 1, "prompt_ms": 30.9, "predicted_n": 35, "predicted_ms": 661.0}
    assert translate_timings(timings) == usage(237, 236, 35, 0, 272)
    assert translate_timings(None) is None
    assert translate_timings({"prompt_ms": 30.9}) is None


# --- in a stream

LATE = {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16}
EARLY = {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8}
TIMINGS = {"cache_n": 0, "prompt_n": 7, "predicted_n": 9}


@pytest.mark.parametrize(
    "chunks",
    [
        [text("Hi"), stop(usage=None), chunk(choices=[], usage=LATE)],
        [text("Hi") | {"usage": None}, stop(usage=LATE)],
        [text("Hi"), chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop", "usage": LATE}])],
        [text("Hi"), stop(x_groq={"id": "req", "usage": LATE})],
        [text("Hi") | {"usage": EARLY}, stop(usage=EARLY), chunk(choices=[], usage=LATE)],
        [text("Hi"), stop(usage=EARLY), chunk(choices=[], usage=LATE), chunk(choices=[], usage=None)],
        [text("Hi"), stop(timings=TIMINGS)],
        [text("Hi"), stop(timings={"prompt_n": 1, "predicted_n": 1}), chunk(choices=[], usage=LATE, timings=TIMINGS)],
        [text("Hi"), stop(), chunk(choices=None, usage=LATE)],
    ],
)
def test_usage_counts_wherever_it_stands_and_the_last_one_wins(chunks):
    played = play_chunks(*chunks)
    assert played.end["usage"] == usage(7, 0, 9, 0, 16)
    assert not played.summary.usage_estimated


def test_a_missing_usage_is_estimated_and_said_to_be():
    played = play_chunks(text("x" * 40), stop(), input_estimate=1000)
    assert played.end["usage"] == usage(1000, 0, 10, 0, 1010)
    assert played.summary.usage_estimated
    assert "usage: estimated, the provider sent none" in played.summary.notes


def test_a_prompt_that_was_not_counted_is_estimated():
    counted = {"prompt_tokens": 0, "completion_tokens": 9, "total_tokens": 9}
    played = play_chunks(text("Hi"), stop(usage=counted), input_estimate=1000)
    assert played.end["usage"] == usage(1000, 0, 9, 0, 1009)
    assert played.summary.usage_estimated
    assert "usage: estimated, the provider left the prompt out" in played.summary.notes


def test_other_clients_get_no_estimate():
    assert play_chunks(text("Hi"), stop(), input_estimate=1000, codex=False).end["usage"] is None


@pytest.mark.parametrize(
    "raw",
    [
        None, [], "many", 5, {}, {"total_tokens": 5}, {"prompt_tokens": None}, {"prompt_tokens": "12"},
        {"prompt_tokens": True}, {"prompt_tokens": -1}, {"prompt_tokens": float("nan")}, {"prompt_tokens": float("inf")},
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    ],
)  # fmt: skip
def test_what_is_not_a_count_is_no_usage(raw):
    assert translate_usage(raw) is None
