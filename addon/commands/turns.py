"""From the flows that a command is given to turns, and on to what the tools for recordings take."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mitmproxy import flow, http
from mitmproxy.exceptions import CommandError
from mitmproxy.io import FlowWriter

from addon import compat, views
from addon.exchange import live
from addon.recording import RecordingError
from addon.recording.flows import RecordedTurn


def turns_of(flows: Sequence[flow.Flow]) -> list[RecordedTurn]:
    """The finished turns that these flows belong to, each once. Raises CommandError when there is none."""
    found: dict[str, RecordedTurn] = {}
    everything = compat.shown()
    for one in flows:
        side = views.side_of(one)
        if side is None or not side.turn or side.turn in found:
            continue
        turn = views.turn_of(side.turn, everything) or views.turn_of(side.turn, flows)
        if turn is not None and turn.client not in live:
            found[side.turn] = turn
    if not found:
        raise CommandError("there is no finished turn of the relay's among these flows; name one, or @all")
    return list(found.values())


def providers_side(turn: RecordedTurn) -> http.HTTPFlow:
    if turn.upstream is None:
        raise CommandError("the provider's side of this turn is not in the list")
    return turn.upstream


def copy_to_send(client: http.HTTPFlow) -> http.HTTPFlow:
    """A flow of its own with the same request. Not `copy`: that keeps what the flow was before somebody edited it,
    and *Revert* would make a second one of the same identity of it."""
    made = http.HTTPFlow(client.client_conn.copy(), client.server_conn.copy())
    made.request = client.request.copy()
    return made


def request_of(turn: RecordedTurn) -> dict[str, Any]:
    with plainly():
        return turn.request


@contextlib.contextmanager
def as_file(turns: Sequence[RecordedTurn]) -> Iterator[Path]:
    """A flow file of these turns, scrubbed as every file is; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="codex-relay-") as folder:
        path = Path(folder) / "list.flow"
        with path.open("wb") as file:
            writer = FlowWriter(file)
            for turn in turns:
                for one in (turn.upstream, turn.client):
                    if one is not None:
                        writer.add(one)
        yield path


@contextlib.contextmanager
def plainly(file: Path | None = None) -> Iterator[None]:
    """What can't be done is said in one line; a file of ours in it is called what it is to people."""
    try:
        yield
    except RecordingError as error:
        text = str(error)
        raise CommandError(text.replace(str(file), "the list") if file else text) from error
    except OSError as error:
        raise CommandError(f"{error.filename or file}: {error.strerror or error}") from error
