"""The real Codex, a session that is taken up again after the relay has been restarted: the corpus holds it once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from addon.codex.config import Settings
from addon.codex.home import CodexHome
from addon.codex.install import CodexMissing, find_codex
from addon.scenarios.relay import Relay
from addon.scripted import Call, Scenario, ScriptedUpstream, answer

pytestmark = [pytest.mark.codex, pytest.mark.slow, pytest.mark.asyncio]

KEY = "a-key-that-nobody-has-1234"
LOOK = Call.of("exec_command", {"cmd": "printf found-%s it"}, "call_1")


async def test_a_resumed_session_is_one_conversation_and_in_the_corpus_once(tmp_path: Path) -> None:
    try:
        program = find_codex()
    except CodexMissing as problem:
        pytest.skip(str(problem))
    script = [answer("I look.", calls=[LOOK], reasoning="Hm."), answer("It is there."), answer("Still there.")]
    folder = tmp_path / "corpus"
    async with ScriptedUpstream() as upstream:
        upstream.play(KEY, Scenario("corpus", script))
        async with Relay(upstream.url, tmp_path / "relay", [f"relay_corpus={folder}"]) as relay:
            codex = CodexHome(program, tmp_path / "codex", Settings(relay.base_url, KEY))
            first = await codex.exec("Where is it?")
            await relay.restart()
            second = await codex.exec("And now?", resume=True)
    assert (first.final, second.final) == ("It is there.", "Still there."), (first.stderr, second.stderr)
    text = "".join(path.read_text() for path in sorted(folder.glob("corpus-*.jsonl")))
    records = [record for record in map(json.loads, text.splitlines()) if record["kind"] in ("", "user")]
    assert [record["parent_response_id"] for record in records] == [None, *(one["response_id"] for one in records[:2])]
    assert {record["conversation_id"] for record in records} == {records[0]["response_id"]}
    messages = [message for record in records for message in record["messages"]]
    assert re.fullmatch(r"su+A\.tau+a", "".join(_letter(message) for message in messages))
    assert text.count("Where is it?") == text.count("And now?") == text.count("Still there.") == 1
    assert [m["content"] for m in messages if m["role"] == "tool" and "found-it" in m["content"]]
    assert KEY not in text


def _letter(message: dict[str, object]) -> str:
    letter = str(message["role"])[0]
    return (letter.upper() if message.get("reasoning_content") else letter) + ("." if "tool_calls" in message else "")
