"""Which profile a request gets: by name, by host, by model; and what a user's own table makes of one."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase

import pytest

from relay_translate.profiles import GENERIC, PROFILES, find_profile, profile_from_table
from relay_translate.profiles.merging import changed, for_model

HOSTS = sorted((host, name) for name, profile in PROFILES.items() for host in profile.hosts)


def example(pattern: str) -> str:
    return pattern.replace("*", "some-where")


@pytest.mark.parametrize(("pattern", "name"), HOSTS)
@pytest.mark.parametrize("model", ["anything", "deepseek-v4-pro", "glm-5.3", "gemini-3.8-pro", ""])
def test_a_known_host_decides_whatever_the_model(pattern, name, model):
    assert find_profile(host=example(pattern).upper(), model=model).name == name


def test_no_host_is_claimed_twice():
    for host, name in HOSTS:
        claims = {other for pattern, other in HOSTS if fnmatchcase(example(host), pattern)}
        assert claims == {name}


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("deepseek-v4-pro", "deepseek"), ("deepseek-chat", "deepseek"), ("DeepSeek-R1", "deepseek"), ("kimi-k3", "kimi"),
        ("moonshot-v1-128k", "kimi"), ("qwen3-max", "qwen"), ("qwen3.7-plus", "qwen"), ("qwen-plus", "qwen"),
        ("mistral-large-latest", "mistral"), ("devstral-2", "mistral"), ("magistral-medium-2509", "mistral"), ("grok-4.6", "xai"),
        ("glm-5.3", "glm"), ("MiniMax-M3", "minimax"), ("gemini-3.8-flash", "gemini"), ("models/gemini-2.5-pro", "gemini"),
        # A path in front of the name is a platform's spelling or a server's: none of the vendor's own switches there.
        ("deepseek-ai/DeepSeek-V4", "generic"), ("moonshotai/Kimi-K2.6", "generic"), ("zai-org/GLM-5.3", "generic"),
        ("Qwen/Qwen3.6-27B", "generic"), ("qwen3.6:27b", "generic"), ("qwen3-8b-q4_k_m.gguf", "generic"), ("gpt-5.5", "generic"),
        ("claude-sonnet-4-6", "generic"), ("llama-3.3-70b", "generic"), ("", "generic"),
    ],
)  # fmt: skip
def test_at_an_unknown_host_a_vendors_own_model_names_tell(model, name):
    assert find_profile(host="gateway.example", model=model).name == name


@pytest.mark.parametrize("name", PROFILES)
def test_a_name_beats_host_and_model(name):
    assert find_profile(host="api.deepseek.com", model="glm-5.3", name=name).name == name


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("api.groq.com", "/openai/v1"), ("openrouter.ai", "/api/v1"), ("api.z.ai", "/api/paas/v4"), ("api.kimi.com", "/coding/v1"),
        ("dashscope-intl.aliyuncs.com", "/compatible-mode/v1"), ("generativelanguage.googleapis.com", "/v1beta/openai"),
        ("api.fireworks.ai", "/inference/v1"), ("res.openai.azure.com", "/openai/v1"), ("api.deepseek.com", "/v1"),
    ],
)  # fmt: skip
def test_the_host_alone_is_enough_for_the_path(host, path):
    profile = find_profile(host=host)
    assert (profile.chat_path(), profile.models_path()) == (f"{path}/chat/completions", f"{path}/models")
    assert profile.chat_path("/other/v9") == "/other/v9/chat/completions"


def test_the_coding_plan_is_a_path_of_the_same_host_or_a_name():
    assert find_profile(host="api.z.ai").chat_path("/api/coding/paas/v4") == "/api/coding/paas/v4/chat/completions"
    assert find_profile(host="api.z.ai", name="glm-coding").chat_path() == "/api/coding/paas/v4/chat/completions"


# --- what they say


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_tells_people_its_name_and_where_its_key_stands(name):
    profile = PROFILES[name]
    assert profile is GENERIC or profile.title
    assert bool(profile.key_variable) >= bool(profile.hosts)


@pytest.mark.parametrize("name", PROFILES)
def test_a_variant_changes_what_it_says_and_nothing_breaks(name):
    profile = PROFILES[name]
    for pattern, differences in profile.variants:
        assert pattern == pattern.lower(), "models are compared in lower case"
        assert changed(profile, differences) != profile, f"{pattern} makes no difference"


def test_several_variants_are_laid_over_each_other_in_order():
    profile = for_model(PROFILES["azure"], "My-DeepSeek-V4")
    assert (profile.system_role, profile.reasoning.missing, profile.max_tokens_field) == ("system", " ", "max_tokens")
    assert for_model(PROFILES["azure"], "my-gpt") == PROFILES["azure"]


@pytest.mark.parametrize(
    ("name", "model", "sees"),
    [
        ("deepseek", "deepseek-v4-pro", False), ("deepseek", "deepseek-flash", True), ("kimi", "kimi-k2-thinking", False),
        ("kimi", "kimi-k2.6", True), ("kimi", "kimi-k3", True), ("glm", "glm-5.3", False), ("glm", "glm-4.6", False), ("glm", "glm-4.6v", True),
        ("minimax", "MiniMax-M2.5", False), ("minimax", "MiniMax-M3", True), ("groq", "openai/gpt-oss-120b", False),
        ("groq", "meta-llama/llama-4-maverick", True), ("fireworks", "accounts/fireworks/models/glm-5p3", False),
        ("fireworks", "accounts/fireworks/models/kimi-k2p6", True), ("ollama", "qwen3-coder:30b", False), ("ollama", "qwen3-vl:8b", True),
        ("ollama", "gemma4:27b", True), ("vllm", "deepseek-ai/DeepSeek-V4", False), ("qwen", "qwen3-max", False), ("qwen", "qwen3.7-plus", True),
        ("openai", "gpt-5.5", True), ("gemini", "gemini-3.8-flash", True), ("nim", "deepseek-ai/deepseek-v3.2", False),
    ],
)  # fmt: skip
def test_models_that_see_nothing_are_known_by_name(name, model, sees):
    assert find_profile(name=name, model=model).sees_images(model) is sees


# --- a user's own

TABLE = """
base = "deepseek"
title = "My gateway"
hosts = ["gw.example"]
images = true
max_tokens_field = "max_completion_tokens"
optional_fields = ["temperature"]
[extra_fields]
route = "fast"
[reasoning]
missing = ""
back_on = "all"
[reasoning.efforts]
high = "hard"
low = ""
[tools]
most = 10
choices = ["none"]
[schema]
drop = ["$schema", "pattern"]
[web_search.tool]
type = "search"
[variants."*-mini"]
images = false
[variants."*-mini".reasoning]
effort_field = ""
"""


def test_a_users_table_says_what_differs_from_its_base():
    made = profile_from_table(tomllib.loads(TABLE), "mine")
    base = PROFILES["deepseek"]
    assert (made.name, made.title, made.hosts, made.images, made.max_tokens_field) == (
        "mine",
        "My gateway",
        ("gw.example",),
        True,
        "max_completion_tokens",
    )
    assert (made.optional_fields, dict(made.extra_fields)) == ({"temperature"}, {"route": "fast"})
    assert (made.reasoning.missing, made.reasoning.back_on, dict(made.reasoning.efforts)) == (
        "",
        "all",
        {"high": "hard", "low": None},
    )
    assert (made.reasoning.on, made.reasoning.back) == (base.reasoning.on, base.reasoning.back)
    assert (made.tools.most, made.tools.choices, made.tools.thinking_choices) == (
        10,
        {"none"},
        base.tools.thinking_choices,
    )
    assert made.schema.drop == {"$schema", "pattern"}
    assert made.web_search is not None and dict(made.web_search.tool) == {"type": "search"}
    mini = for_model(made, "Our-Mini")
    assert (mini.images, mini.reasoning.effort_field, mini.reasoning.missing) == (False, "", "")


def test_an_empty_table_is_the_generic_profile_under_another_name():
    made = profile_from_table({})
    assert changed(made, {"name": "generic"}) == GENERIC


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"base": "nope"}, r"base: unknown profile 'nope'; known are .*deepseek.*xai"),
        ({"imags": True}, r"imags: there is no such key; valid are address.*images.*web_search"),
        ({"reasoning": {"missin": ""}}, r"reasoning.missin: there is no such key; valid are always.*missing"),
        ({"tools": {"mst": 1}}, r"tools.mst: there is no such key; valid are .*most"),
        ({"schema": {"x": 1}}, r"schema.x: there is no such key; valid are const_as_enum"),
        ({"web_search": {"x": 1}}, r"web_search.x: there is no such key; valid are fields, settings, tool"),
        ({"images": "yes"}, r"images: must be bool, not 'yes'"),
        ({"max_tokens_field": 5}, r"max_tokens_field: must be str, not 5"),
        ({"hosts": "x"}, r"hosts: must be a list, not 'x'"),
        ({"hosts": [1]}, r"hosts: must be str, not 1"),
        ({"late_instructions": "x"}, r"late_instructions: must be one of 'user', 'hoist', 'system', not 'x'"),
        ({"tools": {"call_ids": "ten"}}, r"tools.call_ids: must be one of 'any', 'plain', 'nine', not 'ten'"),
        ({"tools": {"most": True}}, r"tools.most: must be int, not True"),
        ({"json_schema": "x"}, r"json_schema: must be one of 'native', 'object', 'prompt', not 'x'"),
        ({"extra_fields": []}, r"extra_fields: must be a table, not \[\]"),
        ({"variants": {"*": {"nope": 1}}}, r"nope: there is no such key"),
        ({"variants": {"*": {"variants": {}}}}, r"variants.\*: must be a table of what is different"),
        ({"variants": {"*": 5}}, r"variants.\*: must be a table"),
    ],
)
def test_a_mistake_in_a_table_is_named_with_what_is_valid(table, words):
    with pytest.raises(ValueError, match=words):
        profile_from_table(table)
