"""What the user wants Codex on: which provider, and which of its models when no model was named."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from addon.cli.arguments import upstream_url
from addon.cli.serving import UsageError, trust_of

if TYPE_CHECKING:
    from addon.providers import Provider
    from relay_translate.catalog import CatalogModel

KEY = "CODEX_RELAY_API_KEY"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHOUTED = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_PLACES = {name: f"CODEX_RELAY_{name.upper()}" for name in ("providers", "provider", "upstream")}
UPSTREAM = "upstream"  # the name of a provider that is given by its address


@dataclass(frozen=True)
class Chosen:
    """The providers. several: as the user wrote them, "" for one alone, whose models need no provider's name.
    by: the variable whose key decided. others: names of those whose keys are set as well."""

    providers: tuple[Provider, ...]
    several: str = ""
    by: str = ""
    others: tuple[str, ...] = ()

    @property
    def described(self) -> str:
        """The label, with the reason where nobody named a provider."""
        if not self.by:
            return self.label
        others = f"; --provider takes {' or '.join(self.others)}" if self.others else ""
        return f"{self.label} ({self.by} is set{others})"

    @property
    def label(self) -> str:
        return ", ".join(
            provider.upstream.authority if provider.name == UPSTREAM else provider.name for provider in self.providers
        )

    @property
    def title(self) -> str:
        """For Codex's /status."""
        names = [provider.profile.title or provider.upstream.authority for provider in self.providers]
        return f"Relay ({', '.join(dict.fromkeys(names))})"

    def relay_options(self, port: int) -> list[str]:
        """mitmproxy's options for them, on loopback. Keys are named, never given."""
        first = self.providers[0]
        words = ["--mode", f"reverse:{first.upstream.scheme}://{first.upstream.authority}@{port}"]
        words += ["--listen-host", "127.0.0.1"]
        settings = (
            {"relay_providers": self.several} if self.several else options_of(first, first.key and first.variable)
        )
        return words + [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def options_of(provider: Provider, variable: str) -> dict[str, str]:
    """The relay's options for one provider. variable: where its key stands, "" when the client's is passed on."""
    settings = {"relay_upstream": provider.upstream.url}
    if provider.dialect:
        settings["relay_profile"] = provider.dialect
    if variable:
        settings["relay_api_key"] = f"env:{variable}"
    return settings


@dataclass(frozen=True)
class Offer:
    """What the providers list. failures: one line each for those that list nothing."""

    models: tuple[CatalogModel, ...] = ()
    failures: tuple[str, ...] = ()

    def find(self, slug: str) -> CatalogModel | None:
        return next((model for model in self.models if model.slug == slug), None)

    @property
    def first(self) -> CatalogModel | None:
        """The first that calls tools, else the first that nobody says calls none. Codex is nothing without tools."""
        for wanted in (True, None):
            for model in self.models:
                if model.facts.tools is wanted:
                    return model
        return None


def add(parser: argparse.ArgumentParser) -> None:
    """Declare --provider, --upstream and --providers, of which one is given."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--provider", metavar="NAME", help="a known provider, or NAME:PROFILE=URL#KEY_VARIABLE")
    which.add_argument("--upstream", type=upstream_url, metavar="URL", help="a provider's base URL")
    which.add_argument("--providers", metavar="A,B", help="several at once; models are called provider/model")


def chosen(arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Chosen | None:
    """The providers that the arguments name; None when they name none. Raises UsageError."""
    from addon.providers import ProviderError, find_provider, parse_providers

    try:
        if arguments.providers:
            found = parse_providers(arguments.providers, environ)
            if not found:
                raise ProviderError("--providers names none; write --providers deepseek,kimi")
            return Chosen(found, arguments.providers)
        text = arguments.provider or (f"{UPSTREAM}={arguments.upstream}" if arguments.upstream else "")
        return Chosen((find_provider(text, environ),)) if text else None
    except ProviderError as error:
        raise UsageError(str(error)) from None


def by_words(arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Chosen | None:
    """As the arguments say, else CODEX_RELAY_PROVIDERS, _PROVIDER or _UPSTREAM; a server that is given by its address
    takes the key in CODEX_RELAY_API_KEY, or in the variable that names, unless that is another place's."""
    named = {name: getattr(arguments, name) or "" for name in _PLACES}
    if not any(named.values()):
        found = {name: environ.get(variable, "").strip() for name, variable in _PLACES.items()}
        first = next((name for name in _PLACES if found[name]), "")
        named = {name: found[name] if name == first else "" for name in _PLACES}
    if named["upstream"] and not displaced(named, environ) and (variable := key_variable(environ)):
        named["provider"] = f"{UPSTREAM}={named['upstream']}#{variable}"
    return chosen(argparse.Namespace(**named), environ)


def displaced(named: Mapping[str, str | None], environ: Mapping[str, str]) -> str:
    """The variable that says another place than is `named`: the key in CODEX_RELAY_API_KEY was put there for that."""
    for name, variable in _PLACES.items():
        place = environ.get(variable, "").strip().rstrip("/")
        if place and place != (named.get(name) or "").rstrip("/"):
            return variable
    return ""


def key_variable(environ: Mapping[str, str]) -> str:
    """The variable that holds the key of CODEX_RELAY_API_KEY: the one that it names, or itself; "" for none."""
    text = environ.get(KEY, "").strip()
    return named_variable(text, environ) or (KEY if text else "")


def named_variable(text: str, environ: Mapping[str, str]) -> str:
    """The environment variable that is named where a key may stand: NAME, $NAME, env:NAME. "" for a key itself."""
    if text.startswith(("$", "env:")):
        return text.removeprefix("$").removeprefix("env:").strip("{}")
    return text if (VARIABLE.fullmatch(text) and text in environ) or _SHOUTED.fullmatch(text) else ""


def by_environment(environ: Mapping[str, str] = os.environ) -> Chosen:
    """The first known provider whose key is set. Raises UsageError when there is none."""
    from addon.providers import find_provider, known_providers

    known = [one for one in known_providers() if one.variable]
    found = list(dict.fromkeys(one.name for one in known if environ.get(one.variable, "").strip()))
    if not found:
        examples = ", ".join(f"{one.variable} ({one.name})" for one in known[:4])
        raise UsageError(
            f"no provider is named and no key is set; export one, such as {examples}, or say --provider NAME "
            "(a server on your own machine needs no key: --upstream http://127.0.0.1:8080/v1)"
        )
    first = find_provider(found[0], environ)
    return Chosen((first,), by=first.variable, others=tuple(found[1:]))


def check_key(choice: Chosen) -> None:
    """Raises UsageError when a provider's key is not set. A server given by its address may need none."""
    from addon.providers import missing_key

    for provider in choice.providers:
        if provider.variable and not provider.key:
            where = provider.upstream
            raise UsageError(
                missing_key(provider)
                if provider.name != UPSTREAM
                else f"{where.authority} needs a key, and the environment variable {provider.variable} is not set; "
                f"export {provider.variable}=... or name another one: --provider my={where.url}#MY_VARIABLE"
            )


def with_model(choice: Chosen, offer: Offer, slug: str) -> Offer:
    """The offer with a model in it that its provider does not list, as far as that is known."""
    from relay_translate.catalog import CatalogModel, ModelFacts, known_facts

    if not slug or offer.find(slug):
        return offer
    name, _, rest = slug.partition("/") if choice.several else ("", "", slug)
    provider = next((one for one in choice.providers if rest and one.name == name), choice.providers[0])
    model = rest if provider.name == name or not choice.several else slug
    profile = provider.profile_for(model)
    own = CatalogModel(slug=slug, facts=known_facts(ModelFacts(id=model), profile), profile=profile)
    return Offer((*offer.models, own), offer.failures)


async def ask(choice: Chosen, words: Sequence[str] = ()) -> Offer:
    """What the providers offer now. Never raises, and takes a few seconds at most. words: mitmproxy's, which say whose
    certificates are taken."""
    from addon.model_lists import fetch_all
    from relay_translate.catalog import CatalogModel

    listed = await fetch_all(choice.providers, trust=trust_of(words))
    models = [
        CatalogModel(
            slug=f"{one.provider.name}/{facts.id}" if choice.several else facts.id,
            facts=facts,
            profile=one.provider.profile_for(facts.id),
        )
        for one in listed
        for facts in one.models
    ]
    return Offer(tuple(models), tuple(one.failure for one in listed if one.failure))


def catalog(offer: Offer) -> dict[str, Any]:
    """Codex's catalog of an offer."""
    from relay_translate.catalog import codex_catalog

    return dict(codex_catalog(offer.models))
