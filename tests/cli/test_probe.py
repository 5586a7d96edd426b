"""`codex-relay probe`, as a user runs it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from addon import cli
from addon.scripted import Scenario, ScriptedUpstream, error
from addon.scripted.dialects import DIALECTS
from relay_translate.profiles import profile_from_table
from tests.cli.running import LIMIT, environment, run
from tests.probe.played import Step, model, played

KEY = "s3cret-of-the-tests"


@contextlib.contextmanager
def serving(step: Step, key: str = KEY, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A scripted endpoint that takes this key ("*" for any), in a thread of its own; gives its URL."""
    ready, over, urls = threading.Event(), threading.Event(), list[str]()

    async def serve() -> None:
        async with ScriptedUpstream(tls=tls) as upstream:
            upstream.play(key, Scenario("probed", [step, ...], rules=frozenset(), route=lambda _: "main"))
            urls.append(upstream.url)
            ready.set()
            await asyncio.to_thread(over.wait, LIMIT)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield urls[0]
    finally:
        over.set()
        thread.join(10)


def probe(step: Step, folder: Path, *arguments: str, key: str = KEY) -> subprocess.CompletedProcess[str]:
    """The command against a scripted endpoint, with a key in PROBE_KEY."""
    with serving(step, key) as url:
        return run(["probe", "--upstream", url, "--model", "m", *arguments], environment(folder, PROBE_KEY=KEY))


def test_it_prints_a_table_and_a_profile_that_can_be_used(tmp_path: Path) -> None:
    done = probe(played(DIALECTS["mistral"]), tmp_path, "--api-key", "PROBE_KEY")
    assert done.returncode == 0, done.stderr
    findings, _, profile = done.stdout.partition("# Made by codex-relay probe")
    assert "a call id such as call_AbC123..." in findings
    assert "requests, about" in findings
    read = profile_from_table(tomllib.loads("#" + profile))
    assert (read.tools.call_ids, read.stream_usage, read.after_tools) == ("nine", False, "Understood.")
    lines = done.stderr.splitlines()
    assert "  a function tool: yes" in lines
    assert any(line.startswith("  an unknown field: no (HTTP 422") for line in lines)
    assert "\x1b" not in done.stderr
    assert KEY not in done.stdout + done.stderr


def test_the_profile_goes_into_a_file_that_names_its_base(tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    done = probe(
        played(DIALECTS["openai"]), tmp_path, "--api-key", "$PROBE_KEY", "--profile", "openai", "--out", str(out)
    )
    assert done.returncode == 0, done.stderr
    assert f"Use it with --set relay_profile={out}" in done.stdout
    table = tomllib.loads(out.read_text())
    assert set(table) == {"base", "name", "title"}
    assert table["base"] == "openai"
    again = probe(model(), tmp_path, "--api-key", "PROBE_KEY", "--out", str(out))
    assert again.returncode == 1
    assert again.stderr == f"codex-relay: --out {out}: the file exists; remove it or choose another name\n"


def test_json_holds_findings_and_profile(tmp_path: Path) -> None:
    done = probe(model(), tmp_path, "--api-key", "env:PROBE_KEY", "--json", "--skip", "many_tools,proof")
    told = json.loads(done.stdout)
    assert (told["model"], told["base"], told["stopped"]) == ("m", "generic", "")
    answers = {finding["name"]: finding["answer"] for finding in told["findings"]}
    assert (answers["tools"], answers["many_tools"]) == ("yes", "not asked")
    assert told["profile"]["base"] == "generic"
    assert told["requests"] < 30


def test_an_interview_that_stops_early_keeps_what_it_has(tmp_path: Path) -> None:
    done = probe(
        lambda seen: model()(seen) if seen.number < 6 else error(402, "No credit"), tmp_path, "--api-key", "PROBE_KEY"
    )
    assert done.returncode == 1
    assert "Stopped early: the account has no credit: HTTP 402: No credit." in done.stdout
    assert "# It was stopped early" in done.stdout


def test_a_wrong_key_ends_it_with_the_remedy(tmp_path: Path) -> None:
    done = probe(model(), tmp_path, "--api-key", "PROBE_KEY", key="another")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "refuses the key: HTTP 401: No script is played for the key '[the key]'" in done.stderr
    assert done.stderr.rstrip().endswith("check the key")
    assert KEY not in done.stderr


def test_a_variant_of_the_base_is_written_out(tmp_path: Path) -> None:
    """What a base says of one model must not be laid over what was found for it."""
    dialect = DIALECTS["glm"]
    with serving(played(dialect), "*") as url:
        given = ["probe", "--upstream", f"{url}/v1", "--model", dialect.model, "--profile", "glm", "--json"]
        done = run(given, environment(tmp_path))
    table = json.loads(done.stdout)["profile"]
    assert table["variants"] == []
    assert profile_from_table(table).reasoning.effort_field == "reasoning_effort"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--api-key", "sk-abcdef-123"], "takes the name of an environment variable, not the key itself"),
        (["--api-key", "gsk_abcdefgh1234567"], "takes the name of an environment variable, not the key itself"),
        (["--api-key", "NO_SUCH_KEY"], "the environment variable NO_SUCH_KEY is empty or not set"),
        (["--profile", "nobody"], "--profile: unknown profile 'nobody'; known are"),
        (["--out", "profile.txt"], "give it the ending .toml"),
        (["--out", "missing/profile.toml"], "there is no folder missing"),
    ],
)
def test_bad_input_costs_one_line_and_no_request(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["probe", "--upstream", "http://127.0.0.1:9", "--model", "m", *arguments]
    assert cli.main(given) == (1 if "folder" in complaint else 2)
    printed = capsys.readouterr().err
    assert complaint in printed
    assert len(printed.splitlines()) == 1
    assert "sk" not in printed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--skip", "everything"], "there is no question 'everything'; known are"),
        (["--pause", "long"], "'long' is no time; give seconds"),
        (["--timeout", "-1"], "is no time"),
    ],
)
def test_arguments_are_checked(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["probe", "--upstream", "http://127.0.0.1:9", "--model", "m", *arguments])
    assert complaint in capsys.readouterr().err


def test_nobody_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["probe", "--upstream", "http://127.0.0.1:9", "--model", "m"]) == 1
    printed = capsys.readouterr().err.splitlines()[-1]
    assert printed.startswith("codex-relay: http://127.0.0.1:9/v1/chat/completions does not answer: ")
    assert printed.endswith("check --upstream, or give it more --timeout")


def test_a_key_can_come_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from addon.cli import probe as command

    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))
    assert command._key("-", command.find_profile(name="generic"), {}) == KEY
