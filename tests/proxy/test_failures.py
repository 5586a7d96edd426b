"""Whatever an upstream does: Codex hears of it in a 200 stream, others by status and error object, never HTML."""

from __future__ import annotations

import asyncio
import copy
import datetime
import re
import ssl
from collections.abc import Callable
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mitmproxy import http
from mitmproxy.exceptions import CommandError

from .looking import Looking
from .wire import CODEX, OTHER, TIMEOUT, Answering, Client, Reply, delta, sse, turn, until, whole_answer

pytestmark = pytest.mark.asyncio


def assert_no_page(reply: Reply) -> None:
    assert b"<html" not in reply.body.lower()
    assert reply.status != 500
    assert reply.complete


async def both(relay) -> tuple[dict[str, str], Reply]:
    """(the error Codex reads in its stream, the reply to another client)."""
    codex, other = await relay.ask(), await relay.ask(headers=OTHER)
    for reply in (codex, other):
        assert_no_page(reply)
    assert codex.headers["content-type"].startswith("text/event-stream")
    assert codex.types()[0] == "response.created"
    assert other.headers["content-type"] == "application/json"
    assert set(other.json()["error"]) == {"message", "type", "param", "code"}
    return codex.failure(), other


async def test_an_upstream_that_refuses_is_named(proxy, unused_tcp_port_factory: Callable[[], int]) -> None:
    port = unused_tcp_port_factory()
    async with proxy(relay_upstream=f"http://127.0.0.1:{port}") as relay:
        error, other = await both(relay)
        client, upstream = await relay.turn()
    assert error["code"] == "server_error"
    assert f"127.0.0.1:{port} could not be reached" in error["message"]
    assert (other.status, other.reason) == (502, "Bad Gateway")
    assert f"127.0.0.1:{port} could not be reached" in other.json()["error"]["message"]
    assert client.marked
    assert client.metadata["relay"]["error"]["code"] == "server_error"
    assert client.request.path == "/v1/responses"
    assert upstream.error
    assert upstream.response is None


async def test_a_host_that_does_not_exist_is_named(proxy) -> None:
    async with proxy(relay_upstream="http://no-such-host.invalid/v1") as relay:
        error, other = await both(relay)
    assert error["code"] == "server_error"
    assert "no-such-host.invalid could not be reached" in error["message"]
    assert other.status == 502


async def test_an_untrusted_certificate_is_explained_and_not_tried_again(proxy, tmp_path: Path) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("no request may get through")

    server = await asyncio.start_server(never, "127.0.0.1", 0, ssl=self_signed(tmp_path))
    port = server.sockets[0].getsockname()[1]
    async with server, proxy(relay_upstream=f"https://127.0.0.1:{port}/v1") as relay:
        error, other = await both(relay)
    assert error["code"] == "invalid_prompt"
    assert "certificate" in error["message"].lower()
    assert "ssl_verify_upstream_trusted_ca" in error["message"]
    assert other.status == 502


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "upstream.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + cert.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def closes(answer: Answering) -> None:
    answer.close()


async def resets(answer: Answering) -> None:
    answer.reset()


async def garbage(answer: Answering) -> None:
    await answer.raw(b"SSH-2.0-OpenSSH_9\r\n\r\n")
    answer.close()


@pytest.mark.parametrize("script", [closes, resets, garbage])
async def test_no_head_is_a_failure_that_may_be_tried_again(proxy, script) -> None:
    async with proxy(script) as relay:
        error, other = await both(relay)
    assert error["code"] == "server_error"
    assert f"127.0.0.1:{relay.upstream.port} gave no usable answer" in error["message"]
    assert other.status == 502


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_stream_that_is_cut_ends_with_a_reason(proxy, end: str) -> None:
    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(sse(delta("half an ans")))
        await asyncio.sleep(0.05)
        getattr(answer, end)()

    async with proxy(script) as relay:
        reply = await relay.ask()
        client, upstream = await relay.turn()
    assert reply.text() == "half an ans"
    assert reply.failure()["code"] == "server_error"
    assert "broke off" in reply.failure()["message"]
    assert reply.complete
    assert client.response.content == reply.body
    assert b"half an ans" in upstream.response.content
    assert client.metadata["relay"]["status"] == "failed"


async def test_a_buffered_answer_that_is_cut_is_an_error_object(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.head(headers={"Content-Length": "1000"}, chunked=False)
        await answer.raw(whole_answer("x"))
        answer.close()

    async with proxy(script) as relay:
        reply = await relay.ask(turn(stream=False), OTHER)
        assert_no_page(reply)
        assert reply.status == 502
        assert "broke off" in reply.json()["error"]["message"]
        error_answer = await relay.ask()
        assert error_answer.failure()["code"] == "server_error"


async def test_an_error_body_that_is_cut_is_a_failure_in_the_stream(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.head("503 Service Unavailable", {"Content-Length": "1000"}, chunked=False)
        await answer.raw(b'{"error"')
        answer.close()

    async with proxy(script) as relay:
        error, other = await both(relay)
    assert error["code"] == "server_error"
    assert other.status == 502


async def test_an_answer_over_the_size_limit_is_no_page(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.whole(b"x" * 5000)

    async with proxy(script, body_size_limit="3k") as relay:
        error, other = await both(relay)
    assert "body_size_limit" in error["message"]
    assert other.status == 502


async def test_a_request_over_the_size_limit_is_no_page(proxy) -> None:
    async with proxy(body_size_limit="3k") as relay:
        big = turn("x" * 5000)
        codex, other = await relay.ask(big), await relay.ask(big, OTHER)
        assert relay.upstream.seen == []
    assert codex.failure()["code"] == "invalid_prompt"
    assert other.status == 413
    assert "body_size_limit" in other.json()["error"]["message"]


def answers(status: str, body: bytes, **headers: str):
    async def script(answer: Answering) -> None:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        await answer.whole(body, status, fields)

    return script


@pytest.mark.parametrize(
    ("script", "code", "status", "text"),
    [
        (answers("401 Unauthorized", b'{"error":{"message":"bad key"}}'), "invalid_prompt", 401, "bad key"),
        (answers("400 Bad Request", b'{"error":{"message":"no such field"}}'), "invalid_prompt", 400, "no such field"),
        (answers("404 Not Found", b"<html><title>Nope</title></html>"), "invalid_prompt", 404, "Nope"),
        (answers("429 Too Many", b'{"error":"slow"}', Retry_After="3"), "rate_limit_exceeded", 429, "try again in 3s"),
        (answers("402 Payment Required", b'{"error":"pay"}'), "insufficient_quota", 402, "pay"),
        (answers("500 Oops", b'{"error":{"message":"boom"}}'), "server_error", 502, "boom"),
        (answers("503 Busy", b"<html><body>busy</body></html>", Content_Type="text/html"), "server_error", 503, "busy"),
        (answers("307 Temporary", b"", Location="https://other.test/v1"), "invalid_prompt", 502, "other.test"),
    ],
    ids=["401", "400", "404 page", "429", "402", "500", "503 page", "redirect"],
)  # fmt: skip
async def test_an_error_status_is_told_in_the_providers_words(proxy, script, code: str, status: int, text: str) -> None:
    async with proxy(script) as relay:
        error, other = await both(relay)
        assert len(relay.upstream.seen) == 2
    assert error["code"] == code
    assert text in error["message"]
    assert other.status == status
    assert text in other.json()["error"]["message"]


async def test_the_wait_reaches_other_clients_as_a_header(proxy) -> None:
    async with proxy(answers("429 Too Many", b'{"error":"slow"}', Retry_After="3")) as relay:
        reply = await relay.ask(headers=OTHER)
    assert (reply.status, reply.reason, reply.headers["retry-after"]) == (429, "Too Many Requests", "3")


async def test_a_context_overflow_has_the_code_that_starts_compaction(proxy) -> None:
    body = b'{"error":{"message":"This model\'s maximum context length is 8192 tokens"}}'
    async with proxy(answers("400 Bad Request", body)) as relay:
        assert (await relay.ask()).failure()["code"] == "context_length_exceeded"


async def test_switching_protocols_is_not_followed(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
        await asyncio.sleep(0.2)

    async with proxy(script) as relay:
        error, other = await both(relay)
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", CODEX, turn())
            await asyncio.wait_for(client.read(), TIMEOUT)
            assert await asyncio.wait_for(client.reader.read(), TIMEOUT) == b"", (
                "the tunnel would swallow the next turn"
            )
    assert (error["code"], other.status) == ("server_error", 502)


async def test_a_key_in_an_error_text_does_not_reach_the_client_or_the_record(proxy) -> None:
    key = "sk-test-0123456789"
    async with proxy(answers("401 No", f'{{"error":"bad key {key}"}}'.encode()), relay_api_key=key) as relay:
        reply = await relay.ask()
        flows = await relay.turn()
    assert "bad key" in reply.failure()["message"]
    assert key.encode() not in reply.body
    assert all(key not in str(flow.get_state()) for flow in flows)


async def test_malformed_http_is_answered_with_an_error_object(proxy) -> None:
    async with proxy() as relay, Client(relay.port) as client:
        await client.send("POST", "/v1/responses", {**CODEX, "Content-Length": "nonsense"})
        reply = await asyncio.wait_for(client.read(), TIMEOUT)
    assert_no_page(reply)
    assert reply.status == 400
    assert "message" in reply.json()["error"]


async def test_a_killed_flow_is_closed_without_a_word(proxy) -> None:
    class Killer:
        def request(self, flow: http.HTTPFlow) -> None:
            flow.kill()

    async with proxy(before=[Killer()]) as relay:
        reply = await relay.ask()
        assert relay.upstream.seen == []
    assert reply.status == 0


async def test_mitmproxys_own_parts_are_put_back(proxy) -> None:
    from mitmproxy.proxy.layers.http import HttpLayer, _http1

    def parts() -> tuple[object, ...]:
        http1 = _http1.Http1Server.send, _http1.make_error_response, _http1.make_body_reader
        return (*http1, HttpLayer.get_connection)

    before = parts()
    async with proxy():
        assert all(one is not other for one, other in zip(before, parts(), strict=True))
    assert parts() == before


async def test_a_date_to_wait_for_is_told_in_seconds(proxy) -> None:
    date = format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30), usegmt=True)
    async with proxy(answers("429 Too Many", b'{"error":"slow"}', Retry_After=date)) as relay:
        error = (await relay.ask()).failure()
    wait = re.search(r"try again in (\d+)s", error["message"])
    assert error["code"] == "rate_limit_exceeded"
    assert wait is not None
    assert 25 <= int(wait[1]) <= 31


@pytest.mark.parametrize("unit", [1, 1000])
async def test_a_reset_as_a_moment_in_time_is_told_in_seconds(proxy, unit: int) -> None:
    moment = int((datetime.datetime.now(datetime.UTC).timestamp() + 30) * unit)
    async with proxy(answers("429 Too Many", b'{"error":"slow"}', X_RateLimit_Reset=str(moment))) as relay:
        wait = re.search(r"try again in ([\d.]+)s", (await relay.ask()).failure()["message"])
    assert wait is not None
    assert 25 <= float(wait[1]) <= 31


async def test_a_known_provider_is_called_by_its_name(proxy) -> None:
    async with proxy(answers("402 Payment Required", b'{"error":"pay"}'), relay_profile="deepseek") as relay:
        assert (await relay.ask()).failure()["message"] == "pay (DeepSeek, HTTP 402)"


async def test_a_client_that_leaves_during_its_request_is_noted(proxy) -> None:
    async with proxy() as relay:
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", {**CODEX, "Content-Length": "1000"}, turn())
            await asyncio.sleep(0.1)  # the head has arrived
            client.leave()
        (flow,) = await relay.flows(1)
    assert flow.comment == "client left during its request"
    assert flow.metadata["relay_words"] == "role=client status=client_left"
    assert not flow.marked
    assert "client-key-123" not in str(flow.get_state())


# --- sent again, without a key ----------------------------------------------------------------------------------------


def state(flow: http.HTTPFlow) -> tuple[object, ...]:
    """What Revert is to bring back."""
    response = flow.response and flow.response.get_state()
    return response, flow.comment, flow.marked, flow.is_replay, copy.deepcopy(flow.metadata)


async def test_a_turn_that_can_not_be_replayed_says_why_and_comes_back(proxy) -> None:
    async with proxy() as relay:
        await relay.ask()
        client, upstream = await relay.turn()
        before = state(client), state(upstream)
        relay.master.commands.call("replay.client", [client])
        await relay.flows(3)
        why = "the client's key is not kept; set relay_api_key to send its request again"
        assert client.comment == f"🔴 refused: {why}; Revert brings its answer back"
        assert client.marked == ":red_circle:"
        assert "relay" not in client.metadata  # which told of the good answer
        assert client.metadata["relay_words"] == "role=client status=refused"
        assert why in client.response.text
        client.revert()
        assert (state(client), state(upstream)) == before
        relay.master.options.update(relay_api_key="sk-relay-0123456789")
        await until(lambda: not relay.master.commands.call("replay.client.count"))
        relay.master.commands.call("replay.client", [client])
        await relay.flows(5)
        assert client.metadata["relay"]["status"] == "completed"
        assert not client.marked
        assert client.comment.startswith("120 (100 cached) in")
    assert [seen.headers["authorization"] for seen in relay.upstream.seen][1:] == ["Bearer sk-relay-0123456789"]


async def test_the_providers_side_that_can_not_be_replayed_says_why_and_comes_back(proxy) -> None:
    async with proxy() as relay:
        await relay.ask()
        client, upstream = await relay.turn()
        before = state(client), state(upstream)
        relay.master.commands.call("replay.client", [upstream])
        await relay.flows(3)
        assert re.fullmatch(
            r"↳ 🔴 refused: keys are not kept in flows; set relay_api_key for 127.0.0.1:\d+ to send this one again; "
            "Revert brings its answer back",
            upstream.comment,
        )
        assert upstream.response.status_code == 401
        assert "status=refused" in upstream.metadata["relay_words"]
        upstream.revert()
        assert (state(client), state(upstream)) == before
        relay.master.options.update(relay_api_key="sk-relay-0123456789")
        await until(lambda: not relay.master.commands.call("replay.client.count"))
        relay.master.commands.call("replay.client", [upstream])
        await relay.flows(4)
        assert re.fullmatch(r"↳ gpt-test · 127.0.0.1:\d+ · replayed · HTTP 200", upstream.comment)
        assert "status=" not in upstream.metadata["relay_words"]
        assert "model=gpt-test" in upstream.metadata["relay_words"]


async def test_a_turn_that_can_not_be_run_again_is_left_as_it_was_and_no_row_is_made(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons) as relay:
        await relay.ask()
        client, upstream = await relay.turn()
        before = state(client), state(upstream)
        with pytest.raises(
            CommandError, match=r"relay\.rerun: the client's key is not kept; set relay_api_key to send"
        ):
            relay.master.commands.call_strings("relay.rerun", [f"@{client.id}", "other"])
        assert looking.flows == [client, upstream]
        assert (state(client), state(upstream)) == before


async def test_a_turn_that_is_refused_again_says_so_again(proxy) -> None:
    async with proxy() as relay:
        await relay.ask()
        client, _ = await relay.turn()
        told = client.comment
        for count in (3, 4):
            relay.master.commands.call("replay.client", [client])
            await relay.flows(count)
            assert client.comment.startswith("🔴 refused: the client's key is not kept"), count
            await until(lambda: not relay.master.commands.call("replay.client.count"))
            client.revert()
            assert client.comment == told


async def test_a_refusal_is_named_by_the_providers_code_or_by_its_kind(proxy) -> None:
    for status, code in (("401 Unauthorized", "invalid_api_key"), ("400 Bad Request", "invalid_request_error")):
        async with proxy(answers(status, b'{"error":{"message":"So not"}}')) as relay:
            await relay.ask()
            client, _ = await relay.turn()
        assert f"({code})" in client.comment
        assert f"error={code}" in client.metadata["relay_words"]
