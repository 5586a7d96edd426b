"""Repairs of answers by name: on the flow, in the log, and switched off."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

import addon.recorder

from .wire import Answering, text_answer, turn

pytestmark = pytest.mark.asyncio

TOOL = {"type": "function", "name": "run", "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}}}
BLOCK = '<tool_call>\n{"name": "run", "arguments": {"cmd": "ls"}}\n</tool_call>'
ASKED = turn(tools=[TOOL])


async def leak(answer: Answering) -> None:
    await answer.stream(text_answer("Looking.\n<tool", BLOCK[5:]))


def calls(reply: Any) -> list[tuple[str, str]]:
    items = reply.events()[-1]["response"]["output"]
    return [(item["name"], item["arguments"]) for item in items if item["type"] == "function_call"]


async def test_a_repair_shows_on_the_flow_and_once_in_the_log(proxy, caplog, monkeypatch) -> None:
    monkeypatch.setattr(addon.recorder, "_logged_quirks", set())
    caplog.set_level(logging.INFO, "addon.recorder")
    async with proxy(leak) as relay:
        for _ in range(2):
            assert calls(await relay.ask(ASKED)) == [("run", json.dumps({"cmd": "ls"}, separators=(",", ":")))]
        _, client, _, second = await relay.flows(4)
    assert client.metadata["relay"]["quirks"] == second.metadata["relay"]["quirks"] == ["leaked-hermes"]
    logged = [record.getMessage() for record in caplog.records if "leaked-hermes" in record.getMessage()]
    assert len(logged) == 1
    assert "relay_disable_quirks=leaked-hermes" in logged[0]


async def test_a_repair_that_is_switched_off_is_not_made(proxy) -> None:
    async with proxy(leak, relay_disable_quirks="think-tags,leaked-hermes") as relay:
        reply = await relay.ask(ASKED)
        client, _ = await relay.turn()
    assert (calls(reply), reply.text()) == ([], f"Looking.\n{BLOCK}")
    assert client.metadata["relay"]["quirks"] == []


async def test_a_whole_answer_is_repaired_too(proxy) -> None:
    async def script(answer: Answering) -> None:
        message = {"role": "assistant", "content": f"<think>why</think>{BLOCK}"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        await answer.whole(json.dumps({"id": "c", "choices": [choice]}).encode())

    async with proxy(script) as relay:
        reply = await relay.ask(turn(tools=[TOOL], stream=False))
        client, _ = await relay.turn()
    assert [item["type"] for item in reply.json()["output"]] == ["reasoning", "function_call"]
    assert set(client.metadata["relay"]["quirks"]) >= {"think-tags", "leaked-hermes"}


async def test_plain_text_needs_no_repair(proxy) -> None:
    async def script(answer: Answering) -> None:
        await answer.stream(text_answer("a < b", "[c]"))

    async with proxy(script) as relay:
        await relay.ask(ASKED)
        client, _ = await relay.turn()
    assert client.metadata["relay"]["quirks"] == []
