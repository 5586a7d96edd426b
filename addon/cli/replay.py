"""`codex-relay replay`: a recording as an offline provider behind the relay; --check: through today's translator."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from addon import demo, processes
from addon.cli.arguments import port, speed
from addon.cli.serving import PORT, UsageError
from addon.demo.screen import Screen
from addon.recording import RecordingError, playback
from relay_translate.errors import one_line
from relay_translate.transcript import count

if TYPE_CHECKING:
    from addon.recording.flows import Recording
    from addon.recording.matching import Matcher, Reader

_LISTED = 6  # names of models and versions in one line
# What mitmproxy logs of every connection and start.
_NOISE = re.compile(r"(client|server) (dis)?connect|Loading script|listening at|Streaming response|^\s*$", re.I)


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "replay",
        usage="codex-relay replay [-h] [--port PORT] [--speed N] [--once] [--web] FILE [-- MITMDUMP_OPTION ...]\n"
        "       codex-relay replay FILE --check",
        help="play a recording as an offline provider, or check it against today's translator",
        description="Plays the provider of a recording (its answers, errors, cuts and pace) behind the relay, so that "
        "Codex can be connected without key or network. Requests find their recorded turn by what is said in the "
        "conversation. What follows -- goes to mitmdump as it is. With --check nothing is started: every recorded turn "
        "is translated again, and what differs from the recording is reported (exit status 1).",
        epilog="Example: codex-relay replay session.flow --speed 0 -- -w again.flow",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a flow file that the relay has recorded")
    parser.add_argument("--port", type=port, default=PORT, help=f"port to listen on ({PORT})")
    parser.add_argument("--speed", type=speed, default=1.0, metavar="N", help="N times as fast; 0 for no pauses (1)")
    parser.add_argument("--once", action="store_true", help="end when every recorded answer has been played")
    parser.add_argument("--web", action="store_true", help="run under mitmweb, to look inside with a browser")
    parser.add_argument("--check", action="store_true", help="compare today's translation with the recorded one")
    parser.set_defaults(run=_run, passes_on=True)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.check:
        if arguments.once or arguments.web or arguments.passed_on:
            raise UsageError("--check starts nothing; leave out --once, --web and what follows --")
        from addon.recording.check import check_file

        return check_file(arguments.file)
    if why := processes.why_not_listen(arguments.port):
        raise RecordingError(f"Cannot listen on port {arguments.port}: {why}. Choose another with --port.")
    session, screen = read(arguments.file), Screen()
    session.screen = screen
    folder = Path(tempfile.mkdtemp(prefix="codex-relay-replay-"))
    try:
        asyncio.run(demo.cancellable(_serve(session, arguments, folder), screen))
    except (KeyboardInterrupt, asyncio.CancelledError):
        pass  # this is how it ends
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if screen.gone:
        raise BrokenPipeError
    screen.heading(session.summary())
    return 1 if session.refused else 0


# --- what is played ---------------------------------------------------------------------------------------------------


@dataclass
class Session:
    """A recording that is being played. unplayable: turns without an answer, and why."""

    recording: Recording
    reader: Reader
    matcher: Matcher
    models: list[str]
    versions: list[str]
    options: list[str]
    unplayable: dict[int, str]
    screen: Screen = field(default_factory=Screen)
    asked: int = 0
    refused: int = 0
    passed_on: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def choose(self, request: dict[str, Any]) -> playback.Answer:
        """The recorded answer to a chat request, in today's names; the error that says why there is none."""
        from addon.recording.rewriting import renamed, rewrite

        self.asked += 1
        conversation = self.reader.read(request)
        found = self.matcher.match(conversation)
        if found is None:
            self.refused += 1
            why = (
                f"the recording {self.recording.path.name} has no answer to this: {self.matcher.explain(conversation)}"
            )
            self.screen.note(f"{self.asked:4}  no recorded turn fits: {one_line(why)}")
            return playback.error_answer(404, why, "no_recorded_turn")
        last = conversation.said[-1].shown(60) if conversation.said else "nothing but a prompt"
        again = ", again" if found.again else ""
        self.screen.note(f"{self.asked:4}  recorded turn {found.number}{again} ({found.how}): {last}")
        turn = self.recording.turn(found.number - 1)
        answer = playback.recorded_answer(turn)
        assert answer is not None, "only turns with an answer are matched"
        return replace(answer, pieces=rewrite(answer.pieces, renamed(request, turn.chat_request)))

    def told(self) -> None:
        """The relay has ended a turn and told of it; its client has the answer then."""
        self.passed_on += 1
        if not self.matcher.left and self.passed_on >= self.asked:
            self.over.set()

    def summary(self) -> str:
        from addon.recording.matching import listed

        played, whole = len(set(self.matcher.played)), len(self.matcher.recorded)
        refused = f"; {self.refused} requests had no recorded answer" if self.refused else ""
        left = f" (left: {listed(self.matcher.left)})" if self.matcher.left else ""
        return f"Played {played} of {whole} recorded answers{left}{refused}"


def read(path: Path) -> Session:
    """Look through a recording. Raises RecordingError when nothing of it can be played."""
    from addon.recording.check import progress
    from addon.recording.flows import open_recording
    from addon.recording.matching import Conversation, Matcher, Reader

    recording, reader = open_recording(path), Reader()
    conversations: dict[int, Conversation] = {}
    models, versions, unplayable = dict[str, None](), dict[str, None](), dict[int, str]()
    profiles, mapped = dict[str, int](), dict[str, str]()
    for number, turn in enumerate(progress(recording.turns(), len(recording), "read"), 1):
        facts, requested = turn.facts, str(turn.facts.get("requested_model") or "")
        try:
            if turn.upstream is None:
                raise RecordingError("its exchange with the provider was not recorded")
            conversations[number] = reader.read(turn.chat_request)
        except RecordingError as error:
            unplayable[number] = str(error)
            continue
        models |= dict.fromkeys([requested] if requested else [])
        versions |= dict.fromkeys([turn.codex_version] if turn.codex_version else [])
        profile = str(facts.get("profile") or "")
        profiles[profile] = profiles.get(profile, 0) + 1
        mapped |= {requested: str(facts["model"])} if requested and facts.get("model", requested) != requested else {}
    if not conversations:
        raise RecordingError(f"{path} holds no answer of a provider: {next(iter(unplayable.values()))}")
    profile = max(profiles, key=lambda name: profiles[name])
    options = _relay_options(profile, mapped)
    return Session(recording, reader, Matcher(conversations), list(models), list(versions), options, unplayable)


def _relay_options(profile: str, mapped: Mapping[str, str]) -> list[str]:
    """What the relay was set to for the recording, as far as it decides about the answers."""
    from relay_translate import find_profile

    options = []
    with contextlib.suppress(ValueError):  # a profile that this relay does not have
        find_profile(name=profile)
        options += [f"relay_profile={profile}"] if profile else []
    if pairs := [f"{asked}={model}" for asked, model in mapped.items() if not re.search(r"[,=*?\[]", asked + model)]:
        options.append(f"relay_model_map={','.join(pairs)}")
    return options


# --- playing ----------------------------------------------------------------------------------------------------------


async def _serve(session: Session, arguments: argparse.Namespace, folder: Path) -> int:
    screen, token = session.screen, secrets.token_urlsafe(12) if arguments.web else ""
    async with contextlib.AsyncExitStack() as stack:
        provider = await stack.enter_async_context(
            playback.PlayingProvider(session.choose, session.models, arguments.speed)
        )
        given = list(arguments.passed_on)
        own = [option for option in session.options if not any(option.partition("=")[0] in word for word in given)]
        options = [*given, *(word for option in own for word in ("--set", option))]
        command = demo.relay_tool(provider.port, arguments.port, folder, options, token=token)
        relay = await stack.enter_async_context(processes.running(command, Path.cwd(), demo.relay_environment(token)))
        mine = f" at 127.0.0.1:{provider.port}: "

        def heard(line: str) -> None:
            if not _NOISE.search(line):
                screen.client("relay", re.sub(r"^\[[\d:.]+\](\[[^\]]*\])? ?", "", line.replace(mine, ": ")))
            if mine in line and f"model list{mine}" not in line:  # the relay's own line for a turn
                session.told()

        log = await stack.enter_async_context(processes.following(relay, other=heard))
        await demo.until_listening(relay, arguments.port, log)
        for line in _introduction(session, arguments):
            screen.note(line)
        if token:
            screen.heading(demo.web_address(command, token))
        screen.heading(f"Ready; {demo.ending()} ends it")
        await _until_over(session, relay, once=arguments.once)
    return 0


async def _until_over(session: Session, relay: asyncio.subprocess.Process, *, once: bool) -> None:
    """Until mitmproxy has ended, or `once` every answer has been played and the relay has told of them all."""
    waiting = [asyncio.ensure_future(relay.wait())]
    if once:
        waiting.append(asyncio.ensure_future(session.over.wait()))
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    if relay.returncode is not None:
        raise RecordingError(f"mitmproxy has ended (exit status {relay.returncode}); what it said stands above")


def _introduction(session: Session, arguments: argparse.Namespace) -> Iterator[str]:
    """What the recording holds, and what Codex needs to be told."""
    recording = session.recording
    yield f"Recording    {recording.path}: {count(len(recording), 'turn')}, {_listed('model', session.models)}" + (
        f", {_listed('Codex', session.versions, plural='Codex')}" if session.versions else ""
    )
    if recording.damage:
        yield f"             damaged ({recording.damage}); what stands before that is played"
    for number, why in list(session.unplayable.items())[:_LISTED]:
        yield f"             turn {number} can't be played: {why}"
    if (more := len(session.unplayable) - _LISTED) > 0:
        yield f"             and {count(more, 'more turn')} can't be played"
    pace = {0.0: "without pauses", 1.0: "at the recorded pace"}.get(
        arguments.speed, f"{arguments.speed:g} times as fast"
    )
    yield f"Played       {pace}, through the relay on 127.0.0.1:{arguments.port}"
    yield "For Codex    in ~/.codex/config.toml, or in a profile of it; no key is needed:"
    yield from (f"    {line}".rstrip() for line in _config(session.models, arguments.port))


def _config(models: list[str], port: int) -> Iterator[str]:
    if models:
        yield f'model = "{models[0]}"'
    yield 'model_provider = "replay"'
    yield ""
    yield "[model_providers.replay]"
    yield 'name = "Replay"'
    yield f'base_url = "http://127.0.0.1:{port}/v1"'
    yield 'wire_api = "responses"'


def _listed(what: str, names: list[str], plural: str = "") -> str:
    shown = ", ".join(one_line(name) for name in names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
    return f"{what if len(names) == 1 else plural or what + 's'} {shown}"
