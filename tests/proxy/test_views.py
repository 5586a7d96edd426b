"""Bodies as mitmweb and the console show them: chosen by themselves for the relay's turns only, and never in the way."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import contentviews, http
from mitmproxy.io import FlowReader
from mitmproxy.test import tflow

from addon import live_view, views
from relay_translate import transcript

from .looking import Looking
from .wire import CODEX, Answering, delta, finish, sse, text_answer, turn

pytestmark = pytest.mark.asyncio

RECORDINGS = Path(__file__).parents[2] / "recordings"
TOOL = {"type": "function", "name": "shell", "description": "Runs", "parameters": {"type": "object", "properties": {}}}
THREAD = {**CODEX, "thread-id": "01a20ed2-5165-7ef1-9588-f36562ecaa10"}


@pytest.fixture(autouse=True)
def streams_wait_for_no_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown here slows no live view of a later test."""
    monkeypatch.setattr(live_view, "_not_before", 0.0)


def shown(flow: http.HTTPFlow, message: http.Message, view: str = "auto") -> tuple[str, str]:
    """(name of the view, text) as this version of mitmproxy gives them to its tools."""
    if hasattr(contentviews, "prettify_message"):
        result = contentviews.prettify_message(message, flow, view)
        return result.view_name or "", result.text
    name, lines, error = contentviews.get_message_content_view(view, message, flow)
    assert not error
    return name, "\n".join("".join(text for _, text in line) for line in lines)


def item(role: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


async def test_all_four_bodies_of_a_turn_are_shown_readably(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons) as relay:
        await relay.ask(turn("What is up?", tools=[TOOL]))
        client, upstream = await relay.turn()
        texts = {}
        for flow, side in ((client, "client"), (upstream, "upstream")):
            for message in (flow.request, flow.response):
                name, texts[side, type(message).__name__] = shown(flow, message)
                assert name == "Relay"
    assert "What is up?" in texts["client", "Request"]
    assert "chat request" in texts["upstream", "Request"]
    assert "shell" in texts["upstream", "Request"]
    for side in ("client", "upstream"):
        assert "Hello" in texts[side, "Response"]
        assert "120" in texts[side, "Response"]  # input tokens


async def test_the_translation_is_shown_from_either_side(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons) as relay:
        await relay.ask(turn("What is up?"))
        client, upstream = await relay.turn()
        both = {shown(flow, flow.request, "Relay translation") for flow in (client, upstream)}
    (name, text), *others = both
    assert not others
    assert name == "Relay translation"
    assert "What is up?" in text


async def test_raw_is_one_click_away(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons) as relay:
        reply = await relay.ask()
        client, _ = await relay.turn()
        assert shown(client, client.response, "Raw")[1].strip() == reply.body.decode().strip()


async def test_a_request_is_compared_with_the_one_before_it_in_its_thread(proxy) -> None:
    looking, first = Looking(), [item("user", "one")]
    async with proxy(looking=looking.addons) as relay:
        await relay.ask(body(first), headers=THREAD)
        await relay.ask(body([item("user", "elsewhere")]), headers={**CODEX, "thread-id": "another"})
        await relay.ask(body([*first, item("assistant", "Hello"), item("user", "two")]), headers=THREAD)
        await relay.ask(body([item("user", "changed"), item("user", "three")]), headers=THREAD)
        flows = await relay.flows(8)
        clients, upstreams = flows[1::2], flows[::2]
        texts = [[shown(flow, flow.request)[1] for flow in side] for side in (clients, upstreams)]
    for one, other, continued, changed in texts:
        assert "prompt cache" not in one + other
        assert "prompt cache: continues the last request" in continued
        assert "prompt cache: differs at " in changed


def body(items: list[dict[str, Any]]) -> bytes:
    return json.dumps({"model": "gpt-test", "input": items, "stream": True}).encode()


async def test_an_answer_under_way_is_shown_as_far_as_it_has_come(proxy) -> None:
    looking, go_on = Looking(), asyncio.Event()

    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(sse(delta("first half, ")))
        await go_on.wait()
        await answer.send(sse(delta("second half"), finish(), "[DONE]"))
        await answer.end()

    async with proxy(script, looking=looking.addons) as relay:
        asked = asyncio.create_task(relay.ask())
        flows = await looking.shows(2, lambda flow: flow.response and b"half" in (flow.response.raw_content or b""))
        texts = [shown(flow, flow.response)[1] for flow in flows]
        assert shown(flows[0], flows[0].response)[1] == texts[0]  # looking does not count what it has read again
        go_on.set()
        await asked
        client, upstream = await relay.turn()
        whole = [shown(flow, flow.response)[1] for flow in (client, upstream)]
    assert all("first half" in text and "second half" not in text for text in texts)
    assert all("first half, second half" in text for text in whole)


async def test_failures_are_shown_in_the_providers_words(proxy) -> None:
    async def script(answer: Answering) -> None:
        error = {"error": {"message": "Out of credit, my friend", "code": "insufficient_quota"}}
        await answer.whole(json.dumps(error).encode(), "402 Payment Required")

    looking = Looking()
    async with proxy(script, looking=looking.addons) as relay:
        await relay.ask()
        client, upstream = await relay.turn()
        assert "Out of credit, my friend" in shown(client, client.response)[1]
        assert "Out of credit, my friend" in shown(upstream, upstream.response)[1]
    assert client.comment.startswith("🔴 failed: ")
    assert "Out of credit, my friend" in client.comment


async def test_the_providers_side_names_the_event_that_ended_the_turn(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.head()
        await answer.send(sse(delta("Hello ")) + b'data: {"choices": [{"del\n\n')
        await answer.send(sse(delta("you"), finish(), "[DONE]"))
        await answer.end()

    looking = Looking()
    async with proxy(script, looking=looking.addons) as relay:
        await relay.ask()
        client, upstream = await relay.turn()
        text, told = shown(upstream, upstream.response)[1], shown(client, client.response)[1]
        translation = shown(client, client.response, "Relay translation")[1]
    assert text.startswith("completed, but 1 event can't be read · ")
    assert "\nturn: failed, " in text
    assert "note: event 2 can't be read: {" in text
    assert told.startswith("failed · ")
    assert "event 2 can't be read: {" in translation


async def test_the_parts_of_an_answer_have_their_times(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.head()
        for event in ({"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}}]}, delta("Hello"), finish()):
            await asyncio.sleep(0.02)
            await answer.send(sse(event))
        await answer.send(sse("[DONE]"))
        await answer.end()

    looking = Looking()
    async with proxy(script, looking=looking.addons) as relay:
        await relay.ask()
        for flow in await relay.turn():
            text = shown(flow, flow.response)[1]
            assert re.search(r"^phases: waited \d+ ms, reasoning \d+ ms, text \d+ ms$", text, re.M)


@pytest.mark.parametrize("name", ["codex-0.40.0", "codex-0.169.0", "demo"])
async def test_every_body_of_a_recording_is_shown_within_the_page(proxy, name: str) -> None:
    looking, recorded = Looking(), []
    with (RECORDINGS / f"{name}.flow").open("rb") as file:
        recorded += FlowReader(file).stream()
    async with proxy(looking=looking.addons):
        looking.view.add(recorded)
        for flow in recorded:
            for message in (flow.request, flow.response):
                for view in ("auto", "Relay translation"):
                    title, text = shown(flow, message, view)
                    assert "Relay" in title or not message.content  # 11 puts the content encoding in front
                    assert "not shown as" not in text
                    assert not re.search(r"\bNone\b|<addon|<relay_", text)
                    assert max(map(transcript.columns, text.split("\n"))) <= transcript.WIDTH
    views._rendered.clear()


@pytest.mark.parametrize(
    "data", [b"{", b"\xff\xfe\x00", b"data: {\n\n", b"[]", b"null", b'{"messages": 3, "input": {}}']
)
async def test_broken_bodies_break_no_view(proxy, data: bytes) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons) as relay:
        await relay.ask()
        client, upstream = await relay.turn()
        for flow in (client, upstream):
            flow.request.raw_content = flow.response.raw_content = data
            for message in (flow.request, flow.response):
                for view in ("auto", "Relay translation"):
                    name, text = shown(flow, message, view)
                    assert name.startswith("Relay")
                    assert "Traceback" not in text


async def test_other_flows_keep_their_views(proxy) -> None:
    flow = tflow.tflow(resp=True)
    flow.request.headers["content-type"] = flow.response.headers["content-type"] = "application/json"
    flow.request.content = flow.response.content = turn()
    async with proxy(looking=Looking().addons):
        assert "Relay" not in shown(flow, flow.request)[0]
        assert "Relay" not in shown(flow, flow.response)[0]
        assert "no turn" in shown(flow, flow.request, "Relay translation")[1]


async def test_two_megabytes_are_shown_in_a_moment(proxy) -> None:
    items = [item("user" if i % 2 else "assistant", f"{i} " + "lorem ipsum " * 400) for i in range(400)]
    looking = Looking()

    async def script(answer: Answering) -> None:
        await answer.stream(text_answer(*["word "] * 10_000))

    async with proxy(script, looking=looking.addons) as relay:
        await relay.ask(body(items), headers=THREAD)
        await relay.ask(body([*items, item("user", "more")]), headers=THREAD)
        upstream, client = (await relay.flows(4))[2:]
        assert len(client.request.raw_content) > 1_900_000
        begun = time.process_time()
        for flow in (client, upstream):
            for message in (flow.request, flow.response):
                shown(flow, message)
        shown(client, client.request, "Relay translation")
        assert time.process_time() - begun < 10  # 1.2 s where this was written
    views._rendered.clear()
