"""The two rules that need the thread's past: what the model said comes back, and requests grow at their end only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from addon.scripted.chunks import Call
from addon.scripted.replies import Said

Json = dict[str, Any]
Differences = Callable[[str, Json, Said], Iterator[str]]
REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details")


def _canonical(arguments: object) -> str:
    """Arguments as a value: a provider compares what was called, not how it was spelled."""
    try:
        return json.dumps(json.loads(str(arguments)), sort_keys=True)
    except ValueError:
        return str(arguments)


def _is_subsequence(wanted: Sequence[object], having: Sequence[object]) -> bool:
    left = iter(having)
    return all(any(one == other for other in left) for one in wanted)


def _candidates(message: Json, said: Mapping[int, Sequence[Call]]) -> list[int]:
    """Which replies an assistant message with calls may repeat. Ids are no help: providers and relays change them."""
    calls = [call.get("function") or {} for call in message["tool_calls"]]
    exact = [(call.get("name"), _canonical(call.get("arguments"))) for call in calls]
    names = [name for name, _ in exact]
    made = {n: [(call.name, _canonical(call.arguments)) for call in calls] for n, calls in said.items()}
    found = [n for n, calls in made.items() if _is_subsequence(exact, calls)]
    # Broken arguments cannot come back as they were (they must be JSON again), so names decide then.
    return found or [n for n, calls in made.items() if _is_subsequence(names, [name for name, _ in calls])]


def _reasoning_of(message: Json, field: str) -> str:
    value = message.get(field)
    if isinstance(value, list):
        return "".join(part.get("text") or "" for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


def reasoning_returned(body: Json, said: Sequence[Said], differences: Differences | None = None) -> Iterator[str]:
    """Reasoning that led to calls comes back byte for byte, in the field it came in, on the message of its calls.
    ``differences`` may judge otherwise: a label, the message and what was said -> complaints.

    A turn whose calls come back in several messages (old Codex versions put each output right behind its call) must
    repeat it on each of them.
    """
    left: dict[int, Sequence[Call]] = {number: turn.calls for number, turn in enumerate(said)}
    for number, message in enumerate(body["messages"]):
        if message.get("role") != "assistant" or not message.get("tool_calls"):
            continue
        label = f"messages[{number}] {[call.get('function', {}).get('name') for call in message['tool_calls']]}"
        places = _candidates(message, left)
        if not places:
            yield f"{label} holds calls that the model did not make, or not in this order"
            continue
        # A reply that was cut and asked for again made the same calls twice; either may be the one that is meant.
        judge = differences or _differences
        problems = {place: list(judge(label, message, said[place])) for place in places}
        place = next((place for place in places if not problems[place]), places[0])
        yield from problems[place]
        left = {
            n: calls[len(message["tool_calls"]) :] if n == place else calls for n, calls in left.items() if n >= place
        }


def _differences(label: str, message: Json, turn: Said) -> Iterator[str]:
    had = {field: _reasoning_of(message, field) for field in REASONING_FIELDS if message.get(field)}
    if turn.reasoning and had.get(turn.field) != turn.reasoning:
        yield (
            f"The `{turn.field}` in the thinking mode must be passed back to the API:"
            f" {label} needs {turn.reasoning!r}, has {had or 'none'}"
        )
    if not turn.reasoning and had:
        yield f"{label} has reasoning {had} that the model did not produce there"
    if turn.text and message.get("content") not in (turn.text, None, ""):
        yield f"{label}: the model's text {turn.text!r} came back as {message['content']!r}"


def _grew(old: object, new: object) -> bool:
    """The last user message may get longer: notices and new prompts join it."""
    if isinstance(old, str) and isinstance(new, list):
        first = new[0].get("text", "") if new and isinstance(new[0], dict) else ""
        return str(first).startswith(old)
    return type(old) is type(new) and isinstance(old, (str, list)) and new[: len(old)] == old  # type: ignore[index]


def prefix_break(old: Json, new: Json) -> str:
    """Where ``new`` stops beginning with ``old`` (a provider's prompt cache is lost from there), or ``""``."""
    old_tools, new_tools = old.get("tools") or [], new.get("tools") or []
    if new_tools[: len(old_tools)] != old_tools:
        names = [[(tool.get("function") or tool).get("name") for tool in tools] for tools in (old_tools, new_tools)]
        return f"the tools changed: {names[0]} became {names[1]}" if names[0] != names[1] else "a tool changed"
    before, after = old["messages"], new["messages"]
    for number, message in enumerate(before):
        if number >= len(after):
            return f"the history got shorter: {len(before)} messages became {len(after)}"
        if after[number] == message:
            continue
        last = number == len(before) - 1 and message.get("role") == after[number].get("role") == "user"
        if last and _grew(message.get("content"), after[number].get("content")):
            continue
        return f"messages[{number}] changed: {_difference(message, after[number])}"
    return ""


def _difference(old: Json, new: Json) -> str:
    first, second = (json.dumps(value, ensure_ascii=False) for value in (old, new))
    shorter = min(len(first), len(second))
    at = next((n for n in range(shorter) if first[n] != second[n]), shorter)
    start = max(0, at - 30)
    return f"…{first[start : at + 90]!r} became …{second[start : at + 90]!r}"
