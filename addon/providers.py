"""Where chat requests can go, as people name it: a URL, or a provider's name.

    deepseek                                   a known provider: its address, dialect and key variable
    desk=http://127.0.0.1:8080/v1              a server of one's own; the host or the model tells its dialect
    work:vllm=https://llm.example.com/v1#KEY   with its dialect and the environment variable that holds its key

Nothing here knows mitmproxy, so that commands which never start it can ask.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from relay_translate import Profile, find_profile
from relay_translate.profiles import PROFILES

from .nearest import nearest

DEFAULT_PORTS = {"http": 80, "https": 443}

KEY = re.compile(r"[\x21-\x7e]+")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]*$")
_KEY_HEADERS = {"bearer": "authorization", "api-key": "api-key", "x-api-key": "x-api-key"}
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.I)
_ENTRY = re.compile(r"(?P<name>[^:=#/]+)(:(?P<profile>[^=#/]+))?(=(?P<url>[^#]+))?(#(?P<variable>.*))?")
FORMS = "deepseek, desk=http://127.0.0.1:8080/v1 or work:vllm=https://llm.example.com/v1#KEY_VARIABLE"


class ProviderError(Exception):
    """An address or a provider's name can't be meant; the text is one line and names the remedy, never a key."""


@dataclass(frozen=True)
class Upstream:
    """A Chat Completions server. base_path has no trailing slash; "" means that the profile knows the path."""

    scheme: str
    host: str
    port: int
    base_path: str = ""

    @property
    def authority(self) -> str:
        """Host and port as in a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if DEFAULT_PORTS.get(self.scheme) == self.port else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return f"{self.scheme}://{self.authority}{self.base_path}"

    @property
    def is_here(self) -> bool:
        """Whether it is this machine, by its address."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost" or self.host.endswith(".localhost")


@dataclass(frozen=True)
class Provider:
    """A server with its dialect and key. dialect: the profile's name, "" for what host and model tell.
    variable: where the key stands, "" when it takes none. key: "" when unset."""

    name: str
    upstream: Upstream
    dialect: str = ""
    variable: str = ""
    key: str = field(default="", repr=False)

    @property
    def profile(self) -> Profile:
        return self.profile_for("")

    def profile_for(self, model: str) -> Profile:
        return find_profile(host=self.upstream.host, model=model, name=self.dialect)


@dataclass(frozen=True)
class Known:
    """A provider that can be named without an address. variable: "" for a server on one's own machine."""

    name: str
    title: str
    base_url: str
    variable: str


def known_providers() -> tuple[Known, ...]:
    """All of them, by name. Azure is none: everybody's has an address of its own."""
    return tuple(
        Known(profile.name, profile.label, profile.base_url, _variable_of(profile, parse_upstream(profile.base_url)))
        for profile in sorted(PROFILES.values(), key=lambda profile: profile.name)
        if profile.base_url
    )


def parse_providers(text: str, environ: Mapping[str, str] = os.environ) -> tuple[Provider, ...]:
    """Providers separated by commas, each with its key. Raises ProviderError, also for a key that is not set."""
    found: dict[str, Provider] = {}
    for entry in (part.strip() for part in text.split(",")):
        if not entry:
            continue
        provider = find_provider(entry, environ)
        if provider.name in found:
            raise ProviderError(f"{provider.name!r} is named twice; give one of them another name (NAME=URL)")
        if provider.variable and not provider.key:
            raise ProviderError(missing_key(provider))
        found[provider.name] = provider
    return tuple(found.values())


def missing_key(provider: Provider) -> str:
    return (
        f"{provider.name} needs a key, and the environment variable {provider.variable} is not set; "
        f"export {provider.variable}=... or name another one: {provider.name}#MY_VARIABLE"
    )


def find_provider(text: str, environ: Mapping[str, str] = os.environ) -> Provider:
    """One provider (see the module's header). Its key is "" when the variable is unset. Raises ProviderError."""
    text = text.strip()
    parts = _ENTRY.fullmatch(text)
    if parts is None or not _NAME.fullmatch(name := parts["name"].strip()):
        raise ProviderError(f"{_shown(text)!r} is no provider; write {FORMS}")
    profile = _profile(parts["profile"] or (name if name in PROFILES else ""), name, given=bool(parts["profile"]))
    if parts["url"]:
        upstream = parse_upstream(parts["url"], name)
    elif profile is not None and profile.base_url:
        upstream = parse_upstream(profile.base_url)
    elif profile is not None:
        raise ProviderError(f"{name} has no address of its own; write {name}=https://YOUR-HOST/v1")
    else:
        close = nearest(name.lower(), PROFILES)
        known = ", ".join(one.name for one in known_providers())
        advice = f"did you mean {close}? Another" if close else f"known are {known}; another"
        raise ProviderError(f"{name!r} is no known provider; {advice} one is written NAME=URL")
    dialect = profile.name if profile else ""
    variable = (
        _variable_of(profile or find_profile(host=upstream.host), upstream)
        if parts["variable"] is None
        else parts["variable"].strip()
    )
    if variable and not VARIABLE.fullmatch(variable):
        raise ProviderError(f"{name}: what follows # is not the name of an environment variable")
    return Provider(name, upstream, dialect, variable, read_key(variable, environ, name) if variable else "")


def read_key(variable: str, environ: Mapping[str, str], what: str) -> str:
    """The key in an environment variable, "" when it is unset. Raises ProviderError when a header can't carry it."""
    key = environ.get(variable, "").strip()
    if key and not KEY.fullmatch(key):
        raise ProviderError(
            f"{what}: the key in {variable} holds spaces or characters that a header can't carry; check how it was "
            "copied"
        )
    return key


def _variable_of(profile: Profile, upstream: Upstream) -> str:
    """A server that was only named by its dialect is somebody's own: the vendor's key is not for it. Nor does a key
    that nobody named travel in the clear."""
    is_vendors = find_profile(host=upstream.host).key_variable == profile.key_variable
    return profile.key_variable if is_vendors and upstream.scheme == "https" and not upstream.is_here else ""


def _profile(name: str, entry: str, *, given: bool) -> Profile | None:
    if not name:
        return None
    try:
        return find_profile(name=name)
    except ValueError as error:
        raise ProviderError(f"{entry}: {error}" if given else str(error)) from None


def _shown(text: str) -> str:
    """A user's entry in an error, without what could be a password."""
    return re.sub(r"//[^/@]*@", "//***@", text)


def parse_upstream(text: str, what: str = "") -> Upstream:
    """A base URL -> Upstream. `what` names its place in the error. Raises ProviderError."""
    text = text.strip()
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise ProviderError(_wrong(what, text, f"{error}; write it like https://host/v1")) from None
    if "@" in url.netloc:  # the value is not repeated: it holds a password
        start = f"{what}: a" if what else "a"
        raise ProviderError(f"{start} user name or password in the URL is not supported; put the key in relay_api_key")
    if url.scheme not in DEFAULT_PORTS or not host:
        raise ProviderError(_wrong(what, text, "not an http or https URL; write it like https://host/v1"))
    if url.query or url.fragment or text.endswith(("?", "#")):
        bare = text.partition("?")[0].partition("#")[0]
        raise ProviderError(
            _wrong(what, bare, "a query or a fragment is not supported; remove everything from '?' or '#' on "
                   "(extra request fields go into relay_extra_params)")
        )  # fmt: skip
    if re.search(r"[\s\x00-\x1f\x7f]", text) or not text.isascii():
        advice = "spaces and special characters must be percent-encoded, foreign host names in xn-- form"
        raise ProviderError(_wrong(what, text, advice))
    path = url.path.rstrip("/")
    if path.endswith(("/responses", "/models")):
        raise ProviderError(_wrong(what, text, f"name the base URL, without {path[path.rindex('/') :]}"))
    return Upstream(url.scheme, host, port or DEFAULT_PORTS[url.scheme], path)


def _wrong(what: str, value: str, why: str) -> str:
    return f"{what}={value!r}: {why}" if what else f"{value!r}: {why}"


def key_header(key: str, auth: str) -> tuple[str, str]:
    """(name, value) of the header that carries a key. auth: a profile's. A token (Azure's Entra) is a bearer's,
    whatever the keys are."""
    name = "authorization" if _TOKEN.match(key) else _KEY_HEADERS[auth]
    return name, header_value(name, key)


def header_value(name: str, key: str) -> str:
    """What a header of this name says of a key."""
    return f"Bearer {key}" if name == "authorization" else key
