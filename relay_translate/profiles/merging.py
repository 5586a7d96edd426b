"""Differences laid over a profile: those of a model within a provider, and a user's own TOML table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .profile import Profile, Reasoning, Schema, Tools, WebSearch

_LEAST = {"most": 0, "longest_name": 16, "longest_id": 9, "served_window": 0}
_ADDED = ("extra_fields", "always", "on", "off")
_OURS = frozenset({"model", "messages", "stream", "tools"})
_SECTIONS: Mapping[str, type] = {"reasoning": Reasoning, "tools": Tools, "schema": Schema, "web_search": WebSearch}


def for_model(profile: Profile, model: str) -> Profile:
    """The profile with what is different for `model`."""
    for pattern, differences in profile.variants:
        if fnmatchcase(model.lower(), pattern):
            profile = changed(profile, differences)
    return profile


def changed(profile: Profile, differences: Mapping[str, Any]) -> Profile:
    """The profile with other values; a mapping given for a section changes only what it names in it.

    Raises ValueError for an unknown key (naming the valid ones) or a value of the wrong type.
    """
    made = _changed(profile, differences, "")
    assert isinstance(made, Profile)
    return made


def _changed(value: Any, differences: Mapping[str, Any], where: str) -> Any:
    hints = get_type_hints(type(value))
    new: dict[str, Any] = {}
    for key, wanted in differences.items():
        if key not in hints:
            valid = ", ".join(sorted(one.name for one in fields(value)))
            raise ValueError(f"{where}{key}: there is no such key; valid are {valid}")
        section = _SECTIONS.get(key) if isinstance(value, Profile) else None
        if key == "web_search" and section is not None and (wanted is None or wanted is False):
            new[key] = None  # TOML has no null: `web_search = false`
            continue
        if section is not None and isinstance(wanted, Mapping):
            new[key] = _changed(getattr(value, key) or section(), wanted, f"{key}.")
        elif section is not None and is_dataclass(wanted):
            new[key] = wanted
        elif key == "variants":
            new[key] = _variants(value, wanted)
        else:
            new[key] = _checked(key, _read(hints[key], wanted, where + key), where + key)
    return replace(value, **new)


def _checked(key: str, value: Any, where: str) -> Any:
    if key in _LEAST and value < _LEAST[key]:
        raise ValueError(f"{where}: must be at least {_LEAST[key]}, not {value}")
    if key in _ADDED and (taken := sorted(_OURS & set(value or ()))):
        raise ValueError(f"{where}: {', '.join(taken)} can't be set here, the relay makes it from the request")
    return value


def _variants(profile: Profile, wanted: Any) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """A table of tables in TOML: pattern -> differences, checked as they are read."""
    pairs = list(wanted.items()) if isinstance(wanted, Mapping) else list(wanted)
    for pattern, differences in pairs:
        if not isinstance(differences, Mapping) or "variants" in differences:
            raise ValueError(f"variants.{pattern}: must be a table of what is different, without variants of its own")
        changed(replace(profile, variants=()), differences)
    return tuple((str(pattern).lower(), differences) for pattern, differences in pairs)


def _read(hint: Any, value: Any, where: str) -> Any:
    """A value as TOML has it (lists, tables, strings, numbers, booleans) for a field of this type."""
    origin, choices = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value not in choices:
            raise ValueError(f"{where}: must be one of {', '.join(map(repr, choices))}, not {value!r}")
        return value
    if origin in (tuple, frozenset):
        if isinstance(value, str) or not isinstance(value, (list, tuple, set, frozenset)):
            raise ValueError(f"{where}: must be a list, not {value!r}")
        return origin(_read(choices[0], one, where) for one in value)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ValueError(f"{where}: must be a table, not {value!r}")
        if get_origin(choices[1]) is Literal:
            return MappingProxyType({key: _read(choices[1], inner, f"{where}.{key}") for key, inner in value.items()})
        # TOML has no null: "" in a table of efforts means that the field is left out.
        return MappingProxyType({key: None if inner == "" else inner for key, inner in value.items()})
    kinds = tuple(kind for kind in (choices or (hint,)) if isinstance(kind, type))
    if choices and value is None:
        return None
    if mapping := [kind for kind in choices if get_origin(kind) is not None]:
        return _read(mapping[0], value, where)
    if isinstance(value, bool) is not (bool in kinds) or not isinstance(value, kinds):
        raise ValueError(f"{where}: must be {' or '.join(kind.__name__ for kind in kinds)}, not {value!r}")
    return value
