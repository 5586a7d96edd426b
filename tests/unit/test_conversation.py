"""Histories as real sessions leave them behind, repaired so that the strictest server takes them."""

from __future__ import annotations

import pytest

from relay_translate.reasoning import ReasoningState, seal

from .items import (
    assistant,
    called,
    chat_call,
    chat_calls,
    chat_user,
    check_history,
    custom,
    custom_output,
    developer,
    messages,
    output,
    request,
    tool,
    user,
)

LOST = "[output of a tool call that is no longer in the history, gone]"


REPAIRS = {
    "a call without output is answered as aborted": (
        [user("Hi"), called("a"), user("Stop")],
        [chat_user("Hi"), chat_calls(chat_call("a")), tool("a", "aborted"), chat_user("Stop")],
    ),
    "a call without output at the end": ([called("a")], [chat_calls(chat_call("a")), tool("a", "aborted")]),
    "one of two calls without output": (
        [called("a"), called("b"), output("b")],
        [chat_calls(chat_call("a"), chat_call("b")), tool("a", "aborted"), tool("b")],
    ),
    "an output without call is text": ([user("Hi"), output("gone", "42")], [chat_user(f"Hi\n\n{LOST}\n42")]),
    "an output without call id is text": (
        [user("Hi"), {"type": "function_call_output", "output": "42"}],
        [chat_user("Hi\n\n[output of a tool call that is no longer in the history]\n42")],
    ),
    "an output that nobody called for goes by its name": (
        [user("Go"), {"type": "function_call_output", "namespace": "agent", "name": "goal_objective", "output": "42"}],
        [chat_user("Go\n\n[agent.goal_objective]\n42")],
    ),
    "a notice between call and output moves behind": (
        [called("a"), user("<notice>"), output("a"), assistant("Done.")],
        [chat_calls(chat_call("a")), tool("a"), chat_user("<notice>"), {"role": "assistant", "content": "Done."}],
    ),
    "instructions between call and output move behind": (
        [user("Hi"), called("a"), developer("D"), output("a")],
        [chat_user("Hi"), chat_calls(chat_call("a")), tool("a"), chat_user("<developer>\nD\n</developer>")],
    ),
    "text between call and output belongs to the call's message": (
        [called("a"), assistant("Looking."), output("a")],
        [chat_calls(chat_call("a"), content="Looking."), tool("a")],
    ),
    "text behind the outputs is a message of its own": (
        [called("a"), output("a"), assistant("Done.")],
        [chat_calls(chat_call("a")), tool("a"), {"role": "assistant", "content": "Done."}],
    ),
    "outputs in another order than the calls": (
        [called("a"), custom("b", "x"), custom_output("b", "2"), output("a", "1")],
        [chat_calls(chat_call("a"), chat_call("b", "apply_patch", '{"input":"x"}')), tool("a", "1"), tool("b", "2")],
    ),
    "an id used twice in a turn": (
        [called("a"), called("a"), output("a", "1"), output("a", "2")],
        [chat_calls(chat_call("a"), chat_call("a_2")), tool("a", "1"), tool("a_2", "2")],
    ),
    "an id used again in a later turn": (
        [called("a"), output("a", "1"), user("Again"), called("a"), output("a", "2")],
        [
            chat_calls(chat_call("a")), tool("a", "1"), chat_user("Again"), chat_calls(chat_call("a_2")), tool("a_2", "2"),
        ],
    ),
    "an id whose first call was never answered": (
        [called("a"), user("Again"), called("a"), output("a", "2")],
        [
            chat_calls(chat_call("a")), tool("a", "aborted"), chat_user("Again"), chat_calls(chat_call("a_2")), tool("a_2", "2"),
        ],
    ),
    "an id that is the repaired form of another": (
        [called("a"), called("a"), called("a_2"), output("a"), output("a"), output("a_2")],
        [chat_calls(chat_call("a"), chat_call("a_2"), chat_call("a_2_2")), tool("a"), tool("a_2"), tool("a_2_2")],
    ),
    "calls without ids": (
        [called("", id=None), called("", id="fc_1"), output("fc_1", "1")],
        [chat_calls(chat_call("call"), chat_call("fc_1")), tool("call", "aborted"), tool("fc_1", "1")],
    ),
    "further outputs for an answered call": (
        [called("a"), output("a", "1"), output("a", "2"), output("a", "3")],
        [chat_calls(chat_call("a")), tool("a", "1\n2\n3")],
    ),
    "an output long after its call was answered": (
        [called("gone"), output("gone", "1"), assistant("Done."), user("Next"), output("gone", "late")],
        [
            chat_calls(chat_call("gone")), tool("gone", "1"), {"role": "assistant", "content": "Done."}, chat_user(f"Next\n\n{LOST}\nlate"),
        ],
    ),
    "empty assistants vanish": (
        [user("a"), assistant(""), assistant(), {"type": "reasoning", "summary": []}, user("b")],
        [chat_user("a\n\nb")],
    ),
    "assistant messages in a row are one": (
        [user("a"), assistant("One."), assistant("Two.")],
        [chat_user("a"), {"role": "assistant", "content": "One.\n\nTwo."}],
    ),
    "a retried stream repeats the text": (
        [user("a"), assistant("I look."), called("a"), output("a"), assistant("I look."), called("b"), output("b")],
        [
            chat_user("a"), chat_calls(chat_call("a"), content="I look."), tool("a"), chat_calls(chat_call("b"), content="I look."), tool("b"),
        ],
    ),
    "a call behind a notice behind a call": (
        [called("a"), user("<notice>"), called("b"), output("a"), output("b")],
        [chat_calls(chat_call("a")), tool("a"), chat_user("<notice>"), chat_calls(chat_call("b")), tool("b")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REPAIRS)
def test_a_history_is_repaired(what):
    items, expected = REPAIRS[what]
    sent = messages(*items)
    assert sent == expected
    check_history(sent)


@pytest.mark.parametrize(
    ("items", "note"),
    [
        ([output("gone")], "input: a tool output without its call became text"),
        ([called("a"), called("a")], "input: the call id a is used twice, the later call is sent as a_2"),
        ([called("a", arguments="ls")], "input: a call's arguments are not a JSON object and were wrapped in one"),
        ([user("x"), {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}], "input: a reasoning item of another provider or relay was left out"),
    ],
)  # fmt: skip
def test_a_repair_leaves_a_note(items, note):
    assert request(items).notes == (note,)


def test_a_note_stands_once_however_often_it_applies():
    assert len(request([output("gone")] * 5).notes) == 1


def test_a_call_named_by_nothing_is_still_a_call():
    assert messages({"type": "function_call", "call_id": "a"}, output("a")) == [
        chat_calls(chat_call("a", "unnamed")),
        tool("a"),
    ]


def thought(answer):
    blob = seal(ReasoningState(answer, "reasoning_content", f"thought {answer}"), "generic", "m")
    return {"type": "reasoning", "id": f"rs_{answer}_0", "summary": [], "encrypted_content": blob}


def without_ids(items):
    return [{key: value for key, value in item.items() if key != "id"} for item in items]


ONE_ANSWER = [user("Hi"), thought("1"), called("a", id="fc_1_1"), output("a"), called("b", id="fc_1_2"), output("b")]
TWO_ANSWERS = [
    user("Hi"), thought("1"), called("a", id="fc_1_1"), output("a"), thought("2"), called("b", id="fc_2_1"), output("b"),
]  # fmt: skip
AS_ONE = [
    chat_user("Hi"),
    chat_calls(chat_call("a"), chat_call("b"), reasoning_content="thought 1"),
    tool("a"),
    tool("b"),
]
AS_TWO = [
    chat_user("Hi"),
    chat_calls(chat_call("a"), reasoning_content="thought 1"),
    tool("a"),
    chat_calls(chat_call("b"), reasoning_content="thought 2"),
    tool("b"),
]


@pytest.mark.parametrize("items", [ONE_ANSWER, without_ids(ONE_ANSWER)], ids=["with ids", "old wire"])
def test_calls_of_one_answer_are_one_message_though_each_has_its_output_behind_it(items):
    assert messages(*items) == AS_ONE


@pytest.mark.parametrize("items", [TWO_ANSWERS, without_ids(TWO_ANSWERS)], ids=["with ids", "old wire"])
def test_calls_of_two_answers_are_two_messages(items):
    assert messages(*items) == AS_TWO


def test_calls_of_two_answers_without_reasoning_are_two_messages():
    items = [user("Hi"), called("a", id="fc_1_0"), output("a"), called("b", id="fc_2_0"), output("b")]
    assert [len(message.get("tool_calls", [])) for message in messages(*items)] == [0, 1, 0, 1, 0]


@pytest.mark.parametrize("item_id", [None, "fc_1", "fc_a_b", "fc", "call_00_abcd", 5, "fc_4c2a-11ee"])
def test_other_ids_say_nothing_about_answers(item_id):
    items = [user("Hi"), developer("D"), called("a", id=item_id), output("a"), called("b", id=item_id), output("b")]
    assert [len(message.get("tool_calls", [])) for message in messages(*items)] == [0, 1, 0, 1, 0]


def test_thousands_of_calls_with_one_id_are_told_apart():
    sent = messages(*(item for n in range(3000) for item in (called("a"), output("a", str(n)))))
    check_history(sent)
    assert sent[-1] == tool("a_3000", "2999")


def test_a_further_output_goes_to_the_last_call_though_an_older_one_was_waiting():
    items = [called("a"), user("Again"), called("a"), output("a", "1"), output("a", "2"), output("a", "3")]
    sent = [(message["tool_call_id"], message["content"]) for message in messages(*items) if message["role"] == "tool"]
    assert sent == [("a", "2"), ("a_2", "1\n3")]
