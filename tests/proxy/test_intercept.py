"""Hold a turn, edit it, resume: the client's request, the chat request, the provider's answer, the client's answer."""

from __future__ import annotations

import asyncio
import json

import pytest
from mitmproxy.exceptions import OptionsError

import addon.exchange

from .looking import Looking
from .wire import CODEX, Answering, Client, delta, finish, sse, text_answer, turn, until

pytestmark = pytest.mark.asyncio


async def test_an_edited_client_request_is_what_is_translated(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, relay_intercept="~u responses & ~bq hi") as relay:
        asked = asyncio.create_task(relay.ask())
        held = await looking.held()
        assert (held.request.path, held.comment) == ("/v1/responses", "held: edit the request, then resume")
        assert not relay.upstream.seen
        assert '\n "input": "hi"' in held.request.text  # in lines, for people
        held.request.text = held.request.text.replace('"hi"', '"edited"')
        looking.resume(held)
        reply = await asked
        client, upstream = await relay.turn()
    assert reply.text() == "Hello"
    assert relay.upstream.seen[0].json()["messages"][-1]["content"] == "edited"
    assert json.loads(client.request.content)["input"] == "edited"
    assert upstream.request.content == relay.upstream.seen[0].body


async def test_a_request_that_nobody_edited_is_kept_byte_for_byte(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, relay_intercept="~all") as relay:
        asked = asyncio.create_task(relay.ask())
        looking.resume(await looking.held())
        await asked
        client, _ = await relay.turn()
    assert client.request.raw_content == turn()
    assert client.request.headers["content-length"] == str(len(turn()))


async def test_an_edited_chat_request_is_what_is_sent(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, intercept="~u chat/completions") as relay:
        asked = asyncio.create_task(relay.ask())
        held = await looking.held()
        held.request.text = held.request.text.replace('"hi"', '"edited"')
        looking.resume(held)
        await asked
        client, upstream = await relay.turn()
        assert not any(flow.intercepted for flow in looking.flows)
    assert relay.upstream.seen[0].json()["messages"][-1]["content"] == "edited"
    assert b'"edited"' in upstream.request.content
    assert client.request.content == turn()


async def test_an_edited_provider_answer_is_what_is_translated(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, relay_intercept_answers="~all") as relay:
        asked = asyncio.create_task(relay.ask())
        held = await looking.held()
        assert held.response.content == text_answer("Hel", "lo")
        held.response.text = held.response.text.replace('"Hel"', '"Edited hel"')
        looking.resume(held)
        reply = await asked
        client, upstream = await relay.turn()
    assert reply.text() == "Edited hello"
    assert reply.types()[-1] == "response.completed"
    assert b"Edited" in upstream.response.content
    assert client.response.content == reply.body


async def test_mitmproxys_own_intercept_holds_the_translated_answer(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, intercept="~s & ~u responses") as relay:
        asked = asyncio.create_task(relay.ask())
        held = await looking.held()
        held.response.text = held.response.text.replace("Hel", "Edited hel")
        looking.resume(held)
        reply = await asked
        await relay.turn()
    assert reply.text() == "Edited hello"


@pytest.mark.parametrize("option", ["relay_intercept", "relay_intercept_answers"])
async def test_a_held_turn_can_be_killed(proxy, option: str) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, **{option: "~all"}) as relay:
        asked = asyncio.create_task(relay.ask())
        held = await looking.held()
        held.kill()
        reply = await asked
        await until(lambda: not held.live and not addon.exchange.live)
        await until(lambda: option == "relay_intercept" or held.metadata.get("relay", {}).get("status") == "killed")
    assert reply.body == b""
    assert len(relay.upstream.seen) == (option == "relay_intercept_answers")


async def test_a_killed_chat_request_is_not_sent(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, intercept="~u chat/completions") as relay:
        asked = asyncio.create_task(relay.ask())
        (await looking.held()).kill()
        assert (await asked).body == b""
        client, _ = await relay.turn()
    assert not relay.upstream.seen
    assert client.metadata["relay"]["status"] == "killed"


@pytest.mark.parametrize("options", [{"relay_intercept": "~all"}, {"intercept": "~u chat/completions"}])
async def test_a_client_that_leaves_is_not_waited_for(proxy, options: dict[str, str]) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, **options) as relay:
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", {"content-type": "application/json", **CODEX}, turn())
            held = await looking.held()
            client.leave()
        await until(lambda: not held.intercepted and not held.live and not addon.exchange.live)
    assert not relay.upstream.seen


async def test_other_turns_run_while_one_is_held(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, relay_intercept="~bq wait") as relay:
        asked = asyncio.create_task(relay.ask(turn("wait")))
        held = await looking.held()
        assert (await relay.ask(turn("go on"))).text() == "Hello"
        looking.resume(held)
        assert (await asked).text() == "Hello"


async def test_an_answer_that_breaks_off_while_it_is_gathered_fails(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(sse(delta("par"), finish()))
        answer.close()

    looking = Looking()
    async with proxy(script, looking=looking.addons, relay_intercept_answers="~all") as relay:
        reply = await relay.ask()
    assert reply.failure()["message"]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("relay_intercept", "~bq (", "relay_intercept='~bq (':"),
        ("relay_intercept_answers", "~s", "nobody can resume a flow in mitmdump"),
        ("relay_keep_flows", "many", "relay_keep_flows='many': not a number"),
    ],
)
async def test_what_can_not_be_held_is_refused(proxy, option: str, value: str, words: str) -> None:
    async with proxy() as relay:
        with pytest.raises(OptionsError, match=words.replace("(", r"\(")):
            relay.master.options.update(**{option: value})
