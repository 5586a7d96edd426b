"""Which call a tool-call delta belongs to: indexes and ids as providers really send them.

The API's rule is one `index` per call, with id and name in the first delta.  Seen besides: no index, one index for
several calls, indexes from 1, ids empty, repeated, missing, new in every delta, names repeated or late.
"""

from __future__ import annotations

from collections.abc import Mapping

from .call_items import CallItem
from .items import EventWriter
from .json_text import json_text
from .quirks import ARGS_OBJECT, SHARED_INDEX, Quirks
from .responses_api import Json
from .tools import ToolRef

_KNOWN_KEYS = {"index", "id", "type", "function"}


class CallTracker:
    """Finds or makes the `CallItem` for each delta and feeds it."""

    def __init__(self, tools: Mapping[str, ToolRef], quirks: Quirks) -> None:
        self.calls: list[CallItem] = []
        self._tools = tools
        self._quirks = quirks
        self._by_slot: dict[object, CallItem] = {}
        self._by_id: dict[str, CallItem] = {}

    def find(self, raw: Json, position: int, several: bool) -> tuple[CallItem, bool]:
        """The call that `raw` (entry `position` of a delta's `tool_calls`) belongs to, and whether it is new."""
        raw_id = raw["id"] if isinstance(raw.get("id"), str) else ""
        index = raw.get("index")
        has_index = isinstance(index, int) and not isinstance(index, bool)
        slot: object = index if has_index else (f"at {position}" if several else None)
        current = self._by_slot.get(slot) if slot is not None else (self.calls[-1] if self.calls else None)
        known = self._by_id.get(raw_id) if raw_id else None
        if known is not None and (not has_index or (current is not None and current.raw_id != raw_id)):
            current = known  # an index that is missing, or the same for all
        if current is not None and not self._begins_another(current, raw, raw_id, has_index or several):
            if raw_id and not current.raw_id:
                self._know_id(current, raw_id)
            return current, False
        call = self.add(raw_id)
        if slot is not None:
            self._by_slot[slot] = call
        if raw_id:
            self._by_id[raw_id] = call
        return call, True

    def add(self, raw_id: str) -> CallItem:
        call = CallItem(self._tools, self._quirks, raw_id)
        self.calls.append(call)
        return call

    def _know_id(self, call: CallItem, raw_id: str) -> None:
        call.raw_id = raw_id
        self._by_id[raw_id] = call

    def _begins_another(self, current: CallItem, raw: Json, raw_id: str, has_place: bool) -> bool:
        name, arguments = self._function(raw)
        if raw_id and current.raw_id and raw_id != current.raw_id:
            # A new id at the same place is a new call, unless it has no name: some make up an id per delta.
            return not has_place or (bool(name) and self._quirks(SHARED_INDEX))
        if raw_id and raw_id == current.raw_id:
            return False
        # Neither says so, but a whole object after a whole object is another call.
        return bool(name) and arguments.lstrip().startswith("{") and current.has_arguments()

    def feed(self, call: CallItem, raw: Json, writer: EventWriter) -> None:
        name, arguments = self._function(raw)
        call.add_name(name)
        for key, value in raw.items():
            if key not in _KNOWN_KEYS and isinstance(value, dict) and value:
                call.extra[key] = value
        if arguments and not call.is_closed:  # else white space after the whole, or worse: the client has the call
            call.push(arguments, writer)

    def _function(self, raw: Json) -> tuple[str, str]:
        """Name and arguments of a delta; arguments may come as the object they spell."""
        function = raw.get("function")
        if not isinstance(function, dict):
            function = raw
        name, arguments = function.get("name"), function.get("arguments")
        if isinstance(arguments, (dict, list)) and self._quirks(ARGS_OBJECT):
            arguments = json_text(arguments)
        return name if isinstance(name, str) else "", arguments if isinstance(arguments, str) else ""
