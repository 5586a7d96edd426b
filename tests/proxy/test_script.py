"""`mitmdump -s addon/relay.py` as people start it: loading, options, bind address, import path."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .wire import TIMEOUT, Answering, Upstream, ask, say_hello

pytestmark = pytest.mark.asyncio

ROOT = Path(__file__).resolve().parents[2]
MITMDUMP = [sys.executable, "-c", "from mitmproxy.tools.main import mitmdump; mitmdump()"]


@contextlib.asynccontextmanager
async def mitmdump(
    tmp_path: Path, *arguments: str, script: Path = ROOT / "addon/relay.py", **environ: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """mitmdump in another folder, without anything that would put the repository on its import path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    process = await asyncio.create_subprocess_exec(
        *MITMDUMP, "-s", str(script), "--set", f"confdir={tmp_path}", *arguments,
        cwd=tmp_path, env={**kept, "PYTHONUNBUFFERED": "1", **environ},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.communicate(), TIMEOUT)


async def port_of(process: asyncio.subprocess.Process) -> tuple[str, int]:
    assert process.stdout
    async with asyncio.timeout(TIMEOUT):
        while line := (await process.stdout.readline()).decode():
            if found := re.search(r"listening at (\S+):(\d+)", line):
                return found[1], int(found[2])
    raise AssertionError("mitmdump ended before it listened")


async def test_the_documented_command_translates(tmp_path: Path) -> None:
    async with (
        Upstream().serve() as upstream,
        mitmdump(
            tmp_path, "--mode", f"reverse:http://127.0.0.1:{upstream.port}@0", "--listen-host", "127.0.0.1",
            "--set", "relay_api_key=$RELAY_TEST_KEY", "-w", str(tmp_path / "out.flow"),
            RELAY_TEST_KEY="sk-from-the-environment",
        ) as process,
    ):  # fmt: skip
        host, port = await port_of(process)
        reply = await ask(port)
        process.terminate()
        output = (await asyncio.wait_for(process.communicate(), TIMEOUT))[0].decode()
    assert (host, reply.text()) == ("127.0.0.1", "Hello")
    assert upstream.seen[0].headers["authorization"] == "Bearer sk-from-the-environment"
    assert "completed" in output
    data = (tmp_path / "out.flow").read_bytes()
    assert b"/v1/responses" in data
    assert b"/v1/chat/completions" in data
    for text in (output.encode(), data):
        assert b"sk-from-the-environment" not in text


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("relay_upstream=ftp://x", "relay_upstream='ftp://x': not an http or https URL"),
        ("relay_api_key=$RELAY_NOT_SET", "RELAY_NOT_SET is not set"),
        ("relay_modelmap=a=b", "relay_modelmap: there is no such option; did you mean relay_model_map?"),
        ("stream_large_bodies=1m", "stream_large_bodies=1m"),
    ],
)
async def test_a_wrong_option_ends_the_start_with_its_remedy(tmp_path: Path, option: str, words: str) -> None:
    async with mitmdump(tmp_path, "--mode", "reverse:http://127.0.0.1:1@127.0.0.1:0", "--set", option) as process:
        output = (await asyncio.wait_for(process.communicate(), TIMEOUT))[0].decode()
    assert process.returncode == 1
    assert words in output
    assert "Traceback" not in output


async def test_a_start_without_a_reverse_mode_is_warned_about(tmp_path: Path) -> None:
    async with mitmdump(tmp_path, "--listen-host", "127.0.0.1", "--listen-port", "0") as process:
        assert process.stdout
        async with asyncio.timeout(TIMEOUT):
            while b"no reverse mode is running" not in await process.stdout.readline():
                assert not process.stdout.at_eof()


def checkout(folder: Path) -> Path:
    """A checkout whose script can be changed."""
    (folder / "addon").mkdir()
    (folder / "relay_translate").symlink_to(ROOT / "relay_translate")
    for module in (ROOT / "addon").iterdir():
        if module.name not in {"relay.py", "__pycache__"}:
            (folder / "addon" / module.name).symlink_to(module)
    script = folder / "addon/relay.py"
    script.write_text((ROOT / "addon/relay.py").read_text(encoding="utf-8"), encoding="utf-8")
    return script


async def test_turns_survive_a_reload_of_the_script(tmp_path: Path) -> None:
    script, asked, reloaded = checkout(tmp_path), asyncio.Event(), asyncio.Event()

    async def answer_after_reload(answer: Answering) -> None:
        asked.set()
        await asyncio.wait_for(reloaded.wait(), TIMEOUT)
        await say_hello(answer)

    async with Upstream(answer_after_reload).serve() as upstream:
        mode = f"reverse:http://127.0.0.1:{upstream.port}@0"
        async with mitmdump(tmp_path, "--mode", mode, "--listen-host", "127.0.0.1", script=script) as process:
            _, port = await port_of(process)
            turn = asyncio.create_task(ask(port))
            await asyncio.wait_for(asked.wait(), TIMEOUT)
            os.utime(script, (2**31, 2**31))
            assert process.stdout
            async with asyncio.timeout(TIMEOUT):
                while b"Loading script" not in await process.stdout.readline():
                    assert not process.stdout.at_eof()
            reloaded.set()
            assert (await turn).text() == "Hello"
            assert (await ask(port)).text() == "Hello"
            process.terminate()
            output = (await asyncio.wait_for(process.communicate(), TIMEOUT))[0].decode()
    assert output.count("completed") == 2
    assert "Addon error" not in output
