"""Provider profiles: one short module each, listed here, found by upstream host, then by model name.

A platform's dialect beats a model vendor's, so hosts are looked at first.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from . import generic, openai
from .profile import Profile

GENERIC = generic.PROFILE
PROFILES: dict[str, Profile] = {p.name: p for p in (GENERIC, openai.PROFILE)}

__all__ = ["GENERIC", "PROFILES", "Profile", "find_profile"]


def find_profile(host: str = "", model: str = "", name: str = "") -> Profile:
    """The profile called `name`, else the one for `host`, else for `model`, else the generic one.

    Raises ValueError naming the valid ones when `name` is not among them.
    """
    if name:
        if name not in PROFILES:
            raise ValueError(f"unknown profile {name!r}; known are {', '.join(sorted(PROFILES))}")
        return PROFILES[name]
    for profile in PROFILES.values():
        if any(fnmatchcase(host.lower(), pattern) for pattern in profile.hosts):
            return profile
    for profile in PROFILES.values():
        if any(fnmatchcase(model.lower(), pattern) for pattern in profile.models):
            return profile
    return GENERIC
