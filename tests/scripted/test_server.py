"""The scripted upstream answers by the script, byte for byte, and remembers what it was sent."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from addon.scripted import DONE, Call, Scenario, ScriptedUpstream, answer, error, frame

Json = dict[str, Any]
USER: Json = {"role": "user", "content": "Hello."}
BODY: Json = {"model": "m", "stream": True, "messages": [{"role": "system", "content": "Be good."}, USER]}


async def post(upstream: ScriptedUpstream, body: Json, key: str = "k") -> tuple[int, bytes, bool]:
    """Status, the bytes of the body, and whether the body ended properly."""
    reader, writer = await asyncio.open_connection(upstream.host, upstream.port)
    data = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    writer.write(head.encode() + b"Content-Length: %d\r\n\r\n" % len(data) + data)
    status = int((await reader.readline()).split()[1])
    headers = await reader.readuntil(b"\r\n\r\n")
    body_read, whole = bytearray(), True
    try:
        if b"transfer-encoding" in headers:
            while size := int(await reader.readline() or b"?", 16):
                body_read += (await reader.readexactly(size + 2))[:-2]
        else:
            length = next(line for line in headers.split(b"\r\n") if line.startswith(b"content-length"))
            body_read += await reader.readexactly(int(length.split(b":")[1]))
    except (ValueError, ConnectionError, asyncio.IncompleteReadError):
        whole = False
    writer.close()
    return status, bytes(body_read), whole


async def test_replies_come_in_order_and_as_written() -> None:
    first, second = answer("Ünï 😀"), answer("Bye.", usage=None, done=False)
    async with ScriptedUpstream() as upstream:
        script = upstream.play("k", Scenario("two", (first, second)))
        assert await post(upstream, BODY) == (200, b"".join(p for p in first.pieces if isinstance(p, bytes)), True)
        status, body, _ = await post(upstream, BODY)
    assert status == 200
    assert DONE not in body
    assert [seen.number for seen in script.seen] == [1, 2]
    assert script.complaints == []
    assert script.unplayed() == []


async def test_cut_reply_breaks_the_body_and_clean_end_does_not() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.play("k", Scenario("cuts", (answer("One two.").cut(2), answer("One two.").cut(2, "clean"))))
        _, broken, whole = await post(upstream, BODY)
        _, ended, clean = await post(upstream, BODY)
    assert broken == ended
    assert not whole
    assert clean


async def test_broken_rule_is_refused_costs_no_step_and_is_recorded() -> None:
    async with ScriptedUpstream() as upstream:
        script = upstream.play("k", Scenario("strict", (answer("Fine."),)))
        status, body, _ = await post(upstream, BODY | {"store": False})
        assert status == 400
        assert "store" in json.loads(body)["error"]["message"]
        assert script.unplayed()
        assert script.complaints
        assert (await post(upstream, BODY))[0] == 200


async def test_last_reply_repeats_and_surplus_request_is_a_finding() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.play("endless", Scenario("endless", (error(500, "No."), ...)))
        assert [(await post(upstream, BODY, "endless"))[0] for _ in range(3)] == [500, 500, 500]
        script = upstream.play("k", Scenario("one", (answer("One."),)))
        await post(upstream, BODY)
        assert (await post(upstream, BODY))[0] == 400
    assert script.complaints


async def test_unknown_key_is_told_so() -> None:
    async with ScriptedUpstream() as upstream:
        assert (await post(upstream, BODY, "nobody"))[0] == 401


async def test_changed_history_is_recorded_but_answered() -> None:
    async with ScriptedUpstream() as upstream:
        script = upstream.play("k", Scenario("prefix", (answer("One."), answer("Two."))))
        await post(upstream, BODY)
        assert (await post(upstream, BODY | {"messages": [{"role": "system", "content": "?"}, USER]}))[0] == 200
    assert len(script.complaints) == 1
    assert "does not begin with" in script.complaints[0]


async def test_client_that_leaves_is_noticed() -> None:
    async with ScriptedUpstream() as upstream:
        script = upstream.play("k", Scenario("slow", (answer("A b c d e f.").paced(0.2),)))
        data = json.dumps(BODY).encode()
        reader, writer = await asyncio.open_connection(upstream.host, upstream.port)
        head = b"POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer k\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(data) + data)
        await reader.readline()
        writer.close()
        async with asyncio.timeout(2):
            while not script.seen[0].left_early:  # noqa: ASYNC110 - the script knows no events
                await asyncio.sleep(0.01)


def test_shapes_carry_the_same_call() -> None:
    """However a call is streamed, its name and arguments can be put together again."""
    made = Call.of("shell", {"cmd": "echo ü"}, "call_1")
    for shape in ("openai", "whole", "shared_index", "name_repeated", "no_id", "no_index", "interleaved"):
        reply = answer(calls=[made], shape=shape)
        names, arguments = set(), ""
        for piece in reply.pieces:
            assert isinstance(piece, bytes)
            if piece == DONE:
                continue
            value = json.loads(piece.removeprefix(b"data: "))
            for entry in (choice["delta"].get("tool_calls", []) for choice in value["choices"]):
                for one in entry:
                    names.add(one["function"].get("name"))
                    arguments += one["function"]["arguments"]
        assert (names - {None}, json.loads(arguments)) == ({"shell"}, {"cmd": "echo ü"}), shape


def test_frame_is_one_event() -> None:
    assert frame({"a": "ü"}) == 'data: {"a": "ü"}\n\n'.encode()
    assert frame({"a": "ü"}, ascii_only=True) == b'data: {"a": "\\u00fc"}\n\n'


async def test_a_key_in_a_header_of_its_own_is_a_key_and_the_path_is_remembered() -> None:
    async with ScriptedUpstream() as upstream:
        script = upstream.play("k", Scenario("one", (answer("Hi."),)))
        reader, writer = await asyncio.open_connection(upstream.host, upstream.port)
        data = json.dumps(BODY).encode()
        head = b"POST /openai/v1/chat/completions?a=b HTTP/1.1\r\nHost: x\r\napi-key: k\r\n"
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(data) + data)
        assert (await reader.readline()).split()[1] == b"200"
        writer.close()
    assert [seen.path for seen in script.seen] == ["/openai/v1/chat/completions"]
