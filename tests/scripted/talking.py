"""Conversations with a dialect in this process: the translator's requests judged, the dialect's answers translated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from addon.scripted.chunks import Call
from addon.scripted.dialects import Complaint, Dialect
from addon.scripted.replies import Reply, Said
from relay_translate import Profile, RequestOptions, StreamTranslator, translate_request
from relay_translate.profiles import find_profile

Json = dict[str, Any]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra")
PNG = "data:image/png;base64,iVBORw0KGgo="

HOSTILE: Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.com/tool",
    "type": "object",
    "properties": {
        "node": {"$ref": "#/$defs/Node"},
        "maybe": {"type": ["string", "null"], "description": "or nothing"},
        "either": {"type": "object", "anyOf": [{"properties": {"a": {"type": "string"}}}, {"type": "null"}]},
        "pair": {"type": "array", "items": [{"type": "string"}, {"type": "integer"}]},
        "kind": {"const": "fixed"},
        "free": {"description": "no type"},
        "$ref": {"type": "string", "description": "a property of that name"},
        "const": {"type": "integer", "exclusiveMinimum": 0},
        "map": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Node"}},
    },
    "required": ["node"],
    "additionalProperties": False,
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}, "value": {"const": 1}},
        }
    },
}
TOOLS: list[Json] = [
    {"type": "function", "name": "exec_command", "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}}},
    {"type": "custom", "name": "apply_patch", "description": "Patch.", "format": {"type": "grammar", "definition": "x"}},
    {"type": "function", "name": "view_image", "strict": True, "parameters": {"type": "object", "properties": {}}},
    {"type": "function", "name": "9lives", "strict": False, "parameters": None},
    {"type": "namespace", "name": "mcp__odd.server", "tools": [
        {"type": "function", "name": "hostile/tool", "parameters": HOSTILE},
        {"type": "function", "name": "long" * 30, "parameters": {"anyOf": [{"required": ["a"]}]}},
    ]},
    {"type": "web_search", "external_web_access": True},
]  # fmt: skip


def said(role: str, *parts: Json | str) -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": part} if isinstance(part, str) else part for part in parts]
    return {"type": "message", "role": role, "content": content}


def picture() -> Json:
    return {"type": "input_image", "image_url": PNG, "detail": "high"}


# A history that another provider made: calls without reasoning, ids of all sorts, several outputs at once, an interrupt.
FOREIGN: list[Json] = [
    said("developer", "Be careful."),
    said("user", "<environment>"),
    said("user", "What is this?", picture()),
    {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA-foreign"},
    {
        "type": "function_call",
        "call_id": "functions.exec_command:0",
        "name": "exec_command",
        "arguments": '{"cmd":"ls"}',
    },
    {"type": "function_call", "call_id": "toolu_" + "x" * 60, "name": "view_image", "arguments": ""},
    {"type": "function_call_output", "call_id": "functions.exec_command:0", "output": "a.txt"},
    {"type": "function_call_output", "call_id": "toolu_" + "x" * 60, "output": [picture()]},
    {"type": "custom_tool_call", "call_id": "call_1", "name": "apply_patch", "input": "*** Begin Patch"},
    {"type": "custom_tool_call_output", "call_id": "call_1", "output": "ok"},
    {"type": "function_call", "call_id": "call_2", "name": "9lives", "arguments": "not json"},
    said("user", "<turn_aborted>"),
    said("assistant", "Stopped."),
    said("developer", "<plan mode>"),
    said("user", "Go on."),
]


class Session:
    """A client's side of a thread: what was said so far, and what it sends next."""

    def __init__(self, dialect: Dialect, profile: Profile | None = None, **fields: Any) -> None:
        self.dialect, self.fields = dialect, fields
        self.profile = profile or find_profile(name=dialect.profile, model=dialect.model)
        self.items: list[Json] = []
        self.said: list[Said] = []
        self.answers, self.ids = count(1), count(1)

    def request(self, **more: Any) -> Any:
        body = {"model": self.dialect.model, "stream": True, "instructions": "You are an agent.", "tools": TOOLS,
                "prompt_cache_key": "thread-1", "parallel_tool_calls": False, "store": False, "include": [],
                "input": self.items, **self.fields, **more}  # fmt: skip
        return translate_request(body, self.profile, RequestOptions(provider="test"))

    def complaints(self, **more: Any) -> list[Complaint]:
        return self.dialect.judge(json.loads(json.dumps(self.request(**more).body)), self.said)

    def turn(self, text: str = "", *, reasoning: str = "", calls: Sequence[Call] = ()) -> list[Json]:
        """One request, judged, and its answer, taken into the history; the answer's items."""
        translated = self.request()
        found = self.dialect.judge(json.loads(json.dumps(translated.body)), self.said)
        assert not found, found
        reply = self.dialect.style.answer(text, reasoning=reasoning, calls=calls, turn=next(self.answers))
        self.said.append(reply.said)
        made = final(reply, translated.context, self.ids)
        assert made["status"] == "completed", made
        self.items += made["output"]
        return made["output"]

    def answer(self, items: list[Json], output: Any = "done") -> None:
        """An output for each call among `items`."""
        for item in items:
            if item["type"] in ("function_call", "custom_tool_call"):
                self.items.append({"type": f"{item['type']}_output", "call_id": item["call_id"], "output": output})


def final(reply: Reply, context: Any, ids: Iterator[int]) -> Json:
    """The Response that a reply's stream ends with."""
    translator = StreamTranslator(context, new_id=lambda prefix: f"{prefix}_{next(ids):032x}", created_at=1)
    data = b"".join(piece for piece in reply.pieces if isinstance(piece, bytes))
    sent = (
        b"".join(translator.receive(data[start : start + 97]) for start in range(0, len(data), 97))
        + translator.finish()
    )
    last = sent.rstrip().rpartition(b"\ndata: ")[2]
    response = json.loads(last)["response"]
    # Codex reads items from their own events; a Response for it holds none.
    done = [json.loads(line[6:]) for line in sent.splitlines() if line.startswith(b"data: {")]
    return response | {"output": [one["item"] for one in done if one["type"] == "response.output_item.done"]}
