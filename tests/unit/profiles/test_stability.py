"""For every provider, the same history gives the same bytes, turn after turn: prompts are cached by their prefix."""

from __future__ import annotations

from itertools import pairwise

import pytest

from relay_translate import json_bytes, translate_request
from relay_translate.profiles import PROFILES, Profile
from relay_translate.reasoning import ReasoningState, seal
from tests.unit.streams import TOOLS
from tests.unit.test_byte_stability import LENGTHS, STEPS, continues

SOURCES = ("reasoning_content", "reasoning", "<think>", "thinking")
EACH = pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda one: one.name)


def session(profile: Profile):
    """The steps' items; their reasoning is this provider's, in each of the forms."""
    items = []
    for n, item in enumerate(one for step in STEPS for one in step):
        if item.get("type") == "reasoning" and not item["encrypted_content"].startswith("gAAAA"):
            state = ReasoningState(
                f"answer{n}", SOURCES[n % len(SOURCES)], f"thought {n}", calls={0: {"extra_content": {"n": n}}}
            )
            item = {**item, "encrypted_content": seal(state, profile.name, "m")}
        items.append(item)
    return items


def bodies(profile: Profile):
    items = session(profile)
    for length in LENGTHS:
        request = {
            "model": "m",
            "input": items[:length],
            "stream": True,
            "tools": TOOLS,
            "reasoning": {"effort": "high"},
        }
        yield translate_request(request, profile).body


@EACH
def test_each_request_of_a_session_begins_with_the_last_one(profile: Profile):
    sent = list(bodies(profile))
    for before, after in pairwise(sent):
        assert continues(before["messages"], after["messages"])
        assert after["tools"][: len(before["tools"])] == before["tools"]
    assert len(sent[-1]["messages"]) > 25


@EACH
def test_two_translations_give_the_same_bytes(profile: Profile):
    assert list(map(json_bytes, bodies(profile))) == list(map(json_bytes, bodies(profile)))


@EACH
def test_what_is_settled_does_not_depend_on_what_follows(profile: Profile):
    items = session(profile)
    whole = translate_request({"model": "m", "input": items}, profile).body["messages"]
    for length in LENGTHS:
        sent = translate_request({"model": "m", "input": items[:length]}, profile).body["messages"]
        assert sent[:-1] == whole[: len(sent) - 1]
