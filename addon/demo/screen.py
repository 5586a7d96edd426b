"""What the demo prints: Responses events as they arrive, one block per turn, times since its request."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

Json = dict[str, Any]

DIM, BOLD, CYAN, GREEN, YELLOW, RED = "2", "1", "36", "32", "33", "31"
ITEM_COLOUR = {"reasoning": DIM, "message": GREEN, "function_call": YELLOW, "custom_tool_call": YELLOW}
DELTAS = {
    "response.output_text.delta",
    "response.refusal.delta",
    "response.reasoning_summary_text.delta",
    "response.reasoning_text.delta",
    "response.function_call_arguments.delta",
    "response.custom_tool_call_input.delta",
}
# Their text has been shown already, or they only open and close what the deltas fill.
SILENT = {
    "response.in_progress",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_text.done",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.done",
    "response.reasoning_text.done",
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.done",
    "response.output_item.done",
}
ENDS = {"response.completed", "response.failed", "response.incomplete"}
MARGIN = " " * 10


class Screen:
    """Prints the demo; also counts what its last line tells."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.coloured = self.out.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self.gone = False  # nobody reads any more, as in `codex-relay demo | head`
        self.when_gone: Callable[[], object] = lambda: None
        self.turns = self.events = self.failures = self.input_tokens = self.output_tokens = 0
        self._started: dict[str, float] = {}  # flow id -> time of its request
        self._style = ""  # of the text being typed, empty between lines
        self._open = False  # the cursor stands inside a line
        self._held: list[str] = []  # what the client said while text was being typed

    def heading(self, text: str) -> None:
        self._line(self._paint(text, BOLD))

    def note(self, text: str) -> None:
        self._line(text)

    def client(self, name: str, text: str) -> None:
        """A line of somebody else's, set off from the stream; it waits while an item is being typed."""
        line = f"{self._paint(f'{name:>8} |', CYAN)} {text}".rstrip()
        if self._open:
            self._held.append(line)
        else:
            self._line(line)

    def tapped(self, record: Json) -> None:
        """One record of the tap."""
        if record["kind"] == "request":
            self.turns += 1
            self._started[record["flow"]] = record["at"]
            what = f"{record['messages']} messages, {record['tools']} tools"
            self.heading(f"turn {self.turns}: POST /v1/responses -> /chat/completions, {record['model']}, {what}")
            return
        seconds = record["at"] - self._started.get(record["flow"], record["at"])
        for line in record["text"].splitlines():
            if line.startswith("data:") and "{" in line:
                self.event(json.loads(line[5:]), seconds)

    def event(self, event: Json, seconds: float) -> None:
        self.events += 1
        kind = event.get("type", "")
        if kind in DELTAS:
            self._type(str(event.get("delta", "")))
        elif kind == "response.output_item.added":
            self._item(event["item"], seconds)
        elif kind in ENDS:
            self._end(kind, event.get("response") or {}, seconds)
        elif kind not in SILENT:
            self._timed(seconds, self._paint(kind, DIM))

    def _item(self, item: Json, seconds: float) -> None:
        kind = str(item.get("type"))
        names = [item[key] for key in ("namespace", "name") if item.get(key)]
        self._timed(seconds, self._paint(" ".join([kind, *names]), BOLD))
        self._style = ITEM_COLOUR.get(kind, GREEN)

    def _end(self, kind: str, response: Json, seconds: float) -> None:
        usage = response.get("usage") or {}
        self.input_tokens += usage.get("input_tokens", 0)
        self.output_tokens += usage.get("output_tokens", 0)
        tokens = f"{usage.get('input_tokens', '?')} tokens in, {usage.get('output_tokens', '?')} out"
        if kind == "response.completed":
            self._timed(seconds, f"{self._paint(kind, GREEN)}  {tokens}")
            return
        self.failures += 1
        error = response.get("error") or response.get("incomplete_details") or {}
        self._timed(seconds, f"{self._paint(kind, RED)}  {error.get('message') or error.get('reason') or ''}")

    def _timed(self, seconds: float, text: str) -> None:
        self._line(f"{self._paint(f'{seconds:7.2f}s', DIM)}  {text}")

    def _type(self, delta: str) -> None:
        """Text that grows, behind the margin."""
        lead = "" if self._open else MARGIN
        text = delta.replace("\n", "\n" + MARGIN)
        self._write(lead + self._paint(text, self._style))
        self._open = True

    def _line(self, text: str) -> None:
        lines = [*self._held, text]
        self._write(("\n" if self._open else "") + "\n".join(lines) + "\n")
        self._open, self._held = False, []

    def _write(self, text: str) -> None:
        """Raises nothing for a lost reader: that must end the whole demo, not just the task that happens to print."""
        if self.gone:
            return
        try:
            self.out.write(text)
            self.out.flush()
        except BrokenPipeError:
            self.gone = True
            self.when_gone()

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.coloured and style and text else text
