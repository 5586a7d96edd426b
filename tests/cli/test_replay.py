"""`codex-relay replay FILE`: the command as a user runs it, with a client or the real Codex connected."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from mitmproxy.flow import Error

from addon import demo, processes
from addon.codex.config import Settings
from addon.codex.home import CodexHome, CodexRun
from addon.codex.install import CodexMissing, find_codex
from addon.demo import client, provider
from addon.recording.flows import open_recording
from addon.scenarios.relay import Relay
from addon.scripted import Call, Reply, Scenario, ScriptedUpstream, Seen, answer, error
from tests.cli.running import environment, left_running, processes_of, run, started
from tests.recording.sessions import Session, write

DEMO = provider.recording_path()
MODEL = "deepseek-v4-flash"


@contextlib.contextmanager
def replaying(
    path: Path, folder: Path, *options: str, passed_on: Sequence[str] = ()
) -> Iterator[tuple[subprocess.Popen[str], int, list[str]]]:
    """(process, port, what it printed until it was ready)."""
    port = processes.free_port()
    words = ["replay", str(path), "--port", str(port), *options, *(("--", *passed_on) if passed_on else ())]
    with started(words, environment(folder)) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("Ready"):
                break
        yield process, port, lines


def converse(port: int) -> list[list[str]]:
    outputs = provider.recorded_outputs(provider.read_recording(DEMO))
    turns = client.turns(port, MODEL, demo.PROMPT, outputs, limit=4)
    return [[item["type"] for item in items] for items in turns]


def test_a_recorded_conversation_is_played_to_its_end(tmp_path: Path) -> None:
    again = tmp_path / "again.flow"
    with replaying(DEMO, tmp_path, "--speed", "0", "--once", passed_on=["-w", str(again)]) as (process, port, lines):
        kinds = converse(port)
        out, errors = process.communicate()
    assert kinds == [
        ["reasoning", "message", "function_call"],
        ["reasoning", "function_call", "function_call"],
        ["reasoning", "message"],
    ]
    assert (process.returncode, errors) == (0, "")
    assert lines[0] == f"Recording    {DEMO}: 3 turns, model {MODEL}, Codex 0.169.0"
    assert f'    base_url = "http://127.0.0.1:{port}/v1"' in lines
    told = [line.split(":")[0].strip() for line in out.splitlines() if "recorded turn" in line]
    assert told == [f"{number}  recorded turn {number} (the same conversation)" for number in (1, 2, 3)]
    assert out.splitlines()[-1] == "Played 3 of 3 recorded answers"
    assert len(open_recording(again)) == 3
    assert left_running(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_models_are_those_of_the_recording_and_what_does_not_fit_is_a_clear_failure(tmp_path: Path) -> None:
    with replaying(DEMO, tmp_path, "--speed", "0") as (process, port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/v1/models")
        models = json.loads(connection.getresponse().read())
        with pytest.raises(client.ClientError) as refused:
            client.ask(port, MODEL, [client.message("user", "Sing a song.")])
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate()
    assert [model["id"] for model in models["data"]] == [MODEL]
    assert (
        "demo.flow has no answer to this: left are turns 1, 2, 3; turn 1 is nearest: message 1 is now 'user Sing a song.'"
        in str(refused.value)
    )
    assert "   1  no recorded turn fits: the recording demo.flow has no answer" in out
    assert out.splitlines()[-1] == "Played 0 of 3 recorded answers (left: 1, 2, 3); 1 requests had no recorded answer"
    assert (process.returncode, errors) == (1, "")
    assert left_running(tmp_path) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_stays_until_it_is_ended(how: signal.Signals, tmp_path: Path) -> None:
    with replaying(DEMO, tmp_path) as (process, _, lines):
        process.send_signal(how)
        _, errors = process.communicate()
    assert lines[-1] == "Ready; Ctrl-C ends it"
    assert (process.returncode, errors) == (0, "")
    assert left_running(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_web_shows_where_to_look(tmp_path: Path) -> None:
    with replaying(DEMO, tmp_path, "--web") as (process, _, lines):
        (line,) = (line for line in lines if line.startswith("mitmweb: http://127.0.0.1:"))
        token = line.split()[1].rpartition("?token=")[2]
        assert len(token) > 10
        assert not any(token in words for words in processes_of(tmp_path).values())
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert left_running(tmp_path) == []


def test_a_cut_and_a_refusal_reach_the_client_as_they_did(tmp_path: Path) -> None:
    talk = Session()
    talk.says("one").hears("A long answer that ends here.", cut=3).client.error = Error("peer closed connection")
    talk.history.clear()
    talk.says("two").receives(b'{"error":{"message":"slow down"}}', 429)
    path = write(tmp_path / "x.flow", talk.flows)
    with replaying(path, tmp_path, "--speed", "0", "--once") as (process, port, _):
        with pytest.raises(client.ClientError, match="broke off"):
            client.ask(port, talk.model, [client.message("user", "one")])
        with pytest.raises(client.ClientError, match="slow down"):
            client.ask(port, talk.model, [client.message("user", "two")])
        process.communicate()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "content", "complaint"),
    [
        (["x.flow"], None, "x.flow can't be read: No such file or directory"),
        (["x.flow"], b"no flow", "x.flow is not a flow file of mitmproxy"),
        (["x.flow", "--check"], b"no flow", "x.flow is not a flow file of mitmproxy"),
        (["x.flow", "--check", "--once"], b"", "--check starts nothing; leave out --once, --web and what follows --"),
        (["x.flow", "--check", "--", "-w", "y"], b"", "--check starts nothing"),
    ],
)
def test_what_cannot_be_done_costs_one_line(
    arguments: list[str], content: bytes | None, complaint: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "x.flow").write_bytes(content)
    done = run(["replay", *arguments], environment(tmp_path), tmp_path)
    assert done.returncode == (1 if "flow" in complaint else 2)
    assert done.stderr.startswith("codex-relay: ")
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_recording_without_answers_says_so(tmp_path: Path) -> None:
    talk = Session()
    talk.says("one").hears("One.")
    done = run(["replay", str(write(tmp_path / "x.flow", talk.flows[1:]))], environment(tmp_path))
    assert done.returncode == 1
    assert done.stderr.endswith("holds no answer of a provider: its exchange with the provider was not recorded\n")


def test_an_option_that_mitmproxy_refuses_is_shown(tmp_path: Path) -> None:
    words = ["replay", str(DEMO), "--port", str(processes.free_port()), "--", "--set", "relay_profile=nonsense"]
    done = run(words, environment(tmp_path))
    assert done.returncode == 1
    assert re.match(r"codex-relay: (The relay did not start: |mitmproxy has ended \(exit status 1\))", done.stderr)
    assert len(done.stderr.splitlines()) == 1
    assert "relay_profile='nonsense'" in done.stdout
    assert left_running(tmp_path) == []


# --- the real Codex ---------------------------------------------------------------------------------------------------

PROMPT = "Write notes.txt, then count its lines with a helper."


async def recorded(codex: Path, folder: Path, flow: Path) -> tuple[CodexRun, Path]:
    """A session with tools in the workspace by its full path, and a sub-agent; what came of it."""
    home: list[CodexHome] = []

    def shell(command: str) -> Call:
        return Call.of("exec_command", {"cmd": command, "workdir": str(home[0].workspace)})

    def wait(seen: Seen) -> Reply:
        agent = json.loads(seen.last_text)["agent_id"]
        return answer(calls=[seen.call("wait_agent", targets=[agent])])

    steps = [
        lambda _: answer("I write it.", reasoning="First.", calls=[shell("printf 'one\\ntwo\\n' > notes.txt; date")]),
        lambda seen: answer(calls=[seen.call("spawn_agent", message="SUBTASK: count")]),
        wait,
        error(429, "slow down", headers={"retry-after": "1"}),
        answer("notes.txt has two lines."),
    ]
    child = [lambda _: answer(calls=[shell(f"wc -l < {home[0].workspace}/notes.txt > count.txt")]), answer("Two.")]

    def route(seen: Seen) -> str:
        return "child" if "SUBTASK" in seen.text_of("user", "system") else "main"

    async with ScriptedUpstream() as upstream:
        upstream.play("*", Scenario("replay", steps, {"child": child}, route))
        async with Relay(upstream.url, folder / "relay", [f"save_stream_file={flow}"]) as relay:
            settings = Settings(base_url=relay.base_url, key="a-key-of-nobody", stream_retries=3)
            home.append(CodexHome(codex, folder / "codex", settings))
            return await home[0].exec(PROMPT, limit=90), home[0].workspace


async def replayed(codex: Path, folder: Path, flow: Path) -> tuple[CodexRun, Path, str]:
    port = processes.free_port()
    command = [sys.executable, "-m", "addon.cli", "replay", str(flow), "--port", str(port), "--speed", "0", "--once"]
    async with (
        processes.running(command, folder, environment(folder)) as process,
        processes.following(process) as log,
    ):
        assert await processes.listens(process, port, 60), log
        home = CodexHome(
            codex, folder / "codex", Settings(base_url=f"http://127.0.0.1:{port}/v1", key="", stream_retries=3)
        )
        config = home.home / "config.toml"
        config.write_text("".join(line for line in config.open() if "env_key" not in line))  # as it is printed
        run = await home.exec(PROMPT, limit=90)
        await asyncio.wait_for(process.wait(), 20)
    return run, home.workspace, "\n".join(log)


@pytest.mark.codex
@pytest.mark.slow
async def test_a_turn_of_the_real_codex_ends_as_it_was_recorded(tmp_path: Path) -> None:
    try:
        codex = find_codex()
    except CodexMissing as missing:
        pytest.skip(str(missing))
    flow = tmp_path / "session.flow"
    (tmp_path / "elsewhere").mkdir()
    then, old = await recorded(codex, tmp_path / "first", flow)
    assert (then.final, then.completed) == ("notes.txt has two lines.", True), then.stderr[-2000:]
    now, new, printed = await replayed(codex, tmp_path / "elsewhere", flow)
    assert (now.final, now.messages, now.completed) == (then.final, then.messages, True), printed
    for name in ("notes.txt", "count.txt"):
        assert (new / name).read_text() == (old / name).read_text()
    assert "Played 7 of 7 recorded answers" in printed
    done = run(["replay", str(flow), "--check"], environment(tmp_path))
    assert done.stdout == f"{flow}: 7 of 7 turns are as recorded\n", done.stdout
