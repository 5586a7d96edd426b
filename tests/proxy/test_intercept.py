"""Hold a turn, edit it, resume: the client's request, the chat request, the provider's answer, the client's answer."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest
from mitmproxy import http
from mitmproxy.exceptions import OptionsError

import addon.exchange
from addon import views

from .looking import Looking
from .wire import CODEX, OTHER, Answering, Client, delta, finish, sse, text_answer, turn, until

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
        assert not client.comment.startswith("held:")
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
        await until(lambda: held.comment)
        assert held.comment == "held: edit the chat request, then resume"
        assert '\n   "content": "hi"' in held.request.text  # in lines, for people
        held.request.text = held.request.text.replace('"hi"', '"edited"')
        looking.resume(held)
        await asked
        client, upstream = await relay.turn()
        assert not any(flow.intercepted or flow.comment.startswith("held:") for flow in looking.flows)
    assert relay.upstream.seen[0].json()["messages"][-1]["content"] == "edited"
    assert b'"edited"' in upstream.request.content
    assert client.request.content == turn()


async def test_an_edited_provider_answer_is_what_is_translated(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, relay_intercept_answers="~all") as relay:
        asked = asyncio.create_task(relay.ask())
        held = await looking.held()
        assert 'data:     "content": "Hello"\n' in held.response.text  # joined, and in lines
        held.response.text = held.response.text.replace('"Hello"', '"Edited hello"')
        looking.resume(held)
        reply = await asked
        client, upstream = await relay.turn()
    assert reply.text() == "Edited hello"
    assert reply.types()[-1] == "response.completed"
    assert b"Edited" in upstream.response.content
    assert client.response.content == reply.body


@pytest.mark.parametrize("encoding", ["", "gzip", "unknown"])
async def test_an_answer_that_nobody_edited_is_kept_byte_for_byte(proxy, encoding: str) -> None:
    said = text_answer("Hel", "lo")
    body = gzip.compress(said) if encoding == "gzip" else said

    async def script(answer: Answering) -> None:
        await answer.stream(body, headers={"Content-Encoding": encoding} if encoding else {})

    looking = Looking()
    async with proxy(script, looking=looking.addons, relay_intercept_answers="~all") as relay:
        asked = asyncio.create_task(relay.ask())
        looking.resume(await looking.held())
        reply = await asked
        _, upstream = await relay.turn()
    assert encoding == "unknown" or reply.text() == "Hello"
    assert upstream.response.raw_content == body


@pytest.mark.parametrize(("option", "words"), [("relay_intercept", "user: hi"), ("relay_intercept_answers", "Hello")])
async def test_what_is_held_is_shown_as_a_conversation(proxy, option: str, words: str) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, **{option: "~all"}) as relay:
        asked = asyncio.create_task(relay.ask())
        held = await looking.held()
        message = held.response or held.request
        assert views.RelayView().priority(message.content, held, message) > 1
        shown = views.RelayView().render(message.content, held, message)
        looking.resume(held)
        await asked
    assert words in shown and "{" not in shown


async def test_mitmproxys_own_intercept_holds_the_translated_answer(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, intercept="~s & ~u responses") as relay:
        asked = asyncio.create_task(relay.ask())
        held = await looking.held()
        assert held.comment == "held: edit the answer, then resume"
        assert not held.metadata.get("relay")  # recorded with what the person makes of it
        held.response.text = held.response.text.replace("Hel", "Edited hel")
        looking.resume(held)
        reply = await asked
        client, _ = await relay.turn()
        assert client is held
        assert not client.intercepted
        assert client.comment.startswith("120 (100 cached) in")
    assert reply.text() == "Edited hello"
    assert client.response.content == reply.body


async def test_a_chat_request_that_nobody_edited_is_sent_byte_for_byte(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons) as relay:
        await relay.ask()
        relay.master.options.update(intercept="~u chat/completions")
        asked = asyncio.create_task(relay.ask())
        held = await looking.held()
        await until(lambda: held.comment)
        looking.resume(held)
        await asked
    first, second = relay.upstream.seen
    assert first.body == second.body
    assert first.headers == second.headers


async def test_the_relay_holds_turns_and_no_model_lists(proxy) -> None:
    async def script(answer: Answering) -> None:
        if answer.seen.path.endswith("/models"):
            await answer.whole(b'{"data": [{"id": "m"}]}')
        else:
            await answer.stream(text_answer("Hello"))

    looking = Looking()
    async with proxy(script, looking=looking.addons, relay_intercept="~all", relay_intercept_answers="~all") as relay:
        assert (await relay.ask(b"", method="GET", path="/v1/models")).status == 200
        asked = asyncio.create_task(relay.ask())
        looking.resume(await looking.held())
        await until(lambda: relay.upstream.seen[1:])
        looking.resume(await looking.held())
        assert (await asked).text() == "Hello"


CLIENTS, CHATS, PROVIDERS, ANSWERS = HELD = (
    {"relay_intercept": "~all", "intercept": "~all"},
    {"intercept": "~u chat/completions"},
    {"relay_intercept_answers": "~all"},
    {"intercept": "~s & ~u responses"},
)
"""The four ways to hold a turn: the client's request, the chat request, the provider's answer, the translated one."""
ABORTED = "aborted by somebody in mitmweb or the console; it is not sent again"


def assert_ended(held: http.HTTPFlow, status: str, caplog: pytest.LogCaptureFixture) -> None:
    """status: killed, client left."""
    assert held.error
    assert held.comment.removeprefix("🔴 ").startswith(status)
    assert f"status={status.replace(' ', '_')}" in held.metadata["relay_words"]
    assert held.metadata.get("relay", {}).get("status", status) == status
    assert not [record for record in caplog.records if "Addon error" in record.message]


@pytest.mark.parametrize("options", HELD)
async def test_a_held_turn_that_is_aborted_ends_at_once(proxy, options: dict[str, str], caplog) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, **options) as relay:
        asked = asyncio.create_task(relay.ask())
        held = await looking.held()
        held.kill()
        looking.view.update([held])
        reply = await asyncio.wait_for(asked, 5)
        await until(lambda: held in relay.witness.flows and not held.intercepted and not addon.exchange.live)
        assert relay.witness.flows.count(held) == 1
        assert_ended(held, "killed", caplog)
        assert held.marked == ":red_circle:"
        assert held.response.content == reply.body
    assert reply.complete
    assert reply.failure() == {"code": "invalid_prompt", "message": ABORTED}  # Codex would try again at any other end
    assert len(relay.upstream.seen) == (options in (PROVIDERS, ANSWERS))
    if options is not CLIENTS:
        assert held.metadata["relay"]["status"] == "killed"
    if options in (PROVIDERS, ANSWERS):  # it is paid for all the same
        assert held.metadata["relay"]["usage"]["input_tokens"] == 120


@pytest.mark.parametrize("options", HELD)
async def test_a_client_that_leaves_is_not_waited_for(proxy, options: dict[str, str], caplog) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, **options) as relay:
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", {"content-type": "application/json", **CODEX}, turn())
            held = await looking.held()
            client.leave()
        await until(lambda: held in relay.witness.flows and not held.live and not addon.exchange.live)
        assert_ended(held, "client left", caplog)
        assert held.marked == ""
        assert held.response is None
    assert len(relay.upstream.seen) == (options in (PROVIDERS, ANSWERS))


async def test_who_leaves_a_held_chat_request_says_nothing_of_the_provider(proxy, monkeypatch, caplog) -> None:
    monkeypatch.setattr(addon.exchange, "HANGS_AFTER", 0.0)
    looking = Looking()
    async with proxy(looking=looking.addons, relay_fallback="other", **CHATS) as relay:
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", {"content-type": "application/json", **CODEX}, turn())
            held = await looking.held()
            client.leave()
        await until(lambda: held in relay.witness.flows and not addon.exchange.live)
    assert held.metadata["relay"]["status"] == "client left"
    assert "rests for" not in caplog.text


@pytest.mark.parametrize("end", ["abort", "leave", "resume"])
async def test_what_is_no_turn_is_held_once_and_let_go(proxy, end: str, caplog) -> None:
    """A request that the relay refuses, where mitmproxy's own intercept matches request and answer."""
    looking = Looking()
    async with proxy(looking=looking.addons, intercept="~u responses") as relay, Client(relay.port) as client:
        await client.send("POST", "/v1/responses", {"content-type": "application/json", **CODEX}, b"{")
        held = await looking.held()
        assert held.response  # it is held for its answer
        if end == "resume":
            looking.resume(held)
            assert (await asyncio.wait_for(client.read(), 5)).failure()
            await until(lambda: not held.live)
            assert held.comment.startswith("🔴 refused")
            return
        if end == "leave":
            client.leave()
        else:
            held.kill()
            assert (await asyncio.wait_for(client.read(), 5)).failure()["message"] == ABORTED
        await until(lambda: held in relay.witness.flows and not held.live)
        assert_ended(held, {"abort": "killed", "leave": "client left"}[end], caplog)


@pytest.mark.parametrize("options", [CLIENTS, ANSWERS])
async def test_another_client_hears_of_an_abort_by_its_status(proxy, options: dict[str, str]) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, **options) as relay:
        asked = asyncio.create_task(relay.ask(headers=OTHER))
        (await looking.held()).kill()
        reply = await asyncio.wait_for(asked, 5)
    assert (reply.status, reply.json()["error"]["code"], reply.json()["error"]["message"]) == (403, "aborted", ABORTED)


async def test_an_answer_that_was_heard_already_stays_as_it_was(proxy) -> None:
    more = asyncio.Event()

    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(sse(delta("Hel")))
        await more.wait()
        await answer.send(text_answer("lo"))
        await answer.end()

    looking = Looking()
    async with proxy(script, looking=looking.addons) as relay:
        asked = asyncio.create_task(relay.ask())
        await until(lambda: any(turn.body for turn in addon.exchange.live.values()))
        relay.master.options.update(intercept="~s & ~u responses")  # a filter that matches too late
        more.set()
        held = await looking.held()
        assert held.comment == "held: the client has heard it; resume"
        held.kill()
        reply = await asyncio.wait_for(asked, 5)
        client, _ = await relay.turn()
    assert reply.text() == "Hello"
    assert client.metadata["relay"]["status"] == "completed"
    assert client.response.content == reply.body


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


@pytest.mark.parametrize("option", ["relay_intercept", "relay_intercept_answers"])
async def test_a_turn_that_is_cleared_from_the_list_while_it_is_held_is_aborted(proxy, option: str) -> None:
    """Nobody can resume it any more."""
    looking = Looking()
    async with proxy(looking=looking.addons, **{option: "~all"}) as relay:
        asked = asyncio.create_task(relay.ask())
        await looking.held()
        looking.view.clear()
        reply = await asyncio.wait_for(asked, 5)
        await relay.flows(1)
    assert reply.failure()["message"] == ABORTED
    assert looking.flows == []
