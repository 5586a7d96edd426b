"""The relay_* options (options.py), parsed and frozen into one value."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from mitmproxy.exceptions import OptionsError

from relay_translate import Profile, RequestOptions, find_profile
from relay_translate.profiles import profile_from_table
from relay_translate.profiles.merging import for_model
from relay_translate.quirks import QUIRKS

from . import corpus, history, inspection
from .history import HistorySettings
from .nearest import nearest
from .options import OPTIONS, PATTERNS
from .providers import KEY, VARIABLE, Provider, ProviderError, Upstream, parse_providers, parse_upstream
from .search import Configured, parse_service

_BARE_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_PARAMETER = re.compile(r"[A-Za-z_][\w.-]*")
# The relay's own business: set from outside, these would break the translation of the answer.
_OURS = {"messages": "it is made from the conversation", "stream": "it follows the client's request"}


@dataclass(frozen=True)
class Settings:
    """The options, parsed. `targets` are the HTTP targets of the reverse modes that are running."""

    upstream: Upstream | None = None
    targets: tuple[Upstream, ...] = ()
    api_key: str = field(default="", repr=False)
    key_variable: str = ""  # of the environment, that `api_key` was read from; "" for a key that was given itself
    providers: tuple[Provider, ...] = ()  # several behind one port; then `upstream` and `api_key` are empty
    fallback: tuple[str, ...] = ()
    model_map: Mapping[str, str] = field(default_factory=dict)
    extra_params: Mapping[str, object] = field(default_factory=dict)
    drop_params: frozenset[str] = frozenset()
    tool_denylist: frozenset[str] = frozenset()
    history: HistorySettings = field(default_factory=HistorySettings)
    corpus: Path | None = None
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
    def keys(self) -> tuple[str, ...]:
        """The relay's own keys: each may go to one server only."""
        return tuple(filter(None, (self.api_key, *(provider.key for provider in self.providers))))

    @property
    def _configured(self) -> tuple[Upstream, ...]:
        """The servers that `api_key` is for."""
        return self.targets if self.upstream is None else (self.upstream,)

    def key_for(self, upstream: Upstream) -> str:
        """The key, if `upstream` is the one it was configured for, else ""."""
        return self.api_key if upstream in self._configured else ""

    def key_at(self, scheme: str, host: str, port: int, path: str = "") -> str:
        """The key that was configured for the server at this address, else "". Of several providers at one address
        (a gateway) the one whose base path the path begins with is meant."""
        return self._key_at((scheme, host.lower(), port), path)[0]

    def variable_at(self, scheme: str, host: str, port: int, path: str = "") -> str:
        """The environment variable that the key for this address was read from; "" where none is known."""
        return self._key_at((scheme, host.lower(), port), path)[1]

    def _key_at(self, address: tuple[str, str, int], path: str) -> tuple[str, str]:
        """(key, the variable that it was read from)"""
        owned = [(one.upstream, (one.key, one.variable if one.key else "")) for one in self.providers]
        owned = owned or [(one, (self.api_key, self.key_variable)) for one in self._configured]
        here = [(one.base_path, key) for one, key in owned if (one.scheme, one.host, one.port) == address]
        named = [(base, key) for base, key in here if f"{path}/".startswith(f"{base}/")]
        return max(named or here, key=lambda found: len(found[0]), default=("", ("", "")))[1]

    def profile_for(self, upstream: Upstream, model: str = "") -> Profile:
        """The dialect of `model`, as `upstream` names it."""
        if self.own_profile is not None:
            return for_model(self.own_profile, model)
        return find_profile(host=upstream.host, model=model, name=self.profile)

    def request_options(
        self,
        provider: str,
        *,
        codex: bool,
        model_map: Mapping[str, str] | None = None,
        successor: str = "",
    ) -> RequestOptions:
        return RequestOptions(
            model_map=self.model_map if model_map is None else model_map,
            successor=successor,
            extra_params=self.extra_params,
            drop_params=self.drop_params,
            tool_denylist=self.tool_denylist,
            disabled_quirks=self.disabled_quirks,
            codex=codex,
            provider=provider,
            web_search=self.web_search,
        )


def parse(values: Mapping[str, Any], targets: Iterable[Upstream], environ: Mapping[str, str] = os.environ) -> Settings:
    """The options' values -> Settings. Raises OptionsError, naming option, value and remedy; never the key."""
    upstream, providers = _upstream(values["relay_upstream"]), _providers(values, environ)
    targets = tuple(dict.fromkeys(targets))
    api_key, key_variable = _api_key(values["relay_api_key"], environ)
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
        key_variable=key_variable,
        providers=providers,
        fallback=tuple(_listed(values["relay_fallback"])),
        model_map=MappingProxyType(_model_map(values["relay_model_map"])),
        extra_params=MappingProxyType(extra),
        drop_params=drop,
        tool_denylist=frozenset(_listed(values["relay_tool_denylist"])),
        history=_history(values["relay_history"], values["relay_history_limits"]),
        corpus=corpus.parse(values["relay_corpus"]),
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
        close = nearest(name, known, "relay_")
        advice = f"did you mean {close}?" if close else f"known are {', '.join(known)}"
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
    try:
        return parse_upstream(value, "relay_upstream") if value.strip() else None
    except ProviderError as error:
        raise OptionsError(str(error)) from None


def _providers(values: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Provider, ...]:
    option = "relay_providers"
    try:
        providers = parse_providers(values[option], environ)
    except ProviderError as error:
        raise OptionsError(f"{option}: {error}") from None
    for other in ("relay_upstream", "relay_api_key", "relay_profile") if providers else ():
        if values[other].strip():
            raise OptionsError(
                f"{other} can't be set beside {option}, where each provider has its own: NAME:PROFILE=URL#KEY_VARIABLE"
            )
    return providers


def _api_key(value: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """(the key itself, the variable that it was found in). No message repeats a value that could be a key."""
    value = value.strip()
    name = ""
    if value.startswith(("$", "env:")):
        name = value.removeprefix("$").removeprefix("env:").strip("{}")
        if not VARIABLE.fullmatch(name):
            raise OptionsError("relay_api_key: what follows $ or env: is not the name of an environment variable")
    elif (VARIABLE.fullmatch(value) and value in environ) or _BARE_VARIABLE.fullmatch(value):
        name = value  # nobody's key is the name of a variable that is set; what looks like one has been forgotten
    if not name:
        key, where = value, "relay_api_key"
    else:
        key, where = environ.get(name, "").strip(), f"relay_api_key: the environment variable {name}"
        if not key:
            raise OptionsError(f"{where} is not set or empty; export {name}=... before starting mitmproxy")
    if key and not KEY.fullmatch(key):
        raise OptionsError(f"{where} holds spaces or characters that a header can't carry; check how it was copied")
    return key, name


def _model_map(value: str) -> dict[str, str]:
    option, mapped = "relay_model_map", dict[str, str]()
    for entry in _listed(value):
        pattern, equals, model = (part.strip() for part in entry.partition("="))
        if not (pattern and equals and model) or "=" in model:
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


def _history(where: str, limits: str) -> HistorySettings:
    try:
        return history.parse(where, limits)
    except ValueError as error:
        raise OptionsError(str(error)) from None


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
