"""Codex's command line when the relay starts it: what the user put there, and what has to win over their file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from addon.codex.entry import PROVIDER, Entry, toml_value

Json = dict[str, Any]
_QUOTES = re.compile(r"""^(["'])(.*)\1$""")


def model_in(words: Sequence[str]) -> str:
    """The model that the user's own words name (-m, --model, -c model=), "" for none."""
    return _last_value(words, "-m", "--model", "model")


def profile_in(words: Sequence[str], table: Mapping[str, Any]) -> str:
    """The profile that is in force by the user's words, or else by their file; "" for none."""
    return _last_value(words, "-p", "--profile", "profile") or str(table.get("profile") or "")


def entry_id(table: Mapping[str, Any], entry: Entry) -> str:
    """A name for the entry's table. Codex merges it with a table of the same name in the user's file, where any other
    key (env_key, auth, query_params ...) would stay in force."""
    same = _inner(_inner(table, "model_providers"), PROVIDER)
    return PROVIDER if same.keys() <= entry.provider.keys() else f"{PROVIDER}-run"


def past_the_file(table: Mapping[str, Any], profile: str, entry: Entry, window: int | None) -> list[str]:
    """`-c` words against settings of the user's file that would keep the entry from taking effect.

    A profile wins over -c (in Codex 0.40 and 0.107; later ones refuse it); a window that is set holds for every
    model; a model for reviews, and those of Codex's memories, would be asked of this provider. window: the model's."""
    settings: Json = {}
    chosen = _inner(_inner(table, "profiles"), profile)
    for name in chosen.keys() & entry.top.keys():
        settings[f"profiles.{profile}.{name}"] = entry.top[name]
    if window and "model_context_window" in table:
        settings["model_context_window"] = window
        if "model_auto_compact_token_limit" in table:
            settings["model_auto_compact_token_limit"] = window * 9 // 10  # Codex's own default
    if "review_model" in table:
        settings["review_model"] = entry.model
    if _inner(table, "features").get("memories"):
        settings |= dict.fromkeys(("memories.extract_model", "memories.consolidation_model"), entry.model)
    return [word for name, value in settings.items() for word in ("-c", f"{name}={toml_value(value)}")]


def _inner(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The table of this name inside; an empty one for what is none: of that Codex complains itself."""
    value = table.get(name)
    return value if isinstance(value, Mapping) else {}


def _last_value(words: Sequence[str], short: str, long: str, setting: str) -> str:
    """-m NAME, -mNAME, --model NAME, --model=NAME before -c model=NAME, as Codex ranks them."""
    own = words[: words.index("--")] if "--" in words else words  # behind it stands a prompt
    flags = list(_values(own, short, long))
    settings = (value.partition("=") for value in _values(own, "-c", "--config"))
    assigned = [_unquoted(value.strip()) for name, equals, value in settings if equals and name.strip() == setting]
    return (flags or assigned or [""])[-1]


def _values(words: Sequence[str], short: str, long: str) -> Iterator[str]:
    following = iter(words)
    for word in following:
        if word in (short, long):
            yield next(following, "")
        elif word.startswith(f"{long}="):
            yield word.partition("=")[2]
        elif word.startswith(short) and not word.startswith("--"):
            yield word.removeprefix(short).removeprefix("=")


def _unquoted(text: str) -> str:
    found = _QUOTES.match(text)
    return found[2] if found else text
