from __future__ import annotations

import pytest

from relay_translate.usage import translate_usage


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
