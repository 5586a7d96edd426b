"""What a start tells: the providers that requests go to, whose key they get, and how Codex is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from addon.cli import serving
from addon.providers import Provider, ProviderError, Upstream, find_provider
from addon.settings import Settings
from relay_translate import Profile


@dataclass(frozen=True)
class Single(Provider):
    """The only provider, by the relay's own settings. own: whether the relay has its key, else the client has."""

    settings: Settings = field(default_factory=Settings)
    own: bool = False

    def profile_for(self, model: str) -> Profile:
        return self.settings.profile_for(self.upstream, model)


def served(settings: Settings) -> list[Provider]:
    """The providers that requests go to."""
    if settings.providers:
        return list(settings.providers)
    return [
        _single(settings, upstream) for upstream in ((settings.upstream,) if settings.upstream else settings.targets)
    ]


def _single(settings: Settings, upstream: Upstream) -> Single:
    try:
        known = find_provider(f"upstream={upstream.url}", os.environ)
    except ProviderError:
        known = Provider("upstream", upstream)
    own = settings.key_for(upstream)
    # The vendor's variable is for this host: without a key of its own the relay still can ask for the list.
    return Single("", upstream, settings.profile, known.variable, own or known.key, settings, bool(own))


def described(provider: Provider) -> Iterator[str]:
    """What is said of a provider before anything is asked of it."""
    title, url = provider.profile.title, provider.upstream.url
    where = f"{provider.name}: " if provider.name else "upstream: "
    yield f"{where}{f'{title}, ' if title and title.lower() not in url else ''}{url}"
    if not isinstance(provider, Single) or provider.own:
        return
    if not provider.variable:
        yield "no key was given: if the client sends one, it is passed on"
    elif provider.key:
        yield (
            f"no key was given: the client's own is passed on ({provider.variable} is set; --api-key "
            f"{provider.variable} has the relay use it)"
        )
    else:
        yield f"no key was given: the client's own is passed on, or export {provider.variable} and name it by --api-key"


def codex_words(port: int, host: str, providers: list[Provider]) -> str:
    """How Codex is told."""
    single = providers[0] if providers else None
    lacks = isinstance(single, Single) and not single.own and single.variable
    more = (f" --port {port}" if port != serving.PORT else "") + (f" --env-key {single.variable}" if lacks else "")
    by_hand = f'base_url = "{serving.base_url(host, port)}", wire_api = "responses"'
    return f"for Codex: codex-relay config --write{more}   (by hand: {by_hand})"
