"""Two providers behind one port, for the tests of whose model it is and of who takes over."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from addon.cooling import cooling

from .wire import Answering, Script, Seen, Upstream, text_answer, turn

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


def turns(upstream: Upstream) -> list[Seen]:
    """What it was asked, without the requests for its list."""
    return [one for one in upstream.seen if one.method == "POST"]
