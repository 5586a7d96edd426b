"""What a start tells: the providers that requests go to, whose key they get, and how Codex is told."""

from __future__ import annotations

from collections.abc import Iterator

from addon.cli import serving
from addon.providers import Provider
from addon.stand_ins import Single


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
    more = f" --port {port}" if port != serving.PORT else ""
    if serving.base_url(host, port) != serving.base_url("127.0.0.1", port):
        more += f" --bind {host}"
    more += f" --env-key {single.variable}" if lacks else ""
    by_hand = f'base_url = "{serving.base_url(host, port)}", wire_api = "responses"'
    return f"for Codex: codex-relay config --write{more}   (by hand: {by_hand})"
