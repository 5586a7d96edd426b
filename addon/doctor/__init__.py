"""Looking for what keeps Codex from working with a provider, from Codex itself to a turn that a model answers.

Each module looks at one thing and gives findings; `examination` has the order. Nothing is written that stays, and no
finding holds a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. says: one line. remedy: one line of what to do, "" when there is nothing to do."""

    about: str
    status: Status
    says: str
    remedy: str = ""


def ok(about: str, says: str) -> Finding:
    return Finding(about, "ok", says)


def warning(about: str, says: str, remedy: str = "") -> Finding:
    return Finding(about, "warning", says, remedy)


def failed(about: str, says: str, remedy: str = "") -> Finding:
    return Finding(about, "failed", says, remedy)


def skipped(about: str, says: str, remedy: str = "") -> Finding:
    return Finding(about, "skipped", says, remedy)
