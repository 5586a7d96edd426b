"""A scenario and the state of playing it: which request gets which reply, and what was wrong with the request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Any, Protocol

from addon.scripted.chunks import Call
from addon.scripted.memory import prefix_break, reasoning_returned
from addon.scripted.replies import Reply, Said, answer, error
from addon.scripted.rules import ALL_RULES, complaints

Json = dict[str, Any]
COMPACTION_PROMPT = "CONTEXT CHECKPOINT COMPACTION"  # opens Codex's own summary request, all versions


@dataclass
class Seen:
    """One request as it arrived."""

    number: int  # of this script, from 1
    at: float
    headers: Mapping[str, str]
    body: Json
    thread: str = ""
    complaints: list[str] = field(default_factory=list)
    left_early: bool = False  # the client closed before the reply was written
    path: str = ""

    @property
    def messages(self) -> list[Json]:
        return self.body["messages"]

    @property
    def tools(self) -> list[str]:
        return [tool["function"]["name"] for tool in self.body.get("tools") or () if "function" in tool]

    def tool(self, *parts: str) -> str:
        """The offered tool whose name ends with the last part and holds the others (``"mcp__tiny", "echo"``)."""
        for name in self.tools:
            if name.endswith(parts[-1]) and all(part in name for part in parts):
                return name
        raise LookupError(f"no tool {parts} among {self.tools}")

    def described(self, description: str) -> list[str]:
        """The names of the tools whose description holds this, for names that had to be shortened."""
        functions = [tool["function"] for tool in self.body.get("tools") or ()]
        found = [function["name"] for function in functions if description in function.get("description", "")]
        if not found:
            raise LookupError(f"no tool described as {description!r} among {self.tools}")
        return found

    def schema(self, name: str) -> Json:
        for tool in self.body.get("tools") or ():
            if tool["function"]["name"] == name:
                return tool["function"]
        raise LookupError(f"no tool {name!r} among {self.tools}")

    def call(self, *parts: str, **arguments: Any) -> Call:
        return Call.of(self.tool(*parts), arguments)

    def free_text(self, tool: str, text: str) -> Call:
        """A call of a freeform tool, which arrives as a function with one string parameter."""
        name = self.tool(tool)
        properties = self.schema(name)["parameters"]["properties"]
        if len(properties) != 1:
            raise LookupError(f"tool {name} should have one parameter, not {sorted(properties)}")
        return Call.of(name, {next(iter(properties)): text})

    def text_of(self, *roles: str) -> str:
        """All text of the messages with these roles (of all roles, if none is named)."""
        chosen = (message for message in self.messages if not roles or message.get("role") in roles)
        return "\n".join(text_of(message) for message in chosen)

    @property
    def last_text(self) -> str:
        return text_of(self.messages[-1])

    def images(self) -> list[str]:
        """The image URLs of the request, in order."""
        parts = (part for m in self.messages if isinstance(m.get("content"), list) for part in m["content"])
        return [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]


def text_of(message: Json) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


Step = Reply | Callable[[Seen], Reply]


def route_by_kind(seen: Seen) -> str:
    """Codex's side requests go to threads of their own; everything else is the conversation."""
    if COMPACTION_PROMPT in seen.last_text:
        return "compaction"
    schema = json.dumps(seen.body.get("response_format") or {})
    if '"title"' in schema and '"maxLength": 36' in schema:
        return "title"
    return "main"


SIDE_REPLIES: Mapping[str, Step] = {
    "title": answer('{"title":"A scripted thread"}'),
    "compaction": answer("SUMMARY: the scripted task is under way."),
}


class Judge(Protocol):
    """A provider whose own rules hold in place of the rules by name. A complaint of its has a `text`."""

    def judge(self, body: Json, said: Sequence[Said]) -> Sequence[Any]: ...

    def refuse(self, complaint: Any) -> Reply: ...


@dataclass(frozen=True)
class Scenario:
    """Replies by thread, in order. A final ``...`` repeats the last one for ever."""

    name: str
    steps: Sequence[Step | EllipsisType]
    threads: Mapping[str, Sequence[Step | EllipsisType]] = field(default_factory=dict)
    route: Callable[[Seen], str] = route_by_kind
    rules: frozenset[str] = ALL_RULES
    judge: Judge | None = None  # with one, only the rules that need a thread's past are left of `rules`


class Script:
    """A scenario being played."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.seen: list[Seen] = []
        self.complaints: list[str] = []
        self._said: list[Said] = []
        self._played: dict[str, int] = {}
        self._before: dict[str, Json] = {}

    def receive(self, body: Json, headers: Mapping[str, str], at: float, path: str = "") -> tuple[Seen, Reply]:
        """Judge a request and choose its reply. A request that breaks a rule gets 400 and costs no step."""
        seen = Seen(len(self.seen) + 1, at, headers, body, path=path)
        self.seen.append(seen)
        if refusal := self._judge(seen):
            return seen, refusal
        seen.thread = self.scenario.route(seen)
        self._compare(seen)
        try:
            reply = self._next(seen)
        except Exception as problem:  # a step that cannot be played is a finding, not a broken server
            self._complain(seen, f"{type(problem).__name__}: {problem}")
            return seen, error(400, f"The script cannot answer request {seen.number}: {problem}")
        if reply.said.calls or reply.said.text:
            self._said.append(reply.said)
        return seen, reply

    def of(self, thread: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.thread == thread]

    def unplayed(self) -> list[str]:
        """Steps no request asked for."""
        threads = {"main": self.scenario.steps, **self.scenario.threads}
        found = []
        for name, steps in threads.items():
            played = self._played.get(name, 0)
            if ... not in steps and played < len(steps):
                found.append(f"thread {name}: {played} of {len(steps)} replies asked for")
        return found

    def _judge(self, seen: Seen) -> Reply | None:
        """The refusal of a request that breaks a rule."""
        rules, judge = self.scenario.rules, self.scenario.judge
        if judge is not None:
            own = judge.judge(seen.body, self._said)
            for complaint in own:
                self._complain(seen, complaint.text)
            return judge.refuse(own[0]) if own else None
        found = complaints(seen.body, rules)
        if not found and "reasoning_returned" in rules:
            found = list(reasoning_returned(seen.body, self._said))
        for text in found:
            self._complain(seen, text)
        return error(400, "; ".join(seen.complaints)) if found else None

    def _compare(self, seen: Seen) -> None:
        """Requests of a thread begin with the one before. A compaction starts the conversation anew."""
        if seen.thread == "compaction":
            self._before.pop("main", None)
            return
        before = self._before.get(seen.thread)
        if (
            before is not None
            and "stable_prefix" in self.scenario.rules
            and (broken := prefix_break(before, seen.body))
        ):
            # No provider refuses this; it only costs money. So it is noted, and the play goes on.
            self.complaints.append(f"request {seen.number} does not begin with the one before it: {broken}")
        self._before[seen.thread] = seen.body

    def _next(self, seen: Seen) -> Reply:
        steps = self.scenario.steps if seen.thread == "main" else self.scenario.threads.get(seen.thread)
        if steps is None:
            return _reply(SIDE_REPLIES[seen.thread], seen)
        number = self._played.get(seen.thread, 0)
        if number >= len(steps) or steps[number] is ...:
            if not steps or steps[-1] is not ...:
                raise LookupError(f"thread {seen.thread} has only {len(steps)} replies")
            number = len(steps) - 2
        step = steps[number]
        assert not isinstance(step, EllipsisType)
        self._played[seen.thread] = number + 1
        return _reply(step, seen)

    def _complain(self, seen: Seen, text: str) -> None:
        seen.complaints.append(text)
        self.complaints.append(f"request {seen.number}: {text}")


def _reply(step: Step, seen: Seen) -> Reply:
    return step if isinstance(step, Reply) else step(seen)
