"""What is kept of a scenario's flows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from addon.recording.flows import body_of, json_body, relay_facts
from addon.scenarios.catalog import Case
from addon.scenarios.keeping import CannotKeep, Codex, Places, kept
from relay_translate import RequestOptions, find_profile, json_bytes, translate_request

Json = dict[str, Any]
CODEX = Codex("0.169.0", "2026-11-13")
LONG = "A long prompt. " * 100
TOOLS = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in ("one", "two", "three")]
METADATA = (
    '{"turn_id":"00000000-0000-4000-8000-000000000001","workspaces":{"/w":{"has_changes":false}},"sandbox":"none"}'
)
CALL = {"type": "response.output_item.done", "item": {"type": "function_call", "name": "two", "arguments": "{}"}}


async def nothing(stage: object) -> None:
    pass


def a_case(**facts: Any) -> Case:
    return Case("x", "what it shows", nothing, **facts)


def turn(id: str, at: float, *, tools: list[Json] = TOOLS, subagent: bool = False, **more: Any) -> list[http.HTTPFlow]:
    """The provider's flow and the client's, of one turn."""
    body: Json = {
        "model": "m",
        "stream": True,
        "instructions": LONG,
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "say hello"}]}],
        "tools": tools,
        "client_metadata": {"x-codex-turn-metadata": METADATA},
    } | more
    headers = [(b"originator", b"codex_exec"), (b"user-agent", b"codex_exec/0.169.0"), (b"content-length", b"7")]
    headers += [(b"x-openai-subagent", b"collab_spawn")] * subagent + [(b"x-codex-turn-metadata", METADATA.encode())]
    request = tutils.treq(
        method=b"POST", path=b"/v1/responses", content=json_bytes(body), headers=http.Headers(headers)
    )
    client = tflow.tflow(req=request, resp=tutils.tresp(content=b"data: " + json.dumps(CALL).encode() + b"\n\n"))
    client.request.timestamp_start = at
    client.metadata["relay"] = {"role": "client", "id": id, "profile": "generic", "status": "completed"}
    chat = translate_request(body, find_profile(name="generic"), RequestOptions(codex=True)).body
    linked = tflow.tflow(req=tutils.treq(content=json_bytes(chat)), resp=tutils.tresp(content=b"data: [DONE]\n\n"))
    linked.metadata["relay"] = {"role": "upstream", "id": id}
    return [linked, client]


def test_prose_and_uncalled_tools_are_cut_and_both_requests_still_fit(tmp_path: Path) -> None:
    linked, client = kept(turn("a", 1.0), a_case(), CODEX, Places(tmp_path), whole=False)
    request, chat = json_body(client.request), json_body(linked.request)
    assert [tool["name"] for tool in request["tools"]] == ["two"]
    assert len(request["instructions"]) < 300
    assert client.request.headers["x-codex-turn-metadata"] == '{"sandbox":"none"}'
    assert translate_request(request, find_profile(name="generic"), RequestOptions(codex=True)).body == chat


@pytest.mark.parametrize(("whole", "facts"), [(True, {}), (False, {"whole": True})])
def test_what_is_to_be_whole_stays(whole: bool, facts: Json, tmp_path: Path) -> None:
    linked, client = kept(turn("a", 1.0), a_case(**facts), CODEX, Places(tmp_path), whole=whole)
    assert len(json_body(client.request)["tools"]) == len(json_body(linked.request)["tools"]) == 3
    assert json_body(client.request)["instructions"] == LONG


def test_tools_that_a_scenario_is_about_stay_though_nobody_calls_them(tmp_path: Path) -> None:
    _, client = kept(turn("a", 1.0), a_case(keeps=["three"]), CODEX, Places(tmp_path), whole=False)
    assert [tool["name"] for tool in json_body(client.request)["tools"]] == ["two", "three"]
    assert client.metadata["case"]["all_tools"] is True


def test_turns_stand_by_their_requests_and_sub_agents_last(tmp_path: Path) -> None:
    flows = [*turn("late", 3.0), *turn("child", 1.5, subagent=True), *turn("first", 1.0)[::-1]]
    ordered = kept(flows, a_case(), CODEX, Places(tmp_path), whole=False)
    told = [(relay_facts(flow)["id"], relay_facts(flow)["role"]) for flow in ordered]
    assert told == [(id, role) for id in ("first", "late", "child") for role in ("upstream", "client")]


def test_flows_tell_their_case(tmp_path: Path) -> None:
    for flow in kept(turn("a", 1.0), a_case(), CODEX, Places(tmp_path), whole=False):
        expected = {"name": "x", "codex": "0.169.0", "released": "2026-11-13", "shows": "what it shows"}
        assert flow.metadata["case"] == expected | {"trim": True, "all_tools": False}
        assert flow.comment.endswith("scenario x")


def test_what_depends_on_luck_is_left_out(tmp_path: Path) -> None:
    _, client = kept(turn("a", 1.0), a_case(whole=True), CODEX, Places(tmp_path), whole=False)
    settled = '{"turn_id":"00000000-0000-4000-8000-000000000001","sandbox":"none"}'
    assert client.request.headers["x-codex-turn-metadata"] == settled
    assert json_body(client.request)["client_metadata"]["x-codex-turn-metadata"] == settled


def test_folders_get_names(tmp_path: Path) -> None:
    places = Places(tmp_path / "case")
    flows = turn("a", 1.0, instructions=f"In {places.workspace}/a.py and {places.home}/skills and {tmp_path}/case/x")
    _, client = kept(flows, a_case(whole=True), CODEX, places, whole=False)
    assert json_body(client.request)["instructions"] == "In /workspace/a.py and /home/user/skills and /tmp/case/x"


def test_bodies_are_packed_and_open_as_before(tmp_path: Path) -> None:
    for flow in kept(turn("a", 1.0), a_case(), CODEX, Places(tmp_path), whole=False):
        for message in (flow.request, flow.response):
            assert message is not None
            assert message.headers["content-encoding"] == "br"
            assert message.headers["content-length"] == str(len(message.raw_content or b""))
            assert message.content == body_of(message)


def test_a_request_that_is_not_translated_as_recorded_is_not_kept(tmp_path: Path) -> None:
    linked, client = turn("a", 1.0)
    linked.request.content = b'{"model": "another"}'
    with pytest.raises(CannotKeep, match="x: what was recorded is not what today's translator makes of it"):
        kept([linked, client], a_case(), CODEX, Places(tmp_path), whole=False)


def test_what_is_private_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("addon.scenarios.keeping._scrub", lambda flow, names: None)
    flows = turn("a", 1.0, instructions=f"In {tmp_path}/case/workspace")
    with pytest.raises(CannotKeep, match="the recording would hold"):
        kept(flows, a_case(whole=True), CODEX, Places(tmp_path / "case"), whole=False)
