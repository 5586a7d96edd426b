"""A streamed answer: as it arrives, framed rightly, whatever the provider's framing and encoding."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import brotli
import pytest
from mitmproxy.net import encoding as mitm_encoding

from .wire import CODEX, TIMEOUT, Answering, Client, ask, delta, finish, sse, text_answer, turn, whole_answer

pytestmark = pytest.mark.asyncio

FRAMING = {"content-length", "content-encoding"}


async def test_deltas_arrive_while_the_provider_is_still_talking(proxy) -> None:
    first_seen = asyncio.Event()

    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(sse(delta("first")))
        await asyncio.wait_for(first_seen.wait(), TIMEOUT)  # a relay that holds back never gets past this
        await answer.send(sse(delta("second"), finish(), "[DONE]"))
        await answer.end()

    async with proxy(script) as relay, Client(relay.port) as client:
        await client.send("POST", "/v1/responses", CODEX, turn())
        head = await asyncio.wait_for(client.reader.readuntil(b'"delta":"first"'), TIMEOUT)
        assert b"second" not in head
        first_seen.set()
        await asyncio.wait_for(client.reader.readuntil(b"response.completed"), TIMEOUT)


async def test_each_piece_of_the_provider_is_one_write(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.head()
        for number in range(20):
            await answer.send(sse(delta(f"<{number}>")))
            await asyncio.sleep(0.01)
        await answer.send(sse(finish(), "[DONE]"))
        await answer.end()

    async with proxy(script) as relay:
        reply = await relay.ask()
    holding = [piece for _, piece in reply.pieces if b"output_text.delta" in piece]
    assert reply.text() == "".join(f"<{number}>" for number in range(20))
    assert len(holding) == 20
    assert reply.pieces[-1][0] - reply.pieces[0][0] > 0.1
    assert all(piece for _, piece in reply.pieces)


async def test_events_cut_anywhere_are_put_together(proxy) -> None:
    data = text_answer("héllo ", "wörld ✓")

    async def script(answer: Answering) -> None:
        await answer.head()
        for start in range(0, len(data), 7):
            await answer.send(data[start : start + 7])
            await asyncio.sleep(0)
        await answer.end()

    async with proxy(script) as relay:
        reply = await relay.ask()
    assert reply.text() == "héllo wörld ✓"
    assert reply.types()[-1] == "response.completed"


def _flushing(name: str):
    """(compress, end) that give out everything after each call, as a streaming server does."""
    if name == "br":
        made = brotli.Compressor(quality=4)
        return lambda data: made.process(data) + made.flush(), made.finish
    if name == "zstd":  # a frame per piece
        return lambda data: mitm_encoding.encode(data, "zstd"), lambda: b""
    bits = {"gzip": 31, "deflate": 15, "bare deflate": -15}[name]
    made = zlib.compressobj(6, zlib.DEFLATED, bits)
    return lambda data: made.compress(data) + made.flush(zlib.Z_SYNC_FLUSH), made.flush


@pytest.mark.parametrize("name", ["gzip", "br", "zstd", "deflate", "bare deflate"])
async def test_a_compressed_stream_is_decoded_as_it_arrives(proxy, name: str) -> None:
    first_seen = asyncio.Event()
    compress, end = _flushing(name)

    async def script(answer: Answering) -> None:
        await answer.head(headers={"Content-Encoding": name.split()[-1]})
        await answer.send(compress(sse(delta("first"))))
        await asyncio.wait_for(first_seen.wait(), TIMEOUT)
        await answer.send(compress(sse(delta("second"), finish(), "[DONE]")))
        await answer.raw(b"".join(b"%x\r\n%s\r\n" % (len(data), data) for data in [end()] if data))
        await answer.end()

    async with proxy(script) as relay, Client(relay.port) as client:
        await client.send("POST", "/v1/responses", CODEX, turn())
        await asyncio.wait_for(client.reader.readuntil(b'"delta":"first"'), TIMEOUT)
        first_seen.set()
        rest = await asyncio.wait_for(client.reader.readuntil(b"response.completed"), TIMEOUT)
        assert b'"delta":"second"' in rest
        _, upstream = await relay.turn()
        assert b"first" in (upstream.response.content or b"")


async def test_a_stream_in_an_unknown_encoding_fails_with_its_name(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.stream(b"xxxx", headers={"Content-Encoding": "lzma"})

    async with proxy(script) as relay:
        error = (await relay.ask()).failure()
    assert "lzma" in error["message"]


async def test_a_stream_that_is_not_what_its_encoding_says_fails(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.stream(text_answer("hi"), headers={"Content-Encoding": "gzip"})

    async with proxy(script) as relay:
        reply = await relay.ask()
    assert "not valid gzip" in reply.failure()["message"]
    assert reply.complete


async def test_a_stale_content_length_is_replaced(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.whole(text_answer("hi"), headers={"Content-Type": "text/event-stream"})

    async with proxy(script) as relay:
        reply = await relay.ask()
    assert reply.text() == "hi"
    assert reply.headers["transfer-encoding"] == "chunked"
    assert FRAMING.isdisjoint(reply.headers)


async def test_an_http_10_client_gets_a_body_that_ends_with_the_connection(proxy) -> None:
    async with proxy() as relay:
        reply = await relay.ask(version="HTTP/1.0")
    assert reply.text() == "Hello"
    assert "transfer-encoding" not in reply.headers
    assert "content-length" not in reply.headers


async def test_a_provider_that_ends_with_the_connection_is_a_normal_end(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.head(chunked=False)
        await answer.send(text_answer("hi"))
        answer.close()

    async with proxy(script) as relay:
        reply = await relay.ask()
    assert (reply.text(), reply.types()[-1], reply.complete) == ("hi", "response.completed", True)


async def test_a_close_delimited_body_that_stops_early_is_not_a_success(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.head(chunked=False)
        await answer.send(sse(delta("half")))
        answer.close()

    async with proxy(script) as relay:
        reply = await relay.ask()
    assert reply.text() == "half"
    assert reply.failure()["code"] == "server_error"


async def test_trailers_are_left_out(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.head(headers={"Trailer": "X-Checksum"})
        await answer.send(text_answer("hi"))
        await answer.end(trailers=b"X-Checksum: 1\r\n")

    async with proxy(script) as relay:
        reply = await relay.ask()
        assert (reply.text(), reply.types()[-1], reply.complete) == ("hi", "response.completed", True)
        assert "trailer" not in reply.headers
        assert (await relay.ask()).complete


async def test_an_empty_body_is_a_failure_that_may_be_tried_again(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.whole(b"", headers={"Content-Type": "text/event-stream"})

    async with proxy(script) as relay:
        assert (await relay.ask()).failure()["code"] == "server_error"


async def test_a_json_answer_to_a_stream_request_becomes_a_stream(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.whole(whole_answer("in one piece"))

    async with proxy(script) as relay:
        reply = await relay.ask()
    assert (reply.text(), reply.types()[-1]) == ("in one piece", "response.completed")
    assert reply.headers["content-type"].startswith("text/event-stream")


async def test_an_answer_without_streaming_is_one_json_object(proxy) -> None:
    async def script(answer: Answering) -> None:
        body = gzip.compress(whole_answer("whole"))
        await answer.whole(body, headers={"Content-Encoding": "gzip", "X-Request-Id": "r1"})

    async with proxy(script) as relay:
        reply = await relay.ask(turn(stream=False))
        assert relay.upstream.seen[0].headers["accept"] == "application/json"
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"] == "r1"
    assert reply.json()["output"][-1]["content"][0]["text"] == "whole"
    assert "content-encoding" not in reply.headers


async def test_other_success_codes_are_a_200(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.head("201 Created")
        await answer.send(text_answer("hi"))
        await answer.end()

    async with proxy(script) as relay:
        reply = await relay.ask()
    assert (reply.status, reply.reason, reply.text()) == (200, "OK", "hi")


async def test_only_harmless_headers_of_the_provider_reach_the_client(proxy) -> None:
    harmful = {"OpenAI-Model": "x", "Set-Cookie": "a=b", "X-Codex-Turn-State": "s", "X-Models-Etag": "e",
               "Server-Timing": "t", "Server": "s", "Connection": "keep-alive"}  # fmt: skip
    kept = {"X-Request-Id": "r", "CF-Ray": "c", "X-RateLimit-Remaining": "3"}

    async def script(answer: Answering) -> None:
        await answer.stream(text_answer("hi"), headers={**harmful, **kept})

    async with proxy(script) as relay:
        reply = await relay.ask()
    assert {name.lower() for name in harmful}.isdisjoint(reply.headers)
    assert {name: reply.headers[name.lower()] for name in kept} == kept
    assert reply.headers["cache-control"] == "no-cache"


async def test_one_connection_serves_turn_after_turn(proxy) -> None:
    async with proxy() as relay, Client(relay.port) as client:
        for _ in range(3):
            await client.send("POST", "/v1/responses", CODEX, turn())
            assert (await asyncio.wait_for(client.read(), TIMEOUT)).text() == "Hello"
        assert relay.upstream.connections == 1


async def test_a_client_that_leaves_takes_the_upstream_connection_with_it(proxy) -> None:
    started, closed = asyncio.Event(), asyncio.Future[float]()

    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(sse(delta("x")))
        started.set()
        closed.set_result(await answer.gone())

    async with proxy(script) as relay:
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", CODEX, turn())
            await asyncio.wait_for(started.wait(), TIMEOUT)
            await asyncio.wait_for(client.reader.readuntil(b'"delta":"x"'), TIMEOUT)
            left = asyncio.get_running_loop().time()
            client.leave()
        assert await asyncio.wait_for(closed, TIMEOUT) - left < 1.0
        flow, upstream = await relay.turn()
        assert flow.metadata["relay"]["status"] == "client left"
        assert b'"delta":"x"' in flow.response.content
        assert b'"content": "x"' in upstream.response.content


async def test_a_client_that_leaves_after_the_last_event_is_no_failure(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(text_answer("hi"))
        await answer.gone()  # some servers keep the body open after [DONE]

    async with proxy(script) as relay:
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", CODEX, turn())
            await asyncio.wait_for(client.reader.readuntil(b"response.completed"), TIMEOUT)
            client.leave()
        flow, _ = await relay.turn()
    assert flow.metadata["relay"]["status"] == "completed"
    assert flow.marked == ""
    assert flow.error is None


async def test_sixty_turns_at_once_keep_apart(proxy) -> None:
    async def script(answer: Answering) -> None:
        name = answer.seen.json()["messages"][-1]["content"]
        await answer.head()
        for number in range(10):
            await answer.send(sse(delta(f"{name}.{number} ")))
            await asyncio.sleep(0.002)
        await answer.send(sse(finish(), "[DONE]"))
        await answer.end()

    async with proxy(script) as relay:
        replies = await asyncio.gather(*(ask(relay.port, turn(f"turn{number}")) for number in range(60)))
        for number, reply in enumerate(replies):
            assert reply.text() == "".join(f"turn{number}.{step} " for step in range(10))
        flows = await relay.flows(120)
    ids = [flow.metadata["relay"]["id"] for flow in flows]
    assert len(set(ids)) == 60
