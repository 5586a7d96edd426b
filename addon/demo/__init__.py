"""`codex-relay demo`: a client, the relay and a recorded provider on this machine, without key or network.

    client (Codex, or a small built-in one)  ->  mitmdump -s relay.py  ->  the recording, replayed

Everything runs on loopback ports of its own, in a fresh folder, and is stopped at the end. The folder is kept only
when the summary has told of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from addon import processes
from addon.demo import client, provider
from addon.demo.screen import Screen
from addon.recording import RecordingError
from addon.recording.playback import PAUSE
from relay_translate.transcript import count

LIMIT = 300.0  # seconds a whole demo may take
PROMPT = "Write hello.py, a script that greets the relay, run it, and tell me what it printed."
# Before 0.98 Codex offered a model it does not know another shell tool than the one the recording calls.
OLDEST_CODEX = (0, 98)
_CHILD = Path(__file__).resolve().parent.parent / "cli" / "child.py"
CODEX_KEY = "CODEX_RELAY_DEMO_KEY"


class DemoError(Exception):
    """The demo cannot go on; the text is one line for the user and names the remedy."""


@dataclass
class Demo:
    """What one run of the demo was asked for, and the folder it works in."""

    recording: Path
    speed: float = 1.0
    use_codex: bool = True
    web: bool = False
    over: bool = False  # the summary stands there: what is left is stopping, or somebody looking around
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="codex-relay-demo-")).resolve())

    @property
    def pause(self) -> float:
        return PAUSE / self.speed if self.speed else 0.0

    @property
    def saved(self) -> Path:
        return self.folder / "run.flow"

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"


def relay_script() -> Path:
    return Path(__file__).resolve().parent.parent / "relay.py"


def run(*, speed: float = 1.0, use_codex: bool = True, web: bool = False, recording: Path | None = None) -> int:
    """Plays the demo on standard output and returns the exit status. Raises DemoError, and BrokenPipeError."""
    try:
        path = recording or provider.recording_path()
        turns = provider.read_recording(path)
    except RecordingError as error:
        raise DemoError(str(error)) from None
    demo, screen = Demo(path, speed, use_codex, web), Screen()
    try:
        demo.workspace.mkdir()
        status = asyncio.run(cancellable(play(demo, turns, screen), screen))
    except (KeyboardInterrupt, asyncio.CancelledError):
        if not demo.over and not screen.gone:
            raise KeyboardInterrupt from None
        status = 0
    finally:
        private = [demo.folder / name for name in ("codex-home", "codex-tmp", "mitmproxy")]
        for folder in private if demo.over else [demo.folder]:
            shutil.rmtree(folder, ignore_errors=True)
    if screen.gone:
        raise BrokenPipeError
    return status


async def cancellable(work: Coroutine[Any, Any, int], screen: Screen) -> int:
    """`work`, which a signal ends as Ctrl-C does, and so does the loss of whoever reads the screen."""
    task = asyncio.ensure_future(work)
    screen.when_gone = task.cancel
    with contextlib.suppress(NotImplementedError, AttributeError):  # Windows has no such signals
        for kind in (signal.SIGTERM, signal.SIGHUP):
            # What we are told to ignore stays ignored: `nohup` means it so. asyncio does the same for Ctrl-C, which a
            # script's `&` has us ignore; SIGTERM ends it there.
            if signal.getsignal(kind) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(kind, task.cancel)
    return await task


async def play(demo: Demo, turns: list[provider.RecordedTurn], screen: Screen) -> int:
    started = time.monotonic()
    codex, why_not = await find_codex(demo) if demo.use_codex else (None, "as asked")
    screen.heading(f"Recorded provider: {turns[0].model}, {count(len(turns), 'answer')} from {demo.recording.name}")
    async with contextlib.AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(provider.ReplayProvider(turns, demo.pause))
        port, token = processes.free_port(), secrets.token_urlsafe(12)
        command = relay_command(demo, upstream.port, port, token)
        environment = relay_environment(token if demo.web else "")
        relay = await stack.enter_async_context(processes.running(command, demo.folder, environment))
        screen.note(f"The relay:         starting on 127.0.0.1:{port}")

        def logged(line: str) -> None:
            if f" at 127.0.0.1:{upstream.port}: " in line:  # the relay's own line for a turn
                screen.client("relay", re.sub(r"^\[[\d:.]+\]\S* ", "", line))

        log = await stack.enter_async_context(processes.following(relay, screen.tapped, logged))
        await until_listening(relay, port, log)
        screen.note(f"The client:        {codex or f'built in, executes nothing (Codex: {why_not})'}")
        screen.heading(f"user: {PROMPT}")
        try:
            async with asyncio.timeout(LIMIT):
                status = await (with_codex(demo, port, screen) if codex else with_client(turns, port, screen))
        except TimeoutError:
            raise DemoError(f"The demo did not end within {LIMIT:.0f} s and was stopped.") from None
        await asyncio.sleep(0.2)  # the tap's last lines
        if not screen.turns:
            raise DemoError(f"The client asked nothing of the relay (exit status {status}). Try --no-codex.")
        summary(demo, screen, time.monotonic() - started)
        demo.over = not screen.gone
        if demo.web:
            screen.heading(web_address(command, token))
            await asyncio.Event().wait()
    return status or (1 if screen.failures else 0)


def relay_command(demo: Demo, upstream: int, port: int, token: str) -> list[str]:
    """mitmdump (or mitmweb) as a user would start it, but with its files in the demo's folder."""
    options = ["-s", str(Path(__file__).parent / "tap.py"), "-w", str(demo.saved)]
    return relay_tool(upstream, port, demo.folder / "mitmproxy", options, token=token if demo.web else "")


def relay_tool(upstream: int, port: int, confdir: Path, options: Sequence[str], *, token: str = "") -> list[str]:
    """The relay on `port` before a provider on `upstream`: mitmdump, or with a token (its password) mitmweb, which
    finds it in its environment (`relay_environment`): everybody on the machine reads command lines.

    What `options` set is left to them: mitmproxy refuses an option that is given twice."""
    own = [f"confdir={confdir}"] if token else [f"confdir={confdir}", "flow_detail=0"]
    if token:
        own += ["web_host=127.0.0.1", f"web_port={processes.free_port()}", "web_open_browser=false"]
    words = ["-s", str(relay_script()), *(["-s", str(_CHILD)] if token else [])]
    words += ["--mode", f"reverse:http://127.0.0.1:{upstream}@{port}"]
    words += ["--listen-host", "127.0.0.1", *options]
    for setting in own:
        name = setting.partition("=")[0]
        if not any(name in word or f"--{name.replace('_', '-')}" in word for word in options):
            words += ["--set", setting]
    return processes.mitmproxy_tool("mitmweb" if token else "mitmdump", *words)


def relay_environment(token: str) -> dict[str, str]:
    """The environment of such a relay."""
    return processes.quiet_environment() | ({processes.WEB_PASSWORD: token} if token else {})


def web_address(command: Sequence[str], token: str) -> str:
    """Where the mitmweb of such a command is looked at, and how it ends."""
    port = next((after for word, after in pairwise(command) if word == "--web-port"), "8081")
    port = next((word.rpartition("=")[2] for word in command if word.startswith("web_port=")), port)
    own = any("web_password=" in word for word in command)  # it is asked for then, and not the token
    return f"mitmweb: http://127.0.0.1:{port}/{'' if own else f'?token={token}'}   ({ending()} ends it)"


def ending() -> str:
    """How a command that stays is ended."""
    return f"kill {os.getpid()}" if signal.getsignal(signal.SIGINT) is signal.SIG_IGN else "Ctrl-C"


async def until_listening(relay: asyncio.subprocess.Process, port: int, log: list[str]) -> None:
    if await processes.listens(relay, port, seconds=60):
        return
    await asyncio.sleep(0.2)
    last = next((line for line in reversed(log) if line.strip()), "it printed nothing")
    raise DemoError(f"The relay did not start: {last}")


# --- clients ----------------------------------------------------------------------------------------------------------


async def find_codex(demo: Demo) -> tuple[str | None, str]:
    """(version line, "") of a Codex that can take part, else (None, why not)."""
    if not shutil.which("codex"):
        return None, "not on PATH"
    try:
        text = await processes.output_of(["codex", "--version"], codex_environment(demo), seconds=30)
    except (OSError, TimeoutError):
        return None, "found, but it does not run"
    numbers = re.search(r"(\d+)\.(\d+)", text)
    if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST_CODEX:
        return None, f"{text.strip()} has no tool exec_command"
    return text.strip().splitlines()[-1] if text.strip() else "codex", ""


def codex_environment(demo: Demo) -> dict[str, str]:
    """The user's environment, but a home, a temporary folder and a key of the demo's own, and no proxy in between."""
    home, temporary = demo.folder / "codex-home", demo.folder / "codex-tmp"
    for folder in (home, temporary):
        folder.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "CODEX_"))}
    # Codex warns of a home inside the temporary folder, so it is given another one.
    own = {"CODEX_HOME": str(home), "TMPDIR": str(temporary), CODEX_KEY: "demo", "RUST_LOG": "error"}
    return {**kept, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **own}


async def with_codex(demo: Demo, port: int, screen: Screen) -> int:
    """`codex exec` in a fresh workspace; its own lines stand beside the translated stream."""
    with contextlib.suppress(OSError, TimeoutError):
        await processes.output_of(["git", "init", "-q", str(demo.workspace)], dict(os.environ), seconds=30)
    settings = {
        "model": f'"{provider.read_recording(demo.recording)[0].model}"',
        "model_provider": '"relay"',
        "model_providers.relay": f'{{name="Relay", base_url="http://127.0.0.1:{port}/v1", wire_api="responses", '
        f'env_key="{CODEX_KEY}", request_max_retries=1, stream_max_retries=1}}',
        "check_for_update_on_startup": "false",
        "analytics.enabled": "false",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    # The commands are those of the recording; Codex still keeps them inside the workspace.
    options += ["--skip-git-repo-check", "--sandbox", "workspace-write", "--color", "never", "-C", str(demo.workspace)]
    command = ["codex", "exec", *options, PROMPT]
    async with (
        # The transcript is on standard error; standard output only repeats the last message.
        processes.running(
            command, demo.workspace, codex_environment(demo), stdout=processes.DEVNULL, stderr=processes.PIPE
        ) as codex,
        processes.following(codex, other=lambda line: screen.client("codex", line)),
    ):
        return await codex.wait()


async def with_client(turns: list[provider.RecordedTurn], port: int, screen: Screen) -> int:
    outputs = provider.recorded_outputs(turns)
    loop = asyncio.get_running_loop()

    def say(text: str) -> None:
        loop.call_soon_threadsafe(screen.client, "client", text)

    def converse() -> None:
        for items in client.turns(port, turns[0].model, PROMPT, outputs, limit=len(turns) + 1):
            time.sleep(0.1)  # the end of the stream is shown before what the client makes of it
            for item in items:
                if item.get("call_id"):
                    say(f"does not execute {item.get('name')}, sends back the recorded output:")
                    for line in outputs.get(item["call_id"], "ok").splitlines():
                        say(f"  {line}")

    try:
        await asyncio.to_thread(converse)
    except client.ClientError as error:
        raise DemoError(str(error)) from None
    return 0


# --- the end ----------------------------------------------------------------------------------------------------------


def summary(demo: Demo, screen: Screen, seconds: float) -> None:
    counts = f"{count(screen.turns, 'turn')}, {count(screen.events, 'event')}"
    tokens = f"{screen.input_tokens} tokens in, {screen.output_tokens} out"
    screen.heading(f"Done in {seconds:.1f} s: {counts}, {tokens}, all on this machine")
    made = ", ".join(sorted(path.name for path in demo.workspace.iterdir() if not path.name.startswith(".")))
    screen.note(f"Workspace    {demo.workspace}{f' ({made})' if made else ''}")
    mitmweb = Path(sys.executable).with_name("mitmweb")
    look = [str(mitmweb) if mitmweb.exists() else "mitmweb", "-n", "-s", str(relay_script()), "-r", str(demo.saved)]
    screen.note(f"Look inside  {shlex.join(look)}")
    screen.note(f"Remove       {shlex.join(['rm', '-r', str(demo.folder)])}")
    screen.note("For real     codex-relay run --provider deepseek")
