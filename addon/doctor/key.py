"""A provider's key: whether it is set, could be sent, and is that provider's. What it is, nobody is told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from addon.doctor import Finding, failed, ok, skipped, warning
from addon.providers import Provider, ProviderError, read_key
from relay_translate.profiles import GENERIC, PROFILES
from relay_translate.profiles.key_prefixes import owner_of

ABOUT = "key"
_QUOTES = "\"'`"
_SCHEME = "bearer "


def look(provider: Provider, environ: Mapping[str, str] = os.environ) -> tuple[Finding, Provider | None]:
    """The finding, and the provider with its key, or None when nothing may be sent to it."""
    name = provider.variable
    if not name:
        return skipped(ABOUT, f"none is sent to {provider.upstream.authority}; --api-key NAME names one"), provider
    raw = environ.get(name, "")
    if not raw.strip():
        return failed(ABOUT, f"{name} is not set", f"export {name}=..."), None
    if raw.strip()[0] in _QUOTES or raw.strip()[-1] in _QUOTES:
        return failed(
            ABOUT, f"the key in {name} stands in quotes, which would be sent too", f"export {name} without them"
        ), None
    if raw.strip().lower().startswith(_SCHEME):
        return failed(
            ABOUT, f"{name} begins with the word Bearer, which is added anyway", f"export {name} without it"
        ), None
    try:
        key = read_key(name, environ, ABOUT)
    except ProviderError:
        says = f"the key in {name} holds spaces or characters that a header can't carry"
        return failed(ABOUT, says, "copy it again from the provider's page"), None
    return _owned(name, key, raw, provider)


def _owned(name: str, key: str, raw: str, provider: Provider) -> tuple[Finding, Provider | None]:
    owner, profile = owner_of(key), provider.profile
    keyed = replace(provider, key=key)
    if owner and PROFILES[owner].key_variable != profile.key_variable:
        says = f"the key in {name} looks like one of {PROFILES[owner].label}"
        if profile is GENERIC:
            return warning(
                ABOUT, f"{says}, and would go to {provider.upstream.authority}", "check that it is meant"
            ), keyed
        return failed(
            ABOUT, f"{says}, not of {profile.label}; it is not sent", f"put {profile.label}'s key into {name}"
        ), None
    if raw != raw.strip():
        return warning(
            ABOUT, f"the key in {name} has spaces around it; the relay takes them off", f"export {name} without them"
        ), keyed
    return ok(ABOUT, f"{name} is set"), keyed
