"""`codex-relay providers`: the providers that can be named without an address, and what works with each of them.

All of it is read from the profiles; nothing is asked over the network, and of a key only whether it is set is said.
"""

from __future__ import annotations

import argparse
import json
import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from addon.cli.serving import UsageError
from addon.nearest import nearest
from addon.providers import Known, known_providers
from relay_translate import Profile, profiles
from relay_translate.profiles import PROFILES
from relay_translate.profiles.merging import changed

Json = dict[str, Any]

WIDTH = 100  # columns
_LEVELS = ("minimal", "low", "medium", "high", "xhigh", "max", "ultra")  # what Codex can be set to, beside none
_BY_MODEL = "by model"
_NO_SETTING = "no setting"
_NO_ADDRESS = ("generic",)  # not a provider: what is taken for granted of a server that nobody knows
_SCHEMAS = {
    "native": ("native", "sent as it is"),
    "object": ("as JSON", "a JSON object is asked for, the schema stands in the instructions"),
    "prompt": ("as text", "stands in the instructions"),
}
_BACK = {
    "same": "go back in the field they came in",
    "think": "go back between think tags",
    "parts": "go back as parts of the content",
    "none": "do not go back",
}


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "providers",
        help="list the known providers: address, key variable, what works",
        description="Lists the providers that can be named without an address, with the environment variable of each "
        "one's key and what works there. With a NAME, all about that one and how to run it. Asks nothing of anybody.",
        epilog="Examples: codex-relay providers; codex-relay providers deepseek",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="one of them, in full")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    known = {one.name: one for one in known_providers()}
    if arguments.name:
        one = _chosen(arguments.name.strip().lower(), known)
        print(_as_json(_table(one, os.environ)) if arguments.json else "\n".join(_in_full(one, os.environ)))
    elif arguments.json:
        print(_as_json([_table(one, os.environ) for one in known.values()]))
    else:
        print("\n".join(_listed(list(known.values()), os.environ)))
    return 0


def _chosen(name: str, known: Mapping[str, Known]) -> Known:
    """Also one that has no address of its own; its `base_url` is "" then. Raises UsageError."""
    if name in known:
        return known[name]
    if name in PROFILES and name not in _NO_ADDRESS:
        profile = PROFILES[name]
        return Known(profile.name, profile.label, "", profile.key_variable)
    names = [name for name in PROFILES if name not in _NO_ADDRESS]
    close = nearest(name, names)
    advice = f"did you mean {close}?" if close else f"known are {', '.join(known)}."
    raise UsageError(f"{name!r} is no known provider; {advice} Any other one works by its URL: --upstream URL")


# --- what a profile says ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Levels:
    """How thinking is set: the provider's words for Codex's levels, () where it takes none; off: whether Codex's
    `none` ends it."""

    words: tuple[str, ...]
    off: bool

    def __str__(self) -> str:
        if not self.words:
            return "on or off" if self.off else _NO_SETTING
        named = ", ".join(self.words)
        if len(self.words) > 3 and ", ".join(_LEVELS).find(named) >= 0:
            named = f"{self.words[0]} to {self.words[-1]}"
        return f"off, {named}" if self.off else named


def _levels(profile: Profile) -> Levels:
    reasoning = profile.reasoning
    efforts = (reasoning.efforts.get(level, level) for level in _LEVELS if reasoning.effort_field)
    words = tuple(dict.fromkeys(effort for effort in efforts if effort))
    # Where the word for none is another level, thinking goes on.
    none = reasoning.efforts.get("none", "none") if reasoning.effort_field else None
    return Levels(words, reasoning.off is not None or none == "none")


def _levels_by_model(profile: Profile) -> dict[Levels, list[str]]:
    """Patterns of models that are set otherwise than the provider's others."""
    usual, found = _levels(profile), dict[Levels, list[str]]()
    for pattern, differences in profile.variants:
        levels = _levels(changed(profile, differences))
        if levels != usual:
            found.setdefault(levels, []).append(pattern)
    return found


def _images(profile: Profile) -> str:
    seeing = any(differences.get("images") for _, differences in profile.variants)
    if not profile.images:
        return _BY_MODEL if seeing else "no"
    return _BY_MODEL if profile.blind else "yes"


def _images_in_full(profile: Profile) -> str:
    if not profile.images:
        seeing = [pattern for pattern, differences in profile.variants if differences.get("images")]
        return f"only {', '.join(seeing)}" if seeing else "no; a note stands in their place"
    return "yes, but text-only models are told by their name, and get a note" if profile.blind else "yes"


def _table(one: Known, environ: Mapping[str, str]) -> Json:
    profile = PROFILES[one.name]
    usual = _levels(profile)
    return {
        "name": one.name,
        "title": one.title,
        "base_url": one.base_url,
        "key_variable": one.variable,
        "key_set": bool(environ.get(one.variable, "").strip()) if one.variable else None,
        "images": _images(profile),
        "reasoning": {
            "levels": list(usual.words),
            "off": usual.off,
            "by_model": [
                {"models": patterns, "levels": list(levels.words), "off": levels.off}
                for levels, patterns in _levels_by_model(profile).items()
            ],
        },
        "web_search": profile.web_search is not None,
        "json_schema": profile.json_schema,
        "most_tools": profile.tools.most or None,
        "commands": list(_commands(one)),
    }


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


# --- as text ----------------------------------------------------------------------------------------------------------


def _listed(known: Sequence[Known], environ: Mapping[str, str]) -> Iterator[str]:
    where = [(one.name, one.base_url, *_key(one, environ)) for one in known]
    yield from columns(("PROVIDER", "BASE URL", "KEY VARIABLE", "SET"), where)
    yield ""
    works = [(one.name, *_works(PROFILES[one.name])) for one in known]
    yield from columns(("PROVIDER", "IMAGES", "REASONING", "OWN SEARCH", "JSON SCHEMA", "TOOLS"), works)
    yield ""
    yield "All have text, tool loops, parallel calls, patches and streaming; played with the real Codex:"
    yield str(_matrix())
    yield "One in full, with the commands to run it: codex-relay providers NAME. Any other: --upstream URL."


def _works(profile: Profile) -> tuple[str, ...]:
    by_model = _levels_by_model(profile)
    usual = str(_levels(profile))
    reasoning = usual if not by_model else _BY_MODEL if usual == _NO_SETTING else f"{usual}; {_BY_MODEL}"
    most = f"up to {profile.tools.most}" if profile.tools.most else "any number"
    return (
        _images(profile), reasoning, "yes" if profile.web_search else "no", _SCHEMAS[profile.json_schema][0], most,
    )  # fmt: skip


def _key(one: Known, environ: Mapping[str, str]) -> tuple[str, str]:
    if not one.variable:
        return "none needed", "-"
    return one.variable, "yes" if environ.get(one.variable, "").strip() else "no"


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows under their heads, two spaces between columns."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _in_full(one: Known, environ: Mapping[str, str]) -> Iterator[str]:
    yield f"{one.title} ({one.name})"
    for name, text in _facts(one, environ):
        first = f"  {name:<12} "
        yield from textwrap.wrap(
            text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False,
            break_long_words=False,
        )  # fmt: skip
    yield ""
    yield "To run it:"
    yield from (f"  {command}" for command in _commands(one))


def _facts(one: Known, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    profile, (variable, is_set) = PROFILES[one.name], _key(one, environ)
    yield "base URL", one.base_url or "your own; everybody has another one"
    yield "key", variable if is_set == "-" else f"{variable} ({'set' if is_set == 'yes' else 'not set'})"
    yield "images", _images_in_full(profile)
    yield "reasoning", f"{_levels(profile)}; earlier thoughts {_back(profile)}"
    for levels, patterns in _levels_by_model(profile).items():
        yield "", f"{levels}: {', '.join(patterns)}"
    yield "web search", "its own" if profile.web_search else "none of its own; relay_search gives Codex one"
    yield "JSON schema", _SCHEMAS[profile.json_schema][1]
    most = f"up to {profile.tools.most}" if profile.tools.most else "any number"
    yield "tools", f"{most}, names of up to {profile.tools.longest_name} characters"
    if profile.cache_key:
        yield "prompt cache", f"Codex's key goes along as {profile.cache_key}"
    yield "played", f"with the real Codex: {_matrix()}"


def _back(profile: Profile) -> str:
    back = profile.reasoning.back
    where = _BACK.get(back, f"go back as {back}")
    return f"{where}, with tool calls only" if profile.reasoning.back_on == "calls" and back != "none" else where


def _commands(one: Known) -> Iterator[str]:
    """What to type, line by line; a key is only named."""
    own = "" if one.base_url else f"=https://YOUR-HOST{PROFILES[one.name].base_path}"
    if one.variable:
        yield f"export {one.variable}=..."
    yield f"codex-relay run --provider {one.name}{own}"
    yield f"codex-relay --provider {one.name}{own}"
    yield f"codex-relay doctor --provider {one.name}{own}"


def _matrix() -> Path | str:
    """The table of what was played: in a checkout the file, else where it stands in the repository."""
    path = Path(profiles.__file__).with_name("README.md")
    return path if path.is_file() else "relay_translate/profiles/README.md"
