"""`codex-relay` without a command: a real relay in front of a scripted provider, and what is refused before."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import tomllib
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.utils import vt_codes

from addon import cli, processes
from addon.cli import child, engine
from addon.recording.flows import open_recording
from addon.scripted import answer
from addon.scripted.replies import Wait
from tests.cli.listing import KEY as LISTING_KEY
from tests.cli.listing import Provider, provider
from tests.cli.running import COMMAND, environment, run, started
from tests.cli.test_record import ASKED, KEY, upstream

__all__ = ["provider"]  # pytest takes it from here

LISTENS = "codex-relay listens on "


def test_an_option_that_nobody_has_is_named_with_the_nearest() -> None:
    """mitmproxy waits in silence for a script to declare it."""
    words = ["mitmdump", "-s", "x", "--set", "flow_detial=0", "--set=mine", "--set", "mode=regular", "--set"]
    unknown, known = ["flow_detial", "mine", "of_config_yaml"], ["flow_detail", "mode"]
    assert child.complaints(words, unknown, known) == [
        "--set flow_detial: there is no such option; did you mean flow_detail?",
        "--set mine: there is no such option; mitmdump --options lists mitmproxy's",
    ]


@dataclass
class Started:
    """A relay that listens. lines: what it has printed so far."""

    process: subprocess.Popen[str]
    url: str = ""
    lines: list[str] = field(default_factory=list)

    def until(self, word: str) -> str:
        """The next line that holds the word."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if word in line:
                return self.lines[-1]
        raise AssertionError(f"it ended without {word!r}: {self.lines}")

    def end(self, kind: signal.Signals) -> int:
        self.process.send_signal(kind)
        out, errors = self.process.communicate()
        self.lines += [*out.splitlines(), *errors.splitlines()]
        return self.process.returncode


@contextlib.contextmanager
def relay(arguments: Sequence[str], folder: Path, **variables: str) -> Iterator[Started]:
    with started(arguments, environment(folder, **variables), folder, limit=60) as process:
        one = Started(process)
        one.url = one.until(LISTENS).removeprefix(LISTENS)
        yield one


def ask(url: str, key: str = "") -> str:
    """The text of one turn, asked with this key of the client's."""
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(f"{url}/responses", json.dumps(ASKED).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        events = [json.loads(line[6:]) for line in response.read().decode().splitlines() if line.startswith("data: {")]
    return "".join(event.get("delta", "") for event in events if event["type"] == "response.output_text.delta")


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


# --- a relay that runs ------------------------------------------------------------------------------------------------


def test_the_relays_key_reaches_the_provider_and_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "session.flow"
    with upstream(answer("Hello.")) as url:
        given = ["--upstream", f"{url}/v1", "--port", "0", "--api-key", KEY, "--record", str(path)]
        with relay(given, tmp_path) as one:
            shown = command_line(one.process.pid)
            assert ask(one.url) == "Hello."
            assert one.until("models of ").endswith(": scripted-model")
            assert one.end(signal.SIGINT) == 130
    assert KEY not in shown
    assert "--upstream" in shown
    assert not [line for line in one.lines if KEY in line]
    assert [turn.facts["status"] for turn in open_recording(path).turns()] == ["completed"]
    assert KEY.encode() not in path.read_bytes()


def test_a_turn_that_the_relays_end_cuts_off_is_recorded_as_that(tmp_path: Path) -> None:
    path, heard = tmp_path / "session.flow", threading.Event()

    def listen() -> None:
        headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
        request = urllib.request.Request(f"{one.url}/responses", json.dumps(ASKED).encode(), headers)
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            urllib.request.urlopen(request, timeout=20) as reply,
        ):
            while b".delta" not in reply.readline():
                pass
            heard.set()
            reply.read()

    whole = answer("Hello, and more.")
    with (
        upstream(replace(whole, pieces=(*whole.pieces[:3], Wait(30)))) as url,
        relay(["--upstream", f"{url}/v1", "--port", "0", "--record", str(path)], tmp_path) as one,
    ):
        client = threading.Thread(target=listen)
        client.start()
        assert heard.wait(20)
        assert one.end(signal.SIGINT) == 130
        client.join(20)
    (turn,) = open_recording(path).turns()
    assert (turn.facts["status"], turn.client.request.path) == ("relay ended", "/v1/responses")
    assert turn.client.comment.startswith("relay ended")
    assert turn.upstream is not None and b"Hello" in (turn.upstream.response.raw_content or b"")
    assert not [line for line in one.lines if "in the middle of the answer" in line]


def test_without_a_key_the_clients_own_is_passed_on(tmp_path: Path) -> None:
    with upstream(answer("Hello.")) as url:
        variables = {"CODEX_RELAY_UPSTREAM": f"{url}/v1", "CODEX_RELAY_PORT": "0", "CODEX_RELAY_UPSTREM": "x"}
        with relay([], tmp_path, **variables) as one:
            while not any("wire_api" in line for line in one.lines):  # told in the background
                one.until("")
            assert ask(one.url, KEY) == "Hello."
            assert one.end(signal.SIGTERM) == 0
    said = "\n".join(one.lines)
    assert f"upstream: {url}/v1" in said
    assert "no key was given: if the client sends one, it is passed on" in said
    assert f'base_url = "{one.url}", wire_api = "responses"' in said
    assert "there is no such variable; did you mean CODEX_RELAY_UPSTREAM?" in said
    assert "\x1b" not in said


@pytest.mark.parametrize("more", [[], ["--fallback", "here/worker"]])
def test_several_providers_are_named_with_their_models(provider: Provider, tmp_path: Path, more: list[str]) -> None:
    """Each is asked once, also where the relay has to know what may take over."""
    here, there = f"here={provider.url}#HERE_KEY", f"there={provider.url}/there#THERE_KEY"
    given = ["--providers", f"{here},{there}", "--port", "0", *more]
    with relay(given, tmp_path, HERE_KEY=LISTING_KEY, THERE_KEY="another") as one:
        while not all(any(text in line for line in one.lines) for text in ("models of here: ", "models of there are")):
            one.until("models of ")
        one.end(signal.SIGTERM)
    said = "\n".join([*one.lines, ""])
    assert "models of here: talker, worker\n" in said
    assert "models of there are not known: That key is wrong." in said
    assert f"here: {provider.url}" in said
    assert sorted(provider.asked) == ["Bearer another", f"Bearer {LISTING_KEY}"]


def test_a_name_that_no_list_has_is_pointed_out(provider: Provider, tmp_path: Path) -> None:
    with relay(["--upstream", provider.url, "--port", "0", "--model-map", "gpt-5*=workre"], tmp_path) as one:
        assert one.until("no such model").endswith("lists no such model; did you mean worker?")
        one.end(signal.SIGTERM)


def test_mitmweb_is_told_and_nothing_is_asked_with_no_models(provider: Provider, tmp_path: Path) -> None:
    given = ["--upstream", provider.url, "--port", "0", "--web", "--no-models"]
    with relay([*given, "--", "--set", f"confdir={tmp_path / 'conf'}"], tmp_path) as one:
        one.end(signal.SIGTERM)
    assert one.lines[0].startswith("The same as: mitmweb -s ")
    assert any("Web server listening at http://127.0.0.1:" in line for line in one.lines)
    assert provider.asked == []


def test_a_quiet_log_still_tells_the_address(provider: Provider, tmp_path: Path) -> None:
    with relay(["--upstream", provider.url, "--port", "0"], tmp_path, RUST_LOG="codex_relay=warn") as one:
        one.end(signal.SIGTERM)
    assert [line for line in one.lines if line.startswith("[")] == []


def test_no_color_takes_the_colours_out_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, Terminal())
    monkeypatch.delenv("NO_COLOR", raising=False)
    engine.plain_output()
    before = vt_codes.ensure_supported(sys.stdout)
    monkeypatch.setenv("NO_COLOR", "1")
    engine.plain_output()
    assert (before, vt_codes.ensure_supported(sys.stdout)) == (True, False)


# --- Codex's configuration --------------------------------------------------------------------------------------------


def test_print_config_points_at_the_relay_and_writes_the_catalog(provider: Provider, tmp_path: Path) -> None:
    given = ["--print-config", "--upstream", provider.url, "--model-catalog", "models.json", "--model-template", "gpt"]
    done = run(given, environment(tmp_path, CODEX_RELAY_API_KEY=LISTING_KEY), tmp_path)
    assert done.returncode == 0, done.stderr
    config: dict[str, Any] = tomllib.loads(done.stdout)
    entry = config["model_providers"][config["model_provider"]]
    assert (config["model"], entry["base_url"], entry["wire_api"]) == (
        "worker",
        "http://127.0.0.1:4444/v1",
        "responses",
    )
    assert "env_key" not in entry  # the relay has the key
    catalog = json.loads(Path(config["model_catalog_json"]).read_text())
    assert {"talker", "worker"} <= {model["slug"] for model in catalog["models"]}
    assert "--model-template is not needed" in done.stderr
    assert LISTING_KEY not in done.stdout + done.stderr


def test_print_config_without_a_key_has_codex_send_its_own(tmp_path: Path) -> None:
    # The address is a known provider's; no name is looked up in an environment without network.
    given = ["--print-config", "--provider", "deepseek=http://127.0.0.1:9/v1#SOME_KEY", "--bind", "0.0.0.0"]
    done = run([*given, "--port", "4450"], environment(tmp_path), tmp_path)
    entry = tomllib.loads(done.stdout)["model_providers"]["relay"]
    assert (entry["base_url"], entry["env_key"]) == ("http://127.0.0.1:4450/v1", "SOME_KEY")
    assert "127.0.0.1:9 could not be reached" in done.stderr


# --- what ends at once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "variables", "status", "complaint"),
    [
        ([], {"CODEX_RELAY_PORT": "http"}, 2, "CODEX_RELAY_PORT: 'http' is no port; give a number from 1 to 65535"),
        ([], {"CODEX_RELAY_DROP_PARAMS": "[1]"}, 2, "CODEX_RELAY_DROP_PARAMS: '[1]' holds something else than names"),
        (
            [],
            {"CODEX_RELAY_API_KEY": "$MY_KEY"},
            2,
            "CODEX_RELAY_API_KEY names the environment variable MY_KEY, which is",
        ),
        ([], {"CODEX_RELAY_PROVIDER": "nope"}, 2, "CODEX_RELAY_PROVIDER: 'nope' is no known provider; known are "),
        (["--profile", "nope"], {}, 2, "--profile='nope': unknown profile 'nope'; known are "),
        (["--upstream-extra-params", '{"model": "x"}'], {}, 2, "the model is set with --model-map"),
        (["--record", "no/x.flow"], {}, 1, "no/x.flow can't be written: there is no folder "),
        (["--record", "text.flow"], {}, 1, "text.flow can't be added to: "),
        (
            [],
            {"HOME": "file/home"},
            1,
            "~/.mitmproxy can't be made: Not a directory, where mitmproxy keeps its certificates",
        ),
        (["--bind", "203.0.113.1"], {}, 1, "Cannot listen on 203.0.113.1:0: "),
        (["--", "--set", "relay_nope=1"], {}, 2, "relay_nope: there is no such option; known are "),
        (["--", "--set", "relay_keep_flows=x"], {}, 2, "relay_keep_flows='x'"),
        (["--", "--set", "relay_profile=nope"], {}, 2, "--set relay_profile='nope': unknown profile 'nope'"),
        (["--model-map", "a=b=c"], {}, 2, "--model-map: 'a=b=c' holds 'a=b=c'; write SOURCE=TARGET"),
        (["--api-key", "two words"], {}, 2, "--api-key: the key holds spaces or characters that a header can't carry"),
        (
            ["--set", "relay_web_search=off"],
            {},
            2,
            "--set is mitmproxy's; what is for it stands behind --, like this: codex-relay -- --set ...",
        ),
    ],
)
def test_what_can_not_be_meant_costs_one_line(
    arguments: list[str],
    variables: dict[str, str],
    status: int,
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {"CODEX_RELAY_PORT": "0", **variables}.items():
        monkeypatch.setenv(name, value)
    Path("text.flow").write_text("not a flow")
    Path("file").touch()
    try:
        ended = cli.main(arguments)
    except SystemExit as end:  # argparse's own
        ended = int(end.code or 0)
    said = capsys.readouterr()
    assert (ended, complaint in said.err) == (status, True), said.err
    assert said.err.startswith("codex-relay: ")
    assert (said.out, said.err.count("\n")) == ("", 1)


def test_an_option_that_nobody_has_ends_the_start(tmp_path: Path) -> None:
    """It is known to be none when all scripts are there: one of the user's may declare it."""
    given = ["--upstream", "http://127.0.0.1:9", "--port", "0", "--", "--set", "flow_detial=1"]
    done = run(given, environment(tmp_path), tmp_path)
    assert done.returncode == 2
    assert "there is no such option" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


# --- the same key in other words --------------------------------------------------------------------------------------


def test_a_command_line_is_left_alone_that_is_not_the_process_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """`main(argv)` of another program must not start that program again."""
    started_again: list[Any] = []
    monkeypatch.setattr(os, "execv", lambda *words: started_again.append(words))
    monkeypatch.setattr(engine, "run", lambda *_: 0)
    monkeypatch.setenv("CODEX_RELAY_API_KEY", "")  # so that it is as it was afterwards, whatever is set here
    port = str(processes.free_port())
    assert cli.main(["--upstream", "http://127.0.0.1:9", "--port", port, "--api-key", "secret-word"]) == 0
    assert started_again == []
    monkeypatch.delenv("CODEX_RELAY_API_KEY")


@pytest.mark.parametrize("words", [["--api-key", KEY], [f"--api-key={KEY}"], ["--", f"--set=relay_api_key={KEY}"]])
def test_a_key_leaves_the_list_of_processes(words: list[str], tmp_path: Path) -> None:
    code = "import addon.cli.engine, sys; addon.cli.engine.run = lambda *_: print(sys.orig_argv) or 0; "
    code += "from addon.cli import main; sys.exit(main())"
    given = [
        "--upstream",
        "http://127.0.0.1:9",
        "--port",
        "0",
        *words,
        *(["--"] if "--" not in words else []),
        "--set",
        "flow_detail=0",
    ]
    done = subprocess.run(
        [COMMAND[0], "-c", code, *given], env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout
    assert "env:CODEX_RELAY_API_KEY" in done.stdout
    assert "'flow_detail=0']" in done.stdout
