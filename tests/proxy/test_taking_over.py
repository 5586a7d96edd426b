"""Who takes over when a model fails, or hangs: the client's next try is answered, and nothing is sent twice."""

from __future__ import annotations

import asyncio
import logging

import pytest

from addon import exchange, heartbeat, patience, stand_ins
from addon.cooling import cooling
from addon.providers import parse_upstream

from .several import FIRST_KEY, SECOND_KEY, behind_one_port, keys, listing, refusing, turn_of, turns  # noqa: F401 - a fixture
from .wire import CODEX, OTHER, USAGE, Answering, Client, Script, Upstream, delta, finish, sse, text_answer, until

pytestmark = pytest.mark.asyncio


async def test_another_model_answers_the_next_try_and_the_first_returns_after_its_rest(
    proxy, caplog, monkeypatch
) -> None:
    caplog.set_level(logging.INFO)
    second = Upstream(listing("b"))
    async with behind_one_port(proxy, refusing, second, relay_fallback="two/b") as relay:
        failed = (await relay.ask(turn_of("one/a"))).failure()
        assert (failed["code"], "two/b takes over; try again in 0.1s." in failed["message"]) == (
            "rate_limit_exceeded",
            True,
        )
        assert (await relay.ask(turn_of("one/a"))).text() == "from b"
        assert (await relay.ask(turn_of("one/a"))).text() == "from b"
        assert (len(turns(relay.upstream)), len(turns(second))) == (1, 2)
        flows = await relay.flows(6)
        told = [flow.metadata["relay"].get("failover") for flow in flows if flow.metadata["relay"]["role"] == "client"]
        assert [(one["from"], one["to"]) for one in told] == [("one/a", "two/b")] * 3
        assert all("engine overloaded" in one["why"] for one in told)
        assert "one/a rests for 30 s, two/b takes over" in caplog.text
        now = cooling._clock()
        monkeypatch.setattr(cooling, "_clock", lambda: now + 31)
        await relay.ask(turn_of("one/a"))
        assert len(turns(relay.upstream)) == 2


async def test_other_clients_get_a_status_and_the_seconds_to_wait(proxy) -> None:
    second = Upstream(listing("b"))
    async with behind_one_port(proxy, refusing, second, relay_fallback="two/b") as relay:
        reply = await relay.ask(turn_of("one/a"), OTHER)
        assert (reply.status, reply.headers["retry-after"]) == (429, "1")
        assert (await relay.ask(turn_of("one/a"), OTHER)).text() == "from b"


async def test_nobody_takes_over_who_can_not(proxy) -> None:
    """A picture does not go to a model that sees none, a long conversation to none with a small window."""
    second = Upstream(listing("deepseek-v4-pro", context_length=1000))
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    message = {"type": "message", "role": "user", "content": [picture]}
    async with behind_one_port(proxy, refusing, second, relay_fallback="two/deepseek-v4-pro") as relay:
        for body in (turn_of("one/a", text=[message]), turn_of("one/a", text="word " * 2000)):
            cooling.clear()
            assert "takes over" not in (await relay.ask(body)).failure()["message"]
        assert "takes over" in (await relay.ask(turn_of("one/a"))).failure()["message"]
    assert turns(second) == []


def naming(model: str, *parameters: str, lists_after: int = 0) -> Script:
    """Lists one model with what it takes, once it was asked so often in vain, and answers turns."""
    asked = 0

    async def script(answer: Answering) -> None:
        nonlocal asked
        if answer.seen.method == "POST":
            await answer.stream(text_answer(f"from {model}"))
            return
        asked += 1
        if asked <= lists_after:
            await refusing(answer)
        else:
            await listing(model, supported_parameters=list(parameters))(answer)

    return script


TOOLS = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]


@pytest.mark.parametrize(("parameters", "others"), [(["temperature"], 0), (["tools"], 2)])
async def test_tools_go_to_no_model_without_them_though_nobody_asked_for_the_list(
    proxy, parameters: list[str], others: int
) -> None:
    second = Upstream(naming("b", *parameters))
    async with behind_one_port(proxy, refusing, second, relay_fallback="two/b") as relay:
        for _ in range(3):
            await relay.ask(turn_of("one/a", tools=TOOLS))
        assert (len(turns(relay.upstream)), len(turns(second))) == (3 - others, others)
        assert {one.headers["authorization"] for one in relay.upstream.seen} == {f"Bearer {FIRST_KEY}"}
        assert {one.headers["authorization"] for one in second.seen} == {f"Bearer {SECOND_KEY}"}


async def test_a_list_that_was_down_is_asked_for_again_before_anybody_takes_over(proxy, monkeypatch) -> None:
    second = Upstream(naming("b", "temperature", lists_after=1))
    async with behind_one_port(proxy, refusing, second, relay_fallback="two/b") as relay:
        await until(lambda: second.seen and not stand_ins.lists._asking)
        assert "two/b takes over" in (await relay.ask(turn_of("one/a", tools=TOOLS))).failure()["message"]
        assert len(second.seen) == 1, "not again at once"
        monkeypatch.setattr(stand_ins, "AGAIN", 0.0)
        assert "takes over" not in (await relay.ask(turn_of("one/a", tools=TOOLS))).failure()["message"]
        assert turns(second) == []
        assert (await relay.ask(turn_of("one/a"))).text() == "from b"


async def test_the_only_provider_is_asked_for_its_list_too(proxy, caplog) -> None:
    async def script(answer: Answering) -> None:
        if answer.seen.method == "GET":
            await listing("plain", supported_parameters=["temperature"])(answer)
        else:
            await refusing(answer)

    async with proxy(script, relay_fallback="plain,plian", relay_api_key="relay-key-1") as relay:
        await until(lambda: "lists no such model" in caplog.text)
        reply = (await relay.ask(turn_of("big", tools=TOOLS))).failure()
        assert "plain takes over" not in reply["message"]
        assert f"relay_fallback: plian: 127.0.0.1:{relay.upstream.port} lists no such model; did you mean plain?" in (
            caplog.text
        )
    assert {one.headers["authorization"] for one in relay.upstream.seen} == {"Bearer relay-key-1"}


async def test_with_everybody_resting_the_providers_own_words_are_heard(proxy) -> None:
    second = Upstream(refusing)
    async with behind_one_port(proxy, refusing, second, relay_fallback="two/b") as relay:
        assert "two/b takes over" in (await relay.ask(turn_of("one/a"))).failure()["message"]
        last = (await relay.ask(turn_of("one/a"))).failure()["message"]
        assert "takes over" not in last
        assert "try again in 30s" in last


async def test_one_provider_falls_back_to_another_of_its_models(proxy) -> None:
    async def script(answer: Answering) -> None:
        if answer.seen.method == "GET":
            await refusing(answer)
        elif answer.seen.json()["model"] == "big":
            await answer.whole(
                b'{"error":{"message":"no credit","code":"insufficient_quota"}}', "429 Too Many Requests"
            )
        else:
            await answer.stream(text_answer(answer.seen.json()["model"]))

    async with proxy(script, relay_fallback="small", relay_model_map="gpt-*=big") as relay:
        assert "small takes over" in (await relay.ask()).failure()["message"]
        assert (await relay.ask()).text() == "small"


async def test_a_failure_counts_as_soon_as_the_client_has_heard_it(proxy) -> None:
    """The provider keeps the connection open behind its error."""
    over = asyncio.Event()

    async def lingering(answer: Answering) -> None:
        await answer.head()
        await answer.send(sse({"error": {"message": "engine overloaded", "code": 503}}))
        await over.wait()

    second = Upstream(listing("b"))
    async with behind_one_port(proxy, lingering, second, relay_fallback="two/b") as relay:
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", CODEX, turn_of("one/a"))
            await client.reader.readuntil(b"two/b takes over")
            assert (await relay.ask(turn_of("one/a"))).text() == "from b"
        over.set()
    assert len(turns(relay.upstream)) == 1


async def test_pictures_of_the_turn_before_count_too(proxy) -> None:
    asked = 0

    async def first(answer: Answering) -> None:
        nonlocal asked
        asked += answer.seen.method == "POST"
        await (answer.stream(text_answer("a cat")) if asked == 1 else refusing(answer))

    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    message = {"type": "message", "role": "user", "content": [picture]}
    second = Upstream(listing("deepseek-v4-pro"))
    async with behind_one_port(proxy, first, second, relay_fallback="two/deepseek-v4-pro") as relay:
        seen = (await relay.ask(turn_of("one/a", text=[message]), OTHER)).events()[-1]["response"]
        reply = await relay.ask(turn_of("one/a", text="and now?", previous_response_id=seen["id"]), OTHER)
        assert "takes over" not in reply.json()["error"]["message"]


async def test_what_the_first_model_can_not_do_is_asked_of_none(proxy) -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    message = {"type": "message", "role": "user", "content": [picture]}
    second = Upstream(listing("deepseek-v4-flash"))
    async with behind_one_port(proxy, refusing, second, relay_fallback="two/deepseek-v4-flash") as relay:
        assert "takes over" in (await relay.ask(turn_of("one/deepseek-v4-pro", text=[message]))).failure()["message"]


async def test_a_request_nested_deeply_is_the_clients_fault(proxy) -> None:
    content = '{"content":[' * 300 + '"x"' + "]}" * 300
    body = f'{{"model":"one/a","stream":true,"input":[{{"type":"message","role":"user","content":[{content}]}}]}}'
    async with behind_one_port(proxy, refusing, Upstream(listing("b")), relay_fallback="two/b") as relay:
        assert "failed to translate" not in (await relay.ask(body.encode())).failure()["message"]


async def test_a_stand_in_that_refuses_does_not_end_the_turn(proxy) -> None:
    """The model that was asked for comes back soon; that the other one takes no key is not its client's concern."""

    async def wrong_key(answer: Answering) -> None:
        await answer.whole(b'{"error":{"message":"Incorrect API key"}}', "401 Unauthorized")

    second = Upstream(wrong_key)
    async with behind_one_port(proxy, refusing, second, relay_fallback="two/b") as relay:
        assert "two/b takes over" in (await relay.ask(turn_of("one/a"))).failure()["message"]
        failed = (await relay.ask(turn_of("one/a"))).failure()
        assert failed["code"] == "rate_limit_exceeded"
        assert "Incorrect API key" in failed["message"]
        assert "one/a takes over; try again in 30.1s." in failed["message"]
    async with behind_one_port(proxy, wrong_key, second, relay_fallback="two/b") as relay:
        cooling.clear()
        assert (await relay.ask(turn_of("one/a"))).failure()["code"] == "invalid_prompt"


async def test_one_wait_is_told(proxy) -> None:
    async def failing(answer: Answering) -> None:
        await answer.whole(b'{"error":{"message":"overloaded","code":503}}', headers={"Retry-After": "30"})

    async with (
        behind_one_port(proxy, failing, Upstream(listing("b")), relay_fallback="two/b") as relay,
        Client(relay.port) as client,
    ):
        await client.send("POST", "/v1/responses", OTHER, turn_of("one/a", stream=False))
        head = (await client.reader.readuntil(b"\r\n\r\n")).lower()
    assert (head.count(b"retry-after"), b"retry-after: 1\r" in head) == (1, True)


async def silent(answer: Answering) -> None:
    await asyncio.Event().wait()


async def silent_behind_its_head(answer: Answering) -> None:
    await answer.head()
    await asyncio.Event().wait()


async def silent_behind_a_head_without_length(answer: Answering) -> None:
    await answer.head(chunked=False)
    await asyncio.Event().wait()


@pytest.mark.parametrize("hangs", [silent, silent_behind_its_head, silent_behind_a_head_without_length])
async def test_a_provider_that_hangs_is_given_up_and_another_one_takes_over(
    proxy, monkeypatch, caplog, hangs: Script
) -> None:
    monkeypatch.setattr(heartbeat, "TICK", 0.05)
    monkeypatch.setattr(patience, "FIRST_TOKEN", 0.2)
    async with behind_one_port(proxy, hangs, Upstream(listing("b")), relay_fallback="two/b") as relay:
        failed = (await relay.ask(turn_of("one/a"))).failure()
        assert failed["code"] == "rate_limit_exceeded"
        assert "has said nothing for 0.2 s. two/b takes over; try again in 0.1s." in failed["message"]
        assert (await relay.ask(turn_of("one/a"))).text() == "from b"
        assert "one/a rests for 60 s, two/b takes over" in caplog.text
    assert len(turns(relay.upstream)) == 1


async def test_nobody_is_given_up_who_has_begun_or_whom_nobody_stands_in_for(proxy, monkeypatch) -> None:
    monkeypatch.setattr(heartbeat, "TICK", 0.02)
    monkeypatch.setattr(patience, "FIRST_TOKEN", 0.3)

    async def slow(answer: Answering) -> None:
        if answer.seen.method == "GET":
            return
        begin, *rest = sse(delta("at "), delta("last"), finish(), USAGE, "[DONE]").split(b"\n\n")
        if answer.seen.json()["model"] == "begun":
            await answer.head()
            await answer.send(begin + b"\n\n")
            await asyncio.sleep(0.6)
            await answer.send(b"\n\n".join(rest))
            await answer.end()
        else:
            await asyncio.sleep(0.6)
            await answer.stream(text_answer("at ", "last"))

    async with proxy(slow, relay_fallback="begun") as relay:
        replies = await asyncio.gather(relay.ask(turn_of("begun")), relay.ask(turn_of("late", stream=False)))
    assert replies[0].text() == "at last"
    assert b"takes over" not in replies[1].body
    async with proxy(slow) as relay:
        assert (await relay.ask(turn_of("late"))).text() == "at last"


async def test_who_left_after_long_silence_is_answered_by_another_one(proxy, monkeypatch) -> None:
    second = Upstream(listing("b"))
    async with behind_one_port(proxy, silent_behind_its_head, second, relay_fallback="two/b") as relay:
        for hangs_after in (60.0, 0.0):
            monkeypatch.setattr(exchange, "HANGS_AFTER", hangs_after)
            async with Client(relay.port) as client:
                await client.send("POST", "/v1/responses", CODEX, turn_of("one/a"))
                await until(lambda: exchange.live)
                client.leave()
                await until(lambda: not exchange.live)
        assert (await relay.ask(turn_of("one/a"))).text() == "from b"
    assert len(turns(relay.upstream)) == 2  # who leaves at once may have thought better of it


async def test_a_server_that_can_not_be_reached_rests_with_all_its_models(proxy, caplog) -> None:
    second = Upstream(listing("b"))
    async with second.serve(), Upstream().serve() as gone:
        pass
    async with behind_one_port(
        proxy,
        listing("a"),
        second,
        relay_providers=f"gone=http://127.0.0.1:{gone.port}/v1#FIRST_TEST_KEY,one=http://127.0.0.1:PORT/v1",
        relay_fallback="one/a",
    ) as relay:
        assert "one/a takes over" in (await relay.ask(turn_of("gone/x"))).failure()["message"]
        assert (await relay.ask(turn_of("gone/y"))).text() == "from a"
        assert f"all of 127.0.0.1:{gone.port} rests for 60 s, one/a takes over" in caplog.text


async def test_the_longer_of_two_rests_counts() -> None:
    place = parse_upstream("http://127.0.0.1:1/v1")
    assert cooling.rest(place, "a", "used up", 600.0) == 600.0
    assert 590 < cooling.rest(place, "a", "slow down", 5.0) <= 600
    assert (found := cooling.of(place, "a")) is not None
    assert found.why == "used up"


@pytest.mark.parametrize(("wait", "seconds"), [(3.0, 3.0), (0.0, 1.0), (None, 60.0), (9e9, 3600.0)])
async def test_a_rest_is_as_long_as_the_provider_says(wait: float | None, seconds: float) -> None:
    assert cooling.rest(parse_upstream("http://127.0.0.1:2/v1"), "a", "slow down", wait) == seconds
