"""The output items of an answer while they are being made, and the one writer of events.

An item collects pieces; while it is live (on the wire) each piece becomes a delta event at once.  Only one item is
live at a time: Codex appends a delta to whatever item is open, whatever the event says.
"""

from __future__ import annotations

from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any

from .event_stream import encode_event
from .ids import AnswerIds
from .json_text import json_bytes, mend_surrogates, split_surrogate
from .reasoning import ReasoningState, details_text, fold_details, seal
from .responses_api import Json
from .sources import Source, annotation


class EventWriter:
    """Numbers events (`sequence_number`) and items (`output_index`), and collects the encoded bytes."""

    def __init__(self) -> None:
        self._sequence = 0
        self._items = 0
        self._encoded: list[bytes] = []

    def write(self, kind: str, **fields: Any) -> None:
        self._encoded.append(
            encode_event(kind, json_bytes({"type": kind, "sequence_number": self._sequence, **fields}))
        )
        self._sequence += 1

    def write_delta(self, kind: str, place: str, delta: str, tail: str = "") -> None:
        """The hot path: `place` and `tail` are JSON members prepared once an item."""
        data = (
            f'{{"type":"{kind}","sequence_number":{self._sequence},{place},"delta":{encode_basestring(delta)}{tail}}}'
        )
        self._encoded.append(encode_event(kind, data.encode()))
        self._sequence += 1

    def next_index(self) -> int:
        self._items += 1
        return self._items - 1

    def take(self) -> bytes:
        """The bytes since the last call: one write for the connection."""
        encoded, self._encoded = self._encoded, []
        return encoded[0] if len(encoded) == 1 else b"".join(encoded)


class OpenItem:
    """Base of all items. `text` is what was pushed so far."""

    prefix = ""  # of the item's id
    delta_kind = ""
    delta_place = ""  # further members of the delta event
    delta_tail = ""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.item_id = ""
        self.index = -1  # output_index; -1 until live
        self.is_closed = False
        self._half = ""  # a high surrogate whose other half may be in the next piece
        self._place = ""

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def is_live(self) -> bool:
        return self.index >= 0

    def is_ready(self) -> bool:
        """Whether enough is known to announce the item."""
        return True

    def is_settled(self) -> bool:
        """Whether the item is over as soon as another one begins."""
        return True

    def push(self, piece: str, writer: EventWriter) -> None:
        if self._half or not piece.isascii():
            piece = self._whole(piece)
        if not piece:
            return
        self.pieces.append(piece)
        if self.is_live:
            self.emit(piece, writer)

    def go_live(self, writer: EventWriter, ids: AnswerIds) -> None:
        self.index = writer.next_index()
        self.item_id = ids(self.prefix)
        self._place = f'"item_id":"{self.item_id}","output_index":{self.index}{self.delta_place}'
        writer.write("response.output_item.added", output_index=self.index, item=self.opening())
        self.opened(writer)
        if self.pieces:
            self.emit(self.text, writer)

    def close(self, writer: EventWriter) -> Json:
        """Write the closing events; gives the finished item."""
        if self._half:
            self._half = ""
            self.push("\ufffd", writer)
        self.closing(writer)
        self.is_closed = True
        item = self.finished()
        writer.write("response.output_item.done", output_index=self.index, item=item)
        return item

    def emit(self, piece: str, writer: EventWriter) -> None:
        writer.write_delta(self.delta_kind, self._place, piece, self.delta_tail)

    def opened(self, writer: EventWriter) -> None:
        """Events between `added` and the first delta."""

    def closing(self, writer: EventWriter) -> None:
        """Events between the last delta and `done`."""

    def opening(self) -> Json:
        """The item as announced."""
        raise NotImplementedError

    def finished(self) -> Json:
        """The item as Codex keeps it."""
        raise NotImplementedError

    def place(self, **more: Any) -> Json:
        return {"item_id": self.item_id, "output_index": self.index, **more}

    def _whole(self, piece: str) -> str:
        piece, self._half = split_surrogate(self._half + piece)
        return mend_surrogates(piece)


class MessageItem(OpenItem):
    prefix = "msg"
    delta_kind = "response.output_text.delta"
    delta_place = ',"content_index":0'
    delta_tail = ',"logprobs":[]'

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[Source] = []

    def opening(self) -> Json:
        return self._item("in_progress", [])

    def opened(self, writer: EventWriter) -> None:
        writer.write("response.content_part.added", **self.place(content_index=0), part=self._part(""))

    def closing(self, writer: EventWriter) -> None:
        text = self.text
        for i, source in enumerate(self.sources):
            place = self.place(content_index=0, annotation_index=i)
            writer.write("response.output_text.annotation.added", **place, annotation=annotation(source, text))
        writer.write("response.output_text.done", **self.place(content_index=0), text=text, logprobs=[])
        writer.write("response.content_part.done", **self.place(content_index=0), part=self._part(text))

    def finished(self) -> Json:
        return self._item("completed", [self._part(self.text)])

    def _item(self, status: str, content: list[Json]) -> Json:
        return {"id": self.item_id, "type": "message", "status": status, "role": "assistant", "content": content}

    def _part(self, text: str) -> Json:
        cited = [annotation(source, text) for source in self.sources] if text else []
        return {"type": "output_text", "text": text, "annotations": cited, "logprobs": []}


class SearchItem(OpenItem):
    """A search that the provider ran. Codex shows its query."""

    prefix = "ws"

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[str] = []
        self.sources: list[Source] = []

    def opened(self, writer: EventWriter) -> None:
        for step in ("in_progress", "searching"):
            writer.write(f"response.web_search_call.{step}", **self.place())

    def closing(self, writer: EventWriter) -> None:
        writer.write("response.web_search_call.completed", **self.place())

    def opening(self) -> Json:
        return self._item("in_progress")

    def finished(self) -> Json:
        return self._item("completed")

    def _item(self, status: str) -> Json:
        action: Json = {"type": "search", "query": self.queries[0] if self.queries else ""}
        if self.queries:
            action["queries"] = self.queries
        if self.sources:
            action["sources"] = [{"type": "url", "url": url} for url in dict.fromkeys(s.url for s in self.sources)]
        return {"id": self.item_id, "type": "web_search_call", "status": status, "action": action}


@dataclass(frozen=True)
class Origin:
    """Whose reasoning it is: the provider's profile and model, and a word for the one answer."""

    profile: str
    model: str
    answer: str


class ReasoningItem(OpenItem):
    """Readable reasoning as a summary, which Codex shows; the provider's own form in `encrypted_content`."""

    prefix = "rs"
    delta_kind = "response.reasoning_summary_text.delta"
    delta_place = ',"summary_index":0'

    def __init__(self, source: str, origin: Origin) -> None:
        super().__init__()
        self.source = source
        self.details: list[Json] = []
        self.calls: dict[int, Json] = {}
        self._origin = origin
        self._announced = False

    def add_details(self, pieces: list[Any]) -> None:
        self.details = fold_details(self.details, pieces)

    def opening(self) -> Json:
        return {
            "id": self.item_id,
            "type": "reasoning",
            "status": "in_progress",
            "summary": [],
            "encrypted_content": None,
        }

    def emit(self, piece: str, writer: EventWriter) -> None:
        if not self._announced:
            self._announced = True
            writer.write("response.reasoning_summary_part.added", **self.place(summary_index=0), part=_summary(""))
        super().emit(piece, writer)

    def closing(self, writer: EventWriter) -> None:
        if self.pieces:
            text = self.text
            writer.write("response.reasoning_summary_text.done", **self.place(summary_index=0), text=text)
            writer.write("response.reasoning_summary_part.done", **self.place(summary_index=0), part=_summary(text))

    def finished(self) -> Json:
        text = self.text
        # Details that hold the text make a second copy of it superfluous.
        kept = "" if details_text(self.details) else text
        origin = self._origin
        state = ReasoningState(origin.answer, self.source, kept, tuple(self.details), self.calls)
        return {
            "id": self.item_id,
            "type": "reasoning",
            "status": "completed",
            "summary": [_summary(text)] if text else [],
            "encrypted_content": seal(state, origin.profile, origin.model) if state else None,
        }


def _summary(text: str) -> Json:
    return {"type": "summary_text", "text": text}
