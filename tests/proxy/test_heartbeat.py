"""A provider that says nothing for long: the client gets real events all the while."""

from __future__ import annotations

import asyncio

import pytest

from addon import heartbeat

from .wire import CODEX, TIMEOUT, Answering, Client, delta, finish, sse, turn

pytestmark = pytest.mark.asyncio

LIFE = b'"type":"response.in_progress"'


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "SILENCE", 0.2)
    monkeypatch.setattr(heartbeat, "TICK", 0.05)


async def _pause_then(answer: Answering, *before: object) -> None:
    await answer.head()
    if before:
        await answer.send(sse(*before))
    await asyncio.sleep(1.0)
    await answer.send(sse(delta("late"), finish(), "[DONE]"))
    await answer.end()


async def test_silence_before_the_first_piece_is_filled_with_events(proxy) -> None:
    async with proxy(_pause_then) as relay:
        reply = await relay.ask()
    early = [at for at, piece in reply.pieces if LIFE in piece and b"late" not in piece]
    assert len(early) >= 3
    assert early[-1] - early[0] > 0.3
    assert reply.text() == "late"
    assert reply.events()[0]["type"] == "response.created"
    assert [event["sequence_number"] for event in reply.events()] == list(range(len(reply.events())))


async def test_silence_in_mid_answer_is_filled_too(proxy) -> None:
    async def script(answer: Answering) -> None:
        await _pause_then(answer, delta("early and "))

    async with proxy(script) as relay:
        reply = await relay.ask()
        _, client = await relay.flows(2)
    assert reply.text() == "early and late"
    assert sum(event["type"] == "response.in_progress" for event in reply.events()) >= 4
    assert client.response.content == b"".join(piece for _, piece in reply.pieces)


async def test_a_client_of_http_1_0_gets_them_without_chunks(proxy) -> None:
    async with proxy(_pause_then) as relay, Client(relay.port) as client:
        await client.send("POST", "/v1/responses", CODEX, turn(), version="HTTP/1.0")
        raw = await asyncio.wait_for(client.reader.read(), TIMEOUT)
    _, _, body = raw.partition(b"\r\n\r\n")
    assert body.count(LIFE) >= 4
    assert all(line.startswith((b"event: ", b"data: ")) for line in body.splitlines() if line)


async def test_a_talking_provider_gets_no_company(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.head()
        for _ in range(12):
            await answer.send(sse(delta("x")))
            await asyncio.sleep(0.05)
        await answer.send(sse(finish(), "[DONE]"))
        await answer.end()

    async with proxy(script) as relay:
        reply = await relay.ask()
    assert sum(event["type"] == "response.in_progress" for event in reply.events()) == 1


async def test_a_client_that_has_left_is_not_written_to(proxy, caplog) -> None:
    async with proxy(_pause_then) as relay:
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", CODEX, turn())
            await asyncio.wait_for(client.reader.readuntil(LIFE), TIMEOUT)
        await relay.flows(2)
        await asyncio.sleep(0.3)
    assert "keeping streams alive" not in caplog.text
