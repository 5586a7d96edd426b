"""Flows that somebody kills while they are under way (*Abort*, the console's `x`), held or not, and what comes of them
when they are sent again."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from mitmproxy import http

import addon.exchange
from addon import guard, heartbeat

from .looking import Looking
from .wire import CODEX, TIMEOUT, Answering, Client, Script, delta, finish, sse, turn, until

pytestmark = pytest.mark.asyncio

RELAY_KEY = "sk-relay-0123456789"


class Slow:
    """Connections that wait."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def server_connect(self, data: object) -> None:
        await self.go_on.wait()


def two_parts(go_on: asyncio.Event):
    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(sse(delta("first ")))
        await go_on.wait()
        with contextlib.suppress(OSError):  # nobody may be there any more
            await answer.send(sse(delta("second"), finish(), "[DONE]"))
            await answer.end()

    return script


async def replay(relay, flow) -> None:
    relay.master.commands.call("replay.client", [flow])
    await until(lambda: not relay.master.commands.call("replay.client.count") and not flow.live)


async def test_a_turn_killed_before_it_is_sent_says_so_and_shows_no_key(proxy) -> None:
    looking, slow = Looking(), Slow()
    async with proxy(looking=looking.addons, relay_api_key=RELAY_KEY) as relay:
        relay.master.addons.add(slow)
        asked = asyncio.create_task(relay.ask())
        await until(lambda: any(flow.request.path == "/v1/chat/completions" for flow in addon.exchange.live))
        await asyncio.sleep(0.05)  # the key is on the flow now, which mitmproxy sends as it stands
        flow = next(iter(addon.exchange.live))
        flow.kill()
        looking.view.update([flow])
        slow.go_on.set()
        reply = await asked
        await relay.flows(2)
    assert "aborted by somebody" in reply.failure()["message"]
    assert flow.metadata["relay"]["status"] == "killed"
    assert RELAY_KEY not in looking.seen
    assert all(RELAY_KEY not in seen.headers["authorization"] for seen in relay.upstream.seen)


async def test_an_answer_that_is_killed_while_it_is_gathered_is_told_as_it_is_kept(proxy) -> None:
    looking, go_on = Looking(), asyncio.Event()
    async with proxy(two_parts(go_on), looking=looking.addons, relay_intercept_answers="~all") as relay:
        asked = asyncio.create_task(relay.ask())
        await until(lambda: any(one.upstream_response for one in addon.exchange.live.values()))
        flow = next(iter(addon.exchange.live))
        flow.kill()
        go_on.set()
        reply = await asked
        await relay.turn()
    assert "aborted by somebody" in reply.failure()["message"]
    assert flow.response.content == reply.body


async def silent_behind_its_head(answer: Answering) -> None:
    await answer.head()
    await answer.gone()


async def silent(answer: Answering) -> None:
    await answer.gone()


async def begun(answer: Answering) -> None:
    await answer.head()
    await answer.send(sse(delta("first ")))
    await answer.gone()


async def begun_without_length(answer: Answering) -> None:
    await answer.head(chunked=False)
    await answer.send(sse(delta("first ")))
    await answer.gone()


@pytest.mark.parametrize("script", [silent, silent_behind_its_head, begun, begun_without_length])
async def test_a_kill_ends_an_answer_that_is_under_way(proxy, monkeypatch, script: Script) -> None:
    """The provider's connection is closed: it goes on for nobody."""
    monkeypatch.setattr(heartbeat, "TICK", 0.05)
    looking, left = Looking(), asyncio.Event()

    async def tells(answer: Answering) -> None:
        await script(answer)
        left.set()

    async with proxy(tells, looking=looking.addons, relay_api_key=RELAY_KEY) as relay:
        asked = asyncio.create_task(relay.ask())
        await until(lambda: relay.upstream.seen and addon.exchange.live)
        flow, exchange = next(iter(addon.exchange.live.items()))
        if script is not silent:
            await until(lambda: exchange.body and (exchange.body.pieces or script is silent_behind_its_head))
        flow.kill()
        reply = await asyncio.wait_for(asked, TIMEOUT)
        await asyncio.wait_for(left.wait(), TIMEOUT)
        client, upstream = await relay.turn()
    assert "aborted by somebody" in reply.failure()["message"]
    assert reply.complete, "Codex asks again when a body breaks off, whatever it says"
    assert reply.failure()["code"] == "invalid_prompt", "Codex asks again at codes that it does not know"
    assert (client.metadata["relay"]["status"], client.marked) == ("killed", ":red_circle:")
    assert "killed" in client.comment
    assert len(relay.upstream.seen) == 1
    assert all(RELAY_KEY not in repr(one.get_state()) for one in (client, upstream))


async def test_an_aborted_replay_of_the_providers_side_keeps_no_key(proxy) -> None:
    looking, slow = Looking(), Slow()
    async with proxy(looking=looking.addons, relay_api_key=RELAY_KEY) as relay:
        await relay.ask()
        _, upstream = await relay.turn()
        relay.master.addons.add(slow)
        relay.master.commands.call("replay.client", [upstream])
        await until(lambda: upstream.live and RELAY_KEY in upstream.request.headers["authorization"])
        upstream.kill()
        looking.view.update([upstream])
        slow.go_on.set()
        await until(lambda: not relay.master.commands.call("replay.client.count") and not upstream.live)
        await until(lambda: not guard.guards and upstream not in addon.exchange.replayed)
    assert RELAY_KEY not in repr(upstream.get_state())
    assert RELAY_KEY not in looking.seen


async def test_a_client_that_leaves_while_the_provider_is_connected_to_ends_its_turn(proxy) -> None:
    looking, slow = Looking(), Slow()
    async with proxy(looking=looking.addons, relay_api_key=RELAY_KEY) as relay:
        relay.master.addons.add(slow)
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", {"content-type": "application/json", **CODEX}, turn())
            await until(lambda: any(one.request.path == "/v1/chat/completions" for one in addon.exchange.live))
            await asyncio.sleep(0.05)
            client.leave()
        await relay.turn()
        slow.go_on.set()
        await until(lambda: not any(flow.live for flow in looking.flows))
    assert not addon.exchange.live
    assert [flow.comment.partition(" · ")[0] for flow in looking.flows] == ["client left", "↳ gpt-test"]
    assert RELAY_KEY not in "".join(repr(flow.get_state()) for flow in looking.flows)
    assert not relay.upstream.seen


async def test_how_a_flow_ended_before_is_forgotten_when_it_is_sent_again(proxy) -> None:
    looking = Looking()

    async def script(answer: Answering) -> None:
        answer.reset()

    async with proxy(script, looking=looking.addons, relay_intercept="~all", relay_api_key=RELAY_KEY) as relay:
        asked = asyncio.create_task(relay.ask())
        held = await looking.held()
        held.kill()
        await asked
        await until(lambda: not held.live)
        await replay(relay, held)
        await relay.flows(2)
    facts = held.metadata["relay"]
    assert (facts["status"], facts["error"]["code"]) == ("failed", "server_error")


async def test_what_never_became_a_turn_leaves_the_list_too(proxy) -> None:
    looking, headers = Looking(), {"content-type": "application/json", **CODEX}
    async with proxy(looking=looking.addons, relay_intercept="~all", relay_keep_flows="2") as relay:
        for _ in range(4):
            asked = asyncio.create_task(relay.ask())
            held = await looking.held()
            held.kill()
            await asked
            await until(lambda held=held: not held.live)
        for _ in range(4):
            async with Client(relay.port) as client:
                await client.send("POST", "/v1/responses", {**headers, "Content-Length": "100000"}, b"{")
                await until(lambda: any(flow.live for flow in looking.flows))
                client.leave()
            await until(lambda: not any(flow.live for flow in looking.flows))
        assert len(looking.flows) == 2
        assert looking.flows[-1].comment == "client left during its request"


async def test_a_request_that_is_no_http_is_not_called_left(proxy) -> None:
    looking, headers = Looking(), {"content-type": "application/json", **CODEX, "content-length": "100000"}
    async with proxy(looking=looking.addons) as relay:
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", headers, b"{")  # its length is there twice
            reply = await client.read()
        await until(lambda: looking.flows and looking.flows[0].comment)
    assert reply.status == 400
    assert looking.flows[0].comment.startswith("🔴 refused: Received multiple content-length headers")


async def test_the_time_that_somebody_held_a_request_is_not_the_providers(proxy, monkeypatch, caplog) -> None:
    monkeypatch.setattr(addon.exchange, "HANGS_AFTER", 0.5)
    looking, go_on = Looking(), asyncio.Event()

    async def script(answer: Answering) -> None:
        await go_on.wait()

    async with proxy(script, looking=looking.addons, relay_fallback="other", intercept="~u chat/completions") as relay:
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", {"content-type": "application/json", **CODEX}, turn())
            held = await looking.held()
            await asyncio.sleep(0.6)
            looking.resume(held)
            await until(lambda: any(one.method == "POST" for one in relay.upstream.seen))
            client.leave()
        await until(lambda: not addon.exchange.live)
        go_on.set()
    assert not [record.message for record in caplog.records if "rests" in record.message]


@pytest.mark.parametrize(
    "held",
    [
        {"relay_intercept": "~all"},
        {"intercept": "~u chat/completions"},
        {"relay_intercept_answers": "~all"},
        {"intercept": "~s & ~u responses"},
    ],
)
async def test_no_time_of_a_turn_is_that_of_the_person_who_held_it(proxy, held: dict[str, str]) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, **held) as relay:
        asked = asyncio.create_task(relay.ask())
        flow = await looking.held()
        await asyncio.sleep(1.0)
        looking.resume(flow)
        await asked
        client, _ = await relay.turn()
    assert max(seconds or 0 for seconds in client.metadata["relay"]["timings"].values()) < 1.0


async def test_a_client_that_leaves_what_it_has_heard_already_ends_a_good_turn(proxy) -> None:
    looking, go_on = Looking(), asyncio.Event()

    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(sse(delta("all of it"), finish(), "[DONE]"))
        await go_on.wait()
        await answer.end()

    async with proxy(script, looking=looking.addons) as relay:
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", {"content-type": "application/json", **CODEX}, turn())
            await looking.shows(
                1, lambda flow: b"response.completed" in ((flow.response and flow.response.content) or b"")
            )
            relay.master.options.update(intercept="~s & ~u responses")
            go_on.set()
            held = await looking.held()
            client.leave()
        await relay.turn()
    assert held.metadata["relay"]["status"] == "completed"
    assert "killed" not in held.comment


async def test_an_answer_after_an_abort_is_as_good_as_any(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, intercept="~s & ~u responses") as relay:
        for how in ("kill", "resume"):
            asked = asyncio.create_task(relay.ask())
            held = await looking.held()
            getattr(held, how)()
            reply = await asked
    assert reply.text() == "Hello"


async def test_a_turn_whose_answer_ends_with_the_connection_is_told_of_once(proxy) -> None:
    """mitmproxy closes that connection for a client that left, and takes it for the end of the answer."""

    class Hears:
        def __init__(self) -> None:
            self.heard: list[str] = []

        def response(self, flow: http.HTTPFlow) -> None:
            self.heard.append(flow.request.path)

        async def error(self, flow: http.HTTPFlow) -> None:
            self.response(flow)
            await asyncio.sleep(0.05)

    async def script(answer: Answering) -> None:
        await answer.head(chunked=False)
        await answer.send(sse(delta("first"), finish(), "[DONE]"))
        await answer.gone()

    hears = Hears()
    async with proxy(script) as relay:
        relay.master.addons.add(hears)
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", {"content-type": "application/json", **CODEX}, turn())
            await client.reader.readuntil(b"response.completed")
            client.leave()
        flow, _ = await relay.turn()
        await until(lambda: not flow.live)
        await asyncio.sleep(0.05)
    assert hears.heard == ["/v1/chat/completions", "/v1/responses"]
    assert (flow.metadata["relay"]["status"], flow.error) == ("completed", None)


async def test_a_client_that_hangs_up_when_it_has_heard_all_is_no_error(proxy) -> None:
    class Last:
        async def response(self, flow: http.HTTPFlow) -> None:
            await asyncio.sleep(0.06)  # the client leaves meanwhile

    async def script(answer: Answering) -> None:
        await answer.stream(sse(delta("first"), finish(), "[DONE]"))

    async with proxy(script) as relay:
        relay.master.addons.add(Last())
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", {"content-type": "application/json", **CODEX}, turn())
            await client.reader.readuntil(b"response.completed")
            client.leave()
        flow, _ = await relay.turn()
        await until(lambda: flow.error is not None)  # as mitmproxy has it
        await until(lambda: flow.error is None)
    assert flow.metadata["relay"]["status"] == "completed"


async def test_a_turn_that_is_sent_again_in_place_is_not_what_it_was(proxy) -> None:
    looking, go_on = Looking(), asyncio.Event()

    async def script(answer: Answering) -> None:
        if len(answer.seen.body) and asked:
            await go_on.wait()
        asked.append(answer)
        await answer.stream(sse(delta("first"), finish(), "[DONE]"))

    asked: list[Answering] = []
    async with proxy(script, looking=looking.addons, relay_api_key=RELAY_KEY) as relay:
        await relay.ask()
        flow, _ = await relay.turn()
        told = flow.comment
        relay.master.commands.call("replay.client", [flow])
        await until(lambda: flow in addon.exchange.live and flow.comment.startswith("waiting"))
        assert "relay_words" not in flow.metadata and "relay" not in flow.metadata
        go_on.set()
        await until(lambda: not relay.master.commands.call("replay.client.count"))
        assert "status=completed" in flow.metadata["relay_words"]
        flow.revert()
        assert flow.comment == told and "status=completed" in flow.metadata["relay_words"]
