"""What a provider refuses, as data, and the functions that judge a request by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from addon.scripted.dialects.schema_rules import schema_complaints
from addon.scripted.rules import complaints

Json = dict[str, Any]

TOLERANT = frozenset({
    "calls_answered", "unique_call_ids", "legal_calls", "legal_tools", "plain_content", "no_empty_messages",
    "no_empty_tools", "ends_with_request",
})  # fmt: skip
# What chat templates insist on besides.
TEMPLATE = TOLERANT | {"one_system_first", "no_users_in_a_row"}

CORE_FIELDS = frozenset({
    "model", "messages", "stream", "tools", "tool_choice", "parallel_tool_calls", "temperature", "top_p", "stop",
    "response_format", "presence_penalty", "frequency_penalty",
})  # fmt: skip
_MESSAGE_FIELDS: Mapping[str, frozenset[str]] = {
    "assistant": frozenset({"tool_calls"}),
    "tool": frozenset({"tool_call_id"}),
}
_CALL_FIELDS = frozenset({"id", "type", "function"})
AUTO = frozenset({"auto"})
ANY_CHOICE = frozenset({"auto", "none", "required", "named"})


class Complaint(NamedTuple):
    """kind: field, message_field, role, order, content, image, call, tool, choice, value, format or reasoning."""

    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Limits:
    """rules: names of the rules of `addon.scripted.rules` that hold. roles: those it knows.
    fields: request fields it knows; None where others are ignored. refused: fields it refuses by name.
    lost: fields it ignores although they mean something, so that a setting would be lost in silence.
    assistant: fields of assistant messages beside role, content and tool_calls; None where others are ignored.
    call_extra: fields of a call beside id, type and function. on_calls: fields that a message with calls must have
    while the model thinks; signed: the first of its calls must carry the fields of call_extra.
    contents: what may stand as the content of a message with calls only.
    call_id, tool_name: regular expressions. own_ids: whether calls come back by the ids it gave them.
    tools: how many. tool_types: types of tools beside function. schema: keywords and constructs of tool schemas that it
    refuses (see schema_rules). choices, thinking_choices: forms of tool_choice. not_thinking: (dotted field, value)
    that switches thinking off. words: dotted field -> the values it knows; needed: dotted field -> the one value
    without which it thinks otherwise. formats: types of response_format. format_with_tools: whether both may stand.
    sees: whether the model takes pictures. user_after_tool: whether a user message may follow a tool's.
    """

    rules: frozenset[str] = TOLERANT
    roles: frozenset[str] = frozenset({"system", "user", "assistant", "tool"})
    fields: frozenset[str] | None = None
    refused: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    assistant: frozenset[str] | None = None
    call_extra: frozenset[str] = frozenset()
    on_calls: frozenset[str] = frozenset()
    signed: bool = False
    contents: frozenset[str] = frozenset({"null", "omitted", "empty"})
    call_id: str = r".{1,64}"
    tool_name: str = r"[a-zA-Z0-9_-]{1,64}"
    own_ids: bool = False
    tools: int = 1000
    tool_types: frozenset[str] = frozenset()
    schema: frozenset[str] = frozenset()
    choices: frozenset[str] = ANY_CHOICE
    thinking_choices: frozenset[str] = ANY_CHOICE
    not_thinking: tuple[str, object] = ("", None)
    words: Mapping[str, frozenset[Any]] = field(default_factory=dict)
    needed: Mapping[str, object] = field(default_factory=dict)
    formats: frozenset[str] = frozenset({"text", "json_object", "json_schema"})
    format_with_tools: bool = True
    sees: bool = True
    user_after_tool: bool = True


def judge(body: Json, limits: Limits) -> list[Complaint]:
    """All that a provider of these limits has to say against a request."""
    tools = body.get("tools")
    functions = [tool for tool in tools or () if tool.get("type") not in limits.tool_types]
    plain = body | {"tools": functions} if functions else {k: v for k, v in body.items() if k != "tools" or v == []}
    found = [Complaint("order", text) for text in complaints(plain, limits.rules)]
    if not isinstance(body.get("messages"), list):
        return found
    for rule in _RULES:
        found.extend(rule(body, limits))
    return found


def at(body: Json, path: str) -> Any:
    """The value at a dotted path; ... where there is none."""
    value: Any = body
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return ...
        value = value[name]
    return value


def _fields(body: Json, limits: Limits) -> Iterator[Complaint]:
    unknown = set(body) - limits.fields if limits.fields is not None else set()
    for name in sorted(unknown | (set(body) & limits.refused)):
        yield Complaint("field", name)
    for name in sorted(set(body) & limits.lost):
        yield Complaint("value", f"{name} is ignored, what it says is lost")


def _messages(body: Json, limits: Limits) -> Iterator[Complaint]:
    for number, message in enumerate(body["messages"]):
        role = message.get("role")
        if role not in limits.roles:
            yield Complaint("role", f"messages[{number}]: unknown role {role!r}")
        allowed = {"role", "content"} | _MESSAGE_FIELDS.get(str(role), frozenset())
        if limits.assistant is not None:
            allowed |= limits.assistant if role == "assistant" else frozenset()
            for name in sorted(set(message) - allowed):
                yield Complaint("message_field", f"messages[{number}].{name}")
        for call in message.get("tool_calls") or ():
            for name in sorted(set(call) - _CALL_FIELDS - limits.call_extra):
                yield Complaint("message_field", f"messages[{number}].tool_calls.{name}")
        yield from _content(number, message, limits)
    if not limits.user_after_tool:
        for number, (first, second) in enumerate(pairwise(body["messages"])):
            if first.get("role") == "tool" and second.get("role") == "user":
                yield Complaint("order", f"Unexpected role 'user' after role 'tool' (messages[{number + 1}])")


def _content(number: int, message: Json, limits: Limits) -> Iterator[Complaint]:
    content = message.get("content")
    if message.get("tool_calls") and not content:
        form = "omitted" if "content" not in message else "null" if content is None else "empty"
        if form not in limits.contents:
            yield Complaint("content", f"messages[{number}]: {form} content beside tool_calls")
    parts = content if isinstance(content, list) else ()
    if not limits.sees and any(part.get("type") == "image_url" for part in parts):
        yield Complaint("image", f"messages[{number}]: unknown variant `image_url`, expected `text`")


def _calls(body: Json, limits: Limits) -> Iterator[Complaint]:
    for number, message in enumerate(body["messages"]):
        calls = message.get("tool_calls") or ()
        for name in sorted(limits.on_calls if calls and _thinks(body, limits) else ()):
            if not message.get(name):
                text = f"thinking is enabled but {name} is missing in assistant tool call message at index {number}"
                yield Complaint("reasoning", text)
        if limits.signed and calls and limits.call_extra - set(calls[0]):
            yield Complaint("reasoning", f"Function call in messages[{number}] is missing a thought_signature")
        for call in calls:
            if not re.fullmatch(limits.call_id, str(call.get("id"))):
                yield Complaint("call", f"Tool call id was {call.get('id')} but must match {limits.call_id}")


def _tools(body: Json, limits: Limits) -> Iterator[Complaint]:
    tools = body.get("tools") or ()
    if len(tools) > limits.tools:
        yield Complaint("tool", f"{len(tools)} tools are too many, at most {limits.tools}")
    for tool in tools:
        if tool.get("type") in limits.tool_types:
            continue
        function = tool.get("function") or {}
        name = str(function.get("name"))
        if not re.fullmatch(limits.tool_name, name):
            yield Complaint("tool", f"illegal function name {name!r}")
        if "strict" in limits.schema and "strict" in function:
            yield Complaint("tool", f"{name}: strict is not supported")
        for text in schema_complaints(function.get("parameters"), limits.schema):
            yield Complaint("tool", f"{name}: {text}")


def _choice(body: Json, limits: Limits) -> Iterator[Complaint]:
    choice = body.get("tool_choice", "auto")
    form = "named" if isinstance(choice, dict) else str(choice)
    thinking = _thinks(body, limits)
    if form not in (limits.thinking_choices if thinking else limits.choices):
        with_what = "thinking enabled" if thinking else "this model"
        yield Complaint("choice", f"tool_choice '{form}' is incompatible with {with_what}")


def _thinks(body: Json, limits: Limits) -> bool:
    path, value = limits.not_thinking
    return not path or at(body, path) != value


def _values(body: Json, limits: Limits) -> Iterator[Complaint]:
    for path, known in limits.words.items():
        value = at(body, path)
        if value is not ... and value not in known:
            yield Complaint("value", f"{path}: {value!r} is not among {sorted(map(str, known))}")
    for path, needed in limits.needed.items() if _thinks(body, limits) else ():
        if at(body, path) != needed:
            yield Complaint("value", f"{path} must be {needed!r}")


def _format(body: Json, limits: Limits) -> Iterator[Complaint]:
    wanted = body.get("response_format")
    if wanted is None:
        return
    if wanted.get("type") not in limits.formats:
        yield Complaint("format", "This response_format type is unavailable now")
    if body.get("tools") and not limits.format_with_tools:
        yield Complaint("format", "json mode cannot be combined with tool/function calling")
    if wanted.get("type") == "json_object" and "json" not in str(body["messages"]).lower():
        yield Complaint("format", "messages must contain the word 'json' in some form")


_RULES: tuple[Callable[[Json, Limits], Iterator[Complaint]], ...] = (
    _fields, _messages, _calls, _tools, _choice, _values, _format,
)  # fmt: skip
