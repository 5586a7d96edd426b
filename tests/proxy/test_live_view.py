"""What somebody sees who looks on while a turn runs, and that nothing of it happens when nobody does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mitmproxy import http

import addon.exchange
import addon.live_view
from addon import flow_list, heartbeat, views

from .looking import Looking
from .wire import CODEX, Answering, Client, delta, finish, sse, text_answer, turn, until

pytestmark = pytest.mark.asyncio

CLIENT_KEY = CODEX["authorization"].split()[1]
RELAY_KEY = "sk-relay-0123456789"


def paced(go_on: asyncio.Event):
    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(sse(delta("first ")))
        await go_on.wait()
        await answer.send(sse(delta("second"), finish(), "[DONE]"))
        await answer.end()

    return script


def running(flow: Any) -> bool:
    return b"first" in ((flow.response and flow.response.raw_content) or b"")


async def test_both_answers_grow_while_the_turn_runs(proxy) -> None:
    looking, go_on = Looking(), asyncio.Event()
    async with proxy(paced(go_on), looking=looking.addons) as relay:
        asked = asyncio.create_task(relay.ask())
        client, upstream = await looking.shows(2, running)
        assert (client.request.path, upstream.request.path) == ("/v1/responses", "/v1/chat/completions")
        assert b"response.output_text.delta" in client.response.raw_content
        assert upstream.response.raw_content == sse(delta("first "))
        assert "1 pieces" in client.comment
        assert [views.side_of(one).role for one in (client, upstream)] == ["client", "upstream"]
        go_on.set()
        reply = await asked
        await relay.turn()
    assert reply.text() == "first second"
    assert looking.flows == [client, upstream]
    assert client.response.raw_content == reply.body
    assert (client.marked, upstream.marked) == ("", flow_list.UPSTREAM)


async def test_the_chat_request_is_shown_while_the_provider_is_silent(proxy) -> None:
    looking, go_on = Looking(), asyncio.Event()

    async def script(answer: Answering) -> None:
        await go_on.wait()
        await answer.stream(text_answer("late"))

    async with proxy(script, looking=looking.addons, relay_api_key=RELAY_KEY) as relay:
        asked = asyncio.create_task(relay.ask())
        client, upstream = await looking.shows(2)
        await until(lambda: client.request.path == "/v1/responses")
        assert b'"messages"' in upstream.request.content
        await looking.shows(1, lambda flow: flow.comment.startswith("waiting"))
        for one in (client, upstream):
            assert RELAY_KEY not in repr(one.get_state())
        go_on.set()
        await asked
        await relay.turn()


@pytest.mark.parametrize("options", [{}, {"relay_api_key": RELAY_KEY}, {"intercept": "~u chat/completions"}])
async def test_no_key_is_ever_shown(proxy, options: dict[str, str]) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, **options) as relay:
        asked = asyncio.create_task(relay.ask())
        if "intercept" in options:
            held = await looking.held()
            assert CLIENT_KEY not in repr(held.get_state())
            looking.resume(held)
        reply = await asked
        await relay.turn()
    assert reply.text() == "Hello"
    sent = relay.upstream.seen[0].headers["authorization"]
    assert sent == f"Bearer {options.get('relay_api_key', CLIENT_KEY)}"
    assert looking.updates > 2
    assert CLIENT_KEY not in looking.seen
    assert RELAY_KEY not in looking.seen


async def test_replays_and_refusals_show_no_key_either(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, relay_api_key=RELAY_KEY) as relay:
        await relay.ask(b"{")
        await relay.ask()
        _, upstream, client = await relay.flows(3)
        await until(lambda: not client.live)
        for count, flow in ((4, upstream), (6, client)):
            relay.master.commands.call("replay.client", [flow])
            await relay.flows(count)
            await until(lambda flow=flow: not flow.live)
    assert [seen.headers["authorization"] for seen in relay.upstream.seen] == [f"Bearer {RELAY_KEY}"] * 3
    assert CLIENT_KEY not in looking.seen
    assert RELAY_KEY not in looking.seen


async def test_updates_come_no_more_than_four_times_a_second(proxy) -> None:
    looking = Looking()

    async def script(answer: Answering) -> None:
        await answer.head()
        for _ in range(60):
            await answer.send(sse(delta("word ")))
            await asyncio.sleep(0.01)
        await answer.send(sse(finish(), "[DONE]"))
        await answer.end()

    async with proxy(script, looking=looking.addons) as relay:
        reply = await relay.ask()
        await relay.turn()
    seconds = reply.pieces[-1][0]
    # Besides: both flows are added, and the hooks of both tell of them.
    assert looking.updates <= 2 * (seconds / 0.25 + 1) + 14


async def test_many_turns_share_the_updates_and_the_answer_that_is_open_comes_first(proxy) -> None:
    looking, turns, stop = Looking(), 6, asyncio.Event()

    async def script(answer: Answering) -> None:
        await answer.head()
        while not stop.is_set():
            await answer.send(sse(delta("word ")))
            await asyncio.sleep(0.05)
        await answer.send(sse(finish(), "[DONE]"))
        await answer.end()

    async with proxy(script, looking=looking.addons) as relay:
        asked = [asyncio.create_task(relay.ask(turn(f"{number}"))) for number in range(turns)]
        flows = await looking.shows(2 * turns, lambda flow: flow.response and flow.response.raw_content)
        chosen, told = flows[2], dict.fromkeys((flow.id for flow in flows), 0)
        looking.view.sig_view_update.connect(count := lambda flow: told.update({flow.id: told[flow.id] + 1}))
        for _ in range(4):
            addon.live_view.look_at(chosen)
            await asyncio.sleep(0.5)
        assert count  # signals keep no function alive
        sizes = {flow.id: len(flow.response.raw_content) for flow in flows}
        others = [number for id, number in told.items() if id != chosen.id]
        assert told[chosen.id] <= 2 / addon.live_view.PERIOD + 1
        assert sum(told.values()) <= 2 * addon.live_view.MOST + 2
        assert max(others) <= 2 < told[chosen.id]
        stop.set()
        await asyncio.gather(*asked)
        await relay.flows(2 * turns)
    assert all(len(flow.response.raw_content) > sizes[flow.id] for flow in flows)


async def test_streams_go_before_the_view(proxy, monkeypatch) -> None:
    monkeypatch.setattr(addon.live_view, "_not_before", 0.0)
    begun = addon.live_view.time.monotonic()
    addon.live_view.spent(0.5)
    assert addon.live_view._not_before >= begun + 0.5 * addon.live_view.SHARE
    monkeypatch.setattr(addon.live_view, "_not_before", 0.0)


async def test_nothing_is_done_when_nobody_looks(proxy, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("somebody looks")

    monkeypatch.setattr(addon.live_view, "refresh", refuse)
    monkeypatch.setattr(addon.live_view.hidden, "hide", refuse)
    monkeypatch.setattr(addon.live_view.compat, "before_sending", refuse)
    async with proxy() as relay:
        assert (await relay.ask()).text() == "Hello"
        client, upstream = await relay.turn()
        assert not relay.relay.live_view._tasks
    assert upstream.timestamp_created > client.timestamp_created


async def test_of_finished_turns_the_last_ones_stay_in_the_list(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, relay_keep_flows="2") as relay:
        for text in ("one", "two", "three", "four"):
            await relay.ask(turn(text))
            if text == "one":
                looking.flows[0].marked = ":star:"
        await relay.flows(8)
        await until(lambda: len(looking.flows) == 6)
    asked = [flow.request.content for flow in looking.flows if flow.request.path == "/v1/responses"]
    assert asked == [turn("one"), turn("three"), turn("four")]  # the first one was marked by somebody
    assert len(relay.relay.live_view._kept) == 3


async def test_what_is_no_turn_pushes_out_no_turn(proxy, monkeypatch) -> None:
    monkeypatch.setattr(addon.live_view, "BESIDE", 1)
    looking = Looking()
    async with proxy(looking=looking.addons, relay_keep_flows="2") as relay:
        await relay.ask(turn("one"))
        await relay.ask(turn("two"))
        await relay.flows(4)
        for _ in range(3):
            await relay.ask(method="GET", path="/v1/models", body=b"")
        await relay.ask(b"{")
        await until(lambda: len(looking.flows) == 5)
    asked = [flow.request.content for flow in looking.flows if flow.request.path == "/v1/responses"]
    assert asked == [turn("one"), turn("two"), b"{"]
    assert "GET" not in [flow.request.method for flow in looking.flows]


async def test_a_client_that_leaves_leaves_nothing_running(proxy) -> None:
    looking, go_on = Looking(), asyncio.Event()
    async with proxy(paced(go_on), looking=looking.addons) as relay:
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", {"content-type": "application/json", **CODEX}, turn())
            flow, _ = await looking.shows(2, running)
            client.leave()
        await relay.turn()
        assert flow.comment.startswith("client left · ")
        assert not addon.exchange.live


async def test_a_turns_two_sides_come_one_behind_the_other_however_many_begin_at_once(proxy) -> None:
    """A page that is open shows flows in the order in which it hears of them."""
    looking, heard = Looking(), list[Any]()

    def hear(flow: Any) -> None:
        heard.append(flow)

    looking.view.sig_view_add.connect(hear)
    async with proxy(looking=looking.addons) as relay:
        await asyncio.gather(*(relay.ask(turn(str(number))) for number in range(12)))
        await relay.flows(24)
    assert len(heard) == 24 == len(looking.flows)
    for client, upstream in zip(heard[::2], heard[1::2], strict=True):
        assert upstream.metadata["relay"]["client_flow"] == client.id
        assert upstream.request.path == "/v1/chat/completions"


@pytest.mark.parametrize("why", ["refused", "broken", "killed", "answered by replay"])
async def test_what_is_never_sent_has_no_providers_side(proxy, why: str) -> None:
    looking = Looking()
    options = {"relay_intercept": "~all"} if why == "killed" else {}

    class Replay:
        def request(self, flow: Any) -> None:
            flow.response = http.Response.make(200, b"{}")

    async with proxy(before=[Replay()] if "replay" in why else [], looking=looking.addons, **options) as relay:
        body = b"no JSON" if why == "refused" else turn()
        if why == "broken":
            async with Client(relay.port) as client:
                await client.send("POST", "/v1/responses", {**CODEX, "content-length": "9"}, b"{")
                client.leave()
            await until(lambda: looking.flows and not looking.flows[0].live)
        else:
            asked = asyncio.create_task(relay.ask(body))
            if why == "killed":
                (await looking.held()).kill()
            await asked
        await until(lambda: len(looking.flows) == 1)
        assert not addon.live_view._unsent
    assert looking.flows[0].request.path == "/v1/responses"


@pytest.mark.parametrize("which", [[0, 1], [0], [1]])
async def test_a_turn_that_is_taken_out_of_the_list_stays_out_of_it(proxy, monkeypatch, which: list[int]) -> None:
    """As mitmweb deletes: it kills the flow first, where it can."""
    monkeypatch.setattr(heartbeat, "TICK", 0.05)
    looking, go_on = Looking(), asyncio.Event()
    async with proxy(paced(go_on), looking=looking.addons) as relay:
        asked = asyncio.create_task(relay.ask())
        flows = await looking.shows(2)
        await until(lambda: any(one.body and one.body.pieces for one in addon.exchange.live.values()))
        for flow in [flows[number] for number in which]:
            if flow.killable:
                flow.kill()
            looking.view.remove([flow])
        if 0 not in which:
            go_on.set()
        reply = await asyncio.wait_for(asked, 5)
        await relay.turn()
        await asyncio.sleep(0.05)
    assert looking.flows == [flow for number, flow in enumerate(flows) if number not in which and 0 not in which]
    if 0 in which:
        assert "aborted by somebody" in reply.failure()["message"]


async def test_a_turn_that_is_sent_again_in_place_has_one_providers_side(proxy) -> None:
    """Each side can be reverted; a refusal leaves the provider's as it was."""
    looking, asked = Looking(), list[Answering]()

    async def script(answer: Answering) -> None:
        asked.append(answer)
        await answer.stream(text_answer(f"answer {len(asked)}"))

    async with proxy(script, looking=looking.addons, relay_api_key=RELAY_KEY) as relay:
        await relay.ask()
        client, upstream = await relay.turn()
        for number in (2, 3):
            relay.master.commands.call("replay.client", [client])
            await relay.flows(2 * number)
            await until(lambda: not relay.master.commands.call("replay.client.count"))
            assert looking.flows == [client, upstream]
            assert f"answer {number}".encode() in upstream.response.content
            assert upstream.metadata["relay"]["id"] == client.metadata["relay"]["id"]
        upstream.revert()
        assert b"answer 1" in upstream.response.content
        client.revert()
        relay.master.options.update(relay_api_key="")
        relay.master.commands.call("replay.client", [client])
        await relay.flows(7)
        assert client.comment.startswith("🔴 refused")
        assert looking.flows == [client, upstream]
        assert b"answer 1" in upstream.response.content
