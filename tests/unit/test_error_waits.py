"""Limits and overloads: when to try again, and when not to."""

from __future__ import annotations

import pytest

from .error_answers import answer

WAITS = [
    ("Please try again in 10.7s.", {}, 10.7),
    ("Please try again in 500ms.", {}, 0.5),
    ("Please try again in 7m54.5s. Visit the console", {}, 474.5),
    ("Please try again in 2 minutes", {}, 120.0),
    ("retry after 20 seconds", {}, 20.0),
    ("You exceeded your current quota. Please retry in 59.28s.", {}, 59.28),
    ("Slow down", {}, 5.0),
    ("Slow down", {"retry-after": "7"}, 7.0),
    ("Slow down", {"retry-after": "0"}, 0.0),
    ("Slow down", {"retry-after": "0.25"}, 0.25),
    ("Slow down", {"retry-after": "7", "retry-after-ms": "1500"}, 1.5),
    ("Slow down", {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 5.0),
    ("Slow down", {"retry-after": "-1"}, 5.0),
    ("Slow down", {"retry-after": "nan"}, 5.0),
    ("Slow down", {"retry-after": "1e9"}, 5.0),
    ("Please try again in 3s", {"retry-after": "9"}, 9.0),
]


@pytest.mark.parametrize(("message", "headers", "wait"), WAITS)
def test_a_rate_limit_says_when_to_try_again(message, headers, wait):
    error = answer(429, {"error": {"message": message}}, headers)
    assert (error.code, error.status) == ("rate_limit_exceeded", 429)
    assert error.retry_after == pytest.approx(wait)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("Slow down.", "Slow down. Please try again in 5s."),
        ("Please try again in 10.7s.", "Please try again in 10.7s."),
        ("Please try again in 1m2.5s", "Please try again in 1m2.5s. Please try again in 62.5s."),
    ],
)
def test_the_wait_stands_in_the_sentence_as_codex_reads_it(message, sentence):
    assert answer(429, {"error": message}).message == sentence


RESETS = [
    ({"x-ratelimit-reset-requests": "1m2.3s"}, 62.3),
    ({"x-ratelimit-reset-tokens": "350ms"}, 0.35),
    ({"x-ratelimit-reset": "12"}, 12.0),
    ({"x-ratelimit-reset": "1900000000000"}, 5.0),  # a date: reading it needs a clock
    ({"x-ratelimit-reset-tokens": "soon"}, 5.0),
    ({"x-ratelimit-reset-requests": "1m26.4s", "x-ratelimit-reset-tokens": "7.66s"}, 7.66),
    ({"x-ratelimit-reset-requests": "1m26.4s", "x-ratelimit-remaining-requests": "0",
      "x-ratelimit-reset-tokens": "7.66s", "x-ratelimit-remaining-tokens": "5000"}, 86.4),
    ({"x-ratelimit-reset-requests": "1m26.4s", "x-ratelimit-remaining-requests": "99",
      "x-ratelimit-reset-tokens": "7.66s", "x-ratelimit-remaining-tokens": "0"}, 7.66),
    ({"x-ratelimit-reset-tokens": "7.66s", "retry-after": "11"}, 11.0),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "wait"), RESETS)
def test_a_limits_own_headers_say_when_to_try_again(headers, wait):
    error = answer(429, {"error": {"message": "Slow down"}}, headers)
    assert (error.code, error.retry_after) == ("rate_limit_exceeded", pytest.approx(wait))


def test_the_headers_of_a_limit_mean_nothing_to_other_errors():
    headers = {"x-ratelimit-reset-tokens": "7.66s", "x-ratelimit-remaining-tokens": "0"}
    assert answer(500, {"error": "Boom"}, headers).code == "server_error"
    assert answer(429, {"error": "Please try again in 3s"}, headers).retry_after == 3.0


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        ({"message": "Slow down", "details": [{"@type": "RetryInfo", "retryDelay": "31s"}]}, 31.0),
        ({"message": "Slow down", "availability": {"code": "busy", "retryable": True, "retry_after": 4}}, 4.0),
        ({"message": "请求过于频繁，请在20秒后重试"}, 20.0),
        ({"message": "请 1 分 30 秒后再试"}, 90.0),
    ],
)
def test_a_body_may_say_when_to_try_again(error, wait):
    told = answer(429, [{"error": error}])
    assert (told.code, told.retry_after) == ("rate_limit_exceeded", wait)


def test_a_quota_of_a_day_is_none_of_a_minute():
    violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "250"}
    error = {
        "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota. Please retry in 59.2s.",
        "details": [{"@type": "QuotaFailure", "violations": [violation]}, {"@type": "RetryInfo", "retryDelay": "59s"}],
    }  # fmt: skip
    assert answer(429, [{"error": error}]).code == "insufficient_quota"
    violation["quotaId"] = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
    told = answer(429, [{"error": error}])
    assert (told.code, told.retry_after) == ("rate_limit_exceeded", 59.2)


@pytest.mark.parametrize(
    "wording",
    ["Usage limit reached for 5 hour. Your limit will reset at 2026-01-02 03:04:05", "已达到 5 小时的使用上限。"],
)
def test_a_plan_that_is_used_up_stops(wording):
    assert answer(429, {"error": {"message": wording}}).code == "insufficient_quota"


OVERLOADS = [
    (529, {"error": {"type": "overloaded_error", "message": "Overloaded"}}),
    (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),
    (503, [{"error": {"code": 503, "message": "The model is busy.", "status": "UNAVAILABLE"}}]),
    (498, {"error": {"message": "Flex capacity exceeded", "code": "capacity_exceeded"}}),
    (500, {"error": {"message": "服务器繁忙，请稍后再试"}}),
]


@pytest.mark.parametrize(("status", "body"), OVERLOADS)
def test_an_overload_is_waited_for(status, body):
    error = answer(status, body)
    assert (error.code, error.status, error.retry_after) == ("rate_limit_exceeded", status, 5.0)
    assert "try again in 5s" in error.message
