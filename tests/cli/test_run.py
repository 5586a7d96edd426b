"""`codex-relay run` with a stand-in for Codex that tells how it was started; the real one is in tests/e2e."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from addon.cli import choosing
from addon.cli.choosing import by_environment
from addon.cli.serving import ServeError, trust_of
from addon.model_lists import Trust
from tests.cli.authority import with_authority
from tests.cli.listing import KEY, Provider, provider
from tests.cli.running import REPOSITORY, dispositions, environment, left_running, processes_of, run, started
from tests.cli.test_overrides import settings_of

__all__ = ["provider"]  # pytest takes it from here

# Tells its words and what it finds, asks the relay for its models, and ends with the status it is told in $STATUS.
CODEX = """\
#!{python}
import json, os, signal, sys, time, urllib.request
if "--version" in sys.argv:
    print("codex-cli {version}")
    sys.exit()
settings = dict(word.split("=", 1) for before, word in zip(sys.argv, sys.argv[1:]) if before == "-c")
base = next(json.loads(value) for name, value in settings.items() if name.endswith(".base_url"))
file = settings.get("model_catalog_json")
with urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open(base + "/models?client_version=0.169.0") as got:
    models = json.load(got)["models"]
told = {{"words": sys.argv[1:], "models": models, "catalog": file and json.load(open(json.loads(file)))}}
told["environment"] = dict(os.environ)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
print(json.dumps(told), flush=True)
time.sleep(float(os.environ.get("SECONDS", 0)))
sys.exit(int(os.environ.get("STATUS", 0)))
"""

# Ctrl-C does not end it: a second later it ends by itself, with the number of those that it got.
STUBBORN = """\
#!{python}
import pathlib, signal, sys, time
heard = []
signal.signal(signal.SIGINT, lambda *_: heard.append(1))
pathlib.Path(sys.argv[1]).touch()
while not heard:
    time.sleep(0.02)
end = time.monotonic() + 1
while time.monotonic() < end:
    time.sleep(0.02)
sys.exit(len(heard))
"""
PLAYING = """\
import asyncio, sys
from addon.cli import run, signals
signals.HEARD = 0.3
sys.exit(asyncio.run(run._codex(run.Start(sys.argv[1:], {}, ""))))
"""


def with_codex(folder: Path, version: str = "0.169.0", **more: str) -> dict[str, str]:
    """An environment with the stand-in on its PATH."""
    tools = folder / "bin"
    tools.mkdir()
    program = tools / "codex"
    program.write_text(CODEX.format(python=sys.executable, version=version))
    program.chmod(0o755)
    env = environment(folder, **more)
    return {**env, "PATH": f"{tools}:{env['PATH']}"}


def test_codex_gets_the_relay_a_model_and_its_own_words_and_no_key(tmp_path: Path, provider: Provider) -> None:
    env = with_codex(tmp_path, STATUS="7", WORK_KEY=KEY, HTTP_PROXY="http://127.0.0.1:9",
                     CODEX_RELAY_WEB_PASSWORD="of-mitmweb")  # fmt: skip
    done = run(["run", "--provider", f"work={provider.url}#WORK_KEY", "--", "exec", "fix the tests"], env)
    assert done.returncode == 7, done.stderr
    told = json.loads(done.stdout)
    assert told["words"][-2:] == ["exec", "fix the tests"]
    settings = settings_of(told["words"])
    assert settings["model"] == "worker"
    assert settings["model_provider"] == "relay"
    assert settings["model_providers"]["relay"]["base_url"].startswith("http://127.0.0.1:")
    assert "env_key" not in settings["model_providers"]["relay"]
    assert {model["slug"]: model.get("context_window") for model in told["models"]}["worker"] == 65536
    assert "embed-1" not in [model["slug"] for model in told["models"]]
    assert KEY not in json.dumps(told["words"]) + done.stderr
    assert told["environment"]["NO_PROXY"] == "127.0.0.1"
    assert told["environment"]["WORK_KEY"] == KEY  # it may be of use to what Codex runs
    assert "CODEX_RELAY_WEB_PASSWORD" not in told["environment"]
    assert set(provider.asked) == {f"Bearer {KEY}"}
    assert "work, worker (the first with tools, see --model), Codex 0.169.0" in done.stderr
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "home" / ".codex").exists()
    assert left_running(tmp_path) == []


def test_an_authority_of_ones_own_counts_for_the_models_too(tmp_path: Path, provider: Provider) -> None:
    """One that names no key identifiers, which mitmproxy takes."""
    provider.server.socket = with_authority(tmp_path).wrap_socket(provider.server.socket, server_side=True)
    where = provider.url.replace("http:", "https:")
    words = ["run", "--provider", f"far={where}#", "--set", f"ssl_verify_upstream_trusted_ca={tmp_path / 'ca.pem'}"]
    done = run(words, with_codex(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "worker" in {model["slug"] for model in json.loads(done.stdout)["models"]}


def test_whose_certificates_are_taken_is_said_by_words_and_by_mitmproxys_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "config.yaml").write_text("ssl_verify_upstream_trusted_ca: /file.pem\nrelay_upstream: x\n")
    there = [f"--set=confdir={tmp_path}"]
    assert trust_of([]) == Trust()
    assert trust_of(there) == Trust(file="/file.pem")
    assert trust_of([*there, "--set", "ssl_verify_upstream_trusted_ca=/word.pem"]) == Trust(file="/word.pem")
    assert trust_of([*there, "-k"]) == trust_of([*there, "--set", "ssl_insecure"]) == Trust(True, "/file.pem")


def test_an_older_codex_gets_a_catalog_that_goes_with_the_run(tmp_path: Path, provider: Provider) -> None:
    done = run(["run", "--upstream", provider.url], with_codex(tmp_path, "0.150.0"))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    settings = settings_of(told["words"])
    assert settings["model"] == "worker"
    assert {model["slug"] for model in told["catalog"]["models"]} == {"talker", "worker"}
    assert not Path(settings["model_catalog_json"]).exists()


def test_a_model_that_is_not_listed_is_in_the_catalog_all_the_same(tmp_path: Path, provider: Provider) -> None:
    done = run(["run", "--upstream", provider.url, "--", "-m", "unlisted"], with_codex(tmp_path))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert settings_of(told["words"])["model"] == "unlisted"
    assert "unlisted" in {model["slug"] for model in told["catalog"]["models"]}


def test_a_project_can_not_have_the_relay_run_its_files(tmp_path: Path, provider: Provider) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("calendar", "mitmproxy"):  # one that mitmproxy imports, and mitmproxy itself
        (project / f"{name}.py").write_text("raise SystemExit('run')\n")
    code = "import sys; from addon.cli import main; sys.exit(main())"  # as installed: without the folder on the path
    command = [sys.executable, "-P", "-c", code, "run", "--upstream", provider.url]
    env = with_codex(tmp_path)
    done = subprocess.run(command, env=env, cwd=project, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_codex_that_is_no_program_is_told(tmp_path: Path, provider: Provider) -> None:
    (bad := tmp_path / "bad").write_text("no program")
    bad.chmod(0o755)
    done = run(["run", "--upstream", provider.url, "--codex", str(bad)], environment(tmp_path))
    assert done.returncode == 1
    assert f"codex-relay: {bad} can't be started: Exec format error\n" in done.stderr
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_key_among_the_options_is_not_told(tmp_path: Path, provider: Provider) -> None:
    words = ["run", "--upstream", provider.url, "--verbose", "--set", f"relay_api_key={KEY}"]
    done = run([*words, "--", "-c", f"model_providers.x.experimental_bearer_token={KEY}"], with_codex(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "relay_api_key=env:CODEX_RELAY_API_KEY" in done.stderr
    assert KEY not in done.stderr
    assert "CODEX_RELAY_API_KEY" not in json.loads(done.stdout)["environment"]
    assert set(provider.asked) == {f"Bearer {KEY}"}


def test_a_key_among_the_options_is_on_no_command_line_of_the_relay(tmp_path: Path, provider: Provider) -> None:
    env = with_codex(tmp_path, SECONDS="60")
    given = ["run", "--upstream", provider.url, "--model", "worker", "--set", f"relay_api_key={KEY}"]
    with started(given, env) as process:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        relays = [words for words in processes_of(tmp_path).values() if "mitmdump" in words]
        assert len(relays) == 1 and KEY not in relays[0]
        process.terminate()


def test_a_model_that_nobody_lists_is_pointed_out_with_the_nearest(tmp_path: Path, provider: Provider) -> None:
    words = ["run", "--upstream", provider.url, "--model", "wroker", "--fallback", "worker,nix"]
    done = run([*words, "--set", "relay_model_map=gpt-5*=talkre"], with_codex(tmp_path))
    assert done.returncode == 0, done.stderr
    where = provider.url.removeprefix("http://").removesuffix("/v1")
    assert [line for line in done.stderr.splitlines() if "no such model" in line] == [
        f"codex-relay: note: --fallback: nix: {where} lists no such model",
        f"codex-relay: note: relay_model_map: gpt-5*=talkre: {where} lists no such model; did you mean talker?",
        f"codex-relay: note: model wroker: {where} lists no such model; did you mean worker?",
    ]


def test_a_refused_key_is_told_before_codex_starts(tmp_path: Path, provider: Provider) -> None:
    done = run(["run", "--provider", f"work={provider.url}#WORK_KEY"], with_codex(tmp_path, WORK_KEY="other"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "That key is wrong." in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert left_running(tmp_path) == []


@pytest.mark.parametrize(
    ("option", "says"),
    [("relay_search=gopher", "relay_search"), ("anticompt=true", "--set anticompt: there is no such")],
)
def test_an_option_that_the_relay_refuses_is_told(option: str, says: str, tmp_path: Path, provider: Provider) -> None:
    done = run(["run", "--upstream", provider.url, "--set", option], with_codex(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("codex-relay: the relay did not start: ")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(("kind", "status"), [(signal.SIGTERM, 5), (signal.SIGINT, 130)])
def test_a_signal_to_run_alone_ends_codex_and_the_relay(
    kind: signal.Signals, status: int, tmp_path: Path, provider: Provider
) -> None:
    env = with_codex(tmp_path, SECONDS="60")
    with started(["run", "--upstream", provider.url, "--model", "worker"], env) as process:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        process.send_signal(kind)
        _, errors = process.communicate()
    assert process.returncode == status, errors
    assert left_running(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_password_of_mitmweb_stands_on_no_command_line(tmp_path: Path, provider: Provider) -> None:
    env = with_codex(tmp_path, SECONDS="60")
    with started(["run", "--upstream", provider.url, "--model", "worker", "--web"], env) as process:
        assert process.stdout is not None and process.stderr is not None
        json.loads(process.stdout.readline())
        url = next(line for line in process.stderr if "mitmweb: " in line).split()[-1]
        token = url.rpartition("=")[2]
        running = list(processes_of(tmp_path).values())
        assert any("mitmweb" in words for words in running)
        assert not any(token in words for words in running)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
        with opener.open(url, timeout=20) as page:
            assert b"<title>mitmproxy" in page.read()
        process.terminate()


def test_without_its_relay_codex_is_ended_and_the_reason_told(tmp_path: Path, provider: Provider) -> None:
    env = with_codex(tmp_path, SECONDS="60")
    with started(["run", "--upstream", provider.url, "--model", "worker"], env) as process:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        (relay,) = [pid for pid, words in processes_of(tmp_path).items() if "mitmdump" in words]
        os.kill(relay, signal.SIGKILL)
        begin = time.monotonic()
        _, errors = process.communicate()
    assert process.returncode == 1
    assert time.monotonic() - begin < 20  # of the stand-in's 60
    assert "the relay ended while Codex ran (status -9); the end of its log:\n" in errors
    assert left_running(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_run_that_is_killed_leaves_no_relay(tmp_path: Path, provider: Provider) -> None:
    env = with_codex(tmp_path, SECONDS="60")
    with started(["run", "--upstream", provider.url, "--model", "worker"], env) as process:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        assert any("mitmdump" in words for words in processes_of(tmp_path).values())
        process.kill()
        process.wait()
        deadline = time.monotonic() + 20
        while any("mitmdump" in words for words in processes_of(tmp_path).values()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not [words for words in processes_of(tmp_path).values() if "mitmdump" in words]


@pytest.mark.parametrize("to_all", [True, False])
def test_codex_gets_a_ctrl_c_once_and_may_go_on(to_all: bool, tmp_path: Path) -> None:
    """From a terminal it has it already, since all of the group have; what `run` alone got is passed on."""
    (program := tmp_path / "codex").write_text(STUBBORN.format(python=sys.executable))
    program.chmod(0o755)
    with dispositions(()):
        process = subprocess.Popen([sys.executable, "-c", PLAYING, str(program), str(tmp_path / "heard")],
                                   cwd=REPOSITORY, start_new_session=True)  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while not (tmp_path / "heard").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
        status = process.wait(20)
    finally:
        process.kill()
        process.wait()
    assert status == 1  # the number of times


@pytest.mark.parametrize(
    ("arguments", "variables", "complaint"),
    [
        (["--provider", "deepseek"], {}, "the environment variable DEEPSEEK_API_KEY is not set"),
        (["--providers", "deepseek,kimi"], {"DEEPSEEK_API_KEY": "x"}, "kimi needs a key"),
        ([], {}, "no provider is named and no key is set; export one, such as "),
        (["--provider", "nobody"], {}, "'nobody' is no known provider; known are "),
        (["--provider", "depseek"], {}, "'depseek' is no known provider; did you mean deepseek? Another one is"),
        (["--upstream", "https://api.deepseek.com"], {}, "--provider my=https://api.deepseek.com#MY_VARIABLE"),
        (["exec", "fix it"], {}, "stands behind --, like this: codex-relay run -- exec 'fix it'"),
        (["--upstream", "http://127.0.0.1:9", "--codex", "9"], {}, "'9' is neither a version of Codex, such as"),
        (["--upstream", "http://127.0.0.1:9", "--record", "/nowhere/x.flow"], {}, "there is no folder /nowhere"),
        (["--upstream", "http://127.0.0.1:9", "--codex", "/nowhere/codex"], {}, "/nowhere/codex is not a program"),
    ],
)
def test_what_is_missing_is_told_before_anything_starts(
    arguments: list[str], variables: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    done = run(["run", *arguments], with_codex(tmp_path, **variables))
    assert done.returncode == (1 if "/nowhere" in complaint else 2)  # 2: it can't be meant, as argparse has it
    assert done.stdout == ""
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list((tmp_path / "tmp").iterdir()) == []


def test_without_codex_it_says_how_to_get_it(tmp_path: Path) -> None:
    done = run(["run", "--upstream", "http://127.0.0.1:9"], environment(tmp_path))
    assert done.returncode == 1
    assert "Codex is not on PATH; install it (npm install -g @openai/codex)" in done.stderr


# --- which provider, which model ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "environ", "label", "variable"),
    [
        ({}, {"CODEX_RELAY_UPSTREAM": "http://127.0.0.1:9/v1"}, "127.0.0.1:9", ""),
        ({}, {"CODEX_RELAY_UPSTREAM": "http://127.0.0.1:9/v1", "CODEX_RELAY_API_KEY": "sk-1"}, "127.0.0.1:9",
         "CODEX_RELAY_API_KEY"),
        ({"upstream": "http://127.0.0.1:9/v1"}, {"CODEX_RELAY_API_KEY": "MINE", "MINE": "sk-1"}, "127.0.0.1:9", "MINE"),
        ({"upstream": "http://127.0.0.1:9/v1"}, {"CODEX_RELAY_API_KEY": "$MINE", "MINE": "sk-1"}, "127.0.0.1:9", "MINE"),
        ({"upstream": "http://127.0.0.1:9/v1"}, {"CODEX_RELAY_API_KEY": "env:M", "M": "sk-1"}, "127.0.0.1:9", "M"),
        ({}, {"CODEX_RELAY_PROVIDER": "groq", "CODEX_RELAY_API_KEY": "sk-1"}, "groq", "GROQ_API_KEY"),
        ({"provider": "ollama"}, {"CODEX_RELAY_PROVIDER": "groq"}, "ollama", ""),
        ({"upstream": "http://127.0.0.1:9/v1"},
         {"CODEX_RELAY_API_KEY": "sk-1", "CODEX_RELAY_UPSTREAM": "https://openrouter.ai/api/v1"}, "127.0.0.1:9", ""),
    ],
)  # fmt: skip
def test_the_bare_commands_variables_count_here_too(
    words: dict[str, str], environ: dict[str, str], label: str, variable: str
) -> None:
    given = argparse.Namespace(**{"provider": "", "providers": "", "upstream": "", **words})
    (provider,) = (choice := choosing.by_words(given, environ)).providers
    assert (choice.label, provider.variable) == (label, variable)
    assert provider.key == ("sk-1" if variable and label != "groq" else "")


def test_the_provider_is_the_first_whose_key_is_set() -> None:
    found = by_environment({"KIMI_API_KEY": "", "MISTRAL_API_KEY": "a", "GROQ_API_KEY": "b"})
    assert [one.name for one in found.providers] == ["groq"]
    assert found.described == "groq (GROQ_API_KEY is set; --provider takes mistral)"
    assert found.providers[0].key == "b"
    with pytest.raises(ServeError, match="no provider is named and no key is set"):
        by_environment({})
