"""recordings/: they open in mitmproxy, hold nothing private, and are what fixtures/ is made of."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy import http, io

from addon.codex.install import CURRENT, CodexMissing, find_codex, version_of
from addon.recording import fixtures
from addon.recording.flows import body_of, open_recording
from relay_translate import TurnContext, translate_response
from relay_translate.editable import editable
from tests.cli.running import run
from tests.golden.cases import FIXTURES, TEXTS
from tests.golden.test_fixtures import PRIVATE

ROOT = FIXTURES.parent
ALL = sorted((ROOT / "recordings").glob("*.flow"))
RECORDED = [path for path in ALL if path.name.startswith("codex-")]
# What flow files hold of any session: the addresses of loopback connections.
HARMLESS = re.compile(r"127\.0\.0\.1:\d|_[0-9a-f]{32}(?:_\d+)?")


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
    """If this fails after a change of the translator: `codex-relay fixtures extract recordings/codex-*.flow`."""
    for case in fixtures.read_cases(path):
        made = fixtures.extract(case)
        folder = FIXTURES / case.codex_version / case.name
        assert {name: (folder / name).read_bytes().decode() for name in made.files} == made.files
        assert {name: (TEXTS / f"{name}.txt").read_bytes().decode() for name in made.texts} == made.texts


def test_every_fixture_has_a_recording() -> None:
    recorded = {(case.codex_version, case.name) for path in RECORDED for case in fixtures.read_cases(path)}
    assert {path.parts[-3:-1] for path in FIXTURES.glob("*/*/case.toml")} == recorded


def test_recordings_and_fixtures_stay_small() -> None:
    def size(folder: Path) -> int:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    assert size(ROOT / "recordings") < 6_000_000
    assert size(FIXTURES) < 8_000_000


@pytest.mark.codex
@pytest.mark.slow
def test_recording_the_same_again_gives_the_same_fixtures(tmp_path: Path) -> None:
    try:
        codex = find_codex(CURRENT)
    except CodexMissing as problem:
        pytest.skip(str(problem))
    assert version_of(codex) == CURRENT
    names = ("text", "mcp", "subagent")
    command = ["record", "--codex", CURRENT, "--scenarios", ",".join(names), str(tmp_path / "new.flow")]
    done = run([*command, "--extract", str(tmp_path / "new")], {**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "differs" not in done.stdout + done.stderr
    made, kept = tmp_path / "new" / CURRENT, FIXTURES / CURRENT
    for name in names:
        assert files_of(made / name) == files_of(kept / name)
    shelf = tmp_path / "new" / TEXTS.name
    assert files_of(shelf).items() <= files_of(TEXTS).items()


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_answer_that_is_made_editable_says_the_same() -> None:
    """Of each answer that a provider gave in a recording: a person edits it in lines, with its pieces joined."""
    found = 0
    for path in ALL:
        for turn in open_recording(path).turns():
            body = body_of(turn.upstream.response) if turn.upstream and turn.upstream.response else b""
            if body and (made := editable(body)) != body:
                found += 1
                assert _said(made) == _said(body), path
    assert found > 300


def _said(body: bytes) -> bytes:
    numbers = itertools.count()
    context = TurnContext(requested_model="m", stream=False)
    return translate_response(body, context, new_id=lambda kind: f"{kind}_{next(numbers)}", created_at=1).body
