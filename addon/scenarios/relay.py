"""The relay as users start it: mitmdump with the addon script, in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from addon import processes

SCRIPT = Path(__file__).resolve().parents[1] / "relay.py"
START_LIMIT = 30.0


class RelayFailed(Exception):
    """The relay did not come up; the text holds what it printed."""


class Relay:
    """A running relay. Its port stays the same over a restart, as a user's would."""

    def __init__(self, upstream: str, folder: Path, options: Sequence[str] = ()) -> None:
        self.upstream, self.folder, self.options = upstream, folder, options
        self.port = processes.free_port()
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
        options = ["-s", str(SCRIPT), "--mode", f"reverse:{self.upstream}@{self.port}", "--listen-host", "127.0.0.1"]
        options += [word for option in sets for word in ("--set", option)]
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *processes.mitmproxy_tool("mitmdump", *options),
                cwd=self.folder,
                env=processes.quiet_environment(),
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
        await processes.stop(process)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def printed(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    async def _listening(self) -> None:
        assert self._process is not None
        if await processes.listens(self._process, self.port, START_LIMIT):
            return
        await self.stop()
        raise RelayFailed(f"the relay does not listen on port {self.port}:\n{self.printed()[-3000:]}")
