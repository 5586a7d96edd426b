"""`codex-relay providers`: what is listed, and that no key is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from addon import cli
from addon.cli.providers import _levels, _levels_by_model
from addon.providers import find_provider, known_providers
from relay_translate.profiles import PROFILES
from relay_translate.profiles.key_prefixes import KEY_PREFIXES, owner_of
from tests.cli.running import environment, run

KEY = "s3cret-of-the-tests"


def test_each_known_provider_has_a_row_in_both_tables(tmp_path: Path) -> None:
    done = run(["providers"], environment(tmp_path, DEEPSEEK_API_KEY=KEY))
    assert done.returncode == 0, done.stderr
    where, works, _ = done.stdout.split("\n\n")
    for table in (where, works):
        assert [row.split()[0] for row in table.splitlines()[1:]] == [one.name for one in known_providers()]
    assert re.search(r"^deepseek +https://api\.deepseek\.com/v1 +DEEPSEEK_API_KEY +yes$", where, re.M)
    assert re.search(r"^groq .* no$", where, re.M)
    assert re.search(r"^vllm +http://127\.0\.0\.1:8000/v1 +none needed +-$", where, re.M)
    assert max(map(len, (where + "\n" + works).splitlines())) <= 100
    assert KEY not in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("name", sorted(PROFILES.keys() - {"generic"}))
def test_one_in_full_tells_how_to_run_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["providers", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(f"({name})")
    commands = [line.strip() for line in lines[lines.index("To run it:") + 1 :]]
    assert commands[-1].startswith(f"codex-relay doctor --provider {name}")
    assert find_provider(commands[-1].split()[-1], {}).dialect == name  # it can be typed as it stands
    assert max(len(line) for line in lines if not line.startswith("  played")) <= 100


def test_json_says_the_same(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    assert cli.main(["providers", "--json"]) == 0
    printed = capsys.readouterr().out
    listed = {one["name"]: one for one in json.loads(printed)}
    assert listed["openrouter"]["key_set"] is True
    assert listed["openrouter"]["web_search"] is True
    assert listed["vllm"]["key_set"] is None
    assert listed["deepseek"]["reasoning"]["levels"] == ["low", "high", "max"]
    assert KEY not in printed
    assert cli.main(["providers", "deepseek", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["most_tools"] == 128


def test_a_name_that_nobody_has_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["providers", "depseek"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("codex-relay: 'depseek' is no known provider; did you mean deepseek?")
    assert len(printed.splitlines()) == 1
    assert cli.main(["providers", "zzz"]) == 2
    named = capsys.readouterr().err.partition("known are ")[2].partition(".")[0].split(", ")
    assert named == [one.name for one in known_providers()], "as in the table"


def test_levels_are_the_providers_own_words() -> None:
    """`ultra` and `xhigh` of Codex are the provider's `max` and `high`; they are not listed twice."""
    assert str(_levels(PROFILES["deepseek"])) == "off, low, high, max"
    assert str(_levels(PROFILES["kimi"])) == "on or off"
    assert str(_levels(PROFILES["openai"])) == "off, minimal to ultra"
    assert str(_levels(PROFILES["anthropic"])) == "no setting"
    by_model = {str(levels): patterns for levels, patterns in _levels_by_model(PROFILES["kimi"]).items()}
    assert by_model["low, high, max"] == ["kimi-k3*"]


def test_a_keys_owner_is_told_by_how_it_begins() -> None:
    assert owner_of("sk-or-v1-abc") == "openrouter"
    assert owner_of("sk-abc") == ""  # a dozen providers' keys begin so
    assert set(KEY_PREFIXES.values()) <= PROFILES.keys()
    # No prefix may hide a longer one behind it.
    assert all(owner_of(prefix) == name for prefix, name in KEY_PREFIXES.items())
