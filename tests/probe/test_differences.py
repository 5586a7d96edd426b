"""Findings -> differences, by value."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import pytest

from addon.probe.differences import differences, efforts, learnt_profile
from addon.probe.profile_file import check, profile_table, toml
from addon.probe.question import Answer, Finding
from relay_translate import Profile, find_profile
from relay_translate.profiles import PROFILES, profile_from_table

Json = dict[str, Any]
GENERIC = find_profile(name="generic")


def found(answers: dict[str, Answer | tuple[Answer, Any]]) -> dict[str, Finding]:
    return {
        name: Finding(name, name, *((one[0], "", "", one[1]) if isinstance(one, tuple) else (one,)))
        for name, one in answers.items()
    }


def learnt(answers: dict[str, Any], base: Profile = GENERIC) -> Json:
    return differences(base, found(answers), "m")


def test_nothing_found_changes_nothing() -> None:
    assert all(differences(base, {}, "m") == {} for base in PROFILES.values())


def test_unknown_answers_change_nothing() -> None:
    names = ["developer", "max_tokens", "include_usage", "images", "id_plain", "history", "choice_required", "many_tools",
             "schema_ref", "effort_any", "back_calls", "response_format", "parallel_tool_calls"]  # fmt: skip
    assert learnt(dict.fromkeys(names, "unknown")) == {}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"developer": "no", "late_system": "no"}, {}),
        ({"max_tokens": "no", "max_completion_tokens": "yes"}, {"max_tokens_field": "max_completion_tokens"}),
        ({"max_tokens": "no", "max_completion_tokens": "no"}, {}),
        ({"user_after_tool": "no"}, {"after_tools": "Understood."}),
        ({"empty_null": "no", "empty_omit": "no", "empty_empty": "yes"}, {"empty_content": "empty"}),
        ({"images": "no"}, {"images": False}),
        ({"id_plain": "no", "id_odd": "no", "id_long": "no"}, {"tools": {"call_ids": "nine"}}),
        ({"id_odd": "no"}, {"tools": {"call_ids": "plain"}}),
        ({"id_long": "no", "id_64": "no", "id_40": "yes"}, {"tools": {"longest_id": 40}}),
        ({"id_long": "no", "id_64": "yes"}, {}),
        ({"many_tools": "no", "tools_128": "yes"}, {"tools": {"most": 128}}),
        ({"many_tools": "no", "tools_128": "no", "tools_64": "no"}, {}),
        ({"name_64": "no", "name_48": "yes"}, {"tools": {"longest_name": 48}}),
        ({"format_with_tools": "no"}, {"tools": {"no_format": True}}),
        ({"response_format": "no", "json_object": "yes"}, {"json_schema": "object"}),
        ({"schema_any_of": "no", "schema_null": "no"}, {"schema": {"type_in_any_of": True, "null_types": False}}),
        (
            {"choice_required": "no"},
            {"tools": {"choices": ["named", "none"], "thinking_choices": ["named", "none"]}},
        ),
        ({"choice_required": "no", "reasoning": "yes"}, {"tools": {"thinking_choices": ["named", "none"]}}),
        ({"history_thought": ("yes", {"reasoning": "x"})}, {"reasoning": {"missing": " ", "back": "reasoning"}}),
        ({"back_calls": "yes", "back_text": "no"}, {"reasoning": {"back_on": "calls"}}),
        ({"back_calls": "no", "back_other": ("yes", "reasoning")}, {"reasoning": {"back": "reasoning"}}),
        ({"unknown_field": "yes", "prompt_cache_key": "yes"}, {}),
        ({"unknown_field": "no", "prompt_cache_key": "yes"}, {"cache_key": "prompt_cache_key"}),
    ],
)
def test_a_finding_is_a_difference(answers: Json, expected: Json) -> None:
    assert learnt(answers) == expected


def test_a_refused_field_is_no_longer_sent() -> None:
    assert set(GENERIC.optional_fields) - set(learnt({"seed": "no"})["optional_fields"]) == {"seed"}


def test_the_word_of_a_base_that_somebody_made_holds() -> None:
    own = find_profile(name="openai")
    assert learnt({"developer": "no", "system": "yes"}, own) == {"system_role": "system"}
    assert learnt({"developer": "yes", "system": "yes", "late_system": "yes"}, own) == {}
    assert learnt({"developer": "yes", "late_system": "no"}, own) == {"late_instructions": "user"}
    assert learnt({"users_in_a_row": "no"}, own) == {"merge_users": True}


@pytest.mark.parametrize(
    ("taken", "medium", "xhigh", "none"),
    [
        (["low", "medium", "high"], "medium", "high", ""),
        (["low", "high", "max"], "high", "high", ""),
        (["none", "high"], "high", "high", "none"),
        (["none"], "", "", "none"),
        (["none", "low", "medium", "high", "xhigh"], "medium", "xhigh", "none"),
    ],
)
def test_effort_words_go_to_the_nearest_that_is_taken(taken: list[str], medium: str, xhigh: str, none: str) -> None:
    made = efforts(taken)
    assert (made["medium"], made["xhigh"], made["none"]) == (medium, xhigh, none)
    assert set(made.values()) <= {*taken, ""}


def test_of_a_made_map_of_efforts_only_the_refused_words_change() -> None:
    base = replace(GENERIC, reasoning=replace(GENERIC.reasoning, efforts={"medium": "low", "xhigh": "max"}))
    asked = {"effort_any": "no", "effort_low": "yes", "effort_high": "yes", "effort_max": "no", "effort_xhigh": "no"}
    made = learnt(asked, base)["reasoning"]["efforts"]
    assert made["medium"] == "low"
    assert (made["xhigh"], made["max"]) == ("high", "high")


# -- the file


@pytest.mark.parametrize("base", PROFILES)
def test_every_profile_can_be_written_as_what_differs_from_the_generic_one(base: str) -> None:
    profile = replace(PROFILES[base], name="mine", variants=(), web_search=None)
    table = profile_table("generic", profile)
    read = profile_from_table(tomllib.loads(toml(table, ["a comment"])))
    assert profile_table("generic", read) == table
    check(table, profile)


def test_a_profile_that_differs_in_nothing_is_its_base() -> None:
    assert toml(profile_table("groq", PROFILES["groq"])) == 'base = "groq"\n'


def test_the_file_holds_what_was_learnt() -> None:
    findings = found({"id_plain": "no", "include_usage": "no", "effort_any": "no", "effort_high": "yes"})
    profile = learnt_profile(GENERIC, findings, "m")
    text = toml(profile_table("generic", profile))
    read = profile_from_table(tomllib.loads(text))
    assert (read.tools.call_ids, read.stream_usage, read.reasoning.efforts["low"]) == ("nine", False, "high")
    assert read.reasoning.efforts["none"] is None
    assert text.splitlines()[0] == 'base = "generic"'


def test_odd_words_survive_the_file() -> None:
    odd = replace(GENERIC, title='a "quoted"\\ ü\x7f\n', finish_reasons={"a b": "stop"})
    read = profile_from_table(tomllib.loads(toml(profile_table("generic", odd))))
    assert (read.title, dict(read.finish_reasons)) == (odd.title, {"a b": "stop"})


def test_a_table_that_makes_another_profile_is_found() -> None:
    with pytest.raises(ValueError, match="does not make the profile"):
        check({"base": "generic"}, replace(GENERIC, images=False))
