"""`GET /v1/models`: OpenAI's list, and for Codex its catalog in the same object.

With one provider the answer of its own list is rewritten (exchange.py); with several the lists are asked for here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from mitmproxy import ctx, http

from relay_translate import json_bytes
from relay_translate.catalog import CatalogModel, ModelFacts, codex_catalog, etag, known_facts, model_list
from relay_translate.errors import one_line, upstream_broke

from . import model_lists, replies
from .providers import Upstream
from .routing import place_for
from .settings import Settings

logger = logging.getLogger(__name__)

# Models that Codex asks for by itself (memories, reviews, its built-in picker); a mapped pattern covers them, and
# Codex looks for each name it uses in the catalog. Measured on 0.169.
OWN_NAMES = (
    "gpt-6-astra", "gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-sol", "gpt-6-luna", "gpt-5.6-sol", "gpt-5.6-terra",
    "gpt-5.6-luna", "gpt-5.5", "gpt-5.4", "gpt-5.3-codex", "gpt-5-codex", "gpt-5", "codex-auto-review",
)  # fmt: skip
_WILDCARDS = set("*?[")


class NoModels(Exception):
    """There is nothing to list; the text is one line."""


async def answer(flow: http.HTTPFlow, settings: Settings) -> None:
    """Set the response of a flow that asks for the models of several providers. Never raises."""
    try:
        listed = await model_lists.fetch_all(settings.providers, trust=trust())
        failures = [one.failure for one in listed if one.failure]
        for failure in failures:
            logger.warning("models: %s", failure)
        models = [model for one in listed for model in _of_provider(one)]
        if not models:
            raise NoModels("; ".join(failures) or "no provider lists a model that holds conversations")
        flow.response = reply(flow.request, models, settings, settings.providers[0].upstream)
        count = f"{len(models)} models of {len(listed) - len(failures)} of {len(listed)} providers"
        flow.comment = "; ".join([count, *failures])
    except NoModels as none:
        flow.response = replies.as_status(upstream_broke(str(none)))
        flow.comment = one_line(str(none))
    except Exception:
        logger.exception("unexpected error in a model list")
        flow.response = replies.as_status(replies.our_fault("the model lists"))


def trust() -> model_lists.Trust:
    """Whose certificates mitmproxy takes from the providers of turns."""
    return model_lists.Trust.of(ctx.options)


def rewritten(
    request: http.Request, data: bytes, upstream: Upstream, settings: Settings, down: list[tuple[str, str]]
) -> http.Response:
    """The answer to a client for one provider's list. Raises ListFailed and NoModels."""
    facts = model_lists.read(data, upstream, lambda model: settings.profile_for(upstream, model))
    if not _is_codex(request) and (own := _as_it_is(data)) is not None:
        return replies.make(200, [*down, *_head(own)], own)
    models = [CatalogModel(slug=one.id, facts=one, profile=settings.profile_for(upstream, one.id)) for one in facts]
    if not models:
        raise NoModels(f"{upstream.authority} lists no model that holds conversations")
    return reply(request, models, settings, upstream, down)


def reply(
    request: http.Request,
    models: Sequence[CatalogModel],
    settings: Settings,
    target: Upstream,
    down: Iterable[tuple[str, str]] = (),
) -> http.Response:
    """The list, and the catalog where Codex asks (`?client_version=`), with the model map's names in both: a mapped
    name is what it stands for, also where a provider has a model of that name. target: as for `place_for`."""
    listed = {model.slug: model for model in models}
    aliases = {alias.slug: alias for alias in reversed(list(_aliases(settings, target, listed)))}  # the first counts
    found = {**listed, **{slug: aliases[slug] for slug in reversed(aliases)}}
    body = model_list(one for one in found.values() if not one.hidden)
    if _is_codex(request):
        body = {**body, **codex_catalog(found.values(), request.query["client_version"])}
    data = json_bytes(body)
    if request.headers.get("if-none-match") == etag(data):
        return replies.make(304, [("etag", etag(data))], b"")
    return replies.make(200, [*down, *_head(data)], data)


def _head(data: bytes) -> list[tuple[str, str]]:
    return [("content-type", "application/json"), ("etag", etag(data))]


def _is_codex(request: http.Request) -> bool:
    return "client_version" in request.query


def _as_it_is(data: bytes) -> bytes | None:
    """OpenAI's list goes to other clients with all that the provider says in it."""
    try:
        listed = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(listed, dict) and isinstance(listed.get("data"), list) else None


def _of_provider(listed: model_lists.Listed) -> Iterator[CatalogModel]:
    provider = listed.provider
    for one in listed.models:
        yield CatalogModel(slug=f"{provider.name}/{one.id}", facts=one, profile=provider.profile_for(one.id))


def _aliases(settings: Settings, target: Upstream, found: Mapping[str, CatalogModel]) -> Iterator[CatalogModel]:
    """Names that the model map makes of others, listed ones among them. Those of a pattern stay out of the picker."""
    for pattern in settings.model_map:
        is_pattern = bool(_WILDCARDS & set(pattern))
        names = [name for name in (*OWN_NAMES, *found) if fnmatchcase(name, pattern)] if is_pattern else [pattern]
        for name in names:
            place = place_for(settings, target, name)
            if place.label == name:
                continue  # the name that a pattern leads to
            meant = found.get(place.label)
            facts = meant.facts if meant else model_lists.remembered(place.upstream, place.model)
            facts = known_facts(facts or ModelFacts(id=place.model), place.profile)
            hidden = is_pattern and (name not in found or meant is not None)
            yield CatalogModel(slug=name, facts=facts, profile=place.profile, hidden=hidden)
