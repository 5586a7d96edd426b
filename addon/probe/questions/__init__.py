"""The questions, in the order in which they are asked."""

from __future__ import annotations

from addon.probe.question import Question
from addon.probe.questions import calls, fields, messages, reasoning, schemas, tools

ALL: tuple[Question, ...] = (
    *fields.LIMITS,
    *messages.ALL,
    *tools.FIRST,
    *calls.ALL,
    *fields.UNKNOWN,
    *fields.OPTIONAL,
    *schemas.ALL,
    *tools.NAMES,
    *reasoning.EFFORTS,
    *reasoning.SWITCHES,
    *tools.CHOICES,
    *reasoning.BACK,
    *fields.FORMATS,
    *messages.PICTURES,
    *tools.MANY,
)

__all__ = ["ALL"]
