"""What of the user's words and file counts when `codex-relay run` starts Codex."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from addon.codex.entry import Entry
from addon.codex.overrides import entry_id, model_in, past_the_file, profile_in


def settings_of(words: list[str]) -> dict[str, Any]:
    """What the -c words say, as one table."""
    assigned = [word for before, word in pairwise(words) if before == "-c"]
    return tomllib.loads("\n".join(assigned))


@pytest.mark.parametrize(
    ("words", "model"),
    [
        ("exec -m one hi", "one"),
        ("exec -mone", "one"),
        ("--model=one exec", "one"),
        ("-c model=one exec --model two", "two"),
        ("exec -c model='one' hi", "one"),
        ('exec --config=model="one"', "one"),
        ("exec -c model_provider=x", ""),
        ("exec -- -m one", ""),
        ("exec -m", ""),
        ("exec hi", ""),
    ],
)
def test_the_users_own_word_for_the_model_counts(words: str, model: str) -> None:
    assert model_in(words.split()) == model


@pytest.mark.parametrize(
    ("words", "table", "profile"),
    [
        (["-p", "one"], {"profile": "two"}, "one"),
        (["exec", "--profile=one"], {}, "one"),
        (["exec"], {"profile": "two"}, "two"),
        (["exec"], {}, ""),
    ],
)
def test_the_profile_in_force_is_found(words: list[str], table: Mapping[str, Any], profile: str) -> None:
    assert profile_in(words, table) == profile


# --- past the user's file ---------------------------------------------------------------------------------------------

ENTRY = Entry(base_url="http://127.0.0.1:1/v1", model="worker")


@pytest.mark.parametrize(
    ("theirs", "id"),
    [
        ({}, "relay"),
        ({"name": "Relay", "base_url": "http://127.0.0.1:4444/v1", "wire_api": "responses"}, "relay"),
        ({"name": "Mine", "env_key": "MY_KEY"}, "relay-run"),
        ({"name": "Mine", "auth": {"command": "x"}}, "relay-run"),
    ],
)
def test_an_entry_of_the_users_with_more_in_it_is_not_merged(theirs: dict[str, Any], id: str) -> None:
    assert entry_id({"model_providers": {"relay": theirs}}, ENTRY) == id


def test_a_profile_a_window_and_other_models_of_the_users_give_way() -> None:
    table = {
        "profiles": {"work": {"model": "gpt-6", "model_provider": "other", "sandbox_mode": "read-only"}},
        "model_context_window": 9,
        "model_auto_compact_token_limit": 8,
        "review_model": "gpt-6",
        "features": {"memories": True},
    }
    assert settings_of(past_the_file(table, "work", ENTRY, 65536)) == {
        "profiles": {"work": {"model": "worker", "model_provider": "relay"}},
        "model_context_window": 65536,
        "model_auto_compact_token_limit": 58982,
        "review_model": "worker",
        "memories": {"extract_model": "worker", "consolidation_model": "worker"},
    }
    assert past_the_file({"profiles": table["profiles"]}, "", ENTRY, None) == []
    assert past_the_file({}, "work", ENTRY, 65536) == []
