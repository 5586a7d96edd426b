"""The story of each turn in the list of flows, and the filters that find it, in the words of the README."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from mitmproxy import flowfilter
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError
from mitmproxy.test import taddons, tflow

from addon import compat, flow_list, inspection

from .looking import Looking
from .wire import Answering, text_answer

pytestmark = pytest.mark.asyncio

FACTS: dict[str, Any] = {
    "role": "client",
    "provider": "api.deepseek.com",
    "label": "DeepSeek",
    "profile": "deepseek",
    "model": "deepseek-chat",
    "requested_model": "gpt-5",
    "status": "completed",
    "usage": {"input_tokens": 12_345, "output_tokens": 210, "input_tokens_details": {"cached_tokens": 11_904}},
    "timings": {"first_byte": 0.5, "first_token": 0.8, "total": 4.21},
    "calls": ["shell", "apply_patch", "shell"],
    "quirks": ["think-tags"],
    "client": {"codex": "0.169.0"},
}
FAILED = {
    **FACTS,
    "status": "failed",
    "usage": None,
    "calls": [],
    "quirks": [],
    "error": {"code": "rate_limit_exceeded", "message": "Slow down, please.\nTry in 3 s"},
    "timings": {"first_byte": None, "first_token": None, "total": 61.0},
}


async def test_a_comment_begins_with_what_differs_from_turn_to_turn() -> None:
    assert flow_list.comment(FACTS) == (
        "12.3k (11.9k cached) in, 210 out · 0.80 s first, 4.2 s · shell ×2, apply_patch · deepseek-chat · DeepSeek · "
        "asked gpt-5 · quirk think-tags"
    )


async def test_a_failure_begins_with_the_providers_words() -> None:
    text = flow_list.comment(FAILED)
    assert text.startswith(
        "🔴 failed: Slow down, please. Try in 3 s (rate_limit_exceeded) · 61.0 s · slow · deepseek-chat"
    )


@pytest.mark.parametrize("facts", [{}, {"usage": 3, "timings": "x", "calls": None, "error": [], "client": 1}])
async def test_what_a_stranger_recorded_is_listed_as_far_as_it_can_be(facts: dict[str, Any]) -> None:
    assert flow_list.comment(facts)
    assert flow_list.words(facts, "client").startswith("role=client")


async def test_a_failure_is_seen_where_its_status_is_green() -> None:
    flow = tflow.tflow(resp=True)
    flow_list.finish(flow, FAILED)
    assert flow.comment[0] == "🔴"
    flow_list.finish(flow, FACTS)
    assert "🔴" not in flow.comment
    assert flow_list.comment({**FACTS, "status": "killed"})[0] == "🔴"  # by a person, who threw an answer away
    for facts in ({**FACTS, "status": "client left"}, {**FACTS, "status": "incomplete"}):
        assert "🔴" not in flow_list.comment(facts)


async def test_a_comment_that_an_older_relay_wrote_is_its_own() -> None:
    flow = tflow.tflow(resp=True)
    flow.metadata["relay"] = FAILED | {"role": "client"}
    flow.comment = flow_list.comment(FAILED).removeprefix("🔴 ")
    flow_list.tell(flow, "waiting 1 s")
    assert flow.comment == "waiting 1 s"


# The recipes of the README: filter, and whether it finds (the turn that went well, the one that failed).
RECIPES = [
    ("~comment deepseek-chat", True, True),
    ("~comment DeepSeek", True, True),
    ("~comment failed", False, True),
    ("~comment slow", False, True),
    ("~comment apply_patch", True, False),
    ("~comment think-tags", True, False),
    ('~comment "Slow down"', False, True),
    ("~marker red_circle", False, True),
    ("~meta model=deepseek", True, True),
    ("~meta asked=gpt-5", True, True),
    ("~meta provider=api.deepseek.com", True, True),
    ("~meta status=failed", False, True),
    ("~meta error=rate_limit", False, True),
    ("~meta tool=shell", True, False),
    ("~meta quirk=think-tags", True, False),
    ("~meta codex=0.169", True, True),
    ('~meta " slow"', False, True),
    ("~meta role=client & !~meta status=completed", False, True),
    ('~comment "asked gpt-5"', True, True),
    ('~meta "role=client.*tool=apply_patch"', True, False),
]


@pytest.mark.parametrize(("recipe", "well", "failed"), RECIPES)
async def test_filters_find_turns(recipe: str, well: bool, failed: bool) -> None:
    wanted = flowfilter.parse(recipe)
    for facts, expected in ((FACTS, well), (FAILED, failed)):
        flow = tflow.tflow(resp=True)
        flow_list.finish(flow, facts)
        flow.metadata["relay"] = facts
        assert bool(wanted(flow)) == expected


@pytest.mark.parametrize("recipe", ["~marker arrow_right_hook", "~meta role=upstream", "~comment ↳"])
async def test_filters_tell_the_providers_side(recipe: str) -> None:
    wanted = flowfilter.parse(recipe)
    client, upstream = tflow.tflow(resp=True), tflow.tflow(resp=True)
    flow_list.finish(client, FACTS)
    flow_list.finish_upstream(upstream, FACTS)
    assert upstream.comment.startswith("↳ deepseek-chat · DeepSeek · HTTP 200")
    assert (bool(wanted(client)), bool(wanted(upstream))) == (False, True)


async def test_a_comment_of_somebodys_own_stays(proxy) -> None:
    looking = Looking()

    async def script(answer: Answering) -> None:
        looking.flows[0].comment = "look at this one"
        await answer.stream(text_answer("Hello"))

    async with proxy(script, looking=looking.addons) as relay:
        await relay.ask()
        client, _ = await relay.turn()
    assert client.comment == "look at this one"


async def test_a_refused_request_says_why(proxy) -> None:
    looking = Looking()
    async with proxy(looking=looking.addons) as relay:
        await relay.ask(b"{")
        (flow,) = await relay.flows(1)
    assert flow.comment.startswith("🔴 refused: the request body is not valid JSON")
    assert flow.marked == flow_list.FAILED
    assert flowfilter.parse("~meta status=refused")(flow)


async def test_a_replayed_turn_tells_its_new_story(proxy) -> None:
    looking, failing = Looking(), [True]

    async def script(answer: Answering) -> None:
        if failing.pop() if failing else False:
            await answer.whole(json.dumps({"error": {"message": "No"}}).encode(), "400 Bad Request")
        else:
            await answer.stream(text_answer("Yes"))

    async with proxy(script, looking=looking.addons, relay_api_key="sk-relay-0123456789") as relay:
        await relay.ask()
        client, _ = await relay.turn()
        assert (client.marked, client.comment[:12]) == (flow_list.FAILED, "🔴 failed: No")
        await asyncio.sleep(0.05)
        relay.master.commands.call("replay.client", [client])
        await relay.flows(4)
    assert client.marked == ""
    assert client.comment.startswith("120 (100 cached) in")


async def test_columns_show_the_comment_unless_somebody_chose_some() -> None:
    for chosen in (None, ["path", "size"]):
        with taddons.context() as context:
            context.options.add_option("web_columns", Sequence[str], ["path"], "")
            if chosen:
                context.options.web_columns = chosen
            compat.prefer_columns(flow_list.COLUMNS)
            assert sorted(context.options.web_columns) == sorted(
                chosen or flow_list.COLUMNS
            )  # 11 has them in its order


@pytest.mark.parametrize(
    ("host", "fine"), [("127.0.0.1", True), ("::1", True), (None, True), ("", False), ("0.0.0.0", False)]
)
async def test_a_mitmweb_without_login_stays_on_this_machine(host: str | None, fine: bool) -> None:
    if fine:
        inspection.refuse_open_web(host)
    else:
        with pytest.raises(OptionsError, match="asks for no password"):
            inspection.refuse_open_web(host)


async def test_mitmweb_warns_of_a_key_that_it_would_show(proxy, caplog, monkeypatch) -> None:
    class Web:
        def load(self, loader: Loader) -> None:
            loader.add_option("web_host", str, "127.0.0.1", "As mitmweb has it.")

    monkeypatch.setenv("UPSTREAM_KEY", "sk-upstream-0123456789")
    for value, warned in (("env:UPSTREAM_KEY", False), ("sk-upstream-0123456789", True)):
        caplog.clear()
        async with proxy(before=[Web()], relay_api_key=value):
            assert ("relay_api_key holds the key itself" in caplog.text) is warned
        assert "sk-upstream" not in caplog.text
