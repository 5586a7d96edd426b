"""Providers to be played, each by its own rules and in its own style: one row for each.

A row says what the provider refuses, not what the relay sends it; the relay's side of the matter is its profile. Adding
a provider is adding a row to `vendors`, `platforms` or `servers`.
"""

from __future__ import annotations

from addon.scripted.dialects import platforms, servers, vendors
from addon.scripted.dialects.dialect import Dialect
from addon.scripted.dialects.limits import Complaint, Limits
from addon.scripted.dialects.styles import Style

DIALECTS: dict[str, Dialect] = {row.name: row for row in (*vendors.ROWS, *platforms.ROWS, *servers.ROWS)}

__all__ = ["DIALECTS", "Complaint", "Dialect", "Limits", "Style"]
