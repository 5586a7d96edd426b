"""The `codex-relay` command: without a command of its own it starts the relay, and its commands are modules here."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from addon import demo
from addon.cli import (
    completion,
    config,
    doctor,
    environment,
    export,
    fixtures,
    probe,
    providers,
    record,
    replay,
    report,
    run,
    start,
    stats,
)
from addon.cli.arguments import Parser, speed
from addon.cli.serving import ServeError, UsageError
from addon.recording import RecordingError

DESCRIPTION = """\
Lets the Codex CLI talk to any Chat Completions provider, through mitmproxy.
Without a command it starts the relay and stays; what follows -- goes to mitmproxy.

  export DEEPSEEK_API_KEY=...
  codex-relay run --provider deepseek            the relay and Codex together, nothing to configure
  codex-relay --provider deepseek                the relay alone, for any number of Codex
  codex-relay config --write                     tell Codex about it, once"""
EPILOG = """\
Each option that takes a value has an environment variable, CODEX_RELAY_ and its name (CODEX_RELAY_UPSTREAM;
CODEX_RELAY_DROP_PARAMS for --drop-upstream-params). A flag wins over its variable. RUST_LOG=codex_relay=debug (info,
warn, error) sets how much is logged, NO_COLOR=1 takes the colours out.

Exit status: 0 as it should be, 1 it could not start or failed, 2 an option or variable can't be meant, 130 Ctrl-C."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line (without the program's name) and returns the exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    own = given[: given.index("--")] if "--" in given else given
    passed_on = given[len(own) + 1 :]
    shows_traceback = "--traceback" in own or os.environ.get(environment.TRACEBACK, "") not in ("", "0")
    try:
        arguments = _parsed([word for word in own if word != "--traceback"], passed_on)
        return arguments.run(arguments) or 0
    except (demo.DemoError, ServeError, RecordingError) as error:
        if shows_traceback:
            traceback.print_exc()
        print(f"codex-relay: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        print("\ncodex-relay: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output is gone (`| head`); nothing may be written to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if shows_traceback:
            raise
        print(f"codex-relay: unexpected {type(error).__name__}: {error} (--traceback tells where)", file=sys.stderr)
        return 1


def _parsed(own: list[str], passed_on: list[str]) -> argparse.Namespace:
    """The command line, whose `run` is what it asks for. Raises SystemExit for what can't be meant."""
    parser = command_parser()
    command = parser.command_in(own)
    arguments = parser.parse_args(own)
    arguments.passed_on = passed_on
    if not command:
        arguments.run, arguments.passes_on = start.run, True
    elif arguments.run is not start.run and (before := start.given_options(arguments)):
        parser.error(f"{before[0]} before {command} is not for it; codex-relay {command} --help tells its own options")
    if passed_on and not getattr(arguments, "passes_on", False):
        parser.error("this command passes nothing on; remove --")
    return arguments


def command_parser() -> Parser:
    """All that the command understands."""
    parser = Parser(
        prog="codex-relay",
        usage="codex-relay [OPTION ...] [-- MITMPROXY_OPTION ...]\n       codex-relay COMMAND ...",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=versions())
    parser.add_argument(
        "--traceback", action="store_true", help=f"show where an error came from ({environment.TRACEBACK}=1)"
    )
    title = "commands (codex-relay COMMAND --help tells more)"
    commands = parser.add_subparsers(title=title, metavar="COMMAND", prog=parser.prog)
    for add in (run.add, config.add, doctor.add, providers.add, _add_demo, record.add, replay.add, report.add,
                stats.add, export.add, fixtures.add, probe.add, start.add, completion.add):  # fmt: skip
        add(commands)
    start.add_options(parser)
    return parser


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Wide enough for the texts, where the terminal is."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)


def _add_demo(commands: argparse._SubParsersAction[Parser]) -> None:
    play = commands.add_parser(
        "demo",
        help="see it work, without key or network",
        description="Plays a recorded provider's answers through the relay: to Codex where it is installed, else to a "
        "built-in client that executes nothing. Uses loopback ports and a fresh folder, not your Codex home.",
    )
    play.add_argument("--speed", type=speed, default=1.0, metavar="N", help="N times as fast; 0 for no pauses (1)")
    play.add_argument("--no-codex", action="store_true", help="use the built-in client though Codex is installed")
    play.add_argument("--web", action="store_true", help="run under mitmweb and stay, to look inside with a browser")
    play.add_argument("--recording", type=Path, metavar="FILE", help="a flow file to play instead of the shipped one")
    play.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    return demo.run(
        speed=arguments.speed,
        use_codex=not arguments.no_codex,
        web=arguments.web,
        recording=arguments.recording,
    )


def versions() -> str:
    """Both versions a report of a problem needs."""
    from relay_translate import __version__

    try:
        proxy = version("mitmproxy")
    except PackageNotFoundError:
        proxy = "not installed"
    return f"codex-relay {__version__} (mitmproxy {proxy}, Python {sys.version.split()[0]})"
