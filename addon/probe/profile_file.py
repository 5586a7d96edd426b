"""A profile as the TOML file that `relay_profile` reads: what differs from a named one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from relay_translate.profiles import PROFILES, Profile, profile_from_table

Json = dict[str, Any]
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def profile_table(base: str, profile: Profile) -> Json:
    """The table from which `profile_from_table` makes `profile` again: `base`, then what differs from it.

    A difference that TOML can't express (nothing in place of something) is left out; the probe makes none.
    """
    return {"base": base, **_differing(PROFILES[base], profile)}


def _differing(base: Any, value: Any) -> Json:
    found: Json = {}
    for one in fields(value):
        old, new = getattr(base, one.name), getattr(value, one.name)
        if new is None or plain(old) == plain(new):
            continue
        found[one.name] = _differing(old, new) if is_dataclass(new) and old is not None else plain(new)
    return found


def plain(value: Any) -> Any:
    """A profile's value as TOML has it."""
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: "" if inner is None else plain(inner) for key, inner in value.items()}
    return value


def toml(table: Mapping[str, Any], comments: Iterable[str] = ()) -> str:
    """The text of the file. Checked: read back, it makes the same profile."""
    lines = [f"# {line}".rstrip() for line in comments]
    sections = {key: value for key, value in table.items() if isinstance(value, Mapping) and key in _SECTIONS}
    lines += [f"{_key(key)} = {_value(value)}" for key, value in table.items() if key not in sections]
    for name, section in sections.items():
        lines += ["", f"[{name}]", *(f"{_key(key)} = {_value(value)}" for key, value in section.items())]
    return "\n".join(lines) + "\n"


_SECTIONS = ("reasoning", "tools", "schema", "web_search")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_value(one) for one in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    # A TOML basic string escapes as a JSON one does, and DEL besides.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def check(table: Mapping[str, Any], profile: Profile) -> None:
    """Raises ValueError when the table does not make the profile, which is a fault of this module."""
    made = profile_from_table(table)
    if profile_table(str(table["base"]), made) != profile_table(str(table["base"]), profile):
        raise ValueError("the profile's table does not make the profile")
