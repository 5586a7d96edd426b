"""`codex-relay config`: what is printed, and what becomes of the user's config.toml."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from addon import cli, processes
from addon.codex.config_file import ConfigFile, ConfigFileError, merged, read, without, write
from addon.codex.entry import Entry, EntryError, config_text, override_words
from addon.codex.versions import NEWEST, parse
from tests.cli.listing import KEY, Provider, provider

__all__ = ["provider"]  # pytest takes it from here

BASE = "http://127.0.0.1:4444/v1"
MINE = """\
# mine
model = "gpt-6" # the best

# keep this
[tui]
theme = "x" # c

[model_providers.other]
name = "O"
"""


def entry(version: str = "0.169.0", **more: str) -> Entry:
    return Entry(**{"base_url": BASE, "model": "some-model", "codex": parse(version), **more})


def config(home: Path, *arguments: str) -> int:
    return cli.main(["config", "--home", str(home), "--codex-version", "0.169.0", "--model", "some-model", *arguments])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "codex"
    folder.mkdir()
    (folder / "config.toml").write_text(MINE)
    return folder


# --- the entry --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "more", "provider", "top"),
    [
        ("0.169.0", {}, {"experimental_bearer_token", "model_catalog_url"}, set()),
        ("0.169.0", {"key_variable": "MY_KEY"}, {"env_key", "model_catalog_url"}, set()),
        ("0.150.0", {}, {"experimental_bearer_token"}, set()),
        ("0.150.0", {"catalog_file": "/c.json"}, {"experimental_bearer_token"}, {"model_catalog_json"}),
        ("0.107.0", {"catalog_file": "/c.json"}, {"experimental_bearer_token"}, {"model_catalog_json"}),
        ("0.98.0", {"catalog_file": "/c.json"}, {"experimental_bearer_token"}, set()),
        ("0.40.0", {}, set(), set()),
    ],
)
def test_each_codex_is_told_what_it_knows(
    version: str, more: dict[str, str], provider: set[str], top: set[str]
) -> None:
    told = entry(version, **more)
    assert told.provider.keys() == {"name", "base_url", "wire_api"} | provider
    assert told.top.keys() == {"model", "model_provider"} | top


def test_the_text_is_toml_and_says_what_the_mapping_says() -> None:
    odd = entry(model='a"b\\c\x7f☃')
    assert tomllib.loads(config_text(odd)) == odd.config


def test_the_words_for_the_command_line_say_the_same() -> None:
    told = entry()
    words = override_words(told)
    assert set(words[::2]) == {"-c"}
    assert tomllib.loads("\n".join(words[1::2])) == told.config


@pytest.mark.parametrize("title", ["OpenAI", "openai", " OPENAI ", ""])
def test_the_provider_is_never_called_openai(title: str) -> None:
    assert entry(title=title).provider["name"] == "Relay"


@pytest.mark.parametrize("name", ["MY-KEY", "1KEY", "A B", "sk-123"])
def test_an_illegal_key_variable_is_refused(name: str) -> None:
    with pytest.raises(EntryError, match="is not the name of an environment variable") as refused:
        entry(key_variable=name)
    assert name not in str(refused.value)  # it may be the key


# --- merging ----------------------------------------------------------------------------------------------------------

LAYOUTS = {
    "empty": "",
    "comments": MINE,
    "only tables": '# head\n[tui]\ntheme="x"\n',
    "tables out of order": '[model_providers.a]\nname="a"\n[tui]\nx=1\n[model_providers.b]\nname="b"\n[mcp_servers.z]\ncommand="q"\n',
    "inline table": 'model_providers = { a = { name = "a" } }\n[tui]\nx=1\n',
    "dotted keys": 'model_providers.a.name = "a"\nmodel_providers.a.base_url = "u"\n[tui]\nx=1\n',
    "one table for all": '[model_providers]\na = {name="a"}\n[tui]\nx=1\n',
    "an older entry": 'model_provider="relay"\n[model_providers.relay] # m\nname="Old" # n\nbase_url="http://127.0.0.1:4444/v1"\nenv_key="K"\nstream_max_retries=3\n'
    '[model_providers.relay.http_headers]\nx="y"\n[tui]\nx=1\n',
    "an older entry in pieces": '[model_providers.relay]\nname="a"\nexperimental_bearer_token="relay"\n[tui]\nx=1\n[model_providers.relay.auth]\ncommand="b"\n',
    "no line feed at the end": "[tui]\nx=1",
    "line ends of Windows": 'model="a"\r\n\r\n[tui]\r\nx=1\r\n',
    "arrays of tables": '[[hooks]]\nx=1\n[[hooks]]\nx=2\n[model_providers.a.auth]\ncommand="x"\n',
    "the mark of Windows editors": '\ufeffmodel = "a"\n[tui]\nx=1\n',
    "quoted keys": '"model" = "a"\n[projects."/x y"]\ntrust_level = "trusted"\n',
}  # fmt: skip


def file_of(text: str) -> ConfigFile:
    return ConfigFile(Path("config.toml"), text, loaded(text))


def loaded(text: str) -> dict[str, Any]:
    return tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_merging_changes_the_entry_and_nothing_else(layout: str) -> None:
    before = LAYOUTS[layout]
    table = loaded(before)
    text = merged(file_of(before), entry(), Path("/catalog.json"))
    after = loaded(text)
    assert after.pop("model") == "some-model"
    assert after.pop("model_provider") == "relay"
    ours = after["model_providers"].pop("relay")
    older = table.get("model_providers", {}).pop("relay", {})
    for name in ("env_key", "auth"):
        older.pop(name, None)
    assert ours == older | entry().provider
    for name in ("model", "model_provider"):
        table.pop(name, None)
    assert {"model_providers": {}, **table} == after
    lost = [line for line in before.splitlines() if "#" in line and line.partition("#")[2] not in text]
    assert lost == []
    assert ("\r" in before) == ("\r" in text)
    assert merged(file_of(text), entry(), Path("/catalog.json")) == text


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if "older" not in name])
def test_taking_the_entry_out_leaves_what_was_there(layout: str) -> None:
    before = LAYOUTS[layout]
    table = loaded(before)
    text = merged(file_of(before), entry(), Path("/catalog.json")) + '\n[projects."/new"]\ntrust_level = "trusted"\n'
    taken = without(file_of(text), table, Path("/catalog.json"))
    assert loaded(taken) == table | {"projects": {**table.get("projects", {}), "/new": {"trust_level": "trusted"}}}


def test_an_own_catalog_file_is_left_out_where_codex_asks_for_the_models() -> None:
    before = 'model_catalog_json = "/home/you/mine.json"\n'
    assert "model_catalog_json" not in merged(file_of(before), entry(), Path("/home/you/mine.json"))
    assert "model_catalog_json" in merged(file_of(before), entry(), Path("/home/you/other.json"))


# --- the command ------------------------------------------------------------------------------------------------------


def test_printing_changes_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert config(home) == 0
    assert tomllib.loads(capsys.readouterr().out) == entry().config
    assert (home / "config.toml").read_text() == MINE
    assert [path.name for path in home.iterdir()] == ["config.toml"]


def test_writing_and_undoing_gives_the_same_bytes_and_mode(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / "config.toml"
    path.chmod(0o640)
    assert config(home, "--write") == 0
    assert tomllib.loads(path.read_text())["model_provider"] == "relay"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert '+model = "some-model" # the best' in capsys.readouterr().out
    (backup,) = home.glob("*.before-codex-relay-*")
    assert backup.read_text() == MINE
    assert stat.S_IMODE(backup.stat().st_mode) == 0o640
    assert config(home, "--undo") == 0
    assert path.read_text() == MINE
    assert [one.name for one in home.iterdir()] == ["config.toml"]


def test_writing_twice_is_undone_step_by_step(home: Path) -> None:
    path = home / "config.toml"
    assert config(home, "--write") == 0
    once = path.read_text()
    assert config(home, "--write") == 0
    assert len(list(home.iterdir())) == 2, "nothing was to be changed"
    assert config(home, "--write", "--port", "4445") == 0
    assert config(home, "--undo") == 0
    assert path.read_text() == once
    assert config(home, "--undo") == 0
    assert path.read_text() == MINE


def test_a_file_that_was_not_there_is_gone_again(tmp_path: Path) -> None:
    assert config(tmp_path, "--write") == 0
    assert tomllib.loads((tmp_path / "config.toml").read_text()) == entry().config
    assert config(tmp_path, "--undo") == 0
    assert list(tmp_path.iterdir()) == []


def test_a_file_changed_since_is_not_undone_but_can_be_cleared(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / "config.toml"
    config(home, "--write")
    path.write_text(path.read_text() + '\n[projects."/p"]\ntrust_level = "trusted"\n')
    changed = path.read_text()
    capsys.readouterr()
    assert config(home, "--undo") == 1
    said = capsys.readouterr().err
    assert "was changed since" in said
    assert "--undo --keep-changes" in said
    assert path.read_text() == changed
    assert config(home, "--undo", "--keep-changes") == 0
    assert tomllib.loads(path.read_text()) == tomllib.loads(MINE) | {"projects": {"/p": {"trust_level": "trusted"}}}


def test_what_was_cleared_does_not_come_back_and_comments_stay(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / "config.toml"
    config(home, "--write")
    path.write_text(path.read_text() + '\n# my servers, keep\n[mcp_servers.x]\ncommand = "true"\n# and this\n')
    assert config(home, "--undo", "--keep-changes") == 0
    cleared = path.read_text()
    assert cleared == MINE.rstrip("\n") + '\n\n# my servers, keep\n[mcp_servers.x]\ncommand = "true"\n# and this\n'
    capsys.readouterr()
    assert config(home, "--undo") == 0
    assert "holds nothing of codex-relay; there is nothing to undo\n" in capsys.readouterr().out
    assert path.read_text() == cleared


def test_a_chosen_profile_with_a_model_of_its_own_is_pointed_out(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "config.toml").write_text('profile = "work"\n[profiles.work]\nmodel = "gpt-5.3-codex"\n')
    config(home, "--write")
    assert "sets model = 'gpt-5.3-codex', which wins" in capsys.readouterr().err


def test_a_link_stays_one(home: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    (home / "config.toml").rename(real)
    (home / "config.toml").symlink_to(real)
    assert config(home, "--write") == 0
    assert (home / "config.toml").is_symlink()
    assert tomllib.loads(real.read_text())["model_provider"] == "relay"
    assert config(home, "--undo") == 0
    assert real.read_text() == MINE


def test_a_broken_file_is_left_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "config.toml").write_text("model = \n")
    assert config(home, "--write") == 1
    said = capsys.readouterr().err
    assert "is not valid TOML" in said and len(said.splitlines()) == 1
    assert (home / "config.toml").read_text() == "model = \n"


def test_a_key_in_the_file_is_not_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "sk-" + "a" * 20
    (home / "config.toml").write_text(f'[model_providers.relay]\nexperimental_bearer_token = "{secret}"\n')
    assert config(home, "--write") == 0
    printed = capsys.readouterr()
    assert "experimental_bearer_token" in printed.out
    assert secret not in printed.out + printed.err


@pytest.mark.parametrize(
    "text",
    [
        'model_providers = { o = { env_key = "OK", experimental_bearer_token = "SECRET" } }\n',
        '[model_providers]\nrelay = { base_url = "http://127.0.0.1:4444/v1", http_headers = { "X-Anything" = \'SECRET\' }, query_params = {a="SECRET"} }\n',
        'model_providers.relay.env_key = "sk-SECRET"\n',
        'model_providers = { relay = { base_url = "http://127.0.0.1:4444/v1", auth = { command = "c", args = ["SECRET", "SECRET"] } } }\n',
        '[model_providers.relay]\nbase_url = "https://me:SECRET@example.com/v1"\n',
        '[model_providers.relay]\nexperimental_bearer_token = """\nSECRET"""\n',
    ],
)
def test_no_key_is_shown_wherever_it_stands(text: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "config.toml").write_text(text)
    assert config(home, "--write") == 0
    printed = capsys.readouterr()
    assert "SECRET" not in printed.out + printed.err
    assert 'base_url = "http://127.0.0.1:4444/v1"' in printed.out
    assert 'experimental_bearer_token = "relay"' in printed.out


@pytest.mark.parametrize(
    "text", ['model_providers = "x"\n', "[model_providers]\nrelay = 3\n", "[[model_providers]]\na=1\n"]
)
def test_what_is_no_table_is_said_to_be_none(text: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "config.toml").write_text(text)
    for what in (["--write"], ["--undo", "--keep-changes"]):
        assert config(home, *what) == 1
        assert "is no table; mend it first, nothing was changed" in capsys.readouterr().err
    assert (home / "config.toml").read_text() == text


@pytest.mark.parametrize("more", ['http_headers = {"api-key" = "sk-mine"}', 'auth = {command = "x"}'])
def test_another_servers_table_of_that_name_is_left_alone(
    more: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Codex would send its headers to the relay, and that a key to the provider."""
    text = f'[model_providers.relay]\nname = "R"\nbase_url = "https://llm.example.com/v1"\n{more}\n'
    (home / "config.toml").write_text(text)
    assert config(home) == 0
    assert "note: [model_providers.relay] is another server's, with" in capsys.readouterr().err
    assert config(home, "--write") == 1
    said = capsys.readouterr().err
    assert "give that table another name" in said
    assert "sk-mine" not in said
    assert (home / "config.toml").read_text() == text
    (home / "config.toml").write_text(text.replace(more, 'env_key = "MY_KEY"'))
    assert config(home, "--write") == 0


def test_the_variables_of_the_relay_count_here_too(
    provider: Provider, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = processes.free_port()
    monkeypatch.setenv("CODEX_RELAY_PORT", str(port))
    monkeypatch.setenv("CODEX_RELAY_UPSTREAM", provider.url)
    words = ["--home", str(home), "--codex-version", "0.169.0"]
    assert asked(*words) == 0
    told = tomllib.loads(capsys.readouterr().out)
    assert told["model"] == "worker"
    assert told["model_providers"]["relay"]["base_url"] == f"http://127.0.0.1:{port}/v1"
    assert asked(*words, "--port", "5000", "--provider", f"x={provider.url}") == 0
    printed = capsys.readouterr()
    assert tomllib.loads(printed.out)["model_providers"]["relay"]["base_url"] == "http://127.0.0.1:5000/v1"
    assert printed.err.endswith("--port 5000\n")
    assert asked(*words, "--bind", "::1", "--provider", f"x={provider.url}") == 0
    printed = capsys.readouterr()
    assert tomllib.loads(printed.out)["model_providers"]["relay"]["base_url"] == f"http://[::1]:{port}/v1"
    assert printed.err.endswith("--bind ::1\n")
    monkeypatch.setenv("CODEX_RELAY_PORT", "0")
    assert asked(*words) == 2
    assert "CODEX_RELAY_PORT is 0, another port each time" in capsys.readouterr().err


def test_what_somebody_wrote_meanwhile_is_not_lost(home: Path) -> None:
    file = read(home)
    (home / "config.toml").write_text(MINE + "# new\n")
    with pytest.raises(ConfigFileError, match="was changed by somebody else just now; nothing was written"):
        write(file, "model = 'x'\n")
    assert [path.name for path in home.iterdir()] == ["config.toml"]
    assert (home / "config.toml").read_text() == MINE + "# new\n"


def test_what_wins_over_the_entry_is_pointed_out(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "config.toml").write_text(
        'profile = "work"\nmodel_catalog_json = "/c.json"\nmodel_context_window = 9\n'
        '[profiles.work]\nmodel_provider = "other"\n[profiles.fine]\nmodel = "x"\n'
    )
    (home / "new.config.toml").write_text('model_provider = "third"\n')
    assert config(home) == 0
    said = capsys.readouterr().err
    assert "profile 'work' is chosen in the file" in said
    assert "profile 'new', when chosen, sets model_provider = 'third'" in said
    assert "model_catalog_json = '/c.json' wins" in said
    assert "model_context_window = 9" in said
    assert "fine" not in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--undo"], "was not written by codex-relay"),
        (["--keep-changes"], "--keep-changes goes with --undo"),
        (["--env-key", "MY-KEY"], "is not the name of an environment variable, such as MY_KEY"),
        (["--codex-version", "latest"], "'latest' is no version of Codex; write it like 0.169.0"),
        (["--home", "/nowhere/at/all"], "there is no folder /nowhere/at/all"),
        (["--provider", "no-such"], "'no-such' is no known provider"),
    ],
)
def test_bad_input_costs_one_line(
    arguments: list[str], complaint: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert config(home, *arguments) == (1 if "--undo" in arguments or "--home" in arguments else 2)
    said = capsys.readouterr().err
    assert complaint in said and len(said.splitlines()) == 1


def asked(*arguments: str) -> int:
    return cli.main(["config", *arguments])


def test_the_model_is_the_first_of_the_provider_that_calls_tools(
    provider: Provider, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORK_KEY", KEY)
    words = ["--provider", f"work={provider.url}#WORK_KEY", "--home", str(home), "--codex-version"]
    assert asked(*words, "0.169.0") == 0
    printed = capsys.readouterr()
    assert tomllib.loads(printed.out)["model"] == "worker"
    assert f"is started with: codex-relay --provider 'work={provider.url}#WORK_KEY'" in printed.err
    assert KEY not in printed.out + printed.err
    assert asked(*words, "0.150.0", "--write") == 0
    written = tomllib.loads((home / "config.toml").read_text())
    catalog = json.loads(Path(written["model_catalog_json"]).read_text())
    assert {model["slug"]: model["context_window"] for model in catalog["models"]}["worker"] == 65536
    assert asked("--home", str(home), "--undo") == 0
    assert [path.name for path in home.iterdir()] == ["config.toml"], "the catalog goes as well"


def test_without_a_provider_and_a_relay_it_says_that_no_model_is_known(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = processes.free_port()
    assert asked("--home", str(home), "--codex-version", "0.169.0", "--port", str(port)) == 0
    printed = capsys.readouterr()
    assert "model" not in tomllib.loads(printed.out)
    assert f"no relay is running at http://127.0.0.1:{port}/v1; add --model NAME or --provider NAME" in printed.err


def test_a_wrong_key_is_told_in_the_providers_words(
    provider: Provider, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORK_KEY", "other")
    words = ["--provider", f"work={provider.url}#WORK_KEY", "--home", str(home), "--codex-version", "0.150.0"]
    assert asked(*words, "--catalog-file", str(home / "models.json")) == 0
    assert "That key is wrong." in capsys.readouterr().err
    assert not (home / "models.json").exists()


def test_without_codex_on_path_the_newest_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    from addon.codex.entry import version_on_path

    monkeypatch.setenv("PATH", os.devnull)
    assert version_on_path() == NEWEST
