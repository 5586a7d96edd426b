"""What the command says: help, versions, and complaints a user can act on."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from addon import cli
from addon.demo import processes
from tests.cli.running import REPOSITORY, environment, run


def test_help_teaches_the_commands_and_what_a_start_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    for word in ("codex-relay run --provider", "demo", "--model-map MAP", "CODEX_RELAY_UPSTREAM", "Exit status: 0"):
        assert word in printed


def test_version_names_the_relay_and_mitmproxy(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith("codex-relay 0.")
    assert version("mitmproxy") in printed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["demo", "--speed", "fast"], "'fast' is no speed; give a number from 0 up"),
        (["demo", "--speed", "-1"], "give a number from 0 up"),
        (["demo", "--speed", "inf"], "give a number from 0 up"),
        (
            ["--upstream", "api.example.com"],
            "'api.example.com': not an http or https URL; write it like https://host/v1",
        ),
        (["--upstream", "ftp://example.com"], "not an http or https URL"),
        (["--upstream", "https://me:secret@example.com"], "put the key in --api-key"),
        (["--upstream", "http://example.com:99999"], "write it like https://host/v1"),
        (["--upstream", "http://example.com/v1?key=x"], "remove everything from '?' or '#' on"),
        (["serve", "http://127.0.0.1:8080", "--port", "http"], "'http' is no port; give a number from 1 to 65535"),
        (["--port", "70000"], "'70000' is no port"),
        (["--bind", "example.com"], "'example.com' is no IP address; give 127.0.0.1, or 0.0.0.0"),
        (["--model-map", "gpt-5"], "holds 'gpt-5'; write SOURCE=TARGET"),
        (["--drop-upstream-params", "[seed"], 'write ["seed", "user"] or seed,user'),
        (["--upstream-extra-params", "[1]"], 'is no JSON object; write it like {"temperature": 0.2}'),
        (["--max-sessions", "0"], "'0' is no whole number above 0"),
        (["--session-ttl-hours", "nan"], "'nan' is no number above 0"),
        (["--history-store", "redis"], "'redis' is no such store; say memory, disk or off"),
        (["--prot", "4446"], "there is no --prot; did you mean --port? (help: codex-relay --help)"),
        (["run", "--modell", "x"], "there is no --modell; did you mean --model? (help: codex-relay run --help)"),
        (["--port", "4446", "run"], "--port before run is not for it; codex-relay run --help tells its own options"),
        (["--bogus"], "there is no --bogus (help"),
        (["frob"], "there is no command frob; see --help"),
        (["dcotor"], "there is no command dcotor; did you mean doctor?"),
        (["demo", "--", "-q"], "this command passes nothing on; remove --"),
        (["replay"], "FILE"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1


def test_the_value_of_a_mistyped_option_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--apikey", "secret-word"], ["--apikey=secret-word"], ["run", "--apikey", "secret-word"]):
        with pytest.raises(SystemExit):
            cli.main(words)
        said = capsys.readouterr().err
        assert "there is no --apikey" in said
        assert "secret-word" not in said


@pytest.mark.parametrize("asked", [["--traceback", "demo"], ["demo", "--traceback"]])
def test_errors_come_without_a_traceback_unless_asked(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("addon.demo.run", lambda **_: {}["nothing"])
    assert cli.main(["demo"]) == 1
    assert capsys.readouterr().err == "codex-relay: unexpected KeyError: 'nothing' (--traceback tells where)\n"
    with pytest.raises(KeyError):
        cli.main(asked)
    monkeypatch.setenv("CODEX_RELAY_TRACEBACK", "1")
    with pytest.raises(KeyError):
        cli.main(["demo"])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "No such file"),
        (b"", "holds no answered request"),
        (b"this is not a flow", "is not a usable flow file"),
    ],
)
def test_an_unplayable_recording_costs_one_line(content: bytes | None, complaint: str, tmp_path: Path) -> None:
    recording = tmp_path / "mine.flow"
    if content is not None:
        recording.write_bytes(content)
    done = run(["demo", "--no-codex", "--recording", str(recording)], environment(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("codex-relay: ")
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list((tmp_path / "tmp").iterdir()) == []


def test_serve_starts_the_mitmdump_it_prints(tmp_path: Path) -> None:
    port = processes.free_port()
    done = run(["serve", "http://127.0.0.1:9/v2", "--port", str(port), "--", "--version"], environment(tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"--mode reverse:http://127.0.0.1:9@{port}" in done.stdout
    assert "--set relay_upstream=http://127.0.0.1:9/v2" in done.stdout
    assert f"Mitmproxy: {version('mitmproxy')}" in done.stdout


def test_a_busy_port_is_named_with_the_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run(["serve", "http://127.0.0.1:9", "--port", str(port)], environment(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    why = os.strerror(errno.EADDRINUSE)
    assert done.stderr == f"codex-relay: Cannot listen on port {port}: {why}. Choose another with --port.\n"


def test_connections_that_linger_keep_no_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()  # who closes first lingers
    assert processes.why_not_listen(port) == ""


def test_a_port_at_another_address_is_not_judged(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        given = ["serve", "http://127.0.0.1:9", "--port", port, "--", "--listen-host", "127.0.0.2", "--version"]
        done = run(given, environment(tmp_path))
    assert done.returncode == 0, done.stderr


def test_it_needs_no_package_of_the_test_extra() -> None:
    code = "import sys; sys.modules.update(dict.fromkeys(['httpx', 'openai', 'pytest'])); import addon.cli"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
