"""What is left of a turn: two linked flows without keys, fit for saving, viewing and replaying."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http, io
from mitmproxy.addons.intercept import Intercept
from mitmproxy.io import FlowReader

import addon.exchange
import addon.recorder

from .wire import CODEX, OTHER, TIMEOUT, Answering, Client, delta, sse, text_answer, turn, until

pytestmark = pytest.mark.asyncio

CLIENT_KEY = CODEX["authorization"].split()[1]
RELAY_KEY = "sk-relay-0123456789"


def saved(path: Path) -> list[Any]:
    with path.open("rb") as file:
        return [flow for flow in FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]


async def test_the_client_flow_shows_what_the_client_sent_and_got(proxy) -> None:
    async with proxy(relay_upstream="http://localhost:PORT/api/v1") as relay:
        reply = await relay.ask()
        client, upstream = await relay.turn()
    assert (client.request.path, client.request.content) == ("/v1/responses", turn())
    assert client.response.content == reply.body
    assert client.response.headers["transfer-encoding"] == "chunked"
    assert (upstream.request.url, upstream.live) == (
        f"http://localhost:{relay.upstream.port}/api/v1/chat/completions",
        False,
    )
    assert upstream.request.content == relay.upstream.seen[0].body
    assert upstream.response.content == text_answer("Hel", "lo")


async def test_the_two_flows_know_each_other(proxy) -> None:
    async with proxy() as relay:
        await relay.ask()
        client, upstream = await relay.turn()
    ours, theirs = client.metadata["relay"], upstream.metadata["relay"]
    assert ours["id"] == theirs["id"]
    assert (ours["upstream_flow"], theirs["client_flow"]) == (upstream.id, client.id)
    assert ours["usage"]["input_tokens_details"]["cached_tokens"] == 100
    assert (ours["finish"], ours["status"], ours["profile"]) == ("stop", "completed", "generic")
    assert 0 < ours["timings"]["first_byte"] <= ours["timings"]["first_token"] <= ours["timings"]["total"] < TIMEOUT
    assert client.comment.startswith("120 (100 cached) in, 7 out · ")


async def test_nothing_of_a_turn_is_kept_in_memory(proxy) -> None:
    async with proxy() as relay:
        await relay.ask()
        await relay.ask(b"{")
        await relay.turn()
        assert len(addon.exchange.live) == 0


async def test_a_compressed_answer_is_stored_as_it_came(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.stream(gzip.compress(text_answer("zip")), headers={"Content-Encoding": "gzip"})

    async with proxy(script) as relay:
        reply = await relay.ask()
        client, upstream = await relay.turn()
    assert reply.text() == "zip"
    assert upstream.response.content == text_answer("zip")
    assert upstream.response.raw_content != upstream.response.content
    assert client.response.content == reply.body


async def test_saved_flows_hold_no_key(proxy, tmp_path: Path) -> None:
    path = tmp_path / "saved.flow"
    secrets = {"cookie": "session=topsecret", "api-key": "topsecret2", "proxy-authorization": "Basic dG9wc2VjcmV0"}

    async def script(answer: Answering) -> None:
        await answer.stream(text_answer("hi"), headers={"Set-Cookie": "id=topsecret3"})

    async with proxy(script, relay_api_key=RELAY_KEY, save_stream_file=str(path)) as relay:
        assert (await relay.ask(headers={**CODEX, **secrets})).text() == "hi"
        await relay.ask(headers={**OTHER, **secrets}, path="/unknown")
        assert relay.upstream.seen[0].headers["authorization"] == f"Bearer {RELAY_KEY}"
        await relay.flows(3)
    data = path.read_bytes()
    for secret in (CLIENT_KEY, RELAY_KEY, "topsecret", "dG9wc2VjcmV0"):
        assert secret.encode() not in data
    assert [flow.metadata.get("relay", {}).get("role") for flow in saved(path)] == ["upstream", "client", None]
    assert saved(path)[0].request.headers["authorization"] == "Bearer [scrubbed]"


async def test_a_failed_turn_is_saved_too_without_keys(proxy, tmp_path: Path) -> None:
    path = tmp_path / "saved.flow"

    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(sse(delta("half")))
        await asyncio.sleep(0.05)
        answer.reset()

    async with proxy(script, relay_api_key=RELAY_KEY, save_stream_file=str(path)) as relay:
        await relay.ask()
        await relay.flows(2)
    upstream, client = saved(path)
    assert RELAY_KEY.encode() not in path.read_bytes()
    assert b"half" in upstream.response.content
    assert b"response.failed" in client.response.content
    assert client.marked


async def test_a_turn_that_is_open_when_the_proxy_ends_is_saved_without_keys(proxy, tmp_path: Path) -> None:
    path = tmp_path / "saved.flow"
    asked = asyncio.Event()

    async def script(answer: Answering) -> None:
        asked.set()
        await answer.gone()

    async with proxy(script, relay_api_key=RELAY_KEY, save_stream_file=str(path)) as relay:
        client = await Client(relay.port).__aenter__()  # it outlives the proxy
        await client.send("POST", "/v1/responses", CODEX, turn())
        await asyncio.wait_for(asked.wait(), TIMEOUT)
    client.leave()
    assert RELAY_KEY.encode() not in path.read_bytes()
    assert CLIENT_KEY.encode() not in path.read_bytes()
    assert "/v1/responses" in [flow.request.path for flow in saved(path)]


async def test_a_flow_edited_on_the_way_is_saved_without_keys(proxy, tmp_path: Path) -> None:
    path = tmp_path / "saved.flow"

    class Editor:
        """Edits the chat request as a person does who intercepts it."""

        def request(self, flow: http.HTTPFlow) -> None:
            flow.backup()
            flow.request = flow.request.copy()
            flow.request.content = (flow.request.content or b"").replace(b"hi", b"edited")

    async with proxy(relay_api_key=RELAY_KEY) as relay:
        relay.master.addons.add(Editor())
        relay.master.options.update(save_stream_file=str(path))
        await relay.ask()
        _, upstream = await relay.turn()
        assert relay.upstream.seen[0].json()["messages"][-1]["content"] == "edited"
        assert b"edited" in upstream.request.content
    assert RELAY_KEY.encode() not in path.read_bytes()


async def test_the_upstream_flow_shows_what_was_sent(proxy) -> None:
    async with proxy(modify_body=["|~q|hi|hi hi"]) as relay:
        await relay.ask()
        _, upstream = await relay.turn()
        assert relay.upstream.seen[0].json()["messages"][-1]["content"] == "hi hi"
        assert upstream.request.content == relay.upstream.seen[0].body


async def test_the_upstream_flow_is_not_held_for_anybody(proxy) -> None:
    async with proxy() as relay:
        relay.master.addons.add(Intercept())
        relay.master.options.update(intercept="~s & ~u chat/completions")
        await relay.ask()
        _, upstream = await relay.turn()
        await until(lambda: not upstream.intercepted)


async def test_a_reload_before_a_request_is_sent_does_not_change_it(proxy) -> None:
    held, release = asyncio.Event(), asyncio.Event()

    class Holder:
        async def request(self, flow: http.HTTPFlow) -> None:
            held.set()
            await release.wait()

    async with proxy(relay_api_key=RELAY_KEY) as relay:
        relay.master.addons.add(Holder())
        asking = asyncio.create_task(relay.ask())
        await asyncio.wait_for(held.wait(), TIMEOUT)
        relay.relay.done()  # what a reload calls first
        release.set()
        assert (await asking).text() == "Hello"
        (seen,) = relay.upstream.seen
    assert (seen.path, seen.headers["authorization"]) == ("/v1/chat/completions", f"Bearer {RELAY_KEY}")


async def test_a_request_that_is_not_sent_when_the_proxy_ends_loses_its_key(proxy, tmp_path: Path) -> None:
    path, held = tmp_path / "saved.flow", asyncio.Event()

    class Holder:
        async def request(self, flow: http.HTTPFlow) -> None:
            held.set()
            await asyncio.sleep(TIMEOUT)

    async with proxy(relay_api_key=RELAY_KEY, save_stream_file=str(path)) as relay:
        relay.master.addons.add(Holder())
        client = await Client(relay.port).__aenter__()  # it outlives the proxy
        await client.send("POST", "/v1/responses", CODEX, turn())
        await asyncio.wait_for(held.wait(), TIMEOUT)
    client.leave()
    assert relay.upstream.seen == []
    assert RELAY_KEY.encode() not in path.read_bytes()


async def test_a_recording_answers_through_the_addon_as_the_provider_did(proxy, tmp_path: Path) -> None:
    path = tmp_path / "saved.flow"
    async with proxy(save_stream_file=str(path)) as relay:
        first = await relay.ask()
        whole = await relay.ask(turn(stream=False), OTHER)
        await relay.flows(4)
        port = relay.upstream.port
    async with proxy(modes=[f"reverse:http://127.0.0.1:{port}"], server_replay=[str(path)]) as offline:
        again = await offline.ask()
        assert offline.upstream.seen == []
        (flow,) = await offline.flows(1)
        whole_again = await offline.ask(turn(stream=False), OTHER)
    assert _anonymous(again) == _anonymous(first)
    assert whole_again.json()["output"][0]["content"] == whole.json()["output"][0]["content"]
    assert (flow.request.path, flow.is_replay) == ("/v1/responses", "response")
    assert flow.response.content == again.body


def _anonymous(reply: Any) -> list[tuple[str, str]]:
    return [(event["type"], event.get("delta", "")) for event in reply.events()]


async def test_a_recording_without_the_addon_is_what_codex_saw(proxy, tmp_path: Path) -> None:
    path = tmp_path / "saved.flow"
    async with proxy(save_stream_file=str(path)) as relay:
        reply = await relay.ask()
        await relay.flows(2)
    _, client = saved(path)
    assert client.response.content == reply.body
    assert client.request.port == relay.upstream.port


def _replayed(flow: http.HTTPFlow) -> http.HTTPFlow:
    copy = flow.copy()
    copy.response = copy.error = None
    copy.metadata = {}
    return copy


async def _replay(relay: Any, flow: http.HTTPFlow) -> Any:
    relay.master.commands.call("replay.client", [flow])
    await until(lambda: flow.metadata.get("relay") or flow.marked)
    return flow


async def test_a_replayed_flow_is_translated_again(proxy) -> None:
    async with proxy(relay_api_key=RELAY_KEY) as relay:
        await relay.ask()
        client, _ = await relay.turn()
        flow = await _replay(relay, _replayed(client))
        assert [seen.headers["authorization"] for seen in relay.upstream.seen] == [f"Bearer {RELAY_KEY}"] * 2
        assert relay.upstream.seen[1].path == "/v1/chat/completions"
    assert b"response.completed" in flow.response.content
    assert flow.request.path == "/v1/responses"
    assert flow.metadata["relay"]["status"] == "completed"


async def test_a_replayed_flow_whose_key_is_gone_asks_for_one(proxy) -> None:
    async with proxy() as relay:
        await relay.ask()
        client, _ = await relay.turn()
        flow = await _replay(relay, _replayed(client))
        assert len(relay.upstream.seen) == 1
    assert b"relay_api_key" in flow.response.content


async def test_a_replay_that_fails_is_a_failure_though_no_client_is_connected(
    proxy, unused_tcp_port_factory: Callable[[], int]
) -> None:
    async with proxy(relay_api_key=RELAY_KEY) as relay:
        await relay.ask()
        client, _ = await relay.turn()
        await until(lambda: not client.client_conn.connected)
        relay.master.options.update(relay_upstream=f"http://127.0.0.1:{unused_tcp_port_factory()}")
        flow = await _replay(relay, _replayed(client))
    assert flow.metadata["relay"]["status"] == "failed"
    assert b"could not be reached" in flow.response.content


async def test_the_providers_side_can_be_replayed_too(proxy) -> None:
    """It is sent as it stands, to its own provider alone, and its answer is shown raw."""
    async with proxy(relay_api_key=RELAY_KEY) as relay:
        await relay.ask()
        _, upstream = await relay.turn()
        relay.master.commands.call("replay.client", [upstream])
        await until(lambda: len(relay.upstream.seen) == 2 and upstream.response and upstream.response.raw_content)
        first, second = relay.upstream.seen
        assert (second.method, second.path, second.body) == (first.method, first.path, first.body)
        assert second.headers["authorization"] == f"Bearer {RELAY_KEY}"
    assert upstream.response.status_code == 200
    assert b"chat.completion.chunk" in upstream.response.content or b"choices" in upstream.response.content
    assert RELAY_KEY not in upstream.request.headers["authorization"]


async def test_the_providers_side_is_not_replayed_to_where_the_key_does_not_belong(proxy) -> None:
    async with proxy(relay_api_key=RELAY_KEY) as relay:
        await relay.ask()
        _, upstream = await relay.turn()
        upstream.request.host = "elsewhere.test"
        relay.master.commands.call("replay.client", [upstream])
        await until(lambda: upstream.response)
        assert len(relay.upstream.seen) == 1
    assert upstream.response.status_code == 401
    assert b"set relay_api_key for elsewhere.test" in upstream.response.content


async def test_loaded_flows_are_left_alone(proxy, tmp_path: Path) -> None:
    path = tmp_path / "saved.flow"
    async with proxy(save_stream_file=str(path)) as relay:
        await relay.ask()
        await relay.flows(2)
    before = [flow.get_state() for flow in saved(path)]
    async with proxy() as relay:
        for flow in saved(path):
            await relay.master.load_flow(flow)
        loaded = await relay.flows(2)
        assert relay.upstream.seen == []
    for flow, state in zip(loaded, before, strict=True):
        assert flow.response.get_state() == state["response"]
        assert flow.metadata == state["metadata"]


async def test_metadata_can_always_be_written(proxy, tmp_path: Path) -> None:
    async with proxy() as relay:
        await relay.ask()
        flows = await relay.turn()
    with (tmp_path / "again.flow").open("wb") as file:
        writer = io.FlowWriter(file)
        for flow in flows:
            writer.add(flow)
    assert len(saved(tmp_path / "again.flow")) == 2


@contextlib.contextmanager
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    lines: list[str] = []
    with caplog.at_level(logging.INFO, logger="addon"):
        yield lines
    lines += [record.getMessage() for record in caplog.records if record.name.startswith("addon.")]


async def test_each_turn_is_one_line_in_the_log(proxy, caplog: pytest.LogCaptureFixture) -> None:
    with logged(caplog) as lines:
        async with proxy(relay_api_key=RELAY_KEY) as relay:
            await relay.ask()
            await relay.turn()
    (line,) = [line for line in lines if "gpt-test" in line]
    assert line.startswith(f"gpt-test at 127.0.0.1:{relay.upstream.port}: 120 (100 cached) in, 7 out, first token 0.")
    assert line.endswith("s, completed")
    assert RELAY_KEY not in "\n".join(lines)


async def test_a_failed_turn_logs_the_providers_sentence(proxy, caplog: pytest.LogCaptureFixture) -> None:
    async def script(answer: Answering) -> None:
        await answer.whole(b'{"error":{"message":"you may not"}}', "403 Forbidden")

    with logged(caplog) as lines:
        async with proxy(script) as relay:
            await relay.ask()
            await relay.turn()
    assert [line for line in lines if "failed permission_error: you may not" in line]


async def test_a_note_is_logged_once(proxy, caplog: pytest.LogCaptureFixture, monkeypatch) -> None:
    monkeypatch.setattr(addon.recorder, "_logged_notes", set())
    body = turn(input=[{"type": "mystery_item"}, {"type": "message", "role": "user", "content": "hi"}])
    with logged(caplog) as lines:
        async with proxy() as relay:
            for _ in range(3):
                await relay.ask(body)
            flows = await relay.flows(6)
    assert len([line for line in lines if line.startswith("note:")]) == 1
    assert flows[1].metadata["relay"]["notes"]


class _Redirect:
    """Stands behind the relay, like map_remote."""

    def request(self, flow: http.HTTPFlow) -> None:
        flow.request.host = "localhost"


@pytest.mark.parametrize("side", ["client", "upstream"])
async def test_the_key_does_not_follow_a_replay_that_another_addon_redirects(proxy, side: str) -> None:
    async with proxy(relay_api_key=RELAY_KEY) as relay:
        await relay.ask()
        client, upstream = await relay.turn()
        relay.master.addons.add(_Redirect())
        flow = _replayed(client) if side == "client" else upstream
        relay.master.commands.call("replay.client", [flow])
        await until(lambda: flow.error or flow.response)
        await asyncio.sleep(0.2)
        assert len(relay.upstream.seen) == 1
