"""Tool calls as people read them: a command as the command, a patch as the patch, and what came of it."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from .layout import HANG, STEP, WIDTH, Room, columns, count, fold, indented, one_line, shown_value, tidy
from .plain_json import pretty

PATCH = "*** Begin Patch"
_PATCHED = re.compile(r"^\*\*\* (Add|Update|Delete) File: (.+)$|^\*\*\* (Move to): (.+)$", re.M)
_ADDED, _REMOVED = re.compile(r"^\+", re.M), re.compile(r"^-", re.M)
_VERBS = {"Add": "adds", "Update": "changes", "Delete": "deletes", "Move to": "moves it to"}


def call_lines(name: str, arguments: object, room: Room, *, freeform: bool = False) -> list[str]:
    """The call as lines without indent: `name(key: value)`, `name $ command`, or the name above a longer body.

    arguments: JSON text, a value, or (freeform) the raw text of a custom tool."""
    value = arguments if freeform else parsed(arguments)
    if isinstance(value, dict):
        return _object_call(name, value, room)
    text = value if isinstance(value, str) else pretty(value, width=WIDTH - 12)
    if PATCH in text:
        return [f"{name}: {patch_summary(text)}", *_body(text, room)]
    if freeform:
        return [f"{name}:", *_body(text, room)]
    if not text.strip():
        return [f"{name}()"]
    remark = "arguments are not whole JSON" if isinstance(value, str) else "arguments are not an object"
    return [f"{name} ({remark}):", *_body(text, room)]


def call_summary(name: str, arguments: object, longest: int, *, freeform: bool = False) -> str:
    """The call on one line."""
    lines = call_lines(name, arguments, Room(3, 2 * longest), freeform=freeform)
    head = lines[0]
    if len(lines) > 1 and PATCH not in lines[1]:
        head = f"{head} {lines[1].strip()}"
    return one_line(head, longest)


def _object_call(name: str, value: dict[str, Any], room: Room) -> list[str]:
    values = list(value.values())
    if len(values) == 1 and isinstance(values[0], str) and PATCH in values[0]:
        return [f"{name}: {patch_summary(values[0])}", *_body(values[0], room)]
    if list(value) == ["input"] and isinstance(values[0], str):
        return [f"{name}:", *_body(values[0], room)]  # a freeform tool that was offered as a function
    command = _command(value)
    if command:
        rest = {key: inner for key, inner in value.items() if key not in ("cmd", "command") and inner is not None}
        about = f" ({', '.join(f'{key}: {shown_value(inner, 60)}' for key, inner in rest.items())})" if rest else ""
        if "\n" not in command and _is_short(name, command, about):
            return [f"{name} $ {tidy(command)}{about}"]
        patch = f" {patch_summary(command)}" if PATCH in command else ""
        return [f"{name}{about}:{patch}", *_body(f"$ {command}", room)]
    flat = f"{name}({', '.join(f'{key}: {_argument(inner)}' for key, inner in value.items())})"
    if _is_short(flat) and not any(isinstance(inner, str) and "\n" in inner for inner in values):
        return [tidy(flat)]
    return [f"{name}:", *(line for key, inner in value.items() for line in _long_argument(key, inner, room))]


def _command(value: dict[str, Any]) -> str:
    """The command line in the arguments of the shells that Codex has had, "" for other tools."""
    command = value.get("cmd") or value.get("command")
    if isinstance(command, str):
        return command
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        return ""
    if len(command) == 3 and command[1] in ("-lc", "-c"):
        return str(command[2])
    return shlex.join(command)


def _argument(value: object) -> str:
    if isinstance(value, str):
        return pretty(value)
    return shown_value(value, 400)


def _long_argument(key: str, value: object, room: Room) -> list[str]:
    text = value if isinstance(value, str) else pretty(value, width=WIDTH - 12)
    if "\n" not in text and _is_short(key, text):
        return [f"{STEP}{tidy(key)}: {tidy(text)}"]
    return [f"{STEP}{tidy(key)}:", *indented(_body(text, room))]


def _is_short(*words: str) -> bool:
    """Whether they have a place on one line, behind the call's number."""
    return sum(map(len, words)) < WIDTH and sum(columns(tidy(word)) for word in words) < WIDTH - 12


def _body(text: str, room: Room) -> list[str]:
    return indented(fold(text, room, WIDTH - 12, HANG))


def patch_summary(patch: str) -> str:
    """`adds new.txt, changes a.py (+3 −1)`."""
    said = [
        f"{_VERBS[found[1] or found[3]]} {one_line(found[2] or found[4], 80)}" for found in _PATCHED.finditer(patch)
    ]
    if len(said) > 4:
        said = [*said[:3], f"{len(said) - 3} more"]
    counts = f"(+{len(_ADDED.findall(patch))} −{len(_REMOVED.findall(patch))})"
    return f"{', '.join(said) or 'a patch'} {counts}"


def parsed(arguments: object) -> object:
    """The value of arguments in JSON, else the text."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments, strict=False)
    except (ValueError, RecursionError):
        return arguments


# -- what came of a call

_HEADER = re.compile(
    r"(?P<id>Chunk ID: \w*)|Wall time:? (?P<time>[\d.]+) seconds|Process exited with code (?P<exit>-?\d+)"
    r"|Exit code: (?P<code>-?\d+)|Original token count: (?P<tokens>\d+)|Total output lines: (?P<lines>\d+)"
    r"|Process running with session ID (?P<session>\d+)|(?P<script>Script [a-z]+)|(?P<aborted>aborted by user)"
)
_MOST_HEADERS = 8


def output_status(text: str) -> tuple[str, str]:
    """(what Codex says about how the call went, the output itself) of an output's text.

    Versions since 0.98 put lines in front (`Wall time: …`), older ones made a JSON object of both."""
    if text.startswith('{"output":'):
        return _json_output(text)
    words, rest = _headers(text)
    if words and rest.startswith("Exit code: "):  # a patch that was a shell command
        more, rest = _headers(rest)
        words = [word for word in words if not word.endswith(" s")] + more
    return ", ".join(sorted(words, key=lambda word: not word.startswith("exit"))), rest


def _headers(text: str) -> tuple[list[str], str]:
    """(words, what stands behind `Output:`); no words and the whole text when it does not begin so."""
    words: list[str] = []
    place = 0
    for _ in range(_MOST_HEADERS):
        end = text.find("\n", place)
        line = text[place : end if end >= 0 else len(text)].strip()
        if line == "Output:":
            return words, text[end + 1 :] if end >= 0 else ""
        found = _HEADER.fullmatch(line)
        if found is None:
            break
        words += _header_words(found)
        if end < 0:
            return words, ""
        place = end + 1
    return [], text


def _header_words(found: re.Match[str]) -> list[str]:
    if found["id"] is not None or found["tokens"] is not None:
        return []  # the output itself has its size
    if found["time"]:
        seconds = found["time"].rstrip("0").rstrip(".") if "." in found["time"] else found["time"]
        return [f"{seconds or '0'} s"]
    if found["exit"] or found["code"]:
        return [f"exit {found['exit'] or found['code']}"]
    if found["lines"]:
        return [count(int(found["lines"]), "line") + " in all"]
    if found["session"]:
        return [f"still running as session {found['session']}"]
    return [found[0]]


def _json_output(text: str) -> tuple[str, str]:
    value = parsed(text)
    output = value.get("output") if isinstance(value, dict) else None
    facts = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(output, str) or not isinstance(facts, dict):
        return "", text
    words = [f"exit {facts['exit_code']}"] if isinstance(facts.get("exit_code"), int) else []
    if isinstance(facts.get("duration_seconds"), int | float):
        words.append(f"{facts['duration_seconds']} s")
    return ", ".join(words), output
