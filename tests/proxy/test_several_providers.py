"""Several providers behind one port: whose model, and whose key. Who takes over stands in test_taking_over.py."""

from __future__ import annotations

import asyncio
import json
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from mitmproxy import certs, connection
from mitmproxy.test import tflow

from addon import guard
from addon.model_lists import ListFailed, Trust, fetch
from addon.providers import find_provider, parse_upstream

from .looking import Looking
from .several import FIRST_KEY, SECOND_KEY, behind_one_port, keys, listing, turn_of  # noqa: F401 - a fixture
from .wire import CODEX, OTHER, Answering, Client, Upstream

pytestmark = pytest.mark.asyncio


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


async def test_lists_are_asked_for_with_the_certificates_that_turns_are(proxy, tmp_path: Path) -> None:
    store = certs.CertStore.from_store(tmp_path, "far", 2048)
    own = store.get_cert("far", [x509.IPAddress(ip_address("127.0.0.1"))])
    encoding, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    key = own.privatekey.private_bytes(encoding, serialization.PrivateFormat.PKCS8, no_password)
    (tmp_path / "own.pem").write_bytes(key + own.cert.to_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")
    authority, far = str(tmp_path / "far-ca-cert.pem"), Upstream(listing("a"))
    server = await asyncio.start_server(far._connected, "127.0.0.1", 0, ssl=context)
    async with server:
        name = f"far=https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1#FIRST_TEST_KEY"
        for trust, why in ((Trust(), "certificate"), (Trust(file="/nowhere"), "No such file")):
            with pytest.raises(ListFailed, match=f"could not be reached.*{why}"):
                await fetch(find_provider(name), trust=trust)
        for options in ({"ssl_insecure": True}, {"ssl_verify_upstream_trusted_ca": authority}):
            async with proxy(relay_providers=name, **options) as relay:
                reply = await relay.ask(b"", method="GET", path="/v1/models")
            assert [one["id"] for one in reply.json()["data"]] == ["far/a"]


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
        told = relay.master.commands.call_strings("relay.rerun", ["@all", "tow/b"])
        assert told.endswith("; tow is none of relay_providers; one will be asked for 'tow/b'")
        await relay.flows(6)
    assert (second.seen[-1].json()["model"], second.seen[-1].path) == ("b", "/gateway/v1/chat/completions")
    assert second.seen[-1].headers["authorization"] == f"Bearer {SECOND_KEY}"
    assert SECOND_KEY not in looking.seen
