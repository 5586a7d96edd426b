"""A Codex through all scenarios, into one flow file: each scenario with a relay of its own, several at a time."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mitmproxy import http, io

from addon.recording.flows import relay_facts
from addon.scenarios.catalog import Case
from addon.scenarios.keeping import CannotKeep, Codex, Places, kept
from addon.scenarios.relay import Relay, RelayFailed
from addon.scenarios.stage import Stage
from addon.scripted import ScriptedUpstream

AT_ONCE = min(8, 1 + (os.cpu_count() or 1))  # most of a scenario is waiting for two other processes


@dataclass(frozen=True)
class Played:
    """One scenario that was played. why: what went otherwise than scripted, "" if nothing did."""

    case: Case
    seconds: float
    why: str = ""
    flows: Sequence[http.HTTPFlow] = field(default=(), repr=False)

    @property
    def turns(self) -> int:
        return sum(relay_facts(flow).get("role") == "client" for flow in self.flows)


async def record(
    codex: Codex,
    program: Path,
    cases: Sequence[Case],
    out: Path,
    *,
    whole: bool = False,
    jobs: int = AT_ONCE,
    told: Callable[[Played], None] = lambda played: None,
) -> list[Played]:
    """Play the scenarios and write those that went as scripted to `out`, in their order; `told` hears of each as it
    ends. `whole` keeps long prompts and all tools in every one of them."""
    folder = _new_folder()
    free = asyncio.Semaphore(jobs)
    try:
        async with ScriptedUpstream() as upstream:

            async def one(number: int, case: Case) -> Played:
                # Not called like the scenario: no name of it is to be looked for in what it holds.
                async with free:
                    result = await _play(case, codex, program, upstream, folder / f"{number:02d}", whole)
                told(result)
                return result

            results = list(await asyncio.gather(*(one(number, case) for number, case in enumerate(cases))))
        if any(result.flows for result in results):
            out.parent.mkdir(parents=True, exist_ok=True)
            _write(results, folder / "all.flow", out)
        return results
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="codex-relay-record-")).resolve()


def _write(results: Sequence[Played], new: Path, out: Path) -> None:
    with new.open("wb") as file:
        writer = io.FlowWriter(file)
        for result in results:
            for flow in result.flows:
                writer.add(flow)
    shutil.move(new, out)


async def _play(
    case: Case, codex: Codex, program: Path, upstream: ScriptedUpstream, folder: Path, whole: bool
) -> Played:
    started = time.monotonic()
    raw, places = folder / "raw.flow", Places(folder / "case")
    options = [f"save_stream_file={raw}", "relay_scrub=off"]  # the folders have to be known to be given names
    relay = Relay(upstream.url, folder / "relay", options)
    # A key is scrubbed wherever it stands, so it must not be a word of the conversation.
    key = f"key-of-scenario-{case.name}"
    stage = Stage(case.name, upstream, relay, program, places.folder, version=codex.version, key=key)
    try:
        async with relay:
            await asyncio.wait_for(case.play(stage), case.limit)
            stage.close()
            if "Traceback (most recent call last)" in relay.printed():
                stage.broken.append(f"the relay printed a traceback:\n{relay.printed()[-3000:]}")
        complaints = [*stage.broken, *stage.partly]
        flows = [] if complaints else kept(read(raw), case, codex, places, whole=whole)
    except TimeoutError:
        complaints, flows = [*stage.broken, f"not done within {case.limit:.0f} s"], []
    except (CannotKeep, RelayFailed, LookupError, OSError) as problem:
        complaints, flows = [*stage.broken, str(problem)], []
    except Exception:  # a conversation that fails by itself is that scenario's finding, the others go on
        complaints, flows = [*stage.broken, "the scenario itself failed: " + traceback.format_exc(limit=-3)], []
    return Played(case, time.monotonic() - started, "; ".join(complaints), flows)


def read(path: Path) -> list[http.HTTPFlow]:
    with path.open("rb") as file:
        return [flow for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]
