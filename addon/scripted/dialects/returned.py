"""In which form earlier reasoning has to come back, or must not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from addon.scripted.memory import reasoning_returned
from addon.scripted.replies import Said

Json = dict[str, Any]
Back = Literal["reasoning_content", "reasoning", "details", "parts", "think", "signature", "nothing"]

FIELDS = ("reasoning_content", "reasoning", "reasoning_details")


def return_complaints(body: Json, said: Sequence[Said], back: Back) -> Iterator[str]:
    """What is wrong with the reasoning in a history, when the model said `said` before and wants it as `back`."""
    yield from reasoning_returned(body, said, _FORMS[back])
    for number, message in enumerate(body["messages"]):
        extra = sorted(set(message) & set(FIELDS) - {_FIELD_OF.get(back)})
        if extra:
            yield f"messages[{number}]: {extra} must not come back"


def foreign_ids(body: Json, said: Sequence[Said]) -> Iterator[str]:
    """Calls under other ids than those the model gave them."""
    known = {call.id for turn in said for call in turn.calls}
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            if call.get("id") not in known:
                yield f"the id of a call was changed to {call.get('id')!r}"


def _field(name: str) -> Callable[[str, Json, Said], Iterator[str]]:
    def check(label: str, message: Json, turn: Said) -> Iterator[str]:
        if turn.reasoning and message.get(name) != turn.reasoning:
            yield (f"The `{name}` in the thinking mode must be passed back to the API: {label} needs "
                   f"{turn.reasoning!r}, has {message.get(name)!r}")  # fmt: skip
        yield from _text(label, message, turn.text)

    return check


def _details(label: str, message: Json, turn: Said) -> Iterator[str]:
    if turn.reasoning and message.get("reasoning_details") != list(turn.details):
        yield f"{label}: reasoning_details {list(turn.details)} came back as {message.get('reasoning_details')!r}"
    yield from _text(label, message, turn.text)


def _parts(label: str, message: Json, turn: Said) -> Iterator[str]:
    wanted: list[Json] = []
    if turn.reasoning:
        wanted.append({"type": "thinking", "thinking": [{"type": "text", "text": turn.reasoning}]})
    if turn.text:
        wanted.append({"type": "text", "text": turn.text})
    if turn.reasoning and message.get("content") != wanted:
        yield f"{label} needs the content {wanted}, has {message.get('content')!r}"
    elif not turn.reasoning:
        yield from _text(label, message, turn.text)


def _think(label: str, message: Json, turn: Said) -> Iterator[str]:
    content = str(message.get("content") or "")
    tagged = re.match(r"<think>(.*?)</think>", content, re.S)
    if turn.reasoning and (tagged is None or tagged[1].strip() != turn.reasoning.strip()):
        yield f"{label} needs the reasoning {turn.reasoning!r} between think tags, has {content!r}"
    if not content.endswith(turn.text):
        yield f"{label}: the model's text {turn.text!r} came back as {content!r}"


def _signature(label: str, message: Json, turn: Said) -> Iterator[str]:
    for call, made in zip(message["tool_calls"], turn.calls, strict=False):
        if made.extra and {name: call.get(name) for name in made.extra} != made.extra:
            yield f"{label}: function call is missing a thought_signature, it needs {made.extra}"
    yield from _text(label, message, turn.text)


def _nothing(label: str, message: Json, turn: Said) -> Iterator[str]:
    yield from _text(label, message, turn.text)


def _text(label: str, message: Json, text: str) -> Iterator[str]:
    if text and message.get("content") != text:
        yield f"{label}: the model's text {text!r} came back as {message.get('content')!r}"


_FORMS: Mapping[Back, Callable[[str, Json, Said], Iterator[str]]] = {
    "reasoning_content": _field("reasoning_content"),
    "reasoning": _field("reasoning"),
    "details": _details,
    "parts": _parts,
    "think": _think,
    "signature": _signature,
    "nothing": _nothing,
}
_FIELD_OF: Mapping[str, str] = {
    "reasoning_content": "reasoning_content",
    "reasoning": "reasoning",
    "details": "reasoning_details",
}
