"""A request as people read it: what is new first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from relay_translate.json_text import json_bytes
from relay_translate.responses_api import Json
from relay_translate.usage import estimate_tokens

from .calls import call_lines, call_summary, output_status
from .changes import change_lines, parameters, same_beginning
from .entries import SAID_BY_MODEL, Entry, conversation, is_chat, pair, read_entries
from .layout import (
    HANG,
    LINE,
    SHORT,
    STEP,
    WIDE,
    WIDTH,
    Room,
    columns,
    count,
    fold_middle,
    folded_rows,
    glimpse,
    hanging,
    indented,
    joined_words,
    labelled,
    object_of,
    one_line,
    page,
    rough,
    shown_value,
    size,
    text_of,
    tidy,
)
from .plain_json import pretty
from .signatures import all_tools, tool_lines

TOO_DEEP = "nested too deeply to be shown here; the raw view has it\n"
_MANY = 60  # older entries; from there on each has less room
_LONG = 250  # lines
_CONTEXT = (
    "<environment_context>",
    "# AGENTS.md",
    "<user_instructions>",
    "<permissions",
    "<skills_instructions>",
    "<collaboration_mode>",
    "<turn_aborted>",
    "<INSTRUCTIONS>",
)
"""What Codex says in the user's name."""
_CODEX_IDS = ("session_id", "thread_id", "turn_id", "root_turn_id", "parent_turn_id")
_ORDINARY = {"stream": "true", "store": "false", "tool_choice": "auto", "include": "[reasoning.encrypted_content]",
             "stream_options.include_usage": "true"}  # fmt: skip
"""Parameters of nearly every request of Codex; they are told only when they are otherwise."""


def request_view(body: Any, *, previous: Any = None, remarks: Sequence[str] = ()) -> str:
    """A Responses request or a chat request, told apart by its shape; other JSON in short lines. Never raises.

    previous: the request before it in the same conversation, on the same wire.  remarks: lines below the title."""
    try:
        if not isinstance(body, dict) or not _is_request(body):
            return page(folded_rows(pretty(body, width=WIDTH)))
        return page(_request_lines(body, previous if isinstance(previous, dict) else None, remarks))
    except RecursionError:
        return TOO_DEEP


def _is_request(body: Json) -> bool:
    return is_chat(body) or "input" in body or "instructions" in body


def _request_lines(body: Json, previous: Json | None, remarks: Sequence[str]) -> list[str]:
    tools = all_tools(body)
    lines = [_title(body, len(tools)), *remarks, *_parameter_lines(body), *_codex_line(body)]
    if previous is not None:
        lines += ["", "Since the last request:"]
        lines += [row for line in change_lines(previous, body) for row in hanging(line)]
    new, older = _conversation_lines(body, previous)
    offered = ["", "Tools:", *tool_lines(tools)] if tools else []
    # Views are cut at some 500 lines; the tools are not to be behind that.
    return [*lines, *new, *offered, *older] if len(older) > _LONG else [*lines, *new, *older, *offered]


def _title(body: Json, tools: int) -> str:
    items = conversation(body)
    noun = "message" if is_chat(body) else "item"
    tokens = estimate_tokens([body.get("instructions"), items, body.get("tools")])
    words = [
        text_of(body.get("model")) or "no model",
        "chat request" if is_chat(body) else "Responses request",
        f"{count(len(items), noun)}, {count(tools, 'tool')}",
        f"{size(len(json_bytes(body)))}, ~{rough(tokens)} tokens",
    ]
    return " · ".join(one_line(word, 100) for word in words)


def _parameter_lines(body: Json) -> list[str]:
    found = parameters(body)
    found.pop("model", None)
    words = [f"{name}: {one_line(text, 240)}" for name, text in found.items() if _ORDINARY.get(name) != text]
    words += [] if "stream" in found else ["not streamed"]
    words += _metadata_words(object_of(body.get("client_metadata")))
    return _named_words("parameters", words)


def _metadata_words(metadata: Json) -> list[str]:
    """Codex's own is mostly ids; what matters of it has a line of its own."""
    others = {key: value for key, value in metadata.items() if key not in _CODEX_IDS and not key.startswith("x-")}
    own = len(metadata) - len(others)
    words = [f"{one_line(key, 40)}: {shown_value(value, 60)}" for key, value in others.items()]
    words += [f"{count(own, 'field')} of Codex's own"] if own else []
    return [f"client_metadata: {one_line(', '.join(words), 240)}"] if words else []


def _named_words(name: str, words: list[str]) -> list[str]:
    """`name: word, word`, or the words below the name."""
    flat = f"{name}: {', '.join(words)}"
    if len(flat) <= WIDTH:
        return [flat] if words else []
    return [f"{name}:", *joined_words(words)]


def _codex_line(body: Json) -> list[str]:
    """What Codex tells about the turn in a request's `client_metadata`."""
    metadata = object_of(body.get("client_metadata"))
    try:
        facts = object_of(json.loads(text_of(metadata.get("x-codex-turn-metadata"))))
    except (ValueError, RecursionError):
        facts = {}
    told = {
        "request": facts.get("request_kind"),
        "from": facts.get("thread_source"),
        "trigger": facts.get("turn_trigger"),
        "sandbox": facts.get("sandbox_mode"),
        "agent": metadata.get("x-openai-subagent") or facts.get("agent_name"),
        "window": facts.get("window_number"),
        "thread": metadata.get("thread_id") or facts.get("thread_id"),
    }
    words = [f"{name} {shown_value(value, 60)}" for name, value in told.items() if value not in (None, "", [], {})]
    return _named_words("Codex", words)


# -- the conversation


def _conversation_lines(body: Json, previous: Json | None) -> tuple[list[str], list[str]]:
    """(what is new, all before it)."""
    entries = read_entries(body)
    new = same_beginning(previous, body) if previous is not None else len(conversation(body))
    is_new = new < len(conversation(body))
    new = new if is_new else _last_step(entries)
    turn = min(new, _last_prompt(entries))
    paired = pair(entries)
    newest = [entry for entry in paired if entry.last >= new]
    rest = [entry for entry in paired if turn <= entry.last < new]
    before = [entry for entry in paired if entry.last < turn]
    room = LINE if len(rest) + len(before) > _MANY else SHORT
    older = _section("This turn, before that:", rest, room) + _section("Before:", before, room)
    return _section("New:" if is_new else "Newest:", newest, WIDE), older


def _last_step(entries: list[Entry]) -> int:
    """The number of the entry with which the newest part begins when there is nothing to compare with: the calls
    whose outputs stand last, or what the user said last."""
    place = len(entries)
    while place and entries[place - 1].kind not in SAID_BY_MODEL:
        place -= 1
    if place == len(entries) or any(entry.kind == "output" for entry in entries[place:]):
        while place and entries[place - 1].kind in SAID_BY_MODEL:
            place -= 1
    return entries[place].number if place else _last_prompt(entries)


def _last_prompt(entries: list[Entry]) -> int:
    """The number of what the user said last, apart from what Codex says in the user's name."""
    said = [entry for entry in entries if entry.kind == "user"]
    own = [entry for entry in said if not entry.text.startswith(_CONTEXT)] or said
    return own[-1].number if own else 0


def _section(title: str, entries: list[Entry], room: Room) -> list[str]:
    if not entries:
        return []
    lines = ["", title]
    for entry in entries:
        lines += indented(entry_lines(entry, _room(entry, room)))
    return lines


def _room(entry: Entry, room: Room) -> Room:
    """Instructions are long and always the same; what the user said has room in every case."""
    if room == LINE and entry.kind == "user":
        return SHORT
    return SHORT if room == WIDE and entry.kind == "instructions" else room


def entry_lines(entry: Entry, room: Room, *, number: bool = True) -> list[str]:
    """One entry without indent: `3 user: text`, a call with what it was answered."""
    mark = f"{entry.number} " if number and entry.number >= 0 else ""
    remark = f" ({entry.remark})" if entry.remark else ""
    if entry.kind == "call":
        if room == LINE:
            head, body = call_summary(entry.label, entry.arguments, LINE.characters, freeform=entry.freeform), []
        else:
            head, *body = call_lines(entry.label, entry.arguments, room, freeform=entry.freeform)
        lines = [f"{mark}{head}{remark}", *indented(body)]
        for output in entry.outputs:
            lines += indented(_output_lines(output, room))
        if not entry.outputs and number:
            lines.append(f"{STEP}-> no output")
        return lines
    if entry.kind == "output":
        of = (
            f" for call {one_line(entry.call_id, 60)}" if entry.call_id else ""
        )  # Codex itself adds some without a call
        return [
            f"{mark}{entry.label}{of}:",
            *indented(_output_lines(entry, room)),
        ]
    return labelled(f"{mark}{entry.label}{remark}", entry.text, room, ends=entry.kind != "instructions")


def _output_lines(output: Entry, room: Room) -> list[str]:
    """`-> exit 0, 0.1 s: left`, or the output below it."""
    status, text = output_status(output.text)
    status = ", ".join(word for word in (status, output.remark) if word)
    head, text = f"-> {status}".rstrip(), text.strip("\n")
    if not text.strip():
        return [f"{head}, nothing written" if status else "-> nothing"]
    colon = ":" if status else ""
    if room == LINE:
        return [f"{head}{colon} {glimpse(text)}"]
    short = "\n" not in text and len(text) <= min(WIDTH, room.characters)
    if short and columns(tidy(text)) + len(head) < WIDTH - 8:
        return [f"{head}{colon} {tidy(text)}"]
    about = f" ({count(len(text), 'character')})" if len(text) > 1000 else ""
    return [f"{head}{about}{colon}", *indented(fold_middle(text, room, WIDTH - 8, HANG))]
