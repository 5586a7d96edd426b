"""Calls and their outputs as chat messages."""

from __future__ import annotations

import pytest

from .items import (
    PNG,
    called,
    chat_call,
    chat_calls,
    chat_user,
    custom,
    custom_output,
    image,
    messages,
    output,
    tool,
    user,
)

IMAGE = {"type": "image_url", "image_url": {"url": PNG}}


def text(words):
    return {"type": "text", "text": words}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ('{"cmd":"ls"}', '{"cmd":"ls"}'),
        ("", "{}"),
        ("  ", "{}"),
        (None, "{}"),
        ({"cmd": "ls"}, '{"cmd":"ls"}'),
        ("ls -l", '{"invalid_arguments":"ls -l"}'),
        ("[1]", '{"invalid_arguments":"[1]"}'),
        ('{"cmd":"l', '{"invalid_arguments":"{\\"cmd\\":\\"l"}'),
    ],
)
def test_arguments_are_an_object_whatever_the_model_wrote(given, sent):
    assert messages(called("a", arguments=given), output("a"))[0] == chat_calls(chat_call("a", arguments=sent))


def test_a_custom_call_is_a_call_with_one_string():
    sent = messages(custom("a", '*** Begin\n"x"\\ é'), custom_output("a"))
    assert sent == [chat_calls(chat_call("a", "apply_patch", '{"input":"*** Begin\\n\\"x\\"\\\\ é"}')), tool("a")]


def test_calls_of_a_namespace_go_by_the_flat_name():
    sent = messages(
        called("a", "echo", namespace="mcp__tiny"),
        custom("b", "x", "exec", namespace="functions"),
        output("a"),
        custom_output("b"),
    )
    assert [call["function"]["name"] for call in sent[0]["tool_calls"]] == ["mcp__tiny__echo", "exec"]


def test_a_tool_search_and_what_it_found():
    found = [
        {
            "type": "namespace",
            "name": "mcp__x",
            "tools": [{"type": "function", "name": "g"}, {"type": "custom", "name": "h"}],
        },
        {"type": "function", "name": "f"},
    ]
    sent = messages(
        {"type": "tool_search_call", "call_id": "s", "arguments": {"query": "é"}},
        {"type": "tool_search_output", "call_id": "s", "tools": found},
    )
    assert sent == [
        chat_calls(chat_call("s", "tool_search", '{"query":"é"}')),
        tool("s", "Found, and callable from now on:\n- mcp__x__g\n- mcp__x__h\n- f"),
    ]


@pytest.mark.parametrize("tools", [None, [], "x", [5], [{"type": "namespace", "name": "n", "tools": None}]])
def test_a_tool_search_that_found_nothing_says_so(tools):
    sent = messages(
        {"type": "tool_search_call", "call_id": "s"}, {"type": "tool_search_output", "call_id": "s", "tools": tools}
    )
    assert sent[1] == tool("s", "No matching tool was found.")


def test_a_local_shell_call_is_a_call():
    action = {"type": "exec", "command": ["ls"], "env": None, "timeout_ms": 5}
    sent = messages(
        {"type": "local_shell_call", "call_id": "a", "action": action},
        {"type": "local_shell_call_output", "call_id": "a", "output": "x"},
    )
    assert sent == [chat_calls(chat_call("a", "local_shell", '{"command":["ls"],"timeout_ms":5}')), tool("a", "x")]


OUTPUTS = [
    ("text", "text"),
    ("", ""),
    (None, ""),
    (
        [{"type": "input_text", "text": "Wall time: 0 s"}, {"type": "input_text", "text": "echo: hi"}],
        "Wall time: 0 s\necho: hi",
    ),
    ({"content": "é", "success": True}, '{"content":"é","success":true}'),
    (7, "7"),
]


@pytest.mark.parametrize(("given", "sent"), OUTPUTS)
def test_an_output_is_one_string(given, sent):
    assert messages(called("a"), output("a", given))[1] == tool("a", sent)


def test_images_in_outputs_follow_the_run_of_tool_messages():
    sent = messages(
        called("a", "view_image"), called("b"), output("a", [image(), {"type": "input_text", "text": "seen"}, image()]), output("b", [image()]), user("So?"),
    )  # fmt: skip
    assert sent == [
        chat_calls(chat_call("a", "view_image"), chat_call("b")),
        tool("a", "seen\n[2 images are in the next user message]"),
        tool("b", "[the image is in the next user message]"),
        chat_user([
            text("[from the output of view_image, call a:]"), IMAGE, IMAGE,
            text("[from the output of exec_command, call b:]"), IMAGE, text("So?"),
        ]),
    ]  # fmt: skip


def test_several_outputs_for_one_call_are_one():
    assert messages(custom("a", "x", "exec"), custom_output("a", "first"), custom_output("a", "notified"))[1] == tool(
        "a", "first\nnotified"
    )
