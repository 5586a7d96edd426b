"""Providers' model lists, asked for by the relay itself: for a command, and where several providers share a port.

With one provider a client's `GET /v1/models` goes up as a flow that people can see; several can't be one flow.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from relay_translate import Profile, translate_error
from relay_translate.catalog import ModelFacts, ModelListError, known_facts, read_model_list
from relay_translate.errors import one_line

from .nearest import nearest
from .providers import Provider, Upstream, key_header

if TYPE_CHECKING:
    import httpx

LIMIT = 4.0  # seconds; Codex waits five for the catalog
LARGEST = 32 * 1024 * 1024  # bytes; the longest known list has three
_SHORTEST_KEY = 8  # characters; what is shorter stands in any text
_SCRUBBED = "[scrubbed]"
_PATTERN = re.compile(r"[*?[]")

for _noisy in ("httpx", "httpcore"):  # they log every request
    logging.getLogger(_noisy).setLevel(logging.WARNING)


class ListFailed(Exception):
    """A provider gave no list; the text is one line in its own words, without a key."""


@dataclass(frozen=True)
class Trust:
    """Whose certificates are taken, as mitmproxy's options have it: `ssl_insecure` takes any, a file and a folder of
    authorities stand in place of the usual ones."""

    insecure: bool = False
    file: str | None = None
    folder: str | None = None

    @classmethod
    def of(cls, options: Any) -> Trust:
        """options: mitmproxy's."""
        file, folder = options.ssl_verify_upstream_trusted_ca, options.ssl_verify_upstream_trusted_confdir
        return cls(bool(options.ssl_insecure), file or None, folder or None)


USUAL = Trust()


@dataclass(frozen=True)
class Listed:
    """What one provider said: its models, or why there are none."""

    provider: Provider
    models: tuple[ModelFacts, ...] = ()
    failure: str = ""


_facts: dict[tuple[Upstream, str], ModelFacts] = {}
_listed: dict[Upstream, frozenset[str]] = {}


def remembered(upstream: Upstream, model: str) -> ModelFacts | None:
    """What the provider's last list said of a model."""
    return _facts.get((upstream, model))


def listed(upstream: Upstream) -> frozenset[str]:
    """The models of the provider's last list; none when it gave none yet."""
    return _listed.get(upstream, frozenset())


def not_listed(upstream: Upstream, model: str) -> str:
    """`lists no such model`, with the nearest one; "" where the provider's last list has it, or does not tell."""
    ids = listed(upstream)
    # A gateway's list may hold patterns; some providers take a variant of a model behind a colon.
    if not ids or any(map(_PATTERN.search, ids)) or ids & {model, model.partition(":")[0]}:
        return ""
    close = nearest(model, ids)
    return "lists no such model" + (f"; did you mean {close}?" if close else "")


def read(data: bytes, upstream: Upstream, profile_for: Callable[[str], Profile]) -> list[ModelFacts]:
    """The models of a list that hold conversations, with what is known of them besides. Raises ListFailed."""
    try:
        listed = read_model_list(data)
    except ModelListError as error:
        raise ListFailed(f"{upstream.authority} has no usable model list: {one_line(str(error))}") from None
    models = [known_facts(one, profile_for(one.id)) for one in listed]
    _facts.update({(upstream, one.id): one for one in models})
    _listed[upstream] = frozenset(one.id for one in models)
    return [one for one in models if one.chats]


async def fetch(provider: Provider, limit: float = LIMIT, trust: Trust = USUAL) -> list[ModelFacts]:
    """The models of a provider that hold conversations. Raises ListFailed; never longer than `limit` seconds."""
    try:
        import httpx
    except ImportError:
        raise ListFailed("asking for models needs the Python package httpx; pip install httpx") from None
    where = provider.upstream.authority
    try:
        # Straight to the provider, as its turns go: a proxy of the environment would be shown the key.
        client = httpx.AsyncClient(timeout=limit, trust_env=False, verify=trusted(trust))
        async with asyncio.timeout(limit), client:
            status, headers, body = await _get(client, provider)
    except TimeoutError:
        raise ListFailed(f"{where} did not answer within {limit:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:  # also a file of authorities that can't be read
        why = one_line(str(error)) or type(error).__name__
        raise ListFailed(f"{where} could not be reached: {_without_key(why, provider)}") from None
    if not 200 <= status < 300:
        error = translate_error(status, headers, body, provider=where)
        raise ListFailed(_without_key(one_line(error.message), provider))
    try:
        return read(body, provider.upstream, provider.profile_for)
    except ListFailed as failed:
        raise ListFailed(_without_key(str(failed), provider)) from None


async def fetch_all(providers: Sequence[Provider], limit: float = LIMIT, trust: Trust = USUAL) -> list[Listed]:
    """Everybody's list, at once."""

    async def one(provider: Provider) -> Listed:
        try:
            return Listed(provider, tuple(await fetch(provider, limit, trust)))
        except ListFailed as failed:
            return Listed(provider, failure=str(failed))

    return list(await asyncio.gather(*map(one, providers)))


def list_request(provider: Provider) -> tuple[str, dict[str, str]]:
    """(URL, headers) of the GET that asks a provider for its models."""
    profile, upstream = provider.profile, provider.upstream
    url = f"{upstream.scheme}://{upstream.authority}{profile.models_path(upstream.base_path)}"
    headers = {"accept": "application/json", "user-agent": "codex-relay"}
    if provider.key:
        name, value = key_header(provider.key, profile.auth)
        headers[name] = value
    return url, headers


@cache
def trusted(trust: Trust) -> ssl.SSLContext:
    """For connections to a provider. Made once: reading the certificates takes 50 ms, in which no turn's answer moves.

    Raises OSError for authorities that can't be read."""
    import httpx

    if not trust.insecure and (trust.file or trust.folder):
        context = ssl.create_default_context(cafile=trust.file, capath=trust.folder)
    else:
        context = httpx.create_ssl_context(verify=not trust.insecure, trust_env=False)
    # Python 3.13 asks more of certificates than mitmproxy does for turns: many an authority of a company's own names
    # no key identifiers.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


async def _get(client: httpx.AsyncClient, provider: Provider) -> tuple[int, dict[str, str], bytes]:
    url, headers = list_request(provider)
    body = bytearray()
    async with client.stream("GET", url, headers=headers) as response:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > LARGEST:
                raise ListFailed(f"{provider.upstream.authority} gave a list of more than {LARGEST // 2**20} MB")
    if len(provider.key) >= _SHORTEST_KEY:  # before anything is cut short: half of a key would not be found
        body = body.replace(provider.key.encode(), _SCRUBBED.encode())
    return response.status_code, {name.lower(): value for name, value in response.headers.items()}, bytes(body)


def _without_key(text: str, provider: Provider) -> str:
    return text.replace(provider.key, _SCRUBBED) if len(provider.key) >= _SHORTEST_KEY else text
