"""Questions as data, what is known so far, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from addon.probe.reply import DETAILS, THOUGHT_FIELDS, Reply
from relay_translate import Profile
from relay_translate.reasoning import PARTS, THINK

Json = dict[str, Any]
Answer = Literal["yes", "no", "unknown", "not asked"]

LIMIT = 16  # tokens of an answer that only has to begin
MOST = 4000  # characters after which an answer without a limit is not read on
COUNT = "Count from 1 to 100, one number a line, nothing else."
COUNT_MOST = 240  # characters; 16 tokens of numbers are far fewer
SAY_OK = "Say ok."
BE_BRIEF = "Be brief."


@dataclass(frozen=True)
class Verdict:
    """What an accepted request showed. value: what a later question or the profile needs of it."""

    answer: Answer
    says: str = ""
    value: Any = None


@dataclass(frozen=True)
class Finding:
    """One row of the table. evidence: status and the provider's words, shortened."""

    name: str
    asks: str
    answer: Answer
    says: str = ""
    evidence: str = ""
    value: Any = None


@dataclass
class Known:
    """What is known of the endpoint while it is asked. base: the profile whose word holds where nothing else shows,
    with what is different for the model. limit_field: "" when no output limit is taken. lead: whether the plain
    request has a system message, as Codex's always have; extras: whether it has the fields that the base sends every
    time."""

    model: str
    base: Profile
    limit_field: str = "max_tokens"
    stream_usage: bool = True
    lead: bool = True
    extras: bool = True
    findings: dict[str, Finding] = field(default_factory=dict)
    replies: list[Reply] = field(default_factory=list)

    def answer(self, name: str) -> Answer | Literal[""]:
        """ "" for a question that did not come up."""
        finding = self.findings.get(name)
        return finding.answer if finding else ""

    def value(self, name: str) -> Any:
        finding = self.findings.get(name)
        return finding.value if finding else None

    @property
    def thinks(self) -> bool:
        """Whether reasoning was seen, of itself, in the first answer."""
        return bool(self.replies and self.replies[0].thought())

    @property
    def switched(self) -> tuple[Json, Json] | None:
        """The fields that were seen to switch thinking off and on."""
        pairs = [finding.value for name, finding in self.findings.items() if name.startswith(("off_", "on_"))]
        return next((pair for pair in pairs if pair), None)

    @property
    def off(self) -> Json:
        """The fields that switch thinking off, as far as known."""
        if self.switched:
            return self.switched[0]
        if self.value("effort_none") == "off":
            return at(self.base.reasoning.effort_field, "none")
        return dict(self.base.reasoning.off or {})

    @property
    def can_tell_of_calls(self) -> bool:
        """Whether a made-up call of earlier is taken, in some form."""
        return "yes" in (self.answer(name) for name in ("history", "history_signed", "history_thought"))

    def made_up(self, call_id: str, content: Json | None = None) -> Json:
        """An assistant message with a call that the model did not make, in the form that is taken.
        content: {"content": ...}, or {} to leave it out."""
        made = call(call_id) | (self.value("history_signed") or {})
        said = {"role": "assistant", "tool_calls": [made]} | ({"content": CALLING} if content is None else content)
        return said | (self.value("history_thought") or {})

    @property
    def source(self) -> str:
        """Where reasoning came, in any answer so far; of several places the one that the relay gives back. "" when none
        came."""
        found: dict[str, str] = {}
        for reply in self.replies:
            found |= {place: text for place, text in reply.thought().items() if text}
        return next((place for place in (DETAILS, *THOUGHT_FIELDS, PARTS, THINK) if place in found), "")

    def plain(self, limit: int = LIMIT) -> Json:
        """A request that the endpoint is known to take."""
        lead = [{"role": "system", "content": BE_BRIEF}] if self.lead else []
        body: Json = {"model": self.model, "messages": [*lead, {"role": "user", "content": SAY_OK}], "stream": True}
        if self.stream_usage:
            body["stream_options"] = {"include_usage": True}
        if self.limit_field:
            body[self.limit_field] = limit
        if self.extras:
            body |= {**self.base.reasoning.always, **self.base.extra_fields}
        return body


Add = Callable[[Json, Known], None]
Judge = Callable[[Reply, Known], Verdict]


def accepted(_: Reply, __: Known) -> Verdict:
    """That it was answered at all says enough."""
    return Verdict("yes")


def always(_: Known) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Question:
    """add: puts what is asked about into a request that is otherwise known to be taken.
    judge: what an answer shows; a refusal is always "no".
    together: questions with the same word are asked in one request first, which spares requests where all is taken.
    when: whether the question comes up, after what is known.
    limit, most: tokens the answer may have, and characters after which it is not read on.
    """

    name: str
    asks: str
    add: Add
    judge: Judge = accepted
    together: str = ""
    when: Callable[[Known], bool] = always
    limit: int = LIMIT
    most: int = MOST


def at(path: str, value: Any) -> Json:
    """`value` in the field of this name; "a.b" is `b` in the object `a`."""
    outer, _, inner = path.partition(".")
    return {outer: {inner: value} if inner else value}


def last(body: Json) -> Json:
    """The message that the answer is for."""
    message: Json = body["messages"][-1]
    return message


def lead(body: Json) -> list[Json]:
    """The system message, where there is one."""
    return [message for message in body["messages"][:1] if message["role"] == "system"]


def before_last(body: Json, *messages: Json) -> None:
    body["messages"][-1:-1] = messages


def offer(body: Json, name: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> None:
    """One more function tool; without parameters, one that has none at all."""
    function: Json = {"name": name, "description": "Looks a word up.", **more}
    if parameters is not None:
        function["parameters"] = parameters
    body.setdefault("tools", []).append({"type": "function", "function": function})


LOOKUP = "probe_lookup"
CALLING = "I look it up."
WORD: Json = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}


def offer_lookup(body: Json) -> None:
    if not any(tool["function"]["name"] == LOOKUP for tool in body.get("tools", [])):
        offer(body, LOOKUP, WORD)


def call(call_id: str, word: str = "left") -> Json:
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": LOOKUP, "arguments": f'{{"word": "{word}"}}'},
    }
