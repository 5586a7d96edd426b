"""What the browser looks at: a scripted provider, mitmweb with the relay, and clients, on an event loop of a thread."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
import threading
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from addon import processes
from addon.codex.config import Settings
from addon.codex.home import CodexHome
from addon.demo import client
from addon.scripted import Scenario, Script, ScriptedUpstream
from addon.scripted.scenario import Step

Kept = TypeVar("Kept")
Json = dict[str, Any]
SCRIPT = Path(__file__).resolve().parents[2] / "addon" / "relay.py"
MITMPROXY = version("mitmproxy")
START_LIMIT = 60.0


@dataclass
class World:
    upstream: ScriptedUpstream
    folder: Path
    port: int
    address: str  # of mitmweb, with what lets one in
    log: list[str] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _homes: int = 0

    def play(self, *steps: Step, key: str = "*") -> Script:
        """What the provider answers from now on; requests are not judged."""
        return self.upstream.play(key, Scenario("browser", steps, rules=frozenset()))

    def start(self, work: Coroutine[Any, Any, Kept]) -> Future[Kept]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def ask(self, text: str, **fields: Any) -> Future[list[Json]]:
        """A turn of the small client: the finished items of its answer."""
        history = [client.message("developer", client.INSTRUCTIONS), client.message("user", text)]
        return self.start(asyncio.to_thread(client.ask, self.port, "scripted-model", history))

    def turn(self, program: Path | None, prompt: str) -> Future[str]:
        """What the client says in the end: a Codex in a home of its own, or without one the small client."""
        return self.start(self._codex(program, prompt) if program else asyncio.to_thread(self._small, prompt))

    async def _codex(self, program: Path, prompt: str) -> str:
        self._homes += 1
        settings = Settings(base_url=f"http://127.0.0.1:{self.port}/v1", key="browser", request_retries=0)
        run = await CodexHome(program, self.folder / f"codex{self._homes}", settings).exec(prompt)
        if not run.completed:
            raise RuntimeError(f"Codex ended with {run.shown}\n{run.stderr[-1000:]}")
        return run.final

    def _small(self, prompt: str) -> str:
        outputs = {"call_seen": "from-the-tool"}
        *_, last = client.turns(self.port, "scripted-model", prompt, outputs, 5)
        return "".join(part["text"] for item in last if item["type"] == "message" for part in item["content"])


@contextlib.contextmanager
def world(*options: str, port: int = 0, target: str = "", scripts: Sequence[Path] = ()) -> Iterator[World]:
    """Provider and mitmweb, until the end of the block. options: of mitmproxy, as for --set. target: the reverse mode's,
    if not the provider itself. scripts: further ones, behind the relay."""
    with tempfile.TemporaryDirectory(prefix="codex-relay-browser-") as folder, _loop() as loop:
        stack = contextlib.AsyncExitStack()

        async def begin() -> World:
            upstream = await stack.enter_async_context(ScriptedUpstream())
            chosen, web, token = port or processes.free_port(), processes.free_port(), secrets.token_hex(8)
            address = f"http://127.0.0.1:{web}/?token={token}"
            made = World(upstream, Path(folder), chosen, address, _loop=loop)
            sets = [f"confdir={folder}/mitmproxy", *options]
            if not MITMPROXY.startswith("11."):  # it has no login, and refuses the option
                sets.append(f"web_password={token}")
            words = [word for script in (SCRIPT, *scripts) for word in ("-s", str(script))]
            words += ["--mode", f"reverse:{target or upstream.url}@{chosen}", "--listen-host", "127.0.0.1"]
            words += ["--web-host", "127.0.0.1", "--web-port", str(web), "--no-web-open-browser"]
            words += [word for option in sets for word in ("--set", option)]
            environment = {**processes.quiet_environment(), "BROWSER_TEST_PROVIDER": str(upstream.port)}
            process = await stack.enter_async_context(
                processes.running(processes.mitmproxy_tool("mitmweb", *words), Path(folder), environment)
            )
            made.log = await stack.enter_async_context(processes.following(process))
            for listening in (chosen, web):
                if not await processes.listens(process, listening, START_LIMIT):
                    raise RuntimeError("mitmweb did not start:\n" + "\n".join(made.log)[-3000:])
            return made

        try:
            yield asyncio.run_coroutine_threadsafe(begin(), loop).result(2 * START_LIMIT)
        finally:
            asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(START_LIMIT)


@contextlib.contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="the world's loop", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
