"""A program on a terminal of its own: what stands on the screen, and keys."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

ROWS, COLUMNS = 50, 120
TYPING = 0.3  # seconds before Return; Codex takes what comes faster for a paste


class Terminal:
    """``async with Terminal(command, folder, environment) as terminal``; the program ends with the block."""

    def __init__(self, command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> None:
        self._command, self._cwd, self._environment = command, cwd, environment
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)

    async def __aenter__(self) -> Terminal:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (ROWS, COLUMNS))
        # The program asks where the cursor is, and goes on only when it is told.
        self._screen.write_process_input = lambda data: os.write(self._master, data.encode())
        try:
            self.process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._cwd,
                env={**self._environment, "TERM": "xterm-256color"},
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
            )
        finally:
            os.close(slave)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGHUP)  # what the end of a terminal sends
            try:
                await asyncio.wait_for(self.process.wait(), 10)
            except TimeoutError:
                os.killpg(self.process.pid, signal.SIGKILL)
                await self.process.wait()
        os.close(self._master)

    def _read(self) -> None:
        try:
            self._stream.feed(os.read(self._master, 65536))
        except OSError:  # the program has ended
            asyncio.get_running_loop().remove_reader(self._master)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)

    async def shows(self, text: str, seconds: float = 30.0) -> None:
        """Wait until `text` stands there. Raises AssertionError with the screen when it does not come."""
        deadline = asyncio.get_running_loop().time() + seconds
        while text not in self.text:
            if self.process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"{text!r} is not on the screen:\n{self.text}")
            await asyncio.sleep(0.05)

    async def enter(self, text: str) -> None:
        """Type a line."""
        os.write(self._master, text.encode())
        await asyncio.sleep(TYPING)
        os.write(self._master, b"\r")

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)
