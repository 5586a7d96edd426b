"""Input items as Codex sends them, made short, and requests of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from relay_translate import translate_request
from relay_translate.profiles import GENERIC, Profile

Json = dict[str, Any]

PNG = "data:image/png;base64,iVBORw0KGgo="


def said(role: str, *texts: str) -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text} for text in texts]}


def user(*texts: str) -> Json:
    return said("user", *texts)


def developer(*texts: str) -> Json:
    return said("developer", *texts)


def assistant(*texts: str) -> Json:
    return said("assistant", *texts)


def called(call_id: str, name: str = "exec_command", arguments: Any = "{}", **more: Any) -> Json:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments, **more}


def output(call_id: str, text: Any = "done") -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def custom(call_id: str, text: str, name: str = "apply_patch", **more: Any) -> Json:
    return {"type": "custom_tool_call", "call_id": call_id, "name": name, "input": text, **more}


def custom_output(call_id: str, text: Any = "done") -> Json:
    return {"type": "custom_tool_call_output", "call_id": call_id, "output": text}


def image(url: str = PNG, **more: Any) -> Json:
    return {"type": "input_image", "image_url": url, **more}


def request(items: Iterable[Any], profile: Profile = GENERIC, **fields: Any):
    return translate_request({"model": "m", "stream": True, "input": list(items)} | fields, profile)


def messages(*items: Any, profile: Profile = GENERIC, **fields: Any) -> list[Json]:
    return request(items, profile, **fields).body["messages"]


# Chat messages, made short.


def chat_call(call_id: str, name: str = "exec_command", arguments: str = "{}", **more: Any) -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def chat_calls(*calls: Json, content: str | None = None, **more: Any) -> Json:
    return {"role": "assistant", "content": content, **more, "tool_calls": list(calls)}


def tool(call_id: str, content: str = "done") -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def chat_user(content: Any) -> Json:
    return {"role": "user", "content": content}


def check_history(sent: list[Json]) -> None:
    """What every server insists on: each call answered right behind its message, once, and ids unique."""
    waiting: list[str] = []
    seen: set[str] = set()
    for message in sent:
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
        else:
            assert waiting == []
        if message["role"] == "assistant":
            assert message.get("content") or message.get("tool_calls")
            waiting = [call["id"] for call in message.get("tool_calls", [])]
            assert seen.isdisjoint(waiting) and len(set(waiting)) == len(waiting)
            seen.update(waiting)
    assert waiting == []
