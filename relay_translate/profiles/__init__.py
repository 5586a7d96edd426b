"""Provider profiles: one short module each, found by upstream host, then by model name.

A platform's dialect beats a model vendor's, so hosts are looked at first. Adding a provider is adding a module with a
`PROFILE` in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from . import generic
from .merging import changed, for_model
from .profile import Profile

_NO_PROVIDERS = ("families", "key_prefixes", "known_models", "merging", "prices", "profile")

GENERIC = generic.PROFILE
_modules = (import_module(f".{name}", __name__) for _, name, _ in iter_modules(__path__) if name not in _NO_PROVIDERS)
PROFILES: dict[str, Profile] = {profile.name: profile for profile in (GENERIC, *(one.PROFILE for one in _modules))}

__all__ = ["GENERIC", "PROFILES", "Profile", "find_profile", "profile_from_table"]


def find_profile(host: str = "", model: str = "", name: str = "") -> Profile:
    """The profile called `name`, else the one for `host`, else for `model`, else the generic one; with what is
    different for `model`.

    Raises ValueError naming the valid ones when `name` is not among them.
    """
    return for_model(_found(host.lower(), model.lower(), name), model)


def profile_from_table(table: Mapping[str, Any], default_name: str = "custom") -> Profile:
    """A user's profile: a table of what differs from the one it names in `base` (generic), as TOML gives it.

    Raises ValueError that names the key and what is valid there.
    """
    differences = dict(table)
    base = differences.pop("base", GENERIC.name)
    if base not in PROFILES:
        raise ValueError(f"base: unknown profile {base!r}; known are {', '.join(sorted(PROFILES))}")
    return changed(PROFILES[base], {"name": default_name, **differences})


def _found(host: str, model: str, name: str) -> Profile:
    if name:
        if name not in PROFILES:
            raise ValueError(f"unknown profile {name!r}; known are {', '.join(sorted(PROFILES))}")
        return PROFILES[name]
    for profile in PROFILES.values():
        if any(fnmatchcase(host, pattern) for pattern in profile.hosts):
            return profile
    for profile in PROFILES.values():
        if any(fnmatchcase(model, pattern) for pattern in profile.models):
            # The vendor's dialect, but somebody else's server: it has paths and a name of its own.
            return replace(profile, base_path=GENERIC.base_path, title="") if host else profile
    return GENERIC
