"""The two streams folded into what they have come to, piece by piece, for as long as they come.

Both give output items of the Responses wire, finished or open, so that one layout serves them.  A delta costs one
dictionary look-up and one append: a view of a running answer is asked for several times a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from relay_translate.error_shapes import read_error
from relay_translate.json_text import is_complete_object
from relay_translate.responses_api import Json
from relay_translate.sources import read_search
from relay_translate.usage import translate_timings, translate_usage

from .layout import list_of, object_of, one_line, text_of


@dataclass
class Part:
    """An output item while it comes.

    kind: its type.  pieces: the text, or a call's arguments.  item: the finished item, once it was told.
    """

    kind: str
    name: str = ""
    call_id: str = ""
    pieces: list[str] = field(default_factory=list)
    item: Json | None = None
    about: Json = field(default_factory=dict)  # members of the item that did not come in pieces

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def what(self) -> str:
        """What breaks off when the stream breaks off here."""
        if self.kind.endswith("_call"):
            return f"the arguments of {self.name or 'a call'}"
        return {"message": "the text", "reasoning": "the reasoning"}.get(self.kind, f"the {self.kind}")

    def as_item(self) -> Json:
        if self.item is not None:
            return self.item
        if self.kind == "reasoning":
            content = [{"type": "reasoning_text", "text": self.text}]
            return {**self.about, "type": "reasoning", "summary": [], "content": content}
        if self.kind == "custom_tool_call":
            return {**self.about, "type": self.kind, "name": self.name, "input": self.text}
        if self.kind.endswith("_call"):
            call = {"type": self.kind, "name": self.name, "call_id": self.call_id, "arguments": self.text}
            return {**self.about, **call}
        content = [{"type": "output_text", "text": self.text}] if self.pieces else list_of(self.about.get("content"))
        return {**self.about, "type": self.kind, "content": content}


@dataclass
class Told:
    """What an answer says about itself.

    status: completed, incomplete, failed; "" while it runs.  end: the reason in the wire's own word.
    faults: what a reader must know of the stream itself.
    """

    model: str = ""
    id: str = ""
    status: str = ""
    end: str = ""
    usage: Json | None = None
    error: tuple[str, str] | None = None  # code, message
    extra: list[str] = field(default_factory=list)  # further facts, as words
    faults: list[str] = field(default_factory=list)


class ResponsesParts:
    """Folds the events of the Responses wire."""

    wire = "Responses"

    def __init__(self) -> None:
        self.told = Told()
        self.counts: dict[str, int] = {}
        self.parts: list[Part] = []
        self._known: dict[object, Part] = {}
        self._number = -1

    def receive(self, event: Json) -> None:
        kind = event.get("type")
        kind = kind if isinstance(kind, str) else "without a type"
        self.counts[kind] = self.counts.get(kind, 0) + 1
        number = event.get("sequence_number")
        if type(number) is int:
            if number != self._number + 1 and self._number >= 0:
                self._fault(f"event {number} follows event {self._number}")
            self._number = number
        delta = event.get("delta")
        if isinstance(delta, str):
            self._part(event, _DELTAS.get(kind, "message")).pieces.append(delta)
        elif kind in ("response.output_item.added", "response.output_item.done"):
            self._item(event, is_done=kind.endswith("done"))
        elif isinstance(event.get("response"), dict):
            self._response(kind, event["response"])
        elif kind == "error" or "error" in event:
            self.told.error = _error(event)
            self.told.status = "failed"

    def whole(self, body: Json) -> None:
        """A body of `stream: false`."""
        status = text_of(body.get("status")) or "completed"
        self._response(f"response.{status}", body)

    def missing(self) -> list[str]:
        """What the stream should have had, now that it is over."""
        faults = list(self.told.faults)
        open_parts = [part for part in self.parts if part.item is None]
        if not self.told.status:
            faults.append(
                f"the stream broke off in {open_parts[-1].what}" if open_parts else
                "the stream broke off: no response.completed came" if self.counts else "no event came"
            )  # fmt: skip
        elif self.told.status == "completed":
            faults += [f"{part.what} never closed (no output_item.done): Codex drops it" for part in open_parts]
        return faults

    def _fault(self, words: str) -> None:
        if len(self.told.faults) < 5:
            self.told.faults.append(words)

    def _part(self, event: Json, kind: str) -> Part:
        key = event.get("output_index")
        key = event.get("item_id") if type(key) is not int else key
        if not isinstance(key, int | str):
            key = ""
        part = self._known.get(key)
        if part is None:
            part = self._known[key] = Part(kind)
            self.parts.append(part)
        return part

    def _item(self, event: Json, *, is_done: bool) -> None:
        item = object_of(event.get("item"))
        place = event if "output_index" in event or "item_id" in event else {"item_id": item.get("id")}
        part = self._part(place, text_of(item.get("type")) or "item without a type")
        part.kind = text_of(item.get("type")) or part.kind
        namespace, name = text_of(item.get("namespace")), text_of(item.get("name"))
        part.name = one_line(f"{namespace}.{name}" if namespace and name else name, 120) or part.name
        part.about = item
        if is_done:
            part.item = item

    def _response(self, kind: str, response: Json) -> None:
        told = self.told
        told.model = text_of(response.get("model")) or told.model
        told.id = text_of(response.get("id")) or told.id
        if isinstance(response.get("usage"), dict):
            told.usage = response["usage"]
        status = kind.rpartition(".")[2]
        if status not in ("completed", "failed", "incomplete", "cancelled"):
            return
        told.status = status
        told.end = text_of(object_of(response.get("incomplete_details")).get("reason"))
        if response.get("end_turn") is False:
            told.extra.append("end_turn: false, Codex asks again")
        if isinstance(response.get("error"), dict):
            told.error = _error(response)
        if not self.parts:
            for i, item in enumerate(list_of(response.get("output"))):
                self._item({"output_index": i, "item": item}, is_done=True)


_DELTAS = {
    "response.output_text.delta": "message",
    "response.refusal.delta": "message",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.reasoning_text.delta": "reasoning",
    "response.function_call_arguments.delta": "function_call",
    "response.custom_tool_call_input.delta": "custom_tool_call",
}


class ChatParts:
    """Folds the chunks of the chat wire; a whole answer (`message` in place of `delta`) is one chunk."""

    wire = "chat"

    def __init__(self) -> None:
        self.told = Told()
        self.counts: dict[str, int] = {}
        self.parts: list[Part] = []
        self.is_done = False  # [DONE]
        self._calls: dict[object, Part] = {}
        self._details = 0

    def receive(self, chunk: Json) -> None:
        choices = list_of(chunk.get("choices"))
        for choice in choices:
            choice = object_of(choice)
            message = choice.get("delta") or choice.get("message")
            if isinstance(message, dict):
                self._message(message, object_of(choice.get("message")) is message)
            if text_of(choice.get("text")):
                self._text("message", "text", choice["text"])
            reason = choice.get("finish_reason")
            if isinstance(reason, str) and reason:
                self.told.end, self.told.status = one_line(reason, 60), "completed"
                self._count("finish_reason")
        self._about(chunk, choices)

    def missing(self) -> list[str]:
        faults = list(self.told.faults)
        last = self.parts[-1] if self.parts else None
        if not self.told.end and not self.told.error:
            if last is None:
                faults.append("nothing was answered" if self.counts or self.is_done else "no chunk came")
            else:
                end = "without a finish_reason" if self.is_done else f"in {last.what}"
                faults.append(f"the stream {'ended' if self.is_done else 'broke off'} {end}")
        faults += [
            f"{part.what} are not a whole JSON object"
            for part in self.parts
            if part.kind == "function_call" and part.text.strip() and not is_complete_object(part.text)
        ]
        if self.told.usage is None and self.told.end:
            faults.append("no usage was sent")
        return faults

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    def _about(self, chunk: Json, choices: list[Any]) -> None:
        told = self.told
        if not told.model:
            told.model, told.id = text_of(chunk.get("model")), text_of(chunk.get("id"))
        if isinstance(chunk.get("usage"), dict):
            usage = translate_usage(chunk["usage"])
            told.usage = dict(usage) if usage else told.usage
            self._count("usage")
            if isinstance(cost := chunk["usage"].get("cost"), int | float):
                told.extra = [f"cost {cost}"]
        if told.usage is None and isinstance(chunk.get("timings"), dict):
            usage = translate_timings(chunk["timings"])
            told.usage = dict(usage) if usage else None
        if chunk.get("error") or ("choices" not in chunk and (chunk.get("object") == "error" or "detail" in chunk)):
            told.error, told.status = _error(chunk), "failed"
            self._count("error")
        if isinstance(provider := chunk.get("provider"), str) and not choices[1:] and not told.extra:
            told.extra.append(f"served by {one_line(provider, 40)}")

    def _message(self, message: Json, is_whole: bool) -> None:
        name = "reasoning_content" if text_of(message.get("reasoning_content")) else "reasoning"
        if text_of(message.get(name)):  # some send the same text under both names
            self._text("reasoning", name, message[name])
        if message.get("reasoning_details"):
            self._count_details(list_of(message["reasoning_details"]), "reasoning" in message)
        content = message.get("content")
        if isinstance(content, str) and content:
            self._text("message", "content", content)
        elif isinstance(content, list):
            for part in content:
                self._content_part(object_of(part))
        if text_of(message.get("refusal")):
            self._text("message", "refusal", message["refusal"])
        for position, call in enumerate(list_of(message.get("tool_calls"))):
            self._call(object_of(call), position if is_whole else None)
        if isinstance(message.get("function_call"), dict):
            self._call({"function": message["function_call"]}, None)
        queries, sources = read_search({}, message)
        if queries or sources:
            self._count("search results")

    def _content_part(self, part: Json) -> None:
        if part.get("type") == "thinking":
            inner = part.get("thinking")
            pieces = [text_of(object_of(one).get("text")) for one in list_of(inner)] or [text_of(inner)]
            self._text("reasoning", "thinking", "".join(pieces))
        elif text_of(part.get("text")):
            self._text("message", "content", part["text"])

    def _count_details(self, details: list[Any], told_twice: bool) -> None:
        self._details += 1
        self._count("reasoning_details")
        for one in details:
            text = text_of(object_of(one).get("text")) or text_of(object_of(one).get("summary"))
            if text and not told_twice:
                self._text("reasoning", "", text)

    def _text(self, kind: str, counted: str, piece: str) -> None:
        if counted:
            self._count(counted)
        last = self.parts[-1] if self.parts else None
        if last is None or last.kind != kind:
            last = Part(kind)
            last.about = {"role": "assistant"} if kind == "message" else {}
            self.parts.append(last)
        last.pieces.append(piece)

    def _call(self, call: Json, position: int | None) -> None:
        """Calls are told apart by their index, and by id where several share one."""
        self._count("tool_calls")
        index, call_id = call.get("index"), text_of(call.get("id"))
        key = index if type(index) is int else position
        known = self._calls.get(key)
        if known is None or (call_id and known.call_id and call_id != known.call_id):
            known = self._calls[key] = Part("function_call")
            self.parts.append(known)
        known.call_id = known.call_id or call_id
        function = object_of(call.get("function"))
        name, arguments = text_of(function.get("name")), function.get("arguments")
        if name and name != known.name:
            known.name = one_line(known.name + name, 120)
        if isinstance(arguments, str):
            known.pieces.append(arguments)
        elif isinstance(arguments, dict):
            known.about["arguments"] = arguments
            known.item = {**known.about, "type": "function_call", "name": known.name, "call_id": known.call_id}


def _error(holder: Json) -> tuple[str, str]:
    found = read_error(holder)
    if found is None:
        return "error", "the answer names an error without words"
    return one_line(found.code or found.type or "error", 80), found.message
