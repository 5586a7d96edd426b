"""What reaches a file: scrubbed by every way mitmproxy has to write, while live flows stay as they are."""

from __future__ import annotations

import asyncio
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import command, io
from mitmproxy.exceptions import OptionsError

from addon.recording.flows import open_recording
from addon.recording.pieces import cut, unpack_pieces

from .wire import CODEX, TIMEOUT, Answering, Client, delta, finish, sse, text_answer, until

pytestmark = pytest.mark.asyncio

SESSION = "01a20ed2-5165-7ef1-9588-f36562ecaa10"
KEY = "sk-" + "a1B2" * 8
ASKED = json.dumps({"model": "m", "stream": True, "input": f"I am /home/jane and {KEY} is my key; ACME-4711"}).encode()
HEADERS = {**CODEX, "session-id": SESSION, "x-note": KEY}
PRIVATE = (KEY, "home/jane", SESSION)


async def repeat_it(answer: Answering) -> None:
    """A model that says the key again, in pieces."""
    await answer.stream(*(sse(delta(KEY[at : at + 5])) for at in range(0, len(KEY), 5)), text_answer(" in /home/jane"))


def everything(path: Path) -> str:
    """All that a reader of the file finds, bodies decoded."""
    texts = [path.read_bytes().decode("utf-8", "replace")]
    for turn in open_recording(path).turns():
        for flow in (turn.client, turn.upstream):
            if flow is not None:
                texts += [(m.get_text(strict=False) or "") if m else "" for m in (flow.request, flow.response)]
    said = [json.loads(line[6:]) for text in texts[1:] for line in text.splitlines() if line.startswith("data: {")]
    texts.append("".join(str(event.get("delta", "")) for event in said))
    texts.append("".join(c["delta"].get("content") or "" for e in said for c in e.get("choices") or () if "delta" in c))
    return "\n".join(texts)


async def test_a_planted_key_reaches_no_file(proxy, tmp_path: Path) -> None:
    stream, saved, har = (tmp_path / name for name in ("stream.flow", "saved.flow", "saved.har"))
    async with proxy(repeat_it, save_stream_file=str(stream)) as relay:
        reply = await relay.ask(ASKED, headers=HEADERS, path=f"/v1/responses?api_key={KEY}")
        flows = await relay.flows(2)
        commands: command.CommandManager = relay.master.commands
        commands.call("save.file", flows, str(saved))
        commands.call("save.har", flows, str(har))
    assert KEY in reply.text()
    for path in (stream, saved):
        assert not [private for private in PRIVATE if private in everything(path)]
        assert "[scrubbed]" in everything(path)
    exported = json.loads(har.read_text())
    assert not [private for private in PRIVATE if private in har.read_text()]
    assert len(exported["log"]["entries"]) == 2


async def test_live_flows_and_traffic_are_untouched(proxy, tmp_path: Path) -> None:
    async with proxy(repeat_it, save_stream_file=str(tmp_path / "x.flow")) as relay:
        reply = await relay.ask(ASKED, headers=HEADERS)
        client, upstream = await relay.turn()
    assert KEY in relay.upstream.seen[0].body.decode()
    assert client.request.content == ASKED
    assert client.request.headers["session-id"] == SESSION
    assert client.response.content == reply.body
    assert b"/home/jane" in upstream.response.content


async def test_flows_are_on_disk_when_the_turn_is_over(proxy, tmp_path: Path) -> None:
    path = tmp_path / "x.flow"
    async with proxy(save_stream_file=str(path)) as relay:
        await relay.ask()
        await relay.flows(2)
        await until(lambda: path.exists() and len(list(io.FlowReader(path.open("rb")).stream())) == 2)


async def test_har_that_is_written_at_the_end_is_scrubbed_too(proxy, tmp_path: Path) -> None:
    path = tmp_path / "x.har"
    async with proxy(repeat_it, hardump=str(path)) as relay:
        await relay.ask(ASKED, headers=HEADERS)
        await relay.flows(2)
    assert not [private for private in PRIVATE if private in path.read_text()]
    assert "home/xxxx" in path.read_text()


async def test_a_filter_of_the_save_file_sees_the_flow_as_it_is(proxy, tmp_path: Path) -> None:
    path = tmp_path / "x.flow"
    async with proxy(repeat_it, save_stream_file=str(path), save_stream_filter=f"~bq {KEY}") as relay:
        await relay.ask(ASKED, headers=HEADERS)
        await relay.ask(headers=HEADERS)
        await relay.flows(4)
    assert len(open_recording(path)) == 1


async def test_patterns_of_the_user_are_masked(proxy, tmp_path: Path) -> None:
    path = tmp_path / "x.flow"
    patterns = [r"ACME-(\d+)", "my key"]
    async with proxy(repeat_it, save_stream_file=str(path), relay_scrub_patterns=patterns) as relay:
        await relay.ask(ASKED, headers=HEADERS)
        await relay.flows(2)
    (turn,) = open_recording(path).turns()
    assert turn.request["input"].endswith("is ******; ACME-****")


async def test_without_scrubbing_keys_still_stay_out(proxy, tmp_path: Path) -> None:
    path = tmp_path / "x.flow"
    async with proxy(repeat_it, save_stream_file=str(path), relay_scrub="off") as relay:
        await relay.ask(ASKED, headers=HEADERS)
        await relay.flows(2)
    assert KEY not in everything(path)
    assert CODEX["authorization"].split()[1] not in everything(path)
    assert "/home/jane" in everything(path)
    assert SESSION in everything(path)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("relay_scrub", "yes", "on or off"),
        ("relay_scrub_patterns", ["a("], "regular expression"),
        ("relay_scrub_patterns", ["x*"], "empty text"),
    ],
)
async def test_wrong_values_are_refused(proxy, option: str, value: Any, said: str) -> None:
    async with proxy() as relay:
        relay.relay.is_running = True
        with pytest.raises(OptionsError, match=said):
            relay.master.options.update(**{option: value})


async def test_what_cannot_be_scrubbed_is_not_written(proxy, tmp_path: Path, monkeypatch, caplog) -> None:
    path = tmp_path / "x.flow"

    def fail(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("addon.recording.scrub.Scrubber.body", fail)
    async with proxy(repeat_it, save_stream_file=str(path)) as relay:
        await relay.ask(ASKED, headers=HEADERS)
        await relay.flows(2)
    assert KEY.encode() not in path.read_bytes()
    assert b"jane" not in path.read_bytes()
    assert len(list(io.FlowReader(path.open("rb")).stream())) == 2
    assert "without its content" in caplog.text


# --- what a recording tells -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_pieces_tell_how_the_answer_arrived(proxy, encoding: str) -> None:
    events = [sse(delta("one ")), sse(delta("two ")), sse(delta("three"), finish(), "[DONE]")]

    async def script(answer: Answering) -> None:
        packer = zlib.compressobj(wbits=31)
        await answer.head(headers={"Content-Encoding": encoding} if encoding else {})
        for event in events:
            await answer.send(packer.compress(event) + packer.flush(2) if encoding else event)
            await asyncio.sleep(0.06)
        if encoding:
            await answer.send(packer.flush())
        await answer.end()

    async with proxy(script) as relay:
        await relay.ask()
        _, upstream = await relay.turn()
    pieces = unpack_pieces(upstream.metadata["relay"]["pieces"])
    assert [data for data, _ in cut(upstream.response.content, pieces)] == events
    times = [at for _, at in pieces]
    assert times == sorted(times)
    assert 100 <= times[-1] - times[0] < TIMEOUT * 1000


async def test_a_recording_tells_versions_and_options(proxy, tmp_path: Path) -> None:
    path = tmp_path / "x.flow"
    options = {"relay_model_map": "m=other", "relay_extra_params": '{"temperature": 0.5}', "relay_drop_params": "seed"}
    options["relay_disable_quirks"] = "leaked-glm, cut-note"
    options["relay_tool_denylist"] = "wait_agent, spawn_agent"
    headers = {**HEADERS, "user-agent": "codex_exec/0.169.0 (Linux)"}
    async with proxy(save_stream_file=str(path), **options) as relay:
        await relay.ask(ASKED, headers=headers)
        await relay.flows(2)
    (turn,) = open_recording(path).turns()
    assert turn.facts["client"]["codex"] == turn.codex_version == "0.169.0"
    assert set(turn.facts["client"]["versions"]) == {"relay", "mitmproxy", "python"}
    assert turn.facts["options"] == {
        "model_map": {"m": "other"},
        "extra_params": {"temperature": 0.5},
        "drop_params": ["seed"],
        "tool_denylist": ["spawn_agent", "wait_agent"],
        "disabled_quirks": ["cut-note", "leaked-glm"],
        "web_search": True,
    }
    assert turn.chat_request["temperature"] == 0.5


async def test_what_a_client_that_left_had_got_is_kept(proxy, tmp_path: Path) -> None:
    path = tmp_path / "x.flow"

    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(sse(delta("half of ")))
        await answer.gone()

    async with proxy(script, save_stream_file=str(path)) as relay:
        async with Client(relay.port) as client:
            await client.send("POST", "/v1/responses", {"content-type": "application/json", **HEADERS}, ASKED)
            await asyncio.wait_for(client.reader.readuntil(b"half of "), TIMEOUT)
        await relay.flows(2)
    (turn,) = open_recording(path).turns()
    assert turn.facts["status"] == "client left"
    assert turn.upstream
    assert turn.upstream.response
    assert b"half of " in (turn.upstream.response.content or b"")
    assert turn.client.response
    assert b"half of " in (turn.client.response.content or b"")
