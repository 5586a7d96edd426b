"""Which of Codex's effort words make a difference for a model, by what its profile does with them.

A level that is listed but changes nothing misleads, and a model without a default is worse: when Codex's picker chooses
a model whose entry names no default effort, it asks for "none" from then on, which switches thinking off where that is
possible (measured, 0.107 to 0.169).
"""

from __future__ import annotations

from collections.abc import Sequence

from relay_translate.profiles.profile import Reasoning

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra")
"""Codex's words, least first. It lets people write others too; those reach the profile as they are."""

_UNDERSTOOD_EVERYWHERE = frozenset({"low", "medium", "high"})
_ON = "on"  # stands for any effort where there is only a switch


def effort_levels(rules: Reasoning, words: Sequence[str] | None = None) -> tuple[str, ...]:
    """Codex's words that differ in what is sent, least first; () where there is nothing to choose.

    `words`: what the model itself understands, in the provider's words, "none" among them when it can be switched off;
    None when nobody said, and then only what the profile names or every model understands is offered.
    """
    off = _can_be_off(rules, words)
    if not rules.effort_field and not off:
        return ()
    offered = frozenset(words) if words is not None else _UNDERSTOOD_EVERYWHERE | {
        word for word in rules.efforts.values() if word
    }  # fmt: skip
    alike: dict[str, list[str]] = {}
    for word in EFFORTS[1:]:
        sent = sent_for(rules, word)
        if sent is not None and (sent == _ON or sent in offered):
            alike.setdefault(sent, []).append(word)
    chosen = {_plainest(group, sent) for sent, group in alike.items()}
    return tuple(word for word in EFFORTS if word in chosen or (word == "none" and off))


def default_effort(rules: Reasoning, levels: Sequence[str], wanted: str = "", *, thinks: bool | None = True) -> str:
    """The level to start with: what the model does by itself where that is known (`wanted`, in the provider's words),
    else the middle. "" for none: nothing to choose, or not even known whether it thinks and asking is a risk."""
    if wanted in levels:
        return wanted
    harmless = rules.off is None and rules.efforts.get("none", "none") is None
    thinking = [level for level in levels if level != "none"]
    if not thinking or (thinks is None and harmless):
        return ""
    meant = sent_for(rules, wanted) if wanted else None
    alike = [level for level in thinking if meant is not None and meant in (sent_for(rules, level), wanted)]
    return next((level for level in (*alike, "medium", "high") if level in thinking), thinking[0])


def sent_for(rules: Reasoning, word: str) -> str | None:
    """What a provider is sent for an effort other than none; None when that is nothing."""
    if not rules.effort_field:
        return _ON
    return rules.efforts.get(word, word)


def _can_be_off(rules: Reasoning, words: Sequence[str] | None) -> bool:
    if words is not None and "none" not in words:
        return False
    if rules.off is not None:
        return True
    if not rules.effort_field or rules.efforts.get("none", "none") != "none":
        return False
    return words is not None or "none" in rules.efforts


def _plainest(group: Sequence[str], sent: str) -> str:
    """Of the words that come to the same: the provider's own, else the one in the middle."""
    return next((word for word in (sent, "medium") if word in group), group[0])
