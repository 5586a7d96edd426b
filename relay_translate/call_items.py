"""Tool calls while they are being made, each in the form its tool was offered in."""

from __future__ import annotations

import json
from collections.abc import Mapping

from .ids import AnswerIds
from .items import EventWriter, OpenItem
from .json_field import StringField
from .json_text import ObjectScanner
from .quirks import ARGS_EMPTY_THEN_REAL, Quirks
from .responses_api import Json
from .tools import CUSTOM_INPUT, ToolRef

NO_ARGUMENTS = "{}"


class CallItem(OpenItem):
    """A tool call. Its name decides, through the tools of the request, what it comes back as."""

    def __init__(self, tools: Mapping[str, ToolRef], quirks: Quirks, raw_id: str = "") -> None:
        super().__init__()
        self.raw_id = raw_id  # as the provider said
        self.call_id = ""  # as Codex is told, unique in the answer
        self.name = ""
        self.extra: Json = {}  # a provider's own siblings of the call (signatures)
        self.form: _Form = _FunctionForm(self)
        self._tools = tools
        self._quirks = quirks
        self._held = ""  # an empty object, which may still be replaced
        self._scanner = ObjectScanner()
        self._scanned = 0  # pieces the scanner has seen

    @property
    def ref(self) -> ToolRef:
        """An unknown name is passed on: Codex tells the model, which costs less than failing the turn."""
        return self._tools.get(self.name) or ToolRef("function", self.name)

    def is_ready(self) -> bool:
        return bool(self.name) and (self.name in self._tools or bool(self.pieces))

    def is_settled(self) -> bool:
        for piece in self.pieces[self._scanned :]:
            self._scanner.receive(piece)
        self._scanned = len(self.pieces)
        return self._scanner.is_whole

    def has_arguments(self) -> bool:
        """Whether the arguments are whole and say something."""
        return self.is_settled() and self.pieces != [NO_ARGUMENTS]

    def add_name(self, name: str) -> None:
        """Names come whole, repeated in every delta, or in pieces."""
        bare = name.removeprefix("functions.")
        name = bare if bare in self._tools else name
        if not name or self.is_live or name == self.name or self.name in self._tools:
            return
        joined = self.name + name
        if not self.name or name in self._tools:
            self.name = name
        elif not self.pieces or any(known.startswith(joined) for known in self._tools):
            self.name = joined

    def push(self, piece: str, writer: EventWriter) -> None:
        begins_again = self.pieces == [NO_ARGUMENTS] and piece.lstrip().startswith("{")
        if begins_again and self._quirks(ARGS_EMPTY_THEN_REAL):
            # Some send an empty object first, then the real one.
            self.pieces.clear()
            self._held, self._scanner, self._scanned = "", ObjectScanner(), 0
        super().push(piece, writer)

    def go_live(self, writer: EventWriter, ids: AnswerIds) -> None:
        self.form = _FORMS[self.ref.kind](self)
        self.prefix = self.form.prefix
        super().go_live(writer, ids)

    def emit(self, piece: str, writer: EventWriter) -> None:
        if self.pieces == [NO_ARGUMENTS]:
            self._held = NO_ARGUMENTS
            return
        self.form.emit(self._held + piece, writer)
        self._held = ""

    def write_piece(self, kind: str, piece: str, writer: EventWriter) -> None:
        if piece:
            writer.write_delta(kind, self._place, piece)

    def opening(self) -> Json:
        return self.form.item("in_progress", "")

    def closing(self, writer: EventWriter) -> None:
        if not self.text.strip():
            self.push(NO_ARGUMENTS, writer)
        if self._held:
            self.form.emit(self._held, writer)
        self.form.closing(writer)

    def finished(self) -> Json:
        return self.form.item("completed", self.text)

    def named(self) -> Json:
        ref = self.ref
        named: Json = {"call_id": self.call_id, "name": ref.name}
        return named | {"namespace": ref.namespace} if ref.namespace else named


class _Form:
    """How a kind of tool is called on the Responses wire."""

    prefix = "fc"

    def __init__(self, call: CallItem) -> None:
        self.call = call

    def item(self, status: str, arguments: str) -> Json:
        raise NotImplementedError

    def emit(self, piece: str, writer: EventWriter) -> None:
        """Forms without deltas of their own wait for the whole."""

    def closing(self, writer: EventWriter) -> None:
        """Events before `done`."""

    def _base(self, status: str, kind: str) -> Json:
        return {"id": self.call.item_id, "type": kind, "status": status}


class _FunctionForm(_Form):
    def item(self, status: str, arguments: str) -> Json:
        return {**self._base(status, "function_call"), **self.call.named(), "arguments": arguments}

    def emit(self, piece: str, writer: EventWriter) -> None:
        self.call.write_piece("response.function_call_arguments.delta", piece, writer)

    def closing(self, writer: EventWriter) -> None:
        fields = self.call.place(name=self.call.ref.name, arguments=self.call.text)
        writer.write("response.function_call_arguments.done", **fields)


class _CustomForm(_Form):
    """A freeform tool: its text is the one string field of the function it was offered as."""

    prefix = "ctc"

    def __init__(self, call: CallItem) -> None:
        super().__init__(call)
        self._field = StringField(CUSTOM_INPUT)
        self._has_sent = False

    def item(self, status: str, arguments: str) -> Json:
        text = self._field.finish(arguments) if arguments else ""
        return {**self._base(status, "custom_tool_call"), **self.call.named(), "input": text}

    def emit(self, piece: str, writer: EventWriter) -> None:
        text = self._field.receive(piece)
        self._has_sent = self._has_sent or bool(text)
        self.call.write_piece("response.custom_tool_call_input.delta", text, writer)

    def closing(self, writer: EventWriter) -> None:
        text = self._field.finish(self.call.text)
        if not self._has_sent:
            self.call.write_piece("response.custom_tool_call_input.delta", text, writer)
        writer.write("response.custom_tool_call_input.done", **self.call.place(), input=text)


class _ToolSearchForm(_Form):
    """Codex wants the arguments as an object here, and says so by finding nothing."""

    prefix = "tsc"

    def item(self, status: str, arguments: str) -> Json:
        return {
            **self._base(status, "tool_search_call"),
            "call_id": self.call.call_id,
            "execution": self.call.ref.execution,
            "arguments": _object(arguments, "query"),
        }


class _LocalShellForm(_Form):
    prefix = "lsh"

    def item(self, status: str, arguments: str) -> Json:
        action = _object(arguments, "command")
        command = action.get("command")
        if isinstance(command, str):
            action["command"] = ["bash", "-lc", command]
        elif not isinstance(command, list):
            action["command"] = []
        return {
            **self._base(status, "local_shell_call"),
            "call_id": self.call.call_id,
            "action": {"type": "exec", "env": {}, **action},
        }


def _object(text: str, only_field: str) -> Json:
    if not text.strip():
        return {}
    try:
        value = json.loads(text, strict=False, parse_constant=lambda word: None)  # NaN is not JSON
    except (ValueError, RecursionError):
        value = text
    return value if isinstance(value, dict) else {only_field: value}


_FORMS: dict[str, type[_Form]] = {
    "function": _FunctionForm,
    "custom": _CustomForm,
    "tool_search": _ToolSearchForm,
    "local_shell": _LocalShellForm,
}
