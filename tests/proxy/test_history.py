"""`previous_response_id` for other clients than Codex, the corpus, and the tool denylist, through a real proxy."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.exceptions import OptionsError

from addon.history import (
    FILE,
    FileHistory,
    History,
    HistorySettings,
    Limits,
    MemoryHistory,
    TooLarge,
    parse,
)
from relay_translate.history import StoredTurn

from .wire import CODEX, OTHER, Answering, Client, Reply, ask, text_answer, turn, until, whole_answer

Json = dict[str, Any]
STRANGER = OTHER | {"authorization": "Bearer another-key-456"}
NOT_FOUND = "previous_response_not_found"


async def echo(answer: Answering) -> None:
    """Says how many messages there were, and the last of them."""
    asked = answer.seen.json()
    said = f"{len(asked['messages'])}: {asked['messages'][-1]['content']}"
    if asked["stream"]:
        await answer.stream(text_answer(said))
    else:
        await answer.whole(whole_answer(said))


def response(reply: Reply) -> Json:
    """The Response object of an answer, streamed or whole."""
    found: Json = reply.json() if reply.body.startswith(b"{") else reply.events()[-1]["response"]
    return found


def said(reply: Reply) -> str:
    text: str = response(reply)["output"][-1]["content"][0]["text"]
    return text


async def go_on(relay: Any, reply: Reply, text: str, headers: Json = OTHER, **fields: Any) -> Reply:
    return await relay.ask(turn(text, previous_response_id=response(reply)["id"], **fields), headers)


# --- going on ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_goes_on_from_its_last_turn(proxy, stream: bool) -> None:
    async with proxy(echo) as relay:
        first = await relay.ask(turn("one", stream=stream, instructions="Be brief."), OTHER)
        second = await go_on(relay, first, "two", stream=stream)
        third = await go_on(relay, second, "three", stream=not stream)
        branch = await go_on(relay, first, "other", stream=stream)
    assert [said(reply) for reply in (first, second, third, branch)] == ["2: one", "3: two", "5: three", "3: other"]
    assert response(second)["previous_response_id"] == response(first)["id"]
    messages = relay.upstream.seen[2].json()["messages"]
    assert [message["content"] for message in messages] == ["one", "2: one", "two", "3: two", "three"]


async def test_a_turn_under_way_is_kept_whoever_goes_on_meanwhile(proxy) -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def slow(answer: Answering) -> None:
        if answer.seen.json()["messages"][-1]["content"] == "slow":
            begun.set()
            await over.wait()
        await echo(answer)

    async with proxy(slow) as relay:
        first = await relay.ask(turn("one"), OTHER)
        other = asyncio.create_task(relay.ask(turn("slow"), OTHER))
        await begun.wait()
        assert said(await go_on(relay, first, "two")) == "3: two"
        over.set()
        assert said(await go_on(relay, await other, "three")) == "3: three"


async def test_a_turn_that_was_not_to_be_kept_is_not(proxy) -> None:
    async with proxy(echo) as relay:
        first = await relay.ask(turn("one", store=False), OTHER)
        refused = await go_on(relay, first, "two")
        kept = await go_on(relay, await relay.ask(turn("one"), OTHER), "two", store=False)
        refused_too = await go_on(relay, kept, "three")
    for reply in (refused, refused_too):
        error = reply.json()["error"]
        assert (reply.status, error["code"], error["param"]) == (400, NOT_FOUND, "previous_response_id")
        assert error["message"].startswith("Previous response with id 'resp_")
    assert len(relay.upstream.seen) == 3, "nothing is sent in place of what is not there"


async def test_nobody_goes_on_from_the_turn_of_another_key(proxy) -> None:
    async with proxy(echo) as relay:
        first = await relay.ask(turn("secret"), OTHER)
        refused = await go_on(relay, first, "what did I say?", STRANGER)
        unknown = await relay.ask(turn("x", previous_response_id="resp_0"), STRANGER)
        assert said(await go_on(relay, first, "two")) == "3: two"
    words = [reply.json()["error"]["message"].partition("not found")[2] for reply in (refused, unknown)]
    assert words[0] == words[1] != "", "it can't be told from one that never was"


async def test_a_failed_turn_is_not_kept_and_a_cut_one_is(proxy) -> None:
    async def script(answer: Answering) -> None:
        if b"fail" in answer.seen.body:
            await answer.whole(b'{"error": {"message": "no"}}', "400 Bad Request")
        elif b"cut" in answer.seen.body:
            await answer.whole(whole_answer("half").replace(b'"stop"', b'"length"'))
        else:
            await echo(answer)

    async with proxy(script) as relay:
        assert (await relay.ask(turn("fail", stream=False), OTHER)).status == 400
        cut = await relay.ask(turn("be cut", stream=False), OTHER)
        assert response(cut)["status"] == "incomplete"
        assert (await go_on(relay, cut, "on", stream=False)).status == 200


async def test_a_client_may_go_on_before_the_providers_connection_is_over(proxy) -> None:
    over = asyncio.Event()

    async def script(answer: Answering) -> None:
        if len(answer.seen.json()["messages"]) > 1:
            await echo(answer)
            return
        await answer.head()
        await answer.send(text_answer("one"))
        await over.wait()
        await answer.end()

    async with proxy(script) as relay, Client(relay.port) as client:
        await client.send("POST", "/v1/responses", OTHER, turn("hi"))
        reply = asyncio.create_task(client.read())
        await until(lambda: any(one.body and one.body.translator.done for one in _live()))
        (id,) = [one.body.translator.response["id"] for one in _live()]
        second = await ask(relay.port, turn("two", previous_response_id=id), OTHER)
        over.set()
        await reply
    assert said(second) == "3: two"


def _live() -> list[Any]:
    import addon.exchange

    return list(addon.exchange.live.values())


async def test_codex_is_never_kept(proxy, tmp_path: Path) -> None:
    async with proxy(echo, relay_history=str(tmp_path / "kept")) as relay:
        await relay.ask(turn("hi", store=False), CODEX)
        await relay.flows(2)
    assert len(FileHistory(tmp_path / "kept", Limits())) == 0


async def test_turns_in_a_file_outlive_the_relay_and_hold_no_key(proxy, tmp_path: Path) -> None:
    folder = tmp_path / "some" / "kept"
    async with proxy(echo, relay_history=str(folder)) as relay:
        first = await relay.ask(turn("one"), OTHER)
        await relay.flows(2)
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    async with proxy(echo, relay_history=str(folder)) as relay:
        assert (await go_on(relay, first, "two", STRANGER)).status == 400
        assert said(await go_on(relay, first, "two")) == "3: two"
        await relay.flows(3)
    data = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"client-key-123" not in data and b"another-key" not in data


async def test_other_options_may_change_without_anything_being_forgotten(proxy) -> None:
    async with proxy(echo) as relay:
        first = await relay.ask(turn("one"), OTHER)
        relay.master.options.update(relay_drop_params="seed")
        assert said(await go_on(relay, first, "two")) == "3: two"


async def test_a_store_that_fails_costs_no_turn(proxy, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with proxy(echo, relay_history=str(tmp_path)) as relay:
        first = await relay.ask(turn("one"), OTHER)
        await relay.flows(2)
        database = sqlite3.connect(tmp_path / FILE)
        database.execute("DROP TABLE turns")
        database.close()
        with caplog.at_level(logging.ERROR):
            assert said(await relay.ask(turn("again"), OTHER)) == "1: again"
            refused = await go_on(relay, first, "two")
            await relay.flows(5)
    assert (refused.status, refused.json()["error"]["code"]) == (503, "server_error")
    assert "relay_history could not keep it: no such table" in caplog.text
    assert "relay_history can't be read: no such table" in caplog.text


async def test_without_a_history_the_request_is_refused(proxy) -> None:
    async with proxy(echo, relay_history="off") as relay:
        first = await relay.ask(turn("one"), OTHER)
        refused = await go_on(relay, first, "two")
    assert (refused.status, refused.json()["error"]["param"]) == (400, "previous_response_id")
    assert "keeps no state: send the whole conversation" in refused.json()["error"]["message"]


# --- limits and options -----------------------------------------------------------------------------------------------


class Time:
    now = 1_000_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def stores(folder: Path, **limits: Any) -> list[tuple[Any, Time]]:
    clocks = Time(), Time()
    kept = Limits(**limits)
    return [(MemoryHistory(kept, clocks[0]), clocks[0]), (FileHistory(folder, kept, clocks[1]), clocks[1])]


def stored(number: int, text: str = "hello") -> StoredTurn:
    return StoredTurn(f"resp_{number}", "owner", [{"type": "message", "role": "user", "content": text}])


def kept(store: Any) -> list[int]:
    return [number for number in range(10) if store.load(f"resp_{number}") is not None]


def test_a_turn_comes_back_as_it_was(tmp_path: Path) -> None:
    for store, _ in stores(tmp_path):
        store.save(stored(1, "h\u00e9llo"))
        assert store.load("resp_1") == stored(1, "h\u00e9llo")
        assert store.load("resp_2") is None


def test_what_a_full_disk_holds_can_be_gone_on_from(tmp_path: Path, caplog) -> None:
    store = FileHistory(tmp_path, Limits())
    store.save(stored(1))
    store._database.execute("PRAGMA query_only=ON")
    assert store.load("resp_1") == stored(1)
    assert "relay_history can't be written" in caplog.text


def test_the_turn_that_was_not_used_for_longest_is_forgotten(tmp_path: Path) -> None:
    for store, _ in stores(tmp_path, turns=3):
        for number in (1, 2, 3):
            store.save(stored(number))
        store.load("resp_1")
        store.save(stored(4))
        assert (kept(store), len(store)) == ([1, 3, 4], 3)


def test_a_turn_that_nobody_goes_on_from_is_forgotten_in_time(tmp_path: Path) -> None:
    for store, clock in stores(tmp_path, hours=1):
        store.save(stored(1))
        store.save(stored(2))
        clock.now += 3000
        store.load("resp_2")
        clock.now += 3000
        assert kept(store) == [2]


def test_turns_take_no_more_room_than_they_may(tmp_path: Path) -> None:
    text = random.Random(1).randbytes(4500).hex()  # 4.5 kB at least, however it is packed
    for store, _ in stores(tmp_path, mb=0.02):
        for number in (1, 2, 3, 4, 5, 4):
            store.save(stored(number, text))
        assert 2 <= len(store) <= 4 and kept(store)[-2:] == [4, 5]
        with pytest.raises(TooLarge, match=r"a turn of .* MB is more than the 0.02 MB that may be kept"):
            store.save(stored(6, random.Random(2).randbytes(30_000).hex()))


def test_limits_are_named_or_stay() -> None:
    assert parse("", "") == HistorySettings(None, True, Limits(168, 256, 512))
    assert parse("memory", " hours=0.5 , turns=2,") == HistorySettings(None, True, Limits(0.5, 2, 512))
    assert (parse("off", "").is_on, parse("~/kept", "").folder) == (False, Path.home() / "kept")


@pytest.mark.parametrize(
    "limits", ["168", "hours", "hours=", "hours=0", "hours=nan", "hours=-1", "turns=1.5", "days=7"]
)
def test_limits_that_can_not_be_meant_are_refused(limits: str) -> None:
    with pytest.raises(ValueError, match=f"^relay_history_limits='{limits}': .*$"):
        parse("", limits)


def test_a_file_that_can_not_be_one_is_refused_and_the_store_before_stays(tmp_path: Path) -> None:
    history = History()
    history.configure(HistorySettings())
    asked = history.asked({"input": "hi"}, ["key"])
    history.keep(asked, {"id": "resp_1", "status": "completed", "output": []})
    (tmp_path / FILE).write_text("something else, and long enough to be looked at " * 100)
    for folder, why in ((tmp_path, "is no history of the relay's"), (tmp_path / FILE, "can't be written: File exists")):
        with pytest.raises(ValueError, match=why):
            history.configure(HistorySettings(folder))
    assert history.asked({"previous_response_id": "resp_1"}, ["key"]).earlier


async def test_options_that_can_not_be_meant_are_taken_back(proxy, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    async with proxy(echo) as relay:
        for option, value in (("relay_history", str(tmp_path / "file")), ("relay_history_limits", "hours=0"),
                              ("relay_corpus", str(tmp_path / "file"))):  # fmt: skip
            with pytest.raises(OptionsError, match=f"^{option}="):
                relay.master.options.update(**{option: value})


# --- the corpus, and tools that are not offered -----------------------------------------------------------------------


def written(folder: Path) -> list[Json]:
    return [json.loads(line) for path in sorted(folder.glob("corpus-*")) for line in path.read_bytes().splitlines()]


async def test_a_conversation_that_is_kept_here_is_in_the_corpus_once(proxy, tmp_path: Path) -> None:
    async with proxy(echo, relay_corpus=str(tmp_path / "corpus")) as relay:
        first = await relay.ask(turn("one", instructions="Be brief."), OTHER)
        second = await go_on(relay, first, "two", stream=False, instructions="Be brief.")
        await relay.flows(4)
    one, two = written(tmp_path / "corpus")
    assert one["conversation_id"] == two["conversation_id"] == two["parent_response_id"] == response(first)["id"]
    assert (two["response_id"], one["parent_response_id"]) == (response(second)["id"], None)
    assert [message["content"] for record in (one, two) for message in record["messages"]] == [
        "Be brief.", "one", "2: one", "two", "4: two",
    ]  # fmt: skip


async def test_failed_turns_are_not_in_the_corpus_and_a_full_disk_costs_no_turn(
    proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(answer: Answering) -> None:
        if b"fail" in answer.seen.body:
            await answer.whole(b'{"error": {"message": "no"}}', "400 Bad Request")
        else:
            await echo(answer)

    async with proxy(script, relay_corpus=str(tmp_path / "corpus")) as relay:
        await relay.ask(turn("fail"), CODEX)
        await relay.flows(2)
        assert written(tmp_path / "corpus") == []
        monkeypatch.setattr("addon.corpus.os.write", lambda *_: 0)
        with caplog.at_level(logging.ERROR):
            assert (await relay.ask(turn("hi"), CODEX)).types()[-1] == "response.completed"
            await relay.flows(4)
    assert "a turn is missing in the corpus" in caplog.text


async def test_a_denied_tool_does_not_reach_the_provider(proxy) -> None:
    tools = [{"type": "function", "name": name} for name in ("keep", "spawn_agent")]
    async with proxy(echo, relay_tool_denylist=" spawn_agent , wait_agent") as relay:
        await relay.ask(turn("hi", tools=tools))
        client, _ = await relay.turn()
    assert [tool["function"]["name"] for tool in relay.upstream.seen[0].json()["tools"]] == ["keep"]
    assert client.metadata["relay"]["options"]["tool_denylist"] == ["spawn_agent", "wait_agent"]
    assert "tools: spawn_agent was left out, as relay_tool_denylist says" in client.metadata["relay"]["notes"]
