"""Models that failed, and until when another one answers in their place.

The table stands in this module because mitmproxy reloads only the script itself when that changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .providers import Upstream

DEFAULT_REST = 60.0  # seconds, when a provider does not say when it can be asked again
SHORTEST_REST = 5.0  # the client's next try, which another model must answer, comes at once
LONGEST_REST = 3600.0  # a used-up budget may be filled any time

Key = tuple[Upstream, str]  # the server, and the model as it knows it


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

    def rest(self, upstream: Upstream, model: str, why: str, wait: float | None) -> float:
        """Leave a model alone for `wait` seconds (None: nobody said how long). Returns the seconds."""
        seconds = min(max(DEFAULT_REST if wait is None else wait, SHORTEST_REST), LONGEST_REST)
        before = self.of(upstream, model)
        if before is not None and self.left(before) >= seconds:
            return self.left(before)  # of two turns at once, one was told more
        self._resting[upstream, model] = Rest(self._clock() + seconds, why)
        return seconds

    def left(self, rest: Rest) -> float:
        """Seconds until a rest is over; 0 when it is."""
        return max(0.0, rest.until - self._clock())

    def of(self, upstream: Upstream, model: str) -> Rest | None:
        """The rest that a model still has; None when it can be asked."""
        found = self._resting.get((upstream, model))
        if found is not None and found.until <= self._clock():
            del self._resting[upstream, model]
            return None
        return found

    def clear(self) -> None:
        self._resting.clear()


cooling = Cooling()
