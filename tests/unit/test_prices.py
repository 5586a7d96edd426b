"""What a turn costs: the known list prices, and a user's own."""

from __future__ import annotations

import math

import pytest

from relay_translate.profiles import PROFILES
from relay_translate.profiles.prices import PRICES, Price, find_price, prices_from_table

SUNDAY, MONDAY_2_AM, MONDAY_NOON = 1_795_312_800.0, 1_795_399_200.0, 1_795_435_200.0  # 22 and 23 November 2026


def test_cached_input_has_its_own_price() -> None:
    assert math.isclose(Price(1.0, 0.1, 2.0).cost(1_000_000, 400_000, 500_000), 0.6 + 0.04 + 1.0)


def test_more_cached_than_sent_is_no_credit() -> None:
    assert Price(1.0, 0.0, 0.0).cost(100, 900, 0) == 0


@pytest.mark.parametrize(("at", "factor"), [(MONDAY_2_AM, 2), (MONDAY_NOON, 1), (SUNDAY, 1), (None, 2)])
def test_dear_hours_cost_twice_as_much_and_are_assumed_when_the_hour_is_unknown(at: float | None, factor: int) -> None:
    assert Price(1.0, 1.0, 1.0, peak=((1, 4),)).cost(1_000_000, 0, 0, at) == factor


def test_long_requests_cost_twice_as_much_where_they_do() -> None:
    price = Price(1.0, 1.0, 1.0, long=1000)
    assert price.cost(1000, 0, 0) == 0.001 and price.cost(2000, 0, 0) == 0.004


def test_a_price_belongs_to_its_host() -> None:
    assert find_price("api.deepseek.com", "DeepSeek-V4-Pro") is not None
    assert find_price("127.0.0.1", "deepseek-v4-pro") is None


def test_an_unknown_model_has_no_price_rather_than_none_to_pay() -> None:
    assert find_price("api.deepseek.com", "deepseek-v9") is None


def test_known_prices_are_of_known_providers_and_cached_input_is_not_dearer() -> None:
    hosts = {host for profile in PROFILES.values() for host in profile.hosts}
    for entry in PRICES:
        assert entry.host in hosts, entry
        assert entry.host == entry.host.lower() and entry.model == entry.model.lower()
        assert 0 < entry.price.cached <= entry.price.input < entry.price.output


def test_a_users_price_goes_first() -> None:
    own = prices_from_table({"deepseek-*": {"input": 1, "output": 2}, "*": {"input": 0, "output": 0, "host": "127.*"}})
    assert find_price("api.deepseek.com", "deepseek-flash", own) == Price(1.0, 1.0, 2.0)
    assert find_price("127.0.0.1", "anything", own) == Price(0.0, 0.0, 0.0)
    assert find_price("api.moonshot.ai", "kimi-k3", own) == find_price("api.moonshot.ai", "kimi-k3")


@pytest.mark.parametrize(
    ("host", "authority", "fits"),
    [
        ("127.0.0.1:7801", "127.0.0.1:7801", True),
        ("127.0.0.1:7801", "127.0.0.1:7802", False),
        ("127.0.0.1:7801", "127.0.0.1", False),
        ("LLM.example.com", "llm.example.com:8443", True),
        ("*.example.com", "llm.example.com:8443", True),
        ("[::1]:8080", "[::1]:8080", True),
        ("[::1]", "[::1]:8080", True),
    ],
)
def test_a_host_is_meant_with_its_port_or_without_one_with_all(host: str, authority: str, fits: bool) -> None:
    own = prices_from_table({"m": {"input": 1, "output": 2, "host": host}})
    assert (find_price(authority, "m", own) is not None) is fits


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"m": 3}, r'm: prices stand in a table, \["m"\]'),
        ({"m": {"input": 1}}, "m: output is missing"),
        ({"m": {"input": 1, "output": 2, "cache": 3}}, "m: unknown key 'cache'; known are cached, host, input, output"),
        ({"m": {"input": "1", "output": 2}}, "m: input must be USD per million tokens"),
        ({"m": {"input": 1, "output": -2}}, "m: output must be USD per million tokens"),
        ({"m": {"input": float("nan"), "output": 2}}, "m: input must be USD per million tokens"),
        ({"m": {"input": 1, "output": 2, "host": 3}}, "m: host must be a pattern"),
        ({"m": {"input": 1, "output": 2, "host": "http://h:1/v1"}}, "m: host is a name, .* and no URL"),
    ],
)
def test_a_wrong_price_names_the_model_and_the_key(table: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        prices_from_table(table)
