from __future__ import annotations

import dataclasses

import pytest

from relay_translate import Profile, find_profile
from relay_translate.profiles import PROFILES


def test_profiles_are_listed_by_their_names():
    assert {name: profile.name for name, profile in PROFILES.items()} == {name: name for name in PROFILES}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({}, "generic"),
        ({"host": "example.com", "model": "anything"}, "generic"),
        ({"host": "api.openai.com"}, "openai"),
        ({"host": "API.OpenAI.com"}, "openai"),
        ({"host": "api.openai.com", "name": "generic"}, "generic"),
        ({"name": "openai"}, "openai"),
    ],
)
def test_a_profile_is_found_by_name_then_host(query, name):
    assert find_profile(**query).name == name


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown profile 'nope'; known are .*generic.*openai"):
        find_profile(name="nope")


@pytest.mark.parametrize(
    ("base", "chat", "models"),
    [
        ("", "/v1/chat/completions", "/v1/models"),
        ("/", "/v1/chat/completions", "/v1/models"),
        ("/v1/", "/v1/chat/completions", "/v1/models"),
        ("/api/paas/v4", "/api/paas/v4/chat/completions", "/api/paas/v4/models"),
        ("/x/chat/completions", "/x/chat/completions", "/x/models"),
    ],
)
def test_paths_stand_under_the_base(base, chat, models):
    profile = Profile(name="p")
    assert (profile.chat_path(base), profile.models_path(base)) == (chat, models)


def test_a_profile_is_a_value():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Profile(name="p").name = "q"
