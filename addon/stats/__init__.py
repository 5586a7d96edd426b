"""Sums over turns: for `codex-relay stats` and for the totals of a running session."""

from .totals import Totals

__all__ = ["Totals"]
