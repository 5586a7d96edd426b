"""`codex-relay record`: what it refuses, a session that is counted and kept, and scenarios with the real Codex."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from addon import cli, processes
from addon.cli.progress import TurnProgress
from addon.codex.install import CURRENT, CodexMissing, find_codex
from addon.recording.flows import open_recording
from addon.scripted import ScriptedUpstream, answer, error
from addon.scripted.scenario import Scenario, Step
from tests.cli.running import environment, run, started

PATH = os.environ["PATH"]  # Codex is a program of node
KEY = "a-key-for-this-test"
ASKED = {
    "model": "m",
    "stream": True,
    "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "say hello"}]}],
}


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["x.flow"], "say what to record: --upstream URL for a session, or --codex VERSION"),
        (["x.flow", "--upstream", "http://h.example", "--codex", "0.1.0"], "say what to record"),
        (["--upstream", "http://h.example"], "name the file to record into"),
        (["old.flow", "--upstream", "http://h.example"], "old.flow exists; --force replaces it"),
        (["old.flow", "--codex", "PROGRAM"], "old.flow exists; --force replaces it"),
        (["codex-0.169.0.flow", "--codex", "PROGRAM"], "codex-0.169.0.flow exists"),
        ([".", "--upstream", "http://h.example"], "is a folder; name a file in it"),
        (["no/x.flow", "--upstream", "http://h.example"], "there is no folder"),
        (["x.flow", "--codex", "PROGRAM", "--scenarios", "text,nope"], "there is no scenario 'nope'; there are: text"),
        (["x.flow", "--upstream", "http://h.example", "--scenarios", "text"], "--scenarios goes with --codex"),
        (["x.flow", "--upstream", "http://h.example", "--extract", "f"], "--extract goes with --codex"),
        (["x.flow", "--codex", "PROGRAM", "--append"], "--append goes with --upstream"),
        (["x.flow", "--codex", "PROGRAM", "--", "-q"], "-- goes with --upstream"),
        (["x.flow", "--codex", "../../x"], "../../x is not a program"),
        (["x.flow", "--codex", "newest"], "'newest' is neither a version of Codex, such as 0.169.0, nor a path"),
        (["x.flow", "--codex", "./OTHER"], "prints no version; is it the Codex CLI?"),
    ],
)
def test_bad_wishes_cost_one_line(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    program("PROGRAM", "codex-cli 0.169.0"), program("OTHER", "something else")
    for name in ("old.flow", "codex-0.169.0.flow"):
        Path(name).write_text("of yesterday")
    given = ["./PROGRAM" if word == "PROGRAM" else word for word in arguments]
    of_files = ("exists", "folder", "is not a program", "prints no version")
    assert cli.main(["record", *given]) == (1 if any(word in complaint for word in of_files) else 2)
    said = capsys.readouterr().err.splitlines()
    assert complaint in said[-1]
    assert said[-1].startswith("codex-relay: ")
    assert Path("old.flow").read_text() == "of yesterday"


def program(name: str, printed: str) -> None:
    Path(name).write_text(f"#!/bin/sh\necho '{printed}'\n")
    Path(name).chmod(0o755)


def test_scenarios_are_listed_with_what_they_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["record", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("text ")
    assert any(line.startswith("review ") and line.endswith("[since 0.80.0]") for line in lines)


def test_a_version_is_listed_with_what_it_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["record", "--list", "--codex", "0.58.0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("review ") and line.endswith("[since 0.80.0: exec has no review]") for line in lines)
    assert not any(line.startswith("schema ") and line.endswith("]") for line in lines)


# --- progress ---------------------------------------------------------------------------------------------------------


def facts(status: str = "completed") -> dict[str, object]:
    details = {"cached_tokens": 256}
    usage = {"input_tokens": 1200, "input_tokens_details": details, "output_tokens": 34}
    return {"status": status, "usage": usage if status == "completed" else None}


def test_progress_is_a_line_a_turn_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    progress = TurnProgress(out)
    progress.turn(facts())
    progress.turn(facts("failed"))
    progress.show()
    assert [line.replace(" in 0 s", "") for line in out.getvalue().splitlines()] == [
        "1 turn: tokens 1,200 in (256 cached), 34 out",
        "2 turns: tokens 1,200 in (256 cached), 34 out, 1 failed",
    ]


def test_progress_is_one_line_on_a_terminal_and_what_is_noted_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    progress = TurnProgress(out)
    progress.turn(facts())
    progress.turn(facts())
    progress.note("something happened")
    before, _, after = out.getvalue().rpartition("\r")
    assert "\n" not in before
    assert before.count("\r") == 3  # written twice, then cleared
    assert after == "something happened\n"


# --- a session --------------------------------------------------------------------------------------------------------


def ask(port: int) -> None:
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    url = f"http://127.0.0.1:{port}/v1/responses"
    request = urllib.request.Request(url, json.dumps(ASKED).encode(), headers)
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=20) as response:
        response.read()


@contextlib.contextmanager
def upstream(*steps: Step) -> Iterator[str]:
    """The URL of a scripted provider in a thread of its own: signals are the business of the first one."""
    loop, server = asyncio.new_event_loop(), ScriptedUpstream()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        server.play(KEY, Scenario("x", steps, rules=frozenset()))
        yield server.url
        asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@dataclass
class Done:
    status: int
    out: list[str]
    err: list[str]


def session(url: str, path: Path, kind: signal.Signals, *more: str, turns: int) -> Done:
    """Record so many turns, then end it by the signal."""
    port = processes.free_port()
    arguments = ["record", str(path), "--upstream", url, "--port", str(port), *more]
    with started(arguments, environment(path.parent), limit=60) as process:
        assert process.stderr is not None
        err = [process.stderr.readline(), process.stderr.readline()]
        for _ in range(turns):
            ask(port)
        process.send_signal(kind)
        out, rest = process.communicate()
    return Done(process.returncode, out.splitlines(), [*err, *rest.splitlines()])


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_session_is_kept_until_somebody_ends_it(kind: signal.Signals, tmp_path: Path) -> None:
    path = tmp_path / "100%dull.flow"
    with upstream(answer("Hello."), error(400, "Never."), answer("Again.")) as url:
        first = session(url, path, kind, turns=2)
        again = session(url, path, kind, "--append", turns=1)
    for done in (first, again):
        assert done.status == 0, done.err
    assert 'base_url = "http://127.0.0.1:' in first.err[0]
    assert any("Never." in line for line in first.err)
    assert first.out[0].startswith("2 turns in ")
    assert ": tokens 1,200 in (256 cached), 34 out, 1 failed; " in first.out[0]
    assert first.out[1] == f"Next: codex-relay replay {path} --check"
    assert again.out[0].startswith("1 turn in ")
    recording = open_recording(path)
    assert [turn.facts["status"] for turn in recording.turns()] == ["completed", "failed", "completed"]
    assert KEY.encode() not in path.read_bytes()


def test_a_session_without_a_turn_says_so_and_leaves_no_file(tmp_path: Path) -> None:
    port = str(processes.free_port())
    arguments = ["record", "x.flow", "--upstream", "http://127.0.0.1:9", "--port", port]
    with started(arguments, environment(tmp_path), tmp_path, limit=60) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
    assert process.returncode == 0
    assert out.startswith("No turn was recorded in ")
    assert f'base_url = "http://127.0.0.1:{port}/v1"' in out
    assert not (tmp_path / "x.flow").exists()


def test_an_option_that_mitmdump_refuses_is_told(tmp_path: Path) -> None:
    port = str(processes.free_port())
    given = ["record", "x.flow", "--upstream", "http://127.0.0.1:9", "--port", port, "--", "--set", "relay_profile=no"]
    done = run(given, environment(tmp_path), tmp_path)
    assert done.returncode == 1
    assert "relay_profile='no': unknown profile 'no'" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "x.flow").exists()


# --- scenarios --------------------------------------------------------------------------------------------------------


@pytest.mark.codex
@pytest.mark.slow
def test_a_codex_that_does_not_end_as_scripted_is_an_error_that_says_why(tmp_path: Path) -> None:
    try:
        codex = find_codex(CURRENT)
    except CodexMissing as problem:
        pytest.skip(str(problem))
    # It calls itself another version and knows nothing of the schema it is given.
    wrapper = tmp_path / "codex"
    wrapper.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "codex-cli 0.42.0" && exit\nexec {codex} "$@"\n')
    wrapper.chmod(0o755)
    given = ["record", "new.flow", "--codex", str(wrapper), "--scenarios", "schema,context,length"]
    done = run(given, environment(tmp_path, PATH=PATH), tmp_path)
    assert done.returncode == 1
    assert "not supported  schema: since 0.58.0: exec has no --output-schema" in done.stderr
    assert "the user does not read 'maximum context length'" in done.stderr
    assert "1 scenario did not end as scripted (context); new.flow holds the others" in done.stderr.splitlines()[-1]
    assert [turn.case["name"] for turn in open_recording(tmp_path / "new.flow").turns()] == ["length"]


def test_an_older_recording_stays_until_there_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "keep.flow"
    path.write_bytes(b"older")
    wrong = [
        "--force",
        "--upstream",
        "http://127.0.0.1:9",
        "--port",
        str(processes.free_port()),
        "--",
        "--set",
        "relay_profile=none-such",
    ]
    done = run(["record", str(path), *wrong], environment(tmp_path))
    assert done.returncode == 1
    assert path.read_bytes() == b"older"
    assert [one.name for one in tmp_path.iterdir() if "keep" in one.name] == ["keep.flow"]


def test_what_can_not_be_read_is_not_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "text.flow"
    path.write_text("hi")
    port = str(processes.free_port())
    done = run(
        ["record", str(path), "--append", "--upstream", "http://127.0.0.1:9", "--port", port], environment(tmp_path)
    )
    assert (done.returncode, path.read_text()) == (1, "hi")
    assert "can't be appended to" in done.stderr
