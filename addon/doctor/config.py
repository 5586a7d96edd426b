"""Codex's config.toml: whether what it says leads to a relay, and whether this Codex takes it.

What each version does with it was measured on 0.58 to 0.169.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from addon.codex.entry import CATALOG_FILE_SINCE, CATALOG_URL_SINCE
from addon.codex.versions import Version
from addon.doctor import Finding, failed, ok, warning
from addon.providers import ProviderError, Upstream, parse_upstream
from relay_translate import find_profile
from relay_translate.errors import one_line
from relay_translate.profiles import GENERIC

Json = dict[str, Any]

ABOUT = "config.toml"
WRITE = "codex-relay config --write puts it right"
_MAKE = "codex-relay config --write enters the relay, and codex-relay run needs no file"
_CHAT_REFUSED_SINCE: Version = (0, 98, 0)  # and `responses` is the default; 0.80 still takes and means `chat`
_NO_PROFILE_KEY_SINCE: Version = (0, 135, 0)  # 0.120 still lays [profiles.NAME] over the rest
# Ids that Codex keeps for itself: since 0.150 it does not start when they are defined, before it ignores that.
_BUILT_IN = frozenset({"openai", "ollama", "lmstudio"})
_TREATED_AS_OWN = "OpenAI"
_CREDENTIALS = ("env_key", "experimental_bearer_token", "auth")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Settled:
    """What Codex would do by its configuration. base_url: "" when it would go to its own provider. relay: the
    same where it may be a relay's, "" where it is a provider's."""

    model: str = ""
    provider: str = ""
    base_url: str = ""
    env_key: str = ""
    relay: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass
class _Looking:
    """The file at `path`, read for a Codex of this version. upstream: the provider's, where it is known."""

    path: Path
    version: Version
    environ: Mapping[str, str]
    upstream: Upstream | None = None
    table: Json = field(default_factory=dict)
    profile: str = ""

    @property
    def entries(self) -> Json:
        return _table(self.table.get("model_providers"))


def look(
    home: Path, version: Version, environ: Mapping[str, str], upstream: Upstream | None, folder: Path | None = None
) -> Settled:
    """What `home`/config.toml says, with findings. folder: the one Codex is started in. Never raises."""
    path = home / "config.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        missing = warning(ABOUT, f"there is no {path}: Codex goes to its own provider", _MAKE)
        return Settled(findings=(missing,))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        return Settled(findings=(failed(ABOUT, f"{path} can't be read: {why}", "make it a text file of yours"),))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        wrong = failed(ABOUT, f"{path} is not valid TOML: {one_line(str(error))}", "correct that place of the file")
        return Settled(findings=(wrong,))
    looking = _Looking(path, version, environ, upstream, table)
    if wrong_types := list(_types(looking)):
        return Settled(findings=tuple(wrong_types))
    found = list(_profile(looking))
    settled = _settle(looking)
    found += [*_provider(looking, settled), *_others(looking, folder)]
    found = [replace(one, remedy=one.remedy.replace(WRITE, _past_the_profile(looking))) for one in found]
    if not found:
        found = [ok(ABOUT, f"{path}: model_provider {settled.provider!r} at {settled.base_url}")]
    return replace(settled, findings=tuple(found))


def _settle(looking: _Looking) -> Settled:
    table = looking.table
    provider = _text(table.get("model_provider"))
    entry = _table(looking.entries.get(provider))
    base_url = _text(entry.get("base_url")).rstrip("/")
    return Settled(
        model=_text(table.get("model")),
        provider=provider,
        base_url=base_url,
        env_key=_text(entry.get("env_key")),
        relay="" if _is_provider(looking, base_url) else base_url,
    )


def _types(looking: _Looking) -> Iterator[Finding]:
    """Values of another type than Codex takes there: it does not start."""
    for name in ("model", "model_provider", "profile"):
        if not isinstance(looking.table.get(name, ""), str):
            yield failed(ABOUT, f"{name} is not a string: Codex does not start", 'put the value in quotes, "..."')
    providers = looking.table.get("model_providers", {})
    for name, value in (providers if isinstance(providers, dict) else {"": providers}).items():
        if not isinstance(value, dict):
            where = f"model_providers.{name}".rstrip(".")
            yield failed(ABOUT, f"{where} is no table: Codex does not start", f"write [{where}], or remove it")


def _profile(looking: _Looking) -> Iterator[Finding]:
    """The top-level key `profile`, which lays a table over the rest, or ends Codex."""
    name = _text(looking.table.get("profile"))
    if not name:
        return
    if looking.version >= _NO_PROFILE_KEY_SINCE:
        yield failed(
            ABOUT,
            f"profile = {name!r}: this Codex does not start with it",
            f"remove that line, move the table [profiles.{name}] to {name}.config.toml, and say --profile {name}",
        )
        return
    chosen = _table(_table(looking.table.get("profiles")).get(name))
    looking.table, looking.profile = {**looking.table, **chosen}, name


def _past_the_profile(looking: _Looking) -> str:
    """How what is written comes to count: a table that is chosen in the file wins over it."""
    chosen = _table(_table(looking.table.get("profiles")).get(looking.profile))
    wins = [name for name in ("model_provider", "model", "model_catalog_json") if name in chosen]
    if not wins:
        return WRITE
    return f"take {' and '.join(wins)} out of [profiles.{looking.profile}], which wins; then {WRITE}"


def _provider(looking: _Looking, settled: Settled) -> Iterator[Finding]:
    """The provider that is chosen, and its entry."""
    if reserved := sorted(_BUILT_IN & looking.entries.keys()):
        yield failed(
            ABOUT,
            f"[model_providers.{reserved[0]}]: the name is Codex's own, so that it is ignored or ends Codex",
            f"give the table another name, and model_provider the same; {WRITE}",
        )
    if not settled.provider:
        yield _unchosen(looking)
    elif settled.provider not in looking.entries:
        where = "Codex's own provider" if settled.provider in _BUILT_IN else "a provider that is not defined"
        yield failed(ABOUT, f"model_provider = {settled.provider!r} is {where}; the relay is not used", WRITE)
    elif settled.provider not in _BUILT_IN:
        entry = _table(looking.entries[settled.provider])
        astray = list(_address(looking, settled))
        yield from (*astray, *_entry(looking, settled, entry), *_key(looking, settled, entry))
        if not astray:  # else the catalog would be looked for at the wrong place too
            yield from _catalog(looking, settled, entry)


def _unchosen(looking: _Looking) -> Finding:
    if place := _misplaced(looking.table):
        return failed(
            ABOUT,
            f"model_provider stands under [{place}], where Codex does not look",
            "move it above the first line that begins with [",
        )
    relays = [name for name, entry in looking.entries.items() if _is_here(_text(_table(entry).get("base_url")))]
    remedy = f'write model_provider = "{relays[0]}" at its top' if relays else _MAKE
    return warning(ABOUT, f"{looking.path} sets no model_provider: Codex goes to its own provider", remedy)


def _misplaced(table: Json, path: str = "") -> str:
    """The path of the first table inside that holds a model_provider and is no profile; "" if none does."""
    for name, inner in table.items():
        where = f"{path}.{name}" if path else name
        if isinstance(inner, Mapping) and where != "profiles":
            if "model_provider" in inner:
                return where
            if found := _misplaced(dict(inner), where):
                return found
    return ""


def _address(looking: _Looking, settled: Settled) -> Iterator[Finding]:
    """Whether base_url leads to a relay."""
    what = f"[model_providers.{settled.provider}] base_url"
    try:
        url = urlsplit(settled.base_url)
        host, _ = url.hostname or "", url.port
    except ValueError as error:
        yield failed(ABOUT, f"{what} is no URL: {error}", WRITE)
        return
    if not settled.base_url:
        yield failed(ABOUT, f"{what} is missing: Codex goes to its own provider", WRITE)
        return
    known = find_profile(host=host)
    if _is_provider(looking, settled.base_url):
        name = known.label if known is not GENERIC else "the provider"
        yield failed(ABOUT, f"{what} = {settled.base_url} is {name} itself: Codex passes the relay by", WRITE)
    elif url.scheme != "http" and _is_here(settled.base_url):
        yield failed(ABOUT, f"{what} = {settled.base_url}: a relay on this machine speaks http", WRITE)
    elif url.query or url.path.rstrip("/") not in {"", "/v1"}:
        yield failed(ABOUT, f"{what} = {settled.base_url}: the relay serves the path /v1 and nothing else", WRITE)


def _entry(looking: _Looking, settled: Settled, entry: Json) -> Iterator[Finding]:
    where, name = f"[model_providers.{settled.provider}]", _text(entry.get("name")).strip()
    if not name:
        yield failed(ABOUT, f"{where} has no name: Codex does not start", f'add name = "Relay"; {WRITE}')
    elif name == _TREATED_AS_OWN:
        yield failed(
            ABOUT,
            f"{where} is named {name!r}, so that Codex treats it as its own and compacts conversations there",
            f'write name = "Relay"; {WRITE}',
        )
    wire = _text(entry.get("wire_api"))
    if wire not in {"", "responses"} or (not wire and looking.version < _CHAT_REFUSED_SINCE):
        said = f"wire_api = {wire!r}" if wire else "wire_api is missing, which is 'chat' for this Codex"
        yield failed(ABOUT, f"{where}: {said}; the relay speaks Responses", f'write wire_api = "responses"; {WRITE}')


def _key(looking: _Looking, settled: Settled, entry: Json) -> Iterator[Finding]:
    where, name = f"[model_providers.{settled.provider}]", settled.env_key
    if "env_key" in entry and not _VARIABLE.fullmatch(name):
        # Not repeated: it may be the key itself.
        yield failed(ABOUT, f"{where}: env_key is not the name of an environment variable", WRITE)
    elif name and not looking.environ.get(name, "").strip():
        yield failed(
            ABOUT,
            f"{where}: env_key names {name}, which is not set; Codex ends at once",
            f"export {name}=..., or leave env_key out where the relay has the key",
        )
    elif not any(entry.get(one) for one in _CREDENTIALS):
        yield warning(
            ABOUT,
            f"{where} says nothing of a key: some versions then send that of Codex's own login to the relay",
            f'add experimental_bearer_token = "relay"; {WRITE}',
        )
    if entry.get("requires_openai_auth"):
        yield warning(ABOUT, f"{where}: requires_openai_auth sends Codex's own login to the relay", "remove that line")


def _catalog(looking: _Looking, settled: Settled, entry: Json) -> Iterator[Finding]:
    """Where this Codex learns of the models."""
    path, url = _text(looking.table.get("model_catalog_json")), _text(entry.get("model_catalog_url"))
    guesses = "Codex guesses the model's window, and warns"
    if looking.version < CATALOG_FILE_SINCE:
        return
    if path:
        yield from _catalog_file(looking, settled, path)
    elif looking.version < CATALOG_URL_SINCE:
        yield warning(ABOUT, f"model_catalog_json is missing: {guesses}", WRITE)
    elif not url:
        remedy = f'add model_catalog_url = "{settled.base_url}/models" to [model_providers.{settled.provider}]'
        yield warning(ABOUT, f"model_catalog_url is missing: {guesses}", remedy)
    elif urlsplit(url)[:2] != urlsplit(settled.base_url)[:2]:
        yield warning(ABOUT, f"model_catalog_url = {url} is not the relay of base_url", WRITE)


def _catalog_file(looking: _Looking, settled: Settled, path: str) -> Iterator[Finding]:
    file = (looking.path.parent / Path(path).expanduser()).absolute()
    try:
        models = json.loads(file.read_text(encoding="utf-8"))["models"]
        names = [str(one["slug"]) for one in models]
    except OSError as error:
        yield failed(ABOUT, f"model_catalog_json {path} can't be read: {error.strerror}", WRITE)
        return
    except (ValueError, LookupError, TypeError):
        yield failed(ABOUT, f"model_catalog_json {path} is no catalog of models", WRITE)
        return
    # Codex takes the entry with the longest slug that the model's name begins with.
    if settled.model and not any(settled.model.startswith(name) for name in names):
        says = f"model_catalog_json has no entry for {settled.model}: Codex guesses its window, and warns"
        yield warning(ABOUT, says, WRITE)


def _others(looking: _Looking, folder: Path | None) -> Iterator[Finding]:
    """What is written for nobody, and further files that Codex lays over this one."""
    if "model_properties" in looking.table:
        remedy = "remove them; the catalog tells Codex of the models"
        yield warning(ABOUT, "[model_properties] tables are read by no version of Codex that is tested", remedy)
    if looking.version >= _NO_PROFILE_KEY_SINCE:
        for path in sorted(looking.path.parent.glob("*.config.toml")):
            name = path.name.removesuffix(".config.toml")
            for key, value in _differing(looking, path, ("model_provider",)):
                says = f"{path.name} sets {key} = {value!r}: codex --profile {name} does not use this relay"
                yield warning(ABOUT, says, "that is right if you mean it")
    keys = ("model",) if looking.version >= _NO_PROFILE_KEY_SINCE else ("model", "model_provider")
    for home in (folder, *folder.parents) if folder else ():
        path = home / ".codex" / "config.toml"
        if path.is_file() and not (looking.path.exists() and path.samefile(looking.path)):
            for key, value in _differing(looking, path, keys):
                yield warning(
                    ABOUT, f"{path} sets {key} = {value!r} in place of yours, where Codex trusts that folder",
                    "that is right if you mean it",
                )  # fmt: skip
        if (home / ".git").exists():
            return


def _differing(looking: _Looking, path: Path, keys: tuple[str, ...]) -> list[tuple[str, str]]:
    try:
        other = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return []
    return [
        (key, other[key]) for key in keys if isinstance(other.get(key), str) and other[key] != looking.table.get(key)
    ]


def _is_here(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and Upstream(parts.scheme, parts.hostname or "", parts.port or 0).is_here
    except ValueError:
        return False


def _is_provider(looking: _Looking, base_url: str) -> bool:
    """Whether the address is that of the provider that is examined, or of a known one."""
    try:
        url = parse_upstream(base_url)
    except ProviderError:
        return False
    upstream = looking.upstream
    if upstream is not None and (url.host, url.port) == (upstream.host, upstream.port):
        return True
    return find_profile(host=url.host) is not GENERIC


def _table(value: object) -> Json:
    return dict(value) if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
