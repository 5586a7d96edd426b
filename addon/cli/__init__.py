"""The `codex-relay` command. Only what needs no memory of options: a demo, a start, and a version."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from addon import demo, processes
from addon.cli import export, fixtures, probe, record, replay, report, stats
from addon.cli.arguments import port, speed, upstream_url
from addon.cli.serving import PORT, ServeError, check_port, codex_hint, relay_options
from addon.recording import RecordingError


def main(argv: list[str] | None = None) -> int:
    """Runs one command line (without the program's name) and returns the exit status."""
    parser = _parser()
    given = sys.argv[1:] if argv is None else argv
    own = given[: given.index("--")] if "--" in given else given
    arguments = parser.parse_args(own)
    arguments.passed_on = given[len(own) + 1 :]
    if not hasattr(arguments, "run"):
        parser.print_help()
        return 0
    if arguments.passed_on and not getattr(arguments, "passes_on", False):
        parser.error("this command passes nothing on; remove --")
    try:
        return arguments.run(arguments) or 0
    except (demo.DemoError, ServeError, RecordingError) as error:
        print(f"codex-relay: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ncodex-relay: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output is gone (`| head`); nothing may be written to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="codex-relay",
        description="Lets the Codex CLI talk to any Chat Completions provider, through mitmproxy.",
    )
    parser.add_argument("--version", action="version", version=versions())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

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

    serve = commands.add_parser(
        "serve",
        usage="codex-relay serve [-h] [--port PORT] UPSTREAM [-- MITMDUMP_OPTION ...]",
        help="start the relay in front of a provider",
        description="Starts mitmdump with the relay, on loopback. What follows -- goes to mitmdump as it is.",
        epilog="Example: codex-relay serve https://api.deepseek.com -- -w session.flow",
    )
    serve.add_argument(
        "upstream",
        type=upstream_url,
        metavar="UPSTREAM",
        help="the provider's base URL, such as https://api.deepseek.com/v1",
    )
    serve.add_argument("--port", type=port, default=PORT, help=f"port to listen on ({PORT})")
    serve.set_defaults(run=_serve, passes_on=True)

    for module in (record, replay, fixtures, report, export, stats, probe):
        module.add(commands)
    return parser


def versions() -> str:
    """Both versions a report of a problem needs."""
    from relay_translate import __version__

    try:
        proxy = version("mitmproxy")
    except PackageNotFoundError:
        proxy = "not installed"
    return f"codex-relay {__version__} (mitmproxy {proxy}, Python {sys.version.split()[0]})"


def _demo(arguments: argparse.Namespace) -> int:
    return demo.run(
        speed=arguments.speed,
        use_codex=not arguments.no_codex,
        web=arguments.web,
        recording=arguments.recording,
    )


def _serve(arguments: argparse.Namespace) -> None:
    """Becomes mitmdump, so that signals and the exit status are its own. Raises ServeError."""
    check_port(arguments.port, arguments.passed_on)
    options = [*relay_options(arguments.upstream, arguments.port), *arguments.passed_on]
    print(codex_hint(arguments.port))
    print(f"Starting:  mitmdump {shlex.join(options)}", flush=True)
    command = processes.mitmproxy_tool("mitmdump", *options)
    os.execv(command[0], command)
