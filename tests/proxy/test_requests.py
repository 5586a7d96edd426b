"""What goes up, with whose key, and what is refused: nothing untranslated is ever sent on."""

from __future__ import annotations

import gzip
import json
import zlib

import brotli
import pytest
from mitmproxy import http
from mitmproxy.net import encoding as mitm_encoding

import addon.exchange

from .wire import CODEX, OTHER, Answering, Reply, turn

pytestmark = pytest.mark.asyncio

CODEX_EXTRAS = {
    "accept-encoding": "gzip", "cookie": "session=1", "x-codex-turn-metadata": "{}", "x-codex-window-id": "w:0",
    "session-id": "s", "session_id": "s", "thread-id": "t", "conversation_id": "c", "openai-organization": "o",
    "openai-beta": "b", "chatgpt-account-id": "a", "x-openai-subagent": "review", "x-client-request-id": "t",
    "version": "0.169.0", "accept": "*/*",
}  # fmt: skip
SENT_UP = {"host", "user-agent", "accept", "authorization", "content-type", "content-length"}


async def test_the_chat_request_goes_up_and_nothing_of_codex_with_it(proxy) -> None:
    async with proxy() as relay:
        assert (await relay.ask(headers={**CODEX, **CODEX_EXTRAS})).text() == "Hello"
        (seen,) = relay.upstream.seen
    assert (seen.method, seen.path) == ("POST", "/v1/chat/completions")
    assert set(seen.headers) == SENT_UP
    assert seen.headers["host"] == f"127.0.0.1:{relay.upstream.port}"
    assert seen.headers["accept"] == "text/event-stream"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["user-agent"] == CODEX["user-agent"]
    assert seen.json()["messages"] == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("path", ["/v1/responses", "/responses", "/v1/responses/", "/v1/responses?a=b"])
async def test_the_path_may_be_written_in_several_ways(proxy, path: str) -> None:
    async with proxy() as relay:
        assert (await relay.ask(path=path)).text() == "Hello"
        assert relay.upstream.seen[0].path == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("base", "chat", "models"),
    [
        ("", "/v1/chat/completions", "/v1/models"),
        ("/", "/v1/chat/completions", "/v1/models"),
        ("/api/v1", "/api/v1/chat/completions", "/api/v1/models"),
        ("/api/v1/chat/completions", "/api/v1/chat/completions", "/api/v1/models"),
    ],
)
async def test_the_upstreams_base_path_is_kept(proxy, base: str, chat: str, models: str) -> None:
    async def script(answer: Answering) -> None:
        await answer.whole(b'{"object":"list","data":[]}')

    async with proxy(script, relay_upstream=f"http://127.0.0.1:PORT{base}") as relay:
        await relay.ask()
        await relay.ask(method="GET", path="/v1/models", body=b"")
        assert [seen.path for seen in relay.upstream.seen] == [chat, models]


async def test_relay_upstream_replaces_the_modes_target(proxy) -> None:
    async with proxy(modes=["reverse:https://127.0.0.1:1"], relay_upstream="http://localhost:PORT/v1") as relay:
        assert (await relay.ask()).text() == "Hello"
        assert relay.upstream.seen[0].headers["host"] == f"localhost:{relay.upstream.port}"


# --- keys -------------------------------------------------------------------------------------------------------------


async def test_the_clients_key_is_passed_on(proxy) -> None:
    async with proxy() as relay:
        await relay.ask(headers={**CODEX, "api-key": "azure-style"})
        headers = relay.upstream.seen[0].headers
    assert headers["authorization"] == CODEX["authorization"]
    assert headers["api-key"] == "azure-style"


async def test_the_relays_key_replaces_every_key_of_the_client(proxy) -> None:
    async with proxy(relay_api_key="relay-key-1") as relay:
        await relay.ask(headers={**CODEX, "api-key": "azure-style", "x-api-key": "x"})
        headers = relay.upstream.seen[0].headers
    assert headers["authorization"] == "Bearer relay-key-1"
    assert set(headers) == SENT_UP


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", ""])
async def test_an_empty_bearer_is_left_out(proxy, value: str) -> None:
    async with proxy() as relay:
        await relay.ask(headers={**CODEX, "authorization": value})
        assert "authorization" not in relay.upstream.seen[0].headers


async def test_the_relays_key_does_not_follow_a_request_that_another_addon_redirects(proxy) -> None:
    elsewhere: list[bytes] = []

    class Redirect:
        """Stands behind the relay, like map_remote."""

        def request(self, flow: http.HTTPFlow) -> None:
            flow.request.host = "localhost"

    async with proxy(relay_api_key="relay-key-1") as relay:
        relay.master.addons.add(Redirect())
        reply = await relay.ask()
        elsewhere = [seen.body for seen in relay.upstream.seen]
    assert elsewhere == []
    assert "relay_api_key is for 127.0.0.1" in reply.failure()["message"]


async def test_the_guard_knows_hosts_with_foreign_names(proxy) -> None:
    async with proxy(relay_api_key="relay-key-1", relay_upstream="http://xn--mnchen-3ya.invalid:PORT") as relay:
        assert "xn--mnchen-3ya.invalid" in (error := (await relay.ask()).failure()["message"])
        assert "relay_api_key" not in error


async def test_the_relays_key_goes_to_the_configured_host_whatever_an_earlier_addon_says(proxy) -> None:
    class Redirect:
        def request(self, flow: http.HTTPFlow) -> None:
            flow.request.host = "no-such-host.invalid"

    async with proxy(before=[Redirect()], relay_api_key="relay-key-1") as relay:
        assert (await relay.ask()).text() == "Hello"


# --- encodings and bodies ---------------------------------------------------------------------------------------------


def zstd(data: bytes) -> bytes:
    return bytes(mitm_encoding.encode(data, "zstd"))


@pytest.mark.parametrize(
    ("name", "encode"),
    [("gzip", gzip.compress), ("br", brotli.compress), ("zstd", zstd), ("deflate", zlib.compress)],
)
async def test_a_compressed_request_is_read(proxy, name: str, encode) -> None:
    async with proxy() as relay:
        reply = await relay.ask(encode(turn("zipped")), {**CODEX, "content-encoding": name})
        assert relay.upstream.seen[0].json()["messages"][-1]["content"] == "zipped"
        assert set(relay.upstream.seen[0].headers) == SENT_UP
    assert reply.text() == "Hello"


async def refused(relay, body: bytes, headers: dict[str, str]) -> tuple[dict[str, str], Reply]:
    codex = await relay.ask(body, {**CODEX, **headers})
    other = await relay.ask(body, {**OTHER, **headers})
    assert relay.upstream.seen == []
    return codex.failure(), other


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("gzip", b"not gzip"),
        ("gzip", gzip.compress(turn())[:-9]),
        ("br", b"\xff\xff\xff"),
        ("zstd", b"nonsense"),
        ("deflate", b"\x00\x01\x02\x03"),
        ("lzma", b"x"),
    ],
)
async def test_a_broken_encoding_is_the_clients_fault(proxy, name: str, body: bytes) -> None:
    async with proxy() as relay:
        error, other = await refused(relay, body, {"content-encoding": name})
    assert error["code"] == "invalid_prompt"
    assert "content-encoding" in error["message"]
    assert other.status == 400
    assert other.json()["error"]["param"] == "content-encoding"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe{}", b"[" * 100_000, b'{"model":"m","input":"x","tools":[{"type":"function","name":"f","parameters":{"default":NaN}}]}',
     b'{"input":"no model"}'],
    ids=["empty", "cut", "list", "string", "null", "not utf-8", "deep", "nan", "no model"],
)  # fmt: skip
async def test_a_bad_body_is_the_clients_fault(proxy, body: bytes) -> None:
    async with proxy() as relay:
        error, other = await refused(relay, body, {})
    assert error["code"] == "invalid_prompt"
    assert other.status == 400
    assert other.json()["error"]["type"] == "invalid_request_error"


async def test_a_lone_surrogate_does_no_harm(proxy) -> None:
    async with proxy() as relay:
        assert (await relay.ask(b'{"model":"m","input":"a\\ud800b","stream":true}')).text() == "Hello"
        assert relay.upstream.seen[0].json()["messages"][-1]["content"] == "a\ufffdb"


async def test_a_bad_field_is_named_to_other_clients(proxy) -> None:
    body = turn(previous_response_id="resp_1")
    async with proxy() as relay:
        error, other = await refused(relay, body, {})
    assert "previous_response_id" in error["message"]
    assert (other.status, other.json()["error"]["param"]) == (400, "previous_response_id")


async def test_codex_without_streaming_is_answered_by_status(proxy) -> None:
    async with proxy() as relay:
        reply = await relay.ask(turn(stream=False, previous_response_id="r"))
    assert (reply.status, reply.json()["error"]["param"]) == (400, "previous_response_id")


@pytest.mark.parametrize(
    ("headers", "in_stream"),
    [
        ({"originator": "codex_exec"}, True),
        ({"originator": "Codex Desktop"}, True),
        ({"originator": "my_editor", "user-agent": "my_editor/1 (codex-tui; 0.169.0)"}, True),
        ({"user-agent": "OpenAI/Python 2.0"}, False),
        ({}, False),
    ],
)
async def test_codex_is_known_by_its_headers(proxy, headers: dict[str, str], in_stream: bool) -> None:
    async with proxy() as relay:
        reply = await relay.ask(b"{", headers)
    assert reply.status == (200 if in_stream else 400)


# --- fail closed ------------------------------------------------------------------------------------------------------


async def test_an_unexpected_error_is_answered_and_nothing_is_sent_on(proxy, monkeypatch, caplog) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(addon.exchange, "translate_request", broken)
    async with proxy() as relay:
        error, other = await refused(relay, turn(), {})
    assert error["code"] == "invalid_prompt"
    assert (other.status, other.json()["error"]["code"]) == (502, None)
    assert "a bug" not in error["message"] + other.body.decode()
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("place", ["_stream_head", "headers_down"])
async def test_an_unexpected_error_at_the_answers_start_hides_the_raw_answer(proxy, monkeypatch, place: str) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    async with proxy() as relay:
        monkeypatch.setattr(addon.exchange, place, broken)
        reply = await relay.ask()
    assert reply.failure()["code"] == "invalid_prompt"
    assert b"chat.completion" not in reply.body


async def test_an_unexpected_error_in_the_whole_body_path_hides_the_raw_answer(proxy, monkeypatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    async with proxy() as relay:
        monkeypatch.setattr(addon.exchange, "translate_response", broken)
        reply = await relay.ask(turn(stream=False), OTHER)
    assert (reply.status, reply.json()["error"]["code"]) == (502, None)


async def test_an_unexpected_error_in_the_stream_ends_it_with_a_failure(proxy, monkeypatch) -> None:
    def broken(*_: object) -> bytes:
        raise ZeroDivisionError("a bug")

    async with proxy() as relay:
        monkeypatch.setattr(addon.exchange.BodyStream, "_receive", broken)
        reply = await relay.ask()
    assert reply.failure()["code"] == "invalid_prompt"
    assert reply.complete


async def test_an_unexpected_error_at_a_broken_end_is_answered(proxy, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    async def script(answer: Answering) -> None:
        answer.close()

    async with proxy(script) as relay:
        monkeypatch.setattr(addon.exchange.Exchange, "_blame", broken)
        error = (await relay.ask()).failure()
    assert error["code"] == "invalid_prompt"


async def test_without_settings_everything_is_refused(proxy) -> None:
    async with proxy() as relay:
        relay.relay.settings = None
        await refused(relay, turn(), {})


async def test_an_answer_without_its_turn_is_stopped(proxy) -> None:
    class Forget:
        def responseheaders(self, flow: http.HTTPFlow) -> None:
            addon.exchange.live.pop(flow, None)

    async with proxy(before=[Forget()]) as relay:
        reply = await relay.ask()
    assert b"Hel" not in reply.body


# --- other paths ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("POST", "/v1/chat/completions"), ("POST", "/v1/responses/compact"), ("GET", "/v1/responses/resp_1"),
     ("POST", "/v2/responses"), ("GET", "/v1/modelsx"), ("OPTIONS", "/x")],
)  # fmt: skip
async def test_an_unknown_path_is_a_404_that_is_not_passed_on(proxy, method: str, path: str) -> None:
    async with proxy() as relay:
        reply = await relay.ask(method=method, path=path)
        assert relay.upstream.seen == []
    assert (reply.status, reply.headers["content-type"]) == (404, "application/json")
    assert reply.json()["error"]["code"] == "not_found"
    assert "authorization" not in reply.headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/v1/responses", "POST"), ("DELETE", "/responses", "POST"), ("POST", "/v1/models", "GET")],
)
async def test_a_wrong_method_is_a_405_that_names_the_right_one(proxy, method: str, path: str, allowed: str) -> None:
    async with proxy() as relay:
        reply = await relay.ask(method=method, path=path)
        assert relay.upstream.seen == []
    assert (reply.status, reply.reason, reply.headers["allow"]) == (405, "Method Not Allowed", allowed)


async def test_a_websocket_is_refused_so_that_codex_falls_back(proxy) -> None:
    upgrade = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13", "sec-websocket-key": "x"}
    async with proxy() as relay:
        reply = await relay.ask(b"", {**CODEX, **upgrade}, method="GET")
        assert relay.upstream.seen == []
    assert (reply.status, reply.reason) == (426, "Upgrade Required")
    assert reply.json()["error"]["code"] == "upgrade_required"


async def test_the_placeholder_of_a_written_config_is_nobodys_key(proxy) -> None:
    async with proxy() as relay:
        await relay.ask(headers={**CODEX, "authorization": "Bearer relay"})
        (seen,) = relay.upstream.seen
    assert "authorization" not in seen.headers


async def test_the_model_list_is_asked_for_with_the_relays_key(proxy) -> None:
    async def script(answer: Answering) -> None:
        body = gzip.compress(b'{"object":"list","data":[{"id":"m"}]}')
        await answer.whole(body, headers={"Content-Encoding": "gzip", "Set-Cookie": "a=b"})

    async with proxy(script, relay_api_key="relay-key-1") as relay:
        headers = {**CODEX, **CODEX_EXTRAS}
        reply = await relay.ask(b"", headers, method="GET", path="/v1/models?client_version=0.169.0")
        (seen,) = relay.upstream.seen
    assert (seen.method, seen.path) == ("GET", "/v1/models")
    assert seen.headers["authorization"] == "Bearer relay-key-1"
    assert set(seen.headers) <= SENT_UP
    assert reply.status == 200
    assert [one["id"] for one in reply.json()["data"]] == [one["slug"] for one in reply.json()["models"]] == ["m"]
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
async def test_a_missing_model_list_is_an_error_object(proxy, status: str) -> None:
    async def script(answer: Answering) -> None:
        await answer.whole(b"<html>no</html>", status, {"Content-Type": "text/html"})

    async with proxy(script) as relay:
        reply = await relay.ask(b"", method="GET", path="/v1/models")
    assert reply.status in (404, 502)
    assert reply.json()["error"]["message"]
    assert reply.headers["content-type"].startswith("application/json")


async def test_options_reach_the_chat_request(proxy) -> None:
    opts = {
        "relay_model_map": "other=x, gpt-*=deep-model",
        "relay_extra_params": '{"temperature": 0.25, "provider": {"order": ["a"]}}',
        "relay_drop_params": "stream_options, top_p",
    }
    async with proxy(**opts) as relay:
        reply = await relay.ask(turn(top_p=0.5))
        chat = relay.upstream.seen[0].json()
        client, _ = await relay.turn()
    assert chat["model"] == "deep-model"
    assert (chat["temperature"], chat["provider"]) == (0.25, {"order": ["a"]})
    assert "stream_options" not in chat
    assert "top_p" not in chat
    assert json.loads(reply.body.split(b"data: ")[1].split(b"\n")[0])["response"]["model"] == "gpt-test"
    assert client.metadata["relay"]["model"] == "deep-model"


@pytest.mark.parametrize(
    ("opts", "key"), [({}, CODEX["authorization"].split()[1]), ({"relay_api_key": "sk-0123456789"}, "sk-0123456789")]
)
async def test_the_key_stands_where_the_provider_looks_for_it(proxy, opts: dict[str, str], key: str) -> None:
    async with proxy(relay_profile="azure", **opts) as relay:
        await relay.ask()
        client, upstream = await relay.turn()
    (seen,) = relay.upstream.seen
    assert (seen.headers["api-key"], seen.headers.get("authorization")) == (key, None)
    assert upstream.request.headers["api-key"] == client.request.headers["authorization"].split()[-1] == "[scrubbed]"


async def test_a_token_is_a_bearers_whatever_the_keys_are(proxy) -> None:
    token = "eyJhbGciOiJub25lIn0" + ".eyJzdWIiOiIxIn0" + ".c2ln"
    async with proxy(relay_profile="azure") as relay:
        await relay.ask(headers={**CODEX, "authorization": f"Bearer {token}"})
    (seen,) = relay.upstream.seen
    assert (seen.headers["authorization"], seen.headers.get("api-key")) == (f"Bearer {token}", None)
