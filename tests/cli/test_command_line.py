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


def test_without_a_command_it_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    printed = capsys.readouterr().out
    assert "demo" in printed
    assert "serve" in printed


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
        (["serve"], "UPSTREAM"),
        (["serve", "api.example.com"], "'api.example.com' is no base URL; give one such as"),
        (["serve", "ftp://example.com"], "is no base URL"),
        (["serve", "https://me:secret@example.com"], "is no base URL"),
        (["serve", "http://example.com:99999"], "is no base URL"),
        (["serve", "http://example.com/v1?key=x"], "is no base URL"),
        (["serve", "http://127.0.0.1:8080", "--port", "0"], "'0' is no port; give a number from 1 to 65535"),
        (["serve", "http://127.0.0.1:8080", "--port", "http"], "is no port"),
        (["replay"], "FILE"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


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
    assert f'base_url = "http://127.0.0.1:{port}/v1"' in done.stdout
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
