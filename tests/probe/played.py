"""A dialect as an endpoint to be probed: it enforces its rules and plays a model that does as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from addon.probe.endpoint import Endpoint
from addon.probe.interview import Interview
from addon.probe.question import COUNT, Finding, Known
from addon.probe.questions.tools import LOOKUP
from addon.scripted import Call, Reply, Scenario, ScriptedUpstream, Seen, answer, error
from addon.scripted.dialects import Complaint, Dialect
from addon.scripted.dialects.limits import at, judge
from addon.scripted.dialects.returned import return_complaints
from addon.scripted.replies import Said
from relay_translate import Profile, find_profile

Json = dict[str, Any]
Step = Callable[[Seen], Reply]

CALLS = (Call.of(LOOKUP, {"word": "left"}), Call.of(LOOKUP, {"word": "right"}))
THOUGHT = "Let me think about this for a while. "
NUMBERS = "1\n2\n3\n4\n5\n"


@dataclass
class Quiet:
    """A progress display that only remembers."""

    lines: list[str] = field(default_factory=list)

    def asking(self, what: str) -> None:
        self.lines.append(f"? {what}")

    def found(self, finding: Finding) -> None:
        self.lines.append(f"{finding.asks}: {finding.answer}")

    def note(self, text: str) -> None:
        self.lines.append(text)


def text_for(seen: Seen) -> str:
    asked = seen.last_text
    if asked == COUNT:
        return NUMBERS
    if "colour" in asked:
        return "Red."
    return '{"ok": true}' if "JSON" in asked else "ok"


def calls_for(seen: Seen) -> tuple[Call, ...]:
    """Calls where the prompt or `tool_choice` asks for them."""
    choice = seen.body.get("tool_choice")
    if not seen.body.get("tools") or choice == "none":
        return ()
    return CALLS if "twice at once" in seen.last_text else CALLS[:1] if choice in ("required",) or isinstance(
        choice, dict) else ()  # fmt: skip


def model(**how: Any) -> Step:
    """A step that answers as the reference has it, or as `how` says (see `addon.scripted.answer`)."""

    def step(seen: Seen) -> Reply:
        calls = calls_for(seen)
        return answer("" if calls else text_for(seen), calls=calls, **how)

    return step


def refusing(*rules: Callable[[Json], str | None], otherwise: Step | None = None, status: int = 400) -> Step:
    """A step that refuses what one of the rules complains of."""
    answers = otherwise or model()

    def step(seen: Seen) -> Reply:
        complaint = next((said for rule in rules if (said := rule(seen.body))), None)
        return error(status, complaint) if complaint else answers(seen)

    return step


def played(dialect: Dialect, tolerated: Iterable[str] = ()) -> Step:
    """The dialect's own rules. Ids it did not give and calls it did not make are let pass: the probe makes some up.
    tolerated: fields without which it would answer otherwise, let pass too."""
    limits = replace(dialect.limits, own_ids=False)
    limits = replace(limits, needed={k: v for k, v in limits.needed.items() if k not in set(tolerated)})
    said: list[Said] = []

    def step(seen: Seen) -> Reply:
        found = judge(seen.body, limits)
        found += [Complaint("reasoning", text) for text in _wrongly_returned(seen.body, said, dialect)]
        if found:
            return dialect.refuse(found[0])
        path, value = limits.not_thinking
        thinks = not path or at(seen.body, path) != value
        calls = calls_for(seen)
        made = dialect.style.answer(
            "" if calls else text_for(seen), reasoning=THOUGHT if thinks else "", calls=calls, turn=seen.number
        )
        if calls:
            said[:] = [made.said]
        return made

    return step


def _wrongly_returned(body: Json, said: list[Said], dialect: Dialect) -> list[str]:
    """What is wrong with the reasoning beside calls that the model made, and with reasoning anywhere."""
    own = {call.id for turn in said for call in turn.calls}
    real = [m for m in body["messages"] if not m.get("tool_calls") or {c["id"] for c in m["tool_calls"]} <= own]
    found = [
        *return_complaints(body | {"messages": real}, said, dialect.back),
        *return_complaints(body, (), dialect.back),
    ]
    return [text for text in found if "did not make" not in text]


async def probed(
    step: Step, *, base: str = "generic", name: str = "m", skip: Iterable[str] = (), proof: bool = True, **how: Any
) -> tuple[Interview, list[Seen]]:
    """An interview with a scripted endpoint, and what it saw."""
    async with ScriptedUpstream() as upstream:
        script = upstream.play("*", Scenario("probed", [step, ...], rules=frozenset(), route=lambda _: "main"))
        interview = await asyncio.to_thread(
            _interview, upstream.url, find_profile(name=base, model=name), name, frozenset(skip), proof, how
        )
    return interview, script.seen


def _interview(url: str, base: Profile, name: str, skip: frozenset[str], proof: bool, how: Json) -> Interview:
    quiet = Quiet()
    how = {"timeout": 10.0, "sleep": lambda _: None, "tell": quiet.note, "auth": base.auth, **how}
    with Endpoint(f"{url}/v1/chat/completions", f"{url}/v1/models", **how) as endpoint:
        interview = Interview(endpoint, Known(name, base), quiet, skip)
        interview.run()
        if proof:
            interview.prove()
    return interview


def answers(interview: Interview) -> dict[str, str]:
    return {name: finding.answer for name, finding in interview.known.findings.items()}


def table(interview: Interview) -> str:
    """For the message of a failed test."""
    return json.dumps({n: [f.answer, f.says, f.evidence] for n, f in interview.known.findings.items()}, indent=1)
