"""The tests' own runner: it neither hangs nor leaves anything running, however the tests were started."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import environment, left_running, processes_of, started


@pytest.fixture
def ignored_ctrl_c() -> Iterator[None]:
    """As in `bash -c 'pytest & wait'`."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ignored_ctrl_c")
def test_a_child_obeys_ctrl_c_though_the_tests_ignore_it(tmp_path: Path) -> None:
    with started(["demo", "--no-codex", "--speed", "0.1"], environment(tmp_path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 130


def test_whoever_waits_for_a_line_that_never_comes_goes_on(tmp_path: Path) -> None:
    def wait() -> None:
        arguments = ["demo", "--no-codex", "--speed", "0", "--web"]
        with started(arguments, environment(tmp_path), limit=6.0) as process:
            assert process.stdout is not None
            next(line for line in process.stdout if line.startswith("this is never printed"))

    with pytest.raises(TimeoutError, match=r"did not end within 6\.0 s"):
        wait()
    assert left_running(tmp_path) == []


def test_a_failed_block_leaves_nothing_running(tmp_path: Path) -> None:
    def fail() -> None:
        with started(["demo", "--no-codex", "--speed", "0.1"], environment(tmp_path)) as process:
            assert process.stdout is not None
            assert any(line.startswith("turn 1") for line in process.stdout)
            assert processes_of(tmp_path)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert left_running(tmp_path) == []
