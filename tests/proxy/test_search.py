"""Codex's standalone web search, `POST /v1/alpha/search`, answered from a search service on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from mitmproxy.exceptions import OptionsError

import addon.search
from addon.search import NOT_SET_UP, parse_service
from relay_translate.search import SERVICES

from .wire import CODEX, Answering, Client, Reply, Upstream

KEY = "search-key-0123456789"
PATH = "/v1/alpha/search"


def commands(*queries: str, **more: Any) -> bytes:
    body = {
        "id": "session-1", "model": "gpt-test", "input": [], "commands": {"search_query": [{"q": q} for q in queries], **more},
        "settings": {"allowed_callers": ["direct"], "external_web_access": True}, "max_output_tokens": 10000,
    }  # fmt: skip
    return json.dumps(body).encode()


def found(name: str, *titles: str) -> bytes:
    entries = [
        {"title": title, "url": f"https://{title}.example", "content": "Text.", "description": "Text."}
        for title in titles
    ]
    return json.dumps({"web": {"results": entries}} if name == "brave" else {"results": entries}).encode()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def searching(proxy, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`async with searching("brave", script) as (relay, service)`."""

    @contextlib.asynccontextmanager
    async def start(name: str, script: Any) -> AsyncIterator[tuple[Any, Upstream]]:
        service = Upstream(script)
        async with service.serve():
            address = f"http://127.0.0.1:{service.port}"
            own = {key: replace(one, address=one.address and f"{address}/search") for key, one in SERVICES.items()}
            monkeypatch.setattr(addon.search, "SERVICES", own)
            for one in own.values():
                if one.variable:
                    monkeypatch.setenv(one.variable, KEY)
            async with proxy(relay_search=f"searxng:{address}" if name == "searxng" else name) as relay:
                yield relay, service

    return start


def saying(body: bytes, status: str = "200 OK", headers: dict[str, str] | None = None) -> Any:
    async def script(answer: Answering) -> None:
        await answer.whole(body, status, headers)

    return script


async def search(relay: Any, *queries: str, **more: Any) -> Reply:
    return await relay.ask(commands(*queries, **more), path=PATH)


def output(reply: Reply) -> str:
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json().keys() == {"output"}
    return reply.json()["output"]


@pytest.mark.parametrize("name", SERVICES)
async def test_each_service_is_asked_in_its_own_way(searching, name: str) -> None:
    async with searching(name, saying(found(name, "one", "two"))) as (relay, service):
        text = output(await search(relay, "codex cli"))
        assert relay.upstream.connections == 0
    assert text == "1. one\n   https://one.example\n   Text.\n\n2. two\n   https://two.example\n   Text."
    [seen] = service.seen
    assert seen.path.startswith("/search")
    if name == "tavily":
        assert (seen.method, seen.json()["query"], seen.headers["authorization"]) == (
            "POST",
            "codex cli",
            f"Bearer {KEY}",
        )
    else:
        assert (seen.method, "q=codex+cli" in seen.path) == ("GET", True)
        assert seen.headers.get("x-subscription-token") == (KEY if name == "brave" else None)
    # Neither who asks nor the key of the provider is the search service's business.
    assert CODEX["authorization"] not in seen.headers.values()
    assert "session-1" not in str(seen)


async def test_several_queries_are_asked_one_after_the_other(searching) -> None:
    async def script(answer: Answering) -> None:
        await answer.whole(found("searxng", "b" if "q=second" in answer.seen.path else "a"))

    async with searching("searxng", script) as (relay, service):
        text = output(await search(relay, "first", "second", open=[{"ref_id": "https://a.example"}]))
    assert text.index("Results for 'first':\n1. a\n") < text.index("Results for 'second':\n1. b\n")
    assert "Not done: open." in text
    assert len(service.seen) == 2


async def test_a_busy_service_is_asked_once_more(searching) -> None:
    async def script(answer: Answering) -> None:
        if len(service.seen) == 1:
            await answer.whole(b"{}", "429 Too Many Requests", {"Retry-After": "0"})
        else:
            await answer.whole(found("brave", "late"))

    async with searching("brave", script) as (relay, service):
        assert output(await search(relay, "q")).startswith("1. late\n")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        ("401 Unauthorized", b'{"detail": "bad token"}', ["HTTP 401", "check the key in BRAVE_API_KEY", "bad token"]),
        ("403 Forbidden", b"no", ["HTTP 403", "check the key in BRAVE_API_KEY"]),
        ("429 Too Many Requests", b"slow", ["HTTP 429", "limit of searches"]),
        ("500 Internal Server Error", b"<html>oops</html>", ["HTTP 500", "oops"]),
        ("302 Found", b"", ["HTTP 302", "redirects"]),
        ("200 OK", b"<html>", ["not JSON"]),
        ("200 OK", b'{"web": 5}', ["unknown form"]),
        ("401 Unauthorized", KEY.encode(), ["[scrubbed]"]),
    ],
)
async def test_a_refusal_is_a_text_for_the_model(searching, status: str, body: bytes, words: list[str]) -> None:
    script = saying(body, status, {"Retry-After": "0", "Location": "http://127.0.0.1:1/elsewhere"})
    async with searching("brave", script) as (relay, _):
        text = output(await search(relay, "q"))
    assert text.startswith("The search failed: ")
    assert all(word in text for word in words)
    assert KEY not in text


async def test_a_searxng_without_json_says_what_to_do(searching) -> None:
    async with searching("searxng", saying(b"", "403 Forbidden")) as (relay, _):
        assert "add json to search.formats in its settings.yml" in output(await search(relay, "q"))


async def test_a_dead_service_is_a_text_for_the_model(proxy) -> None:
    async with proxy(relay_search="searxng:http://127.0.0.1:1") as relay:
        assert "The search failed: 127.0.0.1:1 could not be reached" in output(await search(relay, "q"))


async def test_a_slow_service_holds_up_nothing_and_nobody(searching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addon.search, "WHOLE_LIMIT", 0.6)

    async def script(answer: Answering) -> None:
        await answer.gone()

    async with searching("searxng", script) as (relay, _):
        started = time.monotonic()
        waiting = asyncio.create_task(search(relay, "a", "b", "c"))
        await asyncio.sleep(0.05)
        assert (await relay.ask()).text() == "Hello"
        assert time.monotonic() - started < 0.5
        text = output(await waiting)
        assert time.monotonic() - started < 3
    assert text.count("did not answer within") == 3


async def test_an_answer_without_end_is_bounded(searching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addon.search, "LARGEST_ANSWER", 1024)
    bomb = gzip.compress(b" " * 10_000_000)
    async with searching("searxng", saying(bomb, headers={"Content-Encoding": "gzip"})) as (relay, _):
        assert "gave an answer of more than" in output(await search(relay, "q"))


async def test_without_a_service_the_model_hears_of_the_option(proxy) -> None:
    async with proxy() as relay:
        assert output(await search(relay, "q")) == NOT_SET_UP
    assert "relay_search" in NOT_SET_UP


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"commands": 5}', b"\xff"])
async def test_a_request_that_is_none_is_answered(searching, body: bytes) -> None:
    async with searching("searxng", saying(found("searxng", "a"))) as (relay, service):
        assert output(await relay.ask(body, path=PATH))
        assert service.seen == []


async def test_an_unexpected_error_is_answered_and_logged(searching, monkeypatch, caplog) -> None:
    def broken(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(addon.search, "search_text", broken)
    async with searching("searxng", saying(found("searxng", "a"))) as (relay, _):
        assert "codex-relay failed to search" in output(await search(relay, "q"))
    assert "unexpected error in a web search" in caplog.text


async def test_the_path_works_without_v1_and_other_methods_are_refused(proxy) -> None:
    async with proxy() as relay:
        assert output(await relay.ask(commands("q"), path="/alpha/search")) == NOT_SET_UP
        refused = await relay.ask(method="GET", path=PATH)
        assert (refused.status, refused.headers["allow"]) == (405, "POST")
        assert relay.upstream.connections == 0


async def test_a_search_is_one_line_and_a_flow_without_keys(searching, caplog) -> None:
    caplog.set_level(logging.INFO)
    async with searching("brave", saying(found("brave", "a"))) as (relay, service):
        async with Client(relay.port) as client:
            await client.send("POST", PATH, {"content-type": "application/json", **CODEX}, commands("secret wish"))
            await client.read()
        [flow] = await relay.flows(1)
    told = [record.getMessage() for record in caplog.records if "web search" in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith(f"web search at 127.0.0.1:{service.port}: 1 query, 1 result, ")
    assert "secret wish" not in told[0]
    assert flow.comment == told[0]
    assert flow.request.headers["authorization"] == "Bearer [scrubbed]"
    assert b"1. a" in flow.response.content
    assert KEY not in caplog.text


# --- the option


def test_a_service_is_named_with_its_key_or_its_address() -> None:
    assert parse_service("", {}) is None
    one = parse_service(" searxng:https://s.example/ ", {})
    assert (one.service.name, one.address, one.host, one.key) == ("searxng", "https://s.example", "s.example", "")
    assert parse_service("brave", {"BRAVE_API_KEY": " k "}).key == "k"
    assert parse_service("Tavily:$MY_KEY", {"MY_KEY": "k"}).key == "k"
    assert parse_service("tavily:env:MY_KEY", {"MY_KEY": "k"}).variable == "MY_KEY"
    assert "secret" not in repr(parse_service("brave", {"BRAVE_API_KEY": "secret"}))


@pytest.mark.parametrize(
    ("value", "environ", "words"),
    [
        ("google", {}, "searxng:URL, brave"),
        ("searxng", {}, "searxng:https://host"),
        ("searxng:s.example", {}, "searxng:https://host"),
        ("searxng:https://me:hunter2@s.example", {}, "not supported"),
        ("brave", {}, "BRAVE_API_KEY"),
        ("brave:MY_KEY", {}, "MY_KEY"),
        ("brave:not a name", {}, "not the name of an environment variable"),
        ("brave", {"BRAVE_API_KEY": "top secret"}, "BRAVE_API_KEY holds characters"),
        ("tavily:tvlyhunter2", {}, "the environment variable for the key of Tavily"),
    ],
)
def test_a_wrong_service_names_the_remedy_and_no_key(value: str, environ: dict[str, str], words: str) -> None:
    with pytest.raises(OptionsError, match=r"^relay_search") as raised:
        parse_service(value, environ)
    assert words in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert "secret" not in str(raised.value)
