"""Signals for a child in our own process group: from a terminal it gets them by itself, what is sent to us alone does
not reach it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Callable, Iterator

HEARD = 0.5  # seconds after which a signal has reached all that it was sent to


@contextlib.contextmanager
def passed_on() -> Iterator[Callable[[asyncio.subprocess.Process], None]]:
    """Gives a function that names the child, once it runs. What is sent to us alone is passed on to it, once. Whether
    it ends with Ctrl-C at the terminal is its own business: that may only stop a turn, or be for an editor of its own.
    """
    loop, signals = asyncio.get_running_loop(), _Signals()
    kinds = {
        signal.SIGINT: signals.from_keys,
        signal.SIGQUIT: signals.from_keys,
        signal.SIGTERM: signals.pass_on,
        signal.SIGHUP: signals.pass_on,
    }
    for kind, handle in kinds.items():
        # A handler, not SIG_IGN: that would be the child's too.
        if signal.getsignal(kind) is not signal.SIG_IGN:
            loop.add_signal_handler(kind, handle, kind)
    try:
        yield signals.begin
    finally:
        signals.end()


class _Signals:
    """What has come, and what becomes of it."""

    def __init__(self) -> None:
        self._child: asyncio.subprocess.Process | None = None
        self._early: list[signal.Signals] = []
        self._judging: dict[signal.Signals, asyncio.TimerHandle] = {}
        self._witness = _Witness()

    def begin(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        for kind in self._early:
            self.pass_on(kind)

    def pass_on(self, kind: signal.Signals) -> None:
        if self._child is None:
            self._early.append(kind)
            return
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(kind)

    def from_keys(self, kind: signal.Signals) -> None:
        """One that a terminal sends too."""
        if self._child is None:  # which has not heard it then
            self._early.append(kind)
            return
        if kind in self._judging:
            self._judging[kind].cancel()
        self._judging[kind] = asyncio.get_running_loop().call_later(HEARD, self._judge, kind)

    def _judge(self, kind: signal.Signals) -> None:
        if not self._witness.has_got(kind):
            self.pass_on(kind)

    def end(self) -> None:
        for later in self._judging.values():
            later.cancel()
        self._witness.end()


class _Witness:
    """A process of our group that does nothing: what the terminal sends ends it, what is sent to us alone does not.
    Nobody tells a handler of Python's who has sent a signal."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        # However we end, its input does too, and so it. Without the limit Ctrl-\ would leave a core of it.
        command = ["/bin/sh", "-c", "ulimit -c 0; exec cat"]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)

    def has_got(self, kind: signal.Signals) -> bool:
        """Whether a signal of this kind has reached the whole group since this was asked last."""
        status = self._process.poll()
        if status is not None:
            self.end()
            self._start()
        return status == -kind

    def end(self) -> None:
        self._process.kill()
        with contextlib.suppress(OSError):
            self._process.communicate()
