"""`codex-relay completion`: the script that has a shell complete commands, options and file names."""

from __future__ import annotations

import argparse
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
    _prepare(parser, shtab.FILE)
    print(shtab.complete(parser, arguments.shell))
    return 0


def _prepare(parser: argparse.ArgumentParser, file: Any) -> None:
    """In all commands, what is read as a path is completed as one, and the short help describes a command."""
    parser.description = None
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in dict.fromkeys(action.choices.values()):
                _prepare(command, file)
        elif action.type is Path or action.metavar in {"FILE", "DIR", "PATH"}:
            action.complete = file  # type: ignore[attr-defined]
