"""mitmproxy's own replay with recordings as they are published: scrubbed, and without keys."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.proxy.mode_specs import ProxyMode

from addon.recording.differences import compare_bodies
from addon.recording.flows import RecordedTurn, body_of, open_recording
from addon.replies import is_codex
from addon.scripted import Call
from tests.recording.sessions import Session, write

from .wire import CODEX, Answering, text_answer, turn, until

pytestmark = pytest.mark.asyncio

RECORDINGS = Path(__file__).resolve().parents[2] / "recordings"
KEY = "sk-relay-0123456789"


def offline(path: Path, provider: str) -> dict[str, Any]:
    """The README's command: `--mode reverse:... -S FILE --set ...`; `keepserving` is set by the fixture."""
    return {
        "modes": [f"reverse:http://{provider}"],
        "server_replay": [str(path)],
        "server_replay_ignore_content": True,
        "server_replay_extra": "404",
    }


def types(stream: bytes) -> list[str]:
    lines = (line.removeprefix(b"event: ").decode() for line in stream.split(b"\n") if line.startswith(b"event: "))
    return [kind for kind in lines if kind != "response.in_progress"]


@pytest.mark.parametrize("name", ["demo", "codex-0.58.0", "codex-0.107.0", "codex-0.150.0"])
async def test_a_published_recording_is_an_offline_provider(proxy, name: str) -> None:
    path = RECORDINGS / f"{name}.flow"
    turns = list(open_recording(path).turns())
    async with proxy(**offline(path, turns[0].facts["provider"])) as relay:
        for recorded in turns:
            reply = await relay.ask(body_of(recorded.client.request), CODEX)
            assert reply.complete
            assert types(reply.body) == types(body_of(recorded.client.response))
        refused = await relay.ask(turn("once more"), CODEX)
        assert relay.upstream.seen == []
    assert refused.failure()["message"]


async def test_what_the_relay_records_is_an_offline_provider(proxy, tmp_path: Path) -> None:
    path, texts = tmp_path / "saved.flow", iter(["first", "second"])

    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(text_answer(next(texts), " at /home/jane/x"))
        await answer.end()

    async with proxy(script, save_stream_file=str(path)) as live:
        heard = [(await live.ask(turn(f"with {KEY}"), CODEX)).text() for _ in range(2)]
        await live.flows(4)
        provider = f"127.0.0.1:{live.upstream.port}"
    assert heard == ["first at /home/jane/x", "second at /home/jane/x"]
    saved = path.read_bytes()
    assert KEY.encode() not in saved and b"client-key-123" not in saved and b"jane" not in saved
    async with proxy(**offline(path, provider)) as relay:
        again = [(await relay.ask(turn(), CODEX)).text() for _ in range(2)]
        left = await relay.ask(turn(), CODEX)
        assert relay.upstream.seen == []
    assert again == [text.replace("jane", "xxxx") for text in heard]
    assert left.failure()["message"]


async def replayed(relay: Any, recorded: RecordedTurn) -> Any:
    """What mitmweb's Replay does with a flow of the file."""
    flow, before = recorded.client, recorded.facts["id"]
    relay.master.commands.call("replay.client", [flow])
    await until(lambda: flow.marked or flow.metadata["relay"]["id"] != before)
    return flow


async def test_a_client_flow_of_a_scrubbed_recording_can_be_sent_again(proxy, tmp_path: Path) -> None:
    talk = Session()
    talk.says("count").hears("One.", reasoning="First.", calls=[Call.of("exec_command", {"cmd": "ls"}, "call_a")])
    talk.ran("a b").hears("Two files.")
    for flow in talk.flows:
        flow.client_conn.proxy_mode = ProxyMode.parse("reverse:http://127.0.0.1:9999")  # long gone
    recorded = open_recording(write(tmp_path / "x.flow", talk.flows)).turn(1)
    body = body_of(recorded.upstream.response) if recorded.upstream else b""
    assert b"[scrubbed]" in recorded.client.request.headers["authorization"].encode()

    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(body)
        await answer.end()

    async with proxy(script, relay_api_key=KEY) as relay:
        flow = await replayed(relay, recorded)
        (seen,) = relay.upstream.seen
    assert (seen.path, seen.headers["authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert seen.json() == recorded.chat_request
    assert (flow.request.path, is_codex(flow.request)) == ("/v1/responses", True)
    fresh = open_recording(tmp_path / "x.flow").turn(1)
    assert list(compare_bodies("answer", _timeless(fresh), _timeless(RecordedTurn(flow)))) == []
    assert KEY not in str(flow.get_state())


def _timeless(recorded: RecordedTurn) -> bytes:
    return re.sub(rb'"created_at":\d+', b'"created_at":0', body_of(recorded.client.response))


@pytest.mark.parametrize("name", ["demo", "codex-0.150.0"])
async def test_a_client_flow_of_a_published_recording_can_be_sent_again(proxy, name: str) -> None:
    recorded = open_recording(RECORDINGS / f"{name}.flow").turn(0)
    async with proxy(relay_api_key=KEY) as relay:
        flow = await replayed(relay, recorded)
        (seen,) = relay.upstream.seen
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.json()["messages"] == recorded.chat_request["messages"]
    assert flow.response.status_code == 200
    assert types(flow.response.content)[-1] == "response.completed"


async def test_without_a_key_the_replay_asks_for_one(proxy) -> None:
    recorded = open_recording(RECORDINGS / "demo.flow").turn(0)
    async with proxy() as relay:
        flow = await replayed(relay, recorded)
        await asyncio.sleep(0.1)
        assert relay.upstream.seen == []
    assert b"set relay_api_key to send its request again" in flow.response.content
