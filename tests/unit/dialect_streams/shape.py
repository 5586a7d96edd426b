"""What a dialect's stream looks like, and what must become of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tests.unit.streams import DONE, Json, stream

Brief = tuple[Any, ...]

SHAPES: dict[str, Shape] = {}


@dataclass(frozen=True)
class Shape:
    """A stream of a provider and its outcome: finished items (see `brief`), or the code of a failure behind them.

    says: a part of the failure's sentence. usage: (prompt, cached, answer, reasoning, total), None for an estimate.
    context: further fields of the turn's context. is_stream: false for a body that must not be re-framed.
    """

    name: str
    data: bytes
    items: tuple[Brief, ...]
    error: str
    says: str
    usage: tuple[int, ...] | None
    is_stream: bool = True
    context: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def shape(
    *items: Brief,
    error: str = "",
    says: str = "",
    usage: tuple[int, ...] | None = None,
    end: bytes = DONE,
    is_stream: bool = True,
    **context: Any,
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Register what the decorated function builds: chunks of a stream, or its bytes."""

    def enter(build: Callable[[], Any]) -> Callable[[], Any]:
        name = build.__name__
        assert name not in SHAPES, f"two shapes are called {name}"
        built = build()
        data = built if isinstance(built, bytes) else stream(*built, end=end)
        SHAPES[name] = Shape(name, data, items, error, says, usage, is_stream, MappingProxyType(context))
        return build

    return enter


def choices(*entries: Json, **extra: Any) -> Json:
    """A chunk with choices as given: for what stands beside the delta, or is not there."""
    return {
        "id": "c9",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m-9",
        "choices": list(entries),
    } | extra


def said(delta: Any, **beside: Any) -> Json:
    """A chunk whose choice has no finish_reason unless it is given."""
    return choices({"index": 0, "delta": delta, **beside})


def counted(prompt: int, answer: int, **more: Any) -> Json:
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer, **more}
