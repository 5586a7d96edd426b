"""The real Codex as `codex-relay run` starts it, and as `codex-relay config` configures it."""

from __future__ import annotations

import asyncio
import os
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from addon import cli
from addon.codex.install import CodexMissing, cache_folder, find_codex
from addon.scenarios.relay import Relay
from addon.scripted import Scenario, ScriptedUpstream, answer
from addon.scripted.scenario import Script

pytestmark = [pytest.mark.codex, pytest.mark.slow, pytest.mark.asyncio]

REPOSITORY = Path(__file__).resolve().parents[2]
KEY = "key-of-the-provider"
OPENAI_KEY = "sk-of-the-users-own-login"
VERSIONS = ("0.169.0", "0.150.0", "0.107.0")
UNKNOWN = "metadata for"  # "Model metadata for `x` not found. Defaulting to fallback metadata"
WINDOW = 131_072
SHOWN_WINDOW = "/ 125K"  # Codex takes 95 % of it
MODELS = {
    "object": "list",
    "data": [
        {"id": "embed-1", "object": "model", "type": "embedding", "context_length": 8192},
        {"id": "scripted", "object": "model", "context_length": WINDOW, "supported_parameters": ["tools"]},
    ],
}


def codex_of(version: str) -> Path:
    try:
        return find_codex(version)
    except CodexMissing as problem:
        pytest.skip(str(problem))


@asynccontextmanager
async def provider() -> AsyncIterator[tuple[ScriptedUpstream, Script]]:
    async with ScriptedUpstream() as upstream:
        upstream.models = MODELS
        yield upstream, upstream.play(KEY, Scenario("started", [answer("The scripted answer."), ...]))


def user(folder: Path, config: str = "") -> dict[str, str]:
    """The environment of a user who is logged in to OpenAI and has another key for the provider."""
    home, workspace = folder / "home", folder / "workspace"
    for one in (home, workspace, folder / "tmp"):
        one.mkdir()
    (home / "auth.json").write_text(f'{{"OPENAI_API_KEY": "{OPENAI_KEY}"}}')
    trusted = f'[projects."{workspace}"]\ntrust_level = "trusted"\n'
    (home / "config.toml").write_text(f"check_for_update_on_startup = false\n{config}{trusted}")
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    own = {"HOME": str(home), "CODEX_HOME": str(home), "TMPDIR": str(folder / "tmp"), "WORK_KEY": KEY}
    return {**kept, **own, "PYTHONPATH": str(REPOSITORY), "CODEX_RELAY_CODEX_CACHE": str(cache_folder())}


def started(upstream: ScriptedUpstream, version: str, *words: str) -> list[str]:
    command = [sys.executable, "-m", "addon.cli", "run", "--provider", f"work={upstream.url}/v1#WORK_KEY"]
    return [*command, "--codex", version, "--", *words]


async def output_of(command: list[str], folder: Path, env: dict[str, str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder / "workspace",
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, out.decode(errors="replace")


def keys_of(script: Script) -> set[str]:
    return {seen.headers["authorization"].removeprefix("Bearer ") for seen in script.seen}


@pytest.mark.parametrize("version", VERSIONS)
async def test_in_the_terminal_the_model_and_its_window_are_known(version: str, tmp_path: Path) -> None:
    terminal = pytest.importorskip("tests.e2e.terminal", reason="needs the Python package pyte", exc_type=ImportError)
    codex_of(version)
    env = user(tmp_path)
    async with provider() as (upstream, script):
        command = started(upstream, version)
        async with terminal.Terminal(command, tmp_path / "workspace", env) as codex:
            await codex.shows("scripted default")  # the line below the prompt
            await codex.enter("hello")
            await codex.shows("The scripted answer.")
            await codex.enter("/status")
            await codex.shows("Context window:")
            await codex.shows(SHOWN_WINDOW)
            assert UNKNOWN not in codex.text
            await codex.enter("/quit")
            assert await asyncio.wait_for(codex.process.wait(), 15) == 0
    assert keys_of(script) == {KEY}
    written = tomllib.loads((tmp_path / "home" / "config.toml").read_text())  # Codex writes there of its own accord
    assert not written.keys() & {"model", "model_provider", "model_providers", "model_catalog_json"}
    assert list((tmp_path / "tmp").glob("codex-relay*")) == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_exec_is_one_line(version: str, tmp_path: Path) -> None:
    codex_of(version)
    env = user(tmp_path)
    async with provider() as (upstream, script):
        command = started(upstream, version, "exec", "--skip-git-repo-check", "fix the tests")
        status, shown = await output_of(command, tmp_path, env)
    assert status == 0, shown
    assert "The scripted answer." in shown
    assert UNKNOWN not in shown
    assert f"codex-relay: work, scripted (the first with tools, see --model), Codex {version}" in shown
    assert keys_of(script) == {KEY}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_written_config_knows_the_models_of_a_running_relay(
    version: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = codex_of(version)
    env = user(tmp_path, "# mine\n")
    async with provider() as (upstream, script), relay_of(upstream, tmp_path) as relay:
        words = ["--port", str(relay.port), "--codex-version", version, "--home", str(tmp_path / "home"), "--write"]
        assert await asyncio.to_thread(cli.main, ["config", *words]) == 0
        command = [str(program), "exec", "--skip-git-repo-check", "hello"]
        status, shown = await output_of(command, tmp_path, env)
    assert status == 0, shown
    assert "The scripted answer." in shown
    assert "model: scripted" in shown
    assert UNKNOWN not in shown
    assert keys_of(script) == {KEY}, "neither the placeholder nor the key of the user's login"
    assert "# mine" in (tmp_path / "home" / "config.toml").read_text()


def relay_of(upstream: ScriptedUpstream, folder: Path) -> Relay:
    return Relay(upstream.url, folder / "relay", (f"relay_upstream={upstream.url}/v1", f"relay_api_key={KEY}"))


async def test_a_profile_and_an_older_entry_in_the_users_file_give_way(tmp_path: Path) -> None:
    """Codex 0.107 ranks a profile above its command line, and merges a table with one of the same name."""
    codex_of("0.107.0")
    env = user(
        tmp_path,
        'profile = "mine"\n[profiles.mine]\nmodel = "gpt-5"\nmodel_provider = "other"\n'
        '[model_providers.other]\nname = "Other"\nbase_url = "http://127.0.0.1:9/v1"\n'
        '[model_providers.relay]\nname = "Old"\nbase_url = "http://127.0.0.1:9/v1"\nenv_key = "NOT_SET"\n',
    )
    async with provider() as (upstream, script):
        command = started(upstream, "0.107.0", "exec", "--skip-git-repo-check", "hello")
        status, shown = await output_of(command, tmp_path, env)
    assert status == 0, shown
    assert [seen.body["model"] for seen in script.seen] == ["scripted"]
