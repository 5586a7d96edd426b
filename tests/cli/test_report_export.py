"""`codex-relay report` and `codex-relay export` as people run them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from addon.recording.flows import open_recording
from tests.cli.running import REPOSITORY, environment, run
from tests.recording.sessions import Session, write

RECORDED = REPOSITORY / "recordings" / "codex-0.58.0.flow"


def conversation() -> Session:
    session = Session()
    session.says("hello").hears("Hello.")
    session.says("more").receives(b'{"error": {"message": "too many"}}', 429)
    return session


def test_a_report_is_written_and_told_of(tmp_path: Path) -> None:
    file = write(tmp_path / "session.flow", conversation().flows)
    env = {**environment(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    done = run(["report", str(file)], env, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("session-report.flow  ") and "turns 1, 2 of 2, both sides" in lines[0]
    assert lines[1].startswith("session-report.md  ")
    assert "before you post them" in done.stdout
    assert (tmp_path / "session-report.flow").is_file() and (tmp_path / "session-report.md").is_file()
    again = run(["report", str(file)], env, cwd=tmp_path)
    assert again.returncode == 1
    assert again.stderr == (
        "codex-relay: session-report.flow is there already; give another name with --out, or --force to replace it\n"
    )
    assert run(["report", str(file), "--force", "--last", "1"], env, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--scrub", "("], "'(' is no regular expression"),
        (["--scrub", "x*"], "matches the empty text"),
        (["--last", "0"], "'0' is no number of turns"),
    ],
)
def test_a_wrong_argument_of_a_report_is_refused(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    done = run(["report", str(RECORDED), *arguments], environment(tmp_path))
    assert done.returncode == 2
    assert complaint in done.stderr


@pytest.mark.parametrize("command", ["report", "export"])
def test_what_is_no_recording_is_refused_in_a_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "a.flow").write_text("hello")
    for name, complaint in (("a.flow", "is not a flow file"), ("b.flow", "can't be read")):
        done = run([command, str(tmp_path / name)], environment(tmp_path), cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("codex-relay: ") and complaint in done.stderr
        assert len(done.stderr.splitlines()) == 1


def two_cases(folder: Path) -> Path:
    """Two of the recorded conversations, of one and of four turns."""
    turns = [turn for turn in open_recording(RECORDED).turns() if turn.case["name"] in {"text", "reasoning"}]
    return write(folder / "two.flow", [flow for turn in turns for flow in (turn.upstream, turn.client) if flow])


def test_an_export_goes_to_standard_output_and_words_about_it_do_not(tmp_path: Path) -> None:
    done = run(["export", str(two_cases(tmp_path))], environment(tmp_path))
    assert done.returncode == 0
    assert [json.loads(line)["codex"] for line in done.stdout.splitlines()] == ["0.58.0", "0.58.0"]
    assert done.stderr.startswith("2 conversations of 5 turns in ")


def test_an_export_goes_to_a_file(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    options = ["--format", "messages", "--out", str(out), "--no-reasoning", "--min-turns", "2"]
    done = run(["export", str(two_cases(tmp_path)), *options], environment(tmp_path))
    assert (done.returncode, done.stdout) == (0, "")
    (one,) = [json.loads(line) for line in out.read_text().splitlines()]
    assert one["turns"] == 4 and "reasoning_content" not in json.dumps(one)
    assert "not written: 1 conversation of fewer than 2 answers (--min-turns)" in done.stderr


def test_an_export_of_a_damaged_file_keeps_what_it_could_read_and_says_so(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flow", conversation().flows)
    file.write_bytes(file.read_bytes()[:-100])
    done = run(["export", str(file), "--out", str(tmp_path / "out.jsonl")], environment(tmp_path))
    assert done.returncode == 1
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 1
    assert f"{file} is damaged: " in done.stderr
    assert "what stands behind the damage could not be read: 1 file\n" in done.stderr


def test_an_export_never_replaces_a_recording(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flow", conversation().flows)
    before = file.read_bytes()
    done = run(["export", str(file), "--out", str(file)], environment(tmp_path))
    assert done.returncode == 1
    assert "is the recording itself; give another name with --out" in done.stderr
    assert file.read_bytes() == before


def test_an_export_writes_through_links_and_into_pipes(tmp_path: Path) -> None:
    path, real, link, pipe = two_cases(tmp_path), tmp_path / "real.jsonl", tmp_path / "link.jsonl", tmp_path / "pipe"
    real.touch()
    link.symlink_to(real)
    assert run(["export", str(path), "--out", str(link)], environment(tmp_path)).returncode == 0
    assert link.is_symlink()
    assert real.stat().st_size
    os.mkfifo(pipe)
    reading = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    assert run(["export", str(path), "--out", str(pipe)], environment(tmp_path)).returncode == 0
    assert reading.communicate(timeout=20)[0] == real.read_bytes()
    assert pipe.is_fifo()


def test_fixtures_that_can_not_be_written_cost_one_line(tmp_path: Path) -> None:
    path = two_cases(tmp_path)
    done = run(["fixtures", "extract", str(path), "--out", str(path)], environment(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "can't be written" in done.stderr
