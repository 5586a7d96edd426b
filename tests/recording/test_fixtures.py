"""Recordings become folders: the same twice gives the same bytes, long texts are stored once, nothing is lost silently."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from addon import cli
from addon.recording import RecordingError, fixtures
from addon.recording.fixture_files import REFERENCE, Texts, expand, read_case
from addon.recording.placeholders import Placeholders, keep_tools, roots_of, shorten
from addon.scripted import Call
from relay_translate import RequestOptions
from relay_translate.reasoning import seal_summary, unseal_summary
from relay_translate.transcript import close_envelopes, open_envelopes

from .sessions import PROVIDER, TOOLS, Session, write

SESSION = "01a20ed2-5165-7ef1-9588-f36562ecaa10"
OTHER = "01a20ed2-7777-7ef1-9588-f36562ecaa99"
PROMPT = 'You are an agent who reads "files" and says what is in them.\n' * 20
GROUP = {
    "type": "namespace",
    "name": "mcp__tiny",
    "tools": [{"type": "function", "name": name, "description": "x" * 500} for name in ("echo", "ping")],
}


def session(thread: str = SESSION, version: str = "0.169.0", **fields) -> Session:
    """A tool loop with a reasoned answer. The tools are offered with more than is called."""
    made = Session(thread=thread, instructions=PROMPT, tools=[*TOOLS, GROUP], **fields)
    made.says(f"<cwd>/home/jane/{thread[:8]}</cwd> in /home/jane/{thread[:8]}/a.py, session {thread}")
    made.hears("Reading.", reasoning="A file.", calls=[Call.of("exec_command", {"cmd": "cat a.py"})])
    made.ran(f"Chunk ID: {thread[-6:]}\nWall time: 0.{thread[-2:]} seconds\nprint(1)")
    made.hears("It prints 1.")
    return mark(made, "loop", version)


def mark(made: Session, name: str, version: str = "0.169.0", **facts) -> Session:
    for flow in made.flows:
        flow.metadata["case"] = {"name": name, "codex": version, "shows": "a loop", **facts}
        # Ids as long as Codex makes them: no two runs have the same.
        flow.request.content = re.sub(
            rb'"(msg|fco)_(\d+)"', lambda found: b'"%s_%032x"' % (found[1], int(found[2])), flow.request.content
        )
    return made


def extracted(path: Path, out: Path, **options) -> dict[str, str]:
    """The files below `out` after extracting, but VERSIONS.md, which has tests of its own."""
    list(fixtures.extract_files([path], out, **options))
    files = {str(found.relative_to(out)): found.read_text() for found in out.rglob("*") if found.is_file()}
    return {name: text for name, text in files.items() if name != "VERSIONS.md"}


def events(stream: str) -> list[str]:
    return re.findall(r"^event: (\S+)", stream, re.M)


# --- extracting -------------------------------------------------------------------------------------------------------


def test_two_recordings_of_the_same_give_the_same_bytes(tmp_path: Path) -> None:
    first = extracted(write(tmp_path / "a.flow", session().flows), tmp_path / "a")
    second = extracted(write(tmp_path / "b.flow", session(OTHER).flows), tmp_path / "b")
    assert first == second
    assert len(first) == 1 + 2 * 4 + len(list((tmp_path / "a" / "texts").iterdir()))
    assert not re.search(f"{SESSION[:8]}|{OTHER[:8]}|jane", "".join(first.values()))


def test_what_was_recorded_is_what_is_told(tmp_path: Path) -> None:
    lines = list(fixtures.extract_file(write(tmp_path / "a.flow", session().flows), tmp_path / "out"))
    assert lines == ["0.169.0/loop: 2 turns", "VERSIONS.md: a row for 0.169.0"]


def test_another_translation_than_the_recorded_one_is_told(tmp_path: Path) -> None:
    made = session()
    made.flows[0].request.content = b'{"model":"m"}'
    made.flows[3].response.content = made.flows[3].response.content.replace(b"prints 1", b"prints 2")
    lines = list(fixtures.extract_file(write(tmp_path / "a.flow", made.flows), tmp_path / "out"))
    assert lines[1:3] == [
        "  differs: loop turn-1: the chat request is not translated as it was recorded",
        "  differs: loop turn-2: the answer is not translated as it was recorded",
    ]


def test_a_long_text_is_stored_once_and_comes_back(tmp_path: Path) -> None:
    files = extracted(write(tmp_path / "a.flow", session().flows), tmp_path / "out")
    holding = [name for name, text in files.items() if "You are an agent" in text]
    assert len(holding) == 1
    assert (tmp_path / "out" / holding[0]).read_bytes().decode() == PROMPT
    _, requests = read_case(tmp_path / "out" / "0.169.0" / "loop")
    assert [request["input"][0]["content"][0]["text"] for request in requests] == [PROMPT, PROMPT]
    chat = json.loads(expand(files["0.169.0/loop/turn-2/chat_request.json"], tmp_path / "out" / "texts"))
    assert chat["messages"][0]["content"] == PROMPT


def test_a_long_text_is_shared_by_versions_and_goes_with_the_last(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for version in ("0.98.0", "0.169.0"):
        extracted(write(tmp_path / f"{version}.flow", session(version=version).flows), out)
    shared = set((out / "texts").iterdir())
    shutil.rmtree(out / "0.98.0")
    (out / "texts" / "notes.txt").write_text("mine")
    extracted(tmp_path / "0.169.0.flow", out)
    assert set((out / "texts").iterdir()) == {*shared, out / "texts" / "notes.txt"}
    extracted(tmp_path / "0.169.0.flow", out, trim=True)
    assert [path.name for path in (out / "texts").iterdir()] == ["notes.txt"]


def test_a_text_that_is_part_of_another_stays_in_it() -> None:
    part, other = "small " * 100, "x" * 500
    texts = Texts({"input": [part, f"{part}{other}", other]})
    folded = json.loads(texts.json_file({"a": f"({part}{other}{other})", "b": part, "c": "small"}))
    assert [len(REFERENCE.findall(folded[key])) for key in "abc"] == [2, 1, 0]
    assert len(texts.used) == 3


@pytest.mark.parametrize(
    "text", ["⟦text 1a2b3c4d5e6f⟧", 'see ⟦text 1a2b3c4d5e6f⟧ and "⟦text 000000000000⟧"', "⟦" * 500]
)
def test_a_recorded_text_that_looks_like_a_reference_comes_back(tmp_path: Path, text: str) -> None:
    made = Session(instructions=PROMPT + text).says(text)
    made.hears("Odd.")
    mark(made, "odd")
    extracted(write(tmp_path / "a.flow", made.flows), tmp_path / "out")
    _, (request,) = read_case(tmp_path / "out" / "0.169.0" / "odd")
    assert [item["content"][0]["text"] for item in request["input"]] == [PROMPT + text, text]
    chat = (tmp_path / "out" / "0.169.0" / "odd" / "turn-1" / "chat_request.json").read_text()
    assert json.loads(expand(chat, tmp_path / "out" / "texts"))["messages"][1]["content"] == text


def test_a_missing_text_is_named(tmp_path: Path) -> None:
    extracted(write(tmp_path / "a.flow", session().flows), tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "texts")
    with pytest.raises(RecordingError, match=r"texts/\w{12}\.txt is missing, .*extract the recording again"):
        read_case(tmp_path / "out" / "0.169.0" / "loop")


def test_trimming_keeps_what_happens(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flow", session().flows)
    whole, trimmed = extracted(path, tmp_path / "whole"), extracted(path, tmp_path / "trimmed", trim=True)
    assert sum(map(len, trimmed.values())) < sum(map(len, whole.values()))
    for turn in ("turn-1", "turn-2"):
        request, answer = f"0.169.0/loop/{turn}/request.json", f"0.169.0/loop/{turn}/response.sse"
        assert [tool["name"] for tool in json.loads(trimmed[request])["tools"]] == ["exec_command"]
        assert events(trimmed[answer]) == events(whole[answer])
        assert re.findall(r'"call_id":"[^"]+"', trimmed[answer]) == re.findall(r'"call_id":"[^"]+"', whole[answer])
    assert "trimmed = true" in trimmed["0.169.0/loop/case.toml"]


def test_tools_stay_where_the_answer_is_another_without_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Session(tools=[{"type": "custom", "name": "patch"}, *TOOLS]).says("Patch.")
    made.hears("", calls=[Call.of("patch", {"input": "x"})])
    path = write(tmp_path / "a.flow", mark(made, "custom").flows)
    monkeypatch.setattr(fixtures, "keep_tools", lambda request, called: {**request, "tools": TOOLS})
    files = extracted(path, tmp_path / "out", trim=True)
    assert len(json.loads(files["0.169.0/custom/turn-1/request.json"])["tools"]) == 2
    assert "custom_tool_call" in files["0.169.0/custom/turn-1/response.sse"]


def test_a_case_says_what_diff_needs_and_how_the_relay_was_set(tmp_path: Path) -> None:
    options = RequestOptions(
        model_map={"gpt-*": 'a "b"'}, extra_params={"stop": None, "n": {"x": 1.5}}, drop_params=frozenset({"seed"}),
        provider=PROVIDER,
    )  # fmt: skip
    made = session(options=options, headers={"X-Codex-Window-Id": f"{SESSION}:0"})
    for flow in made.flows:
        flow.request.encode("gzip")  # as a recording keeps it, not as Codex sent it
    extracted(write(tmp_path / "a.flow", made.flows), tmp_path / "out")
    case, _ = read_case(tmp_path / "out" / "0.169.0" / "loop")
    assert case["request_headers"] == sorted(
        ["authorization", "content-type", "originator", "session-id", "thread-id", "user-agent", "x-codex-window-id"]
    )
    assert case["options"] | {"extra_params": json.loads(case["options"]["extra_params"])} == {
        "codex": True,
        "provider": PROVIDER,
        "model_map": {"gpt-*": 'a "b"'},
        "extra_params": {"stop": None, "n": {"x": 1.5}},
        "drop_params": ["seed"],
    }


def test_agents_stand_in_the_order_of_their_tasks_whoever_was_faster(tmp_path: Path) -> None:
    def flows(tasks: list[str]) -> list[http.HTTPFlow]:
        made = session().flows
        for task in tasks:
            agent = Session(thread=f"agent-{task}", headers={"x-openai-subagent": "collab_spawn"}).says(task)
            agent.hears("Done.")
            made += mark(agent, "loop").flows
        return made

    both = [
        extracted(write(tmp_path / f"{n}.flow", flows(tasks)), tmp_path / str(n))
        for n, tasks in enumerate((["count", "add"], ["add", "count"]))
    ]
    assert both[0] == both[1]
    assert '"add"' in both[0]["0.169.0/loop/turn-3/request.json"]


def test_only_the_named_cases_are_extracted(tmp_path: Path) -> None:
    other = Session().says("Hi")
    other.hears("Hi.")
    path = write(tmp_path / "a.flow", session().flows, mark(other, "other").flows)
    assert {name.split("/")[1] for name in extracted(path, tmp_path / "out", names=["other"])} == {"other"}
    with pytest.raises(RecordingError, match="holds no case 'third'; it holds loop, other"):
        extracted(path, tmp_path / "out", names=["third"])


def test_a_session_without_a_name_is_a_case(tmp_path: Path) -> None:
    made = session()
    for flow in made.flows:
        del flow.metadata["case"]
    assert "0.169.0/session-f36562ecaa10/case.toml" in extracted(
        write(tmp_path / "a.flow", made.flows), tmp_path / "out"
    )


def test_what_can_not_be_a_fixture_is_told(tmp_path: Path) -> None:
    made = Session().says("Hi")
    for fields in ({}, {"stream": False}, {}, {}):
        made.receives(b"data: [DONE]\n\n", **fields)
    made.flows[0].response = None
    made.flows[5].metadata["relay"]["truncated"] = True
    made.flows[7].request.content = b'{"model":'
    path = write(tmp_path / "a.flow", mark(made, "loop").flows)
    assert list(fixtures.extract_file(path, tmp_path / "out")) == [
        "0.169.0/loop: not written, none of its turns can be used",
        "  left out: a turn of loop: nobody answered it",
        "  left out: a turn of loop: its answer is no stream",
        "  left out: a turn of loop: its bodies were too large to be kept whole",
        "  left out: a turn of loop: a recorded request is no JSON: Expecting value: line 1 column 10 (char 9); "
        "it may not have been kept whole",
    ]


def test_a_damaged_file_gives_what_stands_before_the_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flow", session().flows)
    path.write_bytes(path.read_bytes() + b"9999:damage")
    with pytest.raises(RecordingError, match=r"is damaged: .*what stands before that was extracted"):
        list(fixtures.extract_file(path, tmp_path / "out"))
    assert (tmp_path / "out" / "0.169.0" / "loop" / "case.toml").exists()


def turn_flows(case: dict[str, str], body: str = '{"model":"m","input":"hi","stream":true}') -> list[http.HTTPFlow]:
    client = tflow.tflow(req=tutils.treq(method=b"POST", path=b"/v1/responses", content=body.encode()), resp=True)
    client.metadata |= {"relay": {"role": "client", "id": "turn_1", "requested_model": "m", "model": "m"}, "case": case}
    linked = tflow.tflow(req=tutils.treq(content=b'{"model":"m"}'), resp=tutils.tresp(content=b"data: [DONE]\n\n"))
    linked.metadata["relay"] = {"role": "upstream", "id": "turn_1"}
    return [linked, client]


@pytest.mark.parametrize("name", ["../../out", "/etc", "..", ".", "a/b", "a" * 5000, ""])
def test_a_recording_does_not_choose_where_it_is_written(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "x.flow", turn_flows({"name": name, "codex": name}))
    list(fixtures.extract_file(path, tmp_path / "in" / "fixtures"))
    written = [found.relative_to(tmp_path / "in" / "fixtures") for found in tmp_path.rglob("case.toml")]
    assert [len(found.parts) for found in written] == [3]


def test_a_file_that_is_no_recording_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.flow").write_text("not a flow file")
    assert cli.main(["fixtures", "extract", str(tmp_path / "x.flow"), "--out", str(tmp_path)]) == 1
    assert "x.flow" in capsys.readouterr().err


def test_the_command_extracts_several_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(write(tmp_path / f"{v}.flow", session(version=v).flows)) for v in ("0.169.0", "0.98.0", "0.107.0")]
    assert cli.main(["fixtures", "extract", *paths, "--out", str(tmp_path / "out"), "--case", "loop", "--trim"]) == 0
    assert capsys.readouterr().out.count("loop: 2 turns") == 3
    page = (tmp_path / "out" / "VERSIONS.md").read_text()
    assert re.findall(r"^\| (0\.\S+)", page, re.M) == ["0.169.0", "0.107.0", "0.98.0"]


# --- VERSIONS.md ------------------------------------------------------------------------------------------------------


def test_a_new_version_gets_a_row_and_the_others_keep_theirs(tmp_path: Path) -> None:
    out = tmp_path / "out"
    extracted(write(tmp_path / "a.flow", session(version="0.98.0").flows), out)
    page = (out / "VERSIONS.md").read_text()
    mine = page.replace("| the oldest |", "| what I wrote |") + "\nHow to do it.\n"
    (out / "VERSIONS.md").write_text(mine)
    newer = session(headers={"x-codex-beta-features": "x"})
    for flow in newer.flows[1::2]:
        body = json.loads(flow.request.content)
        body["input"][0]["status|`\n"] = "done"
        flow.request.content = json.dumps(body | {"client_metadata": {"a": "b"}}).encode()
    mark(newer, "loop", released="2026-11-13")
    extracted(write(tmp_path / "b.flow", newer.flows), out)
    extracted(tmp_path / "b.flow", out)
    row = (
        "| 0.169.0 | 2026-11-13 | header `x-codex-beta-features`; field `client_metadata`; "
        "item `message of developer`: `+status` |\n"
    )
    assert (out / "VERSIONS.md").read_text() == mine.replace("| 0.98.0 |", row + "| 0.98.0 |")


def test_rows_stand_newest_first(tmp_path: Path) -> None:
    for version in ("0.98.0", "0.169.0", "0.107.0"):
        extracted(write(tmp_path / "a.flow", session(version=version).flows), tmp_path / "out")
    page = (tmp_path / "out" / "VERSIONS.md").read_text()
    assert re.findall(r"^\| (0\.\S+)", page, re.M) == ["0.169.0", "0.107.0", "0.98.0"]


def test_only_versions_have_rows(tmp_path: Path) -> None:
    extracted(write(tmp_path / "a.flow", session(version="other").flows), tmp_path / "out")
    assert not (tmp_path / "out" / "VERSIONS.md").exists()


# --- placeholders -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("cd /home/jane/project", "cd /home/user/project"),
        (r'{"cwd":"C:\\Users\\jane\\x"}', r'{"cwd":"C:\\Users\\user\\x"}'),
        ("key " + "sk-" + "proj-" + "a1B2" * 6, "key [scrubbed]"),
        ("at box7, not box77", "at [scrubbed], not box77"),
        ("/srv/tree/a.py", "/workspace/a.py"),
        (f"{SESSION}:0", "00000000-0000-4000-8000-000000000001:0"),
        (f"msg_{SESSION}", "msg_00000000-0000-4000-8000-000000000001"),
    ],
)
def test_scrubbing(text: str, scrubbed: str) -> None:
    names = Placeholders({"/srv/tree": "/workspace"}, words=["box7"])
    assert names.scrub(text) == scrubbed
    assert Placeholders({"/srv/tree": "/workspace"}, words=["box7"]).scrub(scrubbed) == scrubbed


def test_an_id_spread_over_the_pieces_of_a_stream_is_replaced_in_place() -> None:
    pieces = [SESSION[:7], SESSION[7:20], SESSION[20:]]
    stream = "".join(f"data: {json.dumps({'delta': piece})}\n\n" for piece in pieces)
    names = Placeholders()
    found = [json.loads(line[6:])["delta"] for line in names.scrub(stream).splitlines() if line]
    assert [len(piece) for piece in found] == [len(piece) for piece in pieces]
    assert "".join(found) == names.scrub(SESSION)


def test_envelopes_are_looked_into() -> None:
    text = json.dumps({"encrypted_content": seal_summary("It lies in /home/jane now.")})
    scrubbed = json.loads(Placeholders().scrub(text))
    assert unseal_summary(scrubbed["encrypted_content"]) == "It lies in /home/user now."
    opened = open_envelopes(text)
    assert "/home/jane" in opened
    assert unseal_summary(close_envelopes(json.loads(opened))["encrypted_content"]) == "It lies in /home/jane now."


def test_trimming_cuts_prose_and_nothing_a_program_reads() -> None:
    long = "x" * 5000
    kept = {"arguments": long, "input": long, "image_url": long, "encrypted_content": long, "name": long}
    assert shorten(kept) == kept
    cut = shorten({"text": long, "tools": [{"description": long}]})
    assert cut["text"].endswith("[... 4800 more characters]")
    assert shorten(cut) == cut


def test_tools_that_are_called_stay() -> None:
    inner = {"type": "function", "name": "echo"}
    tools = [
        {"type": "function", "name": "shell"},
        {"type": "namespace", "name": "mcp__tiny", "tools": [inner]},
        {"type": "tool_search"},
    ]
    assert keep_tools({"tools": tools}, {"echo"})["tools"] == tools[1:2]
    assert keep_tools({"tools": tools}, {"tool_search"})["tools"] == tools[2:]
    assert keep_tools({"tools": tools}, {"mcp__tiny"})["tools"] == tools[1:2]
    assert keep_tools({"tools": tools}, set())["tools"] == tools[:1]
    assert keep_tools({"tools": []}, set())["tools"] == []
    assert "tools" not in keep_tools({}, set())


def test_tools_of_a_group_and_inside_the_input_stay_when_they_are_called() -> None:
    inside = {"type": "additional_tools", "tools": [GROUP, *TOOLS]}
    found = {"type": "tool_search_output", "tools": [GROUP]}
    kept = keep_tools({"tools": [GROUP], "input": [inside, found, "text"]}, {"ping"})
    ping = GROUP | {"tools": GROUP["tools"][1:]}
    assert kept == {"tools": [ping], "input": [{"type": "additional_tools", "tools": [ping]}, found, "text"]}


def test_folders_are_called_by_what_they_are_for() -> None:
    scenario = "<cwd>/var/x1/case/workspace</cwd>"
    roots = roots_of([f"{scenario} {scenario}", "<cwd>/srv/tree</cwd>", "<cwd>/</cwd>"])
    names = Placeholders(roots)
    assert names.settle("/var/x1/case/workspace/a /var/x1/case/home/b /var/x1/case/c /srv/tree/d /etc") == (
        "/workspace/a /home/user/b /tmp/case/c /workspace/d /etc"
    )


def test_a_machine_has_one_shell_one_day_and_one_clock() -> None:
    there = '<shell>zsh</shell> <current_date>2031-12-24</current_date> {"createdAt":1795569400,"timeUsedSeconds":7}'
    here = '<shell>bash</shell> <current_date>2026-11-25</current_date> {"createdAt":1795569326,"timeUsedSeconds":0}'
    assert Placeholders().settle(there) == Placeholders().settle(here)


def test_masks_of_different_lengths_are_the_same() -> None:
    assert Placeholders().settle("key [scrubbed]*****") == Placeholders().settle("key [scrubbed]**")
