"""What a list leaves open, from the table of known models and from the profile."""

from __future__ import annotations

from dataclasses import replace

from relay_translate.profiles import Profile
from relay_translate.profiles.known_models import known_model
from relay_translate.profiles.merging import for_model

from .efforts import default_effort, effort_levels
from .facts import ModelFacts


def known_facts(facts: ModelFacts, profile: Profile) -> ModelFacts:
    """The facts with their gaps filled; what still nobody knows stays None.

    What the list says wins over the table. Pictures are the exception: where the profile sends none, none arrive.
    Where the operator sets the context window (`Profile.served_window`), the model's own says nothing and is not taken.
    """
    if facts.filled:  # efforts are Codex's words by now, and would be taken for the provider's
        return facts
    profile, known = for_model(profile, facts.id), known_model(facts.id)
    reasoning = known.reasoning if facts.reasoning is None else facts.reasoning
    images = known.images if facts.images is None else facts.images
    levels, default = _thinking(facts, profile, reasoning)
    return replace(
        facts,
        context_window=facts.context_window or (None if profile.served_window else known.window),
        images=images is not False and profile.sees_images(facts.id),
        reasoning=reasoning,
        efforts=levels,
        default_effort=default,
        filled=True,
    )


def _thinking(facts: ModelFacts, profile: Profile, reasoning: bool | None) -> tuple[tuple[str, ...], str]:
    rules, known = profile.reasoning, known_model(facts.id)
    if reasoning is False or (reasoning is None and rules.only_thinkers):
        return (), ""
    words = known.efforts if facts.efforts is None else facts.efforts
    levels = effort_levels(rules, words)
    return levels, default_effort(rules, levels, facts.default_effort or known.default_effort, thinks=reasoning)
