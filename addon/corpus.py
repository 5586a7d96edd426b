"""The corpus: what was said in each turn, as OpenAI messages, a line for each turn in a file for each day.

A client sends its whole history with every request; only the messages that are new are written. So the lines of one
`conversation_id` put together are that conversation, once:

    conversation_id      response_id of its first line
    response_id          of the answer
    parent_response_id   of the turn before, or null; the first line of a conversation names the one that it branched
                         off from (a compaction, a history that was cut back or edited)
    timestamp_unix_ms    when the turn was over
    model                that was asked
    thread, kind         the client's name for the conversation, and what it was made for (user, subagent ...)
    digest               of all messages of the conversation so far
    tools                with the first line, and when they change
    messages             the new ones, the answer last

The digest finds the conversation again after a restart. All of it is scrubbed as recordings are.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mitmproxy import http

from relay_translate import TranslationError, json_bytes
from relay_translate.errors import one_line

from .recording import RecordingError
from .recording.conversations import growing
from .recording.export import kind
from .recording.flows import RecordedTurn
from .recording.scrub import Scrubber

logger = logging.getLogger(__name__)

Json = dict[str, Any]
_MOST_KNOWN = 100_000  # conversations that can be gone on with
_DAYS = 31  # files in which conversations are looked for after a restart
_DIGEST = b'"digest":"'
_DIGEST_LENGTH = 32  # hexadecimal digits


@dataclass(frozen=True)
class Tip:
    """The end of a conversation. tools: a hash of those that were written last, "" when that is not known."""

    conversation: str
    response: str
    thread: str
    digest: str
    tools: str = ""


class Tips:
    """The ends of the conversations that are known, found by what was said in them."""

    def __init__(self) -> None:
        self._ends: OrderedDict[str, Tip] = OrderedDict()  # by conversation, the latest last
        self._found: dict[tuple[str, str], Tip] = {}  # by (thread or "" for any, digest)
        self._last: dict[str, Tip] = {}  # by thread

    def add(self, tip: Tip) -> None:
        """A turn: it takes the place of the one before in its conversation."""
        self._forget(tip.conversation)
        self._ends[tip.conversation] = tip
        self._found[tip.thread, tip.digest] = self._found["", tip.digest] = self._last[tip.thread] = tip
        if len(self._ends) > _MOST_KNOWN:
            self._forget(next(iter(self._ends)))

    def before(self, thread: str, digests: Sequence[str], *, any_thread: bool) -> tuple[Tip, int] | None:
        """The conversation that these messages go on with, the longest first, and how many of them it has.

        The very same messages in another thread are another conversation."""
        for count in range(len(digests), 0, -1):
            tip = self._found.get((thread, digests[count - 1])) if thread else None
            if tip is None and any_thread and count < len(digests):
                tip = self._found.get(("", digests[count - 1]))
            if tip is not None:
                return tip, count
        return None

    def last(self, thread: str) -> str | None:
        """The latest response in a thread that has a name."""
        return self._last[thread].response if thread and thread in self._last else None

    def _forget(self, conversation: str) -> None:
        tip = self._ends.pop(conversation, None)
        if tip is None:
            return
        for key in ((tip.thread, tip.digest), ("", tip.digest)):
            if self._found.get(key) is tip:
                del self._found[key]
        if self._last.get(tip.thread) is tip:
            del self._last[tip.thread]


class Corpus:
    """Writes the corpus, once it is told where. It outlives a reload of the script and changes of other options."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._folder: Path | None = None
        self._scrubber = Scrubber()
        self._tips = Tips()

    def configure(self, folder: Path | None, scrubber: Scrubber) -> None:
        """Raises ValueError, one line, when nothing can be written to the folder."""
        if folder is not None and folder != self._folder:
            self._tips = _opened(folder)
        self._folder, self._scrubber = folder, scrubber

    def add(self, flow: http.HTTPFlow, response: Mapping[str, Any], earlier: Sequence[Json] | None = None) -> None:
        """A turn that was answered with this Response object. Never raises.

        flow: the client's, without keys. earlier: what its `previous_response_id` stands for."""
        if self._folder is None or response.get("status") != "completed":
            return
        try:
            self._add(self._folder, RecordedTurn(flow), response, earlier or ())
        except (OSError, RecordingError, TranslationError) as error:
            logger.error("a turn is missing in the corpus %s: %s", self._folder, one_line(_why(error)))
        except Exception:
            logger.exception("a turn is missing in the corpus %s", self._folder)

    def _add(self, folder: Path, turn: RecordedTurn, response: Mapping[str, Any], earlier: Sequence[Json]) -> None:
        request, made_for = turn.request, kind(turn)
        said = growing(request, list(response["output"]), earlier)
        messages: list[Json] = json.loads(self._scrubber.body(json_bytes(said.messages)))
        thread, digests = self._scrubber.text(turn.thread), list(_digests(messages))
        if not messages:
            return
        # A sub-agent that begins with its parent's history is no turn of its parent's.
        is_apart = bool(made_for) and made_for != "user"
        found = self._tips.before(thread, digests, any_thread=not is_apart)
        tip, count = found or (None, 0)
        if count == len(messages):
            return  # asked again, and answered in the same words
        tools = hashlib.blake2b(json_bytes(said.tools), digest_size=16).hexdigest() if said.tools else ""
        id = str(response["id"])
        conversation = tip.conversation if tip else id
        parent = tip.response if tip else request.get("previous_response_id") or self._tips.last(thread)
        record = {
            "conversation_id": conversation,
            "response_id": id,
            "parent_response_id": parent,
            "timestamp_unix_ms": int(self._clock() * 1000),
            "model": turn.facts.get("model") or request.get("model"),
            "thread": thread,
            "kind": made_for,
            "digest": digests[-1],
            **({"tools": said.tools} if tools and (tip is None or tools != tip.tools) else {}),
            "messages": messages[count:],
        }
        self._write(folder, self._scrubber.body(json_bytes(record)) + b"\n")
        # After it is written: what could not be is written with the next turn.
        self._tips.add(Tip(conversation, id, thread, digests[-1], tools or (tip.tools if tip else "")))

    def _write(self, folder: Path, line: bytes) -> None:
        day = datetime.fromtimestamp(self._clock(), UTC).date().isoformat()
        file = os.open(folder / f"corpus-{day}.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":  # of a process that was ended while it wrote
                line = b"\n" + line
            if os.write(file, line) != len(line):
                os.ftruncate(file, size)
                raise OSError(f"no room for {len(line)} bytes")
        finally:
            os.close(file)


def parse(value: str) -> Path | None:
    """The option relay_corpus; None when nothing is to be written."""
    return Path(value.strip()).expanduser() if value.strip() else None


def _opened(folder: Path) -> Tips:
    """The conversations that the folder holds; it is made when it is not there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = sorted(folder.glob("corpus-????-??-??.jsonl"))[-_DAYS:]
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(0, "no right to write there")
        tips = Tips()
        for path in files:
            for tip in _written(path):
                tips.add(tip)
        return tips
    except OSError as error:
        raise ValueError(f"relay_corpus={str(folder)!r}: the folder can't be written: {_why(error)}") from None


def _written(path: Path) -> Iterator[Tip]:
    """The turns of a file, by the beginnings of its lines."""
    with path.open("rb") as file:
        for line in file:
            at = line.find(_DIGEST)
            try:
                head = json.loads(line[: at + len(_DIGEST) + _DIGEST_LENGTH + 1] + b"}") if at > 0 else {}
                yield Tip(head["conversation_id"], head["response_id"], head["thread"], head["digest"])
            except (ValueError, KeyError, TypeError):
                continue  # another program's line, or half a line


def _digests(messages: Sequence[Json]) -> Iterator[str]:
    """A digest for each message and all before it. Reasoning does not count: not every client sends it back."""
    before = b""
    for message in messages:
        plain = {name: value for name, value in message.items() if name != "reasoning_content"}
        before = hashlib.blake2b(before + json_bytes(plain), digest_size=_DIGEST_LENGTH // 2).digest()
        yield before.hex()


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error)


corpus = Corpus()
