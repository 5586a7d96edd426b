"""Each rule refuses what it is for, and nothing a sound request holds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from addon.scripted.chunks import Call
from addon.scripted.memory import prefix_break, reasoning_returned
from addon.scripted.replies import Said
from addon.scripted.rules import ALL_RULES, RULES, complaints

Json = dict[str, Any]


def call(name: str = "shell", arguments: str = "{}", id: str = "call_1") -> Json:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def sound() -> Json:
    """A request with everything a strict provider accepts."""
    return {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "Be good."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "Hm.",
                "tool_calls": [call(), call(id="call_2")],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "one"},
            {"role": "tool", "tool_call_id": "call_2", "content": "two"},
            {"role": "assistant", "content": "A picture."},
            {"role": "user", "content": "Thanks."},
        ],
        "tools": [
            {"type": "function", "function": {"name": "shell", "parameters": {"type": "object", "properties": {}}}}
        ],
        "tool_choice": "auto",
    }


def set_in(path: str, value: object) -> Callable[[Json], None]:
    """Replace what is at the dotted path; ``...`` as the value removes it."""

    def change(body: Json) -> None:
        target: Any = body
        *parents, last = path.split(".")
        for part in parents:
            target = target[int(part) if isinstance(target, list) else part]
        key: Any = int(last) if isinstance(target, list) else last
        if value is ...:
            del target[key]
        elif isinstance(target, list) and key == len(target):
            target.append(value)
        else:
            target[key] = value

    return change


BAD: list[tuple[str, Callable[[Json], None]]] = [
    ("one_system_first", set_in("messages.5", {"role": "system", "content": "Again."})),
    ("one_system_first", set_in("messages.0.role", "developer")),
    ("no_users_in_a_row", set_in("messages.7", {"role": "user", "content": "More."})),
    ("known_fields", set_in("store", False)),
    ("known_fields", set_in("messages.5.id", "msg_1")),
    ("known_fields", set_in("messages.2.tool_calls.0.index", 0)),
    ("known_fields", set_in("messages.6.reasoning_content", "no")),
    ("calls_answered", set_in("messages.4", ...)),
    ("calls_answered", set_in("messages.4.tool_call_id", "call_9")),
    ("calls_answered", set_in("messages.4.tool_call_id", "call_1")),
    ("unique_call_ids", set_in("messages.2.tool_calls.1.id", "call_1")),
    ("unique_call_ids", set_in("messages.2.tool_calls.1.id", "")),
    ("legal_calls", set_in("messages.2.tool_calls.0.function.arguments", '{"cmd": "ec')),
    ("legal_calls", set_in("messages.2.tool_calls.0.function.arguments", {"cmd": "ls"})),
    ("legal_calls", set_in("messages.2.tool_calls.0.function.name", "mcp.tiny")),
    ("legal_calls", set_in("messages.2.tool_calls.0.type", "custom")),
    ("legal_calls", set_in("messages.5.tool_calls", [])),
    ("legal_tools", set_in("tools.0.type", "custom")),
    ("legal_tools", set_in("tools.0.function.name", "a" * 65)),
    ("legal_tools", set_in("tools.0.function.parameters", {"type": None})),
    ("legal_tools", set_in("tools.0.function.parameters.properties.m", {"type": "string", "encrypted": True})),
    ("plain_content", set_in("messages.6.content", [{"type": "text", "text": "Thanks."}])),
    ("plain_content", set_in("messages.3.content", [{"type": "text", "text": "one"}])),
    ("plain_content", set_in("messages.1.content.1.image_url.url", "http://localhost/a.png")),
    ("no_empty_messages", set_in("messages.5.content", "")),
    ("no_empty_tools", set_in("tools", [])),
    ("no_empty_tools", set_in("tools", ...)),
    ("ends_with_request", set_in("messages.6", ...)),
]


def test_sound_request_is_accepted() -> None:
    assert complaints(sound(), ALL_RULES) == []


@pytest.mark.parametrize(("rule", "change"), BAD, ids=[f"{rule}-{n}" for n, (rule, _) in enumerate(BAD)])
def test_rule_refuses(rule: str, change: Callable[[Json], None]) -> None:
    body = sound()
    change(body)
    assert complaints(body, [rule])
    assert complaints(body, ALL_RULES)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_each_rule_is_tried(rule: str) -> None:
    assert rule in {name for name, _ in BAD}


def test_rule_can_be_switched_off() -> None:
    assert complaints(sound() | {"store": False}, ALL_RULES - {"known_fields"}) == []


# --- reasoning

SAID = [
    Said("Look.", "First.", "reasoning_content", (Call("shell", '{"a":1}'), Call("shell", '{"a":2}'))),
    Said("", "", "reasoning_content", (Call("shell", '{"a":3}'),)),
]


def turn(*arguments: str, **fields: str) -> Json:
    return {"role": "assistant", "content": None, "tool_calls": [call(arguments=text) for text in arguments], **fields}


def findings(*messages: Json) -> list[str]:
    return list(reasoning_returned({"messages": messages}, SAID))


def test_reasoning_returned_exactly_is_accepted() -> None:
    first = turn('{"a": 1}', '{"a": 2}', reasoning_content="First.")
    assert findings(first | {"content": "Look."}, turn('{"a": 3}')) == []


def test_calls_in_several_messages_need_it_on_each() -> None:
    split = (turn('{"a": 1}', reasoning_content="First."), turn('{"a": 2}', reasoning_content="First."))
    assert findings(*split) == []
    assert findings(split[0], turn('{"a": 2}'))


@pytest.mark.parametrize(
    "messages",
    [
        (turn('{"a": 1}', '{"a": 2}'),),
        (turn('{"a": 1}', '{"a": 2}', reasoning_content="First. "),),
        (turn('{"a": 1}', '{"a": 2}', reasoning="First."),),
        (turn('{"a": 3}', reasoning_content="First."),),
        (turn('{"a": 1}', '{"a": 2}', reasoning_content="First.", content="Changed."),),
        (turn('{"a": 3}'), turn('{"a": 1}', '{"a": 2}', reasoning_content="First.")),
    ],
    ids=["missing", "one space more", "other field", "on the wrong turn", "text changed", "turns swapped"],
)
def test_reasoning_not_returned_is_refused(messages: tuple[Json, ...]) -> None:
    assert findings(*messages)


# --- prefix


def test_longer_request_keeps_the_prefix() -> None:
    longer = sound()
    longer["messages"] += [{"role": "assistant", "content": "You are welcome."}, {"role": "user", "content": "Bye."}]
    longer["messages"][6]["content"] += "\n\nAnd a notice."
    assert prefix_break(sound(), sound()) == ""
    longer["messages"][6]["content"] = "Thanks."
    assert prefix_break(sound(), longer) == ""


def test_last_user_message_may_grow() -> None:
    longer = sound()
    longer["messages"][6]["content"] += "\n\nAnd a notice."
    assert prefix_break(sound(), longer) == ""


@pytest.mark.parametrize(
    "change",
    [
        set_in("messages.0.content", "Be better."),
        set_in("messages.3.content", "uno"),
        set_in("messages.6", ...),
        set_in("messages.6.content", "No thanks."),
        set_in("tools.0.function.description", "New."),
        set_in("tools", []),
    ],
)
def test_changed_beginning_is_found(change: Callable[[Json], None]) -> None:
    changed = copy.deepcopy(sound())
    change(changed)
    assert prefix_break(sound(), changed)
