"""The items of one answer, in order, one of them live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .call_items import CallItem
from .calls import CallTracker
from .ids import AnswerIds, UniqueIds
from .items import EventWriter, MessageItem, OpenItem, Origin, ReasoningItem, SearchItem
from .quirks import BLANK_TEXT, MISSING_CALL_ID, REPEATED_CALL_ID, Quirks
from .responses_api import Json
from .sources import MOST_SOURCES, Source, new_sources, source_list
from .tools import ToolRef


class Output:
    """An ordered queue: the first unfinished item is live and streams; those behind it collect until it closes.

    An item closes when another has begun and it can't grow any more: text and reasoning at once, a call when its
    arguments are a whole object.  So interleaved parallel calls come out whole and in order, and calls in a row,
    which is what nearly all providers send, stream as they arrive.
    """

    def __init__(
        self, tools: Mapping[str, ToolRef], origin: Origin, writer: EventWriter, ids: AnswerIds, quirks: Quirks
    ) -> None:
        self.done: list[Json] = []  # finished items
        self.calls = CallTracker(tools, quirks)
        self.text_length = 0
        self.reasoning_length = 0
        self._origin = origin
        self._writer = writer
        self._ids = ids
        self._quirks = quirks
        self._waiting: list[OpenItem] = []  # the first one is live, if it could go live
        self._late_details: list[Any] = []
        self._sources: list[Source] = []  # of the whole answer
        self._uncited: list[Source] = []  # those that no message has as annotations yet
        self._late_search: SearchItem | None = None
        self._unique_call = UniqueIds()
        self._states_sent: set[int] = set()

    @property
    def begun(self) -> bool:
        """Whether the client has been told of an item."""
        return bool(self.done or self._waiting)

    def text(self, piece: str) -> None:
        last = self._waiting[-1] if self._waiting else None
        if not isinstance(last, MessageItem):
            if not piece.strip() and self._quirks(BLANK_TEXT):
                return  # some send "\n\n" before or after a call; a message of it would be an empty one
            last = self._add(MessageItem())
        self.text_length += len(piece)
        last.push(piece, self._writer)

    def reason(self, source: str, piece: str, details: list[Any]) -> None:
        last = self._waiting[-1] if self._waiting else None
        if not piece and not isinstance(last, ReasoningItem) and self.has_answer:
            self._late_details += details  # a signature after the fact needs no item on the screen
            return
        if not isinstance(last, ReasoningItem) or (piece and last.source and last.source != source):
            last = self._add(ReasoningItem(source, self._origin))
        assert isinstance(last, ReasoningItem)
        self.reasoning_length += len(piece)
        last.add_details(details)
        last.push(piece, self._writer)

    def searched(self, queries: list[str], sources: list[Source]) -> None:
        """The provider searched the web. What comes while its text is under way is told when the text is over."""
        fresh = new_sources(self._sources, sources)[: MOST_SOURCES - len(self._sources)]
        if not queries and not fresh:
            return
        self._sources += fresh
        self._uncited += fresh
        last = self._waiting[-1] if self._waiting else None
        open_search = self._late_search or (last if isinstance(last, SearchItem) else None)
        item = open_search or SearchItem()
        item.queries += [query for query in queries if query not in item.queries]
        item.sources += fresh
        if open_search is None and isinstance(last, MessageItem):
            self._late_search = item
        elif open_search is None:
            self._add(item)

    def list_sources(self) -> None:
        """Write the sources under a text that names none of them: Codex shows no annotations."""
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, MessageItem) and not self.calls.calls:
            last.push(source_list(self._uncited, last.text), self._writer)

    def call(self, raw: Json, position: int, several: bool) -> None:
        call, is_new = self.calls.find(raw, position, several)
        if is_new:
            self._add(call)
        self.calls.feed(call, raw, self._writer)
        self._advance()

    def whole_call(self, name: str, arguments: str, raw_id: str) -> None:
        """A call that is known as a whole; it belongs to no delta of the provider's."""
        call = self.calls.add(raw_id or self._ids.new_id("call"))
        self._add(call)
        self.calls.feed(call, {"name": name, "arguments": arguments}, self._writer)
        self._advance()

    @property
    def has_answer(self) -> bool:
        """Whether there is anything but reasoning."""
        return self.text_length > 0 or bool(self.calls.calls)

    def drop_cut_calls(self) -> bool:
        """Forget the calls whose arguments are cut off; Codex would run them as they are."""
        last = self.calls.calls[-1] if self.calls.calls else None
        cut = [
            item
            for item in self._waiting
            if isinstance(item, CallItem) and not item.is_settled() and (item is last or item.text.strip())
        ]
        self._waiting = [item for item in self._waiting if item not in cut]
        self.calls.calls = [call for call in self.calls.calls if call not in cut]
        return bool(cut)

    def nameless_call(self) -> bool:
        return any(not call.name for call in self.calls.calls)

    def finish(self) -> None:
        """Close everything, in order."""
        while self._waiting:
            item = self._waiting[0]
            if not item.is_live:
                self._go_live(item)
            self._close_first()
        self._send_state(self._unsent_calls())

    def _add(self, item: OpenItem) -> Any:
        self._waiting.append(item)
        self._advance()
        return item

    def _advance(self) -> None:
        while self._waiting:
            first = self._waiting[0]
            if not first.is_live:
                if not first.is_ready():
                    return
                self._go_live(first)
            if len(self._waiting) == 1 or not first.is_settled():
                return
            self._close_first()

    def _go_live(self, item: OpenItem) -> None:
        if isinstance(item, CallItem):
            item.call_id = self._call_id(item.raw_id)
            self._send_state({self.calls.calls.index(item): item.extra} if item.extra else {})
        item.go_live(self._writer, self._ids)

    def _call_id(self, raw_id: str) -> str:
        """An id that tells the call from the others: Codex sends a call's output back under it."""
        if not raw_id and self._quirks(MISSING_CALL_ID):
            raw_id = self._ids.new_id("call")
        unique = self._unique_call(raw_id)
        return unique if unique == raw_id or self._quirks(REPEATED_CALL_ID) else raw_id

    def _close_first(self) -> None:
        item = self._waiting.pop(0)
        if isinstance(item, MessageItem):
            item.sources, self._uncited = self._uncited, []
        self.done.append(item.close(self._writer))
        if isinstance(item, MessageItem) and self._late_search is not None:
            self._waiting.insert(0, self._late_search)
            self._late_search = None

    def _unsent_calls(self) -> dict[int, Json]:
        return {i: call.extra for i, call in enumerate(self.calls.calls) if call.extra and i not in self._states_sent}

    def _send_state(self, calls: dict[int, Json]) -> None:
        """What a provider wants back and nobody reads: a reasoning item without a summary, before the call."""
        if not calls and not self._late_details:
            return
        item = ReasoningItem("", self._origin)
        item.add_details(self._late_details)
        item.calls = calls
        self._states_sent |= set(calls)
        self._late_details = []
        item.go_live(self._writer, self._ids)
        self.done.append(item.close(self._writer))
