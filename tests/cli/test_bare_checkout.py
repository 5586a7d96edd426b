"""`mitmdump -s addon/relay.py` from a copy of the tree, in a Python that holds mitmproxy and nothing of ours.

CODEX_RELAY_BARE_PYTHON names such a Python. Without it the one at hand is used, which may have the packages installed.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import sys
from pathlib import Path

from addon.demo import client, processes, provider
from tests.cli.running import REPOSITORY, environment

PYTHON = os.environ.get("CODEX_RELAY_BARE_PYTHON", sys.executable)


async def test_the_readme_command_answers_from_a_bare_checkout(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for package in ("addon", "relay_translate"):
        shutil.copytree(REPOSITORY / package, checkout / package, ignore=shutil.ignore_patterns("__pycache__"))
    turns = provider.read_recording(provider.recording_path())
    async with provider.ReplayProvider(turns, pause=0.0) as upstream:
        port = processes.free_port()
        words = ["mitmdump", "-s", "addon/relay.py", "--mode", f"reverse:http://127.0.0.1:{upstream.port}@{port}"]
        words += ["--listen-host", "127.0.0.1"]
        mitmdump = str(Path(PYTHON).with_name(words[0]))
        env = {name: value for name, value in environment(tmp_path).items() if name != "PYTHONPATH"}
        async with (
            processes.running([mitmdump, *words[1:]], checkout, env) as relay,
            processes.following(relay) as log,
        ):
            assert await processes.listens(relay, port, 60), log
            items = await asyncio.to_thread(client.ask, port, turns[0].model, [client.message("user", "Hello")])
            unknown = await asyncio.to_thread(status_of, port, "/v1/unknown")
    assert [item["type"] for item in items] == ["reasoning", "message", "function_call"]
    assert unknown == (404, "application/json", True)
    assert not [line for line in log if "Traceback" in line or "rror" in line]


def status_of(port: int, path: str) -> tuple[int, str, bool]:
    """Status, content type, and whether the body is an API error object."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    return answer.status, answer.getheader("content-type", ""), "message" in body["error"]
