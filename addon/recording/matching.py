"""Which recorded turn answers a chat request: conversations are compared, not bytes.

Codex's ids, dates, paths and prompt change from run to run and from version to version. What is compared of a message
is who says it, its settled text, and the calls by name and arguments. A thread is told by what it says.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Any

from relay_translate.errors import one_line

from .placeholders import Placeholders
from .private import machine_words
from .scrub import Scrubber

Json = dict[str, Any]

FITS = 0.5  # of a conversation, and of the words of its last question, must be the same where nothing equals
_LOOKED_AT = 20  # recorded turns that are compared word by word, those with the most equal messages
_WEIGHTS = {"user": 3.0, "assistant": 2.0, "tool": 1.0}
_CWD = re.compile(r"<cwd>([^<]{2,})</cwd>")
# What Codex tells of itself and the machine; it differs with the version, and nobody said it.
_SETTING = re.compile(
    r"<(environment_context|user_instructions|permissions instructions|apps_instructions|skills_instructions|"
    r"plugins_instructions|collaboration_mode|model_switch)>.*?</\1>\s*"
    r"|# AGENTS\.md instructions for [^\n]*\s*<INSTRUCTIONS>.*?</INSTRUCTIONS>\s*"
    r"|<image\b[^>]*>|</image>",
    re.S,
)
_MOMENT = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?Z|[+-]\d\d:?\d\d)?)?"
    r"|\b\d\d:\d\d:\d\d(?:\.\d+)?\b|\b\d+\.\d+ ?(?:ms|s|seconds)\b|(?<=session ID )\d+"
)
_NUMBERED = re.compile(r"(00000000-0000-4000-8000-)\d{12}|\b((?:msg|rs|fc|ctc|resp|call|item|turn)_)\d+\b")


@dataclass(frozen=True)
class Said:
    """One message: role, settled text, calls as (name, arguments with sorted keys)."""

    role: str
    text: str
    calls: tuple[tuple[str, str], ...] = ()

    @property
    def weight(self) -> float:
        return _WEIGHTS.get(self.role, 1.0)

    @property
    def whole(self) -> str:
        """All of it in one line."""
        return one_line(" ".join([self.text, *(f"{name}({arguments})" for name, arguments in self.calls)]))

    def shown(self, length: int = 80, start: int = 0) -> str:
        """For people, from a character on."""
        text = ("…" if start else "") + self.whole[start:]
        return f"{self.role} {text if len(text) <= length else text[: length - 1] + '…'}"


@dataclass(frozen=True)
class Conversation:
    """A chat request as it is compared. system: the prompt, which counts where all else is the same."""

    said: tuple[Said, ...]
    system: str = ""

    @property
    def place(self) -> int:
        """How many answers came before: the turn's number in its thread."""
        return sum(one.role == "assistant" for one in self.said)


@dataclass(frozen=True)
class Match:
    """number: of the recorded turn. how: for people. again: it has been played before."""

    number: int
    how: str
    again: bool = False


class Reader:
    """Chat requests -> conversations. A message that many turns repeat is settled once and kept once."""

    def __init__(self) -> None:
        self._scrubber = Scrubber(machine_words())
        self._known: dict[tuple[str, bytes], Said] = {}

    def read(self, request: Mapping[str, Any]) -> Conversation:
        messages = [one for one in request.get("messages") or () if isinstance(one, dict)]
        cwd, said, system = working_directory(request), [], []
        for message in messages:
            one = self._said(message, cwd)
            if one.role in ("system", "developer"):
                system.append(one.text)
            elif one.text or one.calls:
                said.append(one)
        return Conversation(tuple(said), "\n".join(system))

    def _said(self, message: Json, cwd: str) -> Said:
        digest = hashlib.sha256(json.dumps(message, sort_keys=True).encode()).digest()
        if (found := self._known.get((cwd, digest))) is None:
            made = Said(
                str(message.get("role", "")),
                self._settled(_SETTING.sub("", text_of(message)), cwd),
                tuple((name, self._settled(arguments, cwd)) for name, arguments in _calls(message)),
            )
            found = self._known[cwd, digest] = made
        return found

    def _settled(self, text: str, cwd: str) -> str:
        if not text:
            return ""
        # Each message by itself: an id more at the beginning would number all later ones differently.
        settled = Placeholders({cwd: "/workspace"} if cwd else {}).settle(self._scrubber.text(text))
        return _MOMENT.sub("#", _NUMBERED.sub(r"\1\2#", settled)).strip()


class Matcher:
    """The recorded conversations by the number of their turn, and what has been played of them."""

    def __init__(self, recorded: Mapping[int, Conversation]) -> None:
        self.recorded = dict(recorded)
        self.played: list[int] = []

    @property
    def left(self) -> list[int]:
        played = set(self.played)
        return [number for number in self.recorded if number not in played]

    def match(self, asked: Conversation) -> Match | None:
        """The turn that answers, which then counts as played; None when nothing fits.

        The same conversation first; then the same place in a thread with the same last message; then the thread that is
        most alike at this place. Among equals one that has not been played, as recorded; then the one played last,
        because a request that comes again is a retry.
        """
        found = self._same(asked) or self._same_place(asked) or self._most_alike(asked)
        if found is not None:
            self.played.append(found.number)
        return found

    def explain(self, asked: Conversation) -> str:
        """Why nothing fits: the nearest turn that is left, and where it differs."""
        left = self.left
        if not left:
            return f"all {len(self.recorded)} recorded answers have been played, and none was for this conversation"
        nearest = max(left, key=lambda number: (_common(asked, self.recorded[number]), -number))
        there = f"left {'are turns' if len(left) > 1 else 'is turn'} {listed(left)}"
        return f"{there}; turn {nearest} is nearest: {difference(asked, self.recorded[nearest])}"

    def _same(self, asked: Conversation) -> Match | None:
        same = [number for number, one in self.recorded.items() if one.said == asked.said]
        with_prompt = [number for number in same if self.recorded[number].system == asked.system]
        return self._chosen({number: float(number in with_prompt) for number in same}, "the same conversation")

    def _same_place(self, asked: Conversation) -> Match | None:
        if not asked.said:
            return None
        last = asked.said[-1]
        found = [number for number in self._at(asked) if self.recorded[number].said[-1:] == (last,)]
        scores = {number: alike(asked, self.recorded[number]) for number in self._best(asked, found)}
        return self._chosen(scores, "the same place in its thread")

    def _most_alike(self, asked: Conversation) -> Match | None:
        scores = {}
        for number in self._best(asked, self._at(asked)):
            one = self.recorded[number]
            if asked.said and one.said and _answers_the_same(asked.said[-1], one.said[-1]):
                scores[number] = alike(asked, one)
        fitting = {number: score for number, score in scores.items() if score >= FITS}
        return self._chosen(fitting, "{:.0%} of the conversation is the same")

    def _at(self, asked: Conversation) -> list[int]:
        return [number for number, one in self.recorded.items() if one.place == asked.place]

    def _best(self, asked: Conversation, numbers: Sequence[int]) -> list[int]:
        if len(numbers) <= _LOOKED_AT:
            return list(numbers)
        return sorted(numbers, key=lambda number: -_common(asked, self.recorded[number]))[:_LOOKED_AT]

    def _chosen(self, scores: Mapping[int, float], how: str) -> Match | None:
        if not scores:
            return None
        last = {number: at for at, number in enumerate(self.played)}
        best = max(scores.values())
        equals = [number for number, score in scores.items() if best - score < 0.01]
        fresh = [number for number in equals if number not in last]
        number = min(fresh) if fresh else max(equals, key=lambda one: last[one])
        return Match(number, how.format(scores[number]), again=not fresh)


# --- how much alike ---------------------------------------------------------------------------------------------------


def alike(one: Conversation, other: Conversation) -> float:
    """0 to 1: what is the same in both, a question counting more than an answer, and that more than a tool's output."""
    same, whole = 0.0, sum(said.weight for said in (*one.said, *other.said))
    matcher = SequenceMatcher(None, one.said, other.said, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        pairs = zip(one.said[a:b], other.said[c:d], strict=False)
        if tag == "equal":
            same += sum(2 * said.weight for said, _ in pairs)
        elif tag == "replace":
            same += sum((left.weight + right.weight) * likeness(left, right) for left, right in pairs)
    return same / whole if whole else 1.0


def likeness(one: Said, other: Said) -> float:
    """0 to 1: how many words two messages share."""
    if one == other:
        return 1.0
    if one.role != other.role:
        return 0.0
    left, right = _words(one), _words(other)
    return len(left & right) / len(left | right) if left | right else 1.0


def difference(asked: Conversation, recorded: Conversation) -> str:
    """The first message in which two conversations differ, in one line."""
    for at, (one, other) in enumerate(zip(asked.said, recorded.said, strict=False), 1):
        if one != other:
            equal = sum(takewhile(bool, (a == b for a, b in zip(one.whole, other.whole, strict=False))))
            start = equal - 20 if equal > 50 else 0
            return f"message {at} is now {one.shown(start=start)!r}, recorded is {other.shown(start=start)!r}"
    now, then = len(asked.said), len(recorded.said)
    if now > then:
        return f"it had ended after {then} messages, now follows {asked.said[then].shown()!r}"
    if then > now:
        return f"it went on after {now} messages with {recorded.said[now].shown()!r}"
    return "its messages are the same"


def _answers_the_same(asked: Said, recorded: Said) -> bool:
    """Whether the recorded answer can be one to what was asked last: a tool may print something else on another day,
    but another question needs another answer."""
    if asked.role != recorded.role:
        return False
    return asked.role != "user" or likeness(asked, recorded) >= FITS


def _common(one: Conversation, other: Conversation) -> float:
    """The weight of equal messages, wherever they stand."""
    return sum(said.weight * count for said, count in (Counter(one.said) & Counter(other.said)).items())


def _words(said: Said) -> set[str]:
    return set(re.findall(r"\w+", said.whole))


def listed(numbers: Sequence[int], most: int = 8) -> str:
    """Numbers for people; the first of many, and how many more."""
    shown = ", ".join(str(number) for number in numbers[:most])
    return shown if len(numbers) <= most else f"{shown} and {len(numbers) - most} more"


# --- reading messages -------------------------------------------------------------------------------------------------


def working_directory(request: Mapping[str, Any]) -> str:
    """The folder Codex names in its first messages; "" when it names none."""
    for message in (request.get("messages") or ())[:8]:
        if isinstance(message, dict) and (found := _CWD.search(text_of(message))):
            return found[1].rstrip("/\\")
    return ""


def text_of(message: Mapping[str, Any]) -> str:
    """All text of a chat message; pictures as a digest."""
    content = message.get("content")
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    return "\n\n".join(text for part in content if isinstance(part, dict) and (text := _part(part)))


def _part(part: Mapping[str, Any]) -> str:
    if isinstance(text := part.get("text"), str):
        return text
    kind = str(part.get("type"))
    return f"[{kind} {hashlib.sha256(json.dumps(part.get(kind), sort_keys=True).encode()).hexdigest()[:12]}]"


def _calls(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    calls: Iterable[Any] = message.get("tool_calls") or ()
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield str(function.get("name")), _canonical(str(function.get("arguments") or ""))


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return arguments
