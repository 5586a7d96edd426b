"""`codex-relay record`: a session with a provider, or a version of Codex through all scenarios, in one flow file."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from addon.cli.arguments import port, upstream_url
from addon.cli.serving import PORT, UsageError
from addon.recording import RecordingError
from relay_translate.transcript import count

if TYPE_CHECKING:
    from addon.scenarios.recording import Played

_VERSION = re.compile(r"\d+\.\d+\.\d+[\w.-]*")


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "record",
        usage="codex-relay record [-h] FILE --upstream URL [--port PORT] [--append | --force] [-- MITMDUMP_OPTION]\n"
        "       codex-relay record [FILE] --codex VERSION|PATH [--scenarios NAME,...] [--extract FOLDER] [--force]\n"
        "       codex-relay record --list [--codex VERSION]",
        help="record a session into a flow file, or a version of Codex over all scenarios",
        description="With --upstream, starts mitmdump with the relay in front of a provider, on loopback, and records "
        "until Ctrl-C. With --codex, runs that Codex through the relay against a scripted provider, one scenario after "
        "the other, without key or network; a version that is not there is installed through npm into a cache folder.",
        epilog="Examples: codex-relay record session.flow --upstream https://api.deepseek.com; "
        "codex-relay record --codex 0.169.0 --extract fixtures",
    )
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="flow file to write (codex-VERSION.flow)")
    parser.add_argument("--upstream", type=upstream_url, metavar="URL", help="the provider's base URL")
    parser.add_argument("--port", type=port, default=PORT, help=f"port to listen on ({PORT})")
    parser.add_argument("--codex", metavar="VERSION|PATH", help="which Codex to run, 0.169.0, latest, or a program")
    parser.add_argument("--scenarios", metavar="NAMES", help="scenarios to play, separated by commas (all)")
    parser.add_argument("--extract", type=Path, metavar="FOLDER", help="make fixtures of the recording in this folder")
    parser.add_argument("--whole", action="store_true", help="keep long prompts and all tools in every scenario")
    parser.add_argument("--jobs", type=_jobs, metavar="N", help="scenarios at a time")
    parser.add_argument("--list", action="store_true", help="list the scenarios, and stop")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--append", action="store_true", help="add to FILE if it exists")
    existing.add_argument("--force", action="store_true", help="replace FILE if it exists")
    parser.set_defaults(run=_run, passes_on=True)


def _jobs(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of scenarios; give one from 1 to 64")
    return int(text)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.list:
        return _list(arguments.codex or "")
    if bool(arguments.upstream) == bool(arguments.codex):
        raise UsageError("say what to record: --upstream URL for a session, or --codex VERSION for its scenarios")
    own = ("scenarios", "extract", "whole", "jobs") if arguments.upstream else ("append", "passed_on")
    if given := next((name for name in own if getattr(arguments, name)), ""):
        shown, other = "--" if given == "passed_on" else f"--{given}", "codex" if arguments.upstream else "upstream"
        raise UsageError(f"{shown} goes with --{other}; leave it out")
    if arguments.upstream:
        return _session(arguments)
    return _scenarios(arguments)


def check_file(path: Path, *, may_exist: bool, remedy: str = "--force replaces it, or name another file") -> None:
    if path.is_dir():
        raise RecordingError(f"{path} is a folder; name a file in it, such as {path / 'session.flow'}")
    if path.exists() and not may_exist:
        raise RecordingError(f"{path} exists; {remedy}")
    if not path.absolute().parent.is_dir():
        raise RecordingError(f"{path} can't be written: there is no folder {path.absolute().parent}")


# --- a session --------------------------------------------------------------------------------------------------------


def _session(arguments: argparse.Namespace) -> int:
    from addon.cli import session

    if arguments.file is None:
        raise UsageError("name the file to record into: codex-relay record session.flow --upstream URL")
    check_file(arguments.file, may_exist=arguments.force or arguments.append)
    return session.record(
        arguments.file, arguments.upstream, arguments.port, append=arguments.append, passed_on=arguments.passed_on
    )


# --- scenarios --------------------------------------------------------------------------------------------------------


def _list(wanted: str) -> int:
    from addon.scenarios.catalog import all_cases

    version = _version_of(codex_program(wanted)) if os.sep in wanted else wanted
    cases = all_cases()
    width = max(len(case.name) for case in cases)
    for case in cases:
        missing = case.unsupported(version) if version else f"since {case.since}" if case.missing else ""
        print(f"{case.name:<{width}}  {case.shows}{f'  [{missing}]' if missing else ''}")
    return 0


def _scenarios(arguments: argparse.Namespace) -> int:
    import asyncio

    from addon import demo
    from addon.codex.install import released
    from addon.demo.screen import Screen
    from addon.scenarios.catalog import chosen_cases
    from addon.scenarios.keeping import Codex
    from addon.scenarios.recording import AT_ONCE, record

    names = [name.strip() for name in (arguments.scenarios or "").split(",") if name.strip()]
    try:
        chosen = chosen_cases(names)
    except RecordingError as error:
        raise UsageError(str(error)) from None
    program = codex_program(arguments.codex)
    version = _version_of(program)
    out = arguments.file or Path(f"codex-{version}.flow")
    check_file(out, may_exist=arguments.force)
    cases = [case for case in chosen if not case.unsupported(version)]
    for case in chosen:
        if why := case.unsupported(version):
            _tell(f"{'':8} not supported  {case.name}: {why}")
    if not cases:
        raise RecordingError(f"Codex {version} supports none of these; --list --codex {version} tells what it does")
    jobs, told = arguments.jobs or AT_ONCE, _progress(len(cases))
    work = record(Codex(version, released(version)), program, cases, out, whole=arguments.whole, jobs=jobs, told=told)
    results: list[Played] = []

    async def play() -> int:
        results.extend(await work)
        return 0

    try:
        asyncio.run(demo.cancellable(play(), Screen()))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    return _summary(version, out, results, arguments.extract)


def _summary(version: str, out: Path, results: list[Played], extract: Path | None) -> int:
    done = [result for result in results if not result.why]
    turns = count(sum(result.turns for result in done), "turn")
    if done:
        size = out.stat().st_size
        print(f"{out}: Codex {version}, {count(len(done), 'scenario')}, {turns}, {size:,} bytes")
    if extract and done:
        from addon.recording.fixtures import extract_file

        for line in extract_file(out, extract):
            print(line)
    if bad := [result.case.name for result in results if result.why]:
        rest = f"; {out} holds the others" if done else "; nothing was written"
        raise RecordingError(f"{count(len(bad), 'scenario')} did not end as scripted ({', '.join(bad)}){rest}")
    if not extract:
        print(f"Next: codex-relay fixtures extract {out}, or codex-relay replay {out} --check")
    return 0


def _progress(most: int) -> Any:
    done = 0

    def tell(played: Played) -> None:
        nonlocal done
        done += 1
        word = "FAILED" if played.why else "ok"
        turns = f"{count(played.turns, 'turn')}, " if not played.why else ""
        _tell(f"[{done:>3}/{most}] {word:<6} {played.case.name} ({turns}{played.seconds:.1f} s)")
        if played.why:
            _tell("".join(f"{'':10}{line}\n" for line in played.why.splitlines()).rstrip("\n"))

    return tell


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def codex_program(wanted: str) -> Path:
    """The Codex that is meant; a version that is not there is installed. Raises RecordingError."""
    from addon.codex.install import CodexMissing, cached, find_codex, install, latest

    try:
        if os.sep in wanted:
            return find_codex(wanted).absolute()
        version = latest() if wanted == "latest" else wanted
        if not _VERSION.fullmatch(version):
            raise UsageError(f"{wanted!r} is neither a version of Codex, such as 0.169.0, nor a path to one")
        if not os.access(cached(version), os.X_OK):
            _tell(f"Installing Codex {version} through npm (about 100 MB) ...")
        return install(version)
    except CodexMissing as problem:
        raise RecordingError(" ".join(str(problem).split())) from None


def _version_of(codex: Path) -> str:
    import subprocess

    from addon.codex.install import version_of

    try:
        found = _VERSION.search(version_of(codex))
    except (OSError, subprocess.SubprocessError) as problem:
        raise RecordingError(f"{codex} --version does not work: {problem}") from None
    if found is None:
        raise RecordingError(f"{codex} --version prints no version; is it the Codex CLI?")
    return found[0]
