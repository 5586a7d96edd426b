"""The forms in which reasoning may go back."""

from __future__ import annotations

from addon.probe.question import CALLING, Json, Known
from addon.probe.reply import DETAILS, Reply
from relay_translate.reasoning import PARTS, THINK

THOUGHT = "The user wants a word looked up."
APART = ("reasoning_content", "reasoning", DETAILS, PARTS)  # forms in which it stands apart from the text


def form(known: Known) -> str:
    """Where reasoning would go back: where the base profile puts it, else where it came. "" when none came."""
    own = known.base.reasoning.back
    if own in ("same", "none") or not known.source:
        return known.source
    return {"parts": PARTS, "think": THINK}.get(own, own)


def given(reply: Reply | None, place: str) -> Json:
    """The fields of an assistant message that hold the reasoning of `reply`, or made-up reasoning without one."""
    text = (reply.thought().get(place) if reply else "") or THOUGHT
    if place == DETAILS:
        return {DETAILS: (reply.details if reply else []) or [{"type": "reasoning.text", "text": text, "index": 0}]}
    if place == PARTS:
        return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}
    if place == THINK:
        return {"content": f"<think>\n{THOUGHT}\n</think>\n\n{CALLING}"}
    # Details without any text of their own (a signature) stand beside the field.
    more = {DETAILS: reply.details} if reply and reply.details else {}
    return {place: text, **more}
