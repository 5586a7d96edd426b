"""What is known of one model."""

from __future__ import annotations

from dataclasses import dataclass


class ModelListError(ValueError):
    """An answer that is no list of models; one sentence says what it was instead."""


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """One model, as far as somebody said; None where nobody did.

    id: what the provider calls it in requests. name, description: for people. context_window, max_output_tokens:
    tokens. images, tools, reasoning, parallel_calls: whether it takes pictures and tools, thinks, and makes several
    calls at once. efforts: how much thinking can be asked for, least first: in the provider's words as
    `read_model_list` gives it ("none": it can be switched off), in Codex's after `known_facts`. default_effort: which
    of them it takes by itself. chats: False for embeddings, speech, pictures, moderation, reranking and the like.
    filled: whether `known_facts` has been over it.
    """

    id: str
    name: str = ""
    description: str = ""
    context_window: int | None = None
    max_output_tokens: int | None = None
    images: bool | None = None
    tools: bool | None = None
    reasoning: bool | None = None
    parallel_calls: bool | None = None
    efforts: tuple[str, ...] | None = None
    default_effort: str = ""
    chats: bool = True
    filled: bool = False
