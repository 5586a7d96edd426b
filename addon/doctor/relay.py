"""Relays: one that runs already, recognised by how it answers, and one of the doctor's own for a turn."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from addon import demo, processes
from addon.model_lists import USUAL, Trust
from addon.providers import Provider

START_LIMIT = 60.0  # seconds
ANSWER_LIMIT = 5.0  # seconds
_SIGN = b"codex-relay"  # stands in the answer to a path that a relay does not serve

State = Literal["relay", "other", "nothing"]


class NoRelay(Exception):
    """The doctor's own relay did not start; the text is one line."""


def options(provider: Provider, port: int, trust: Trust = USUAL, *, has_key: bool) -> list[str]:
    """mitmdump's options for a relay in front of the provider, on loopback. The key is named, never given. trust: also
    what the user's own file of settings says, which this relay does not read."""
    words = ["--mode", f"reverse:{provider.upstream.scheme}://{provider.upstream.authority}@{port}"]
    words += ["--listen-host", "127.0.0.1", "--set", f"relay_upstream={provider.upstream.url}"]
    if provider.dialect:
        words += ["--set", f"relay_profile={provider.dialect}"]
    if has_key and provider.variable:
        words += ["--set", f"relay_api_key=env:{provider.variable}"]
    if trust.insecure:
        words.append("--ssl-insecure")
    for name, value in (("ca", trust.file), ("confdir", trust.folder)):
        if value:
            words += ["--set", f"ssl_verify_upstream_trusted_{name}={Path(value).absolute()}"]
    return words


def state(base_url: str) -> State:
    """What listens at the address of a base URL."""
    import httpx

    url = urlsplit(base_url)
    try:
        with httpx.Client(timeout=ANSWER_LIMIT, trust_env=False) as client:
            answer = client.get(f"{url.scheme}://{url.netloc}/")
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return "nothing"
    except (httpx.HTTPError, httpx.InvalidURL):
        return "other"
    return "relay" if _SIGN in answer.content else "other"


@contextlib.asynccontextmanager
async def own(options: Sequence[str], port: int, key_variable: str) -> AsyncIterator[str]:
    """A relay with these options of mitmdump on this port, its base URL; ended and forgotten afterwards.

    Raises NoRelay."""
    folder = Path(tempfile.mkdtemp(prefix="codex-relay-doctor-"))
    words = ["-s", str(demo.relay_script()), *options]
    words += ["--set", f"confdir={folder}", "--set", "flow_detail=0"]
    command = processes.mitmproxy_tool("mitmdump", *words)
    try:
        async with (
            processes.running(command, folder, _environment(key_variable)) as process,
            processes.following(process) as log,
        ):
            if not await processes.listens(process, port, START_LIMIT):
                await asyncio.sleep(0.2)
                raise NoRelay(_last(log))
            yield f"http://127.0.0.1:{port}/v1"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(key_variable: str) -> dict[str, str]:
    """Without the user's own settings of the relay, but with the variable of the key, whatever that is called."""
    kept = {key_variable: os.environ[key_variable]} if key_variable in os.environ else {}
    return {**processes.quiet_environment(), **kept}


def _last(log: Sequence[str]) -> str:
    from addon.cli.session import reason

    return reason(log)
