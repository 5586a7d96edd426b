"""Every provider that can be played is probed: from its own profile nothing new is found, from the generic one a profile
comes out with which the provider refuses nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from addon.probe.differences import differences, learnt_profile
from addon.probe.proof import codex_request
from addon.probe.questions.reasoning import WORDS
from addon.scripted.dialects import DIALECTS, Limits
from addon.scripted.dialects.limits import judge
from relay_translate import Profile, find_profile, translate_request
from tests.probe.played import played, probed, table

Json = dict[str, Any]
FORMAT = {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object", "properties": {}}}}


def codex_requests(model: str, profile: Profile) -> list[Json]:
    """What Codex, and people who set its options, may ask for."""
    plain = codex_request(model, images=True)
    wanted: list[Json] = [{"reasoning": {"effort": word}} for word in (*WORDS, "ultra")]
    for choice in ("none", "required", {"type": "function", "name": "shell"}):
        wanted += [{"tool_choice": choice, "reasoning": {"effort": word}} for word in ("none", "high")]
    wanted += [{"text": FORMAT}, {"text": FORMAT, "tools": []}, {"temperature": 1.0, "top_p": 0.9}]
    return [dict(translate_request(plain | one, profile).body) for one in wanted]


def limits_of(name: str) -> Limits:
    """What one request by itself can break: ids would have to come from the provider."""
    return replace(DIALECTS[name].limits, own_ids=False, needed={})


@pytest.mark.parametrize("name", DIALECTS)
async def test_a_provider_agrees_with_its_own_profile(name: str) -> None:
    dialect = DIALECTS[name]
    interview, _ = await probed(played(dialect), base=dialect.profile, name=dialect.model)
    known = interview.known
    assert interview.stopped == ""
    assert known.answer("proof") == "yes", table(interview)
    assert differences(known.base, known.findings, known.model) == {}, table(interview)


@pytest.mark.parametrize("name", DIALECTS)
async def test_what_is_learnt_of_a_stranger_is_enough_for_it(name: str) -> None:
    dialect = DIALECTS[name]
    interview, seen = await probed(played(dialect, tolerated=dialect.limits.needed), name=dialect.model)
    known = interview.known
    profile = learnt_profile(known.base, known.findings, known.model)
    assert known.answer("proof") == "yes", table(interview)
    bodies = codex_requests(dialect.model, profile)
    assert [complaint for body in bodies for complaint in judge(body, limits_of(name))] == []
    assert len(seen) < 100


def test_the_generic_profile_by_itself_would_not_do() -> None:
    """Else the test above could not fail."""
    generic = find_profile(name="generic")
    refused = {
        name
        for name, dialect in DIALECTS.items()
        for body in codex_requests(dialect.model, generic)
        if judge(body, limits_of(name))
    }
    assert len(refused) > len(DIALECTS) // 2
