"""Codex's catalog and OpenAI's list, made of facts."""

from __future__ import annotations

import json
import re

import pytest

from relay_translate import find_profile
from relay_translate.catalog import (
    ASSUMED_WINDOW,
    BASE_INSTRUCTIONS,
    CatalogModel,
    ModelFacts,
    codex_catalog,
    etag,
    known_facts,
    model_list,
    window_of,
)

# What 0.169 insists on, and what 0.107 to 0.142 did besides.
REQUIRED = {
    "slug", "display_name", "supported_reasoning_levels", "shell_type", "visibility", "supported_in_api", "priority",
    "support_verbosity", "truncation_policy", "experimental_supported_tools", "base_instructions",
    "supports_reasoning_summaries", "supports_parallel_tool_calls",
}  # fmt: skip


def model(slug: str, profile: str = "generic", *, hidden: bool = False, name: str = "", **said: object) -> CatalogModel:
    id_ = name or slug
    chosen = find_profile(name=profile, model=id_)
    return CatalogModel(slug=slug, facts=known_facts(ModelFacts(id=id_, **said), chosen), profile=chosen, hidden=hidden)


def entry(one: CatalogModel, codex: str = "0.169.0") -> dict:
    [made] = codex_catalog([one], codex)["models"]
    return made


def levels(made: dict) -> list[str]:
    return [level["effort"] for level in made["supported_reasoning_levels"]]


def test_every_entry_has_what_every_version_insists_on() -> None:
    made = entry(model("m"))
    assert made.keys() >= REQUIRED
    assert [key for key, value in made.items() if value is None] == []
    assert made.keys().isdisjoint({"tool_mode", "use_responses_lite", "multi_agent_version"})
    assert made["supports_search_tool"] is False


def test_an_entry_says_what_is_known() -> None:
    made = entry(model("deepseek/deepseek-v4-pro", "deepseek", name="deepseek-v4-pro"))
    assert made["context_window"] == made["max_context_window"] == 1_000_000
    assert made["input_modalities"] == ["text"]
    assert (levels(made), made["default_reasoning_level"]) == (["none", "low", "high", "max"], "high")
    assert all(level["description"] for level in made["supported_reasoning_levels"])
    assert (made["apply_patch_tool_type"], made["supports_parallel_tool_calls"]) == ("freeform", True)
    assert made["base_instructions"] == BASE_INSTRUCTIONS
    assert made["display_name"] == "deepseek/deepseek-v4-pro"
    assert made["description"] == "DeepSeek, 1M tokens of context"


def test_a_model_that_does_not_think_has_no_levels() -> None:
    made = entry(model("gpt-4o", "openai"))
    assert (levels(made), made["supports_reasoning_summaries"]) == ([], False)
    assert "default_reasoning_level" not in made


def test_a_switch_is_described_as_one() -> None:
    made = entry(model("kimi-k2.6", "kimi"))
    assert [level["description"] for level in made["supported_reasoning_levels"]] == [
        "Answers without thinking first",
        "Thinks before it answers",
    ]


def test_without_a_known_window_one_is_assumed_and_the_picker_says_so() -> None:
    made = entry(model("something"))
    assert made["context_window"] == ASSUMED_WINDOW
    assert made["description"] == "128k tokens of context assumed"
    local = model("somebodys:7b", "ollama")
    assert window_of(local) == entry(local)["context_window"] == 32_768


def test_outputs_of_tools_do_not_fill_a_small_window() -> None:
    assert entry(model("m", context_window=8_000))["truncation_policy"] == {"mode": "tokens", "limit": 2_000}
    assert entry(model("m", context_window=32_768))["truncation_policy"] == {"mode": "tokens", "limit": 4_096}
    assert entry(model("m", context_window=1_000_000))["truncation_policy"] == {"mode": "tokens", "limit": 10_000}


def test_what_chats_is_listed_in_order_and_once() -> None:
    models = [model("b"), model("a"), model("embed", chats=False), model("b", context_window=9), model("")]
    made = codex_catalog(models)["models"]
    assert [(one["slug"], one["priority"], one["context_window"]) for one in made] == [
        ("b", 1, ASSUMED_WINDOW),
        ("a", 2, ASSUMED_WINDOW),
    ]


def test_hidden_models_and_those_without_tools_answer_but_are_not_offered() -> None:
    assert entry(model("gpt-5*", hidden=True))["visibility"] == "hide"
    made = entry(model("prose", tools=False))
    assert (made["visibility"], made["supports_parallel_tool_calls"]) == ("hide", False)
    assert "apply_patch_tool_type" not in made
    assert entry(model("m"))["visibility"] == "list"


def test_an_alias_says_what_it_stands_for() -> None:
    made = entry(model("gpt-5-codex", "kimi", name="kimi-k3"))
    assert made["description"] == "stands for kimi-k3, Kimi, 1M tokens of context"


@pytest.mark.parametrize("codex", ["", "0.107.0", "0.135.0", "nonsense"])
def test_older_codex_is_not_given_efforts_it_does_not_know(codex: str) -> None:
    made = entry(model("kimi-k3", "kimi"), codex)
    assert (levels(made), made["default_reasoning_level"]) == (["low", "high"], "high")


@pytest.mark.parametrize("codex", ["0.150.0", "0.169.0", "0.170.0-alpha.1", "1.0.0"])
def test_later_codex_is_given_all(codex: str) -> None:
    made = entry(model("kimi-k3", "kimi"), codex)
    assert (levels(made), made["default_reasoning_level"]) == (["low", "high", "max"], "max")


def test_the_list_for_other_clients_is_openais() -> None:
    made = model_list([model("kimi/kimi-k3", "kimi", name="kimi-k3"), model("m")])
    assert made == {
        "object": "list",
        "data": [
            {"id": "kimi/kimi-k3", "object": "model", "created": 0, "owned_by": "kimi", "context_window": 1_048_576},
            {"id": "m", "object": "model", "created": 0, "owned_by": "generic"},
        ],
    }


def test_a_tag_belongs_to_the_bytes() -> None:
    assert etag(b"a") == etag(b"a") != etag(b"b")
    assert re.fullmatch(r'"[0-9a-f]{32}"', etag(b"a"))


def test_the_catalog_is_the_same_each_time() -> None:
    first, second = (json.dumps(codex_catalog([model("kimi-k3", "kimi"), model("m")])) for _ in range(2))
    assert first == second


def test_the_instructions_claim_no_vendor_and_name_what_codex_has() -> None:
    assert 2_000 < len(BASE_INSTRUCTIONS.encode()) < 4_096
    vendors = r"\b(gpt|openai|claude|anthropic|gemini|google|deepseek|kimi|qwen|mistral|llama|grok)\b"
    assert re.search(vendors, BASE_INSTRUCTIONS, re.I) is None
    for word in ("Codex CLI", "`apply_patch`", "`update_plan`", "MCP", "AGENTS.md", "sandbox"):
        assert word in BASE_INSTRUCTIONS
