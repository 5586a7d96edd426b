"""Codex's config.toml, changed with care: merged with the relay's entry, kept beside it as it was, put back on demand.

The older text stands in `config.toml.before-codex-relay-HASH`, where HASH is of the text that took its place. So a file
that somebody has changed since is recognised, several writes can be undone one by one, and no backup is ever replaced.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from addon.codex.entry import PROVIDER, TOKEN, Entry, config_text, toml_value

Json = dict[str, Any]
Change = Callable[[MutableMapping[str, Any]], None]

# One of the relay's own credentials beside another one is an error to Codex, or the other one wins.
_CREDENTIALS = ("env_key", "env_key_instructions", "experimental_bearer_token", "auth", "requires_openai_auth")
# What is in any entry, or tunes one: the rest of a table that is not the relay's own would be sent to the relay, which
# passes a key of the client's on to its provider.
_ANYBODYS = frozenset({
    *_CREDENTIALS[:3], "name", "base_url", "wire_api", "model_catalog_url", "requires_openai_auth",
    "request_max_retries", "stream_max_retries", "stream_idle_timeout_ms", "supports_websockets",
    "websocket_connect_timeout_ms",
})  # fmt: skip
_BACKUP = "{name}.before-codex-relay-{digest}{suffix}"
# Taken out by --keep-changes: no --undo may bring it back, its catalog file is gone.
WITH_RELAY = "{name}.with-codex-relay-{digest}{suffix}"
_ABSENT = ".absent"  # there was no file
_TABLE = re.compile(rf"\s*\[\s*model_providers\s*\.\s*{re.escape(PROVIDER)}\s*\]")
_QUOTED = re.compile(r"""(?:([\w-]+|"[^"]*"|'[^']*')(\s*=\s*))?("(?:[^"\\]|\\.)*"|'[^']*')(?!\s*=)""")
_ASSIGNMENT = re.compile(r"""\s*(?:[\w. \t-]|"[^"]*"|'[^']*')+=""")
_HEADER = re.compile(r"\s*\[+\s*\w")
_SHOWN = ("name", "model", "model_provider", "base_url", "wire_api", "model_catalog_url", "model_catalog_json")
_SHOWN_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")  # no key looks like this
_BOM = "\ufeff"  # Windows editors put it there, and Codex reads past it


class ConfigFileError(Exception):
    """The file can't be changed, and was not; the text names it and the remedy."""


@dataclass(frozen=True)
class ConfigFile:
    """A config.toml and what stands in it. path: in Codex's folder, perhaps a link. text: None when there is none."""

    path: Path
    text: str | None
    table: Json

    @property
    def real(self) -> Path:
        return self.path.resolve()


def codex_home(given: str = "", environ: Mapping[str, str] = os.environ) -> Path:
    """Codex's folder: as given, or $CODEX_HOME, or ~/.codex."""
    named = given or environ.get("CODEX_HOME", "")
    return Path(named).expanduser().absolute() if named else Path.home() / ".codex"


def read(home: Path) -> ConfigFile:
    """Raises ConfigFileError when the file is there but is not read, or is not TOML."""
    path = home / "config.toml"
    try:
        text = path.read_bytes().decode()
        return ConfigFile(path, text, _parsed(text))
    except FileNotFoundError:
        return ConfigFile(path, None, {})
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigFileError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigFileError(f"{path} is not valid TOML ({error}); mend it first, nothing was changed") from None


def _parsed(text: str) -> Json:
    return tomllib.loads(text.removeprefix(_BOM).replace("\r\n", "\n"))


# --- the merge --------------------------------------------------------------------------------------------------------


def merged(file: ConfigFile, entry: Entry, own_catalog: Path) -> str:
    """The text with the entry in it, everything else as it was. Raises ConfigFileError.

    own_catalog: where codex-relay keeps a catalog file; a setting that names it is ours to remove."""

    def change(table: MutableMapping[str, Any]) -> None:
        if table.get("model_catalog_json") == str(own_catalog) and "model_catalog_json" not in entry.top:
            del table["model_catalog_json"]
        _put(table, entry)

    _check_tables(file)
    if why := foreign(file, entry):
        raise ConfigFileError(f"{file.path}: {why}; nothing was changed")
    text = _rewritten(file.text or "", change, entry)
    expected = _parsed(file.text or "")
    change(expected)
    return _checked(file, text, expected, f"; put this into it by hand:\n\n{config_text(entry)}")


def foreign(file: ConfigFile, entry: Entry) -> str:
    """Why the table of the entry's name is somebody's own, with the remedy; "" where it is the relay's or can be."""
    table = _ours(file)
    if table.get("experimental_bearer_token") == TOKEN or table.get("base_url") == entry.base_url:
        return ""
    if not (more := sorted(table.keys() - _ANYBODYS)):
        return ""
    return (
        f"[model_providers.{PROVIDER}] is another server's, with {', '.join(more)} in it; give that table another "
        "name, and model_provider where it is meant, or remove it"
    )


def _ours(file: ConfigFile) -> Json:
    providers = file.table.get("model_providers", {})
    table = providers.get(PROVIDER, {}) if isinstance(providers, dict) else {}
    return table if isinstance(table, dict) else {}


def without(file: ConfigFile, before: Json, own_catalog: Path) -> str:
    """The text without what `merged` put into it; `before` says what stood there. Raises ConfigFileError."""

    def change(table: MutableMapping[str, Any]) -> None:
        if table.get("model_provider") == PROVIDER:  # the model goes with its provider
            for name in ("model", "model_provider"):
                if name in before:
                    table[name] = before[name]
                else:
                    table.pop(name, None)
        if table.get("model_catalog_json") == str(own_catalog):
            del table["model_catalog_json"]
        providers = table.get("model_providers") or {}
        if PROVIDER in (older := before.get("model_providers", {})):
            providers[PROVIDER] = older[PROVIDER]
        elif PROVIDER in providers:
            del providers[PROVIDER]
            if not providers:
                del table["model_providers"]

    _check_tables(file)
    expected = _parsed(file.text or "")
    change(expected)
    if PROVIDER not in before.get("model_providers", {}):
        with contextlib.suppress(ConfigFileError):
            return _checked(file, _rewritten(_without_table(file.text or ""), change), expected, "")
    return _checked(file, _rewritten(file.text or "", change), expected, "; take the entry out by hand")


def _without_table(text: str) -> str:
    """The text without the lines of our table, up to its last setting: a comment behind that is somebody else's."""
    lines = text.splitlines(keepends=True)
    begin = next((n for n, line in enumerate(lines) if _TABLE.match(line)), None)
    if begin is None:
        return text
    end = next((n for n in range(begin + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
    last = max(n for n in range(begin, end) if lines[n].strip() and not lines[n].lstrip().startswith("#"))
    before = begin - 1 if begin and not lines[begin - 1].strip() else begin
    return "".join(lines[:before] + lines[last + 1 :])


def _put(table: MutableMapping[str, Any], entry: Entry) -> None:
    """The entry, into a plain table or into tomlkit's."""
    table.update(entry.top)
    providers = table.setdefault("model_providers", {})
    ours = providers.setdefault(PROVIDER, {})
    for name in (*_CREDENTIALS, "model_catalog_url"):
        if name not in entry.provider:
            ours.pop(name, None)
    ours.update(entry.provider)


def _rewritten(text: str, change: Change, entry: Entry | None = None) -> str:
    """`text`, changed. What is new stands at the beginning and at the end, so that no comment comes between."""
    import tomlkit

    mark, text = text[: text.startswith(_BOM)], text.removeprefix(_BOM)
    line_feeds = text.count("\n")
    dos = line_feeds > 0 and text.count("\r\n") == line_feeds
    text = text.replace("\r\n", "\n") if dos else text
    if entry is not None:
        table = tomllib.loads(text)
        new = {name: value for name, value in entry.top.items() if name not in table}
        lines = "".join(f"{name} = {toml_value(value)}\n" for name, value in new.items())
        text = lines + ("\n" if lines and text.strip() else "") + text
        providers = table.get("model_providers", {})
        if PROVIDER not in providers and not re.search(r"^\s*model_providers\s*=", text, re.M):
            gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
            text += f"{gap}[model_providers.{PROVIDER}]\n"
    try:
        document = tomlkit.parse(text)
        change(document)
        text = tomlkit.dumps(document)
        text = text if entry else text.lstrip("\n")
    except (ValueError, KeyError, TypeError, AttributeError):  # tomlkit does not know its way in every legal file
        return ""
    return mark + (text.replace("\n", "\r\n") if dos else text)


def _check_tables(file: ConfigFile) -> None:
    """Raises ConfigFileError over what stands where the entry goes and is no table, to Codex neither."""
    providers = file.table.get("model_providers", {})
    ours = providers.get(PROVIDER, {}) if isinstance(providers, dict) else {}
    for name, value in (("model_providers", providers), (f"model_providers.{PROVIDER}", ours)):
        if not isinstance(value, dict):
            raise ConfigFileError(f"{file.path}: {name} is no table; mend it first, nothing was changed")


def _checked(file: ConfigFile, text: str, expected: Json, advice: str) -> str:
    """`text`, which must say what is expected: an editor that goes wrong must not cost anybody their settings."""
    try:
        good = _parsed(text) == expected
    except tomllib.TOMLDecodeError:
        good = False
    if not good:
        raise ConfigFileError(f"{file.path} is laid out in a way that can't be changed safely{advice}")
    return text


def difference(before: str, after: str) -> list[str]:
    """The lines that go (-) and come (+), without anybody's keys."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [_masked(line) for line in lines if not line.startswith(("---", "+++", "@@")) and line[1:].strip()]


def _masked(line: str) -> str:
    """A line of the difference, in which only what the entry itself is made of can be read: one line may hold several
    tables, and a header of any name may hold a key."""
    if _HEADER.match(line[1:]):
        return line
    named = _ASSIGNMENT.match(line[1:])
    if not named or '"""' in line or "'''" in line:  # a value of several lines, or its beginning
        return f"{line[0]}{named[0] if named else ''} ..."
    return _QUOTED.sub(_shown, line)


def _shown(found: re.Match[str]) -> str:
    name, value = (found[1] or "").strip("\"'"), found[3][1:-1]
    is_ours = name == "experimental_bearer_token" and value == TOKEN
    is_variable = name == "env_key" and _SHOWN_VARIABLE.fullmatch(value)
    if is_ours or is_variable or (name in _SHOWN and "@" not in value):
        return found[0]
    return f"{found[1] or ''}{found[2] or ''}{found[3][0]}...{found[3][0]}"


def remarks(file: ConfigFile, entry: Entry, own_catalog: Path) -> list[str]:
    """What in the user's file, or beside it, keeps the entry from taking effect."""
    found = []
    chosen = file.table.get("profile")
    for name, profile in _profiles(file):
        other = profile.get("model_provider")
        if other not in (None, PROVIDER):
            when = " is chosen in the file and" if name == chosen else ", when chosen,"
            found.append(
                f"profile {name!r}{when} sets model_provider = {other!r}, which wins over the relay; remove that line"
            )
        if name == chosen and profile.get("model", entry.model) != entry.model:
            found.append(f"profile {name!r} is chosen in the file and sets model = {profile['model']!r}, which wins")
    catalog = file.table.get("model_catalog_json")
    if catalog and catalog != str(own_catalog) and "model_catalog_json" not in entry.top:
        found.append(f"model_catalog_json = {catalog!r} wins over the relay's catalog; remove it to see the models")
    if window := file.table.get("model_context_window"):
        found.append(f"model_context_window = {window} holds for every model, whatever the catalog says")
    return found


def _profiles(file: ConfigFile) -> list[tuple[str, Json]]:
    """[profiles.NAME] as Codex had them, and NAME.config.toml, where they stand today."""
    tables = file.table.get("profiles")
    found = [(name, table) for name, table in tables.items()] if isinstance(tables, dict) else []
    for path in sorted(file.path.parent.glob("*.config.toml")):
        with contextlib.suppress(OSError, ValueError):
            found.append((path.name.removesuffix(".config.toml"), _parsed(path.read_bytes().decode())))
    return [(name, table) for name, table in found if isinstance(table, dict)]


# --- writing and undoing ----------------------------------------------------------------------------------------------


def write(file: ConfigFile, text: str, kept_as: str = _BACKUP) -> Path:
    """Put `text` in the file's place and keep the older one beside it. Returns the backup. Raises ConfigFileError."""
    # Providers were asked in between, which takes seconds; Codex itself writes here too.
    if read(file.path.parent).text != file.text:
        raise ConfigFileError(f"{file.path} was changed by somebody else just now; nothing was written, try again")
    digest = _digest(text)
    backup = _backup_path(file, digest, kept_as)
    with _told(file.path):
        file.path.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(file.real.stat().st_mode) if file.text is not None else 0o600
        if file.text is not None and not os.access(file.real, os.W_OK):
            raise ConfigFileError(f"{file.path} is read-only; nothing was changed")
        _replace(backup, file.text or "", mode)  # also where one with this text stands: it is the newest now
        _replace(file.real, text, mode)
    return backup


def undo(file: ConfigFile) -> int:
    """Put the text before the last `write` back. Returns how many older ones are left.

    Raises ConfigFileError when the file was never written, or somebody has changed it since."""
    if not (kept := backups(file)):
        raise ConfigFileError(f"{file.path} was not written by codex-relay: there is no backup beside it")
    ours = _of_text(file)
    if not ours:
        raise ConfigFileError(
            f"{file.path} was changed since codex-relay wrote it (Codex itself does that); "
            f"--undo --keep-changes removes only what codex-relay put in; the file as it was is {kept[-1]}"
        )
    backup = ours[-1]
    with _told(file.path):
        if backup.name.endswith(_ABSENT):
            file.real.unlink()
        else:
            _replace(file.real, backup.read_bytes().decode(), stat.S_IMODE(file.real.stat().st_mode))
        backup.unlink()
    return len(kept) - 1


def is_last(file: ConfigFile) -> bool:
    """Whether the file is as `write` left it, so that `undo` can put the older one back."""
    return bool(_of_text(file))


def _of_text(file: ConfigFile) -> list[Path]:
    return [path for path in backups(file) if f"-{_digest(file.text or '')}" in path.name]


def before_relay(file: ConfigFile) -> Json:
    """What stood in the file when it last named another provider than the relay; nothing when nobody knows."""
    for path in reversed(backups(file)):
        with contextlib.suppress(OSError, ValueError):
            table = _parsed(path.read_bytes().decode())
            if table.get("model_provider") != PROVIDER:
                return table
    return {}


def backups(file: ConfigFile) -> list[Path]:
    """Older texts, the newest last."""
    found = file.path.parent.glob(_BACKUP.format(name=file.path.name, digest="*", suffix=""))
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def _backup_path(file: ConfigFile, digest: str, form: str) -> Path:
    """Where the text is kept: a name nobody has, or one with the same text in it."""
    for number in range(1, 1000):
        suffix = (f".{number}" if number > 1 else "") + (_ABSENT if file.text is None else "")
        path = file.path.with_name(form.format(name=file.path.name, digest=digest, suffix=suffix))
        if not path.exists() or path.read_bytes() == (file.text or "").encode():
            return path
    raise ConfigFileError(f"there are too many backups beside {file.path}; remove some")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _replace(path: Path, text: str, mode: int) -> None:
    """Write a file whole, or not at all."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(text.encode())
            os.fchmod(out.fileno(), mode)
            out.flush()
            os.fsync(out.fileno())  # before the name is: a power cut must not leave an empty file
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _told(path: Path) -> Any:
    try:
        yield
    except OSError as error:
        raise ConfigFileError(f"{path} can't be written: {error.strerror or error}") from None
