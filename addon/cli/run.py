"""`codex-relay run`: the relay on a free port and Codex in front of it, and nothing left of either afterwards."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from addon.cli import choosing, serving, terminal
from addon.cli.arguments import set_values
from addon.cli.serving import ServeError, UsageError
from addon.cli.signals import passed_on
from addon.processes import WEB_PASSWORD

if TYPE_CHECKING:
    from addon.codex.entry import Entry
    from relay_translate.catalog import CatalogModel

CHILD = Path(__file__).with_name("child.py")
START_LIMIT = 60.0  # seconds until the relay listens
NO_KEY = "CODEX_RELAY_NO_KEY"  # a variable for a Codex that can be given a key in no other way; it holds none
LOG_TAIL = 15  # lines
CODEX_PATIENCE = 3.0  # seconds that Codex may take to end when its relay has
_ROUTINE = re.compile(r"\bclient (dis)?connect$|\blistening at |Loading script |Bad HTTP request")


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "run",
        usage="codex-relay run [-h] [--provider NAME | --upstream URL | --providers A,B] [--model MODEL] [--web]\n"
        "                       [--record FILE] [--fallback MODELS] [--codex VERSION|PATH] [--set NAME=VALUE]\n"
        "                       [--verbose] [-- CODEX_ARGUMENT ...]",
        help="start the relay and Codex together, without any configuration",
        description="Starts the relay on a free loopback port and Codex in front of it. No file is changed: Codex is "
        "told by -c on its command line. What follows -- is Codex's own; the relay stops with it, and its exit status "
        "is Codex's. The relay takes the key from the provider's environment variable; Codex is told of none, but its "
        "environment is yours. Without a provider the first known one is taken whose variable is set.",
        epilog='Examples: codex-relay run; codex-relay run --provider deepseek -- exec "fix the tests"; '
        "codex-relay run --upstream http://127.0.0.1:8080/v1 -- resume --last",
    )
    choosing.add(parser)
    parser.add_argument("--model", metavar="MODEL", help="the model (the first of the provider's that calls tools)")
    parser.add_argument("--fallback", metavar="MODELS", help="models that take over while it fails, in order")
    parser.add_argument("--web", action="store_true", help="under mitmweb: its address is told before Codex starts")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write a flow file, see codex-relay replay")
    parser.add_argument("--codex", metavar="VERSION|PATH", help="which Codex (the one on PATH)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the relay")
    parser.add_argument("--verbose", action="store_true", help="tell the commands, and keep the relay's log")
    parser.add_argument("misplaced", nargs="*", help=argparse.SUPPRESS)
    parser.set_defaults(run=_run, passes_on=True)


@dataclass
class Session:
    """One run: what was asked for, and the private folder of the relay's log and of Codex's catalog."""

    arguments: argparse.Namespace
    choice: choosing.Chosen
    program: Path
    port: int
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)  # for the relay alone
    token: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)  # mitmweb's password
    web_port: int = 0
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="codex-relay-run-")).resolve())

    @property
    def codex_words(self) -> list[str]:
        return list(self.arguments.passed_on)

    @property
    def named_model(self) -> str:
        """The model that the user said, in our words or in Codex's."""
        from addon.codex.overrides import model_in

        return self.arguments.model or model_in(self.codex_words)

    @property
    def web(self) -> str:
        """Where mitmweb is looked at; mitmproxy 11 asks for no password, and the user may have set another."""
        own = any(setting.startswith("web_password=") for setting in self.arguments.set)
        return f"http://127.0.0.1:{self.web_port}/{'' if own else f'?token={self.token}'}" if self.web_port else ""

    @property
    def log(self) -> Path:
        return self.folder / "relay.log"

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def tell(self, text: str) -> None:
        print(f"codex-relay: {text}", file=sys.stderr, flush=True)

    def explain(self, text: str) -> None:
        if self.arguments.verbose:
            self.tell(text)


def _run(arguments: argparse.Namespace) -> int:
    from addon import demo, processes
    from addon.cli.record import check_file
    from addon.demo.screen import Screen

    if arguments.misplaced:
        words = shlex.join([*arguments.misplaced, *arguments.passed_on])
        raise UsageError(f"what is for Codex stands behind --, like this: codex-relay run -- {words}")
    choice = choosing.by_words(arguments) or choosing.by_environment()
    choice, variables = _with_key(choice, arguments)
    choosing.check_key(choice)
    if arguments.record:
        check_file(arguments.record, may_exist=False, remedy="remove it, or name another file")
    session = Session(arguments, choice, find_program(arguments.codex or ""), processes.free_port(), variables)
    session.web_port = processes.free_port() if arguments.web else 0
    try:
        return asyncio.run(demo.cancellable(_play(session), Screen()))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        if arguments.verbose:
            session.tell(f"the relay's log is {session.log}")
        else:
            shutil.rmtree(session.folder, ignore_errors=True)


def _with_key(choice: choosing.Chosen, arguments: argparse.Namespace) -> tuple[choosing.Chosen, dict[str, str]]:
    """A key that was set as the relay's option, taken out of its words: everybody on the machine sees those. Gives the
    choice with it, and the variable that it stands in. Raises UsageError."""
    keys = [setting for setting in arguments.set if setting.startswith("relay_api_key=")]
    if not keys or not (text := keys[-1].partition("=")[2].strip()):
        return choice, {}
    if choice.several:
        raise UsageError(
            "--set relay_api_key can't be meant for several providers; each has its own: NAME#KEY_VARIABLE"
        )
    arguments.set = [setting for setting in arguments.set if setting not in keys]
    name = choosing.named_variable(text, os.environ)
    first = replace(choice.providers[0], variable=name or choosing.KEY, key=os.environ.get(name, "") if name else text)
    return replace(choice, providers=(first,)), {} if name else {choosing.KEY: text}


def find_program(wanted: str) -> Path:
    """The Codex that is meant; a version that is not in the cache is installed. Raises ServeError, RecordingError."""
    from addon.cli.record import codex_program

    if wanted:
        return codex_program(wanted)
    if found := shutil.which("codex"):
        return Path(found)
    raise ServeError("Codex is not on PATH; install it (npm install -g @openai/codex) or name one with --codex PATH")


async def _play(session: Session) -> int:
    async with _relay(session) as relay:
        start, _ = await asyncio.gather(_prepared(session), _until_started(session, relay))
        if session.web:
            session.tell(f"mitmweb: {session.web}")
        session.tell(start.summary)
        session.explain(serving.for_showing(start.command))
        status = await _codex(start, relay)
        if relay.returncode is not None:
            last = "\n".join(_lines(session.log)[-LOG_TAIL:])
            session.tell(f"the relay ended while Codex ran (status {relay.returncode}); the end of its log:\n{last}")
            return status or 1
        return status


# --- the relay --------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _relay(session: Session) -> AsyncIterator[asyncio.subprocess.Process]:
    """mitmdump or mitmweb, starting; its output goes to the log, so that the terminal is Codex's alone."""
    from addon import processes

    options = _relay_options(session)
    command = processes.mitmproxy_tool("mitmweb" if session.web else "mitmdump", *options)
    environment = {**os.environ, **session.variables, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    if session.web:
        environment[WEB_PASSWORD] = session.token
    session.explain(f"log {session.log}")
    session.explain(f"relay {serving.for_showing(options)}")
    with session.log.open("wb") as log:
        async with processes.running(command, Path.cwd(), environment, stdout=log.fileno()) as process:
            yield process


def _relay_options(session: Session) -> list[str]:
    from addon import demo

    arguments = session.arguments
    options = ["-s", str(demo.relay_script()), "-s", str(CHILD), *session.choice.relay_options(session.port)]
    if arguments.fallback:
        options += ["--set", f"relay_fallback={arguments.fallback}"]
    if arguments.record:
        options += ["-w", str(arguments.record.absolute()).replace("%", "%%")]
    if session.web:
        own = [f"web_port={session.web_port}", "web_host=127.0.0.1", "web_open_browser=false"]
        options += [word for one in own for word in ("--set", one)]
    return options + [word for setting in arguments.set for word in ("--set", setting)]


async def _until_started(session: Session, relay: asyncio.subprocess.Process) -> None:
    from addon import processes
    from addon.cli.session import reason

    if not await processes.answers(relay, session.port, START_LIMIT):
        said = [line for line in _lines(session.log) if not _ROUTINE.search(line)]
        raise ServeError(f"the relay did not start: {reason(said)}")


def _lines(log: Path) -> list[str]:
    return [line for line in log.read_text(errors="replace").splitlines() if line.strip()]


# --- Codex ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """How Codex is started, and a line about it for the user."""

    command: list[str]
    environment: dict[str, str]
    summary: str


async def _prepared(session: Session) -> Start:
    """What has to be asked for is asked for while the relay starts. Raises ServeError."""
    from addon.codex.entry import CATALOG_FILE_SINCE, TOKEN, TOKEN_SINCE, Entry, override_words, version_text
    from addon.codex.overrides import entry_id, past_the_file, profile_in
    from addon.codex.versions import parse

    text, table = await asyncio.to_thread(version_text, session.program), _users_table()
    version, named = parse(text), session.named_model
    old = version < TOKEN_SINCE
    entry = Entry(
        base_url=session.base_url, codex=version, title=session.choice.title, key_variable=NO_KEY if old else ""
    )
    offer = await choosing.ask(session.choice, _relay_options(session))
    for doubt in _doubts(session):
        session.tell(f"note: {doubt}")
    is_listed = bool(named and offer.find(named))
    if named:
        for failure in offer.failures:
            session.tell(f"note: {failure}")
        offer = choosing.with_model(session.choice, offer, named)
    model = offer.find(named) if named else _first_model(session, offer)
    # The catalog that Codex asks for holds what the provider lists, and no other name.
    by_file = _takes_file(entry, table) or (bool(named) and not is_listed and version >= CATALOG_FILE_SINCE)
    entry = replace(
        entry,
        id=entry_id(table, entry),
        model=named or (model.slug if model else ""),
        catalog_file=_catalog_file(session, offer) if by_file else "",
    )
    window = model.facts.context_window if model else None
    words = override_words(entry) + past_the_file(table, profile_in(session.codex_words, table), entry, window)
    environment = {**os.environ, **_no_proxy(os.environ), **({NO_KEY: TOKEN} if old else {})}
    environment.pop(WEB_PASSWORD, None)  # whoever has it looks at every turn
    provider, chosen = session.choice.described, "" if named else " (the first with tools, see --model)"
    summary = f"{provider}, {entry.model}{chosen}, Codex {text or 'of a version it does not tell'}"
    return Start([str(session.program), *words, *session.codex_words], environment, summary)


def _doubts(session: Session) -> list[str]:
    """Names of models that no list has which was just asked for; the relay's own words are in a log that goes."""
    from mitmproxy.exceptions import OptionsError

    from addon import model_lists, options, routing, settings

    first, named = session.choice.providers[0], session.named_model
    values = {name: default for name, (default, _) in options.OPTIONS.items()}
    values |= {name: value for name, value in set_values(_relay_options(session)).items() if name in values}
    try:
        parsed = settings.parse(values, [first.upstream], {**os.environ, **session.variables})
    except OptionsError:  # the relay has more to say about it
        return []
    found = routing.unlisted(parsed, [first.upstream])
    place = routing.place_for(parsed, first.upstream, named)
    if named and (why := model_lists.not_listed(place.upstream, place.model)):
        found.append(f"model {named}: {place.provider or place.upstream.authority} {why}")
    return [line.replace("relay_fallback", "--fallback") if session.arguments.fallback else line for line in found]


def _users_table() -> dict[str, Any]:
    from addon.codex.config_file import ConfigFileError, codex_home, read

    try:
        return read(codex_home()).table
    except ConfigFileError:  # Codex itself has more to say about it
        return {}


def _takes_file(entry: Entry, table: Mapping[str, Any]) -> bool:
    """Whether the catalog has to be a file: by Codex's version, or since a file that the user set would win."""
    from addon.codex.entry import CATALOG_FILE_SINCE

    return entry.codex >= CATALOG_FILE_SINCE and (entry.needs_catalog_file or "model_catalog_json" in table)


def _catalog_file(session: Session, offer: choosing.Offer) -> str:
    if not offer.models:
        return ""
    path = session.folder / "catalog.json"
    path.write_text(json.dumps(choosing.catalog(offer)))
    return str(path)


def _first_model(session: Session, offer: choosing.Offer) -> CatalogModel:
    """Raises ServeError."""
    first = offer.first
    if first is None:
        why = "; ".join(offer.failures) or f"{session.choice.label} lists no model that calls tools"
        remedy = "codex-relay doctor tells more" if offer.failures else "name a model with --model"
        raise ServeError(f"{why}; {remedy}" if remedy not in why else why)
    return first


def _no_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """The relay is on this machine: a proxy of the environment can't reach it."""
    if not any(name.lower() in {"http_proxy", "all_proxy"} for name in environ):
        return {}
    kept = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    value = ",".join(filter(None, [kept, "127.0.0.1"]))
    return {"NO_PROXY": value, "no_proxy": value}


async def _codex(start: Start, relay: asyncio.subprocess.Process | None = None) -> int:
    """Codex on our own terminal and in our own process group, so that keys, sizes and Ctrl-Z are between those two.
    It ends with the relay: without one it would try to reach it for ever. Then the status is 1."""
    with passed_on() as forward, terminal.kept() as restore:
        try:
            process = await asyncio.create_subprocess_exec(*start.command, env=start.environment)
        except OSError as error:
            raise ServeError(f"{start.command[0]} can't be started: {error.strerror or error}") from None
        forward(process)
        ends = [asyncio.ensure_future(one.wait()) for one in (process, relay) if one is not None]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in ends:
                one.cancel()
        if process.returncode is None:
            await _end(process)
            restore()
            return 1
        status = process.returncode
    return status if status >= 0 else 128 - status


async def _end(process: asyncio.subprocess.Process) -> None:
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(kind)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), CODEX_PATIENCE)
            return
