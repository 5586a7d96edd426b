"""Providers as people name them."""

from __future__ import annotations

import pytest

from addon.providers import ProviderError, Upstream, find_provider, known_providers, parse_providers
from addon.settings import Settings
from relay_translate.profiles import PROFILES

HERE = Upstream("http", "127.0.0.1", 8080, "/v1")


@pytest.mark.parametrize(
    ("text", "upstream", "dialect", "variable"),
    [
        ("deepseek", Upstream("https", "api.deepseek.com", 443, "/v1"), "deepseek", "DEEPSEEK_API_KEY"),
        ("deepseek#MINE", Upstream("https", "api.deepseek.com", 443, "/v1"), "deepseek", "MINE"),
        ("openrouter", Upstream("https", "openrouter.ai", 443, "/api/v1"), "openrouter", "OPENROUTER_API_KEY"),
        ("ollama", Upstream("http", "127.0.0.1", 11434, "/v1"), "ollama", ""),
        ("desk=http://127.0.0.1:8080/v1", HERE, "", ""),
        ("desk:vllm=http://127.0.0.1:8080/v1#DESK_KEY", HERE, "vllm", "DESK_KEY"),
        ("glm=https://open.bigmodel.cn/api/paas/v4", Upstream("https", "open.bigmodel.cn", 443, "/api/paas/v4"),
         "glm", "ZAI_API_KEY"),
        # A vendor's key is not for somebody else's server that speaks its dialect.
        ("work:deepseek=https://llm.example/v1", Upstream("https", "llm.example", 443, "/v1"), "deepseek", ""),
        ("clear=http://api.groq.com/openai/v1", Upstream("http", "api.groq.com", 80, "/openai/v1"), "", ""),
        ("far=https://api.groq.com/openai/v1", Upstream("https", "api.groq.com", 443, "/openai/v1"), "", "GROQ_API_KEY"),
    ],
)  # fmt: skip
def test_a_name_is_an_address_a_dialect_and_a_key(text: str, upstream: Upstream, dialect: str, variable: str) -> None:
    found = find_provider(text, {variable: "sk-a-key"} if variable else {})
    assert (found.upstream, found.dialect, found.variable) == (upstream, dialect, variable)
    assert found.key == ("sk-a-key" if variable else "")
    assert "sk-a-key" not in repr(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("deepsek", "did you mean deepseek?"),
        ("nobody", "known are anthropic, "),
        ("azure", "azure=https://YOUR-HOST/v1"),
        ("desk=127.0.0.1:8080", "https://host/v1"),
        ("desk=http://user:secret@host/v1", "not supported"),
        ("desk:nonsense=http://127.0.0.1/v1", "unknown profile"),
        ("a b", "work:vllm=https://llm.example.com/v1#KEY_VARIABLE"),
        ("deepseek#a-b", "not the name of an environment variable"),
        ("deepseek,deepseek", "twice"),
        ("deepseek", "export DEEPSEEK_API_KEY=..."),
    ],
)
def test_a_wrong_name_is_told_with_the_remedy(text: str, words: str) -> None:
    environ = {} if text == "deepseek" else {"DEEPSEEK_API_KEY": "sk-a-key"}
    with pytest.raises(ProviderError) as wrong:
        parse_providers(text, environ)
    assert words in str(wrong.value)
    assert "secret" not in str(wrong.value)


def test_a_key_that_a_header_can_not_carry_is_refused_without_being_shown() -> None:
    with pytest.raises(ProviderError, match="DEEPSEEK_API_KEY") as wrong:
        parse_providers("deepseek", {"DEEPSEEK_API_KEY": "sk broken"})
    assert "broken" not in str(wrong.value)


def test_every_profile_with_an_address_is_known_and_finds_itself() -> None:
    known = known_providers()
    assert len(known) >= 20
    for one in known:
        found = find_provider(one.name, {})
        assert found.upstream.url == one.base_url
        assert found.profile.name == one.name
        assert found.variable == one.variable
        assert bool(one.variable) != found.upstream.is_here
    assert {name for name, profile in PROFILES.items() if not profile.base_url} == {"azure", "generic"}


def test_a_recorded_request_is_given_the_key_of_the_provider_whose_path_it_has() -> None:
    entries = "one=https://gate.test/v1#ONE,two=https://gate.test/two/v1#TWO,three=https://gate.test/two/v1/more#"
    settings = Settings(providers=parse_providers(entries, {"ONE": "key-1", "TWO": "key-2"}))
    keys = {path: settings.key_at("https", "gate.test", 443, f"{path}/chat/completions") for path in ("/v1", "/two/v1")}
    assert keys == {"/v1": "key-1", "/two/v1": "key-2"}
    assert settings.key_at("https", "gate.test", 443, "/two/v1/more/chat/completions") == ""
    assert settings.key_at("https", "else.test", 443, "/v1/chat/completions") == ""
