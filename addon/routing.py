"""Which provider and which model a request goes to: the model's name, the model map, and who is resting."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from relay_translate import Profile, RequestOptions
from relay_translate.catalog import ModelFacts, known_facts
from relay_translate.request import map_model

from . import model_lists
from .cooling import Cooling, Rest, cooling
from .providers import Provider, Upstream
from .settings import Settings

_PICTURES = ("input_image", "image_url", "image_generation_call")
_PATTERN_CHARACTERS = re.compile(r"([*?[])")


@dataclass(frozen=True)
class Place:
    """Where a request goes. model: as the server knows it. provider: its name where there are several.
    key: the relay's own for this server; "" where the client's may be passed on (takes_clients_key), or none is."""

    upstream: Upstream
    profile: Profile
    model: str = ""
    provider: str = ""
    key: str = field(default="", repr=False)
    takes_clients_key: bool = True

    @property
    def label(self) -> str:
        """The model as people know it here."""
        return f"{self.provider}/{self.model}" if self.provider else self.model


@dataclass(frozen=True)
class Needs:
    """What a request takes for granted of the model that answers it. tokens: a rough size, 0 when not known."""

    tools: bool = False
    images: bool = False
    tokens: int = 0


@dataclass(frozen=True)
class Way:
    """The place for one request. first: the one that was asked for, when another one stands in for it, and `rest` why.
    successor: who answers the client's next try if this one fails; None for nobody."""

    place: Place
    first: Place | None = None
    rest: Rest | None = None
    successor: Place | None = None


def place_for(settings: Settings, target: Upstream, requested: str) -> Place:
    """Where a model is answered, by its name alone. `target`: where the flow's reverse mode points to."""
    return _place(settings, target, map_model(requested, settings.model_map))


def choose(settings: Settings, target: Upstream, requested: str, needs: Needs, now: Cooling = cooling) -> Way:
    """The place for a request, past those that are resting. With nobody left the one that was asked for it is, so
    that its provider's words are heard."""
    first = place_for(settings, target, requested)
    # What the first one lacks itself is not asked of another one: it is told of pictures in words, too.
    images = needs.images and can_answer(first, Needs(images=True))
    needs = replace(needs, images=images, tools=needs.tools and can_answer(first, Needs(tools=True)))
    others = [place for place in _others(settings, target, first) if can_answer(place, needs)]
    awake = [place for place in (first, *others) if now.of(place.upstream, place.model) is None]
    chosen = awake[0] if awake else first
    successor = next((place for place in awake if place != chosen), None)
    if chosen == first:
        return Way(first, successor=successor)
    return Way(chosen, first, now.of(first.upstream, first.model), successor)


def options_for(settings: Settings, way: Way, requested: str, *, codex: bool) -> RequestOptions:
    place = way.place
    own = place.provider or way.first is not None
    return settings.request_options(
        place.profile.title or place.provider or place.upstream.authority,
        codex=codex,
        model_map={_escaped(requested): place.model} if own else None,
        successor=way.successor.label if way.successor else "",
    )


def needs_of(body: Mapping[str, Any], size: int, earlier: Sequence[Any] = ()) -> Needs:
    """What a Responses request needs. earlier: the items it goes on from; size: bytes of both."""
    images = _holds_image(body.get("input")) or _holds_image(earlier)
    # Four bytes a token; a picture's bytes are none.
    return Needs(bool(body.get("tools")) or _holds_tools(body.get("input")), images, 0 if images else size // 4)


def can_answer(place: Place, needs: Needs) -> bool:
    """Whether a model can stand in for another one. What nobody knows of it is not held against it."""
    facts = known_facts(
        model_lists.remembered(place.upstream, place.model) or ModelFacts(id=place.model), place.profile
    )
    if needs.tools and facts.tools is False:
        return False
    if needs.images and (facts.images is False or not place.profile.sees_images(place.model)):
        return False
    return not (facts.context_window and needs.tokens > facts.context_window)


def provider_of(settings: Settings, model: str) -> tuple[Provider, str]:
    """(provider, its model) for a name as Codex says it. A name without a provider's is the first one's."""
    name, _, rest = model.partition("/")
    for provider in settings.providers:
        if rest and name == provider.name:
            return provider, rest
    return settings.providers[0], model


def doubtful(settings: Settings) -> list[str]:
    """What is to be said of the options' targets."""
    targets = dict.fromkeys((*settings.fallback, *settings.model_map.values()))
    return [f"{target}: {doubt}" for target in targets if (doubt := doubt_of(settings, target))]


def doubt_of(settings: Settings, target: str) -> str:
    """Of a target that begins with a provider's name which is none of the relay's: the first one is asked for it. It
    may be meant so, gateways name their models like that. "" for any other."""
    name, slash, _ = target.partition("/")
    if not slash or not settings.providers or name in {provider.name for provider in settings.providers}:
        return ""
    return f"{name} is none of relay_providers; {settings.providers[0].name} will be asked for {target!r}"


def stand_ins_of(settings: Settings, target: Upstream) -> list[Place]:
    """All that may take over, in order."""
    return [_place(settings, target, model) for model in settings.fallback]


def unlisted(settings: Settings, targets: Iterable[Upstream]) -> list[str]:
    """A line for each name, among those that requests are led to, that its provider does not list, as far as its list
    is known. targets: as for `place_for`."""
    said = {f"relay_fallback: {model}": model for model in settings.fallback}
    said |= {f"relay_model_map: {pattern}={model}": model for pattern, model in settings.model_map.items()}
    found = []
    for target in targets if not settings.providers else list(targets)[:1]:
        for name, model in said.items():
            place = _place(settings, target, model)
            if why := model_lists.not_listed(place.upstream, place.model):
                found.append(f"{name}: {place.provider or place.upstream.authority} {why}")
    return found


def _place(settings: Settings, target: Upstream, mapped: str) -> Place:
    if not settings.providers:
        upstream = settings.upstream_for(target)
        profile = settings.profile_for(upstream, mapped)
        return Place(upstream, profile, mapped, key=settings.key_for(upstream))
    provider, model = provider_of(settings, mapped)
    profile = provider.profile_for(model)
    return Place(provider.upstream, profile, model, provider.name, provider.key, takes_clients_key=False)


def _others(settings: Settings, target: Upstream, first: Place) -> Iterator[Place]:
    yield from (place for place in stand_ins_of(settings, target) if place != first)


def _escaped(model: str) -> str:
    """A pattern that only this name matches."""
    return _PATTERN_CHARACTERS.sub(r"[\1]", model)


def _holds_image(items: Any) -> bool:
    """In messages and in what tools gave. The translation finds them nowhere deeper."""
    for item in items if isinstance(items, Sequence) else ():
        if not isinstance(item, Mapping):
            continue
        if item.get("type") in _PICTURES:
            return True
        for parts in (item.get("content"), item.get("output")):
            parts = [parts] if isinstance(parts, dict) else parts
            if isinstance(parts, list) and any(isinstance(one, dict) and one.get("type") in _PICTURES for one in parts):
                return True
    return False


def _holds_tools(items: Any) -> bool:
    return isinstance(items, list) and any(
        isinstance(item, dict) and item.get("type") == "additional_tools" for item in items
    )
