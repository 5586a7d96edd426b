"""`codex-relay probe`: arguments and output; the asking is done in addon/probe."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from addon.cli.arguments import upstream_url
from addon.cli.serving import UsageError
from addon.probe import ProbeError
from addon.probe.differences import learnt_profile
from addon.probe.endpoint import Endpoint
from addon.probe.interview import Interview
from addon.probe.profile_file import check, profile_table, toml
from addon.probe.question import Finding, Known
from addon.probe.questions import ALL
from addon.probe.show import Screen, table
from relay_translate import Profile, find_profile
from relay_translate.errors import readable

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHOWN_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")  # no key looks like this, so that it may be repeated
_KEY = re.compile(r"[\x21-\x7e]+")
_LONGEST_EVIDENCE = 300  # characters of a provider's words in JSON


def add(commands: Any) -> None:
    """Declare the command."""
    probe = commands.add_parser(
        "probe",
        help="learn what an unknown endpoint accepts, and write its profile",
        description="Asks a Chat Completions endpoint some two dozen tiny questions, prints what it accepts, and a "
        "profile for relay_profile. Costs a few thousand tokens, most of them for the question with 129 tools.",
        epilog="Exit status 1: stopped early, or the endpoint refuses a request made with the new profile.",
    )
    probe.add_argument("--upstream", type=upstream_url, required=True, metavar="URL",
                       help="the base URL, such as https://api.example.com/v1")  # fmt: skip
    probe.add_argument("--model", required=True, metavar="M", help="the model to ask, as the endpoint names it")
    probe.add_argument("--api-key", default="", metavar="NAME",
                       help="the environment variable that holds the key; - reads it from standard input")  # fmt: skip
    probe.add_argument("--profile", default="", metavar="BASE",
                       help="the profile to start from; without it the URL, then the model decides")  # fmt: skip
    probe.add_argument("--out", type=Path, metavar="FILE.toml", help="write the profile there instead of printing it")
    probe.add_argument("--json", action="store_true", help="print findings and profile as JSON")
    probe.add_argument("--pause", type=_seconds, default=0.0, metavar="SECONDS", help="wait between requests (0)")
    probe.add_argument("--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="limit of one request (60)")
    probe.add_argument("--skip", type=_questions, default=frozenset(), metavar="NAME,...",
                       help="questions to leave out, by the names in --json; many_tools costs most")  # fmt: skip
    probe.set_defaults(run=_run)


@dataclass(frozen=True)
class Report:
    """What the command has to tell. profile: the profile that was made, table: its file as a table."""

    upstream: str
    known: Known
    interview: Interview
    profile: Profile
    table: Mapping[str, Any]

    @property
    def findings(self) -> list[Finding]:
        return list(self.known.findings.values())

    @property
    def comments(self) -> list[str]:
        """What stands above the profile in its file. Newlines in a model's name would end a comment."""
        endpoint = self.interview.endpoint
        lines = [f"Made by codex-relay probe for the model {_line(self.known.model)} at {self.upstream}."]
        if self.interview.stopped:
            lines.append(f"It was stopped early: {_line(self.interview.stopped)}")
        if self.known.answer("proof") == "no":
            lines.append("The endpoint REFUSED a request made with this profile; see the table of findings.")
        if unknown := [one.asks for one in self.findings if one.answer == "unknown"]:
            lines.append(f"Unknown, so that the base's word stands: {_line('; '.join(unknown))}")
        if strange := self.known.value("finish"):
            lines.append(f"finish_reasons: not known to the relay are {_line(', '.join(strange))}")
        return [*lines, f"{endpoint.requests} requests were made."]

    @property
    def text(self) -> str:
        return toml(self.table, self.comments)


def _run(arguments: argparse.Namespace) -> int:
    base, key = _base(arguments), ""
    _check_out(arguments.out)
    key = _key(arguments.api_key, base, os.environ)
    screen = Screen()
    url = urlsplit(arguments.upstream)
    where = {"key": key, "pause": arguments.pause, "timeout": arguments.timeout, "tell": screen.note}
    with Endpoint.at(f"{url.scheme}://{url.netloc}", url.path, base, **where) as endpoint:
        known = Known(arguments.model, base)
        interview = Interview(endpoint, known, screen, arguments.skip)
        try:
            interview.run()
            interview.prove()
        finally:
            screen.clear()
    report = _report(arguments.upstream, interview)
    if arguments.out:
        _write(arguments.out, report.text)
    print(_as_json(report) if arguments.json else _as_text(report, arguments.out))
    return 1 if interview.stopped or known.answer("proof") == "no" else 0


def _report(upstream: str, interview: Interview) -> Report:
    known = interview.known
    netloc = urlsplit(upstream).netloc
    profile = replace(learnt_profile(known.base, known.findings, known.model), name=_name(netloc), title=netloc)
    if known.base != find_profile(name=known.base.name):
        profile = replace(profile, variants=())  # what they say for this model is in the profile already
    written = profile_table(known.base.name, profile)
    check(written, profile)
    return Report(upstream, known, interview, profile, written)


def _as_text(report: Report, out: Path | None) -> str:
    endpoint = report.interview.endpoint
    about = f" (estimated for {endpoint.estimated} of them)" if endpoint.estimated else ""
    lines = ["", *table(report.findings), "", f"{endpoint.requests} requests, about {endpoint.tokens} tokens{about}."]
    if report.interview.stopped:
        lines.append(
            f"Stopped early: {report.interview.stopped}. What was not asked is as in {report.known.base.name}."
        )
    if report.known.answer("proof") == "no":
        lines.append("The endpoint refuses a request made with this profile; the last row of the table says why.")
    if out:
        return "\n".join([*lines, f"Written: {out}. Use it with --set relay_profile={out}"])
    return "\n".join([*lines, "", report.text.rstrip()])


def _as_json(report: Report) -> str:
    endpoint, interview = report.interview.endpoint, report.interview
    findings = [
        {"name": one.name, "question": one.asks, "answer": one.answer, "says": one.says,
         "evidence": one.evidence[:_LONGEST_EVIDENCE]}
        for one in report.findings
    ]  # fmt: skip
    told = {
        "upstream": report.upstream, "model": report.known.model, "base": report.known.base.name,
        "requests": endpoint.requests, "tokens": endpoint.tokens, "tokens_estimated": endpoint.estimated > 0,
        "stopped": interview.stopped, "findings": findings, "profile": report.table, "toml": report.text,
    }  # fmt: skip
    return json.dumps(told, indent=2, ensure_ascii=False)


def _base(arguments: argparse.Namespace) -> Profile:
    try:
        return find_profile(urlsplit(arguments.upstream).hostname or "", arguments.model, arguments.profile)
    except ValueError as error:
        raise UsageError(f"--profile: {error}") from None


def _key(value: str, base: Profile, environ: Mapping[str, str]) -> str:
    """The key. No message repeats what could be one; a key is not taken from the command line, which others can read.
    Without a name, the variable that the base profile names is used where it is set."""
    if value == "-":
        key = getpass.getpass("Key: ", stream=sys.stderr) if sys.stdin.isatty() else sys.stdin.readline()
        return _usable(key.strip(), "the key on standard input")
    name = value.removeprefix("$").removeprefix("env:").strip("{}") or base.key_variable
    if not value and name not in environ:
        return ""
    if not _VARIABLE.fullmatch(name) or (name not in environ and not _SHOWN_VARIABLE.fullmatch(name)):
        raise UsageError("--api-key takes the name of an environment variable, not the key itself, which others could "
                         "see in the list of processes; export the key, or give - and type it")  # fmt: skip
    return _usable(environ.get(name, "").strip(), f"the environment variable {name}")


def _usable(key: str, where: str) -> str:
    if not key:
        raise UsageError(f"--api-key: {where} is empty or not set")
    if not _KEY.fullmatch(key):
        raise UsageError(f"--api-key: {where} holds characters that a header can't carry; check how it was copied")
    return key


def _check_out(out: Path | None) -> None:
    """Before anything is spent."""
    if out is None:
        return
    if out.suffix != ".toml":
        raise UsageError(f"--out {out}: give it the ending .toml, by which relay_profile tells a file from a name")
    if out.exists():
        raise ProbeError(f"--out {out}: the file exists; remove it or choose another name")
    if not out.absolute().parent.is_dir():
        raise ProbeError(f"--out {out}: there is no folder {out.parent}")


def _write(out: Path, text: str) -> None:
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        print(text)  # what was paid for is not lost
        raise ProbeError(f"--out {out}: {error.strerror}; the profile is printed instead") from None


def _name(netloc: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", netloc.lower()).strip("-") or "custom"


def _line(text: str) -> str:
    return " ".join(readable(text).split())


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; give seconds, such as 2")
    return seconds


def _questions(text: str) -> frozenset[str]:
    names = frozenset(part.strip() for part in text.split(",") if part.strip())
    known = [question.name for question in ALL] + ["proof"]
    if wrong := sorted(names - set(known)):
        raise argparse.ArgumentTypeError(f"there is no question {wrong[0]!r}; known are {', '.join(known)}")
    return names
