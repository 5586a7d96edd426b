"""The real Codex on two providers behind one port: each its own key, and a turn that another one completes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from addon.codex.config import Settings
from addon.codex.home import CodexHome, CodexRun
from addon.codex.install import CodexMissing, find_codex
from addon.scenarios.relay import Relay
from addon.scripted import ALL_RULES, Call, Scenario, ScriptedUpstream, answer, error
from addon.scripted.scenario import Script, Step

pytestmark = [pytest.mark.codex, pytest.mark.slow, pytest.mark.asyncio]

ONE_KEY, TWO_KEY, CODEX_KEY = "one-key-1111", "two-key-2222", "codex-key-3333"
OVERLOADED = error(503, "The engine is overloaded.", headers={"retry-after": "20"})


@dataclass
class Both:
    one: Script
    two: Script
    codex: CodexHome

    async def exec(self, prompt: str, model: str) -> CodexRun:
        return await self.codex.exec(prompt, model=model)


@asynccontextmanager
async def both(tmp_path: Path, one: list[Step], two: list[Step], *options: str) -> AsyncIterator[Both]:
    try:
        program = find_codex()
    except CodexMissing as problem:
        pytest.skip(str(problem))
    async with ScriptedUpstream() as first, ScriptedUpstream() as second:
        # The second one has not made the calls that it is told of.
        newcomer = Scenario("two", two, rules=ALL_RULES - {"reasoning_returned"})
        scripts = first.play(ONE_KEY, Scenario("one", one)), second.play(TWO_KEY, newcomer)
        providers = f"one={first.url}/v1#E2E_ONE_KEY,two={second.url}/v1#E2E_TWO_KEY"
        settings = (f"relay_providers={providers}", *options)
        async with Relay(first.url, tmp_path / "relay", settings) as relay:
            home = CodexHome(program, tmp_path / "codex", Settings(relay.base_url, CODEX_KEY, model="one/scripted"))
            yield Both(*scripts, home)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2E_ONE_KEY", ONE_KEY)
    monkeypatch.setenv("E2E_TWO_KEY", TWO_KEY)


def key_of(script: Script) -> set[str]:
    return {seen.headers["authorization"].removeprefix("Bearer ") for seen in script.seen}


async def test_each_model_is_answered_by_its_provider_and_no_key_crosses(tmp_path: Path) -> None:
    shell = Call.of("exec_command", {"cmd": "echo made > made.txt"})
    async with both(tmp_path, [answer(calls=[shell]), answer("one says hello")], [answer("two says hello")]) as port:
        assert (await port.exec("hello", "one/scripted")).final == "one says hello"
        assert (await port.exec("hello", "two/scripted")).final == "two says hello"
        assert (port.codex.workspace / "made.txt").read_text() == "made\n"
        assert [seen.body["model"] for seen in port.one.seen + port.two.seen] == ["scripted"] * 3
        assert (key_of(port.one), key_of(port.two)) == ({ONE_KEY}, {TWO_KEY})


async def test_a_turn_is_completed_elsewhere_and_paid_for_once(tmp_path: Path) -> None:
    """The second step of a tool loop fails before its first token: Codex asks again, and the other one answers."""
    shell = Call.of("exec_command", {"cmd": "echo made >> made.txt"})
    one = [answer("Making it.", reasoning="First the file.", calls=[shell]), OVERLOADED]
    async with both(tmp_path, one, [answer("It is made.")], "relay_fallback=two/scripted") as port:
        run = await port.exec("make it", "one/scripted")
        assert run.final == "It is made."
        assert run.exit_code == 0
        assert (port.codex.workspace / "made.txt").read_text() == "made\n"
        assert (len(port.one.seen), len(port.two.seen)) == (2, 1)
        assert (key_of(port.one), key_of(port.two)) == ({ONE_KEY}, {TWO_KEY})
        history = port.two.seen[0]
        assert "Making it." in history.text_of("assistant")
        assert [message["role"] for message in history.messages][-1] == "tool"
        assert run.seconds < 20  # not the wait that the overloaded one asked for


async def test_a_mapped_name_of_codex_is_answered_by_another_provider(tmp_path: Path) -> None:
    options = ("relay_model_map=gpt-5*=two/scripted",)
    async with both(tmp_path, [], [answer("two says hello")], *options) as port:
        assert (await port.exec("hello", "gpt-5.5")).final == "two says hello"
        assert port.one.seen == []
