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
from mitmproxy.io import FlowReader, FlowWriter

from addon import cli, demo
from addon.codex.install import CodexMissing, find_codex
from addon.demo import provider
from tests.cli.running import environment, left_running, processes_of, run, started

FAREWELL = "the relay turned it into the events Codex reads."


def stand_in(folder: Path, name: str, script: str) -> str:
    """A program of this name; returns a PATH that finds it first."""
    folder.mkdir()
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def wait_for(start: str, demo: subprocess.Popen[str]) -> str:
    assert demo.stdout is not None
    return next(line for line in demo.stdout if line.startswith(start))


def open_page(line: str) -> bytes:
    """What stands at the address in mitmweb's line."""
    with urllib.request.urlopen(line.split()[1], timeout=30) as page:
        return page.read()


def token_in(line: str) -> str:
    """The password in mitmweb's line. Everybody on the machine reads command lines."""
    return line.split()[1].rpartition("?token=")[2]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


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
    assert f"rm -r {folder}\n" in done.stdout
    assert len(provider.read_recording(folder / "run.flow")) == 3


def test_text_is_shown_while_it_arrives(tmp_path: Path) -> None:
    """At a pace of 7 ms an event, some 150 of them take more than a second; a demo that waits shows few writes."""
    with started(["demo", "--speed", "4"], environment(tmp_path)) as demo:
        assert demo.stdout is not None
        shown, writes, first, last = b"", 0, 0.0, 0.0
        while piece := os.read(demo.stdout.fileno(), 65536):
            shown, writes, last = shown + piece, writes + 1, time.monotonic()
            if not first and b"reasoning\n" in shown:
                first = last
    assert demo.returncode == 0, shown.decode()
    assert writes > 50
    assert last - first > 0.5


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_stops_everything(how: signal.Signals, tmp_path: Path) -> None:
    with started(["demo", "--speed", "0.1"], environment(tmp_path)) as demo:
        wait_for("turn 1", demo)
        assert processes_of(tmp_path)
        demo.send_signal(how)
        _, errors = demo.communicate()
    assert demo.returncode == 130
    assert errors.strip() == "codex-relay: stopped"
    assert left_running(tmp_path) == []
    assert files(tmp_path / "tmp") == []


def test_an_impatient_second_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    # It ignores SIGTERM, so that the demo is still stopping it when the second Ctrl-C comes.
    script = 'case "$*" in --version) echo codex-cli 0.169.0; exit;; esac; trap "" TERM; while :; do sleep 1; done'
    env = environment(tmp_path, PATH=stand_in(tmp_path / "bin", "codex", script))
    with started(["demo"], env) as demo:
        wait_for("user: ", demo)
        time.sleep(0.5)
        demo.send_signal(signal.SIGINT)
        time.sleep(1)
        assert demo.poll() is None
        demo.send_signal(signal.SIGINT)
        demo.communicate()
        assert left_running(tmp_path) == []
    assert demo.returncode == 130
    assert files(tmp_path / "tmp") == []


def test_what_the_shell_has_us_ignore_is_ignored(tmp_path: Path) -> None:
    """`nohup codex-relay demo --web &` in a script: only SIGTERM is left, and the demo says so."""
    ignoring = (signal.SIGINT, signal.SIGHUP)
    arguments = ["demo", "--speed", "0", "--no-codex", "--web"]
    with started(arguments, environment(tmp_path), ignoring=ignoring) as demo:
        line = wait_for("mitmweb: ", demo)
        assert f"(kill {demo.pid} ends it)" in line
        for how in ignoring:
            demo.send_signal(how)
        time.sleep(0.5)
        assert demo.poll() is None
        assert open_page(line)
        demo.terminate()
        _, errors = demo.communicate()
    assert (demo.returncode, errors) == (0, "")
    assert left_running(tmp_path) == []


def test_web_stays_until_ctrl_c(tmp_path: Path) -> None:
    with started(["demo", "--speed", "0", "--no-codex", "--web"], environment(tmp_path)) as demo:
        line = wait_for("mitmweb: ", demo)
        assert "(Ctrl-C ends it)" in line
        assert not any(token_in(line) in words for words in processes_of(tmp_path).values())
        assert b"<title>mitmproxy" in open_page(line)
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate()
    assert (demo.returncode, errors) == (0, "")
    assert left_running(tmp_path) == []
    assert "run.flow" in files(tmp_path / "tmp")  # the summary has told of it


@pytest.mark.parametrize("speed", ["0", "1"])
@pytest.mark.parametrize("lines", [1, 8, 30])
def test_a_reader_that_leaves_ends_it_quietly(lines: int, speed: str, tmp_path: Path) -> None:
    """As `codex-relay demo | head -1` does."""
    with started(["demo", "--speed", speed, "--no-codex"], environment(tmp_path)) as demo:
        assert demo.stdout is not None
        assert all(demo.stdout.readline() for _ in range(lines))
        demo.stdout.close()
        assert demo.stderr is not None
        assert demo.stderr.read() == ""
    assert demo.returncode == 1
    assert left_running(tmp_path) == []
    assert files(tmp_path / "tmp") == []


def test_a_reader_that_leaves_ends_codex_too(tmp_path: Path) -> None:
    script = 'case "$*" in --version) echo codex-cli 0.169.0; exit;; esac; while sleep 0.01; do echo busy >&2; done'
    env = environment(tmp_path, PATH=stand_in(tmp_path / "bin", "codex", script))
    with started(["demo"], env) as demo:
        assert "busy" in wait_for("   codex | busy", demo)
        assert demo.stdout is not None
        demo.stdout.close()
        assert demo.stderr is not None
        assert demo.stderr.read() == ""
    assert demo.returncode == 1
    assert left_running(tmp_path) == []
    assert files(tmp_path / "tmp") == []


def test_a_failed_run_leaves_no_folder(tmp_path: Path) -> None:
    """Its only answer calls a tool, again and again, so the relay has recorded something when the client gives up."""
    recording = tmp_path / "first.flow"
    with provider.recording_path().open("rb") as whole, recording.open("wb") as first:
        FlowWriter(first).add(next(iter(FlowReader(whole).stream())))
    done = run(["demo", "--speed", "0", "--no-codex", "--recording", str(recording)], environment(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "codex-relay: The conversation did not end within 2 turns.\n"
    assert files(tmp_path / "tmp") == []


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
