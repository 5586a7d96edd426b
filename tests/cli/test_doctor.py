"""`codex-relay doctor`: healthy, and each thing that can be wrong, with the remedy it names."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from addon import cli, processes
from addon.doctor import Finding, endpoint, examination, relay, turn
from addon.providers import find_provider
from addon.scripted import Call, answer, error
from relay_translate.catalog import ModelFacts
from tests.cli.authority import with_authority
from tests.cli.running import environment, left_running, processes_of, run, started
from tests.cli.test_probe import KEY, serving

Json = dict[str, Any]

CALL = answer("", reasoning="A word.", calls=[Call.of("note", {"word": "ready"})])
RELAY = "http://127.0.0.1:4444/v1"
MODELS = b'{"data": [{"id": "small-model"}, {"id": "large-model"}]}'


@contextlib.contextmanager
def listing(status: int = 200, body: bytes = MODELS, key: str = "") -> Iterator[str]:
    """A server that answers every GET so, or with 401 where another key is sent; gives its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wrong = key and self.headers.get("authorization") != f"Bearer {key}"
            content = b'{"error": {"message": "Invalid API key provided"}}' if wrong else body
            self.send_response(401 if wrong else status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def with_codex(folder: Path, text: str, version: str = "0.169.0") -> dict[str, str]:
    """An environment with a Codex that only knows its version, and this config.toml."""
    program, home = folder / "bin" / "codex", folder / "codex"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\necho codex-cli {version}\n")
    program.chmod(0o755)
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(text)
    env = environment(folder, CODEX_HOME=str(home), CODEX_RELAY_PORT=str(processes.free_port()), DOCTOR_KEY=KEY)
    return {**env, "PATH": f"{program.parent}:{env['PATH']}"}


def config_text(base_url: str = RELAY, **entry: str) -> str:
    """A config.toml that is right; entry: what differs in the provider's table, "" leaves a key out."""
    right = {
        "name": "Relay", "base_url": base_url, "wire_api": "responses", "experimental_bearer_token": "relay",
        "model_catalog_url": f"{base_url}/models",
    }  # fmt: skip
    lines = [f"{name} = {json.dumps(value)}" for name, value in {**right, **entry}.items() if value]
    return "\n".join(['model = "some-model"', 'model_provider = "relay"', "[model_providers.relay]", *lines]) + "\n"


def checks(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Finding]:
    """The last finding about each thing; nothing is asked of a model."""
    status = cli.main(["doctor", "--no-turn", "--json", *arguments])
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is (status == 0)
    return {one["about"]: Finding(**one) for one in told["checks"]}


# --- the command ------------------------------------------------------------------------------------------------------


def test_all_is_well(tmp_path: Path) -> None:
    env = with_codex(tmp_path, config_text().replace("some-model", "scripted-model"))
    with serving(CALL) as url:
        done = run(["doctor", "--upstream", f"{url}/v1", "--api-key", "DOCTOR_KEY"], env, tmp_path)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[:2] for line in lines if line.startswith("ok")] == [
        ["ok", name] for name in ("Codex", "config.toml", "mitmproxy", "key", "endpoint", "model", "turn")
    ]
    assert "warning  port         no relay runs at 127.0.0.1:4444" in done.stdout  # where this config.toml wants one
    assert "called the tool, streamed (1200 tokens in, 34 out" in lines[-3]
    assert lines[-1] == "Nothing failed; 1 warning."
    assert "asking scripted-model one small question through the relay; it costs a few hundred tokens" in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    assert not list((tmp_path / "tmp").iterdir())
    assert not left_running(tmp_path / "tmp")


def test_an_authority_of_ones_own_is_named_behind_two_dashes(tmp_path: Path) -> None:
    env = with_codex(tmp_path, config_text())
    with serving(CALL, tls=with_authority(tmp_path)) as url:
        words = ["doctor", "--upstream", f"{url}/v1", "--api-key", "DOCTOR_KEY"]
        done = run(words, env, tmp_path)
        remedy = "-- --set ssl_verify_upstream_trusted_ca="
        assert done.returncode == 1
        why = "is not trusted: unable to get local issuer certificate"
        assert f"{why} -> name its authority to mitmproxy: {remedy}" in done.stdout
        done = run([*words, "--", "--set", "ssl_verify_upstream_trusted_ca=ca.pem"], env, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "called the tool" in done.stdout
        settings = Path(env["HOME"]) / ".mitmproxy" / "config.yaml"
        settings.parent.mkdir()
        settings.write_text(f"ssl_verify_upstream_trusted_ca: {tmp_path / 'ca.pem'}\n")
        done = run(words, env, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        (tmp_path / "ca.pem").write_text("no certificate")
        done = run(words, env, tmp_path)
        assert done.returncode == 1
        assert f"{tmp_path / 'ca.pem'} can't be read as authorities: " in done.stdout


def test_options_of_mitmproxy_that_say_nothing_of_certificates_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--set", "relay_profile=openai"], ["--mode", "regular"]):
        assert cli.main(["doctor", "--provider", "openai", "--", *words]) == 2
        assert "doctor takes options of certificates only, not " in capsys.readouterr().err


def test_the_provider_refuses_the_turn(tmp_path: Path) -> None:
    """With a key that only the list takes, and for a model that is not there."""
    env = with_codex(tmp_path, config_text())
    arguments = ["doctor", "--api-key", "DOCTOR_KEY", "--model", "scripted-modle", "--upstream"]
    with serving(CALL, key="another") as url:
        done = run([*arguments, f"{url}/v1"], env, tmp_path)
    assert done.returncode == 1
    assert "failed   turn         " in done.stdout
    assert "No script is played for the key" in done.stdout
    assert "-> the key is not taken; make another one at the provider and export it" in done.stdout
    assert KEY not in done.stdout + done.stderr
    with serving(error(404, "The model `scripted-modle` does not exist", code="model_not_found")) as url:
        done = run([*arguments, f"{url}/v1"], env, tmp_path)
    assert done.returncode == 1
    assert "warning  model        scripted-modle is not in the provider's list" in done.stdout
    assert "The model `scripted-modle` does not exist" in done.stdout
    assert done.stdout.count("-> near by name: scripted-model") == 2


def test_a_model_that_calls_no_tool_is_a_warning(tmp_path: Path) -> None:
    with serving(answer("ready")) as url:
        arguments = ["doctor", "--upstream", url, "--api-key", "DOCTOR_KEY"]
        done = run(arguments, with_codex(tmp_path, config_text()), tmp_path)
    assert done.returncode == 0, done.stdout
    assert "warning  turn         scripted-model answered in words and called no tool" in done.stdout


def test_no_file_and_no_codex(tmp_path: Path) -> None:
    env = environment(tmp_path, CODEX_HOME=str(tmp_path / "nowhere"), CODEX_RELAY_PORT=str(processes.free_port()))
    done = run(["doctor"], env, tmp_path)
    assert done.returncode == 1
    assert "failed   Codex        it is not on PATH -> install it: npm install -g @openai/codex" in done.stdout
    assert "warning  config.toml  there is no" in done.stdout
    assert "skipped  endpoint     no provider is named, and no relay runs -> name one: --provider NAME" in done.stdout
    assert done.stdout.endswith("1 thing failed; the first is the one to begin with.\n")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--api-key", "sk-abcdef-123"], "takes the name of an environment variable, not the key itself"),
        (["--provider", "nobody"], "'nobody' is no known provider; known are"),
        (["--provider", "azure"], "azure has no address of its own"),
    ],
)
def test_bad_input_costs_one_line(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", *arguments]) == 2
    printed = capsys.readouterr()
    assert complaint in printed.err
    assert len(printed.err.splitlines()) == 1
    assert printed.out == ""
    assert "sk-" not in printed.err


# --- endpoint ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Codex and config.toml as they should be, for what is run in this process; gives the path of config.toml."""
    for name, value in with_codex(tmp_path, config_text()).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "codex" / "config.toml"


@pytest.mark.usefixtures("healthy")
def test_a_wrong_key_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    with listing(key="another") as url:
        found = checks(["--upstream", url, "--api-key", "DOCTOR_KEY"], capsys)["endpoint"]
        assert found.status == "failed"
        assert "answers HTTP 401: Invalid API key provided" in found.says
        assert found.remedy == "the key in DOCTOR_KEY is not taken; make another one at the provider and export it"
        assert checks(["--upstream", url], capsys)["endpoint"].remedy == "it wants a key: --api-key NAME"


@pytest.mark.usefixtures("healthy")
def test_a_closed_port_and_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    found = checks(["--upstream", f"http://127.0.0.1:{processes.free_port()}/v1"], capsys)
    assert found["endpoint"].status == "failed"
    assert "refuses the connection: nothing listens there" in found["endpoint"].says
    assert found["turn"].status == "skipped"
    found = checks(["--upstream", "https://no-such-host.invalid/v1"], capsys)
    assert found["endpoint"].says == "the name no-such-host.invalid is not known (DNS)"


@pytest.mark.usefixtures("healthy")
def test_tls_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with listing() as url:
        found = checks(["--upstream", url.replace("http:", "https:")], capsys)["endpoint"]
    assert found.status == "failed"
    assert found.says.startswith("no TLS with 127.0.0.1")
    assert "write http://127.0.0.1" in found.remedy


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize(
    ("status", "body", "outcome", "says"),
    [
        (200, b"<html>Welcome</html>", "failed", "has no usable model list"),
        (200, b'{"data": []}', "warning", "lists no model that holds conversations"),
        (404, b"not here", "warning", "answers HTTP 404"),
        (503, b'{"error": "loading"}', "failed", "answers HTTP 503"),
    ],
)
def test_a_list_that_is_none(
    status: int, body: bytes, outcome: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with listing(status, body) as url:
        found = checks(["--upstream", url, "--model", "m"], capsys)
    assert (found["endpoint"].status, says in found["endpoint"].says) == (outcome, True), found["endpoint"]


@pytest.mark.usefixtures("healthy")
def test_the_model_is_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with listing() as url:
        assert checks(["--upstream", url, "--model", "large-model"], capsys)["model"].status == "ok"
        found = checks(["--upstream", url, "--model", "lagre-model"], capsys)["model"]
        assert (found.status, found.remedy) == ("warning", "near by name: large-model")
        assert checks(["--upstream", url], capsys)["model"].says.startswith("small-model (the first listed)")


def test_models_are_chosen_by_what_is_known_of_them() -> None:
    models = [ModelFacts(id="talker", tools=False), ModelFacts(id="worker", context_window=65536)]
    assert endpoint.choose_model("", "", models)[0] == "worker"
    assert endpoint.choose_model("", "", models)[1].says == "worker (the first listed) is listed, window 65,536 tokens"
    assert endpoint.choose_model("", "gpt-6", models)[0] == "worker"
    assert endpoint.choose_model("talker", "", models)[1].status == "warning"
    assert endpoint.choose_model("", "", None)[1].remedy == "name one: --model MODEL"
    assert endpoint.near("qwen3", ["mistral", "qwen/qwen3-coder", "qwen2"]) == ["qwen/qwen3-coder", "qwen2"]


# --- relays that run --------------------------------------------------------------------------------------------------


def test_what_listens_is_told_from_a_relay(healthy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with listing() as url:
        found = checks(["--relay", url], capsys)
        assert found["port"].says.startswith("no relay but something else listens at 127.0.0.1:")
        assert found["endpoint"].status == "skipped"
        healthy.write_text(config_text(url))
        assert checks([], capsys)["port"].says.endswith(", where config.toml looks for a relay")


def test_the_relay_of_config_toml_is_examined_if_it_runs(tmp_path: Path) -> None:
    async def through(url: str) -> list[Finding]:
        port = processes.free_port()
        provider = find_provider(f"upstream={url}/v1", {})
        async with relay.own(relay.options(provider, port, has_key=False), port, "") as base_url:
            text = config_text(base_url, experimental_bearer_token="", env_key="DOCTOR_KEY")
            env = with_codex(tmp_path, text)
            looking = examination.Examination(tmp_path / "codex", environ=env, tell=lambda _: None)
            return await asyncio.to_thread(lambda: list(looking.findings()))

    with serving(CALL) as url:
        found = {one.about: one for one in asyncio.run(through(url))}
    assert found["port"].says.startswith("a relay listens at 127.0.0.1:")
    assert found["config.toml"].status == "ok"
    assert found["endpoint"].status == "ok"
    assert found["turn"].status == "ok", found["turn"]  # with the client's key, which the relay passes on


# --- the turn ---------------------------------------------------------------------------------------------------------


def events(*items: Json, usage: Json | None = None) -> list[Json]:
    counted = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7} if usage is None else usage
    kinds: list[Json] = [{"type": "response.created"}]
    for index, item in enumerate(items):
        kinds += [
            {"type": f"response.output_item.{when}", "output_index": index, "item": item} for when in ("added", "done")
        ]
    kinds.append({"type": "response.completed", "response": {"usage": counted}})
    return [{**event, "sequence_number": number} for number, event in enumerate(kinds)]


def called(arguments: str = '{"word": "ready"}', name: str = "note") -> Json:
    return {"type": "function_call", "name": name, "arguments": arguments, "call_id": "c"}


@pytest.mark.parametrize(
    ("stream", "status", "says"),
    [
        (events(called()), "ok", "m called the tool, streamed (5 tokens in, 2 out"),
        (events(called('{"word": ')), "warning", "called a tool wrongly: note"),
        (events(called(name="other")), "warning", "called a tool wrongly: other"),
        (events(), "failed", "m answered nothing"),
        (events(called(), usage={}), "failed", "the tokens of the turn are missing"),
        ([events(called())[0], *events(called())[2:]], "failed", "for the item 0, which was not begun"),
        (list(reversed(events())), "failed", "events that Codex does not expect"),
    ],
)
def test_what_a_stream_is_worth(stream: list[Json], status: str, says: str) -> None:
    found = turn.judge(turn.read(stream), "m")
    assert (found.status, says in found.says) == (status, True), found


def test_a_stream_that_fails_or_breaks_off_is_a_failure() -> None:
    failing = {"type": "response.failed", "response": {"error": {"code": "insufficient_quota", "message": "No credit"}}}
    with pytest.raises(turn.TurnFailed, match="No credit") as raised:
        turn.read([{"type": "response.created"}, failing])
    assert turn.failure(raised.value, [], "m").remedy == "the account has no credit: add some at the provider"
    with pytest.raises(turn.TurnFailed, match=r"without response\.completed"):
        turn.read(events(called())[:-1])


def test_a_signal_stops_the_relay_too(tmp_path: Path) -> None:
    """What was started for the turn ends with the command, and its folder goes."""
    env = with_codex(tmp_path, config_text())
    with serving(CALL.late(60)) as url:
        arguments = ["doctor", "--upstream", f"{url}/v1", "--api-key", "DOCTOR_KEY"]
        with started(arguments, env, tmp_path) as process:
            assert process.stderr is not None
            assert "asking scripted-model" in process.stderr.readline()
            relays = wait_for_relay(tmp_path / "tmp")
            process.terminate()
            process.communicate()
    assert relays
    assert process.returncode == 130
    assert not left_running(tmp_path / "tmp")
    assert not list((tmp_path / "tmp").iterdir())


def wait_for_relay(folder: Path) -> dict[int, str]:
    deadline = time.monotonic() + 10
    while not (found := {n: w for n, w in processes_of(folder).items() if "mitmdump" in w}):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_the_environment_of_the_relay_names_the_provider(tmp_path: Path) -> None:
    with listing(key=KEY) as url:
        for own in (
            {"CODEX_RELAY_UPSTREAM": url, "CODEX_RELAY_API_KEY": KEY},
            {"CODEX_RELAY_UPSTREAM": url, "CODEX_RELAY_API_KEY": "DOCTOR_KEY"},
            {"CODEX_RELAY_PROVIDER": f"desk={url}#DOCTOR_KEY"},
        ):
            done = run(["doctor", "--no-turn"], with_codex(tmp_path, config_text()) | own, tmp_path)
            assert "ok       endpoint" in done.stdout, done.stdout
            assert KEY not in done.stdout + done.stderr
