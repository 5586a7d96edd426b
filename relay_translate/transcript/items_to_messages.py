"""Which message of a chat request each input item went into, found by comparing the two.

Both are in the same order, calls keep theirs, and a text stays a text; so it is enough to go forward through both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from relay_translate.messages import NO_IMAGE
from relay_translate.responses_api import Json

from .calls import parsed
from .entries import Entry, conversation, pair, read_entries
from .layout import one_line

_LONGEST_PROBE = 200


@dataclass(frozen=True)
class Row:
    """One entry of the client's request and where it went; no entry for a message that nobody sent."""

    entry: Entry | None
    target: str


class _Places:
    """The chat request, to be searched from a place that moves forward."""

    def __init__(self, chat: Json) -> None:
        self.entries = read_entries(chat)
        self.roles = [_role(message) for message in conversation(chat)]
        self.calls = [entry for entry in self.entries if entry.kind == "call"]
        self.outputs = {entry.call_id: entry for entry in self.entries if entry.kind == "output"}
        self.sources: dict[int, int] = {}  # message -> entries that went into it
        self.place = 0
        self._positions: dict[int, int] = {}

    def use(self, number: int) -> str:
        self.sources[number] = self.sources.get(number, 0) + 1
        self.place = max(self.place, number)
        return f"{number} {self.roles[number]}"

    def next_call(self, call: Entry) -> Entry | None:
        """The call that is next, or one further on that has the id, should one be missing."""
        ahead = next((i for i, one in enumerate(self.calls[:20]) if one.call_id == call.call_id), 0)
        del self.calls[:ahead]
        return self.calls.pop(0) if self.calls else None

    def position(self, number: int) -> int:
        """The number of the next call within its message."""
        self._positions[number] = self._positions.get(number, -1) + 1
        return self._positions[number]

    def find(self, entry: Entry, kinds: tuple[str, ...]) -> Entry | None:
        """The first entry from here on that holds the text; instructions may have been put in front."""
        probe = entry.text if entry.kind == "output" else _probe(entry.text)  # outputs have headers in common
        found = [
            one
            for one in self.entries
            if one.kind in kinds and (one.text == entry.text or (probe and probe in one.text))
        ]
        later = next((one for one in found if one.number >= self.place), None)
        return later or (found[0] if found and entry.kind in ("instructions", "other") else None)


def rows_of(request: Json, chat: Json) -> Iterator[Row]:
    """Where each entry of the request went, then the messages that came from none."""
    places = _Places(chat)
    entries = read_entries(request)
    answered: dict[int, Entry] = {}  # output, by its identity -> the call as sent
    pair([*entries])
    for entry in entries:
        if entry.kind == "call":
            yield Row(entry, _call(entry, places, answered))
        elif entry.kind == "output":
            yield Row(entry, _output(entry, places, answered.get(id(entry))))
        else:
            yield Row(entry, _said(entry, places))
    for number, role in enumerate(places.roles):
        if number not in places.sources:
            yield Row(None, f"{number} {role}: {_why(number, places)}")


def _call(entry: Entry, places: _Places, answered: dict[int, Entry]) -> str:
    sent = places.next_call(entry)
    if sent is None:
        return "left out"
    answered.update({id(output): sent for output in entry.outputs})
    target = f"{places.use(sent.number)}.tool_calls[{places.position(sent.number)}]"
    words = [f"as {sent.label}"] if sent.label != entry.label else []
    if sent.call_id != entry.call_id:
        words.append(f"id {one_line(entry.call_id, 30)} is sent as {one_line(sent.call_id, 30)}")
    if entry.freeform:
        words.append("its text as `input`")
    elif parsed(sent.arguments) != parsed(entry.arguments) and entry.arguments not in ("", None):
        words.append("arguments wrapped or changed")
    return ", ".join([target, *words])


def _output(entry: Entry, places: _Places, call: Entry | None) -> str:
    sent = places.outputs.get(call.call_id) if call else None
    if sent is None:
        return _said(entry, places)
    target = places.use(sent.number)
    if entry.label == "tool_search" or entry.text == sent.text:
        return target
    if "[image" in entry.text:
        return f"{target}, its image {'left out' if NO_IMAGE in sent.text else 'in a message of the user'}"
    return (
        f"{target}, joined with another output" if entry.text and entry.text in sent.text else f"{target}, text changed"
    )


def _said(entry: Entry, places: _Places) -> str:
    if entry.label == "tools added":
        return "tools"
    kinds = {
        "instructions": ("instructions", "user"),
        "user": ("user",),
        "assistant": ("assistant",),
        "reasoning": ("reasoning", "assistant"),
        "output": ("user",),  # of a call that is not there
    }.get(entry.kind, ("user", "assistant", "instructions", "output"))
    found = places.find(entry, kinds) if entry.text.strip() else None
    if found is None:
        return _lost(entry)
    target = places.use(found.number)
    if entry.kind == "reasoning":
        return f"{target}.{found.remark.removeprefix('as ').partition(',')[0] or 'content'}"
    return target if found.text == entry.text else f"{target}, joined with others"


def _lost(entry: Entry) -> str:
    if entry.kind == "reasoning":
        return "not sent: another service's, or not wanted back here"
    if entry.label == "compaction wanted":
        return "the relay's own request for a summary"
    return "left out" if entry.text.strip() else "nothing in it"


def _why(number: int, places: _Places) -> str:
    own = [entry for entry in places.entries if entry.number == number]
    text = one_line(own[0].text, 60) if own else ""
    if own and own[0].kind == "output":
        return f"`{text}`, for a call without an output"
    if text.startswith("[from the output of"):
        return "the images of an output"
    return f"`{text}`" if text else "empty"


def _probe(text: str) -> str:
    """The longest line, shortly: a text that was joined with others still has it."""
    return max(text.split("\n"), key=len).strip()[:_LONGEST_PROBE]


def _role(message: object) -> str:
    role = message.get("role") if isinstance(message, dict) else None
    return one_line(role, 20) if isinstance(role, str) else "no role"
