"""`python -m tests.bench.views`: what looking on costs, mitmweb beside mitmdump in the same run.

(a) streams at once, paced: what a piece loses on its way, with an onlooker in mitmweb who has one answer open and gets
    it anew whenever it has grown, as mitmweb's page does; with --browser a real Chromium looks on instead;
(b) many finished turns: what each leaves in memory, and that this ends where relay_keep_flows says.

The figures are printed and never asserted: a shared machine decides them as much as the code does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from addon import processes
from tests.bench import upstream
from tests.bench.client import Arrivals, ask, chat_body, responses_body
from tests.bench.figures import LIMIT, RELAY, columns, heading, ms, yes

TOKEN = "bench"
LINES = 513  # as many as mitmweb's page asks for
SILENT = 1.0  # seconds without a change after which another answer is opened
REST = 0.3  # seconds in which a round's last work is done, so that it does not count in the next
SEED = 6
ALLOWED = 1.5  # mitmweb's added latency over mitmdump's


@dataclass(frozen=True)
class Tool:
    """A running relay. web: mitmweb's own port; 0 for mitmdump."""

    name: str
    process: asyncio.subprocess.Process
    port: int
    web: int = 0

    async def ask(self, model: str, history: str = "") -> Arrivals:
        return await ask(self.port, "/v1/responses", responses_body(model, history), b"response.completed")

    @property
    def memory(self) -> float:
        """Resident, in MiB; 0 where the system does not tell."""
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        return 0.0


@contextlib.asynccontextmanager
async def running_tool(name: str, provider: int, *sets: str) -> AsyncIterator[Tool]:
    port, web = processes.free_port(), processes.free_port() if name == "mitmweb" else 0
    with tempfile.TemporaryDirectory(prefix="codex-relay-bench-") as folder:
        options = ["-q"] if name == "mitmdump" else ["--no-web-open-browser", "--web-port", str(web)]
        options += ["-s", str(RELAY), "--mode", f"reverse:http://127.0.0.1:{provider}@{port}"]
        options += ["--listen-host", "127.0.0.1", "--set", f"confdir={folder}"]
        if web and not version("mitmproxy").startswith("11."):
            options += ["--set", f"web_password={TOKEN}"]
        options += [word for one in sets for word in ("--set", one)]
        command = processes.mitmproxy_tool(name, *options)
        async with (
            processes.running(command, Path(folder), processes.quiet_environment()) as process,
            processes.following(process) as log,
        ):
            for listening in filter(None, (port, web)):
                if not await processes.listens(process, listening, 60):
                    raise SystemExit(f"{name} did not start: " + (log[-1] if log else "it printed nothing"))
            yield Tool(name, process, port, web)


@contextlib.asynccontextmanager
async def provider() -> AsyncIterator[int]:
    """The port of the stamping upstream, in a process of its own."""
    port = processes.free_port()
    serving = [sys.executable, "-m", "tests.bench.figures", "--serve", str(port)]
    async with (
        processes.running(serving, RELAY.parent.parent, dict(os.environ)) as process,
        processes.following(process),
    ):
        if not await processes.listens(process, port, 30):
            raise SystemExit("The upstream did not start.")
        yield port


@contextlib.asynccontextmanager
async def onlooker(web: Tool, browser: bool) -> AsyncIterator[list[str]]:
    """Somebody who has mitmweb open, in a process of its own; what it prints."""
    command = [sys.executable, "-m", "tests.bench.views", "--browse" if browser else "--look", str(web.web)]
    async with (
        processes.running(command, RELAY.parent.parent, dict(os.environ)) as process,
        processes.following(process) as log,
    ):
        for _ in range(600):
            if "looking" in log:
                break
            await asyncio.sleep(0.1)
        else:
            raise SystemExit("Nobody could look on: " + (log[-1] if log else "nothing was printed"))
        yield log


async def streams(tools: Sequence[Tool], port: int, count: int, pieces: int, pace: float, rounds: int) -> None:
    heading(f"(a) {count} streams at once, {pieces} pieces each, one every {pace:g} ms, {rounds} rounds in turn")
    columns("", "complete", "p50", "mean", "p95", "p99", "worst")
    late: dict[str, list[list[float]]] = {"direct": [], **{tool.name: [] for tool in tools}}  # by round
    whole = dict.fromkeys(late, True)
    draw = random.Random(SEED)
    for round_ in range(rounds):
        phases = [pace * draw.random() for _ in range(count)]  # which streams meet is the same for all in a round
        for name in list(late)[:: -1 if round_ % 2 else 1]:
            tool = next((tool for tool in tools if tool.name == name), None)

            async def one(number: int, phase: float, tool: Tool | None = tool) -> Arrivals:
                await asyncio.sleep(number * pace / count / 1000)
                model = upstream.model_name(pieces, pace, phase)
                return await (
                    tool.ask(model) if tool else ask(port, "/v1/chat/completions", chat_body(model), b"data: [DONE]")
                )

            answers = await asyncio.gather(*map(one, range(count), phases))
            await asyncio.sleep(REST)
            whole[name] &= all(one.complete and one.in_order and len(one.latencies) == pieces for one in answers)
            late[name].append([time for one in answers for time in one.latencies])
    for name, times in late.items():
        columns(
            name, yes(whole[name]), *(ms(found) for found in _figures([time for one in times for time in one]).values())
        )
    for figure in ("p50", "mean", "p95"):
        _compare(figure, late)


def _compare(figure: str, late: dict[str, list[list[float]]]) -> None:
    """What each tool adds to a piece, round by round: neighbours in time are compared, a machine has other work too."""
    direct, dump, web = ([_figures(one)[figure] for one in late[name]] for name in ("direct", "mitmdump", "mitmweb"))
    added = [(a - before, b - before) for before, a, b in zip(direct, dump, web, strict=True)]
    ratios = sorted(b / a for a, b in added)
    told = ", ".join(
        f"{name} {ms(statistics.median(times))}"
        for name, times in zip(("mitmdump", "mitmweb"), zip(*added, strict=True), strict=True)
    )
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    print(
        f"added a piece, {figure}: {told}; "
        f"mitmweb / mitmdump: {statistics.median(ratios):.2f} ({spread}; allowed: {ALLOWED})",
        flush=True,
    )


async def memory(port: int, turns: int, kept: int, kilobytes: int) -> None:
    heading(f"(b) finished turns of {kilobytes} kB each; the list keeps {kept}")
    columns("turns", "mitmdump", "mitmweb", "its per turn")
    history = "def line(number):  # a tool printed this\n" * (kilobytes * 1000 // 40)
    model = upstream.model_name(20, 0)
    async with (
        running_tool("mitmdump", port) as dump,
        running_tool("mitmweb", port, f"relay_keep_flows={kept}") as web,
        onlooker(web, browser=False),
    ):
        for tool in (dump, web):
            await tool.ask(model, history)
        before = web.memory
        columns("1", f"{dump.memory:.0f} MiB", f"{before:.0f} MiB", "")
        for done in range(0, turns, kept // 2):
            for tool in (dump, web):
                for _ in range(kept // 2):
                    await tool.ask(model, history)
            count = done + kept // 2
            each = (web.memory - before) / min(count, kept) * 1024
            columns(
                f"{count}",
                f"{dump.memory:.0f} MiB",
                f"{web.memory:.0f} MiB",
                f"{each:.0f} KiB" if count <= kept else "",
            )


def _figures(times: Sequence[float]) -> dict[str, float]:
    """Seconds."""
    ordered = sorted(times) or [0.0]
    at = {name: ordered[int(len(ordered) * share)] for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    return {
        "p50": at["p50"],
        "mean": statistics.fmean(ordered),
        "p95": at["p95"],
        "p99": at["p99"],
        "worst": ordered[-1],
    }


# --- who looks on -----------------------------------------------------------------------------------------------------


async def look(port: int) -> None:
    """As mitmweb's page does it: hear of every change, and get the body that is open when it has changed."""
    from tornado.httpclient import AsyncHTTPClient, HTTPRequest
    from tornado.websocket import websocket_connect

    headers = {"Authorization": f"Bearer {TOKEN}"}
    address = f"127.0.0.1:{port}"
    socket = await websocket_connect(HTTPRequest(f"ws://{address}/updates", headers=headers), max_message_size=1 << 28)
    client, opened, got, changed = AsyncHTTPClient(), "", 0, 0.0
    print("looking", flush=True)
    while (message := await socket.read_message()) is not None:
        flow = _changed(json.loads(message))
        if not str(flow.get("request", {}).get("path")).endswith("/responses"):
            continue
        if flow["id"] != opened and time.monotonic() - changed < SILENT:
            continue
        opened, changed = flow["id"], time.monotonic()
        if flow.get("response"):
            body = f"http://{address}/flows/{opened}/response/content/auto.json?lines={LINES}"
            await client.fetch(HTTPRequest(body, headers=headers), raise_error=False)
            got += 1
            print(f"got {got}", flush=True)


def _changed(message: Any) -> dict[str, Any]:
    """The flow that a message of either version is about."""
    held = message.get("payload", message.get("data"))
    flow = held.get("flow", held) if isinstance(held, dict) else {}
    return flow if isinstance(flow, dict) and "request" in flow else {}


def browse(port: int) -> None:
    """A real Chromium that has the newest answer open."""
    from tests.browser.chromium import browser
    from tests.browser.page import Page

    with tempfile.TemporaryDirectory(prefix="codex-relay-bench-") as folder, browser(Path(folder)) as driver:
        page = Page(driver, f"http://127.0.0.1:{port}/?token={TOKEN}")
        print("looking", flush=True)
        while True:
            with contextlib.suppress(AssertionError):
                page.open("/v1/responses", "Response")
            time.sleep(2)


async def measure(quick: bool, browser: bool) -> None:
    print(f"mitmproxy {version('mitmproxy')}, Python {sys.version.split()[0]}, {os.cpu_count()} cores", flush=True)
    async with asyncio.timeout(LIMIT), provider() as port:
        async with AsyncExitStack() as stack:
            tools = [await stack.enter_async_context(running_tool(name, port)) for name in ("mitmdump", "mitmweb")]
            log = await stack.enter_async_context(onlooker(tools[1], browser))
            for tool in tools:  # nobody's first request of all
                await tool.ask(upstream.model_name(5, 1))
            await streams(tools, port, 16, 50 if quick else 100, 20, 2 if quick else 15)
            print("the onlooker: " + ("Chromium" if browser else f"{log[-1]} bodies"))
        await memory(port, 40 if quick else 400, 20 if quick else 100, 40)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.views", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, to see that it runs")
    parser.add_argument("--browser", action="store_true", help="a real Chromium looks on, not a client like it")
    parser.add_argument("--look", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--browse", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        if options.browse:
            browse(options.browse)
        asyncio.run(look(options.look) if options.look else measure(options.quick, options.browser))
    return 0


if __name__ == "__main__":
    sys.exit(main())
