"""What a request's view begins with, and what it tells of the changes since the one before."""

from __future__ import annotations

import pytest

from relay_translate.transcript import WIDTH, request_view

from .items import assistant, called, developer, output, user

EXEC = {"type": "function", "name": "exec_command", "description": "Runs a command.", "parameters": {"type": "object"}}
ASKED = [
    developer("You are a coding agent."),
    user("<environment_context>\n  <cwd>/w</cwd>\n</environment_context>"),
    user("look"),
]
DONE = [assistant("I look."), called("a", arguments='{"cmd":"ls"}'), output("a", "a.txt")]
BODY = {"model": "m", "stream": True, "reasoning": {"effort": "low"}, "input": ASKED, "tools": [EXEC]}


def section(view: str, title: str) -> list[str]:
    """The lines below a title."""
    return view.rstrip("\n").split(f"\n{title}\n", 1)[1].split("\n\n")[0].split("\n")


def test_without_the_request_before_the_newest_calls_come_first():
    view = request_view({**BODY, "input": [*ASKED, *DONE]})
    assert "Since the last request" not in view
    assert section(view, "Newest:")[0] == "  3 assistant: I look."
    assert section(view, "This turn, before that:") == ["  2 user: look"]


def test_a_first_request_begins_with_what_the_user_said():
    assert section(request_view({**BODY, "input": ASKED}), "Newest:") == ["  2 user: look"]


def test_a_follow_up_question_is_what_is_new():
    view = request_view({**BODY, "input": [*ASKED, *DONE, assistant("Done."), user("thanks")]})
    assert section(view, "Newest:") == ["  7 user: thanks"]
    assert "This turn" not in view


def test_a_long_conversation_keeps_the_news_and_the_tools_within_the_first_lines():
    steps = [
        item
        for i in range(300)
        for item in (called(f"c{i}", arguments=f'{{"cmd":"sed -n {i}p a"}}'), output(f"c{i}", "a line\n" * 500))
    ]
    lines = request_view({**BODY, "input": [*ASKED, *steps]}).split("\n")
    assert lines.index("Newest:") < 10
    assert lines.index("Tools:") < 200
    assert "  4 exec_command $ sed -n 0p a" not in lines and "  3 exec_command $ sed -n 0p a" in lines
    assert max(map(len, lines)) <= WIDTH


def test_a_text_that_is_a_little_too_long_is_shown():
    assert "more, sha" not in request_view({**BODY, "input": [developer("word " * 150), user("go")]})


def test_old_instructions_and_the_input_as_a_text():
    view = request_view({"model": "m", "instructions": "Be kind.", "input": "hello"})
    assert section(view, "Before:") == ["  instructions: Be kind."]
    assert section(view, "Newest:") == ["  0 user: hello"]
    assert "not streamed" in view


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"input": [ASKED[0], user("other"), *ASKED[2:]]},
            "item 1 (user) changed: 60 -> 5 characters, from character 0 on:",
        ),
        ({"input": ASKED[:2]}, "1 item gone (2): 1 message of the user"),
        ({"input": [ASKED[0], ASKED[2]]}, "1 item gone (1): 1 message of the user"),
        ({"input": [ASKED[0], user("a"), *ASKED[1:]]}, "1 item put in (1): 1 message of the user"),
        (
            {"input": [*ASKED[:1], user("a"), user("b"), user("c")]},
            "2 items (1 to 2) became 3 items (1 to 3): 3 messages of the user",
        ),
        ({"tools": []}, "tools: exec_command removed"),
        ({"tools": [{**EXEC, "description": "x"}]}, "tools: exec_command changed"),
        ({"instructions": "x"}, "instructions: 0 -> 1 characters"),
        ({"temperature": 1}, "parameter temperature: 1 (was not set)"),
        ({"reasoning": {"summary": "auto"}}, "parameter reasoning.effort (was low) is no longer set"),
        ({}, "the conversation is the same, 3 items"),
    ],
)
def test_changes_to_the_request_before_are_told(change, told):
    lines = section(request_view({**BODY, **change}, previous=BODY), "Since the last request:")
    assert any(line.strip().startswith(told) for line in lines), lines


def test_new_ids_are_no_change():
    again = [{**item, "id": f"msg_{i}"} for i, item in enumerate(ASKED)]
    assert "the conversation is the same" in request_view({**BODY, "input": again}, previous=BODY)
