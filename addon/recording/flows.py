"""Reading flow files: one flow in memory at a time, the turns paired wherever their two flows stand in the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from mitmproxy import exceptions, http, io

from addon.replies import codex_version, is_codex
from relay_translate.transcript import count

from . import RecordingError

Json = dict[str, Any]
_THREAD_HEADERS = ("thread-id", "session-id", "session_id", "conversation_id")
# A flow is written as its length, a colon, and the length, colon and name of its first field.
_HEAD = re.compile(rb"(\d{1,12}):\d{1,3}:[a-z_]+;")


@dataclass(frozen=True)
class RecordedTurn:
    """One turn. upstream is None where nothing was sent (refused, or its flow was not saved)."""

    client: http.HTTPFlow
    upstream: http.HTTPFlow | None = None

    @property
    def facts(self) -> Mapping[str, Any]:
        """`metadata["relay"]` of the client's flow."""
        return relay_facts(self.client)

    @property
    def case(self) -> Mapping[str, Any]:
        found = self.client.metadata.get("case")
        return found if isinstance(found, dict) else {}

    @property
    def codex_version(self) -> str:
        """From the client's headers; "" for other clients."""
        return codex_version(self.client.request)

    @property
    def is_codex(self) -> bool:
        return is_codex(self.client.request)

    @property
    def thread(self) -> str:
        """The client's name for the conversation; "" when it has none."""
        headers = self.client.request.headers
        return next((value for name in _THREAD_HEADERS if (value := headers.get(name))), "")

    @property
    def request(self) -> Json:
        """The client's request. Raises RecordingError when its body was not kept whole."""
        return json_body(self.client.request)

    @property
    def chat_request(self) -> Json:
        """The provider's request; {} when there is none. Raises RecordingError as `request` does."""
        return json_body(self.upstream.request) if self.upstream else {}


@dataclass
class Recording:
    """A flow file that has been looked through once. Flows are read again when they are asked for.

    damage: why the file could not be read to its end, "" if it could; what stands before that is there.
    """

    path: Path
    damage: str = ""
    flows: int = 0
    _clients: list[tuple[str, int]] = field(default_factory=list)  # (turn's id, offset), in the order of the file
    _upstreams: dict[str, int] = field(default_factory=dict)  # turn's id -> offset

    def __len__(self) -> int:
        return len(self._clients)

    def turn(self, number: int) -> RecordedTurn:
        """One turn, from 0; negative numbers count from the end."""
        with self.path.open("rb") as file:
            return self._read(file, *self._clients[number])

    def turns(self) -> Iterator[RecordedTurn]:
        with self.path.open("rb") as file:
            for id, offset in self._clients:
                yield self._read(file, id, offset)

    def _read(self, file: BinaryIO, id: str, offset: int) -> RecordedTurn:
        client, upstream = _flow_at(file, offset), self._upstreams.get(id)
        return RecordedTurn(client, None if upstream is None else _flow_at(file, upstream))


def open_recording(path: Path) -> Recording:
    """Look through a flow file for the relay's turns (requests for answers, not for model lists).

    Raises RecordingError when it is no flow file, or one without a turn of the relay's."""
    found = _looked_through(path)
    if found.damage and not found.flows:
        raise RecordingError(why_unreadable(path, found.damage))
    if not found:
        raise RecordingError(
            f"{path} holds {count(found.flows, 'flow')} but no turn that the relay has recorded; "
            "record with `mitmdump -s addon/relay.py -w FILE` or `codex-relay record FILE`"
        )
    return found


def why_unreadable(path: Path, error: object) -> str:
    """Why not even the first flow of a file could be read. error: the reader's."""
    with path.open("rb") as file:
        head = _HEAD.match(file.read(64))
    if head and head.start() + len(head[1]) + 1 + int(head[1]) >= path.stat().st_size:
        return f"{path} is cut within its first flow; nothing in it could be read"
    return f"{path} is not a flow file of mitmproxy: {error}"


def damage_of(path: Path) -> str:
    """Why a flow file, of whatever flows, can't be read to its end; "" if it can. Raises RecordingError for HAR."""
    return _looked_through(path).damage


def _looked_through(path: Path) -> Recording:
    found = Recording(path)
    if path.is_dir():
        raise RecordingError(f"{path} is a folder; name a flow file in it")
    if path.exists() and not path.is_file():
        raise RecordingError(f"{path} is not a regular file; recordings are read twice, so save a pipe to a file first")
    try:
        with path.open("rb") as file:
            if file.peek(4).lstrip(b"\xef\xbb\xbf")[:1] == b"{":
                raise RecordingError(f"{path} is a HAR file, which holds no turns; save flows as a flow file (-w FILE)")
            _look_through(file, found)
    except OSError as error:
        raise RecordingError(f"{path} can't be read: {error.strerror or error}") from error
    return found


def _look_through(file: BinaryIO, found: Recording) -> None:
    flows = io.FlowReader(file).stream()
    while True:
        offset = file.tell()
        try:
            flow = next(iter(flows), None)
        except exceptions.FlowReadException as error:
            found.damage = f"{error} at byte {offset:,}"
            return
        if flow is None:
            return
        found.flows += 1
        if not isinstance(flow, http.HTTPFlow):
            continue
        facts = relay_facts(flow)
        role, id = facts.get("role"), str(facts.get("id"))
        if role == "client" and flow.request.method == "POST":
            found._clients.append((id, offset))
        elif role == "upstream":
            found._upstreams[id] = offset


def _flow_at(file: BinaryIO, offset: int) -> http.HTTPFlow:
    file.seek(offset)
    flow = next(iter(io.FlowReader(file).stream()))
    assert isinstance(flow, http.HTTPFlow)
    return flow


def relay_facts(flow: http.HTTPFlow) -> Mapping[str, Any]:
    found = flow.metadata.get("relay")
    return found if isinstance(found, dict) else {}


def named_last(comment: str, scenario: str) -> str:
    """A comment of a scenario's flow: what it begins with is looked for, so the scenario stands at its end."""
    return f"{comment} · scenario {scenario}" if comment else f"scenario {scenario}"


def body_of(message: http.Message | None) -> bytes:
    """The body without its content encoding, as far as it was kept; damaged encodings stay as they are."""
    return (message.get_content(strict=False) or b"") if message else b""


def json_body(message: http.Message) -> Json:
    try:
        value = json.loads(body_of(message))
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"a recorded request is no JSON: {error}; it may not have been kept whole") from error
    if not isinstance(value, dict):
        raise RecordingError("a recorded request is no JSON object")
    return value
