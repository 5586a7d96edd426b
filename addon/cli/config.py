"""`codex-relay config`: the provider entry for Codex's config.toml, printed, merged into the file, or taken out."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from addon.cli import choosing, environment
from addon.cli.arguments import port
from addon.cli.serving import PORT, ServeError, UsageError, base_url
from relay_translate.transcript import count

if TYPE_CHECKING:
    from addon.codex.config_file import ConfigFile
    from addon.codex.entry import Entry

CATALOG = "codex-relay-models.json"  # in Codex's folder
_PORT, _BIND = "CODEX_RELAY_PORT", "CODEX_RELAY_BIND"
LIMIT = 6.0  # seconds a relay may take for its list; it gives a provider four


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "config",
        usage="codex-relay config [-h] [--port PORT] [--bind ADDRESS]\n"
        "                          [--provider NAME | --upstream URL | --providers A,B] [--model MODEL]\n"
        "                          [--env-key NAME] [--codex-version VERSION] [--home DIR] [--catalog-file PATH]\n"
        "                          [--write | --undo [--keep-changes]]",
        help="print the entry for Codex's config.toml, or write it there",
        description="Prints what Codex has to be told to use a relay that stays (codex-relay run needs none of it). "
        "--write merges it into config.toml, where comments and everything else stay as they are, and keeps the older "
        "file beside it; --undo puts that back. The entry fits the Codex on PATH; without --model, the relay that is "
        "running on this port, or the provider, is asked for its models. CODEX_RELAY_PORT, _BIND, _PROVIDER, "
        "_PROVIDERS and _UPSTREAM count as they do for the relay.",
        epilog="Examples: codex-relay config --provider deepseek --write; codex-relay config --undo",
    )
    choosing.add(parser)
    parser.add_argument("--port", type=port, help=f"where the relay listens ({PORT})")
    parser.add_argument("--bind", type=environment.address, metavar="ADDRESS", help="and at which IP address (the "
                        "relay's --bind)")  # fmt: skip
    parser.add_argument("--model", metavar="MODEL", help="the model (the first that calls tools)")
    parser.add_argument(
        "--env-key", metavar="NAME", help="Codex sends the key in this variable, for a relay that has none of its own"
    )
    parser.add_argument("--codex-version", metavar="VERSION", help="the Codex that is meant (the one on PATH)")
    parser.add_argument("--home", metavar="DIR", default="", help="Codex's folder ($CODEX_HOME, or ~/.codex)")
    parser.add_argument("--catalog-file", type=Path, metavar="PATH", help="write the models for Codex 0.107 to 0.162")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help="merge the entry into config.toml")
    what.add_argument("--undo", action="store_true", help="put config.toml back as it was before --write")
    parser.add_argument("--keep-changes", action="store_true", help="with --undo: only take out what --write put in")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from addon.codex.config_file import ConfigFileError, codex_home, read
    from addon.codex.entry import EntryError

    if arguments.keep_changes and not arguments.undo:
        raise UsageError("--keep-changes goes with --undo; leave it out")
    _take_variables(arguments)
    try:
        file = read(_folder(codex_home(arguments.home), given=bool(arguments.home)))
        return _undo(arguments, file) if arguments.undo else _offer(arguments, file)
    except EntryError as error:
        raise UsageError(str(error)) from None
    except ConfigFileError as error:
        raise ServeError(str(error)) from None


def _take_variables(arguments: argparse.Namespace) -> None:
    """Where the relay listens, as far as no flag says it: a relay that is started here listens there. Raises
    UsageError."""
    given = environment.settled({}, {name: os.environ.get(name, "") for name in (_PORT, _BIND)})
    if arguments.port is None and given.get("port") == 0:
        raise UsageError(f"{_PORT} is 0, another port each time; name the one that the relay told: --port PORT")
    arguments.usual_port = given.get("port") or PORT
    arguments.port = arguments.port or arguments.usual_port
    arguments.usual_bind = given.get("bind") or environment.BIND
    arguments.bind = arguments.bind or arguments.usual_bind


def _folder(home: Path, *, given: bool) -> Path:
    if given and not home.is_dir():
        raise ServeError(f"there is no folder {home}; --home names Codex's folder, usually ~/.codex")
    return home


def _tell(text: str) -> None:
    print(f"codex-relay: {text}", file=sys.stderr)


# --- the entry --------------------------------------------------------------------------------------------------------


def _offer(arguments: argparse.Namespace, file: ConfigFile) -> int:
    """Prints or writes the entry; what there is to say about it goes to standard error."""
    from addon.codex.config_file import foreign, remarks
    from addon.codex.entry import config_text

    entry, models = _entry(arguments)
    own_catalog = (arguments.catalog_file or file.path.parent / CATALOG).absolute()
    if entry.needs_catalog_file and (arguments.write or arguments.catalog_file):
        entry = _with_catalog(entry, own_catalog, models)
    elif entry.needs_catalog_file:
        _tell("this Codex takes the models from a file: --write, or --catalog-file PATH, makes it")
    for remark in remarks(file, entry, own_catalog):
        _tell(f"note: {remark}")
    if arguments.write:
        _write(file, entry, own_catalog)
    else:
        print(config_text(entry), end="")
        if why := foreign(file, entry):
            _tell(f"note: {why}")
    if words := _relay_command(arguments):
        _tell(f"the relay itself is started with: {shlex.join(words)}")
    return 0


def _relay_command(arguments: argparse.Namespace) -> list[str]:
    """The relay that the entry expects; nothing when it is one that is there already."""
    for name in ("provider", "upstream", "providers"):
        if value := getattr(arguments, name):
            where = [] if arguments.port == arguments.usual_port else ["--port", str(arguments.port)]
            where += [] if arguments.bind == arguments.usual_bind else ["--bind", arguments.bind]
            return ["codex-relay", f"--{name}", value, *where]
    return []


def _entry(arguments: argparse.Namespace) -> tuple[Entry, dict[str, Any]]:
    """The entry, and Codex's catalog as far as anybody tells it."""
    from addon.codex.entry import Entry, version_on_path
    from addon.codex.versions import NEWEST, parse

    version = parse(arguments.codex_version) if arguments.codex_version else version_on_path()
    if arguments.codex_version and version == NEWEST:
        raise UsageError(f"{arguments.codex_version!r} is no version of Codex; write it like 0.169.0")
    if not arguments.codex_version and version == NEWEST:
        _tell("note: there is no Codex on PATH; this is for 0.163 and later, see --codex-version")
    choice = choosing.chosen(arguments)
    described = choice or choosing.by_words(arguments)
    entry = Entry(
        base_url=base_url(arguments.bind, arguments.port),
        model=arguments.model or "",
        codex=version,
        key_variable=arguments.env_key or "",
        title=described.title if described else "",
    )
    if entry.model and not entry.needs_catalog_file:
        return entry, {}
    model, models = _of_provider(choice, entry) if choice else _of_relay(entry, described)
    return replace(entry, model=entry.model or model), models


def _of_provider(choice: choosing.Chosen, entry: Entry) -> tuple[str, dict[str, Any]]:
    """(the first model, catalog) as the providers list them."""
    offer = choosing.with_model(choice, asyncio.run(choosing.ask(choice)), entry.model)
    for failure in offer.failures:
        _tell(f"note: {failure}")
    if offer.first is None and not entry.model:
        _tell("note: no model is known; add --model NAME")
    return (offer.first.slug if offer.first else ""), choosing.catalog(offer) if offer.models else {}


def _of_relay(entry: Entry, by_variables: choosing.Chosen | None) -> tuple[str, dict[str, Any]]:
    """(the first model, catalog) as a relay tells them that is running there, or else the providers of the one that
    would be started here."""
    try:
        models = _ask_relay(entry)
    except ServeError as why:
        if by_variables:
            return _of_provider(by_variables, entry)
        if not entry.model or entry.needs_catalog_file:
            what = "--provider NAME" if entry.model else "--model NAME or --provider NAME"
            _tell(f"note: no model is known, {why}; add {what}")
        return "", {}
    shown = [one["slug"] for one in models if one.get("visibility") == "list"]
    return (shown[0] if shown else ""), {"models": models}


def _ask_relay(entry: Entry) -> list[dict[str, Any]]:
    """The entries of its catalog, one at least. Raises ServeError with the reason why there are none."""
    import httpx

    where, version = f"{entry.base_url}/models", ".".join(map(str, entry.codex))
    try:
        with httpx.Client(timeout=LIMIT, trust_env=False) as client:  # no proxy of the environment reaches this machine
            told = client.get(where, params={"client_version": version}).json()
    except httpx.ConnectError:
        raise ServeError(f"no relay is running at {entry.base_url}") from None
    except (httpx.HTTPError, ValueError) as error:
        raise ServeError(f"{where} gave no list: {error}") from None
    told = told if isinstance(told, dict) else {}
    entries = [one for one in told.get("models") or () if isinstance(one, dict) and one.get("slug")]
    if not entries:
        error = told.get("error")
        message = error.get("message") if isinstance(error, dict) else ""
        raise ServeError(f"{where} gave no list: {' '.join(str(message or 'it is none of ours').split())}")
    return entries


def _with_catalog(entry: Entry, path: Path, models: dict[str, Any]) -> Entry:
    """The entry with the catalog, which is written. Without models it would be no catalog to Codex."""
    if not models:
        _tell("note: no model list was had, so no catalog was written; Codex will not know the model's window")
        return entry
    try:
        if path.name == CATALOG:
            path.parent.mkdir(parents=True, exist_ok=True)  # Codex's folder, before its first start
        path.write_text(json.dumps(models, indent=1))
    except OSError as error:
        raise ServeError(f"{path} can't be written: {error.strerror or error}") from None
    _tell(f"{path}: {count(len(models['models']), 'model')}")
    return replace(entry, catalog_file=str(path))


# --- the file ---------------------------------------------------------------------------------------------------------


def _write(file: ConfigFile, entry: Entry, own_catalog: Path) -> None:
    from addon.codex import config_file

    text = config_file.merged(file, entry, own_catalog)
    if text == file.text:
        print(f"{file.path} says so already; nothing was changed")
        return
    backup = config_file.write(file, text)
    print("\n".join(config_file.difference(file.text or "", text)))
    _tell(f"{file.path} was changed; as it was: {backup}" if file.text is not None else f"{file.path} was made")
    _tell("codex-relay config --undo puts it back")


def _undo(arguments: argparse.Namespace, file: ConfigFile) -> int:
    from addon.codex import config_file

    own_catalog = (arguments.catalog_file or file.path.parent / CATALOG).absolute()
    if arguments.keep_changes:
        return _take_out(file, own_catalog)
    if _has_nothing(file, own_catalog):
        print(f"{file.path} holds nothing of codex-relay; there is nothing to undo")
        return 0
    left = config_file.undo(file)
    now = config_file.read(file.path.parent)
    print("\n".join(config_file.difference(file.text or "", now.text or "")))
    _remove_catalog(now, own_catalog)
    _tell(f"{file.path} is as it was" if now.text is not None else f"{file.path} is gone, as it was not there before")
    if left:
        _tell(f"codex-relay wrote it more than once; --undo again goes one further back ({left} left)")
    return 0


def _has_nothing(file: ConfigFile, own_catalog: Path) -> bool:
    """Whether codex-relay once wrote the file, and nothing of that is in it any more."""
    from addon.codex import config_file

    if config_file.is_last(file) or not config_file.backups(file):
        return False
    try:
        return config_file.without(file, config_file.before_relay(file), own_catalog) == (file.text or "")
    except config_file.ConfigFileError:  # `undo` has more to say about it
        return False


def _take_out(file: ConfigFile, own_catalog: Path) -> int:
    from addon.codex import config_file

    text = config_file.without(file, config_file.before_relay(file), own_catalog)
    if text == (file.text or ""):
        print(f"{file.path} holds nothing of codex-relay; nothing was changed")
        return 0
    backup = config_file.write(file, text, kept_as=config_file.WITH_RELAY)
    print("\n".join(config_file.difference(file.text or "", text)))
    _remove_catalog(config_file.read(file.path.parent), own_catalog)
    _tell(f"the relay's entry is out of {file.path}; as it was: {backup}")
    return 0


def _remove_catalog(now: ConfigFile, own_catalog: Path) -> None:
    """The catalog goes with the last setting that names it."""
    if own_catalog.name == CATALOG and now.table.get("model_catalog_json") != str(own_catalog):
        own_catalog.unlink(missing_ok=True)
