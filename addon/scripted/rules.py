"""What strict Chat Completions providers refuse: each rule is a function from a request body to complaints.

Every rule stands for a refusal some provider is known to answer with 400 or 422; together they are stricter than
any one of them, so a request that passes all of them is accepted everywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

Json = dict[str, Any]

# OpenAI's core chat fields; Mistral, Groq, Cerebras and Gemini refuse what they do not know.
REQUEST_FIELDS = frozenset(
    {
        "model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls",
        "temperature", "top_p", "max_tokens", "response_format", "reasoning_effort", "stop", "seed",
        "presence_penalty", "frequency_penalty",
    }
)  # fmt: skip
MESSAGE_FIELDS: Mapping[str, frozenset[str]] = {
    "system": frozenset({"role", "content", "name"}),
    "user": frozenset({"role", "content", "name"}),
    "assistant": frozenset({"role", "content", "name", "tool_calls"}),
    "tool": frozenset({"role", "content", "name", "tool_call_id"}),
}
REASONING_FIELDS = frozenset({"reasoning_content", "reasoning", "reasoning_details"})
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def one_system_first(body: Json) -> Iterator[str]:
    roles = [message.get("role") for message in body["messages"]]
    if roles.count("system") != 1 or roles[0] != "system":
        yield f"System message must be at the beginning, and the only one (roles: {' '.join(map(str, roles))})"


def no_users_in_a_row(body: Json) -> Iterator[str]:
    messages = body["messages"]
    for number, (first, second) in enumerate(pairwise(messages)):
        if first.get("role") == second.get("role") == "user":
            yield f"Conversation roles must alternate: messages {number} and {number + 1} are both user"


def known_fields(body: Json) -> Iterator[str]:
    for name in sorted(set(body) - REQUEST_FIELDS):
        yield f"Unrecognized request argument supplied: {name}"
    for number, message in enumerate(body["messages"]):
        role = message.get("role")
        if role not in MESSAGE_FIELDS:
            yield f"messages[{number}] has invalid role {role!r}"
            continue
        allowed = MESSAGE_FIELDS[role] | (REASONING_FIELDS if role == "assistant" else frozenset())
        for name in sorted(set(message) - allowed):
            yield f"messages[{number}] ({role}) has unknown field {name!r}"
        for call in message.get("tool_calls") or ():
            for name in sorted(set(call) - {"id", "type", "function"}):
                yield f"messages[{number}].tool_calls has unknown field {name!r}"


def calls_answered(body: Json) -> Iterator[str]:
    """Every call has exactly one tool message directly behind its assistant message; no tool message stands alone."""
    pending: list[str] = []
    for number, message in enumerate(body["messages"]):
        if message.get("role") == "tool":
            call_id = message.get("tool_call_id")
            if call_id in pending:
                pending.remove(call_id)
            else:
                yield f"messages[{number}] answers tool call {call_id!r}, which is not open"
            continue
        if pending:
            yield f"messages[{number}] ({message.get('role')}) stands before the answers to {pending}"
        pending = [call.get("id") for call in message.get("tool_calls") or ()]
    if pending:
        yield f"tool calls without an answer: {pending}"


def unique_call_ids(body: Json) -> Iterator[str]:
    seen: set[str] = set()
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            call_id = call.get("id")
            if not isinstance(call_id, str) or not call_id:
                yield f"tool call id must be a non-empty string, not {call_id!r}"
            elif call_id in seen:
                yield f"tool call id {call_id!r} occurs twice"
            else:
                seen.add(call_id)


def legal_calls(body: Json) -> Iterator[str]:
    for number, message in enumerate(body["messages"]):
        if "tool_calls" in message and not message["tool_calls"]:
            yield f"messages[{number}].tool_calls must not be empty"
        for call in message.get("tool_calls") or ():
            function = call.get("function") or {}
            if call.get("type") != "function":
                yield f"messages[{number}]: type of a tool call must be function, not {call.get('type')!r}"
            if not TOOL_NAME.fullmatch(str(function.get("name", ""))):
                yield f"messages[{number}]: illegal function name {function.get('name')!r}"
            if complaint := _json_object_complaint(function.get("arguments")):
                yield f"messages[{number}]: invalid tool call arguments of {function.get('name')}: {complaint}"


def _json_object_complaint(arguments: object) -> str:
    if not isinstance(arguments, str):
        return f"a string is required, not {type(arguments).__name__}"
    try:
        value = json.loads(arguments)
    except ValueError as error:
        return f"{error} in {arguments[:80]!r}"
    return "" if isinstance(value, dict) else f"an object is required: {arguments[:80]!r}"


def legal_tools(body: Json) -> Iterator[str]:
    names: set[str] = set()
    for number, tool in enumerate(body.get("tools") or ()):
        if tool.get("type") != "function":
            yield f"tools[{number}]: type of tool must be function, not {tool.get('type')!r}"
            continue
        function = tool.get("function") or {}
        name = str(function.get("name", ""))
        if not TOOL_NAME.fullmatch(name):
            yield f"tools[{number}]: illegal function name {name!r}"
        if name in names:
            yield f"tools[{number}]: the name {name!r} is taken"
        names.add(name)
        parameters = function.get("parameters")
        if not isinstance(parameters, dict) or parameters.get("type") != "object":
            yield f"tools[{number}] ({name}): parameters must be a schema of type object"
        elif not isinstance(parameters.get("properties", {}), dict):
            yield f"tools[{number}] ({name}): properties must be an object"
        yield from _private_keywords(name, parameters)


def _private_keywords(name: str, schema: object) -> Iterator[str]:
    """``encrypted`` is Codex's own schema keyword; validators in strict mode refuse it."""
    if isinstance(schema, dict):
        if schema.get("encrypted") is True:
            yield f"tool {name}: unknown schema keyword 'encrypted'"
        for value in schema.values():
            yield from _private_keywords(name, value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _private_keywords(name, value)


def plain_content(body: Json) -> Iterator[str]:
    """Strings wherever there is only text; parts only in user messages that hold an image."""
    for number, message in enumerate(body["messages"]):
        content, role = message.get("content"), message.get("role")
        if content is None and role == "assistant" and message.get("tool_calls"):
            continue
        if isinstance(content, str):
            continue
        if not isinstance(content, list) or role != "user":
            yield f"messages[{number}] ({role}): content must be a string, not {type(content).__name__}"
            continue
        kinds = {part.get("type") for part in content}
        if "image_url" not in kinds or not kinds <= {"text", "image_url"}:
            yield f"messages[{number}]: parts are for text with images, here: {sorted(map(str, kinds))}"
        for part in content:
            url = (part.get("image_url") or {}).get("url", "") if part.get("type") == "image_url" else "data:"
            if not url.startswith("data:"):
                yield f"messages[{number}]: images must be data URLs"
            if part.get("type") == "text" and not part.get("text"):
                yield f"messages[{number}]: text content is empty"


def no_empty_messages(body: Json) -> Iterator[str]:
    for number, message in enumerate(body["messages"]):
        if message.get("role") == "assistant" and not message.get("content") and not message.get("tool_calls"):
            yield f"messages[{number}]: an assistant message needs content or tool_calls"
        if message.get("role") == "user" and not message.get("content"):
            yield f"messages[{number}]: a user message needs content"


def no_empty_tools(body: Json) -> Iterator[str]:
    if "tools" in body and not body["tools"]:
        yield "tools: [] is too short"
    if not body.get("tools"):
        for name in ("tool_choice", "parallel_tool_calls"):
            if name in body:
                yield f"{name} is only allowed when tools are specified"
    if "stream_options" in body and not body.get("stream"):
        yield "stream_options is only allowed when stream is enabled"


def ends_with_request(body: Json) -> Iterator[str]:
    last = body["messages"][-1].get("role")
    if last not in ("user", "tool"):
        yield f"Expected last role User or Tool, got {last}"


RULES: Mapping[str, Callable[[Json], Iterator[str]]] = {
    rule.__name__: rule
    for rule in (
        one_system_first,
        no_users_in_a_row,
        known_fields,
        calls_answered,
        unique_call_ids,
        legal_calls,
        legal_tools,
        plain_content,
        no_empty_messages,
        no_empty_tools,
        ends_with_request,
    )
}
# Two more rules need the history of the thread and live beside it: what the model said must come back, and each
# request must begin with the one before it.
ALL_RULES = frozenset(RULES) | {"reasoning_returned", "stable_prefix"}


def complaints(body: Json, rules: Iterable[str]) -> list[str]:
    """What is wrong with a request, in the words a provider would use."""
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        return ["messages must be a non-empty list"]
    if not all(isinstance(message, dict) for message in body["messages"]):
        return ["each message must be an object"]
    wanted = set(rules)
    return [text for name, rule in RULES.items() if name in wanted for text in rule(body)]
