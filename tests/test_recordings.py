"""recordings/: they open in mitmproxy, hold nothing private, and are what fixtures/ is made of."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy import http, io
from mitmproxy.test import tflow, tutils

from addon.codex.install import CURRENT, CodexMissing, find_codex, version_of
from addon.recording import fixtures
from addon.recording.placeholders import Placeholders, keep_tools, shorten
from relay_translate.reasoning import seal_summary, unseal_summary
from relay_translate.transcript import close_envelopes, open_envelopes
from tests.golden.cases import FIXTURES
from tests.golden.test_fixtures import PRIVATE

ROOT = FIXTURES.parent
ALL = sorted((ROOT / "recordings").glob("*.flow"))
RECORDED = [path for path in ALL if path.name.startswith("codex-")]
# What flow files hold of any session: the addresses of loopback connections.
HARMLESS = re.compile(r"127\.0\.0\.1:\d|_[0-9a-f]{32}(?:_\d+)?")
SESSION = "01a20ed2-5165-7ef1-9588-f36562ecaa10"


def flows(path: Path) -> list[http.HTTPFlow]:
    with path.open("rb") as file:
        return [flow for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]


def texts(flow: http.HTTPFlow) -> Iterator[str]:
    for message in (flow.request, flow.response):
        if message is not None:
            yield from (f"{name}: {value}" for name, value in message.headers.items(multi=True))
            yield message.get_text(strict=False) or ""
    yield from (flow.comment, flow.request.path)
    yield re.sub(r"\(?'(?:id|upstream_flow|client_flow)': '[^']+'", "", str(flow.metadata))  # mitmproxy's own ids


def of_file(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", RECORDED, ids=of_file)
def test_recordings_hold_nothing_of_a_person_or_a_machine(path: Path) -> None:
    lines = (HARMLESS.sub("", line) for flow in flows(path) for text in texts(flow) for line in text.splitlines())
    assert {found[0] for line in lines if (found := PRIVATE.search(line))} == set()


@pytest.mark.parametrize("path", ALL, ids=of_file)
def test_recordings_hold_no_key(path: Path) -> None:
    sent = [flow.request.headers.get("authorization", "") for flow in flows(path)]
    assert {value for value in sent if value and "[scrubbed]" not in value} == set()
    assert [text for flow in flows(path) for text in texts(flow) if re.search(r"\bsk-[A-Za-z0-9_-]{16,}", text)] == []


@pytest.mark.parametrize("path", RECORDED, ids=of_file)
def test_fixtures_are_what_the_recordings_give(path: Path) -> None:
    """If this fails after a change of the translator: `python -m addon.recording.fixtures recordings/codex-*.flow`."""
    for case in fixtures.read_cases(path):
        files, _ = fixtures.extract(case)
        folder = FIXTURES / case.codex_version / case.name
        assert {name: (folder / name).read_bytes().decode() for name in files} == files


def test_every_fixture_has_a_recording() -> None:
    recorded = {(case.codex_version, case.name) for path in RECORDED for case in fixtures.read_cases(path)}
    assert {path.parts[-3:-1] for path in FIXTURES.glob("*/*/case.toml")} == recorded


def test_recordings_and_fixtures_stay_small() -> None:
    def size(folder: Path) -> int:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    assert size(ROOT / "recordings") < 2_200_000
    assert size(FIXTURES) < 1_500_000


@pytest.mark.codex
@pytest.mark.slow
def test_recording_the_same_again_gives_the_same_fixtures(tmp_path: Path) -> None:
    try:
        codex = find_codex(CURRENT)
    except CodexMissing as problem:
        pytest.skip(str(problem))
    assert version_of(codex) == CURRENT
    names = ("plain-text", "sub-agent-v1")
    command = [sys.executable, "-m", "tests.record_fixtures", "--codex", CURRENT, "--out", str(tmp_path / "new.flow")]
    command += ["--extract", str(tmp_path / "new"), *(word for name in names for word in ("--only", name))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "differs" not in done.stdout
    made, kept = tmp_path / "new" / CURRENT, FIXTURES / CURRENT
    for name in names:
        files = {path.relative_to(made): path.read_text() for path in (made / name).rglob("*") if path.is_file()}
        assert files == {path: (kept / path).read_text() for path in files}
        assert len(files) == sum(path.is_file() for path in (kept / name).rglob("*"))


# --- extracting -------------------------------------------------------------------------------------------------------


def turn_flows(case: dict[str, str], body: str = '{"model":"m","input":"hi","stream":true}') -> list[http.HTTPFlow]:
    client = tflow.tflow(req=tutils.treq(method=b"POST", path=b"/v1/responses", content=body.encode()), resp=True)
    client.metadata |= {"relay": {"role": "client", "id": "turn_1", "requested_model": "m", "model": "m"}, "case": case}
    linked = tflow.tflow(req=tutils.treq(content=b'{"model":"m"}'), resp=tutils.tresp(content=b"data: [DONE]\n\n"))
    linked.metadata["relay"] = {"role": "upstream", "id": "turn_1"}
    return [linked, client]


def saved(path: Path, some: list[http.HTTPFlow]) -> Path:
    with path.open("wb") as file:
        for flow in some:
            io.FlowWriter(file).add(flow)
    return path


@pytest.mark.parametrize("name", ["../../out", "/etc", "..", ".", "a/b"])
def test_a_recording_does_not_choose_where_it_is_written(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / "x.flow", turn_flows({"name": name, "codex": name}))
    list(fixtures.extract_file(path, tmp_path / "in" / "fixtures"))
    written = [found.relative_to(tmp_path / "in" / "fixtures") for found in tmp_path.rglob("case.toml")]
    assert [len(found.parts) for found in written] == [3]


def test_a_file_that_is_no_recording_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.flow").write_text("not a flow file")
    assert fixtures.main([str(tmp_path / "x.flow"), "--out", str(tmp_path)]) == 1
    assert "x.flow" in capsys.readouterr().err


def test_a_turn_that_nobody_answered_is_left_out(tmp_path: Path) -> None:
    first, unanswered = turn_flows({"name": "a", "codex": "1"}), turn_flows({"name": "a", "codex": "1"})
    for flow in unanswered:
        flow.metadata["relay"] |= {"id": "turn_2"}
    unanswered[0].response = None
    (case,) = fixtures.read_cases(saved(tmp_path / "x.flow", first + unanswered))
    assert len(case.turns) == 1


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
    assert keep_tools({"tools": tools}, set())["tools"] == tools[:1]
    assert keep_tools({"tools": []}, set())["tools"] == []
    assert "tools" not in keep_tools({}, set())
