"""``python -m addon.scripted --port 0 --scenario NAME [--strict]``: the upstream by itself, to try a client on."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import suppress

from addon.scripted.rules import ALL_RULES
from addon.scripted.samples import SAMPLES
from addon.scripted.scenario import Scenario
from addon.scripted.server import ScriptedUpstream


async def serve(scenario: Scenario, host: str, port: int) -> None:
    async with ScriptedUpstream(host, port) as upstream:
        script = upstream.play("*", scenario)
        print(f"listening on {upstream.url}", flush=True)
        told = 0
        while True:
            await asyncio.sleep(0.2)
            for seen in script.seen[told:]:
                verdict = "; ".join(seen.complaints) or "accepted"
                size = f"{len(seen.messages)} messages, {len(seen.tools)} tools"
                print(f"request {seen.number}: {size}: {verdict}", flush=True)
            told = len(script.seen)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m addon.scripted", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--scenario", choices=sorted(SAMPLES), default="text")
    parser.add_argument("--strict", action="store_true", help="refuse what strict providers refuse")
    chosen = parser.parse_args()
    rules = ALL_RULES if chosen.strict else frozenset[str]()
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(SAMPLES[chosen.scenario](rules), chosen.host, chosen.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
