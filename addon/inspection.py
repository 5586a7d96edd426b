"""The options of those who look on: what waits for them, and how much they keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NoReturn

from mitmproxy.exceptions import OptionsError
from mitmproxy.flowfilter import TFilter
from mitmproxy.flowfilter import parse as parse_filter

_HOLDING = ("relay_intercept", "relay_intercept_answers")

OPTIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "relay_intercept": (
            "",
            "A filter: requests of clients that match it wait, before they are translated, for you to edit and resume "
            "them (~u responses, ~bq words). mitmproxy's own intercept holds chat requests: ~u chat/completions.",
        ),
        "relay_intercept_answers": (
            "",
            "A filter: answers of providers that match it wait, whole and before they are translated, for you to edit "
            "and resume them (~u responses; the client's own flow is looked at).",
        ),
        "relay_keep_flows": (
            "300",
            "How many finished turns mitmweb and the console keep in their list; the oldest go, those that you have "
            "marked stay. Of model lists, searches and refused requests the last 20 stay. 0 keeps all. Files hold "
            "every turn.",
        ),
    }
)


@dataclass(frozen=True)
class Inspection:
    """keep_flows: finished turns that stay in the list; 0 is all of them."""

    intercept: TFilter | None = None
    intercept_answers: TFilter | None = None
    keep_flows: int = 0


def parse(values: Mapping[str, Any]) -> Inspection:
    """The options' values; names that are missing have none. Raises OptionsError, naming option, value and remedy."""
    intercept, answers = (_filter(option, values) for option in _HOLDING)
    return Inspection(intercept, answers, _count("relay_keep_flows", values))


def refuse_holding(values: Mapping[str, Any], *, somebody_looks: bool) -> None:
    """What is held in mitmdump is never resumed."""
    for option in _HOLDING:
        if values[option].strip() and not somebody_looks:
            _wrong(option, values[option], "nobody can resume a flow in mitmdump; use mitmweb or mitmproxy")


def refuse_open_web(host: str | None) -> None:
    """mitmweb of mitmproxy 11.0 has no login. host: where that one listens, None for any other tool."""
    if host is not None and host not in ("localhost", "::1") and not host.startswith("127."):
        raise OptionsError(
            f"web_host={host!r}: mitmweb of mitmproxy 11.0 asks for no password, so everybody on the network could "
            "read and change what passes; leave it at 127.0.0.1, or use mitmproxy 12"
        )


def _filter(option: str, values: Mapping[str, Any]) -> TFilter | None:
    value = values.get(option, "").strip()
    try:
        return parse_filter(value) if value else None
    except ValueError as error:
        _wrong(option, value, f"{error}; filters look like ~u responses, ~bq words or ~all")


def _count(option: str, values: Mapping[str, Any]) -> int:
    value = values.get(option, "").strip() or "0"
    if not value.isdecimal() or len(value) > 9:
        _wrong(option, value, "not a number; 0 keeps all")
    return int(value)


def _wrong(option: str, value: str, why: str) -> NoReturn:
    raise OptionsError(f"{option}={value!r}: {why}")
