"""What is kept of a scenario's flows: nothing of a person or a machine, only as much as shows the feature, packed."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import brotli
from mitmproxy import http

from addon.recording.fixtures import called_tools
from addon.recording.flows import RecordedTurn, body_of, named_last, relay_facts
from addon.recording.placeholders import Placeholders, keep_tools, shorten
from addon.recording.translating import translated
from addon.scenarios.catalog import Case
from relay_translate import json_bytes

TURN_METADATA = "x-codex-turn-metadata"  # some 900 bytes, as a header and again in the body
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What git says of the workspace: Codex puts it in once git has answered, which is a matter of luck in a short turn.
_WORKSPACES = re.compile(
    r"(?:(,)|(?<=\{))\\*\"workspaces\\*\":\{(?:[^{}]|\{[^{}]*\})*\}(?(1)|,?)"
)  # `\\*`: the body holds the metadata as JSON in JSON


class CannotKeep(Exception):
    """The flows of a scenario can't be published as they are; the text says what stands in them."""


@dataclass(frozen=True)
class Places:
    """The folder a scenario was played in, and what its parts are called in the recording."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def roots(self) -> dict[str, str]:
        named = {self.workspace: "/workspace", self.home: "/home/user", self.folder: "/tmp/case"}
        found = {str(path): name for path, name in named.items()}
        found |= {str(path.resolve()): name for path, name in named.items()}
        # With the slash: one home is called /root, as XML elements are too.
        return found | {f"{Path.home()}/": "/home/user/"}


@dataclass(frozen=True)
class Codex:
    """What a recording tells of the Codex that was run. released: the day, 2026-11-13, or ""."""

    version: str
    released: str = ""


def kept(
    flows: Iterable[http.HTTPFlow], case: Case, codex: Codex, places: Places, *, whole: bool
) -> list[http.HTTPFlow]:
    """The flows to publish, the turns in an order that does not depend on who was faster. Raises CannotKeep."""
    names = Placeholders(places.roots(), words=private_words())
    ordered = _ordered(list(flows))
    for flow in ordered:
        _scrub(flow, names)
        _leave_out_workspaces(flow.request)
    if not whole and not case.whole:
        _trim(ordered, case)
    for flow in ordered:
        for message in filter(None, (flow.request, flow.response)):
            _check(message, places)
            _pack(message)
        flow.metadata["case"] = {
            "name": case.name,
            "codex": codex.version,
            "released": codex.released,
            "shows": case.shows,
            "trim": not case.whole,
            "all_tools": case.whole or bool(case.keeps),  # kept on purpose, so the fixtures keep them too
        }
        flow.comment = named_last(flow.comment, case.name)
    return ordered


def _ordered(flows: list[http.HTTPFlow]) -> list[http.HTTPFlow]:
    """Turns by the time of their requests, those of sub-agents behind the thread that made them; the provider's side
    of a turn before the client's, as the relay writes them."""
    clients = {relay_facts(flow).get("id"): flow for flow in flows if relay_facts(flow).get("role") == "client"}

    def place(flow: http.HTTPFlow) -> tuple[bool, float, bool]:
        facts = relay_facts(flow)
        client = clients.get(facts.get("id"), flow)
        subagent = "x-openai-subagent" in client.request.headers
        return subagent, client.request.timestamp_start, facts.get("role") != "upstream"

    return sorted(flows, key=place)


def _scrub(flow: http.HTTPFlow, names: Placeholders) -> None:
    for message in (flow.request, flow.response):
        if message is None:
            continue
        for name, value in list(message.headers.items()):
            message.headers[name] = names.scrub(value)
        if message.raw_content:
            message.content = names.scrub(body_of(message).decode()).encode()
    flow.comment = names.scrub(flow.comment)
    if flow.error is not None:
        flow.error.msg = names.scrub(flow.error.msg)


def _leave_out_workspaces(request: http.Request) -> None:
    if TURN_METADATA in request.headers:
        request.headers[TURN_METADATA] = _WORKSPACES.sub("", request.headers[TURN_METADATA])
    request.content = _WORKSPACES.sub("", body_of(request).decode()).encode()


def private_words() -> Iterator[str]:
    yield socket.gethostname()
    user = os.environ.get("USER", "")
    if user not in {"root", "user"}:  # words of the prompts too; as folders they are known
        yield user


# --- trimming ---------------------------------------------------------------------------------------------------------


def _trim(flows: Sequence[http.HTTPFlow], case: Case) -> None:
    """Cut long prose, and tools that nobody calls; the chat request is translated anew, so that both fit together."""
    answers = [body_of(flow.response).decode() for flow in flows]
    called = {*case.keeps}.union(*map(called_tools, answers))
    upstreams = {relay_facts(flow).get("id"): flow for flow in flows if relay_facts(flow).get("role") == "upstream"}
    for flow in flows:
        facts = relay_facts(flow)
        linked = upstreams.get(facts.get("id"))
        if facts.get("role") != "client" or linked is None:
            continue
        turn = RecordedTurn(flow, linked)
        request = turn.request
        if json.loads(json_bytes(translated(turn).body)) != turn.chat_request:
            raise CannotKeep(f"{case.name}: what was recorded is not what today's translator makes of it")
        trimmed = keep_tools(shorten(request), called)
        if metadata := flow.request.headers.get(TURN_METADATA):
            flow.request.headers[TURN_METADATA] = _without_ids(metadata)
        flow.request.content = json_bytes(trimmed)
        linked.request.content = json_bytes(translated(turn, trimmed).body)


def _without_ids(metadata: str) -> str:
    """The kinds of thread and request stay; sessions, threads and turns are named in headers of their own."""
    facts = json.loads(metadata)
    kept = {name: value for name, value in facts.items() if not (isinstance(value, str) and _UUID.search(value))}
    return json_bytes(kept).decode()


# --- the end ----------------------------------------------------------------------------------------------------------


def _check(message: http.Message, places: Places) -> None:
    """The last look before a message is kept; the tests look closer."""
    text = str(message.headers) + body_of(message).decode()
    for private in (f"{Path.home()}/", str(places.folder), *private_words()):
        if len(private) > 2 and private in text:
            raise CannotKeep(f"the recording would hold {private!r}")


def _pack(message: http.Message) -> None:
    """Prompt and tools are in every request. Brotli is what mitmproxy reads and packs best."""
    data = brotli.compress(body_of(message), quality=11)
    message.headers["content-encoding"] = "br"
    message.raw_content = data
    if "transfer-encoding" not in message.headers:
        message.headers["content-length"] = str(len(data))
