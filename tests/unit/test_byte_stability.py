"""The same history gives the same bytes, turn after turn: providers cache and bill prompts by their prefix."""

from __future__ import annotations

from itertools import pairwise

import pytest

from relay_translate import json_bytes, translate_request
from relay_translate.profiles import GENERIC, Profile, find_profile
from relay_translate.reasoning import ReasoningState, seal

from .items import assistant, called, custom, custom_output, developer, image, output, user
from .streams import TOOLS


def reasoning(n):
    blob = seal(
        ReasoningState(f"answer{n}", "reasoning_content", f"thought {n}", calls={0: {"extra_content": {"n": n}}}),
        "generic",
        "m",
    )
    return {"type": "reasoning", "id": f"rs_{n}", "summary": [], "encrypted_content": blob}


FOUND = [{"type": "namespace", "name": "mcp__late", "tools": [{"type": "function", "name": "get"}]}]

# The input of each request of a session adds one of these to the last.
STEPS = [
    [developer("Base."), developer("Skills.", "Permissions."), user("<environment>"), user("Do it.")],
    [reasoning(1), assistant("I look."), called("c1"), called("c2"), output("c1"), output("c2", [image()])],
    [reasoning(2), custom("c3", "*** Begin Patch"), custom_output("c3", [{"type": "input_text", "text": "ok"}])],
    [called("c1"), output("c1", "an id again")],
    [called("c4", "echo", namespace="mcp__tiny"), user("<notice>"), output("c4")],
    [assistant("Done."), user("Next.")],
    [assistant("Yes."), developer("<plan mode>"), user("More."), {"role": "user", "content": [image(), {"type": "input_text", "text": "see"}]}],
    [{"type": "tool_search_call", "call_id": "s", "arguments": {"query": "get"}}, {"type": "tool_search_output", "call_id": "s", "tools": FOUND}],
    [called("c5", "get", namespace="mcp__late"), output("c5")],
    [called("c6", "gone.tool", "not json", namespace="n" * 70), output("c6")],
    [output("never", "orphan")],
    [{"type": "web_search_call", "action": {"query": "q"}}, assistant("It is so."), user("<turn_aborted>"), user("Go on.")],
    [reasoning(3), called("c7"), output("c7", "aborted"), user("Again.")],
    [{"type": "agent_message", "content": [{"type": "input_text", "text": "A result."}]}],
    [{"type": "reasoning", "summary": [], "encrypted_content": "gAAAA-foreign"}, assistant("Fine."), user("Bye.")],
]  # fmt: skip
LENGTHS = [sum(map(len, STEPS[: n + 1])) for n in range(len(STEPS))]


def bodies(profile):
    items = [item for step in STEPS for item in step]
    for length in LENGTHS:
        yield translate_request({"model": "m", "input": items[:length], "stream": True, "tools": TOOLS}, profile).body


def continues(before, after):
    """Whether `after` begins with `before`; the last message may have grown."""
    if after[: len(before)] == before:
        return True
    last, grown = before[-1], after[len(before) - 1]
    if after[: len(before) - 1] != before[:-1] or last["role"] != grown["role"] or last["role"] not in ("user", "tool"):
        return False
    texts = isinstance(last["content"], str) and isinstance(grown["content"], str)
    old = last["content"] if texts or isinstance(last["content"], list) else [{"type": "text", "text": last["content"]}]
    return grown["content"][: len(old)] == old


@pytest.mark.parametrize(
    "profile",
    [GENERIC, find_profile(name="openai"), Profile(name="generic", late_instructions="system", merge_users=False)],
)
def test_each_request_of_a_session_begins_with_the_last_one(profile):
    sent = list(bodies(profile))
    for before, after in pairwise(sent):
        assert continues(before["messages"], after["messages"])
        assert after["tools"][: len(before["tools"])] == before["tools"]
    assert len(sent[-1]["messages"]) > 25


def test_the_rule_above_can_fail():
    one, two = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
    assert continues([one], [{"role": "user", "content": "ab"}, two])
    assert not continues([one, two], [{"role": "user", "content": "ab"}, two])
    assert not continues([one, two], [one, {"role": "assistant", "content": "bc"}])
    assert not continues([one], [{"role": "user", "content": "xa"}])


def test_two_translations_give_the_same_bytes():
    assert list(map(json_bytes, bodies(GENERIC))) == list(map(json_bytes, bodies(GENERIC)))


def test_every_item_added_one_by_one_keeps_what_is_settled():
    items = [item for step in STEPS for item in step]
    whole = translate_request({"model": "m", "input": items}, GENERIC).body["messages"]
    for length in LENGTHS:
        sent = translate_request({"model": "m", "input": items[:length]}, GENERIC).body["messages"]
        assert sent[:-1] == whole[: len(sent) - 1]


@pytest.mark.parametrize("count", [1, 5, 200])
def test_the_same_tools_give_the_same_definitions(count):
    tools = [
        {
            "type": "namespace",
            "name": f"mcp__{n % 7}.{n}",
            "tools": [{"type": "function", "name": f"tool {m}"} for m in range(3)],
        }
        for n in range(count)
    ]
    first, second = (translate_request({"model": "m", "input": "Hi", "tools": tools}).body["tools"] for _ in range(2))
    assert json_bytes(first) == json_bytes(second)
    assert len({tool["function"]["name"] for tool in first}) == count * 3


def test_a_tool_that_leaves_does_not_rename_the_others():
    tools = [{"type": "namespace", "name": "a.b", "tools": [{"type": "function", "name": name * 70}]} for name in "xyz"]
    names = [
        [
            tool["function"]["name"]
            for tool in translate_request({"model": "m", "input": "Hi", "tools": part}).body["tools"]
        ]
        for part in (tools, tools[1:])
    ]
    assert names[0][1:] == names[1]
