"""Totals of turns, as sums, as a table, as JSON."""

from __future__ import annotations

import math
from typing import Any

import pytest

from addon.stats import Totals
from addon.stats.table import as_json
from addon.stats.totals import percentile
from relay_translate.profiles.prices import prices_from_table
from tests.recording.sessions import Session

Json = dict[str, Any]


def facts(model: str = "kimi-k3", provider: str = "api.moonshot.ai", **more: Any) -> Json:
    """A finished turn's metadata: 1,000 tokens in (600 cached), 100 out (40 of them reasoning), 2 seconds."""
    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 600},
        "output_tokens": 100,
        "output_tokens_details": {"reasoning_tokens": 40},
    }
    timings = {"first_byte": 0.2, "first_token": 0.5, "total": 2.0}
    found = {"role": "client", "model": model, "provider": provider, "status": "completed", "usage": usage}
    return {"relay": found | {"timings": timings} | more}


def failed(code: str = "server_error") -> Json:
    nothing = {"first_byte": None, "first_token": None, "total": 0.1}
    return facts(status="failed", usage=None, error={"code": code, "message": "no"}, timings=nothing)


def totals(*turns: Json, **named: Any) -> Totals:
    made = Totals(**named)
    for turn in turns:
        made.add(turn)
    return made


def test_tokens_times_and_cost_are_summed() -> None:
    whole = totals(facts(), facts(timings={"first_token": 1.5, "total": 4.0}), failed()).all()
    assert (whole.turns, whole.told, whole.tokens_in, whole.cached, whole.tokens_out) == (3, 2, 2000, 1200, 200)
    assert whole.hit_rate == 0.6
    assert [percentile(whole.first_token, share) for share in (0.5, 0.95)] == [1.0, 1.5]
    assert percentile(whole.total, 0.5) == 2.0  # the failed turn took its time too
    assert whole.known_cost is not None and math.isclose(whole.known_cost, 2 * (400 * 3 + 600 * 0.3 + 100 * 15) / 1e6)
    assert whole.errors == {"server_error": 1} and whole.endings == {"failed": 1}


@pytest.mark.parametrize(
    ("times", "share", "expected"),
    [
        ([], 0.5, None),
        ([3.0], 0.5, 3.0),
        ([3.0], 0.95, 3.0),
        ([4.0, 2.0], 0.5, 3.0),
        ([4.0, 2.0], 0.95, 4.0),
        ([1.0, 9.0, 2.0], 0.5, 2.0),
        ([1.0, 2.0, 4.0, 9.0], 0.5, 3.0),
        ([1.0, 2.0, 4.0, 9.0], 1.0, 9.0),
        ([float(n) for n in range(1, 20)], 0.95, 19.0),
        ([float(n) for n in range(1, 21)], 0.95, 19.5),
        ([float(n) for n in range(1, 101)], 0.07, 7.5),  # 0.07 * 100 is more than 7 in floats
    ],
)
def test_a_percentile_of_few_values(times: list[float], share: float, expected: float | None) -> None:
    assert percentile(times, share) == expected


def test_an_unknown_price_is_not_nothing() -> None:
    made = totals(facts("local-model", "127.0.0.1:8080"))
    assert made.all().known_cost is None
    assert "no price" in made.lines()[-5]
    assert (
        "No price is known of local-model at 127.0.0.1:8080 (1 turn); codex-relay stats --prices FILE.toml can name it."
        in made.lines()
    )
    assert as_json(made)["total"]["cost_usd"] is None


def test_a_sum_with_unknown_prices_in_it_is_marked() -> None:
    lines = totals(facts(), facts("local-model", "127.0.0.1:8080")).lines()
    assert next(line for line in lines if line.startswith("total")).endswith("$0.0029+")


def test_own_prices_are_taken_and_said() -> None:
    own = prices_from_table({"local-*": {"input": 100, "output": 0, "host": "127.0.0.1:8080"}})
    lines = totals(facts("local-model", "127.0.0.1:8080"), entries=own).lines()
    assert next(line for line in lines if line.startswith("total")).endswith("$0.1000")
    assert any(line.startswith("Cost: your own first, then list prices of") for line in lines)


def test_turns_without_token_counts_are_told_of() -> None:
    lines = totals(facts(), failed("rate_limit_exceeded"), failed("rate_limit_exceeded"), failed()).lines()
    assert "No token counts: 3 turns" in lines
    assert "Errors: rate_limit_exceeded 2, server_error 1" in lines
    assert "Not completed: failed 3" in lines


def test_estimated_counts_are_marked() -> None:
    lines = totals(facts(usage_estimated=True)).lines()
    assert "~1,000" in next(line for line in lines if line.startswith("total"))
    assert "~ estimated, because the provider sent no token counts: 1 turn" in lines


@pytest.mark.parametrize(
    ("begun", "shown"), [(1e15, "9999-12-31 23:59:59"), (-1e15, "1970-01-01"), (float("nan"), "1970-01-01")]
)
def test_a_time_that_no_calendar_has_is_brought_into_it(begun: float, shown: str) -> None:
    made = Totals()
    made.add(facts(), thread="a", begun=begun)
    assert f", {shown}" in next(line for line in made.lines() if line.startswith("Thread 1"))


def test_no_more_is_cached_than_came_in_and_that_is_said() -> None:
    usage = {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 5000}, "output_tokens": 10}
    made = totals(facts(usage=usage), facts())
    assert made.all().cached == 1600 and "160%" not in "".join(made.lines())
    assert "More said to be cached than came in, counted as all that came in: 1 turn" in made.lines()
    assert as_json(made)["total"]["turns_with_more_cached_than_input"] == 1


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, -5.0, 1e300, pytest.param(10**400, id="huge")])
def test_a_duration_that_no_turn_has_is_unknown(odd: float) -> None:
    made = totals(facts(timings={"first_token": odd, "total": odd}))
    assert "-      -       -      -" in made.lines()[3]
    assert as_json(made)["total"]["total_seconds"] == {"p50": None, "p95": None}
    assert "medians" not in made.sentences()[0]
    assert len(totals(facts(), facts(timings={"first_token": odd})).all().first_token) == 1


def test_threads_models_and_providers_are_kept_apart() -> None:
    made = Totals()
    turns = [("a", "m", "one"), ("a", "n", "one"), ("b", "m", "two"), ("a", "m", "one"), ("b", "m", "one")]
    for thread, model, provider in turns:
        made.add(facts(model, provider), thread=thread, begun=1_780_000_000.0)
    assert [line.split()[:5] for line in made.lines()[3:10]] == [
        ["1", "m", "at", "one", "2"],
        ["n", "1", "-", "1,000", "600"],
        ["2", "m", "at", "two", "1"],
        ["m", "at", "one", "1", "-"],
        ["all", "m", "at", "one", "3"],
        ["n", "1", "-", "1,000", "600"],
        ["m", "at", "two", "1", "-"],
    ]
    found = as_json(made)
    assert [(one["thread"], [model["turns"] for model in one["models"]]) for one in found["threads"]] == [
        ("a", [2, 1]),
        ("b", [1, 1]),
    ]
    assert found["total"]["turns"] == 5


def test_the_table_fits_its_width_whatever_is_in_it() -> None:
    made = Totals()
    for n in range(120):
        made.add(facts("a-very-long-model-name/" * 5, "host." * 30), thread=f"{n}" * 60, begun=1e9 + n * 1e7)
    huge = {"input_tokens": 10**12, "input_tokens_details": {"cached_tokens": 10**12}, "output_tokens": 10**11}
    made.add(facts("kimi-k3", usage=huge, timings={"first_token": 5e4, "total": 5e4}), thread="x")
    lines = made.lines()
    assert max(map(len, lines)) <= 120
    assert all(line == line.rstrip() and line.isprintable() for line in lines)
    assert "and 81 threads more; codex-relay stats --json names them all" in lines


def test_words_of_others_cannot_break_the_table() -> None:
    lines = totals(facts("evil\nmodel\x1b[31m\u202egpj"), failed("code\nwith\x1b[2J lines\u2067\udcff")).lines()
    assert all(line.isprintable() for line in lines)


def test_names_in_wide_letters_leave_the_columns_straight() -> None:
    rows = totals(facts("日本語モデル"), facts("m")).lines()[3:5]
    assert [row.index("1,000") + extra for row, extra in zip(rows, (6, 0), strict=True)] == [rows[1].index("1,000")] * 2


def test_facts_of_a_wrong_shape_do_no_harm() -> None:
    odd = {"usage": {"input_tokens": "many", "output_tokens": -5, "input_tokens_details": 3}, "timings": [], "error": 1}
    whole = totals(facts(**odd), {"relay": {}}, {}).all()
    assert (whole.turns, whole.tokens_in, whole.tokens_out) == (3, 0, 0)


def test_a_flow_is_a_turn_only_where_the_client_asked_for_one() -> None:
    session = Session()
    session.says("hello").hears("Hello.")
    upstream, client = session.flows
    listed = client.copy()
    listed.request.method = "GET"
    made = Totals()
    assert [made.add_flow(flow) for flow in (upstream, client, listed, object())] == [False, True, False, False]
    assert list(made.threads) == ["thread-1"] and made.threads["thread-1"].begun == client.request.timestamp_start


def test_no_turn_yet_is_a_line_too() -> None:
    assert Totals().lines() == ["no turn has ended yet"]


def test_sentences_tell_of_each_model_and_of_all() -> None:
    made = totals(facts(), failed(), facts("local-model", "127.0.0.1:8080"))
    assert made.sentences() == [
        "kimi-k3: 2 turns, 1 failed · 1,000 in (60% cached), 100 out · 0.50 s first, 1.05 s (medians) · $0.0029",
        "local-model: 1 turn · 1,000 in (60% cached), 100 out · 0.50 s first, 2.00 s (medians) · no price",
        "all: 3 turns, 1 failed · 2,000 in (60% cached), 200 out · 0.50 s first, 2.00 s (medians) · $0.0029+",
        "Not completed: failed 1",
        "Errors: server_error 1",
        "No token counts: 1 turn",
    ]
    assert Totals().sentences() == ["no turn has ended yet"]


def test_a_copy_can_be_added_to() -> None:
    session = Session()
    session.says("hello").hears("Hello.")
    session.says("more").hears("More.")
    _, first, _, second = session.flows
    made = Totals()
    made.add_flow(first)
    copied = made.copy()
    assert [copied.add_flow(flow) for flow in (first, second, second)] == [False, True, False]
    assert (len(made), len(copied), copied.all().turns) == (1, 2, 2)
    assert len(made.all().total) == 1
