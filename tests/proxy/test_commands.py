"""relay.* commands, as the console and mitmweb call them."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.exceptions import CommandError

from addon.commands.snippets import key_variable
from addon.recording.flows import open_recording

from .looking import Looking
from .wire import Answering, text_answer, turn, until

pytestmark = pytest.mark.asyncio

KEY = "sk-relay-0123456789"


def call(relay: Any, *words: str) -> Any:
    """By words, as people type them."""
    return relay.master.commands.call_strings(words[0], list(words[1:]))


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Looking:
    copied: list[str] = []
    monkeypatch.setattr("pyperclip.copy", copied.append)
    found = Looking()
    found.copied = copied  # type: ignore[attr-defined]
    return found


async def test_every_name_is_one_that_mitmweb_can_call(proxy, looking) -> None:
    async with proxy(looking=looking.addons) as relay:
        names = {name for name in relay.master.commands.commands if name.startswith("relay.")}
    assert names == {f"relay.{name}" for name in
                     ("curl", "python", "rerun", "translate", "fixture", "report", "totals", "failed")}  # fmt: skip
    assert all(re.fullmatch("[a-z.]+", name) for name in names)


async def test_the_curl_command_asks_what_was_asked(proxy, looking, tmp_path: Path) -> None:
    words = 'it\'s $HOME, "quoted" `here` \\ and\nthere ü'
    async with proxy(looking=looking.addons, relay_api_key=KEY) as relay:
        await relay.ask(turn(words))
        await relay.turn()
        text = call(relay, "relay.curl", "@all")
        assert looking.copied == [text]
        assert KEY not in text
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", text, env={"GENERIC_API_KEY": "of-the-shell", "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(process.communicate(), 20)
        first, again = relay.upstream.seen
    assert b"[DONE]" in out
    assert json.loads(again.body) == json.loads(first.body)
    assert again.path == first.path
    assert again.headers["authorization"] == "Bearer of-the-shell"


async def test_the_python_script_asks_what_was_asked(proxy, looking) -> None:
    async with proxy(looking=looking.addons, relay_api_key=KEY) as relay:
        await relay.ask(turn('it\'s "quoted" \\ and\nthere ü'))
        await relay.turn()
        text = call(relay, "relay.python", "@all")
        assert KEY not in text
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", text, env={"GENERIC_API_KEY": "of-the-shell"}, stdout=subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(process.communicate(), 20)
        first, again = relay.upstream.seen
    assert b"[DONE]" in out
    assert json.loads(again.body) == json.loads(first.body)
    assert again.headers["authorization"] == "Bearer of-the-shell"


async def test_the_key_has_the_name_that_it_usually_has() -> None:
    assert key_variable("deepseek") == "DEEPSEEK_API_KEY"
    assert key_variable("my-own") == "MY_OWN_API_KEY"


async def test_a_turn_is_run_again_with_another_model(proxy, looking) -> None:
    async with proxy(looking=looking.addons, relay_api_key=KEY, relay_model_map="*=mapped") as relay:
        await relay.ask(turn("What is up?"))
        client, _ = await relay.turn()
        before = (client.request.content, client.response.content, client.comment, dict(client.metadata))
        call(relay, "relay.rerun", "@all", "other-model")
        await relay.flows(4)
        await until(lambda: len(looking.flows) == 4)
        first, again = (seen.json() for seen in relay.upstream.seen)
        assert (first["model"], again["model"]) == ("mapped", "other-model")
        assert again["messages"] == first["messages"]
        assert (client.request.content, client.response.content, client.comment, client.metadata) == before
        new = looking.flows[2]
        assert "other-model" in new.comment
        assert new.metadata["relay"]["status"] == "completed"
        assert KEY not in looking.seen


async def test_a_turn_is_translated_again(proxy, looking) -> None:
    async with proxy(looking=looking.addons) as relay:
        await relay.ask()
        _, upstream = await relay.turn()
        assert call(relay, "relay.translate", "@all") == ["nothing differs"]
        upstream.request.text = upstream.request.text.replace('"hi"', '"something else"')
        assert "something else" in "\n".join(call(relay, "relay.translate", "@all"))


async def test_turns_become_fixtures_and_reports(proxy, looking, tmp_path: Path) -> None:
    async with proxy(looking=looking.addons) as relay:
        await relay.ask()
        client, _ = await relay.turn()
        client.request.headers["x-note"] = KEY
        told = call(relay, "relay.fixture", f"@{client.id}", str(tmp_path / "fixtures"))
        assert "1 turns" in told[0]
        assert list((tmp_path / "fixtures").rglob("turn-1/request.json"))
        call(relay, "relay.report", "@all", str(tmp_path / "mine"))
        assert len(open_recording(tmp_path / "mine.flow")) == 1
        assert "codex-relay report" in (tmp_path / "mine.md").read_text()
        with pytest.raises(CommandError, match="is there already"):
            call(relay, "relay.report", "@all", str(tmp_path / "mine"))


async def test_totals_and_failures_of_the_session(proxy, looking) -> None:
    async def script(answer: Answering) -> None:
        if b"fail" in answer.seen.body:
            await answer.whole(b'{"error": {"message": "No, never"}}', "400 Bad Request")
        else:
            await answer.stream(text_answer("Hello"))

    async with proxy(script, looking=looking.addons, relay_keep_flows="1") as relay:
        for text in ("one", "two", "fail"):
            await relay.ask(turn(text))
        await relay.flows(6)
        await until(lambda: len(looking.flows) == 2)
        table = "\n".join(call(relay, "relay.totals"))
        failed = call(relay, "relay.failed")
    assert re.search(r"gpt-test +3 +1 +240 +200 +83%", table)
    assert failed[0].startswith("1 failed")
    assert "No, never" in failed[1]


@pytest.mark.parametrize("name", ["relay.curl", "relay.python", "relay.translate"])
async def test_a_flow_that_is_no_turn_is_refused_in_one_line(proxy, looking, name: str) -> None:
    async with proxy(looking=looking.addons) as relay:
        await relay.ask(b"{")
        await relay.flows(1)
        with pytest.raises(CommandError, match="there is no finished turn"):
            call(relay, name, "@all")
