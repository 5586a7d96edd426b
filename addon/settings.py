"""relay_* options: declared, parsed, and frozen into one value.

Every option is a string and is parsed here: a mistyped `int` or `bool` option makes mitmproxy unload the addon without
a word and forward everything untranslated.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn
from urllib.parse import urlsplit

from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError

from relay_translate import Profile, RequestOptions, find_profile
from relay_translate.profiles import profile_from_table
from relay_translate.profiles.merging import for_model
from relay_translate.quirks import QUIRKS
from relay_translate.request import map_model

from . import inspection
from .search import Configured, parse_service

DEFAULT_PORTS = {"http": 80, "https": 443}

# name -> (default, help). Defaults are looked up here alone, so that they can come from elsewhere later.
OPTIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "relay_upstream": (
            "",
            "Base URL of the Chat Completions server, with its path, e.g. https://openrouter.ai/api/v1. "
            "Replaces host, port and scheme of the reverse mode. Empty: the reverse mode's target, under /v1.",
        ),
        "relay_api_key": (
            "",
            "The provider's key, or better the name of the environment variable that holds it: OPENROUTER_API_KEY, "
            "$NAME or env:NAME. Anything else is the key itself. "
            "It goes to the upstream only. Empty: the client's own key is passed on.",
        ),
        "relay_model_map": (
            "",
            "Model names to replace, client=upstream, separated by commas; * and ? are wildcards, first match wins: "
            "gpt-5*=deepseek-chat,*=qwen3-coder.",
        ),
        "relay_extra_params": ("", 'A JSON object merged over every chat request, e.g. {"temperature": 0.2}.'),
        "relay_drop_params": ("", "Names of chat request fields that are left out, separated by commas."),
        "relay_scrub": (
            "on",
            "What is written to flow files and HAR: on takes out keys, accounts, sessions, homes and user names; "
            "off leaves all but credentials. What is shown live is never changed.",
        ),
        "relay_disable_quirks": (
            "",
            "Names of repairs of answers that are not made, separated by commas, e.g. think-tags,leaked-hermes. "
            "The log and the flows name those that were made.",
        ),
        "relay_profile": (
            "",
            "The provider's dialect: the name of a profile, or the path of a .toml file with what differs from the one "
            "it names in `base`. Empty: found by the upstream's host, then by the model.",
        ),
        "relay_web_search": (
            "auto",
            "Codex's hosted web search: auto uses the provider's own where it has one, off leaves it out.",
        ),
        "relay_search": (
            "",
            "The service behind Codex's standalone web search: searxng:URL, brave or tavily, the last two with the key "
            "in BRAVE_API_KEY or TAVILY_API_KEY, or in the variable named behind a colon (brave:MY_KEY).",
        ),
        **inspection.OPTIONS,
    }
)
# Changes of these options too have to be looked at again.
PATTERNS = "relay_scrub_patterns"
WATCHED = frozenset(OPTIONS) | {PATTERNS, "mode", "stream_large_bodies", "web_host"}

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_PARAMETER = re.compile(r"[A-Za-z_][\w.-]*")
_KEY = re.compile(r"[\x21-\x7e]+")
# The relay's own business: set from outside, these would break the translation of the answer.
_OURS = {"messages": "it is made from the conversation", "stream": "it follows the client's request"}


@dataclass(frozen=True)
class Upstream:
    """Where chat requests go. base_path has no trailing slash; "" means that the profile knows the path."""

    scheme: str
    host: str
    port: int
    base_path: str = ""

    @property
    def authority(self) -> str:
        """Host and port as in a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if DEFAULT_PORTS.get(self.scheme) == self.port else f"{host}:{self.port}"


@dataclass(frozen=True)
class Settings:
    """The options, parsed. `targets` are the HTTP targets of the reverse modes that are running."""

    upstream: Upstream | None = None
    targets: tuple[Upstream, ...] = ()
    api_key: str = field(default="", repr=False)
    model_map: Mapping[str, str] = field(default_factory=dict)
    extra_params: Mapping[str, object] = field(default_factory=dict)
    drop_params: frozenset[str] = frozenset()
    disabled_quirks: frozenset[str] = frozenset()
    profile: str = ""
    own_profile: Profile | None = None  # of the user's file
    web_search: bool = True
    search: Configured | None = None
    scrub: bool = True
    scrub_patterns: tuple[str, ...] = ()
    inspection: inspection.Inspection = field(default_factory=inspection.Inspection)

    def upstream_for(self, target: Upstream) -> Upstream:
        """Where a flow goes whose reverse mode points to `target`.

        A flow loaded from a file and replayed carries the mode it was recorded with; it follows today's only target.
        """
        if self.upstream is not None:
            return self.upstream
        if target not in self.targets and len(self.targets) == 1:
            return self.targets[0]
        return target

    @property
    def _configured(self) -> tuple[Upstream, ...]:
        """The servers that the key is for."""
        return self.targets if self.upstream is None else (self.upstream,)

    def key_for(self, upstream: Upstream) -> str:
        """The key, if `upstream` is the one it was configured for, else ""."""
        return self.api_key if upstream in self._configured else ""

    def key_at(self, scheme: str, host: str, port: int) -> str:
        """The key, if it was configured for the server at this address, else ""."""
        same = any((one.scheme, one.host, one.port) == (scheme, host.lower(), port) for one in self._configured)
        return self.api_key if same else ""

    def profile_for(self, upstream: Upstream, model: str = "") -> Profile:
        asked = map_model(model, self.model_map)
        if self.own_profile is not None:
            return for_model(self.own_profile, asked)
        return find_profile(host=upstream.host, model=asked, name=self.profile)

    def request_options(self, upstream: Upstream, profile: Profile, *, codex: bool) -> RequestOptions:
        return RequestOptions(
            model_map=self.model_map,
            extra_params=self.extra_params,
            drop_params=self.drop_params,
            disabled_quirks=self.disabled_quirks,
            codex=codex,
            provider=profile.title or upstream.authority,
            web_search=self.web_search,
        )


def declare(loader: Loader) -> None:
    for name, (default, text) in OPTIONS.items():
        loader.add_option(name, str, default, text)
    text = "Regular expression of what must not be written either, its group 1 or all of a match. May be given often."
    loader.add_option(PATTERNS, Sequence[str], (), text)


def parse(values: Mapping[str, Any], targets: Iterable[Upstream], environ: Mapping[str, str] = os.environ) -> Settings:
    """The options' values -> Settings. Raises OptionsError, naming option, value and remedy; never the key."""
    upstream = _upstream(values["relay_upstream"])
    targets = tuple(dict.fromkeys(targets))
    api_key = _api_key(values["relay_api_key"], environ)
    if api_key and upstream is None and len(targets) > 1:
        hosts = ", ".join(target.authority for target in targets)
        raise OptionsError(
            f"relay_api_key: several reverse modes are running ({hosts}) and one key would go to each of them; "
            "set relay_upstream to the server that the key is for, or leave relay_api_key empty"
        )
    extra, drop = _extra_params(values["relay_extra_params"]), _drop_params(values["relay_drop_params"])
    if both := sorted(drop & extra.keys()):
        raise OptionsError(
            f"relay_drop_params: {', '.join(both)} is also set by relay_extra_params; name it in one only"
        )
    own = _own_profile(values["relay_profile"])
    return Settings(
        upstream=upstream,
        targets=targets,
        api_key=api_key,
        model_map=MappingProxyType(_model_map(values["relay_model_map"])),
        extra_params=MappingProxyType(extra),
        drop_params=drop,
        disabled_quirks=_quirks(values["relay_disable_quirks"]),
        profile="" if own else _profile(values["relay_profile"]),
        own_profile=own,
        web_search=_web_search(values["relay_web_search"]),
        search=parse_service(values["relay_search"], environ),
        scrub=_scrub(values["relay_scrub"]),
        scrub_patterns=_patterns(values.get(PATTERNS, ())),
        inspection=inspection.parse(values),
    )


def refuse_unknown(names: Iterable[str]) -> None:
    """mitmproxy ignores `--set` of a name it does not know; a mistyped relay option must not go unnoticed."""
    for name in names:
        known = (*OPTIONS, PATTERNS)
        close = difflib.get_close_matches(name, known, n=1)
        advice = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        raise OptionsError(f"{name}: there is no such option; {advice}")


def refuse_streaming(stream_large_bodies: str | None) -> None:
    """With it, mitmproxy sends a large request on its way before the relay has seen it."""
    if stream_large_bodies:
        raise OptionsError(
            f"stream_large_bodies={stream_large_bodies}: the relay has to see a whole request to translate it; "
            "remove this option (answers are streamed without it)"
        )


def _wrong(option: str, value: str, why: str) -> NoReturn:
    raise OptionsError(f"{option}={value!r}: {why}")


def _upstream(value: str) -> Upstream | None:
    option = "relay_upstream"
    value = value.strip()
    if not value:
        return None
    try:
        url = urlsplit(value)
        host, port = url.hostname or "", url.port
    except ValueError as error:
        _wrong(option, value, f"{error}; write it like https://host/v1")
    if "@" in url.netloc:  # the value is not repeated: it holds a password
        raise OptionsError(
            f"{option}: a user name or password in the URL is not supported; put the key in relay_api_key"
        )
    if url.scheme not in DEFAULT_PORTS or not host:
        _wrong(option, value, "not an http or https URL; write it like https://host/v1")
    if url.query or url.fragment or value.endswith(("?", "#")):
        raise OptionsError(
            f"{option}={value.partition('?')[0].partition('#')[0]!r} with a query or a fragment: neither is supported; "
            "remove everything from '?' or '#' on (extra request fields go into relay_extra_params)"
        )
    if re.search(r"[\s\x00-\x1f\x7f]", value) or not value.isascii():
        _wrong(option, value, "spaces and special characters must be percent-encoded, foreign host names in xn-- form")
    path = url.path.rstrip("/")
    if path.endswith(("/responses", "/models")):
        _wrong(option, value, f"name the base URL, without {path[path.rindex('/') :]}")
    return Upstream(url.scheme, host, port or DEFAULT_PORTS[url.scheme], path)


def _api_key(value: str, environ: Mapping[str, str]) -> str:
    """The key itself, looked up where the option says. No message repeats a value that could be a key."""
    value = value.strip()
    name = ""
    if value.startswith(("$", "env:")):
        name = value.removeprefix("$").removeprefix("env:").strip("{}")
        if not _VARIABLE.fullmatch(name):
            raise OptionsError("relay_api_key: what follows $ or env: is not the name of an environment variable")
    elif (_VARIABLE.fullmatch(value) and value in environ) or _BARE_VARIABLE.fullmatch(value):
        name = value  # nobody's key is the name of a variable that is set; what looks like one has been forgotten
    if not name:
        key, where = value, "relay_api_key"
    else:
        key, where = environ.get(name, "").strip(), f"relay_api_key: the environment variable {name}"
        if not key:
            raise OptionsError(f"{where} is not set or empty; export {name}=... before starting mitmproxy")
    if key and not _KEY.fullmatch(key):
        raise OptionsError(f"{where} holds spaces or characters that a header can't carry; check how it was copied")
    return key


def _model_map(value: str) -> dict[str, str]:
    option, mapped = "relay_model_map", dict[str, str]()
    for entry in _listed(value):
        pattern, equals, model = (part.strip() for part in entry.partition("="))
        if not (pattern and equals and model):
            _wrong(option, value, f"{entry!r} is not client-model=upstream-model")
        if pattern in mapped:
            _wrong(option, value, f"{pattern!r} is mapped twice; keep one")
        mapped[pattern] = model
    return mapped


def _extra_params(value: str) -> dict[str, object]:
    option = "relay_extra_params"
    if not value.strip():
        return {}
    try:
        extra = json.loads(value, parse_constant=lambda word: _wrong(option, value, f"{word} is not JSON"))
    except (ValueError, RecursionError) as error:
        _wrong(option, value, f'not JSON ({error}); write it like {{"temperature": 0.2}}, quoted for your shell')
    if not isinstance(extra, dict):
        _wrong(option, value, 'not a JSON object; write it like {"temperature": 0.2}')
    if "model" in extra:
        _wrong(option, value, "the model is set with relay_model_map (*=name for every model)")
    for name in extra.keys() & _OURS.keys():
        _wrong(option, value, f"{name!r} can't be set, {_OURS[name]}")
    return extra


def _drop_params(value: str) -> frozenset[str]:
    names = _listed(value)
    for name in names:
        if not _PARAMETER.fullmatch(name):
            _wrong("relay_drop_params", value, f"{name!r} is not the name of a field; separate names by commas")
        if name in _OURS:
            _wrong("relay_drop_params", value, f"{name!r} can't be left out, {_OURS[name]}")
    return frozenset(names)


def _quirks(value: str) -> frozenset[str]:
    names = frozenset(_listed(value))
    if unknown := sorted(names - QUIRKS.keys()):
        _wrong("relay_disable_quirks", value, f"unknown are {', '.join(unknown)}; known are {', '.join(QUIRKS)}")
    return names


def _profile(value: str) -> str:
    value = value.strip()
    try:
        find_profile(name=value)
    except ValueError as error:
        _wrong("relay_profile", value, f"{error}; leave it empty to have it found")
    return value


def _own_profile(value: str) -> Profile | None:
    """The profile of a user's file; None when `value` is a name. The file is read here, once."""
    value = value.strip()
    if not value.endswith(".toml") and "/" not in value and os.sep not in value:
        return None
    path = Path(value).expanduser()
    try:
        with path.open("rb") as file:
            return profile_from_table(tomllib.load(file), path.stem)
    except OSError as error:
        _wrong("relay_profile", value, f"the file can't be read: {error.strerror or error}")
    except ValueError as error:  # not TOML, not UTF-8, or not a profile
        _wrong("relay_profile", value, str(error))


def _web_search(value: str) -> bool:
    word = value.strip().lower()
    if word not in {"", "auto", "off"}:
        _wrong("relay_web_search", value, "say auto or off")
    return word != "off"


def _scrub(value: str) -> bool:
    word = value.strip().lower()
    if word not in {"", "on", "off"}:
        _wrong("relay_scrub", value, "say on or off (off still takes out keys)")
    return word != "off"


def _patterns(values: Iterable[str]) -> tuple[str, ...]:
    for value in values:
        try:
            found = re.compile(value.encode())
        except re.error as error:
            _wrong(PATTERNS, value, f"not a regular expression: {error}")
        if found.fullmatch(b""):
            _wrong(PATTERNS, value, "it matches the empty text, so it would say nothing")
    return tuple(values)


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]
