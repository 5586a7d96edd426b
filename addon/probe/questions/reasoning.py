"""How thinking is asked for, and whether it may, must or must not go back."""

from __future__ import annotations

from collections.abc import Callable

from addon.probe.question import (
    CALLING,
    COUNT,
    Add,
    Json,
    Judge,
    Known,
    Question,
    Verdict,
    at,
    last,
    lead,
    offer_lookup,
)
from addon.probe.questions.calls import ASKED
from addon.probe.reply import THOUGHT_FIELDS, Reply
from addon.probe.thought import APART, form, given

WORDS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
MADE_UP = "probe"
FIELD = "reasoning_effort"
_ROOM = 32  # tokens, in which a model that does not think has begun to answer

# name -> (fields that switch thinking off, fields that switch it on), in the forms providers use.
FORMS: dict[str, tuple[Json, Json]] = {
    "thinking": ({"thinking": {"type": "disabled"}}, {"thinking": {"type": "enabled"}}),
    "enable_thinking": ({"enable_thinking": False}, {"enable_thinking": True}),
    "reasoning": ({"reasoning": {"enabled": False}}, {"reasoning": {"enabled": True}}),
    "chat_template_kwargs": (
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"chat_template_kwargs": {"enable_thinking": True}},
    ),
}


def _effort(word: str) -> Add:
    def add(body: Json, known: Known) -> None:
        last(body)["content"] = COUNT  # as in the first request, so that the two can be compared
        body |= at(known.base.reasoning.effort_field, word)

    return add


def _switch(fields: Json) -> Add:
    def add(body: Json, _: Known) -> None:
        last(body)["content"] = COUNT
        body |= fields

    return add


def _stopped(reply: Reply, known: Known) -> bool:
    return known.thinks and not reply.thought() and bool(reply.text)


def _none(reply: Reply, known: Known) -> Verdict:
    if not known.thinks:
        return Verdict("yes", "no reasoning came before either")
    if _stopped(reply, known):
        return Verdict("yes", "and no reasoning came", "off")
    if reply.thought():
        return Verdict("yes", "but reasoning came all the same", "ignored")
    return Verdict("yes", "whether it is obeyed does not show: the answer was empty")


def _unchecked(_: Reply, __: Known) -> Verdict:
    return Verdict("yes", "so no word is checked", "unchecked")


def _switched_off(form: str) -> Judge:
    def judge(reply: Reply, known: Known) -> Verdict:
        if _stopped(reply, known):
            return Verdict("yes", "no reasoning came", FORMS[form])
        return _no_effect(reply, came=bool(reply.thought()))

    return judge


def _switched_on(form: str) -> Judge:
    def judge(reply: Reply, _: Known) -> Verdict:
        if reply.thought():
            return Verdict("yes", "reasoning came", FORMS[form])
        return _no_effect(reply, came=bool(reply.text))

    return judge


def _no_effect(reply: Reply, *, came: bool) -> Verdict:
    return Verdict("no", "taken, without effect") if came else Verdict("unknown", "taken; the answer was empty")


def _has_field(known: Known) -> bool:
    """A base that sends no effort has its reason."""
    return bool(known.base.reasoning.effort_field)


def _checked(known: Known) -> bool:
    return known.answer("effort_any") == "no"


def _effort_works(known: Known) -> bool:
    return known.value("effort_none") == "off" or any(known.answer(f"effort_{word}") == "yes" for word in WORDS[1:])


def _wants_off(form: str) -> Callable[[Known], bool]:
    def when(known: Known) -> bool:
        return known.thinks and known.value("effort_none") != "off" and not known.switched

    return when


def _base_off(body: Json, known: Known) -> None:
    last(body)["content"] = COUNT
    body |= dict(known.base.reasoning.off or {})


def _base_switched_off(reply: Reply, known: Known) -> Verdict:
    if _stopped(reply, known):
        return Verdict(
            "yes", "no reasoning came", (dict(known.base.reasoning.off or {}), dict(known.base.reasoning.on))
        )
    return _no_effect(reply, came=bool(reply.thought()))


def _wants_on(form: str) -> Callable[[Known], bool]:
    def when(known: Known) -> bool:
        silent = not known.source and not known.switched
        return silent and known.answer("effort_any") == "no" and not _effort_works(known)

    return when


EFFORTS = (
    Question(name="effort_any", asks=f"a made-up effort word ({MADE_UP!r})", add=_effort(MADE_UP), judge=_unchecked,
             when=_has_field),
    Question(name="effort_none", asks="effort none", add=_effort("none"), judge=_none, limit=_ROOM,
             when=lambda known: _checked(known) or (_has_field(known) and known.thinks)),
    *(Question(name=f"effort_{word}", asks=f"effort {word}", add=_effort(word), when=_checked) for word in WORDS[1:]),
)  # fmt: skip

SWITCHES = (
    Question(name="off_base", asks="thinking switched off as the base profile does", add=_base_off,
             judge=_base_switched_off, limit=_ROOM,
             when=lambda known: bool(known.base.reasoning.off) and _wants_off("base")(known)),
    *(
        Question(name=f"off_{form}", asks=f"thinking switched off with {form}", add=_switch(off),
                 judge=_switched_off(form), limit=_ROOM, when=_wants_off(form))
        for form, (off, _) in FORMS.items()
    ),
    *(
        Question(name=f"on_{form}", asks=f"thinking switched on with {form}", add=_switch(on),
                 judge=_switched_on(form), limit=_ROOM, when=_wants_on(form))
        for form, (_, on) in FORMS.items()
    ),
)  # fmt: skip


# -- the way back


def _real(known: Known) -> tuple[Reply | None, list[Json]]:
    """An answer with whole calls and reasoning in it, so that what is opaque can be given back unchanged."""
    for reply in reversed(known.replies):
        if reply.calls and reply.thought():
            return reply, reply.calls
    return None, known.made_up("probe0050")["tool_calls"]


def _loop(place: Callable[[Known], str]) -> Add:
    """The model's calls go back, with their reasoning in `place`, or without any where it is ""."""

    def add(body: Json, known: Known) -> None:
        offer_lookup(body)
        reply, calls = _real(known)
        fields = given(reply, place(known)) if place(known) else {}
        said: Json = {"role": "assistant", "content": CALLING, "tool_calls": calls} | fields
        results = [{"role": "tool", "tool_call_id": one["id"], "content": "a side"} for one in calls]
        body["messages"][-1:] = [ASKED, said, *results]

    return add


def _empty(body: Json, known: Known) -> None:
    offer_lookup(body)
    said = known.made_up("probe0051") | {form(known): ""}
    body["messages"][-1:] = [ASKED, said, {"role": "tool", "tool_call_id": "probe0051", "content": "a side"}]


def _earlier_text(body: Json, known: Known) -> None:
    said = {"role": "assistant", "content": "Hello."} | given(None, form(known))
    first = len(lead(body))
    body["messages"][first:first] = [{"role": "user", "content": "Hi."}, said]


def _other(known: Known) -> str:
    return "reasoning" if form(known) == "reasoning_content" else "reasoning_content"


def _apart(known: Known) -> bool:
    """Whether reasoning comes apart from the text, so that there is a form to ask for."""
    return (known.can_tell_of_calls or _real(known)[0] is not None) and form(known) in APART


def _other_taken(_: Reply, known: Known) -> Verdict:
    return Verdict("yes", _other(known), _other(known))


def _source(_: Reply, known: Known) -> Verdict:
    real, _ = _real(known)
    return Verdict("yes", f"in {form(known)}" + ("" if real else ", with a made-up call"), form(known))


BACK: tuple[Question, ...] = (
    Question(name="back_calls", asks="reasoning given back beside calls", add=_loop(form), judge=_source, when=_apart,
             together="reasoning given back"),
    Question(name="back_text", asks="reasoning given back beside text", add=_earlier_text, when=_apart,
             together="reasoning given back"),
    Question(name="back_missing", asks="the model's calls without their reasoning", add=_loop(lambda _: ""),
             when=_apart),
    Question(name="back_other", asks="reasoning given back in another field", add=_loop(_other), judge=_other_taken,
             when=lambda known: known.answer("back_calls") == "no"),
    Question(name="back_empty", asks='reasoning given back as ""', add=_empty,
             judge=lambda _, known: Verdict("yes", f"in {form(known)}"),
             when=lambda known: known.answer("history_thought") == "yes" and form(known) in THOUGHT_FIELDS),
)  # fmt: skip
