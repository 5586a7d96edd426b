"""A chat request, to be searched for what went into it.

What is found is claimed by the item it came from, so that a text that was said twice is found twice, and a message
tells whether it holds anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from relay_translate.messages import GENERATED, LIFTED
from relay_translate.responses_api import Json

from .entries import conversation, joined_parts
from .layout import list_of, object_of, one_line, text_of
from .plain_json import pretty

_OPENING = re.compile(r"\n<([\w:.-]+)>\Z")
_THOUGHT = re.compile(r"\n<([\w:.-]+)>\n.*?\n</\1>\n", re.S)
_LABEL = re.compile(rf"\n(?:{re.escape(LIFTED)}[^\n]*|{re.escape(GENERATED)})\Z")
_LONGEST_TAG = 300  # characters of a line that is looked at
_MOST_TRIES = 50
_MOST_MISSES = 200
_NEAR = 40  # messages


def flat(content: object) -> str:
    """Content of either wire as one text, a line at least for each part; images as marks that no text has."""
    return joined_parts(content, _flat_part)


def _flat_part(part: object) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return pretty(part)
    if isinstance(part.get("text"), str):
        return str(part["text"])
    url = object_of(part.get("image_url")).get("url")
    if isinstance(url, str):
        return f"\0{len(url)}:{hash(url)}\0"  # megabytes need not be copied
    return flat(part["thinking"]) if "thinking" in part else pretty(part)


@dataclass
class Message:
    """A message. owners: the items in its content, -1 for the request's instructions.  others: those in its calls or
    reasoning, or that it answers."""

    number: int
    role: str
    raw: Json
    text: str  # between line breaks, so that whole lines can be looked for
    claims: list[tuple[int, int]] = field(default_factory=list)
    owners: set[int] = field(default_factory=set)
    others: set[int] = field(default_factory=set)
    free: int = 0  # where the last claim ended

    @property
    def is_used(self) -> bool:
        return bool(self.owners or self.others)

    def find(self, wanted: str, *, anywhere: bool = False) -> int:
        """Where whole lines that nobody has claimed are `wanted`, -1 if nowhere. They are in order, normally."""
        lines, at = f"\n{wanted}\n", 0 if anywhere else self.free
        for _ in range(_MOST_TRIES):
            at = self.text.find(lines, at)
            if at < 0 or not any(begin < at + len(lines) - 1 and at + 1 < end for begin, end in self.claims):
                return at
            at += 1
        return -1

    def claim_thought(self, wanted: str) -> bool:
        """Claim the reasoning that stands in front of the content, if it has `wanted`: several items are one there."""
        parts = [part for part in list_of(self.raw.get("content")) if object_of(part).get("type") == "thinking"]
        tagged = _THOUGHT.match(self.text)
        thought = flat(parts) if parts else tagged[0].strip("\n") if tagged else ""
        if wanted not in thought:
            return False
        self.claims.append((1, 1 + len(thought)))
        return True

    def claim(self, at: int, wanted: str) -> str:
        """Claim what `find` has found; gives the tag that it stands in, if any. What stands in front of images as
        a label belongs to them."""
        begin, end = at + 1, at + 1 + len(wanted)
        before = self.text[max(0, at - _LONGEST_TAG) : at]
        opening, label = _OPENING.search(before), _LABEL.search(before) if wanted.startswith("\0") else None
        tag = opening[1] if opening and self.text.startswith(f"\n</{opening[1]}>\n", end) else ""
        if tag and opening:
            begin, end = begin - len(opening[0]), end + len(tag) + 4
        elif label:
            begin -= len(label[0])
        self.claims.append((begin, end))
        self.free = max(self.free, end)
        return tag

    def claim_all(self) -> None:
        self.claims.append((0, len(self.text)))
        self.free = len(self.text)

    def holds_more(self) -> bool:
        """Whether there is content that was not claimed."""
        place = 0
        for begin, end in sorted(self.claims):
            if self.text[place : max(place, begin)].strip():
                return True
            place = max(place, end)
        return bool(self.text[place:].strip())


@dataclass(frozen=True)
class SentCall:
    """A call as sent. position: among the calls of its message."""

    message: int
    position: int
    id: str
    name: str
    arguments: object


class Chat:
    def __init__(self, body: Json) -> None:
        self.misses = 0
        self.messages = [_message(number, raw) for number, raw in enumerate(conversation(body))]
        self.calls = [call for message in self.messages for call in _calls(message)]
        self.answers: dict[str, list[Message]] = {}  # call id -> tool messages
        for message in self.messages:
            if message.role == "tool":
                self.answers.setdefault(text_of(message.raw.get("tool_call_id")), []).append(message)

    def find(self, wanted: str, roles: Iterable[str], start: int) -> tuple[Message, int] | None:
        """The first place from message `start` on; failing that, one before it. In a conversation that is another
        one altogether there is no point in looking far."""
        if not wanted:
            return None
        is_other = self.misses > _MOST_MISSES
        for message in self.messages[start : start + _NEAR if is_other else None]:
            if message.role in roles and (at := message.find(wanted)) >= 0:
                return message, at
        for message in () if is_other else self.messages:
            if message.role in roles and (at := message.find(wanted, anywhere=True)) >= 0:
                return message, at
        self.misses += 1
        return None


def _message(number: int, raw: object) -> Message:
    said = object_of(raw)
    role = text_of(said.get("role"))
    return Message(number, one_line(role, 20) or "no role", said, f"\n{flat(said.get('content'))}\n")


def _calls(message: Message) -> list[SentCall]:
    found = []
    for position, raw in enumerate(list_of(message.raw.get("tool_calls"))):
        call = object_of(raw)
        function = object_of(call.get("function"))
        name = one_line(text_of(function.get("name")) or "unnamed", 120)
        found.append(SentCall(message.number, position, text_of(call.get("id")), name, function.get("arguments")))
    return found
