"""What an endpoint answered, read without any repair: the oddities are what is looked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from relay_translate.reasoning import PARTS, THINK, details_text, fold_details

Json = dict[str, Any]

DETAILS = "reasoning_details"
THOUGHT_FIELDS = ("reasoning_content", "reasoning")
_TAG = re.compile(r"\s*<([A-Za-z_]*(?:think|thought|reason)[A-Za-z_]*)>", re.I)


@dataclass(frozen=True)
class Reply:
    """The chunks of one stream, or the one body of an answer that is none. cut: we stopped reading, having seen enough.
    done: `[DONE]` came."""

    chunks: tuple[Json, ...]
    done: bool = False
    streamed: bool = True
    cut: bool = False

    @property
    def choices(self) -> Iterator[Json]:
        for chunk in self.chunks:
            listed = chunk.get("choices")
            for choice in listed if isinstance(listed, list) else []:
                if isinstance(choice, dict):
                    yield choice

    @property
    def deltas(self) -> Iterator[Json]:
        for choice in self.choices:
            delta = choice.get("delta") or choice.get("message")
            if isinstance(delta, dict):
                yield delta

    @property
    def text(self) -> str:
        return "".join(text for delta in self.deltas for kind, text in _content(delta.get("content")) if kind == "text")

    @property
    def characters(self) -> int:
        """Of text and reasoning."""
        return len(self.text) + sum(len(text) for text in self.thought().values())

    @property
    def tag(self) -> str:
        """The name of the tag that holds reasoning at the start of the text, "" for none."""
        found = _TAG.match(self.text)
        return found[1] if found else ""

    def thought(self) -> dict[str, str]:
        """Where reasoning came -> its text: message fields, `reasoning_details`, parts of the content, a tag in it."""
        found: dict[str, str] = {}
        for delta in self.deltas:
            for name in THOUGHT_FIELDS:
                if isinstance(delta.get(name), str) and delta[name]:
                    found[name] = found.get(name, "") + delta[name]
            if isinstance(delta.get(DETAILS), list) and delta[DETAILS]:
                found[DETAILS] = found.get(DETAILS, "") + details_text(delta[DETAILS])
            for kind, text in _content(delta.get("content")):
                if kind == PARTS:
                    found[PARTS] = found.get(PARTS, "") + text
        if self.tag:
            found[THINK] = self.text
        return found

    @property
    def details(self) -> list[Json]:
        details: list[Json] = []
        for delta in self.deltas:
            pieces = delta.get(DETAILS)
            details = fold_details(details, pieces if isinstance(pieces, list) else [])
        return details

    @property
    def finish(self) -> str:
        reasons = [reason for choice in self.choices if isinstance(reason := choice.get("finish_reason"), str)]
        return reasons[-1] if reasons else ""

    @property
    def usage(self) -> Json:
        """The last count that came, wherever it stood."""
        counts = [count for _, count in self.usages()]
        return counts[-1] if counts else {}

    def usages(self) -> Iterator[tuple[str, Json]]:
        """(place, count) of each usage object."""
        for chunk in self.chunks:
            listed = [choice for choice in chunk.get("choices") or [] if isinstance(choice, dict)]
            for choice in listed:
                if isinstance(choice.get("usage"), dict):
                    yield "in the choice", choice["usage"]
            groq = chunk.get("x_groq")
            if isinstance(groq, dict) and isinstance(groq.get("usage"), dict):
                yield "in x_groq", groq["usage"]
            if isinstance(chunk.get("usage"), dict):
                ends = any(choice.get("finish_reason") for choice in listed)
                place = "on the last chunk with a choice" if ends else "between" if listed else "in a chunk of its own"
                yield place if self.streamed else "in the body", chunk["usage"]

    @property
    def call_entries(self) -> Iterator[Json]:
        for delta in self.deltas:
            entries = delta.get("tool_calls")
            yield from (entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()

    @property
    def calls(self) -> list[Json]:
        """The calls, put together, as they go back on an assistant message; only if all of them are whole."""
        made: list[Json] = []
        for entry in self.call_entries:
            _put(entry, made)
        for call in made:
            call.pop("index", None)
            call["function"]["arguments"] = call["function"]["arguments"] or "{}"
        return made if all(_is_whole(call) for call in made) else []


def _content(content: Any) -> Iterator[tuple[str, str]]:
    """("text" or PARTS, text) of content in either form."""
    if isinstance(content, str):
        yield "text", content
    for part in content if isinstance(content, list) else []:
        if not isinstance(part, dict):
            continue
        if part.get("type") == PARTS:
            inner = part.get("thinking")
            pieces = inner if isinstance(inner, list) else [{"text": inner}]
            yield PARTS, "".join(str(piece.get("text") or "") for piece in pieces if isinstance(piece, dict))
        elif isinstance(part.get("text"), str):
            yield "text", part["text"]


def _put(entry: Json, made: list[Json]) -> None:
    """One piece of a call: a new id or a new index starts a call, anything else continues one."""
    given, index = entry.get("id"), entry.get("index")
    function = entry.get("function") if isinstance(entry.get("function"), dict) else {}
    same = [call for call in made if given and call["id"] == given] or [
        call for call in made if not given and index is not None and call.get("index") == index
    ]
    call = same[-1] if same else made[-1] if made and not given and index is None else None
    if call is None:
        extra = {name: value for name, value in entry.items() if name not in ("function", "type")}
        call = {**extra, "id": given or "", "type": "function", "function": {"name": "", "arguments": ""}}
        made.append(call)
    arguments = function.get("arguments")
    call["function"]["name"] = call["function"]["name"] or function.get("name") or ""
    call["function"]["arguments"] += arguments if isinstance(arguments, str) else json.dumps(arguments or {})


def _is_whole(call: Json) -> bool:
    try:
        arguments = json.loads(call["function"]["arguments"])
    except ValueError:
        return False
    return bool(call["function"]["name"] and call["id"]) and isinstance(arguments, dict)
