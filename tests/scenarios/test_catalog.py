"""Which scenarios there are, and which version plays which."""

from __future__ import annotations

import re

import pytest

from addon.codex import versions
from addon.codex.install import CURRENT, VERSIONS
from addon.recording import RecordingError
from addon.scenarios.catalog import OLDEST, Case, all_cases, chosen_cases


async def nothing(stage: object) -> None:
    pass


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.169.0", (0, 169, 0)),
        ("0.98", (0, 98, 0)),
        ("0.170.0-alpha.3", (0, 170, 0)),
        ("1.2.3", (1, 2, 3)),
        ("", versions.NEWEST),
        ("latest", versions.NEWEST),
    ],
)
def test_versions_compare_by_number(text: str, number: versions.Version) -> None:
    assert versions.parse(text) == number


def test_a_scenario_says_why_a_version_lacks_it() -> None:
    case = Case("x", "shows", nothing, since="0.98.0", missing="there is no x")
    assert case.unsupported("0.80.0") == "since 0.98.0: there is no x"
    assert [case.unsupported(version) for version in ("0.98.0", "0.107.0", "1.0.0", "")] == [""] * 4


def test_every_scenario_is_described_and_todays_codex_plays_it() -> None:
    cases = all_cases()
    assert len({case.name for case in cases}) == len(cases) >= 25
    for case in cases:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", case.name)
        assert case.shows
        assert case.unsupported(CURRENT) == ""
        assert case.since == OLDEST or (case.since in VERSIONS and case.missing)


def test_older_versions_play_fewer_scenarios_and_the_oldest_plays_some() -> None:
    counts = [sum(not case.unsupported(version) for case in all_cases()) for version in VERSIONS]
    assert counts == sorted(counts)
    assert counts[0] >= 15


def test_scenarios_are_chosen_by_name_in_their_own_order() -> None:
    assert [case.name for case in chosen_cases(["tools", "text"])] == ["text", "tools"]
    assert chosen_cases([]) == chosen_cases(["all"]) == all_cases()
    with pytest.raises(RecordingError, match="there is no scenario 'txt'; there are: text, tools"):
        chosen_cases(["txt"])
