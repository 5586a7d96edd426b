"""`codex-relay` without a command, and `codex-relay serve`: the relay in front of a provider, until it is stopped."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from addon.cli import choosing, environment, serving
from addon.cli.arguments import set_values
from addon.cli.choosing import KEY
from addon.cli.environment import BIND, UPSTREAM, Given
from addon.cli.serving import PORT, ServeError, UsageError
from addon.providers import KEY as WHOLE_KEY

if TYPE_CHECKING:
    from addon.providers import Provider

ANNOUNCE = Path(__file__).with_name("announce.py")
CHILD = ANNOUNCE.with_name("child.py")
WEB_PORT = 8081  # mitmweb's own default


def add(commands: Any) -> None:
    """Declare `serve`."""
    parser = commands.add_parser(
        "serve",
        usage="codex-relay serve [-h] [UPSTREAM] [OPTION ...] [-- MITMPROXY_OPTION ...]",
        help="start the relay in front of a provider (the same as no command)",
        description="Starts the relay and stays, as codex-relay does without a command. What follows -- goes to "
        "mitmproxy as it is.",
        epilog="Example: codex-relay serve https://api.deepseek.com -- --set block_list=:~u/secret:444",
        allow_abbrev=False,
    )
    parser.add_argument("positional", nargs="?", metavar="UPSTREAM", help="the provider's base URL, as --upstream")
    add_options(parser)
    parser.set_defaults(run=run, passes_on=True)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare all that can be said at a start. Nothing of it has a default in the namespace."""
    environment.add(parser)
    more = parser.add_argument_group("how it runs")
    _flag(more, "web", "under mitmweb, to look at every turn in a browser")
    _flag(more, "no-models", "do not ask the provider for its models at the start")
    config = parser.add_argument_group("Codex's configuration", "see also: codex-relay config")
    _flag(config, "print-config", "print what config.toml has to say, and stop")
    path = config.add_argument("--model-catalog", type=Path, metavar="PATH", help="with it: write the models there")
    name = config.add_argument("--model-template", metavar="MODEL", help="taken and not needed: models are described "
                               "by what is known of them, not by another model's entry")  # fmt: skip
    for action in (path, name):
        action.dest, action.default = f"start {action.dest.replace('_', '-')}", argparse.SUPPRESS


def _flag(group: Any, name: str, text: str) -> None:
    group.add_argument(f"--{name}", dest=f"start {name}", action="store_true", default=argparse.SUPPRESS, help=text)


def given_options(arguments: argparse.Namespace) -> list[str]:
    """The flags of a start that the command line gave."""
    return [f"--{name.removeprefix('start ')}" for name in vars(arguments) if name.startswith("start ")]


# --- what was asked for -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """One start. providers: with the keys that are known here. several: as written, "" for one.
    key: the relay's own as mitmproxy's option has it (env:NAME); "" when the client's is passed on.
    variables: to be set for mitmproxy. rest: what is passed on to it beside the relay's own settings."""

    given: Given
    providers: tuple[Provider, ...]
    several: str = ""
    key: str = ""
    port: int = PORT
    bind: str = BIND
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()

    @property
    def first(self) -> Provider:
        return self.providers[0]

    def options(self) -> dict[str, str]:
        """The relay's options."""
        one = {} if self.several else choosing.options_of(self.first, self.key.removeprefix("env:"))
        where = {"relay_providers": self.several} if self.several else one
        return {**where, **self.given.options(), **_other_options(self.given)}


def plan(arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Plan:
    """What the flags and variables come to. Raises UsageError, one line with the remedy."""
    flags, words = environment.flags_of(arguments), vars(arguments)
    passed, rest = environment.taken(words.get("passed_on", ()))
    if positional := words.get("positional"):
        flags["upstream"] = _positional(positional, flags)
    if "start model-catalog" in words and "start print-config" not in words:
        raise UsageError("--model-catalog goes with --print-config; a running relay tells Codex its models itself")
    given = environment.settled(flags, environ, passed)
    notes = list(given.notes)
    if "start model-template" in words:
        notes.append("--model-template is not needed: models are described by what is known of them")
    if names := given.get("disable-quirks"):
        names, more = environment.quirks(names, given.sources["disable-quirks"])
        given = replace(given, values={**given.values, "disable-quirks": names})
        notes += more
    made = _where(given, environ)
    port = given.get("port")
    return replace(
        made,
        port=PORT if port == "" else port,
        bind=given.get("bind") or BIND,
        notes=(*notes, *made.notes),
        rest=tuple(rest),
    )


def _positional(text: str, flags: Mapping[str, Any]) -> str:
    if given := [f"--{name}" for name in ("upstream", "provider", "providers") if name in flags]:
        raise UsageError(f"{given[0]} and UPSTREAM both say where requests go; keep one of them")
    try:
        return environment.base_url(text)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"UPSTREAM: {error}") from None


def _where(given: Given, environ: Mapping[str, str]) -> Plan:
    """Providers and whose key is used."""
    named = {name: given.get(name) or None for name in ("upstream", "provider", "providers")}
    if not any(named.values()):
        named["upstream"] = UPSTREAM
    try:
        choice = choosing.chosen(argparse.Namespace(**named), environ)
    except ServeError as error:
        raise UsageError(f"{_source(given)}{error}") from None
    assert choice is not None
    if choice.several:
        return Plan(given, choice.providers, choice.several, notes=_no_single_key(given))
    provider = choice.providers[0]
    foreign = _foreign_key(given, named, provider, environ)
    option, variables = ("", {}) if foreign else _key(given, environ)
    if "api-key" in given.values and not foreign:
        own = option and (variables.get(KEY) or environ.get(option.removeprefix("env:"), "").strip())
        provider = replace(provider, key=own or provider.key)
    if not option and "--api-key" not in given.sources.values() and named["provider"]:
        if provider.key:
            option = f"env:{provider.variable}"
    return Plan(given, (provider,), key=option, variables=variables, notes=foreign)


def _foreign_key(
    given: Given, named: Mapping[str, str | None], provider: Provider, environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Why a key that stands in CODEX_RELAY_API_KEY is not for this provider, in a note: it was put there for the place
    that another variable names, which a flag has displaced; or the named provider has a key of its own."""
    source = given.sources.get("api-key", "")
    if not source or source.startswith("--"):
        return ()
    if named["provider"] and provider.key:
        return (f"{source} is not used: {provider.name} has its own key in {provider.variable}",)
    other = choosing.displaced(named, environ)
    return (f"{source} is not used: it is for {other}; name this key by --api-key",) if other else ()


def _source(given: Given) -> str:
    """The variable that says where requests go, for a complaint; flags are before the user's eyes."""
    sources = (given.sources.get(name, "") for name in ("upstream", "provider", "providers"))
    return next((f"{source}: " for source in sources if source and not source.startswith("--")), "")


def _no_single_key(given: Given) -> tuple[str, ...]:
    source = given.sources.get("api-key", "")
    if source.startswith("--"):
        raise UsageError(f"{source} can't be meant for several providers; each has its own variable: NAME#KEY_VARIABLE")
    return (f"{source} is not used: with several providers each has its own key",) if source else ()


def _key(given: Given, environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """(the relay's option, variables to set) for the key that was given. The key itself only ever is in a variable:
    command lines are seen by everybody on the machine, and options by everybody who looks at mitmweb."""
    text, source = given.get("api-key"), given.sources.get("api-key", "")
    if not text:
        return "", {}
    name = choosing.named_variable(text, environ)
    if text.startswith(("$", "env:")) and not choosing.VARIABLE.fullmatch(name):
        raise UsageError(f"{source}: what follows $ or env: is not the name of an environment variable")
    if not name and not WHOLE_KEY.fullmatch(text):
        raise UsageError(
            f"{source}: the key holds spaces or characters that a header can't carry; check how it was copied"
        )
    if not name:
        return f"env:{KEY}", {KEY: text}
    if not environ.get(name, "").strip():
        raise UsageError(f"{source} names the environment variable {name}, which is not set; export {name}=...")
    return f"env:{name}", {}


def _other_options(given: Given) -> dict[str, str]:
    options = {}
    if quirks := given.get("disable-quirks"):
        options["relay_disable_quirks"] = quirks
    store = given.get("history-store")
    if store == "disk":
        options["relay_history"] = given.get("history-dir") or ".codex-relay-history"
    elif store == "off":
        options["relay_history"] = "off"
    words = {"session-ttl-hours": "hours", "max-sessions": "turns", "max-session-memory-mb": "mb"}
    if limits := [f"{word}={given.get(name)}" for name, word in words.items() if given.get(name)]:
        options["relay_history_limits"] = ",".join(limits)
    # A field that is also set is set: the same answer as leaving it out first.
    if (drop := given.get("drop-upstream-params")) and (extra := given.get("upstream-extra-params")):
        import json

        options["relay_drop_params"] = ",".join(name for name in drop.split(",") if name not in json.loads(extra))
    return options


# --- the start --------------------------------------------------------------------------------------------------------


def run(arguments: argparse.Namespace) -> int:
    """Start and stay. Raises UsageError and ServeError."""
    made = plan(arguments)
    os.environ.update(made.variables)
    _hide_key(arguments)
    for note in made.notes:
        print(f"codex-relay: note: {note}", file=sys.stderr)
    if "start print-config" in vars(arguments):
        return _print_config(made, getattr(arguments, "start model-catalog", None), made.rest)
    if "#" in (made.given.get("provider") or "") and not made.providers[0].key and not made.key:
        from addon.providers import missing_key

        raise UsageError(missing_key(made.providers[0]))  # it was named on purpose
    passed_on = made.rest
    serving.check_folder(passed_on)
    serving.check_port(made.port, passed_on, made.bind)
    _check(made, passed_on)
    tool = "mitmweb" if "start web" in vars(arguments) else "mitmdump"
    shown = [*_mitmproxy_options(made, passed_on), *(_web(passed_on) if tool == "mitmweb" else []), *passed_on]
    print(f"The same as: {tool} {serving.for_showing(shown)}", flush=True)
    own = ["-s", str(ANNOUNCE), "-s", str(CHILD)]
    if "start no-models" in vars(arguments):
        own += ["--set", "announce_models=false"]
    from addon.cli import engine

    return engine.run(tool, [*shown[:2], *own, *shown[2:]])


def _check(made: Plan, passed_on: Sequence[str]) -> None:
    """Raises UsageError for what the relay would refuse: in the user's words, before mitmproxy says anything."""
    from mitmproxy.exceptions import OptionsError

    from addon import options, settings

    values = {name: default for name, (default, _) in options.OPTIONS.items()}
    passed = _passed(passed_on)
    try:
        settings.refuse_unknown(name for name in passed if name not in options.WATCHED)
        passed.pop(options.PATTERNS, None)  # it may be given often
        settings.parse(values | made.options() | passed, [made.first.upstream], os.environ)
    except OptionsError as error:
        raise UsageError(made.given.in_users_words(str(error))) from None
    if (path := made.given.get("record")) and not any(word in ("-w", "--save-stream-file") for word in passed_on):
        _check_recording(path)


def _passed(words: Sequence[str]) -> dict[str, str]:
    """The relay's options that mitmproxy's words set."""
    return {name: value for name, value in set_values(words).items() if name.startswith("relay_")}


def _check_recording(path: Path) -> None:
    """What is added to a file that can't be read to its end can't be read either. Raises ServeError."""
    if path.is_dir():
        raise ServeError(f"{path} is a folder; name a file in it, such as {path / 'session.flow'}")
    if not path.absolute().parent.is_dir():
        raise ServeError(f"{path} can't be written: there is no folder {path.absolute().parent}")
    if path.exists() and path.stat().st_size:
        from addon.recording.flows import damage_of

        if damage := damage_of(path):
            raise ServeError(f"{path} can't be added to: {damage}; record into another file")


def _mitmproxy_options(made: Plan, passed_on: Sequence[str]) -> list[str]:
    from addon import demo

    upstream = made.first.upstream
    # In front of https mitmproxy also listens for HTTP/3, which crashes 11.0.2 on an IPv6 address. Where requests go is
    # said by the relay's own options.
    scheme = "http" if ":" in made.bind else upstream.scheme
    words = ["-s", str(demo.relay_script()), "--mode", f"reverse:{scheme}://{upstream.authority}@{made.port}"]
    if not any("listen-host" in word or "listen_host" in word for word in passed_on):
        words += ["--listen-host", made.bind]
    options = {name: value for name, value in made.options().items() if name not in _passed(passed_on)}
    if (level := environment.verbosity(os.environ)) and not any("termlog_verbosity" in word for word in passed_on):
        options["termlog_verbosity"] = level
    if path := made.given.get("record"):
        # mitmproxy takes % as the start of a date, and + as the wish to add to the file.
        words += ["-w", f"+{str(path.absolute()).replace('%', '%%')}"]
    return words + [word for name, value in options.items() if value for word in ("--set", f"{name}={value}")]


def _web(passed_on: Sequence[str]) -> list[str]:
    """mitmweb on loopback, on another port when its own is taken; no browser where nobody is looking."""
    from addon import processes

    words = []
    if not any("web-host" in word or "web_host" in word for word in passed_on):
        words += ["--web-host", "127.0.0.1"]
    if not any("web-port" in word or "web_port" in word for word in passed_on):
        words += ["--web-port", str(processes.free_port() if processes.why_not_listen(WEB_PORT) else WEB_PORT)]
    if not sys.stdout.isatty() and not any("open-browser" in word or "open_browser" in word for word in passed_on):
        words += ["--no-web-open-browser"]
    return words


def _hide_key(arguments: argparse.Namespace) -> None:
    """Start again with a key of the command line in a variable, out of the list of processes."""
    passed, _ = environment.taken(arguments.passed_on)
    key = {**environment.flags_of(arguments), **passed}.get("api-key", "")
    own = sys.argv[1:]
    if os.name != "posix" or not key or os.environ.get(KEY) != key or sys.orig_argv[-len(own) :] != own:
        return
    # It stays a key that the command line names: one in the variable alone could be another place's.
    said = re.compile(rf"(?P<how>--api-key=|(--set=)?relay_api_key=)?{re.escape(key)}")
    named = [rf"{found['how'] or ''}env:{KEY}" if (found := said.fullmatch(word)) else word for word in own]
    if named == own:
        return  # called with other arguments than the process has
    before = sys.orig_argv[1 : len(sys.orig_argv) - len(own)]
    os.execv(sys.executable, [sys.executable, *before, *named])


# --- Codex's configuration --------------------------------------------------------------------------------------------


def _print_config(made: Plan, catalog: Path | None, passed_on: Sequence[str]) -> int:
    """What config.toml has to say about this relay; the models come from the provider."""
    import asyncio
    import json

    from addon.codex.entry import Entry, config_text, version_on_path

    choice = choosing.Chosen(made.providers, made.several)
    offer = asyncio.run(choosing.ask(choice, passed_on))
    for failure in offer.failures:
        print(f"codex-relay: note: {failure}", file=sys.stderr)
    has_key = made.key or made.several
    entry = Entry(
        base_url=serving.base_url(made.bind, made.port or PORT),
        model=offer.first.slug if offer.first else "",
        codex=version_on_path(),
        key_variable="" if has_key else made.first.variable,
        title=choice.title,
    )
    if not offer.first:
        print("codex-relay: note: no model is known; add a line: model = NAME", file=sys.stderr)
    if catalog and not offer.models:
        print(f"codex-relay: note: without models there is no catalog; {catalog} was not written", file=sys.stderr)
    elif catalog:
        try:
            catalog.expanduser().write_text(json.dumps(choosing.catalog(offer), indent=1))
        except OSError as error:
            raise ServeError(f"{catalog} can't be written: {error.strerror or error}") from None
        print(f"codex-relay: {catalog}: {len(offer.models)} models", file=sys.stderr)
        entry = replace(entry, catalog_file=str(catalog.expanduser().absolute()))
    print(config_text(entry), end="")
    return 0
