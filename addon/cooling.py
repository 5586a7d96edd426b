"""Models that failed, and until when another one answers in their place.

The table stands in this module because mitmproxy reloads only the script itself when that changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from .providers import Upstream

DEFAULT_REST = 60.0  # seconds, when a provider does not say when it can be asked again
SHORTEST_REST = 1.0  # the client's next try, which another model must answer, comes at once
LONGEST_REST = 3600.0  # a used-up budget may be filled any time
HANGS_AFTER = 60.0  # seconds without a token; whoever leaves earlier may be a person who thought better of it

Key = tuple[Upstream, str | None]  # the server, and the model as it knows it; None for all that it has


@dataclass(frozen=True)
class Rest:
    """why: the provider's words. until: by `clock`."""

    until: float
    why: str


class Cooling:
    """Which models are not to be asked now. clock: seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._resting: dict[Key, Rest] = {}

    def rest(self, upstream: Upstream, model: str | None, why: str, wait: float | None) -> float:
        """Leave a model, or with None its whole server, alone for `wait` seconds (None: nobody said how long). Returns
        the seconds."""
        seconds = min(max(DEFAULT_REST if wait is None else wait, SHORTEST_REST), LONGEST_REST)
        before = self._of(_key(upstream, model))
        if before is not None and self.left(before) >= seconds:
            return self.left(before)  # of two turns at once, one was told more
        self._resting[_key(upstream, model)] = Rest(self._clock() + seconds, why)
        return seconds

    def left(self, rest: Rest) -> float:
        """Seconds until a rest is over; 0 when it is."""
        return max(0.0, rest.until - self._clock())

    def of(self, upstream: Upstream, model: str) -> Rest | None:
        """The rest that a model still has, or its server; the longer one. None when it can be asked."""
        rests = (self._of(_key(upstream, model)), self._of(_key(upstream, None)))
        return max(filter(None, rests), key=lambda rest: rest.until, default=None)

    def _of(self, key: Key) -> Rest | None:
        found = self._resting.get(key)
        if found is not None and found.until <= self._clock():
            del self._resting[key]
            return None
        return found

    def is_any(self) -> bool:
        """Whether there is a model that rests."""
        return any(rest.until > self._clock() for rest in self._resting.values())

    def clear(self) -> None:
        self._resting.clear()


def _key(upstream: Upstream, model: str | None) -> Key:
    """Whatever its path is, an address that can't be reached is one."""
    return (upstream, model) if model is not None else (replace(upstream, base_path=""), None)


cooling = Cooling()
