"""What a request has that the one before it in the same conversation had not."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from relay_translate.json_text import json_text
from relay_translate.responses_api import Json

from .entries import Entry, conversation, is_chat, item_entries, message_entries
from .layout import count, list_of, object_of, one_line, shown_value, text_of

_NOT_PARAMETERS = frozenset({"input", "messages", "tools", "instructions", "client_metadata"})
_NESTED = ("reasoning", "text", "thinking", "stream_options")
_ASIDE = ("id", "internal_chat_message_metadata_passthrough")
_MOST_COMPARED = 2000  # items; beyond that only the common beginning is looked for
_MOST_LINES = 12
_NOUNS = {"call": "call", "output": "output", "user": "message of the user", "assistant": "message of the model",
          "reasoning": "reasoning", "instructions": "instruction", "other": "other"}  # fmt: skip


def change_lines(previous: Json, body: Json) -> list[str]:
    """One line each for parameters, tools, instructions and items. What the changes do to the cache, which goes by
    bytes, is told by `prefix_difference`."""
    changes = [*_parameters(previous, body), *_tools(previous, body), *_instructions(previous, body)]
    return changes + _items(previous, body)


def same_beginning(previous: Json, body: Json) -> int:
    """How many items or messages both conversations begin alike with, apart from ids."""
    alike = 0
    for old, new in zip(conversation(previous), conversation(body), strict=False):
        if old != new and _bare(old) != _bare(new):
            break
        alike += 1
    return alike


def _bare(item: Any) -> Any:
    """An item without what is no part of the conversation: Codex gives its own items new ids after a compaction."""
    return {key: value for key, value in item.items() if key not in _ASIDE} if isinstance(item, dict) else item


def parameters(body: Json) -> dict[str, str]:
    """The fields that are neither conversation nor tools, on one line each; members of an object under their path."""
    found: dict[str, str] = {}
    for name, value in body.items():
        if name in _NOT_PARAMETERS or value is None:
            continue
        if isinstance(value, dict) and value and name in _NESTED:
            found |= {f"{name}.{key}": shown_value(inner, 300) for key, inner in value.items() if inner is not None}
        else:
            found[str(name)] = shown_value(value, 300)
    return found


def _parameters(previous: Json, body: Json) -> Iterator[str]:
    old, new = parameters(previous), parameters(body)
    changed = [f"{name}: {old[name]} -> {new[name]}" for name in old if name in new and old[name] != new[name]]
    changed += [f"{name}: {new[name]} (was not set)" for name in new if name not in old]
    changed += [f"{name} (was {old[name]}) is no longer set" for name in old if name not in new]
    for change in changed:
        yield f"parameter {change}"


def _tools(previous: Json, body: Json) -> Iterator[str]:
    old, new = _by_name(previous.get("tools")), _by_name(body.get("tools"))
    if list(old.items()) == list(new.items()):
        return
    words = [
        *(f"{name} added" for name in new if name not in old),
        *(f"{name} removed" for name in old if name not in new),
        *(f"{name} changed" for name in new if name in old and old[name] != new[name]),
    ]
    yield f"tools: {one_line(', '.join(words) or 'in another order', 400)}"


def _by_name(tools: object, group: str = "") -> dict[str, str]:
    """name -> definition as JSON, members of namespaces one by one."""
    found: dict[str, str] = {}
    for i, tool in enumerate(list_of(tools)):
        holder = object_of(tool)
        name = text_of(holder.get("name")) or text_of(object_of(holder.get("function")).get("name"))
        name = name or text_of(holder.get("type")) or f"tool {i}"
        if holder.get("type") == "namespace":
            found |= _by_name(holder.get("tools"), f"{group}{name}.")
        else:
            found[one_line(group + name, 120)] = json_text(tool)
    return found


def _instructions(previous: Json, body: Json) -> Iterator[str]:
    old, new = text_of(previous.get("instructions")), text_of(body.get("instructions"))
    if old != new:
        yield f"instructions: {_text_change(old, new)}"


def _text_change(old: str, new: str) -> str:
    """Where two texts part, with a few words of both."""
    same = next((i for i, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), -1)
    same = min(len(old), len(new)) if same < 0 else same
    begin = max(0, same - 20)
    sizes = f"{len(old):,} -> {len(new):,} characters" if len(old) != len(new) else f"{len(new):,} characters"
    return f"{sizes}, from character {same:,} on: `{one_line(old[begin:], 60)}` became `{one_line(new[begin:], 60)}`"


def _items(previous: Json, body: Json) -> list[str]:
    noun = "message" if is_chat(body) else "item"
    if is_chat(body) != is_chat(previous):
        return ["the other request speaks the other wire; the two can't be compared"]
    old, new = conversation(previous), conversation(body)
    alike = same_beginning(previous, body)
    if alike == len(old) == len(new):
        return [f"the conversation is the same, {count(len(new), noun)}"]
    if alike == len(old):
        return [f"{count(len(new) - alike, noun)} more{_range(alike, len(new))}: {_kinds(body, alike, len(new))}"]
    lines = list(_edits(previous, body, alike, noun))
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"and {len(lines) - _MOST_LINES} more changes"]
    return lines


def _edits(previous: Json, body: Json, alike: int, noun: str) -> Iterator[str]:
    old, new = conversation(previous)[alike:], conversation(body)[alike:]
    if len(old) + len(new) > _MOST_COMPARED:
        yield f"from {noun} {alike} on all is different: {len(old):,} became {count(len(new), noun)}"
        return
    was, now = ([json_text(_bare(one)) for one in ones] for ones in (old, new))
    matcher = SequenceMatcher(None, was, now, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            continue
        begin, end = alike + c, alike + d
        if kind == "replace" and b - a == d - c:
            for number, one, other in zip(range(begin, end), old[a:b], new[c:d], strict=True):
                yield _changed(one, other, number, noun, is_chat(body))
        elif kind == "replace":
            became = f"{count(d - c, noun)}{_range(begin, end)}: {_kinds(body, begin, end)}"
            yield f"{count(b - a, noun)}{_range(alike + a, alike + b)} became {became}"
        elif kind == "insert":
            where = "more" if end == alike + len(new) else "put in"
            yield f"{count(d - c, noun)} {where}{_range(begin, end)}: {_kinds(body, begin, end)}"
        else:
            kinds = _kinds(previous, alike + a, alike + b)
            yield f"{count(b - a, noun)} gone{_range(alike + a, alike + b)}: {kinds}"


def _changed(was: Any, now: Any, number: int, noun: str, chat: bool) -> str:
    read = message_entries if chat else item_entries
    old, new = read(number, was), read(number, now)
    label = new[0].label
    if len(old) == len(new) == 1 and old[0].text != new[0].text and old[0].kind == new[0].kind:
        return f"{noun} {number} ({label}) changed: {_text_change(old[0].text, new[0].text)}"
    return f"{noun} {number} ({label}) changed: {_text_change(json_text(_bare(was)), json_text(_bare(now)))}"


def _range(begin: int, end: int) -> str:
    return f" ({begin})" if end - begin == 1 else f" ({begin} to {end - 1})"


def _kinds(body: Json, begin: int, end: int) -> str:
    read = message_entries if is_chat(body) else item_entries
    kinds: dict[str, int] = {}
    for number, one in enumerate(conversation(body)[begin:end], begin):
        for entry in read(number, one):
            noun = _noun(entry)
            kinds[noun] = kinds.get(noun, 0) + 1
    return ", ".join(
        noun if noun == "reasoning" and n == 1 else count(n, noun, _plural(noun)) for noun, n in kinds.items()
    )


def _noun(entry: Entry) -> str:
    return _NOUNS[entry.kind]


def _plural(noun: str) -> str:
    first, _, rest = noun.partition(" ")
    return noun if first in ("reasoning", "other") else f"{first}s {rest}".strip()
