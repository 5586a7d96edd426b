"""Times of a recording as a calendar has them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

_LAST = 253_402_300_799.0  # seconds; the end of the year 9999, where calendars end


def utc(at: float) -> datetime:
    """at: seconds since 1970. What lies before that or behind the last year, as in a broken file, is brought there."""
    return datetime.fromtimestamp(0.0 if math.isnan(at) else min(max(at, 0.0), _LAST), UTC)
