"""`start()`: the relay as a child of a Python program, which is ready when it is returned."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import tomllib

import pytest

import addon
from addon import RelayError, RelayProcess, background, processes, start
from addon.scripted import answer
from tests.cli.running import REPOSITORY
from tests.cli.test_record import KEY, upstream
from tests.cli.test_start import ask, command_line


def test_it_listens_when_it_returns_and_ends_with_the_block() -> None:
    more = {"model_map": {"m": "other"}, "options": {"flow_detail": "0"}}
    with upstream(answer("Hello.")) as url, start(0, f"{url}/v1", KEY, **more) as relay:
        assert ask(relay.url) == "Hello."
        assert relay.url == f"http://127.0.0.1:{relay.port}/v1"
        shown = command_line(relay.pid)
        assert (relay.poll(), relay.returncode) == (None, None)
    assert relay.returncode == 0
    assert "--model-map=m=other" in shown
    assert KEY not in shown
    assert not [line for line in relay.log if KEY in line]


def test_terminate_and_wait_are_those_of_a_process() -> None:
    relay = start(port=0, upstream="http://127.0.0.1:9")
    with pytest.raises(subprocess.TimeoutExpired):
        relay.wait(0.01)
    relay.terminate()
    assert relay.wait(20) == 0


def test_a_relay_that_does_not_come_up_says_why_in_its_own_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RelayError) as busy:
            start(port=port, upstream="http://127.0.0.1:9")
    assert f"ended with status 1:\ncodex-relay: Cannot listen on port {port}: " in str(busy.value)
    with pytest.raises(RelayError, match="'nowhere': not an http or https URL"):
        start(port=0, upstream="nowhere")
    with pytest.raises(RelayError, match="api_key holds spaces or characters"):
        start(port=0, upstream="http://127.0.0.1:9", api_key="two words")


def child(code: str) -> RelayProcess:
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    return RelayProcess(process)


def test_a_log_that_nobody_reads_does_not_stop_the_relay() -> None:
    relay = child(f"print({background._LISTENS!r} + 'http://127.0.0.1:1/v1'); print(('x' * 99 + '\\n') * 20_000)")
    relay._until_listening(20)
    assert relay.wait(20) == 0
    assert len(relay.log) == background.KEPT


PROGRAM = """\
import os, subprocess, sys
from addon.background import RelayProcess
quiet = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); port = s.getsockname()[1]; " \\
    "print(f'codex-relay listens on http://127.0.0.1:{port}/v1', flush=True); time.sleep(60)"
relay = RelayProcess(subprocess.Popen([sys.executable, "-c", quiet], stdout=subprocess.PIPE, text=True))
relay._until_listening(20)
if not os.fork():
    sys.exit()  # a fork that ends is not the program
os.wait()
print(relay.port, relay.poll())
"""


def test_it_ends_with_the_program_that_started_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    port, state = done.stdout.split()
    assert state == "None", done.stderr
    deadline = time.monotonic() + 10
    while processes.why_not_listen(int(port)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not processes.why_not_listen(int(port))


def test_one_that_never_listens_is_stopped_when_the_time_is_over() -> None:
    relay = child("import time; print('still thinking', flush=True); time.sleep(60)")
    began = time.monotonic()
    with pytest.raises(RelayError, match=r"did not listen within 0\.5 s and was stopped"):
        relay._until_listening(0.5)
    assert relay.returncode is not None
    assert time.monotonic() - began < 20


def test_the_package_is_light_and_knows_no_other_names() -> None:
    code = "import sys, addon; print(sorted({'asyncio', 'mitmproxy', 'subprocess'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
    assert not hasattr(addon, "stop")


def test_it_is_installed_under_the_name_that_other_programs_import() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    source = next(name for name, target in included.items() if target == "codex_relay.py")
    names: dict[str, object] = {}
    exec((REPOSITORY / source).read_text(), names)
    assert names["start"] is start
