"""What `codex-relay doctor` finds in config.toml and in a key, without asking anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.codex.versions import parse
from addon.doctor import config, key
from addon.providers import find_provider, parse_upstream
from tests.cli.test_doctor import RELAY, config_text

# --- config.toml ------------------------------------------------------------------------------------------------------


def settled(folder: Path, text: str, version: str = "0.169.0", upstream: str = "") -> config.Settled:
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(text)
    at = parse_upstream(upstream) if upstream else None
    return config.look(folder, parse(version), {"SET": "x"}, at, folder)


@pytest.mark.parametrize("version", ["0.98.0", "0.169.0", "1000.0.0"])
def test_what_is_right_is_ok(version: str, tmp_path: Path) -> None:
    found = settled(tmp_path, config_text(), version)
    assert [one.status for one in found.findings] == ["ok"]
    assert (found.base_url, found.relay) == (RELAY, RELAY)


@pytest.mark.parametrize(
    ("text", "status", "says"),
    [
        (config_text("https://api.deepseek.com/v1"), "failed", "is DeepSeek itself: Codex passes the relay by"),
        (config_text("http://127.0.0.1:8080/v1"), "failed", "is the provider itself"),
        (config_text("https://127.0.0.1:4444/v1"), "failed", "a relay on this machine speaks http"),
        (config_text("http://127.0.0.1:4444/v1/responses"), "failed", "serves the path /v1 and nothing else"),
        (config_text(base_url="http://[::1"), "failed", "is no URL"),
        (config_text().replace("base_url", "url"), "failed", "base_url is missing"),
        (config_text(name="OpenAI"), "failed", "is named 'OpenAI'"),
        (config_text(name=""), "failed", "has no name: Codex does not start"),
        (config_text(wire_api="chat"), "failed", "wire_api = 'chat'; the relay speaks Responses"),
        (config_text(env_key="127_0_0_1_API_KEY"), "failed", "env_key is not the name of an environment variable"),
        (config_text(env_key="UNSET_KEY"), "failed", "env_key names UNSET_KEY, which is not set"),
        (config_text(experimental_bearer_token=""), "warning", "says nothing of a key"),
        (config_text(model_catalog_url=""), "warning", "model_catalog_url is missing"),
        (config_text(model_catalog_url="http://127.0.0.1:1/v1/models"), "warning", "is not the relay of base_url"),
        ('model_catalog_json = "none.json"\n' + config_text(), "failed", "model_catalog_json none.json can't be read"),
        ('profile = "x"\n' + config_text(), "failed", "profile = 'x': this Codex does not start with it"),
        ('model_provider = "openai"', "failed", "is Codex's own provider; the relay is not used"),
        ('model_provider = "gone"', "failed", "is a provider that is not defined"),
        ('model = "m"', "warning", "sets no model_provider"),
        ('[tui]\nmodel_provider = "relay"', "failed", "model_provider stands under [tui], where Codex does not look"),
        (config_text().replace("relay]", "openai]").replace('"relay"\n[', '"openai"\n['), "failed", "[model_providers.openai]"),
        ("model = [", "failed", "is not valid TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text: str, status: str, says: str, tmp_path: Path) -> None:
    found = settled(tmp_path, text, upstream="http://127.0.0.1:8080/v1").findings
    assert found[0].status == status, found
    assert says in found[0].says
    assert found[0].remedy


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model = 3\n", "model is not a string"),
        ('model_provider = ["a"]\n', "model_provider is not a string"),
        ('model_providers = "z"\n', "model_providers is no table"),
        ("[[model_providers]]\na = 1\n", "model_providers is no table"),
        ("[model_providers]\na = 1\n", "model_providers.a is no table"),
    ],
)
def test_a_value_of_another_type_ends_codex(text: str, says: str, tmp_path: Path) -> None:
    (found,) = settled(tmp_path, text).findings
    assert (found.status, found.says) == ("failed", f"{says}: Codex does not start")


def test_a_chosen_profile_that_wins_comes_out_first(tmp_path: Path) -> None:
    """Codex 0.120 and older lay it over what `config --write` writes."""
    text = 'profile = "x"\n' + config_text() + '\n[profiles.x]\nmodel = "a"\nmodel_provider = "gone"\n'
    (found,) = settled(tmp_path, text, "0.120.0").findings
    assert "model_provider = 'gone' is a provider that is not defined" in found.says
    assert found.remedy == (f"take model_provider and model out of [profiles.x], which wins; then {config.WRITE}")


def test_a_link_to_itself_is_not_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").symlink_to("config.toml")
    (found,) = config.look(tmp_path, parse("0.169.0"), {}, None).findings
    assert found.status == "failed" and "can't be read" in found.says


def test_the_mark_of_windows_editors_is_read_past(tmp_path: Path) -> None:
    assert settled(tmp_path, '\ufeffmodel = "m"\n').model == "m"


def test_versions_of_codex_differ(tmp_path: Path) -> None:
    def first(text: str, version: str) -> str:
        return settled(tmp_path, text, version).findings[0].says

    assert "wire_api is missing, which is 'chat' for this Codex" in first(config_text(wire_api=""), "0.80.0")
    assert "model_catalog_json is missing" in first(config_text(), "0.150.0")
    overridden = 'profile = "x"\n' + config_text() + '[profiles.x]\nmodel_provider = "openai"\n'
    assert "Codex's own provider" in first(overridden, "0.120.0")
    catalog = tmp_path / "catalog.json"
    catalog.write_text('{"models": [{"slug": "other"}]}')
    assert "has no entry for some-model" in first(f'model_catalog_json = "{catalog}"\n' + config_text(), "0.150.0")
    catalog.write_text('{"models": [{"slug": "some"}]}')  # a beginning is enough
    assert first(f'model_catalog_json = "{catalog}"\n' + config_text(), "0.150.0").endswith(RELAY)


def test_files_that_are_laid_over_it_are_named(tmp_path: Path) -> None:
    (tmp_path / "work.config.toml").write_text('model_provider = "openai"')
    (tmp_path / "fast.config.toml").write_text('model = "fast"')
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "config.toml").write_text('model = "theirs"')
    says = [one.says for one in settled(tmp_path, config_text()).findings]
    assert says[0] == "work.config.toml sets model_provider = 'openai': codex --profile work does not use this relay"
    assert "sets model = 'theirs' in place of yours" in says[1]
    assert len(says) == 2


# --- key --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "status", "says"),
    [
        ("sk-0123456789", "ok", "DEEPSEEK_API_KEY is set"),
        ("", "failed", "DEEPSEEK_API_KEY is not set"),
        ('"sk-0123456789"', "failed", "stands in quotes"),
        ("Bearer sk-0123456789", "failed", "begins with the word Bearer"),
        ("sk-0123 456789", "failed", "holds spaces or characters that a header can't carry"),
        (" sk-0123456789\n", "warning", "has spaces around it"),
        ("sk-or-v1-0123456789", "failed", "looks like one of OpenRouter, not of DeepSeek; it is not sent"),
    ],
)
def test_keys(value: str, status: str, says: str) -> None:
    provider = find_provider("deepseek", {})
    found, keyed = key.look(provider, {"DEEPSEEK_API_KEY": value})
    assert (found.status, says in found.says) == (status, True), found
    assert (keyed is None) is (status == "failed")
    assert "0123" not in f"{found} {keyed}"


def test_a_gateway_may_take_anybodys_key() -> None:
    provider = find_provider("gate=https://llm.example.com/v1#GATE_KEY", {})
    found, keyed = key.look(provider, {"GATE_KEY": "sk-or-v1-0123456789"})
    assert (found.status, keyed is not None) == ("warning", True)
    assert key.look(find_provider("vllm", {}), {})[0].status == "skipped"
