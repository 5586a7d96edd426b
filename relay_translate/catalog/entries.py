"""Codex's catalog, and OpenAI's list, of the models that can be asked for.

The shape is what Codex 0.107 to 0.169 accept (measured): one entry they dislike spoils the whole catalog, so every
entry is made of the same few fields, all of them with values. 0.107 to 0.142 insist on `supports_reasoning_summaries`
and `supports_parallel_tool_calls`; from 0.135 on `apply_patch_tool_type` may only be "freeform". Fields that move tools
to other places (`tool_mode`, `use_responses_lite`) stay out, and `supports_search_tool` is false, so that the tools of
MCP servers are offered at once instead of behind a search that other vendors' models do not expect.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from relay_translate.profiles import Profile
from relay_translate.responses_api import Json

from .efforts import EFFORTS
from .facts import ModelFacts
from .instructions import BASE_INSTRUCTIONS

ASSUMED_WINDOW = 128_000
"""Tokens of context to count on when nobody said. Without a window Codex shows no gauge and never compacts, and the
conversation ends in the provider's refusal; what hosted models of these years have less than this is rare."""

_MOST_OUTPUT = 10_000  # tokens of one tool's output that stay in the conversation, as Codex has it for its own models
_LEAST_OUTPUT = 2_000
_FIRST_EFFORTS = EFFORTS[: EFFORTS.index("xhigh") + 1]
_ANY_EFFORT = (0, 150)  # measured: 0.135 refuses other words, 0.150 takes any
_NUMBERS = re.compile(r"(\d{1,9})\.(\d{1,9})")
_ROOMY = 64_000  # tokens of context in which the 2.5 kB that Codex says about its skills are no burden
_SHOWN = 100  # characters of a name in the picker

_LEVELS = dict(
    zip(
        EFFORTS,
        (
            "Answers without thinking first", "Thinks as little as possible", "Thinks briefly", "Thinks a while",
            "Thinks hard", "Thinks very hard", "Thinks as hard as it can", "Thinks as hard as it can",
        ),
        strict=True,
    )
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CatalogModel:
    """A model under the name that the relay takes for it.

    slug: what Codex asks the relay for: the id, `provider/id` with several providers, or an alias. facts: as
    `known_facts` fills them. hidden: answers to its name, but is not offered.
    """

    slug: str
    facts: ModelFacts
    profile: Profile
    hidden: bool = False


def codex_catalog(models: Iterable[CatalogModel], codex: str = "") -> Json:
    """`{"models": [...]}` in the order given, each slug once. Models that hold no conversations are left out; those
    that take no tools are hidden, for Codex can do nothing with them.

    `codex`: the version that asks ("0.169.0"); without one the catalog is one that every version takes, which costs
    the efforts above xhigh: until some version after 0.135 an entry that names one spoils the whole catalog.
    """
    old = _version(codex) < _ANY_EFFORT
    unique: dict[str, CatalogModel] = {}
    for model in models:
        if model.slug and model.facts.chats:
            unique.setdefault(model.slug, model)
    return {
        "models": [_entry(_for_old(model) if old else model, place) for place, model in enumerate(unique.values(), 1)]
    }


def model_list(models: Iterable[CatalogModel]) -> Json:
    """The same models as OpenAI lists them; `context_window` is an extra where it is known."""
    entries = []
    for model in models:
        entry: Json = {"id": model.slug, "object": "model", "created": 0, "owned_by": model.profile.name}
        if model.facts.context_window:
            entry["context_window"] = model.facts.context_window
        entries.append(entry)
    return {"object": "list", "data": entries}


def etag(body: bytes) -> str:
    """A strong entity tag: the same for the same bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def window_of(model: CatalogModel) -> int:
    """Tokens of context that Codex is told: what is known, else what the profile or we count on."""
    return model.facts.context_window or model.profile.served_window or ASSUMED_WINDOW


def _version(text: str) -> tuple[int, ...]:
    found = _NUMBERS.match(text)
    return tuple(int(number) for number in found.groups()) if found else (0, 0)


def _for_old(model: CatalogModel) -> CatalogModel:
    facts = model.facts
    efforts = tuple(word for word in facts.efforts or () if word in _FIRST_EFFORTS)
    default = facts.default_effort
    if default not in efforts:
        default = efforts[-1] if default and efforts else ""
    return replace(model, facts=replace(facts, efforts=efforts, default_effort=default))


def _entry(model: CatalogModel, place: int) -> Json:
    facts, window = model.facts, window_of(model)
    takes_tools = facts.tools is not False
    entry: Json = {
        "slug": model.slug,
        "display_name": model.slug,
        "description": _description(model),
        "base_instructions": BASE_INSTRUCTIONS,
        "context_window": window,
        "max_context_window": window,
        "supported_reasoning_levels": [_level(word, facts.efforts or ()) for word in facts.efforts or ()],
        "input_modalities": ["text"] if facts.images is False else ["text", "image"],
        "supports_parallel_tool_calls": takes_tools and facts.parallel_calls is not False,
        "supports_reasoning_summaries": facts.reasoning is not False,
        "shell_type": "unified_exec",
        "supports_search_tool": False,
        "experimental_supported_tools": [],
        "support_verbosity": False,
        "include_skills_usage_instructions": window >= _ROOMY,
        "truncation_policy": {"mode": "tokens", "limit": max(_LEAST_OUTPUT, min(_MOST_OUTPUT, window // 8))},
        "visibility": "list" if takes_tools and not model.hidden else "hide",
        "supported_in_api": True,
        "priority": place,
    }
    if takes_tools:
        entry["apply_patch_tool_type"] = "freeform"
    if facts.default_effort:
        entry["default_reasoning_level"] = facts.default_effort
    return entry


def _level(word: str, levels: tuple[str, ...]) -> Json:
    is_switch = set(levels) == {"none", word}
    return {"effort": word, "description": "Thinks before it answers" if is_switch else _LEVELS.get(word, word)}


def _description(model: CatalogModel) -> str:
    """One line for the picker, where slugs stand beside it: what the slug stands for, and the window."""
    facts = model.facts
    alias = "" if model.slug.endswith(facts.id) else f"stands for {facts.id}"
    name = "" if facts.name in model.slug else facts.name
    known = "" if facts.context_window else " assumed"
    parts = [alias, name[:_SHOWN], model.profile.title, f"{_tokens(window_of(model))} tokens of context{known}"]
    return ", ".join(part for part in parts if part)


def _tokens(count: int) -> str:
    """1048576 -> 1M, 131072 -> 131k."""
    return f"{count / 1_000_000:.2g}M" if count >= 1_000_000 else f"{count // 1000}k"
