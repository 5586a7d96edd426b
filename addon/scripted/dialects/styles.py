"""How a provider streams: where reasoning, calls, usage and finish reason stand, as data, and the answer made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from addon.scripted.chunks import DONE, USAGE, Call, chunk, frame, slices, words
from addon.scripted.replies import Reply, Said

Json = dict[str, Any]
Where = Literal["reasoning_content", "reasoning", "details", "parts", "think", "hidden"]
Place = Literal["last", "finish", "choice"]

FRAGMENT = 12  # characters of arguments in a delta
NINE = "Id{turn:03d}x{n:03d}"
SIGNATURE = "c2lnbmF0dXJlLW9mLXRoZS1zY3JpcHQ="


@dataclass(frozen=True, kw_only=True)
class Style:
    """reasoning: where it stands; with `also`, fields in which the same text stands a second time.
    whole: a call comes in one delta. index: one number for each call, the same for all, or none. first_index: where
    counting starts. ids: a format of turn, n and name. continued: fields of a call's later deltas, `name` of its
    function. opening: the first delta, None for none. every: fields of each delta. last: the finish reason's delta.
    absent_finish: the key is not there until the end. finish_on_call: the finish reason comes with the last call.
    called: the finish reason of an answer with calls. usage: the places it stands in. usage_null: it is null elsewhere.
    envelope: an object of the provider's own that holds the usage too. counts: the usage itself. top, choice: further
    fields of chunks and choices. lead: what comes before the first chunk, comment what comes after it. signed: calls
    carry a signature. created: the chunk's time.
    """

    reasoning: Where = "reasoning_content"
    also: tuple[str, ...] = ()
    whole: bool = False
    index: Literal["each", "zero", "none"] = "each"
    first_index: int = 0
    ids: str = "call_{turn:02d}_{n}_AbCdEfGhIj"
    continued: Mapping[str, Any] = field(default_factory=dict)
    opening: Mapping[str, Any] | None = field(default_factory=lambda: {"role": "assistant", "content": ""})
    every: Mapping[str, Any] = field(default_factory=dict)
    last: Mapping[str, Any] = field(default_factory=dict)
    absent_finish: bool = False
    finish_on_call: bool = False
    called: str = "tool_calls"
    usage: frozenset[Place] = frozenset({"last"})
    usage_null: bool = False
    envelope: str = ""
    counts: Mapping[str, Any] = field(default_factory=lambda: USAGE)
    top: Mapping[str, Any] = field(default_factory=dict)
    choice: Mapping[str, Any] = field(default_factory=dict)
    lead: tuple[Json | bytes, ...] = ()
    comment: bytes = b""
    signed: bool = False
    created: int = 1790000000

    def answer(self, text: str = "", *, reasoning: str = "", calls: Sequence[Call] = (), turn: int = 1) -> Reply:
        """A streamed answer. `turn` makes the ids of its calls other than those of other answers."""
        made = tuple(self._named(call, n, turn) for n, call in enumerate(calls))
        thought = "" if self.reasoning == "hidden" else reasoning
        deltas = [*self._opening(), *self._thoughts(thought), *self._texts(text)]
        called = [delta for n, call in enumerate(made) for delta in self._call(n, call)]
        chunks = self._chunks(deltas, called)
        pieces = [one if isinstance(one, bytes) else frame(one) for one in (*self.lead, *chunks)]
        if self.comment:
            pieces.insert(len(self.lead) + 1, self.comment)
        said = Said(text, thought, self.reasoning, made, details=tuple(_details(thought)) if thought else ())
        return Reply((*pieces, DONE), said=said)

    def _named(self, call: Call, n: int, turn: int) -> Call:
        extra = (
            {"extra_content": {"google": {"thought_signature": f"{SIGNATURE}{turn}"}}} if self.signed and n == 0 else {}
        )
        return replace(call, id=call.id or self.ids.format(turn=turn, n=n, name=call.name), extra=extra)

    def _opening(self) -> list[Json]:
        return [] if self.opening is None else [dict(self.opening)]

    def _thoughts(self, text: str) -> Iterator[Json]:
        if not text or self.reasoning == "hidden":
            return
        if self.reasoning == "think":
            yield from ({"content": piece} for piece in ("<thi", "nk>\n", *words(text), "\n</thi", "nk>\n\n"))
            return
        for piece in words(text):
            match self.reasoning:
                case "parts":
                    delta: Json = {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}]}
                case "details":
                    delta = {"reasoning_details": [_detail(text=piece)]}
                case other:
                    delta = {other: piece}
            yield delta | dict.fromkeys(self.also, piece)
        if self.reasoning == "details":
            yield {"reasoning_details": [_detail(signature=SIGNATURE)]}

    def _texts(self, text: str) -> Iterator[Json]:
        yield from ({"content": piece} for piece in (words(text) if text else ()))

    def _call(self, n: int, call: Call) -> Iterator[Json]:
        numbers = {"each": {"index": n + self.first_index}, "zero": {"index": 0}, "none": {}}[self.index]
        first = {**numbers, "id": call.id, "type": "function", **call.extra}
        if self.whole:
            yield {"tool_calls": [first | {"function": {"name": call.name, "arguments": call.arguments}}]}
            return
        yield {"tool_calls": [first | {"function": {"name": call.name, "arguments": ""}}]}
        named = {name: value for name, value in self.continued.items() if name == "name"}
        others = {name: value for name, value in self.continued.items() if name != "name"}
        if others.get("id") == "repeated":
            others["id"] = call.id
        for piece in slices(call.arguments, FRAGMENT):
            yield {"tool_calls": [{**numbers, **others, "function": {**named, "arguments": piece}}]}

    def _chunks(self, deltas: list[Json], called: list[Json]) -> Iterator[Json]:
        reason = self.called if called else "stop"
        plain = [*deltas, *called]
        ending = plain.pop() if called and self.finish_on_call else dict(self.last)
        for delta in plain:
            yield self._chunk(delta)
        yield self._finish(ending, reason)
        if "last" in self.usage:
            yield self._top(chunk(choices=[], usage=dict(self.counts)))

    def _chunk(self, delta: Json, finish: str | None = None) -> Json:
        made = self._top(chunk({**self.every, **delta}, finish=finish))
        choice = made["choices"][0]
        choice.update(self.choice)
        if finish is None and self.absent_finish:
            del choice["finish_reason"]
        return made

    def _finish(self, delta: Json, reason: str) -> Json:
        made = self._chunk(delta, reason)
        if "finish" in self.usage:
            made["usage"] = dict(self.counts)
        if "choice" in self.usage:
            made["choices"][0]["usage"] = dict(self.counts)
        if self.envelope:
            made[self.envelope] = {"id": "req_scripted", "usage": dict(self.counts)}
        return made

    def _top(self, made: Json) -> Json:
        null = {"usage": None} if self.usage_null else {}
        return {**null, **made, **self.top, "created": self.created}


def _detail(**fields: str) -> Json:
    return {"type": "reasoning.text", "format": "scripted-v1", "index": 0, **fields}


def _details(text: str) -> list[Json]:
    """The list as it has to come back: its pieces joined."""
    return [_detail(text=text, signature=SIGNATURE)]
