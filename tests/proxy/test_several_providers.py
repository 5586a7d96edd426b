"""Several providers behind one port: whose model, whose key, and who takes over."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from addon.cooling import cooling

from .wire import CODEX, OTHER, Answering, Script, Upstream, text_answer, turn

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
async def behind_one_port(proxy: Any, first: Script, second: Upstream, **opts: str) -> AsyncIterator[Any]:
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
