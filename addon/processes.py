"""Child processes: started in groups of their own, followed line by line, always stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

MARK = "\x1e"  # starts a record of the tap: the record separator of JSON text sequences (RFC 7464)
LINE_LIMIT = 1 << 24  # one tapped piece is one line, and a piece may hold a whole answer
OWN_SETTINGS = ("RELAY_", "CODEX_RELAY_")
WEB_PASSWORD = "CODEX_RELAY_WEB_PASSWORD"  # mitmweb's, for a child that has addon/cli/child.py among its scripts
PATIENCE = 5.0  # seconds that a child may take to end
_LOOK = 0.1  # seconds
_ROOT = str(Path(__file__).resolve().parent.parent)


def mitmproxy_tool(name: str, *options: str) -> list[str]:
    """mitmdump or mitmweb of this very Python, wherever its scripts folder is, as a child of this process."""
    return python_child(f"from mitmproxy.tools.main import {name} as run; run()", *options)


def python_child(code: str, *words: str) -> list[str]:
    """A command of this very Python that ends with this process, even with one that is killed."""
    # The root is for a checkout that is not installed.
    begin = f"import sys; sys.path.append({_ROOT!r}); from addon import processes; processes.end_with({os.getpid()})"
    # -P: a file of the working directory, which is anybody's project, must not stand in for a module.
    return [sys.executable, "-P", "-c", f"{begin}; {code}", *words]


def end_with(parent: int) -> None:
    """In a child: stop when `parent` is gone. Nobody tells of that on every system, so it is looked at."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE)
        os._exit(1)

    if os.name == "posix":  # on Windows it never changes
        threading.Thread(target=watch, name="parent", daemon=True).start()


def quiet_environment() -> dict[str, str]:
    """The environment without the user's own settings of the relay: the demo shows the defaults."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def why_not_listen(port: int, host: str = "127.0.0.1") -> str:
    """What keeps a server from listening on this port of an address; empty if nothing does."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if os.name == "posix":  # as asyncio's servers do: connections that linger do not count
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


@contextlib.asynccontextmanager
async def running(
    command: list[str], cwd: Path, env: dict[str, str], *, stdout: int = PIPE, stderr: int = STDOUT
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child in a session of its own, so that a Ctrl-C reaches us alone and we stop it, with all it started."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=env,
        stdin=DEVNULL,
        stdout=stdout,
        stderr=stderr,
        limit=LINE_LIMIT,
        start_new_session=True,
    )
    sweeping = asyncio.create_task(_sweep(process))
    try:
        yield process
    finally:
        if sweeping.cancel() and process.returncode is not None:
            _signal_rest(process)
        await stop(process)


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a process that was started in a session of its own, with all that is in its group."""
    try:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            _signal_group(process, kind)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), PATIENCE)
                return
    except asyncio.CancelledError:  # a second Ctrl-C: no more patience, but still nothing is left running
        _signal_group(process, signal.SIGKILL)
        raise


async def _sweep(process: asyncio.subprocess.Process) -> None:
    """End what a process leaves in its group once it has ended: later the number may be a stranger's. `wait` can't
    tell: it goes on as long as one of the rest holds the pipe."""
    while process.returncode is None:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(_LOOK)
    _signal_rest(process)


def _signal_group(process: asyncio.subprocess.Process, kind: signal.Signals) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, kind)


def _signal_rest(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)


@contextlib.asynccontextmanager
async def following(
    process: asyncio.subprocess.Process,
    tapped: Callable[[dict[str, Any]], None] | None = None,
    other: Callable[[str], None] | None = None,
) -> AsyncIterator[list[str]]:
    """Hands on each line of output as it comes: records of the tap to `tapped`, the rest to `other` and the list."""
    log: list[str] = []

    async def read() -> None:
        output = process.stdout or process.stderr
        assert output is not None
        async for raw in output:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if line.startswith(MARK) and tapped:
                tapped(json.loads(line[len(MARK) :]))
                continue
            log.append(line)
            if other:
                other(line)

    reading = asyncio.create_task(read())
    try:
        yield log
        with contextlib.suppress(TimeoutError):  # what an ended process has left in the pipe
            await asyncio.wait_for(asyncio.shield(reading), 1)
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading


async def listens(process: asyncio.subprocess.Process, port: int, seconds: float) -> bool:
    """Whether the process accepts connections before it ends or the time is up."""
    deadline = asyncio.get_running_loop().time() + seconds
    while process.returncode is None and asyncio.get_running_loop().time() < deadline:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return True
    return False


async def answers(process: asyncio.subprocess.Process, port: int, seconds: float) -> bool:
    """Whether mitmproxy has started, before it ends or the time is up.

    Even one that is about to give up over an option listens for a moment, and may answer while it ends: the second
    answer counts."""
    deadline = asyncio.get_running_loop().time() + seconds
    answered = False
    while await listens(process, port, deadline - asyncio.get_running_loop().time()):
        if not await _answers(port):
            continue
        if answered:
            return process.returncode is None
        answered = True
        await asyncio.sleep(0.05)
    return False


async def _answers(port: int) -> bool:
    """What is sent is no request, so that no flow comes of it; it is answered all the same."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(writer):
                writer.write(b"ready?\r\n\r\n")
                return bool(await reader.read(1))
    except (OSError, TimeoutError):
        return False


async def output_of(command: list[str], env: dict[str, str], seconds: float) -> str:
    """What a short command prints. Raises OSError, also when it fails, or TimeoutError."""
    async with running(command, Path.cwd(), env) as process:
        output, _ = await asyncio.wait_for(process.communicate(), seconds)
        if process.returncode:
            raise OSError(f"{command[0]} ended with {process.returncode}")
        return output.decode("utf-8", "replace")
