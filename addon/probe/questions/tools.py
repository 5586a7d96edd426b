"""Offered tools: names, number, choice, and whether calls come."""

from __future__ import annotations

from collections.abc import Callable

from addon.probe.question import LOOKUP, WORD, Add, Json, Known, Question, Verdict, last, offer, offer_lookup
from addon.probe.reply import Reply

ROOM = 96  # tokens in which a call shows that it has begun
CALL_ROOM = 400  # tokens for two whole calls
THOUGHT_ROOM = 1000  # the same for a model that thinks first
_NOTHING: Json = {"type": "object", "properties": {}}


def _one(body: Json, _: Known) -> None:
    offer_lookup(body)


def _named(name: str) -> Add:
    def add(body: Json, _: Known) -> None:
        offer(body, name, WORD)

    return add


def _many(number: int) -> Add:
    def add(body: Json, _: Known) -> None:
        for i in range(number):
            offer(body, f"t{i}", _NOTHING, description="-")

    return add


def _choice(choice: str | Json, *, off: bool = False) -> Add:
    def add(body: Json, known: Known) -> None:
        offer_lookup(body)
        body["tool_choice"] = choice
        if off:
            body |= known.off
        if choice == "none":
            last(body)["content"] = "Look up 'left' with the function."

    return add


def _called(reply: Reply, _: Known) -> Verdict:
    if any(reply.call_entries):
        return Verdict("yes", "and obeyed")
    return Verdict("yes", "whether it is obeyed does not show: no call came")


def _not_called(reply: Reply, _: Known) -> Verdict:
    if any(reply.call_entries):
        return Verdict("yes", "but a call came all the same", "ignored")
    return Verdict("yes", "")


def _call_twice(body: Json, known: Known) -> None:
    offer_lookup(body)
    last(body)["content"] = f"Call {LOOKUP} twice at once, for 'left' and for 'right'. Say nothing else."
    if known.limit_field and known.source:
        body[known.limit_field] = THOUGHT_ROOM


def _calls_came(reply: Reply, _: Known) -> Verdict:
    number = len(reply.calls)
    if number:
        return Verdict("yes", f"{number} in one answer", number)
    if any(reply.call_entries):
        return Verdict("unknown", "a call began and was not finished")
    return Verdict("unknown", "the model called nothing")


def _offered(known: Known) -> bool:
    return known.answer("tools") == "yes"


def _again_without_thinking(name: str) -> Callable[[Known], bool]:
    return lambda known: known.answer(name) == "no" and bool(known.off)


NAMED: Json = {"type": "function", "function": {"name": LOOKUP}}

FIRST = (
    Question(name="tools", asks="a function tool", add=_one),
    Question(name="calls", asks="two calls in one answer", add=_call_twice,
             judge=_calls_came, limit=CALL_ROOM, when=_offered),
)  # fmt: skip

NAMES = (
    Question(name="name_64", asks="a tool's name of 64 characters", add=_named("probe_" + "n" * 58),
             together="tool names", when=_offered),
    Question(name="name_80", asks="a tool's name of 80 characters", add=_named("probe_" + "m" * 74),
             together="tool names", when=_offered),
    Question(name="name_dots", asks="a tool's name with dots", add=_named("probe.look.up"), together="tool names",
             when=_offered),
    Question(name="name_digit", asks="a tool's name that begins with a digit", add=_named("2probe"),
             together="tool names", when=_offered),
    Question(name="name_48", asks="a tool's name of 48 characters", add=_named("probe_" + "n" * 42),
             when=lambda known: known.answer("name_64") == "no"),
    Question(name="name_32", asks="a tool's name of 32 characters", add=_named("probe_" + "n" * 26),
             when=lambda known: known.answer("name_48") == "no"),
)  # fmt: skip

CHOICES = (
    Question(name="choice_none", asks='tool_choice "none"', add=_choice("none"), judge=_not_called, limit=ROOM,
             when=_offered),
    Question(name="choice_required", asks='tool_choice "required"', add=_choice("required"), judge=_called, limit=ROOM,
             when=_offered),
    Question(name="choice_named", asks="tool_choice with a name", add=_choice(NAMED), judge=_called, limit=ROOM,
             when=_offered),
    Question(name="choice_required_off", asks='tool_choice "required" without thinking',
             add=_choice("required", off=True), judge=_called, limit=ROOM,
             when=_again_without_thinking("choice_required")),
    Question(name="choice_named_off", asks="tool_choice with a name without thinking", add=_choice(NAMED, off=True),
             judge=_called, limit=ROOM, when=_again_without_thinking("choice_named")),
)  # fmt: skip

MANY = (
    Question(name="many_tools", asks="129 tools", add=_many(129), when=_offered),
    Question(name="tools_128", asks="128 tools", add=_many(128), when=lambda known: known.answer("many_tools") == "no"),
    Question(name="tools_64", asks="64 tools", add=_many(64), when=lambda known: known.answer("tools_128") == "no"),
)
