"""Turns of recordings that an older relay made: found by filters, marked and placed as live ones are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions, flowfilter, http
from mitmproxy.flow import Error
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.test import tflow

from addon import flow_list, loaded
from addon.recording.flows import open_recording
from tests.recording.sessions import Session

from .looking import Looking
from .wire import until

pytestmark = pytest.mark.asyncio

RECORDINGS = Path(__file__).parent.parent.parent / "recordings"
DEMO, SCENARIOS = RECORDINGS / "demo.flow", RECORDINGS / "codex-0.169.0.flow"


def older(session: Session) -> list[http.HTTPFlow]:
    """As relays before the words recorded it: the provider's side first, and made at the end of the turn."""
    for upstream, client in zip(session.flows[::2], session.flows[1::2], strict=True):
        assert (upstream.metadata["relay"]["role"], client.metadata["relay"]["role"]) == ("upstream", "client")
        upstream.timestamp_created = client.timestamp_created + 5
        upstream.comment = f"upstream of {client.id[:8]}"
        for one in (upstream, client):
            one.metadata.pop(flow_list.WORDS, None)
    return session.flows


def session(*answers: str) -> Session:
    made = Session()
    for text in answers or ("Hello.",):
        made.says("hello").hears(text)
    return made


def sides(flows: list[Any]) -> list[tuple[str, str]]:
    return [(one.metadata["relay"]["id"], one.metadata["relay"]["role"]) for one in flows]


def found(flows: list[Any], recipe: str) -> list[Any]:
    return [one for one in flows if flowfilter.match(recipe, one)]


@pytest.mark.parametrize(
    ("file", "recipe", "count"),
    [
        (DEMO, "~meta model=deepseek", 6),
        (DEMO, "~meta role=client & ~meta tool=exec_command", 2),
        (SCENARIOS, "~marker red_circle", 4),
        (SCENARIOS, "~meta status=failed", 8),
        (SCENARIOS, "~marker arrow_right_hook", 60),
        (SCENARIOS, "~comment ^↳", 60),
        (SCENARIOS, "~comment ^🔴", 4),
        (SCENARIOS, '~comment "scenario killed$"', 4),
    ],
)
async def test_recipes_find_turns_in_an_older_recording(file: Path, recipe: str, count: int) -> None:
    with file.open("rb") as source:
        assert len(found(list(loaded.described(FlowReader(source).stream())), recipe)) == count


async def test_a_filter_behind_a_file_finds_them_too(proxy) -> None:
    """`mitmdump -r FILE FILTER` looks at a flow before any hook does."""
    before = DEMO.read_bytes()
    looking = Looking()
    options = {"rfile": str(DEMO), "readfile_filter": "~meta tool=exec_command & ~meta role=upstream"}
    async with proxy(looking=looking.addons, **options):
        await until(lambda: len(looking.flows) == 2)
    assert all(one.comment.startswith("↳ deepseek-v4-flash") for one in looking.flows)
    assert DEMO.read_bytes() == before


async def test_both_sides_stand_together_in_the_list(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons, rfile=str(SCENARIOS)):
        await until(lambda: len(looking.flows) == 120)
    listed = sides(looking.flows)
    assert [role for _, role in listed] == ["client", "upstream"] * 60
    assert all(client[0] == upstream[0] for client, upstream in zip(listed[::2], listed[1::2], strict=True))


async def test_the_consoles_own_load_tells_of_them_too(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons) as relay:
        relay.master.commands.call("view.flows.load", str(DEMO))
        assert len(found(looking.flows, "~meta role=upstream")) == 3


async def test_what_somebody_wrote_stays() -> None:
    upstream, client = older(session())
    client.comment, client.marked, upstream.comment = "mine", ":star:", "upstream of the falls"
    list(loaded.described([upstream, client]))
    assert (client.comment, client.marked, upstream.comment) == ("mine", ":star:", "upstream of the falls")
    assert found([client], "~meta status=completed") == [client]


def of_a_scenario(flows: list[http.HTTPFlow], name: str) -> list[http.HTTPFlow]:
    """As older recordings over scenarios hold them: the name stands first."""
    for one in flows:
        one.metadata["case"], one.comment = {"name": name}, f"{name}: {one.comment}"
    return flows


async def test_the_name_of_a_scenario_moves_to_the_end() -> None:
    """A row that begins with `killed: ` reads as if the turn had been killed."""
    upstream, client = older(session())
    client.comment = loaded._older_comment(client.metadata["relay"])
    list(loaded.described(of_a_scenario([upstream, client], "killed")))
    assert upstream.comment.startswith("↳ scripted-model") and upstream.comment.endswith(" · scenario killed")
    assert client.comment == f"{flow_list.comment(client.metadata['relay'])} · scenario killed"


async def test_it_moves_where_a_relay_of_today_put_it_first_too() -> None:
    upstream, client = session().flows
    flow_list.finish(client, client.metadata["relay"])
    flow_list.finish_upstream(upstream, client.metadata["relay"])
    expected = [f"{one.comment} · scenario killed" for one in (upstream, client)]
    flows = of_a_scenario([upstream, client], "killed")
    client.marked = ""
    for _ in range(2):
        list(loaded.described(flows))
        assert [one.comment for one in flows] == expected and client.marked == ""


@pytest.mark.parametrize("is_told", [True, False])
async def test_what_somebody_wrote_stays_in_a_scenarios_recording_too(is_told: bool) -> None:
    upstream, client = older(session())
    for one in (upstream, client):
        one.comment = "mine"
        one.metadata |= {flow_list.WORDS: "role=client"} if is_told else {}
    list(loaded.described(of_a_scenario([upstream, client], "text")))
    assert (upstream.comment, client.comment) == ("text: mine", "text: mine")


async def test_flows_of_others_and_of_today_are_left_alone() -> None:
    stranger, today = tflow.tflow(resp=True), tflow.tflow(resp=True)
    today.metadata = {"relay": {"role": "client", "id": "t", "status": "failed"}, flow_list.WORDS: "role=client"}
    before = [one.get_state() for one in (stranger, today)]
    assert [one.get_state() for one in loaded.described([stranger, today])] == before


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 1, 3), (0, 2, 3, 1), (1, 0, 3, 2), (1, 3, 0, 2)])
async def test_sides_find_each_other_wherever_they_stand(order: tuple[int, ...]) -> None:
    flows = older(session("Hello.", "Again."))
    read = list(loaded.described([flows[number] for number in order]))
    assert sorted(map(id, read)) == sorted(map(id, flows))
    placed = sides(sorted(read, key=lambda one: one.timestamp_created))
    assert placed == sides([flows[number] for number in (1, 0, 3, 2)])
    assert len(found(read, "~meta role=upstream & ~meta status=completed")) == 2


async def test_a_side_whose_client_was_not_saved_is_told_of_by_its_request() -> None:
    upstream, _ = older(session())
    (read,) = loaded.described([upstream])
    assert read.comment.startswith("↳ scripted-model") and found([read], "~meta role=upstream.*model=scripted-model")


async def test_a_turn_that_broke_is_marked() -> None:
    upstream, client = older(session())
    client.response, client.error = None, Error("Client disconnected.")
    client.metadata["relay"] |= {"status": "failed", "error": {"code": "server_error", "message": "gone"}}
    client.comment = ""
    list(loaded.described([upstream, client]))
    assert client.marked == flow_list.FAILED and "failed: gone (server_error)" in client.comment


async def test_nothing_is_lost_where_many_wait_or_the_file_is_cut(tmp_path: Path) -> None:
    flows = older(session(*["Hello."] * 50))
    only = flows[::2]
    assert sorted(map(id, loaded.described([*only, only[0]]))) == sorted(map(id, [*only, only[0]]))
    path = tmp_path / "cut.flow"
    with path.open("wb") as file:
        for one in flows[:3]:
            FlowWriter(file).add(one)
    path.write_bytes(path.read_bytes() + b"99999:cut")
    with path.open("rb") as source:
        reading = loaded.described(FlowReader(source).stream())
        assert len([next(reading) for _ in range(3)]) == 3
        with pytest.raises(exceptions.FlowReadException):
            next(reading)


@pytest.mark.parametrize("facts", [{"timings": 3, "error": []}, {"calls": 7}, {"usage": {"input_tokens": []}}])
async def test_a_strangers_facts_do_no_harm(facts: dict[str, Any]) -> None:
    flow = tflow.tflow(resp=True)
    flow.metadata["relay"] = {"role": "client", "id": "x", **facts}
    flow.metadata["case"], flow.comment = {"name": "text"}, "text: mine"
    assert list(loaded.described([flow])) == [flow] and flow.comment == "text: mine"


async def test_tools_that_count_bytes_read_the_file_as_it_is(proxy, tmp_path: Path) -> None:
    async with proxy():
        with loaded.as_they_are():
            assert [turn.upstream is not None for turn in open_recording(DEMO).turns()] == [True] * 3
    with DEMO.open("rb") as source:
        assert flow_list.WORDS not in next(iter(FlowReader(source).stream())).metadata  # the relay has gone
