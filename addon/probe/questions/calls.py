"""Earlier tool calls: what stands beside and behind them, and their ids."""

from __future__ import annotations

from collections.abc import Callable

from addon.probe.question import (
    CALLING,
    Add,
    Json,
    Known,
    Question,
    Verdict,
    before_last,
    call,
    lead,
    offer_lookup,
)
from addon.probe.reply import Reply
from addon.probe.thought import form, given

ASKED: Json = {"role": "user", "content": "Look up 'left'."}
FOUND: Json = {"role": "assistant", "content": "It is a side."}
# What Google documents for a call that another model made.
UNSIGNED: Json = {"extra_content": {"google": {"thought_signature": "skip_thought_signature_validator"}}}


def _result(call_id: str) -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": "left: a side"}


def _earlier(call_id: str, content: Json | None = None, *, finished: bool = True) -> Add:
    """A call that was made and answered. finished: the assistant has said what came of it."""

    def add(body: Json, known: Known) -> None:
        offer_lookup(body)
        turn = [ASKED, known.made_up(call_id, content), _result(call_id)]
        before_last(body, *turn, *([FOUND] if finished else []))

    return add


def _history(extra: Json, fields: Callable[[Known], Json]) -> Add:
    """A conversation that waits for the model to go on after a call. extra: fields of the call."""

    def add(body: Json, known: Known) -> None:
        offer_lookup(body)
        said = {"role": "assistant", "content": CALLING, "tool_calls": [call("probe0001") | extra]} | fields(known)
        body["messages"] = [*lead(body), ASKED, said, _result("probe0001")]

    return add


def _possible(known: Known) -> bool:
    return known.can_tell_of_calls


def _content_is_free(known: Known) -> bool:
    """Whether content beside calls may be what is asked about: it may have to hold the reasoning."""
    return known.can_tell_of_calls and "content" not in (known.value("history_thought") or {})


def _refused(*names: str) -> Callable[[Known], bool]:
    return lambda known: all(known.answer(name) == "no" for name in names)


def _thought(_: Reply, known: Known) -> Verdict:
    return Verdict("yes", f"in {form(known)}", given(None, form(known)))


_TOGETHER = "earlier calls"

ALL = (
    Question(name="history", asks="a call and its result", add=_history({}, lambda _: {}),
             when=lambda known: known.answer("tools") == "yes"),
    Question(name="history_thought", asks="a call with its reasoning, and its result",
             add=_history({}, lambda known: given(None, form(known))), judge=_thought,
             when=lambda known: known.answer("history") == "no" and bool(form(known))),
    Question(name="history_signed", asks="a call with a stand-in for its signature",
             add=_history(UNSIGNED, lambda _: {}), judge=lambda *_: Verdict("yes", "", UNSIGNED),
             when=lambda known: known.answer("history") == "no" and known.answer("history_thought") != "yes"),
    Question(name="user_after_tool", asks="a user message right after a tool result",
             add=_earlier("probe0002", finished=False), together=_TOGETHER, when=_possible),
    Question(name="empty_null", asks="content null beside calls", add=_earlier("probe0003", {"content": None}),
             together=_TOGETHER, when=_content_is_free),
    Question(name="empty_omit", asks="no content beside calls", add=_earlier("probe0004", {}),
             together=_TOGETHER, when=_content_is_free),
    Question(name="empty_empty", asks='content "" beside calls', add=_earlier("probe0005", {"content": ""}),
             together=_TOGETHER, when=_content_is_free),
    Question(name="id_plain", asks="a call id such as call_AbC123...", add=_earlier("call_AbCdEf0123456789ghij"),
             together=_TOGETHER, when=_possible),
    Question(name="id_odd", asks="a call id with dots, dashes and a colon",
             add=_earlier("functions.probe-lookup:0"), together=_TOGETHER, when=_possible),
    Question(name="id_long", asks="a call id of 100 characters", add=_earlier("call_" + "a1" * 47 + "z"),
             together=_TOGETHER, when=_possible),
    Question(name="id_64", asks="a call id of 64 characters", add=_earlier("call_" + "a1" * 29 + "z"),
             when=_refused("id_long")),
    Question(name="id_40", asks="a call id of 40 characters", add=_earlier("call_" + "a1" * 17 + "z"),
             when=_refused("id_64")),
)  # fmt: skip
