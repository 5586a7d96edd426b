"""Moments and durations as the axis of time has them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .session import Clock

_MOST_TICKS = 100
STEPS = (
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    43200,
    86400,
)


def step_of(drawn: float) -> float:
    """Seconds from tick to tick, so that there are some ten of them; days where even one a day is too many."""
    return next((step for step in STEPS if drawn / step <= 10), STEPS[-1] * math.ceil(drawn / 10 / STEPS[-1]))


def round_moments(clock: Clock, step: float) -> Iterator[float]:
    """Multiples of the step in seconds since the start, to the end; a pause, of whatever length, is jumped over.

    They are counted, as a sum of steps such as 0.05 misses its multiples."""
    until, number = clock.end + clock.left_out, 0
    for _ in range(_MOST_TICKS + 2 * len(clock.pauses)):  # times that no clock tells can't hold it up
        real = round(number * step, 6)
        if real > until:
            return
        pause = next((pause for pause in clock.pauses if pause.start < clock.start + real < pause.end), None)
        if pause is None:
            yield real
        number = max(number + 1, math.ceil((pause.end - clock.start) / step) if pause else 0)


def elapsed(seconds: float, step: float) -> str:
    if step < 1:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
    return f"{minutes}:{rest:02d}"


def duration(seconds: float) -> str:
    """`0.02 s`, `4.2 s`, `42 s`, `12 min`, `3.5 h`."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
