"""What a million tokens costs, where a provider publishes it. List prices of a date: an estimate, never a bill.

A price belongs to a provider's own hosts; the same model elsewhere costs something else. Where a price depends on what
a recording does not tell (a plan, a region, a tier of service), the ordinary pay-as-you-go one is meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

MILLION = 1_000_000
_DAY = 86_400
_PLAIN = ("input", "cached", "output")


@dataclass(frozen=True)
class Price:
    """USD per million tokens. cached: of input that came out of the provider's cache.

    peak: hours of UTC, from and before, Monday to Friday, in which everything costs twice as much. long: of a turn with
    more input tokens than this, everything costs twice as much; 0 if there is no such step.
    """

    input: float
    cached: float
    output: float
    peak: tuple[tuple[int, int], ...] = ()
    long: int = 0

    def cost(self, tokens_in: int, cached: int, tokens_out: int, at: float | None = None) -> float:
        """USD for a turn of these token counts (`cached` is part of `tokens_in`) at Unix time `at`; without a time, the
        dearer hours are taken."""
        cached = min(cached, tokens_in)
        plain = (tokens_in - cached) * self.input + cached * self.cached + tokens_out * self.output
        doubled = bool(self.peak and self._is_peak(at)) + bool(self.long and tokens_in > self.long)
        return plain * (1 << doubled) / MILLION

    def _is_peak(self, at: float | None) -> bool:
        if at is None:
            return True
        weekday, hour = (int(at // _DAY) + 3) % 7, int(at % _DAY // 3600)  # the first day of 1970 was a Thursday
        return weekday < 5 and any(start <= hour < end for start, end in self.peak)


@dataclass(frozen=True)
class Entry:
    """host, model: patterns, as of a shell, in lower case; a host without a port is meant with every port."""

    host: str
    model: str
    price: Price


def find_price(authority: str, model: str, entries: Sequence[Entry] = ()) -> Price | None:
    """The first that fits: of `entries`, then of those known here. None is "unknown", which is not "nothing".

    authority: the provider's host, with its port where it has one.
    """
    authority, model = authority.lower(), model.lower()
    host = _host_of(authority)
    for entry in (*entries, *PRICES):
        if (_fits(authority, entry.host) or _fits(host, entry.host)) and _fits(model, entry.model):
            return entry.price
    return None


def _fits(name: str, pattern: str) -> bool:
    """A name fits itself too: as a pattern, `[::1]:8080` would be one of the characters in its brackets."""
    return name == pattern or fnmatchcase(name, pattern)


def _host_of(authority: str) -> str:
    """`api.example.com` of `api.example.com:8443`; brackets of IPv6 addresses stay."""
    host, colon, port = authority.rpartition(":")
    return host if colon and port.isdigit() else authority


def prices_from_table(table: Mapping[str, Any]) -> list[Entry]:
    """A user's prices, as TOML gives them: `["model-*"]` with input, output, and optionally cached and host.

    Raises ValueError that names the key and what is valid there.
    """
    return [_entry(str(model), given) for model, given in table.items()]


def _entry(model: str, given: Any) -> Entry:
    if not isinstance(given, Mapping):
        raise ValueError(f'{model}: prices stand in a table, ["{model}"], with input and output')
    known = {"host", *_PLAIN}
    if odd := sorted(given.keys() - known):
        raise ValueError(f"{model}: unknown key {odd[0]!r}; known are {', '.join(sorted(known))}")
    if missing := [name for name in ("input", "output") if name not in given]:
        raise ValueError(f"{model}: {missing[0]} is missing; give USD per million tokens")
    numbers = {name: value for name, value in given.items() if name != "host"}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MILLION:
            raise ValueError(f"{model}: {name} must be USD per million tokens, 0 or more, not {value!r}")
    host = given.get("host", "*")
    if not isinstance(host, str):
        raise ValueError(f"{model}: host must be a pattern of the provider's host, not {host!r}")
    if "/" in host:
        raise ValueError(f"{model}: host is a name, with a port where only that is meant, and no URL: {host!r}")
    price = Price(float(given["input"]), float(given.get("cached", given["input"])), float(given["output"]))
    return Entry(host.lower(), model.lower(), price)


# Only prices in USD that the provider publishes itself; where it publishes none for cached input, that costs as much as
# other input. Models whose price has more steps than `Price` knows are left out.
CHECKED = "November 2026"
_MORNINGS_IN_CHINA = ((1, 4), (6, 10))
_FLASH = Price(0.15, 0.003, 0.60, peak=_MORNINGS_IN_CHINA)
PRICES: tuple[Entry, ...] = (
    # api-docs.deepseek.com, Models & Pricing, 27 October 2026. Its holidays, without peak, are not known here.
    Entry("api.deepseek.com", "deepseek-flash", _FLASH),
    Entry("api.deepseek.com", "deepseek-v4-flash", _FLASH),
    Entry("api.deepseek.com", "deepseek-v4-pro", Price(0.66, 0.022, 1.98, peak=_MORNINGS_IN_CHINA)),
    # platform.kimi.ai, Model Inference Pricing, July and June 2026. The Chinese site bills in CNY.
    Entry("api.moonshot.ai", "kimi-k3", Price(3.00, 0.30, 15.00)),
    Entry("api.moonshot.ai", "kimi-k2.7-code", Price(0.95, 0.19, 4.00)),
    # docs.x.ai, Pricing, July 2026.
    Entry("api.x.ai", "grok-4.5", Price(2.00, 0.50, 6.00, long=200_000)),
    # platform.minimax.io, Pay as You Go, standard service, September 2026.
    Entry("api.minimax.io", "minimax-m3", Price(0.30, 0.06, 1.20, long=512_000)),
    # console.groq.com, Supported Models, May 2026.
    Entry("api.groq.com", "openai/gpt-oss-120b", Price(0.15, 0.15, 0.60)),
    # docs.mistral.ai, model card of Medium 3.5, April 2026.
    Entry("api.mistral.ai", "mistral-medium-3[.-]5", Price(1.50, 1.50, 7.50)),
)
