"""Text without the person, the machine and the moment it came from: pure functions over text and JSON values.

Two uses. `Placeholders.scrub` takes out what identifies somebody; recordings are kept that way. `Placeholders.settle`
also takes out what differs between two runs of the same thing, so that two recordings of it give equal fixtures.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from relay_translate.reasoning import VERSION, pack, unpack
from relay_translate.transcript import open_envelopes

Json = dict[str, Any]

PROVIDER = "provider.example"
CREATED_AT = 1750000000  # the clock of every fixture, Unix seconds

# Prose that is cut in trimmed fixtures: key -> (longer than, characters kept). 400 leaves Codex's short notices whole.
_TEXT, _NOTE = (400, 200), (120, 60)
_PROSE = {"text": _TEXT, "instructions": _TEXT, "output": _TEXT, "content": _TEXT} | {
    "description": _NOTE, "definition": _NOTE, "x-codex-turn-metadata": _NOTE,
}  # fmt: skip

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID = re.compile(rf"\b([a-z]+(?:_[a-z]+)*_)(?:{_UUID}|[0-9a-f]{{24,}})(?:_\d+)?\b")
_BARE_UUID = re.compile(rf"(?<![0-9a-f-]){_UUID}(?![0-9a-f-])")
_PIECE = re.compile(r'"(?:arguments|content|delta|reasoning|reasoning_content)": ?"((?:[^"\\]|\\.)*)"')  # of a stream
_ANSWER = re.compile(r"(\banswer\\*\":\\*\")([0-9a-f]{8})\b")  # in an envelope: the end of an answer's id
_ENVELOPE = re.compile(re.escape(VERSION) + r"[A-Za-z0-9_-]+")

# Homes of people; a backslash is doubled as often as JSON stands in JSON.
_HOME = re.compile(r"(?<![\w.-])(/home/|/Users/|[A-Za-z]:\\+Users\\+)(?!user\b)[^/\\\s\"'<>|:]+")
_KEYS = re.compile(
    r"\bsk-(?:[a-z]+-)*[A-Za-z0-9_]{20,}|\b(?:gsk|hf|xai|nvapi)[_-][A-Za-z0-9_-]{30,}|\bAIza[\w-]{35}"
    r"|\bAKIA[0-9A-Z]{16}|\bgh[pousr]_[A-Za-z0-9]{30,}"
)

_CWD = re.compile(r"<cwd>([^<]+)</cwd>")
_MASK = re.compile(r"(\[scrubbed\])\*+")  # as long as what it hides

# What a run leaves behind; each pattern keeps its first group. `\\*` because JSON stands in JSON here and there.
_MOMENTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(<current_date>)[^<]*"), r"\g<1>2026-01-01"),
    (re.compile(r"(<timezone>)[^<]*"), r"\g<1>Etc/UTC"),
    (re.compile(r"(<shell>)[^<]*"), r"\g<1>bash"),
    (re.compile(r"(_unix_ms\\*\":)\d+"), r"\g<1>0"),
    (re.compile(r"(\"create_time\": ?)[0-9.]+"), r"\g<1>0.0"),
    (re.compile(r"(\"created_at\":)\d+"), rf"\g<1>{CREATED_AT}"),
    (re.compile(r"((?:created|updated)At\\*\": ?)\d{10,13}"), rf"\g<1>{CREATED_AT}"),
    (re.compile(r"((?:timeUsedSeconds|tokensUsed)\\*\": ?)\d+"), r"\g<1>0"),  # of a goal, as far as was counted
    (re.compile(r"(latest_git_commit_hash\\*\":\\*\")[0-9a-f]{40}"), r"\g<1>" + "0" * 40),
    (re.compile(r"(Chunk ID: |chunk_id\\*\":\\*\")[0-9a-f]{6}\b"), r"\g<1>000000"),
    (re.compile(r"(Wall time:? )[0-9.]+(?= seconds)"), r"\g<1>0.1"),
    (re.compile(r"((?:wall_time|duration)_seconds\\*\":)[0-9.e-]+"), r"\g<1>0.1"),
    # Sub-agents are named after a scientist drawn by lot.
    (re.compile(r"(nickname\\*\":\\*\")[^\"\\]+"), r"\g<1>Ada"),
    (re.compile(r"()(?:127\.0\.0\.1|localhost):\d{4,5}\b"), PROVIDER),
)


class Placeholders:
    """One recorded case. The same id gets the same placeholder all through it, numbered as they appear.

    roots: folders -> what to call them. words: names (of a user, a host) that must not stay.
    """

    def __init__(self, roots: Mapping[str, str] | None = None, words: Iterable[str] = ()) -> None:
        self.roots = dict(sorted((roots or {}).items(), key=lambda pair: -len(pair[0])))
        self._words = [re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])") for word in words if len(word) > 2]
        self._known: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def scrub(self, text: str) -> str:
        """`text` (prose, JSON, event streams) without homes, names, keys, and the UUIDs of installations and sessions.
        Envelopes are looked into and closed again."""
        text = _ENVELOPE.sub(lambda found: self._scrub_envelope(found[0]), text)
        for folder, name in self.roots.items():
            text = text.replace(folder, name)
        text = _KEYS.sub("[scrubbed]", _HOME.sub(r"\1user", text))
        for word in self._words:
            text = word.sub("[scrubbed]", text)
        return _BARE_UUID.sub(lambda found: self._uuid(found[0]), self._mend(text))

    def settle(self, text: str) -> str:
        """`scrub`, and nothing that differs from run to run. Envelopes stay open, for people to read."""
        text = _MASK.sub(r"\1", open_envelopes(text))
        for pattern, instead in _MOMENTS:
            text = pattern.sub(instead, text)
        text = _ANSWER.sub(lambda found: found[1] + self._known.get(found[2], found[2]), text)
        return self.scrub(_ID.sub(lambda found: self._id(found[1], found[0]), text))

    def rename(self, old: str, new: str) -> None:
        """`settle` writes `new` wherever the id `old`, or its end in an envelope, stands."""
        self._known |= {old: new, old[-8:]: new[-8:]}

    def _uuid(self, found: str) -> str:
        # Still a UUID: what reads recordings may expect one.
        return self._name(found, "", lambda number: f"00000000-0000-4000-8000-{number:012d}")

    def _id(self, prefix: str, found: str) -> str:
        return self._name(found, prefix, lambda number: f"{prefix}{number}")

    def _name(self, found: str, kind: str, name: Callable[[int], str]) -> str:
        if found not in self._known:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._known[found] = name(self._counts[kind])
        return self._known[found]

    def _mend(self, text: str) -> str:
        """An event stream with the UUIDs replaced that are spread over its pieces: placeholders have their length."""
        if not text.startswith(("data:", "event:", ":")):
            return text
        places = [place for found in _PIECE.finditer(text) for place in range(*found.span(1))]
        joined, letters = "".join(text[place] for place in places), list(text)
        for found in _BARE_UUID.finditer(joined):
            if places[found.end() - 1] - places[found.start()] < len(found[0]):
                continue  # it stands in one piece, as everywhere else
            for place, letter in zip(places[found.start() : found.end()], self._uuid(found[0]), strict=True):
                letters[place] = letter
        return "".join(letters)

    def _scrub_envelope(self, blob: str) -> str:
        content = unpack(blob)
        return blob if content is None else pack(json.loads(self.scrub(json.dumps(content, ensure_ascii=False))))


def roots_of(texts: Iterable[str]) -> dict[str, str]:
    """What the folders are called that clients work in, as their requests name them. A folder `workspace` is one that
    a scenario was played in; its `home` and whatever else stands beside it belong to the scenario."""
    roots: dict[str, str] = {}
    for found in {found[1] for text in texts for found in _CWD.finditer(text)}:
        folder = PurePosixPath(found)
        if folder.name == "workspace" and len(folder.parts) > 3:
            roots |= {str(folder.parent / "home"): "/home/user", str(folder.parent): "/tmp/case"}
        if len(found) > 1:
            roots[found] = "/workspace"
    return roots


# --- trimming ---------------------------------------------------------------------------------------------------------


def shorten(value: Any, key: str = "") -> Any:
    """A JSON value with its long prose cut: prompts, descriptions, grammars. What a program reads stays whole."""
    if isinstance(value, dict):
        return {name: shorten(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [shorten(inner, key) for inner in value]
    if isinstance(value, str) and key in _PROSE:
        longest, kept = _PROSE[key]
        return value if len(value) <= longest else f"{value[:kept]} [... {len(value) - kept} more characters]"
    return value


def keep_tools(request: Json, called: Collection[str]) -> Json:
    """The request without the tools that nobody calls, those inside its input among them, and those of groups.

    called: names of tools or groups, and types of tools that have no name. One tool stays in each place that offers
    any: a request without tools is another case."""
    trimmed = dict(request)
    if isinstance(tools := request.get("tools"), list):
        trimmed["tools"] = _kept(tools, called)
    if isinstance(items := request.get("input"), list):
        trimmed["input"] = [
            item | {"tools": _kept(item["tools"], called)} if _offers_tools(item) else item for item in items
        ]
    return trimmed


def _offers_tools(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "additional_tools" and isinstance(item.get("tools"), list)


def _kept(tools: list[Any], called: Collection[str]) -> list[Any]:
    found = [kept for tool in tools if (kept := _as_called(tool, called)) is not None]
    return found or tools[:1]


def _as_called(tool: Any, called: Collection[str]) -> Any:
    """The tool, a group without the members that are not called, or None."""
    if not isinstance(tool, dict):
        return None
    if str(tool.get("name") or tool.get("type")) in called:
        return tool
    members = tool.get("tools")
    inner = [one for one in members if _as_called(one, called)] if isinstance(members, list) else []
    return tool | {"tools": inner} if inner else None
