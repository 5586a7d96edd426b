"""`codex-relay doctor`: arguments and output; the looking is done in addon/doctor."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from addon.cli import choosing
from addon.cli.arguments import set_values, upstream_url
from addon.cli.serving import UsageError, trust_of
from relay_translate.transcript import count

if TYPE_CHECKING:
    from addon.doctor import Finding
    from addon.doctor.examination import Examination
    from addon.model_lists import Trust
    from addon.providers import Provider

_SHOWN_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")  # no key looks like this, so that it may be repeated
_TRUST = ("ssl_verify_upstream_trusted_ca", "ssl_verify_upstream_trusted_confdir", "ssl_insecure", "confdir")
_INSECURE = ("-k", "--ssl-insecure")
_COLOURS = {"ok": "32", "warning": "33", "failed": "31", "skipped": "2"}
_WIDEST = 12  # characters of what a finding is about


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "doctor",
        help="find out what keeps Codex from working, and what to do about it",
        description="Looks at Codex and its config.toml, the port, the key, the endpoint and the model, and has the "
        "model answer one small question with a tool, through the relay, as Codex would ask it. Each finding is ok, "
        "warning, failed or skipped, with the remedy. Writes nothing and shows no key.",
        epilog="Without a provider it is the one in CODEX_RELAY_PROVIDER or CODEX_RELAY_UPSTREAM, else the relay that "
        "config.toml names, if it runs. Exit status: 1 if something failed. "
        "What follows -- are mitmproxy's options of certificates, such as --set ssl_verify_upstream_trusted_ca=FILE. "
        "Example: codex-relay doctor --provider deepseek",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--provider", metavar="NAME", help="a known provider, or NAME:PROFILE=URL#KEY_VARIABLE")
    which.add_argument("--upstream", type=upstream_url, metavar="URL", help="a provider's base URL")
    parser.add_argument("--model", default="", metavar="M", help="the model to ask (that of config.toml, or the first)")
    parser.add_argument("--relay", type=upstream_url, metavar="URL", help="use this relay, such as "
                        "http://127.0.0.1:4444/v1, in place of one that is started for the turn")  # fmt: skip
    parser.add_argument("--api-key", default="", metavar="NAME", help="the environment variable that holds the key")
    parser.add_argument("--no-turn", action="store_true", help="ask no model anything: nothing is paid for")
    parser.add_argument("--timeout", type=_seconds, default=120.0, metavar="SECONDS", help="limit of the turn (120)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run, passes_on=True)


def _run(arguments: argparse.Namespace) -> int:
    examination = _examination(arguments, os.environ)
    found: list[Finding] = []
    for finding in examination.findings():
        found.append(finding)
        if not arguments.json:
            _show(finding, sys.stdout)
    has_failed = any(one.status == "failed" for one in found)
    if arguments.json:
        print(_as_json(found))
    else:
        print(_summary(found))
    return 1 if has_failed else 0


def _examination(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Examination:
    from addon.codex.config_file import codex_home
    from addon.doctor.examination import Examination

    variable = variable_name(arguments.api_key, environ)
    provider = _provider(arguments, variable, environ)
    examination = Examination(
        codex_home(environ=environ), provider, arguments.relay or "", arguments.model, environ=environ
    )
    if provider is None:
        examination.client_key = variable
    examination.trust = _trust(arguments.passed_on)
    examination.asks, examination.timeout = not arguments.no_turn, arguments.timeout
    examination.tell = lambda text: print(f"  {text}", file=sys.stderr, flush=True)
    if (port := environ.get("CODEX_RELAY_PORT", "").strip()).isdecimal() and 0 < int(port) < 65536:
        examination.port = int(port)
    return examination


def _provider(arguments: argparse.Namespace, variable: str, environ: Mapping[str, str]) -> Provider | None:
    """The provider that is named, without its key: that is looked at first. Raises UsageError."""
    from addon.providers import ProviderError, find_provider

    upstream, text = arguments.upstream or "", arguments.provider or ""
    if not (upstream or text or arguments.relay):
        text = environ.get("CODEX_RELAY_PROVIDER", "").strip()
        if not text and (upstream := environ.get("CODEX_RELAY_UPSTREAM", "").strip()):
            variable = variable or choosing.key_variable(environ)
    if upstream:
        text = f"{choosing.UPSTREAM}={upstream}"
    if not text:
        return None
    if variable:
        text = f"{text.partition('#')[0]}#{variable}"
    try:
        return find_provider(text, {})
    except ProviderError as error:
        raise UsageError(str(error)) from None


def _trust(words: Sequence[str]) -> Trust:
    """Raises UsageError for what says nothing of certificates: the doctor would do nothing with it."""
    names = list(set_values(words))
    flags = [word for word in words if word.startswith("-") and not word.startswith("--set")]
    others = [*(name for name in names if name not in _TRUST), *(flag for flag in flags if flag not in _INSECURE)]
    if others:
        raise UsageError(f"behind -- doctor takes options of certificates only, not {others[0]}: {', '.join(_TRUST)}")
    return trust_of(words)


def variable_name(value: str, environ: Mapping[str, str]) -> str:
    """NAME, $NAME or env:NAME -> NAME; "" stays. Raises UsageError, which does not repeat what could be a key."""
    name = value.removeprefix("$").removeprefix("env:").strip("{}")
    if name and (
        not choosing.VARIABLE.fullmatch(name) or (name not in environ and not _SHOWN_VARIABLE.fullmatch(name))
    ):
        raise UsageError(
            "--api-key takes the name of an environment variable, not the key itself, which others could see in the "
            "list of processes; export the key and give its name"
        )
    return name


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; give seconds, such as 60")
    return seconds


# --- output -----------------------------------------------------------------------------------------------------------


def _show(finding: Finding, out: TextIO) -> None:
    coloured = out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    status = finding.status.ljust(8)
    if coloured:
        status = f"\x1b[{_COLOURS[finding.status]}m{status}\x1b[0m"
    remedy = f" -> {finding.remedy}" if finding.remedy else ""
    print(f"{status} {finding.about.ljust(_WIDEST)} {finding.says}{remedy}", file=out, flush=True)


def _summary(found: Sequence[Finding]) -> str:
    counts = {status: sum(one.status == status for one in found) for status in ("failed", "warning")}
    if counts["failed"]:
        return f"\n{count(counts['failed'], 'thing')} failed; the first is the one to begin with."
    if counts["warning"]:
        return f"\nNothing failed; {count(counts['warning'], 'warning')}."
    return "\nAll is well."


def _as_json(found: Sequence[Finding]) -> str:
    checks = [{"about": one.about, "status": one.status, "says": one.says, "remedy": one.remedy} for one in found]
    told = {"ok": all(one.status != "failed" for one in found), "checks": checks}
    return json.dumps(told, indent=2, ensure_ascii=False)
