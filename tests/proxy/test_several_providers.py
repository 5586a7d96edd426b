"""Several providers behind one port: whose model, whose key, and who takes over."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mitmproxy import connection
from mitmproxy.test import tflow

from addon import guard
from addon.cooling import cooling
from addon.model_lists import ListFailed, fetch
from addon.providers import find_provider, parse_upstream

from .looking import Looking
from .wire import CODEX, OTHER, Answering, Client, Script, Upstream, sse, text_answer, turn

pytestmark = pytest.mark.asyncio

FIRST_KEY, SECOND_KEY = "first-key-111", "second-key-222"


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FIRST_TEST_KEY", FIRST_KEY)
    monkeypatch.setenv("SECOND_TEST_KEY", SECOND_KEY)
    cooling.clear()
    yield
    cooling.clear()


def providers(second: Upstream) -> str:
    return (
        "one=http://127.0.0.1:PORT/v1#FIRST_TEST_KEY,"
        f"two=http://127.0.0.1:{second.port}/gateway/v1#SECOND_TEST_KEY"
    )  # fmt: skip


@asynccontextmanager
async def behind_one_port(proxy: Any, first: Script, second: Upstream, **opts: Any) -> AsyncIterator[Any]:
    """The relay before two providers, `one` (relay.upstream) and `two`."""
    async with second.serve():
        opts = {"relay_providers": providers(second), **opts}
        async with proxy(first, **opts) as relay:
            yield relay


def turn_of(model: str, **fields: object) -> bytes:
    return json.dumps({**json.loads(turn(**fields)), "model": model}).encode()


def listing(*ids: str, **facts: object) -> Script:
    async def script(answer: Answering) -> None:
        if answer.seen.method == "GET":
            data = [{"id": one, "object": "model", **facts} for one in ids]
            await answer.whole(json.dumps({"object": "list", "data": data}).encode())
        else:
            await answer.stream(text_answer(f"from {ids[0]}"))

    return script


async def refusing(answer: Answering) -> None:
    body = json.dumps({"error": {"message": "engine overloaded"}}).encode()
    await answer.whole(body, "503 Service Unavailable", {"Retry-After": "30"})


async def test_each_model_goes_to_its_provider_with_its_key(proxy) -> None:
    second = Upstream(listing("b"))
    async with behind_one_port(proxy, listing("a"), second) as relay:
        assert (await relay.ask(turn_of("one/a"))).text() == "from a"
        assert (await relay.ask(turn_of("two/vendor/b"))).text() == "from b"
        assert (await relay.ask(turn_of("plain"))).text() == "from a"
    sent = [(one.json()["model"], one.path, one.headers["authorization"]) for one in relay.upstream.seen]
    assert sent == [
        ("a", "/v1/chat/completions", f"Bearer {FIRST_KEY}"),
        ("plain", "/v1/chat/completions", f"Bearer {FIRST_KEY}"),
    ]
    (seen,) = second.seen
    assert (seen.json()["model"], seen.path) == ("vendor/b", "/gateway/v1/chat/completions")
    assert seen.headers["authorization"] == f"Bearer {SECOND_KEY}"
    wire = repr([relay.upstream.seen, second.seen])
    assert "client-key-123" not in wire
    assert SECOND_KEY not in repr(relay.upstream.seen)
    assert FIRST_KEY not in repr(second.seen)


async def test_the_model_map_crosses_providers(proxy) -> None:
    second = Upstream(listing("b"))
    opts = {"relay_model_map": "gpt-6*=two/b,tiny=one/a"}
    async with behind_one_port(proxy, listing("a"), second, **opts) as relay:
        assert (await relay.ask(turn_of("gpt-6-luna"))).text() == "from b"
        assert (await relay.ask(turn_of("tiny"))).text() == "from a"
        client, _ = await relay.turn()
        assert client.metadata["relay"]["requested_model"] == "gpt-6-luna"
        assert client.metadata["relay"]["options"]["model_map"] == {"gpt-6-luna": "b"}


async def test_a_target_at_nobody_that_is_known_is_pointed_out(proxy, caplog) -> None:
    second = Upstream(listing("b"))
    async with behind_one_port(proxy, listing("a"), second, relay_fallback="two/b,three/c"):
        assert "three/c: three is none of relay_providers; one will be asked for 'three/c'" in caplog.text
        assert "two/b" not in caplog.text


async def test_the_lists_are_put_together_and_an_alias_stands_among_them(proxy) -> None:
    second = Upstream(listing("b", "text-embedding-3-small", context_length=64000))
    opts = {"relay_model_map": "gpt-6*=two/b,tiny=one/a"}
    async with behind_one_port(proxy, listing("a"), second, **opts) as relay:
        plain = await relay.ask(b"", OTHER, method="GET", path="/v1/models")
        reply = await relay.ask(b"", method="GET", path="/v1/models?client_version=0.169.0")
    assert [one["id"] for one in plain.json()["data"]] == ["one/a", "two/b", "tiny"]
    catalog = {one["slug"]: one for one in reply.json()["models"]}
    assert {"one/a", "two/b", "tiny", "gpt-6-luna", "gpt-6.1-terra"} <= catalog.keys()
    assert "two/text-embedding-3-small" not in catalog
    assert catalog["two/b"]["context_window"] == catalog["gpt-6-luna"]["context_window"] == 64000
    assert (catalog["tiny"]["visibility"], catalog["gpt-6-luna"]["visibility"]) == ("list", "hide")
    assert reply.headers["etag"]
    assert [one.headers["authorization"] for one in second.seen] == [f"Bearer {SECOND_KEY}"] * 2


async def test_a_provider_without_a_list_is_named_and_the_others_are_listed(proxy, caplog) -> None:
    async def wrong_key(answer: Answering) -> None:
        await answer.whole(b'{"error":{"message":"Incorrect API key"}}', "401 Unauthorized")

    second = Upstream(wrong_key)
    async with behind_one_port(proxy, listing("a"), second) as relay:
        reply = await relay.ask(b"", method="GET", path="/v1/models?client_version=0.169.0")
    assert [one["slug"] for one in reply.json()["models"]] == ["one/a"]
    assert "Incorrect API key" in caplog.text
    async with behind_one_port(proxy, wrong_key, second) as relay:
        reply = await relay.ask(b"", method="GET", path="/v1/models")
    assert reply.status == 502
    assert reply.json()["error"]["message"].count("Incorrect API key") == 2


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
        assert (len(relay.upstream.seen), len(second.seen)) == (1, 2)
        flows = await relay.flows(6)
        told = [flow.metadata["relay"].get("failover") for flow in flows if flow.metadata["relay"]["role"] == "client"]
        assert [(one["from"], one["to"]) for one in told] == [("one/a", "two/b")] * 3
        assert all("engine overloaded" in one["why"] for one in told)
        assert "one/a rests for 30 s, two/b takes over" in caplog.text
        now = cooling._clock()
        monkeypatch.setattr(cooling, "_clock", lambda: now + 31)
        await relay.ask(turn_of("one/a"))
        assert len(relay.upstream.seen) == 2


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
        await relay.ask(b"", method="GET", path="/v1/models")
        for body in (turn_of("one/a", text=[message]), turn_of("one/a", text="word " * 2000)):
            cooling.clear()
            assert "takes over" not in (await relay.ask(body)).failure()["message"]
        assert "takes over" in (await relay.ask(turn_of("one/a"))).failure()["message"]
    assert [one.method for one in second.seen] == ["GET"]


async def test_with_everybody_resting_the_providers_own_words_are_heard(proxy) -> None:
    second = Upstream(refusing)
    async with behind_one_port(proxy, refusing, second, relay_fallback="two/b") as relay:
        assert "two/b takes over" in (await relay.ask(turn_of("one/a"))).failure()["message"]
        last = (await relay.ask(turn_of("one/a"))).failure()["message"]
        assert "takes over" not in last
        assert "try again in 30s" in last


async def test_one_provider_falls_back_to_another_of_its_models(proxy) -> None:
    async def script(answer: Answering) -> None:
        if answer.seen.json()["model"] == "big":
            await answer.whole(
                b'{"error":{"message":"no credit","code":"insufficient_quota"}}', "429 Too Many Requests"
            )
        else:
            await answer.stream(text_answer(answer.seen.json()["model"]))

    async with proxy(script, relay_fallback="small", relay_model_map="gpt-*=big") as relay:
        assert "small takes over" in (await relay.ask()).failure()["message"]
        assert (await relay.ask()).text() == "small"


@pytest.mark.parametrize("origin", ["https://evil.test", "http://evil.test:4444", "null", "x://["])
async def test_a_web_page_can_not_spend_the_key(proxy, origin: str) -> None:
    async with proxy(relay_api_key="relay-key-1") as relay:
        reply = await relay.ask(headers={**OTHER, "origin": origin})
        assert (reply.status, relay.upstream.seen) == (403, [])
        assert (await relay.ask(headers={**CODEX, "origin": "http://localhost:3000"})).text() == "Hello"


# --- keys -------------------------------------------------------------------------------------------------------------


async def test_a_key_does_not_follow_a_redirected_request_to_a_connection_that_is_open(proxy) -> None:
    """The client's connection has one to the second provider already, so that none is opened."""
    second = Upstream(listing("b"))
    async with behind_one_port(proxy, listing("a"), second) as relay, Client(relay.port) as client:
        redirect = f"|//127.0.0.1:{relay.upstream.port}/|//127.0.0.1:{second.port}/"
        relay.master.options.update(map_remote=[redirect])
        for model in ("two/b", "one/a", "two/b"):
            await client.send("POST", "/v1/responses", CODEX, turn_of(model))
            reply = await client.read()
            if model == "one/a":
                assert "something redirected the request elsewhere" in reply.failure()["message"]
                break
            assert reply.text() == "from b"
    assert [one.headers["authorization"] for one in second.seen] == [f"Bearer {SECOND_KEY}"]


async def test_two_requests_of_one_client_may_go_to_two_providers_at_once() -> None:
    """HTTP/2 clients send several on one connection."""
    flows = [tflow.tflow(), tflow.tflow()]
    flows[1].client_conn = flows[0].client_conn
    for flow, host in zip(flows, ("one.test", "two.test"), strict=True):
        guard.guards[flow] = parse_upstream(f"https://{host}/v1")
    client = flows[0].client_conn
    for host, why in (("one.test", ""), ("two.test", ""), ("evil.test", "something redirected the request elsewhere")):
        said = guard.wrong_server(client, connection.Server(address=(host, 443)))
        assert why in said if why else not said
    assert guard.wrong_place(flows[0], ("one.test", 443), True) == ""
    assert guard.wrong_place(flows[0], ("two.test", 443), True)
    assert guard.wrong_place(flows[0], ("one.test", 443), False)


@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized"])
async def test_a_list_that_repeats_its_key_does_not_tell_it(proxy, caplog, status: str) -> None:
    async def echoing(answer: Answering) -> None:
        words = "x" * 140 + " " + answer.seen.headers["authorization"]  # where a long text is cut
        await answer.whole(json.dumps({"error": {"message": words}}).encode(), status)

    async with behind_one_port(proxy, echoing, Upstream(echoing)) as relay:
        reply = await relay.ask(b"", method="GET", path="/v1/models")
        (flow,) = await relay.flows(1)
    for told in (reply.body.decode(), flow.comment, caplog.text):
        assert "[scrubbed]" in told
        assert "first-key" not in told


async def test_a_proxy_of_the_environment_is_not_shown_a_key(proxy, monkeypatch) -> None:
    second = Upstream(listing("b"))
    async with behind_one_port(proxy, listing("a"), second) as relay:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{relay.upstream.port}")
        monkeypatch.setenv("NO_PROXY", "")
        provider = find_provider("far=http://llm.invalid/v1#FIRST_TEST_KEY")
        with pytest.raises(ListFailed, match="could not be reached"):
            await fetch(provider)
        assert relay.upstream.seen == []


# --- who takes over ---------------------------------------------------------------------------------------------------


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
    assert len(relay.upstream.seen) == 1


async def test_pictures_of_the_turn_before_count_too(proxy) -> None:
    asked = 0

    async def first(answer: Answering) -> None:
        nonlocal asked
        asked += 1
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


async def test_the_longer_of_two_rests_counts() -> None:
    place = parse_upstream("http://127.0.0.1:1/v1")
    assert cooling.rest(place, "a", "used up", 600.0) == 600.0
    assert 590 < cooling.rest(place, "a", "slow down", 5.0) <= 600
    assert (found := cooling.of(place, "a")) is not None
    assert found.why == "used up"


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model_map", "listed", "windows"),
    [
        ("gpt-5*=a", ["one/a", "two/b", "two/gpt-5.5"], {"gpt-5.5": 10, "two/gpt-5.5": 400}),
        ("two/gpt-5.5=one/a", ["one/a", "two/b", "two/gpt-5.5"], {"two/gpt-5.5": 10}),
        ("tiny=a", ["one/a", "two/b", "two/gpt-5.5", "tiny"], {"tiny": 10}),
        ("*=two/b", ["two/b"], {"one/a": 64, "two/gpt-5.5": 64, "gpt-5.4": 64}),
    ],
)
async def test_a_mapped_name_is_what_it_stands_for(proxy, model_map: str, listed: list[str], windows: dict) -> None:
    """Also where a provider has a model of that name, and where the target names no provider."""

    async def others(answer: Answering) -> None:
        data = [{"id": "b", "context_length": 64000}, {"id": "gpt-5.5", "context_length": 400_000}]
        await answer.whole(json.dumps({"data": data}).encode())

    first = listing("a", context_length=10_000)
    async with behind_one_port(proxy, first, Upstream(others), relay_model_map=model_map) as relay:
        reply = await relay.ask(b"", method="GET", path="/v1/models?client_version=0.169.0")
    assert [one["id"] for one in reply.json()["data"]] == listed
    catalog = {one["slug"]: one["context_window"] // 1000 for one in reply.json()["models"]}
    assert {name: catalog[name] for name in windows} == windows


# --- for those who look on ---------------------------------------------------------------------------------------------


async def test_no_key_is_shown_while_the_lists_are_asked_for(proxy) -> None:
    looking, second = Looking(), Upstream(listing("b"))
    async with behind_one_port(proxy, listing("a"), second, looking=looking.addons) as relay:
        reply = await relay.ask(b"", method="GET", path="/v1/models")
        await relay.flows(1)
    assert reply.status == 200
    assert looking.updates
    for key in (CODEX["authorization"].split()[1], FIRST_KEY, SECOND_KEY):
        assert key not in looking.seen


async def test_a_turn_is_run_again_at_another_provider(proxy) -> None:
    looking, second = Looking(), Upstream(listing("b"))
    async with behind_one_port(proxy, listing("a"), second, looking=looking.addons) as relay:
        await relay.ask(turn_of("one/a"))
        await relay.flows(2)
        relay.master.commands.call_strings("relay.rerun", ["@all", "two/b"])
        await relay.flows(4)
    assert (second.seen[-1].json()["model"], second.seen[-1].path) == ("b", "/gateway/v1/chat/completions")
    assert second.seen[-1].headers["authorization"] == f"Bearer {SECOND_KEY}"
    assert SECOND_KEY not in looking.seen
