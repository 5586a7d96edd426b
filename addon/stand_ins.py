"""What the relay finds out by itself for `relay_fallback`: the lists that say what a model can stand in for.

A client need not ask for them: an older Codex is given a file, and a list may have been down when it was asked for.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from relay_translate import Profile
from relay_translate.catalog import ModelFacts

from . import model_lists
from .cooling import Cooling, cooling
from .providers import Provider, ProviderError, Upstream, find_provider
from .routing import stand_ins_of, unlisted
from .served_models import trust
from .settings import Settings

logger = logging.getLogger(__name__)

AGAIN = 30.0  # seconds before a list that could not be had is asked for again


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


class Lists:
    """Asks in the background, each provider once at a time whoever wants to know. A turn waits only where it may go to
    a model of which nothing is known yet."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: dict[Upstream, float] = {}
        self._asking: dict[Upstream, asyncio.Task[list[ModelFacts]]] = {}
        self._told: set[str] = set()

    def ask(self, settings: Settings | None) -> None:
        """Begin to ask for what is missing. Needs a running loop."""
        for provider in served(settings) if settings and settings.fallback else ():
            upstream = provider.upstream
            asked = self._asked.get(upstream)
            is_new = asked is None or self._clock() - asked >= AGAIN
            if is_new and upstream not in self._asking and not model_lists.listed(upstream):
                self._asked[upstream] = self._clock()
                self.models(provider).add_done_callback(partial(self._tell, provider, settings))

    def models(self, provider: Provider) -> asyncio.Task[list[ModelFacts]]:
        """What the provider lists now; raises ListFailed. Needs a running loop."""
        upstream = provider.upstream
        if (task := self._asking.get(upstream)) is None:
            task = asyncio.get_running_loop().create_task(model_lists.fetch(provider, trust=trust()))
            self._asking[upstream] = task
            task.add_done_callback(lambda _: self._asking.pop(upstream, None))
        return task

    async def before_turn(self, settings: Settings | None, target: Upstream, now: Cooling = cooling) -> None:
        """Ask again for what is missing; while a model rests, see what the others' lists say first. Never longer than
        one list may take."""
        if settings is None or not settings.fallback:
            return
        self.ask(settings)
        if now.is_any():
            places = {place.upstream for place in stand_ins_of(settings, target)}
            if waited_for := [task for upstream, task in self._asking.items() if upstream in places]:
                await asyncio.wait(waited_for)

    def stop(self) -> None:
        for task in self._asking.values():
            task.cancel()
        self._asked.clear()

    def point_out(self, settings: Settings) -> None:
        """Names that lead to no model of a list, once each."""
        for complaint in unlisted(settings, [provider.upstream for provider in served(settings)]):
            if complaint not in self._told:
                self._told.add(complaint)
                logger.warning("%s", complaint)

    def _tell(self, provider: Provider, settings: Settings, asked: asyncio.Task[list[ModelFacts]]) -> None:
        name = provider.name or provider.upstream.authority
        if asked.cancelled():
            return
        if (error := asked.exception()) is None:
            self.point_out(settings)
        elif isinstance(error, model_lists.ListFailed):
            logger.info("what the models of %s can do is not known: %s", name, error)
        else:
            logger.error("unexpected error in the model list of %s", name, exc_info=error)


lists = Lists()
