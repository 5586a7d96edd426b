"""Calls, outputs and reasoning as the views show them."""

from __future__ import annotations

import pytest

from relay_translate.reasoning import ReasoningState, seal
from relay_translate.transcript import answer_view, request_view, translation_view

from .items import called, output, request, user
from .streams import call, chunk, event, stop, text

RAN = "Chunk ID: 5eda93\nWall time: 0.0510 seconds\nProcess exited with code 0\nOriginal token count: 2\nOutput:\n"


def shown(*items, before: int = 1) -> list[str]:
    """The lines of what stands behind the first items of a request."""
    view = request_view({"model": "m", "input": list(items)}, previous={"model": "m", "input": list(items[:before])})
    return view.rstrip("\n").split("\nNew:\n", 1)[1].split("\n\n")[0].split("\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ('{"cmd":"ls"}', "exec_command $ ls"),
        ('{"command":["bash","-lc","ls | wc"]}', "exec_command $ ls | wc"),
        ('{"command":["ls","a b"]}', "exec_command $ ls 'a b'"),
        ('{"cmd":"ls","tty":true}', "exec_command $ ls (tty: true)"),
        ("{}", "exec_command()"),
        ("", "exec_command()"),
        ('{"a":1,"b":["x"]}', "exec_command(a: 1, b: [x])"),
        ('{"cmd":"l', "exec_command (arguments are not whole JSON):"),
        ("[1]", "exec_command (arguments are not an object):"),
    ],
)
def test_calls_are_shown_as_what_they_do(arguments, told):
    assert shown(user("go"), called("a", arguments=arguments), output("a"))[0] == f"  1 {told}"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"{RAN}left\n", "-> exit 0, 0.051 s: left"),
        ('{"output":"left\\n","metadata":{"exit_code":1,"duration_seconds":0.2}}', "-> exit 1, 0.2 s: left"),
        (
            "Wall time: 1.0 seconds\nProcess running with session ID 7\nOutput:\n",
            "-> 1 s, still running as session 7, nothing written",
        ),
        ("Wall time: 1.0 seconds\nOutput:\nExit code: 2\nWall time: 0 seconds\nOutput:\nno", "-> exit 2, 0 s: no"),
        ("aborted", "-> aborted"),
        ("", "-> nothing"),
        ("Wall time: soon\nOutput:\nx", "->\n      Wall time: soon"),
    ],
)
def test_outputs_say_first_how_it_went(said, told):
    assert "\n".join(shown(user("go"), called("a"), output("a", said))[1:]).startswith(f"    {told}")


def test_an_output_that_is_folded_keeps_its_end_where_errors_stand():
    assert (
        shown(user("go"), called("a"), output("a", RAN + "ok\n" * 5000 + "error: no rule\n"))[-1]
        == "      error: no rule"
    )


def test_reasoning_says_whose_it_is():
    ours = seal(ReasoningState(source="reasoning_content", text="Hm, hm.", details=({"a": 1},)), "generic", "m")
    items = [
        user("go"),
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAother"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "reasoning", "summary": [], "encrypted_content": ours},
    ]
    assert shown(*items) == [
        "  1 reasoning (sealed by another service, 10 bytes):",
        "  2 reasoning: Hm.",
        "  3 reasoning (sealed for generic/m, came as reasoning_content, 1 opaque",
        "      detail):",
        "    Hm, hm.",
    ]


def test_reasoning_that_comes_under_two_names_is_shown_once():
    stream = event(chunk({"reasoning_content": "Hm.", "reasoning": "Hm."})) + event(stop())
    assert answer_view(stream).count("Hm.") == 1


def test_streamed_calls_that_share_an_index_are_told_apart():
    stream = (
        event(call(name="a", arguments="{}", id="1")) + event(call(name="b", arguments="{}", id="2")) + event(stop())
    )
    assert "\n\na()\nb()\n\n" in answer_view(stream)


def test_text_before_and_after_a_call_stays_there():
    stream = event(text("One.")) + event(call(name="a", arguments="{}", id="1")) + event(text("Two.")) + event(stop())
    assert "assistant:\n  One.\n\na()\n\nassistant:\n  Two.\n" in answer_view(stream)


def test_an_output_without_a_call_is_found_in_the_users_message_it_became():
    items = [
        user("go"),
        called("a"),
        output("a", "count: 3"),
        {"type": "function_call_output", "name": "goal", "output": "count"},
    ]
    view = translation_view({"input": items}, request(items).body)
    assert [line.split(" -> ")[1] for line in view.rstrip("\n").split("\n")[-2:]] == [
        "2 tool",
        "3 user, as text, it is no call's",
    ]
