"""`python -m tests.bench.figures`: the relay beside a direct connection to the same upstream, in the same run.

(a) a long answer, paced: what a piece loses on its way, and whether pieces arrive one by one;
(b) many turns at once: whether all complete, and in what time;
(c) a turn with a long history: the time to its first delta.

The figures are printed and never asserted: a shared machine decides them as much as the code does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from addon.demo import processes
from tests.bench import upstream
from tests.bench.client import Arrivals, ask, chat_body, responses_body

RELAY = Path(__file__).resolve().parents[2] / "addon" / "relay.py"
LIMIT = 600.0  # seconds for everything
Ask = Callable[[str, str], Awaitable[Arrivals]]  # (model, history) -> answer


@contextlib.asynccontextmanager
async def two_ways() -> AsyncIterator[dict[str, Ask]]:
    """ "direct" and "relay": two ways to the same upstream, which runs in a process of its own."""
    port, relay_port = processes.free_port(), processes.free_port()
    with tempfile.TemporaryDirectory(prefix="codex-relay-bench-") as folder:
        serving = [sys.executable, "-m", "tests.bench.figures", "--serve", str(port)]
        options = ["-q", "-s", str(RELAY), "--mode", f"reverse:http://127.0.0.1:{port}@{relay_port}"]
        options += ["--listen-host", "127.0.0.1", "--set", f"confdir={folder}"]
        relaying = processes.mitmproxy_tool("mitmdump", *options)
        async with (
            processes.running(serving, RELAY.parent.parent, dict(os.environ)) as server,
            processes.running(relaying, Path(folder), processes.quiet_environment()) as relay,
            processes.following(server),
            processes.following(relay) as log,
        ):
            if not await processes.listens(server, port, 30) or not await processes.listens(relay, relay_port, 60):
                raise SystemExit("The relay did not start: " + (log[-1] if log else "it printed nothing"))
            yield {
                "direct": lambda model, history: ask(
                    port, "/v1/chat/completions", chat_body(model, history), b"data: [DONE]"
                ),
                "relay": lambda model, history: ask(
                    relay_port, "/v1/responses", responses_body(model, history), b"response.completed"
                ),
            }


async def long_answer(ways: dict[str, Ask], pieces: int, pace: float) -> None:
    heading(f"(a) one answer of {pieces} pieces, one every {pace:g} ms")
    columns("", "complete", "in order", "arrivals", "first delta", "p50", "p99", "worst", "total")
    medians = {}
    for name, way in ways.items():
        answer = await way(upstream.model_name(pieces, pace), "")
        late = sorted(answer.latencies) or [0.0]
        medians[name] = (statistics.median(late), late[int(len(late) * 0.99)])
        complete = answer.complete and len(answer.latencies) == pieces
        times = [ms(answer.first_delta), *(ms(part) for part in medians[name]), ms(late[-1]), f"{answer.total:.2f} s"]
        columns(name, yes(complete), yes(answer.in_order), str(answer.reads), *times)
    p50, p99 = (relay - direct for relay, direct in zip(medians["relay"], medians["direct"], strict=True))
    print(f"added by the relay: p50 {ms(p50)}, p99 {ms(p99)} a piece")


async def parallel_turns(ways: dict[str, Ask], turns: int, pieces: int, pace: float) -> None:
    heading(f"(b) {turns} turns at once, {pieces} pieces each, one every {pace:g} ms")
    columns("", "complete", "first delta p50", "worst", "wall")
    walls = {}
    for name, way in ways.items():
        start = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*(way(upstream.model_name(pieces, pace), "") for _ in range(turns)))
        walls[name] = asyncio.get_running_loop().time() - start
        done = sum(answer.complete and answer.in_order and len(answer.latencies) == pieces for answer in answers)
        firsts = [answer.first_delta for answer in answers]
        columns(name, f"{done}/{turns}", ms(statistics.median(firsts)), ms(max(firsts)), f"{walls[name]:.2f} s")
    print(f"relay / direct: {walls['relay'] / walls['direct']:.2f}")


async def long_history(ways: dict[str, Ask], megabytes: float, rounds: int) -> None:
    heading(f"(c) a history of {megabytes:g} MB, {rounds} rounds in turn, time to the first delta")
    columns("", "median", "best", "worst")
    history = "def line(number):  # a tool printed this\n" * int(megabytes * 1e6 / 40)
    firsts: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            firsts[name].append((await way(upstream.model_name(1, 0), history)).first_delta)
    for name, times in firsts.items():
        columns(name, ms(statistics.median(times)), ms(min(times)), ms(max(times)))
    median = {name: statistics.median(times) for name, times in firsts.items()}
    print(f"relay / direct: {median['relay'] / median['direct']:.2f}")


def heading(text: str) -> None:
    print(f"\n{text}", flush=True)


def columns(first: str, *cells: str) -> None:
    print(f"  {first:8}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def yes(value: bool) -> str:
    return "yes" if value else "NO"


async def measure(quick: bool) -> None:
    print(f"mitmproxy {version('mitmproxy')}, Python {sys.version.split()[0]}, {os.cpu_count()} cores", flush=True)
    async with asyncio.timeout(LIMIT), two_ways() as ways:
        for way in ways.values():  # nobody's first request of all
            await way(upstream.model_name(5, 1), "")
        await long_answer(ways, 500 if quick else 5000, 2)
        await parallel_turns(ways, 60, 20 if quick else 150, 20)
        await long_history(ways, 2, 3 if quick else 9)


async def _serve(port: int) -> None:
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", port, limit=1 << 24, backlog=256)
    await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.figures", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, to see that it runs")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.serve) if options.serve else measure(options.quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
