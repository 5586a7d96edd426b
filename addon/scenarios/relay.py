"""The relay as users start it: mitmdump with the addon script, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "relay.py"
START_LIMIT = 30.0


class RelayFailed(Exception):
    """The relay did not come up; the text holds what it printed."""


class Relay:
    """A running relay. Its port stays the same over a restart, as a user's would."""

    def __init__(self, upstream: str, folder: Path, options: Sequence[str] = ()) -> None:
        self.upstream, self.folder, self.options = upstream, folder, options
        self.port = _free_port()
        self.log = folder / "relay.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Relay:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        sets = [f"confdir={self.folder / 'mitmproxy'}", *self.options]
        command = [_mitmdump(), "-s", str(SCRIPT), "--mode", f"reverse:{self.upstream}@{self.port}"]
        command += ["--listen-host", "127.0.0.1"]
        command += [word for option in sets for word in ("--set", option)]
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self.folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        await self._listening()

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def printed(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    async def _listening(self) -> None:
        assert self._process is not None
        end = asyncio.get_running_loop().time() + START_LIMIT
        while asyncio.get_running_loop().time() < end:
            if self._process.returncode is not None:
                break
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
        await self.stop()
        raise RelayFailed(f"the relay does not listen on port {self.port}:\n{self.printed()[-3000:]}")


def _mitmdump() -> str:
    """The mitmdump of the running Python's environment, else the one on PATH."""
    beside = Path(sys.executable).with_name("mitmdump")
    found = str(beside) if beside.exists() else shutil.which("mitmdump")
    if found is None:
        raise RelayFailed("mitmdump is neither beside this Python nor on PATH")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
