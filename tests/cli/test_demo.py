"""`codex-relay demo`: the real relay before the shipped recording, with either client."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from addon import cli, demo
from addon.demo import provider
from tests.cli.running import COMMAND, REPOSITORY, environment, left_running, run
from tests.e2e.install import CodexMissing, find_codex

FAREWELL = "the relay turned it into the events Codex reads."


def stand_in(folder: Path, name: str, script: str) -> str:
    """A program of this name; returns a PATH that finds it first."""
    folder.mkdir()
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def test_the_built_in_client_plays_the_recording_to_its_end(tmp_path: Path) -> None:
    done = run(["demo", "--speed", "0"], environment(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "built in, executes nothing (Codex: not on PATH)" in done.stdout
    assert FAREWELL in done.stdout
    assert done.stdout.count("response.completed") == len(provider.read_recording(provider.recording_path()))
    assert "does not execute exec_command" in done.stdout
    assert "Hello, Codex!" in done.stdout
    assert re.search(r"Done in [\d.]+ s: 3 turns, \d{3} events, \d{5} tokens in, \d+ out", done.stdout)
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
    assert left_running(tmp_path) == []


def test_it_leaves_a_recording_to_look_into_and_nothing_private(tmp_path: Path) -> None:
    done = run(["demo", "--speed", "0", "--no-codex"], environment(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (tmp_path / "tmp").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["run.flow", "workspace"]
    assert f"-r {folder}/run.flow" in done.stdout
    assert len(provider.read_recording(folder / "run.flow")) == 3


def test_text_is_shown_while_it_arrives(tmp_path: Path) -> None:
    """At a pace of 7 ms an event, some 150 of them take more than a second; a demo that waits shows few writes."""
    env = environment(tmp_path)
    with subprocess.Popen([*COMMAND, "demo", "--speed", "4"], cwd=REPOSITORY, env=env, stdout=subprocess.PIPE) as demo:
        assert demo.stdout is not None
        shown, writes, first, last = b"", 0, 0.0, 0.0
        while piece := os.read(demo.stdout.fileno(), 65536):
            shown, writes, last = shown + piece, writes + 1, time.monotonic()
            if not first and b"reasoning\n" in shown:
                first = last
    assert demo.returncode == 0, shown.decode()
    assert writes > 50
    assert last - first > 0.5


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_everything(how: signal.Signals, tmp_path: Path) -> None:
    env = environment(tmp_path)
    command = [*COMMAND, "demo", "--speed", "0.1"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("turn 1"):
                break
        assert left_running(tmp_path) != []
        demo.send_signal(how)
        _, errors = demo.communicate(timeout=30)
    assert demo.returncode == 130
    assert errors.strip() == "codex-relay: stopped"
    assert left_running(tmp_path) == []


def test_web_stays_until_ctrl_c(tmp_path: Path) -> None:
    env = environment(tmp_path)
    command = [*COMMAND, "demo", "--speed", "0", "--no-codex", "--web"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        lines = iter(demo.stdout)
        url = next(found[1] for line in lines if (found := re.match(r"mitmweb: (\S+)", line)))
        with urllib.request.urlopen(url, timeout=30) as page:
            assert page.status == 200
            assert b"<title>mitmproxy" in page.read()
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate(timeout=30)
    assert (demo.returncode, errors) == (0, "")
    assert left_running(tmp_path) == []


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo codex-cli 0.58.0", "codex-cli 0.58.0 has no tool exec_command"),
        ("exit 127", "found, but it does not run"),
    ],
)
def test_a_codex_that_cannot_take_part_is_replaced(script: str, why: str, tmp_path: Path) -> None:
    path = stand_in(tmp_path / "bin", "codex", script)
    done = run(["demo", "--speed", "0"], environment(tmp_path, PATH=path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert why in done.stdout


def test_a_codex_that_fails_is_reported(tmp_path: Path) -> None:
    script = 'case "$*" in --version) echo codex-cli 0.169.0;; *) echo no luck >&2; exit 3;; esac'
    path = stand_in(tmp_path / "bin", "codex", script)
    done = run(["demo", "--speed", "0"], environment(tmp_path, PATH=path))
    assert done.returncode == 1
    assert "codex | no luck" in done.stdout
    assert done.stderr == "codex-relay: The client asked nothing of the relay (exit status 3). Try --no-codex.\n"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_relay_that_does_not_start_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "relay_script", lambda: tmp_path / "gone.py")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cli.main(["demo", "--speed", "0", "--no-codex"]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("codex-relay: The relay did not start: ")
    assert len(printed.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.codex
def test_the_real_codex_works_in_a_fresh_home(tmp_path: Path) -> None:
    try:
        codex = find_codex()
    except CodexMissing as missing:
        pytest.skip(str(missing))
    own_home = tmp_path / "own"
    own_home.mkdir()
    (own_home / "config.toml").write_text('model_provider = "nothing_of_this_is_read"\n')
    path = f"{codex.parent}:{os.environ['PATH']}"
    env = environment(tmp_path, PATH=path, CODEX_HOME=str(own_home), OPENAI_API_KEY="untouched", RELAY_PROFILE="none")
    done = run(["demo", "--speed", "0"], env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "codex-cli" in done.stdout
    assert done.stdout.count(FAREWELL) == 2  # in the stream, and as Codex prints it
    (folder,) = (tmp_path / "tmp").glob("codex-relay-demo-*")
    assert (folder / "workspace" / "hello.py").read_text().startswith("import sys\n")
    assert [path.name for path in own_home.iterdir()] == ["config.toml"]
    assert left_running(tmp_path) == []
