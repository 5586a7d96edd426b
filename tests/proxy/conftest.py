from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import hooks, http, options
from mitmproxy.tools.dump import DumpMaster

from addon.relay import Relay

from .wire import TIMEOUT, Reply, Upstream, ask, until


class Witness:
    """Stands behind the relay, where view and save stand, and keeps the flows that end."""

    def __init__(self) -> None:
        self.flows: list[http.HTTPFlow] = []

    def response(self, flow: http.HTTPFlow) -> None:
        self.flows.append(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self.flows.append(flow)


@dataclass
class Proxy:
    upstream: Upstream
    master: DumpMaster
    relay: Relay
    port: int
    witness: Witness = field(default_factory=Witness)

    async def ask(self, *args: Any, **named: Any) -> Reply:
        return await ask(self.port, *args, **named)

    async def flows(self, count: int) -> list[Any]:
        """The first `count` flows that have ended; the client's reply may arrive before its flow does."""
        await until(lambda: len(self.witness.flows) >= count)
        return self.witness.flows[:count]

    async def turn(self) -> tuple[Any, Any]:
        """(the client's flow, the upstream flow) of a single turn."""
        upstream, client = await self.flows(2)
        assert client.metadata["relay"]["role"] == "client"
        assert upstream.metadata["relay"]["role"] == "upstream"
        return client, upstream


StartProxy = Callable[..., contextlib.AbstractAsyncContextManager[Proxy]]


@pytest.fixture
def proxy(tmp_path: Path) -> StartProxy:
    """`async with proxy(script, relay_api_key=...) as relay`: an upstream and a proxy in front of it."""

    @contextlib.asynccontextmanager
    async def start(
        script: Any = None, *, before: Any = (), looking: Any = (), modes: list[str] | None = None, **opts: Any
    ) -> AsyncIterator[Proxy]:
        upstream = Upstream(script) if script else Upstream()
        async with upstream.serve():
            opts = {name: value.replace("PORT", str(upstream.port)) if isinstance(value, str) else value
                    for name, value in opts.items()}  # fmt: skip
            base = options.Options(
                confdir=str(tmp_path / "conf"),
                listen_host="127.0.0.1",
                listen_port=0,
                mode=modes or [f"reverse:http://127.0.0.1:{upstream.port}"],
            )
            master = DumpMaster(base, with_termlog=False, with_dumper=False)
            relay, witness = Relay(), Witness()
            # Server replay would end the process, and with it the next test's proxy, after the last recorded answer.
            master.options.update(keepserving=True)
            scripts: Any = master.addons.get("scriptloader")
            master.addons.add(*looking)  # as in mitmweb: there before scripts, and behind them in the order of hooks
            for addon in (*before, relay):
                master.addons.register(addon)
                scripts.addons.append(addon)
                master.addons.invoke_addon_sync(addon, hooks.ConfigureHook(set(base.keys())))
            master.addons.add(witness)
            if opts:
                master.options.update(**opts)
            task = asyncio.create_task(master.run())
            try:
                port = await _port(master, task)
                await until(lambda: relay.is_running)  # it listens a moment earlier
                yield Proxy(upstream, master, relay, port, witness)
            finally:
                master.shutdown()
                await asyncio.wait_for(task, TIMEOUT)

    return start


async def _port(master: DumpMaster, task: asyncio.Task[None]) -> int:
    server: Any = master.addons.get("proxyserver")
    await until(lambda: server.listen_addrs() or task.done())
    if task.done():
        task.result()
    return server.listen_addrs()[0][1]
