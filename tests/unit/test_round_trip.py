"""Reasoning through both translations: stream -> items -> next request, as Codex carries them, over several loops.

Nothing is shared between the steps but the items, so every step stands for a restart and for a second relay.
"""

from __future__ import annotations

import itertools
import json

import pytest

from relay_translate import RequestOptions, translate_request
from relay_translate.profiles import GENERIC, Profile
from relay_translate.profiles.profile import Reasoning

from .items import chat_call, chat_calls, output, tool, user
from .streams import EXEC, PATCH, call, chunk, entry, play_chunks, stop, text

TOOLS = [EXEC, PATCH]


def as_codex_keeps(item):
    """Codex gives items back without what it does not know, and older versions without ids."""
    kept = [
        "type",
        "id",
        "summary",
        "content",
        "encrypted_content",
        "name",
        "namespace",
        "arguments",
        "call_id",
        "input",
        "role",
    ]
    return json.loads(json.dumps({key: value for key, value in item.items() if key in kept}))


_RESPONSES = itertools.count(step=100)


def answers(*chunks, model="m", profile=GENERIC, first_id=None):
    first_id = next(_RESPONSES) if first_id is None else first_id  # no two answers have the same id
    items = play_chunks(*chunks, model=model, profile=profile, tools=TOOLS, first_id=first_id).items
    return [as_codex_keeps(item) for item in items]


def next_messages(items, model="m", profile=GENERIC):
    request = {"model": model, "input": items, "tools": TOOLS, "stream": True}
    return translate_request(json.loads(json.dumps(request)), profile, RequestOptions()).body["messages"]


def run(call_id, **more):
    return call('{"cmd":"ls"}', "exec_command", call_id, **more)


def details_of(pieces):
    return [chunk({"reasoning": piece.get("text") or "", "reasoning_details": [piece]}) for piece in pieces]


SIGNED = [
    {"type": "reasoning.text", "text": "Let me ", "index": 0, "format": "f"},
    {"type": "reasoning.text", "text": "look.", "index": 0, "format": "f"},
    {"type": "reasoning.text", "signature": "c2ln", "index": 0, "format": "f"},
]
HIDDEN = [
    {"type": "reasoning.summary", "summary": "Looked.", "index": 0},
    {"type": "reasoning.encrypted", "data": "YWJj", "index": 1},
]

CASES = {
    "reasoning_content": (
        [chunk({"reasoning_content": "Let me "}), chunk({"reasoning_content": "look."})], {"reasoning_content": "Let me look."},
    ),
    "reasoning": ([chunk({"reasoning": "Let me "}), chunk({"reasoning": "look."})], {"reasoning": "Let me look."}),
    "details with a signature": (
        details_of(SIGNED), {"reasoning_details": [{"type": "reasoning.text", "text": "Let me look.", "index": 0, "format": "f", "signature": "c2ln"}]},
    ),
    "encrypted details": ([chunk({"reasoning_details": [piece]}) for piece in HIDDEN], {"reasoning_details": HIDDEN}),
    "details that nobody can read": ([chunk({"reasoning_details": HIDDEN[1:]})], {"reasoning_details": HIDDEN[1:]}),
    "text and unreadable details": (
        [chunk({"reasoning": "Hm.", "reasoning_details": HIDDEN[1:]})], {"reasoning": "Hm.", "reasoning_details": HIDDEN[1:]},
    ),
    "odd characters": ([chunk({"reasoning_content": ' \n"\\\U0001f914é\x00 '})], {"reasoning_content": ' \n"\\\U0001f914é\x00 '}),
    "nothing": ([], {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_message_of_a_tool_loop_carries_its_own_reasoning(case):
    chunks, fields = CASES[case]
    items, expected = [user("Hi")], [{"role": "user", "content": "Hi"}]
    for loop in range(3):
        own = [*chunks, chunk({"reasoning_content": f" ({loop})"})] if case == "reasoning_content" else chunks
        fields_now = {"reasoning_content": f"Let me look. ({loop})"} if case == "reasoning_content" else fields
        items += [*answers(*own, run(f"c{loop}"), stop("tool_calls")), output(f"c{loop}")]
        expected += [chat_calls(chat_call(f"c{loop}", arguments='{"cmd":"ls"}'), **fields_now), tool(f"c{loop}")]
        assert next_messages(items) == expected
    items += [*answers(*chunks, text("Done."), stop()), user("Next")]
    assert next_messages(items)[: len(expected)] == expected
    assert next_messages(items)[-2:] == [
        {"role": "assistant", "content": "Done.", **fields},
        {"role": "user", "content": "Next"},
    ]


def test_think_tags_go_back_into_the_content():
    chunks = [text("<think>"), text("\n"), text("Let me look."), text("\n</think>\n\n"), text("I look.")]
    items = [user("Hi"), *answers(*chunks, run("c1"), stop("tool_calls")), output("c1")]
    sent = next_messages(items)[1]
    assert sent["content"] == "<think>\nLet me look.\n</think>\n\nI look."
    assert "reasoning_content" not in sent


def test_think_tags_before_a_call_alone_go_back_too():
    items = [user("Hi"), *answers(text("<think>Let me look.</think>"), run("c1"), stop("tool_calls")), output("c1")]
    assert next_messages(items)[1]["content"] == "<think>\nLet me look.\n</think>\n\n"


def test_what_hangs_on_a_call_goes_back_on_that_call():
    signature = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    chunks = [
        chunk({"tool_calls": [
            entry('{"cmd":"a"}', "exec_command", "c1", 0), entry('{"cmd":"b"}', "exec_command", "c2", 1, **signature),
            entry('{"input":"p"}', "apply_patch", "c3", 2),
        ]}),
        stop("tool_calls"),
    ]  # fmt: skip
    items = [user("Hi"), *answers(*chunks), output("c1"), output("c2"), output("c3")]
    assert next_messages(items)[1] == chat_calls(
        chat_call("c1", arguments='{"cmd":"a"}'),
        chat_call("c2", arguments='{"cmd":"b"}', **signature),
        chat_call("c3", "apply_patch", '{"input":"p"}'),
    )


def test_what_hangs_on_a_call_and_comes_late_goes_back_too():
    signature = {"extra_content": {"google": {"thought_signature": "bGF0ZQ"}}}
    chunks = [
        call('{"cmd":"a"}', "exec_command", "c1", 0),
        call('{"cmd":"b"}', "exec_command", "c2", 1),
        call(index=0, **signature),
        stop(),
    ]
    items = [user("Hi"), *answers(*chunks), output("c1"), output("c2")]
    sent = next_messages(items)[1]["tool_calls"]
    assert [one.get("extra_content") for one in sent] == [signature["extra_content"], None]


def test_a_signature_after_the_text_goes_back():
    chunks = [chunk({"reasoning": "Hm."}), text("Hello"), chunk({"reasoning_details": HIDDEN[1:]}), stop()]
    items = [user("Hi"), *answers(*chunks), user("Next")]
    assert next_messages(items)[1] == {
        "role": "assistant",
        "content": "Hello",
        "reasoning": "Hm.",
        "reasoning_details": HIDDEN[1:],
    }


def test_reasoning_between_text_and_call_belongs_to_the_one_message():
    chunks = [
        chunk({"reasoning_content": "a"}),
        text("I look."),
        chunk({"reasoning_content": "b"}),
        run("c1"),
        stop("tool_calls"),
    ]
    items = [user("Hi"), *answers(*chunks), output("c1")]
    assert next_messages(items)[1] == chat_calls(
        chat_call("c1", arguments='{"cmd":"ls"}'), content="I look.", reasoning_content="ab"
    )


def test_the_reasoning_of_a_cut_answer_does_not_go_to_the_one_after():
    first = answers(chunk({"reasoning_content": "cut"}), text("I"), stop())[:1]
    second = answers(chunk({"reasoning_content": "whole"}), run("c1"), stop("tool_calls"), first_id=100)
    items = [user("Hi"), *first, *second, output("c1")]
    assert next_messages(items)[1]["reasoning_content"] == "whole"


def test_reasoning_of_another_model_keeps_the_text_only():
    chunks = [
        chunk({"reasoning": "Hm.", "reasoning_details": HIDDEN[1:]}),
        run("c1", extra_content={"g": 1}),
        stop("tool_calls"),
    ]
    items = [user("Hi"), *answers(*chunks), output("c1")]
    assert next_messages(items, model="other")[1] == chat_calls(
        chat_call("c1", arguments='{"cmd":"ls"}'), reasoning="Hm."
    )


def test_reasoning_of_another_provider_is_left_out():
    items = [
        user("Hi"),
        *answers(chunk({"reasoning": "Hm."}), text("Hello"), stop(), profile=Profile(name="theirs")),
        user("Next"),
    ]
    assert next_messages(items)[1] == {"role": "assistant", "content": "Hello"}


def test_a_profile_may_want_no_reasoning_back():
    silent = Profile(name="silent", reasoning=Reasoning(back="none"))
    items = [user("Hi"), *answers(chunk({"reasoning": "Hm."}), text("Hello"), stop(), profile=silent), user("Next")]
    assert next_messages(items, profile=silent)[1] == {"role": "assistant", "content": "Hello"}


@pytest.mark.parametrize("blob", [None, "gAAAAABo-openai", "relay1.AAAA", "relay9.x", ""])
def test_foreign_reasoning_in_the_history_is_ignored(blob):
    foreign = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "s"}],
        "content": None,
        "encrypted_content": blob,
    }
    items = [user("Hi"), foreign, *answers(text("Hello"), stop()), user("Next")]
    assert next_messages(items)[1] == {"role": "assistant", "content": "Hello"}


def test_reasoning_cut_short_in_the_history_is_ignored():
    items = answers(chunk({"reasoning_content": "Hm. " * 50}), text("Hello"), stop())
    items[0]["encrypted_content"] = items[0]["encrypted_content"][:-10]
    assert next_messages([user("Hi"), *items, user("Next")])[1] == {"role": "assistant", "content": "Hello"}


def test_reasoning_alone_makes_no_message():
    items = answers(chunk({"reasoning_content": "Hm."}), text("x"), stop())[:1]
    assert next_messages([user("Hi"), *items, user("Next")]) == [{"role": "user", "content": "Hi\n\nNext"}]


def test_a_megabyte_of_reasoning_comes_back():
    long = "".join(chr(0x4E00 + i * 7919 % 20_000) for i in range(300_000))
    items = [user("Hi"), *answers(chunk({"reasoning_content": long}), text("Hello"), stop()), user("Next")]
    assert next_messages(items)[1]["reasoning_content"] == long


THINK_FIRST = chunk({"reasoning_content": "Both at once."})


def test_calls_of_one_answer_stay_one_message_when_their_outputs_come_in_between():
    """Codex 0.169 sends this order after an interrupt."""
    reasoning, first, second = answers(THINK_FIRST, run("c1"), run("c2", index=1), stop("tool_calls"))
    items = [user("Hi"), reasoning, first, output("c1", "aborted"), second, output("c2", "aborted"), user("Go on")]
    assert next_messages(items) == [
        {"role": "user", "content": "Hi"},
        chat_calls(
            chat_call("c1", arguments='{"cmd":"ls"}'),
            chat_call("c2", arguments='{"cmd":"ls"}'),
            reasoning_content="Both at once.",
        ),
        tool("c1", "aborted"),
        tool("c2", "aborted"),
        {"role": "user", "content": "Go on"},
    ]


def test_the_old_wire_alternates_and_has_no_ids():
    """Codex 0.58 answers each call of an answer before the next one."""
    kept = [
        {k: v for k, v in item.items() if k != "id"}
        for item in answers(THINK_FIRST, run("c1"), run("c2", index=1), stop())
    ]
    items = [user("Hi"), *kept[:2], output("c1"), kept[2], output("c2")]
    sent = next_messages([{k: v for k, v in item.items() if k != "id"} for item in items])
    assert [len(message.get("tool_calls", [])) for message in sent] == [0, 2, 0, 0]


def test_calls_of_two_answers_are_two_messages_without_reasoning_too():
    items = [user("Hi"), *answers(run("c1"), stop()), output("c1"), *answers(run("c2"), stop()), output("c2")]
    assert [len(message.get("tool_calls", [])) for message in next_messages(items)] == [0, 1, 0, 1, 0]
