"""What went in and what went out, side by side: item -> message, field -> field, chunk -> event.

Nothing here asks the translator: the two bodies are compared as they are, so that an edited request or another
translator's shows as it is.  The reasons are the translator's notes and quirks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from relay_translate.json_text import json_bytes
from relay_translate.quirks import QUIRKS
from relay_translate.responses_api import Json
from relay_translate.tools import flat_name

from .answer_parts import Part
from .answer_text import AnswerView
from .calls import call_summary, output_status
from .changes import parameters
from .entries import conversation, is_chat
from .items_to_messages import Row, rows_of
from .layout import STEP, WIDTH, count, hanging, object_of, one_line, padded, page, shown_value, size, tidy, wrap
from .links import Links, links_of
from .losses import remark_lines, with_losses
from .request_text import TOO_DEEP
from .signatures import Tool, all_tools

_NEWEST = 120  # rows; of a longer conversation the last ones come first
_ARROW = " -> "
_LEFT = (WIDTH - len(STEP) - len(_ARROW)) // 2  # columns, and as many for what stands on the right
_LONGEST = 240  # columns of one cell, wrapped
_TWO_LINES = 2 * _LEFT - 8  # lines end before a word
Cells = tuple[str, str]
"""What went in and what went out."""

_RENAMED = {
    "text.format": ("response_format",),
    "text.verbosity": ("verbosity",),
    "max_output_tokens": ("max_tokens", "max_completion_tokens"),
    "reasoning.effort": ("reasoning_effort", "reasoning", "thinking", "enable_thinking", "chat_template_kwargs"),
}
_DEFAULTS = {"tool_choice": "auto", "parallel_tool_calls": "true", "text.format": "{type: text}"}
_WITH_TOOLS = ("tool_choice", "parallel_tool_calls")
_OF_RESPONSES = ("include", "reasoning.summary", "reasoning.context", "reasoning.generate_summary", "truncation",
                 "max_tool_calls", "previous_response_id", "client_metadata")  # fmt: skip
_OF_OPENAI = ("store", "metadata", "user", "safety_identifier", "prompt_cache_retention",
              "stream_options.include_obfuscation")  # fmt: skip
"""Fields that OpenAI's own chat API knows, and of which no other provider is told."""
_ADDED = {"stream_options": "for token counts"}
_VALUE = 40  # columns, of a parameter that was left out
_FOUND = "(found in the text, or added)"


def translation_view(
    request: Any,
    chat_request: Any,
    *,
    notes: Sequence[str] = (),
    quirks: Sequence[str] = (),
    answer: bytes = b"",
    chat_answer: bytes = b"",
    profile: str = "",
) -> str:
    """What the translation of a turn did, most remarkable first. Never raises.

    notes: of the request (`TranslatedRequest.notes`).  quirks: the repairs of the answer, by name.
    answer, chat_answer: what the client was sent and what the provider sent.
    profile: the name of the one it was translated for, where that is known."""
    bodies = object_of(request), object_of(chat_request)
    try:
        return page(_lines(links_of(*bodies, profile), *bodies, list(notes), list(quirks), answer, chat_answer))
    except RecursionError:
        return TOO_DEEP


def _lines(
    links: Links, request: Json, chat: Json, notes: list[str], quirks: list[str], answer: bytes, chat_answer: bytes
) -> list[str]:
    sizes = f"{size(len(json_bytes(request)))} -> {size(len(json_bytes(chat)))}"
    items, messages = count(len(conversation(request)), "item"), count(len(conversation(chat)), "message")
    lines = [f"{items} -> {messages} · {sizes}"]
    if not is_chat(chat):
        return [*lines, "no chat request was made of it", *_notes(notes, quirks)]
    remarks: list[str | Cells] = list(remark_lines(request, links))
    rows = [_row_text(row) for row in rows_of(request, links)]
    told = _notes(with_losses(request, links, _with_values(request, chat, notes)), quirks)
    fields, tools = list(_parameter_rows(request, chat, notes)), list(_tool_rows(request, chat))
    if not told and not any(_is_loss(row) for row in [*fields, *tools, *rows]):
        told = ["nothing had to be left out or repaired"]
    lines += told
    lines += _titled("Parameters:", fields)
    lines += _titled("Tools:", tools)
    if answer or chat_answer:
        lines += _answer_lines(answer, chat_answer)
    if len(rows) > _NEWEST:
        lines += _titled(f"Conversation, the last {_NEWEST} of {len(rows):,}:", [*remarks, *rows[-_NEWEST:]])
        return lines + _titled("Conversation, before that:", rows[:-_NEWEST])
    return lines + _titled("Conversation:", [*remarks, *rows])


def _titled(title: str, rows: Iterable[str | Cells]) -> list[str]:
    found = [line for row in rows for line in (hanging(row) if isinstance(row, str) else _side_by_side(*row))]
    return ["", title, *found] if found else []


def _side_by_side(left: str, right: str) -> Iterator[str]:
    """Two cells, each wrapped in its own half of the page."""
    arrow = _ARROW
    for one, other in zip_longest(wrap(tidy(left), _LEFT), wrap(tidy(right), _LEFT), fillvalue=""):
        yield f"{STEP}{padded(one, _LEFT)}{arrow}{other}".rstrip()
        arrow = " " * len(_ARROW)


def _notes(notes: list[str], quirks: list[str]) -> list[str]:
    told = [str(note) for note in notes] + [f"answer: {QUIRKS.get(name, 'repaired')} ({name})" for name in quirks]
    return _titled("Left out, renamed or repaired:", told)


def _is_loss(row: str | Cells) -> bool:
    return (row if isinstance(row, str) else row[1]).startswith("left out")


def _aligned(left: str, right: str) -> Cells:
    return one_line(left, _LONGEST), one_line(right, _LONGEST)


def _row_text(row: Row) -> Cells:
    entry = row.entry
    if entry is None:
        return "    (added)", row.target
    mark, room = f"{entry.number:>3} " if entry.number >= 0 else "    ", _LEFT - 4
    if entry.kind == "call":
        left = call_summary(entry.label, entry.arguments, room, freeform=entry.freeform)
    elif entry.kind == "output":
        status, text = output_status(entry.text)
        left = f"  {one_line(': '.join(word for word in (status, text[: 4 * room]) if word), room - 2)}"
    else:
        left = one_line(f"{entry.label}: {entry.text[: 4 * room]}", room)
    return mark + left, row.target


# -- fields and tools


def _parameter_rows(request: Json, chat: Json, notes: list[str]) -> Iterator[str | Cells]:
    old, new = parameters(request), parameters(chat)
    same = [name for name in old if new.get(name) == old[name]]
    if same:
        yield f"passed on: {', '.join(f'{name}: {old[name]}' for name in same)}"
    used = set(same)
    reasons: dict[str, list[str]] = {}
    for name, value in old.items():
        targets = _targets(name, chat, new)
        used |= set(targets)
        if name in same:
            continue
        if targets:
            told = ", ".join(f"{field}: {shown_value(chat.get(field, new.get(field)), 60)}" for field in targets)
            yield _aligned(f"{name}: {value}", told)
        elif not _note_on(name, notes):
            reasons.setdefault(_reason(name, value, chat), []).append(name)
    if request.get("client_metadata") and "client_metadata" not in chat:
        reasons.setdefault(_reason("client_metadata", "", chat), []).append("client_metadata")
    for reason, names in reasons.items():
        yield f"{reason}: {', '.join(f'{name}: {old[name]}' if _is_told(name, old) else name for name in names)}"
    for name in chat:
        if name in used or name in ("messages", "tools", "model"):
            continue
        if name not in request or (name == "stream_options" and not any(one.startswith(name) for one in same)):
            yield _aligned(_added(name), f"{name}: {shown_value(chat[name], 60)}")


def _targets(name: str, chat: Json, new: dict[str, str]) -> list[str]:
    """The fields of the chat request that a parameter went into. new: the chat request's parameters."""
    return [field for field in (name, *_RENAMED.get(name, ())) if field in chat or field in new]


def _with_values(request: Json, chat: Json, notes: list[str]) -> list[str]:
    """The notes, with the values of parameters that went nowhere: they have no row among the others."""
    old, new, told = parameters(request), parameters(chat), list(notes)
    for name, value in old.items():
        note = _note_on(name, notes)
        if note and not _targets(name, chat, new):
            told[notes.index(note)] = f"{name} ({one_line(value, _VALUE)}): {note.partition(': ')[2]}"
    return told


def _note_on(name: str, notes: list[str]) -> str:
    """What the translator noted of a parameter, under its name on either wire, or ""."""
    begins = tuple(f"{known}: " for known in (name, name.rpartition(".")[2], *_RENAMED.get(name, ())))
    return next((note for note in notes if note.startswith(begins)), "")


def _reason(name: str, value: str, chat: Json) -> str:
    """Why a parameter is not in the chat request, as far as the two bodies tell."""
    if name in _OF_RESPONSES:
        return "not sent, no part of Chat Completions"
    if name in _OF_OPENAI:
        return "not sent, for OpenAI alone"
    if _DEFAULTS.get(name) == value:
        return "not sent, the default"
    if name in _WITH_TOOLS and not chat.get("tools"):
        return "not sent, as there are no tools"
    return "left out by the profile or an option"


def _is_told(name: str, old: dict[str, str]) -> bool:
    """Whether a value is worth its room: not where the reason says it, or nobody could have used it."""
    return old.get(name, "[]") != "[]" and name not in (*_OF_RESPONSES, *_OF_OPENAI)


def _added(name: str) -> str:
    return f"(added {_ADDED[name]})" if name in _ADDED else "(added by the profile or an option)"


def _tool_rows(request: Json, chat: Json) -> Iterator[str | Cells]:
    made = {tool.full_name: tool for tool in all_tools(chat)}
    same: list[str] = []
    spaces: dict[str, list[str]] = {}  # namespace -> members that got the name one expects
    fitted: list[str] = []
    for tool in {tool.full_name: tool for tool in all_tools(request)}.values():  # of one name the last is sent
        name = _chat_name(tool, made)
        told = tool.full_name if tool.kind in ("function", tool.name) else f"{tool.full_name} ({tool.kind})"
        if name is None:
            yield _aligned(told, "left out")
        elif tool.kind != "function":
            yield _aligned(told, f"function {made[name].signature}")
        elif name == f"{tool.group}__{tool.name}":
            spaces.setdefault(tool.group, []).append(tool.name)
        elif name != tool.full_name:
            yield _aligned(tool.full_name, name)
        else:
            same.append(name)
        if name is not None and tool.kind == "function" and tool.schema != made[name].schema:
            fitted.append(name)
    for group, names in spaces.items():
        yield f"{group}.NAME -> {group}__NAME: {', '.join(names)}"
    if same:
        yield f"under their own names: {', '.join(same)}"
    if fitted:
        yield f"with another schema than Codex gave: {', '.join(fitted)}"


def _chat_name(tool: Tool, made: dict[str, Tool]) -> str | None:
    """The name in the chat request; a name that had to be cut or told apart ends in a hash."""
    name = flat_name(tool.name, tool.group or None)
    if name in made:
        return name
    begin = name[:40]
    return next((other for other in made if other.startswith(begin) and len(other) > len(begin)), None)


# -- the answer


def _answer_lines(answer: bytes, chat_answer: bytes) -> list[str]:
    made, given = _folded(answer), _folded(chat_answer)
    title = f"Answer: {given.amount()} -> {made.amount()}"
    rows = [*_part_rows(given.items, made.items)]
    told, said = given.told, made.told
    if told is not None and said is not None:
        end = f"response.{said.status}{f' ({said.end})' if said.end else ''}" if said.status else "no end"
        rows.append(_aligned(f"finish_reason: {told.end or 'none'}", end))
        if said.error is not None:
            rows.append(_aligned(given.failure or "no error is told", ": ".join(said.error)))
        if told.usage or said.usage:
            same = told.usage == said.usage
            rows.append(_aligned(f"usage: {_usage(told.usage)}", "the same" if same else _usage(said.usage)))
    return _titled(title, rows)


def _folded(data: bytes) -> AnswerView:
    view = AnswerView()
    view.receive(data)
    view.finish()
    return view


def _usage(usage: Json | None) -> str:
    if not usage:
        return "none"
    return f"{shown_value(usage.get('input_tokens'))} in, {shown_value(usage.get('output_tokens'))} out"


def _part_rows(given: list[Part], made: list[Part]) -> Iterator[Cells]:
    waiting = list(enumerate(made))
    for part in given:
        found = next((pair for pair in waiting if _alike(part, pair[1])), None)
        if found is None:
            yield _aligned(_part_text(part), "no item of its own")
            continue
        for number, item in waiting[: waiting.index(found)]:
            yield _aligned(_FOUND, f"{number} {_item_text(item)}")
        waiting = waiting[waiting.index(found) + 1 :]
        yield _aligned(_part_text(part), f"{found[0]} {_item_text(found[1])}{_changed(part, found[1])}")
    for number, item in waiting:
        yield _aligned(_FOUND, f"{number} {_item_text(item)}")


def _alike(part: Part, item: Part) -> bool:
    if part.kind == "function_call":
        return item.kind.endswith("_call") and item.kind != "web_search_call"
    return item.kind == part.kind or (part.kind == "message" and item.kind == "compaction")


def _part_text(part: Part) -> str:
    if part.kind == "function_call":
        arguments = part.text or part.about.get("arguments")
        return f"tool_calls: {call_summary(part.name or 'unnamed', arguments, _TWO_LINES - 12)}"
    name = {"message": "content", "reasoning": "reasoning"}.get(part.kind, part.kind)
    return one_line(f"{name} ({count(len(part.text), 'character')}): {part.text[: 4 * _LEFT]}", _TWO_LINES)


def _item_text(item: Part) -> str:
    return f"{item.kind} {item.name}".rstrip() + ("" if item.item is not None else ", never closed")


def _changed(part: Part, item: Part) -> str:
    if part.kind != item.kind or item.kind.endswith("_call"):
        return f" (was {part.name})" if part.name and part.name != item.name else ""
    if part.text == item.text or not item.pieces:
        return ""
    return f", text changed: {count(len(part.text), 'character')} -> {len(item.text):,}"
