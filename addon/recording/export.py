"""Recordings -> conversations in OpenAI messages, one JSON object a line, each conversation once.

The files are read twice and only digests are kept in between, so they may be larger than the memory: once to find the
turns in which conversations end, once to write those.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from relay_translate import TranslationError, json_bytes
from relay_translate.errors import one_line
from relay_translate.transcript import count

from . import RecordingError
from .conversations import Conversation, chain, conversation
from .flows import RecordedTurn, Recording, open_recording
from .leaves import Leaf, Leaves, Place
from .scrub import Scrubber
from .times import utc

Json = dict[str, Any]
Say = Callable[[str], None]

_OFTEN = 2.0  # seconds between two lines of progress
_LARGE = 50_000_000  # bytes of a file that is worth a word before it is looked through
_MOST_NAMED = 50  # turns that are left out are named up to so many, and counted beyond


@dataclass
class Exported:
    """What came of it. left_out: turns whose body was not kept whole; damaged: files that end too early."""

    turns: int = 0
    conversations: int = 0
    short: int = 0  # conversations with fewer answers than were asked for
    left_out: int = 0
    refused: int = 0
    damaged: int = 0
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def is_whole(self) -> bool:
        return not self.left_out and not self.damaged


class Export:
    """One run over several files, which count as one sequence of turns.

    reasoning: whether assistant messages carry `reasoning_content`. min_turns: conversations with fewer answers are
    not written. say: hears of progress and of what is left out.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        scrubber: Scrubber,
        *,
        reasoning: bool = True,
        min_turns: int = 1,
        say: Say = lambda text: print(text, file=sys.stderr),
    ) -> None:
        self.done = Exported()
        self._reasoning, self._min_turns, self._scrubber = reasoning, min_turns, scrubber
        self._say = say
        self._began = self._last_word = time.monotonic()
        self._bytes = 0
        self._recordings = [self._open(path) for path in paths]

    def write(self, out: BinaryIO) -> Exported:
        leaves = self._find()
        for leaf in leaves:
            turn = self._turn(leaf.place)
            self._progress(turn, len(leaves))
            if (found := self._conversation(leaf, turn)) is None:
                continue
            line = json_bytes(self._line(leaf, turn, found))
            out.write(self._scrubber.body(line) + b"\n")
            self.done.conversations += 1
        return self.done

    def _open(self, path: Path) -> Recording:
        """Raises RecordingError; a file that is damaged further on is read up to there."""
        if path.is_file() and path.stat().st_size > _LARGE:
            self._say(f"looking through {path} ({path.stat().st_size / 1e6:,.0f} MB) ...")
        recording = open_recording(path)
        if recording.damage:
            self.done.damaged += 1
            before = count(len(recording), "turn")
            self._say(f"{path} is damaged: {recording.damage}; what stands before that is exported, {before}")
        return recording

    def _turn(self, place: Place) -> RecordedTurn:
        file, number = place
        return self._recordings[file].turn(number)

    def _find(self) -> Leaves:
        leaves = Leaves()
        for file, recording in enumerate(self._recordings):
            for number, turn in enumerate(recording.turns()):
                self.done.turns += 1
                self._progress(turn, len(leaves))
                try:
                    leaves.add((file, number), turn, chain(turn))
                except RecordingError as error:
                    self.done.left_out += 1
                    self._name(self.done.left_out, (file, number), f"left out, {error}")
                except TranslationError as error:
                    self.done.refused += 1
                    self._name(self.done.refused, (file, number), f"no conversation, {error}")
        return leaves

    def _conversation(self, leaf: Leaf, turn: RecordedTurn) -> Conversation | None:
        found = conversation(turn, reasoning=self._reasoning)
        if found.answers < self._min_turns:
            self.done.short += 1
            return None
        if turn.facts.get("truncated"):
            self.done.left_out += 1
            self._name(self.done.left_out, leaf.place, "its answer was not kept whole; what there is of it is exported")
        self.done.notes.update(note for note in found.notes if note.startswith("input:") and "left out" in note)
        return found

    def _line(self, leaf: Leaf, turn: RecordedTurn, found: Conversation) -> Json:
        tools = found.tools
        if not tools and leaf.tools is not None:
            tools = conversation(self._turn(leaf.tools)).tools
        facts = turn.facts
        return {
            "messages": found.messages,
            **({"tools": tools} if tools else {}),
            "model": facts.get("model") or turn.request.get("model"),
            "thread": turn.thread,
            "kind": kind(turn),
            "codex": turn.codex_version,
            "started": utc(leaf.started).isoformat(timespec="seconds"),
            "turns": found.answers,
            "status": facts.get("status") or "unknown",
        }

    def _name(self, number: int, place: Place, what: str) -> None:
        if number <= _MOST_NAMED:
            self._say(f"{self._recordings[place[0]].path}, turn {place[1] + 1}: {one_line(what)}")

    def _progress(self, turn: RecordedTurn, conversations: int) -> None:
        for flow in (turn.client, turn.upstream):
            for message in (flow.request, flow.response) if flow else ():
                self._bytes += len(message.raw_content or b"") if message else 0
        now = time.monotonic()
        if now - self._last_word > _OFTEN:
            self._last_word = now
            words = (
                f"{self._bytes / 1e6:,.0f} MB, {count(self.done.turns, 'turn')}, {count(conversations, 'conversation')}"
            )
            self._say(f"{words}, {now - self._began:.0f} s")


def kind(turn: RecordedTurn) -> str:
    """What the client made the conversation for, in Codex's words (user, subagent, thread_title, review ...), or ""."""
    headers = turn.client.request.headers
    try:
        metadata = json.loads(headers.get("x-codex-turn-metadata", "{}"))
    except ValueError:
        metadata = {}
    source = metadata.get("thread_source") if isinstance(metadata, dict) else None
    return str(source or headers.get("x-openai-subagent", ""))


def summary(done: Exported, min_turns: int, seconds: float) -> Iterable[str]:
    """What is said at the end, a line each."""
    yield f"{count(done.conversations, 'conversation')} of {count(done.turns, 'turn')} in {seconds:.1f} s"
    if done.short:
        least = count(min_turns, "answer")
        yield f"not written: {count(done.short, 'conversation')} of fewer than {least} (--min-turns)"
    if done.left_out:
        yield f"not kept whole by the recording: {count(done.left_out, 'turn')}"
    if done.refused:
        yield f"requests that the relay refuses, which no provider has answered: {count(done.refused, 'turn')}"
    for note, often in done.notes.most_common(10):
        yield f"{note} ({count(often, 'conversation')})"
    if done.damaged:
        yield f"damaged, so that what stands behind the damage could not be read: {count(done.damaged, 'file')}"
