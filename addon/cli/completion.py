"""`codex-relay completion`: the script that has a shell complete commands, options and file names."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from addon.cli.serving import ServeError

SHELLS = ("bash", "zsh", "fish")


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "completion",
        help="print a script for your shell that completes all this",
        description="Prints the completion script of a shell. Load it as one of the examples does.",
        epilog='Examples: eval "$(codex-relay completion bash)" in ~/.bashrc; '
        "codex-relay completion zsh > a folder of $fpath/_codex-relay; "
        "codex-relay completion fish > ~/.config/fish/completions/codex-relay.fish",
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        import shtab
    except ImportError:
        raise ServeError("completion needs the Python package shtab; pip install shtab") from None
    from addon.cli import command_parser

    parser = command_parser()
    _prepare(parser, shtab.FILE, _names())
    print(shtab.complete(parser, arguments.shell))
    return 0


def _names() -> dict[str, list[str]]:
    """What can stand behind an option, or in place of an argument, that has one of some known names."""
    from addon.providers import known_providers
    from relay_translate.profiles import PROFILES

    providers = [one.name for one in known_providers()]
    return {
        "--provider": providers,
        "--providers": providers,
        "--fallback": [f"{name}/" for name in providers],
        "--profile": sorted(PROFILES),
        "name": sorted(PROFILES),  # of `providers`
    }


def _prepare(parser: argparse.ArgumentParser, file: Any, names: Mapping[str, list[str]]) -> None:
    """In all commands, what is read as a path is completed as one, a provider's name as one of those that are known,
    and the short help describes a command."""
    parser.description = None
    for action in parser._actions:
        known = [names[word] for word in action.option_strings or [action.dest] if word in names]
        if isinstance(action, argparse._SubParsersAction):
            for command in dict.fromkeys(action.choices.values()):
                _prepare(command, file, names)
        elif known:
            action.choices = known[0]
        elif action.type is Path or action.metavar in {"FILE", "DIR", "PATH"}:
            action.complete = file  # type: ignore[attr-defined]
