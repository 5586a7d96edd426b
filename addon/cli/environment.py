"""The settings of the bare command: a flag each, and the environment variable that stands in for it.

A flag wins over its variable, which wins over the default. A variable that is empty counts as unset; an empty flag
says that there is none.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Any

from addon.cli.serving import PORT, UsageError
from addon.nearest import nearest
from addon.processes import WEB_PASSWORD
from addon.providers import ProviderError, parse_upstream

UPSTREAM = "https://openrouter.ai/api/v1"
BIND = "127.0.0.1"
PREFIX = "CODEX_RELAY_"
TRACEBACK = "CODEX_RELAY_TRACEBACK"
# Variables of other commands, and of tests that ask for a real server.
_OTHERS = frozenset({TRACEBACK, WEB_PASSWORD, "CODEX_RELAY_CODEX", "CODEX_RELAY_CODEX_CACHE", "CODEX_RELAY_NO_KEY"})
_OTHERS_BEGIN = ("CODEX_RELAY_CHAT_", "CODEX_RELAY_BARE_", "CODEX_RELAY_DEMO_")
_WHICH = ("upstream", "provider", "providers")  # one of them says where requests go

# --- how they are read ------------------------------------------------------------------------------------------------


def _wrong(text: str, why: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{text!r} {why}")


def listen_port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > 65535:
        raise _wrong(text, "is no port; give a number from 1 to 65535, or 0 for a free one")
    return int(text)


def address(text: str) -> str:
    try:
        return str(ip_address(text.strip("[]"))) if text != "localhost" else BIND
    except ValueError:
        raise _wrong(text, "is no IP address; give 127.0.0.1, or 0.0.0.0 to let other machines connect") from None


def base_url(text: str) -> str:
    try:
        return parse_upstream(text).url
    except ProviderError as error:
        raise argparse.ArgumentTypeError(_with_flags(str(error))) from None


def _object(text: str) -> str:
    """A JSON object, as text."""
    try:
        value = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise _wrong(
            text, f'is not JSON ({error}); write it like {{"temperature": 0.2}}, quoted for your shell'
        ) from None
    if not isinstance(value, dict):
        raise _wrong(text, 'is no JSON object; write it like {"temperature": 0.2}')
    return text.strip()


def _names(text: str) -> str:
    """A JSON array of names, or names separated by commas -> the latter."""
    if not text.lstrip().startswith("["):
        return ",".join(filter(None, (part.strip() for part in text.split(","))))
    try:
        names = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(text, f'is not JSON ({error}); write ["seed", "user"] or seed,user') from None
    if not all(isinstance(name, str) and name.strip() and "," not in name for name in names):
        raise _wrong(text, 'holds something else than names; write ["seed", "user"] or seed,user')
    return ",".join(name.strip() for name in names)


def _model_map(text: str) -> str:
    """source:target or source=target, separated by commas -> source=target. A target may hold colons."""
    pairs = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        source, _, target = (part.strip() for part in entry.partition("=" if "=" in entry else ":"))
        if not (source and target) or "=" in target:
            raise _wrong(text, f"holds {entry!r}; write SOURCE=TARGET, such as gpt-5*=deepseek-chat")
        pairs.append(f"{source}={target}")
    return ",".join(pairs)


def _count(text: str) -> str:
    if not re.fullmatch(r"0*[1-9]\d{0,8}", text.strip(), re.ASCII):
        raise _wrong(text, "is no whole number above 0")
    return text.strip()


def _amount(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise _wrong(text, "is no number above 0")
    return text.strip()


def _store(text: str) -> str:
    word = text.strip().lower()
    if word not in ("memory", "disk", "off"):
        raise _wrong(text, "is no such store; say memory, disk or off")
    return word


# --- the table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """name: of the flag, without its dashes. option: of mitmproxy. as_it_is: whether it becomes that without thought.
    group: of --help."""

    name: str
    variable: str
    group: str
    metavar: str
    help: str
    read: Callable[[str], Any] = str.strip
    option: str = ""
    as_it_is: bool = True

    @property
    def flag(self) -> str:
        return f"--{self.name}"


def _s(name: str, group: str, metavar: str, text: str, read: Callable[[str], Any] = str.strip, **more: Any) -> Setting:
    variable = more.pop("variable", PREFIX + name.upper().replace("-", "_"))
    return Setting(name, variable, group, metavar, text, read, **more)


WHERE, LISTEN, ASK, KEEP = "where requests go", "where the relay listens", "what is asked", "what is kept"
GROUPS = (WHERE, LISTEN, ASK, KEEP)
SETTINGS = (
    _s("upstream", WHERE, "URL", f"the provider's base URL ({UPSTREAM})", base_url, option="relay_upstream",
       as_it_is=False),
    _s("provider", WHERE, "NAME", "a known provider, with the key in its own variable, or "
       "NAME:PROFILE=URL#KEY_VARIABLE"),
    _s("providers", WHERE, "A,B", "several of them at once; models are called provider/model",
       option="relay_providers", as_it_is=False),
    _s("api-key", WHERE, "KEY", "the provider's key, or the NAME of the variable that holds it, which is better: a key "
       "is in the list of processes for a moment, and in the shell's history; without one Codex's own is passed on",
       option="relay_api_key", as_it_is=False),
    _s("fallback", WHERE, "MODELS", "models that take over while one fails, in order", option="relay_fallback"),
    _s("profile", WHERE, "NAME|FILE", "the provider's dialect, when its host does not tell", option="relay_profile"),
    _s("port", LISTEN, "PORT", f"the port, 0 for a free one ({PORT})", listen_port),
    _s("bind", LISTEN, "ADDRESS", f"the IP address; 0.0.0.0 lets other machines connect ({BIND})", address),
    _s("model-map", ASK, "MAP", "ask for another model: gpt-5*=deepseek-chat,... (= or :)", _model_map,
       option="relay_model_map"),
    _s("upstream-extra-params", ASK, "JSON", "an object merged over every chat request", _object,
       option="relay_extra_params"),
    _s("drop-upstream-params", ASK, "NAMES", "fields left out of it, as JSON array or with commas", _names,
       option="relay_drop_params", variable="CODEX_RELAY_DROP_PARAMS"),
    _s("tool-denylist", ASK, "NAMES", "tools that the model is not offered", _names, option="relay_tool_denylist"),
    _s("disable-quirks", ASK, "NAMES", "repairs of answers that are not made", _names,
       option="relay_disable_quirks", as_it_is=False),
    _s("record", KEEP, "FILE", "a flow file of every turn, scrubbed; one that exists is added to", Path),
    _s("record-corpus", KEEP, "DIR", "each turn as OpenAI messages, in a JSONL file a day", option="relay_corpus"),
    _s("history-store", KEEP, "STORE", "where turns are kept for previous_response_id, which Codex does not use: "
       "memory, disk or off (memory)", _store),
    _s("history-dir", KEEP, "DIR", "the folder of disk (.codex-relay-history)"),
    _s("max-sessions", KEEP, "N", "turns kept there (256)", _count),
    _s("max-session-memory-mb", KEEP, "MB", "megabytes kept there (512)", _amount),
    _s("session-ttl-hours", KEEP, "HOURS", "hours since a turn was last used (168)", _amount),
)  # fmt: skip
_BY_NAME = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True)
class Given:
    """What was said, by the settings' names. sources: the flag or variable that said it. notes: for the user."""

    values: Mapping[str, Any]
    sources: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def get(self, name: str, default: Any = "") -> Any:
        return self.values.get(name, default)

    def options(self) -> dict[str, str]:
        """mitmproxy's options for what becomes one as it is."""
        return {
            setting.option: str(self.values[setting.name])
            for setting in SETTINGS
            if setting.option and setting.as_it_is and self.values.get(setting.name)
        }

    def in_users_words(self, complaint: str) -> str:
        """A complaint about an option of mitmproxy's, about what the user wrote instead."""
        return _with_flags(complaint, self.sources)


def _with_flags(complaint: str, sources: Mapping[str, str] = MappingProxyType({})) -> str:
    """The names of mitmproxy's options replaced by those of the flags, or of the variables that were used."""
    for setting in SETTINGS:
        if setting.option:
            complaint = re.sub(rf"\b{setting.option}\b", sources.get(setting.name, setting.flag), complaint)
    return complaint


def taken(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """(settings, the other words): a relay's option among mitmproxy's words says what the flag for it would, and wins
    over variables and defaults as that does. Raises UsageError."""
    by_option = {setting.option: setting for setting in SETTINGS if setting.option}
    values, rest, following = dict[str, Any](), list[str](), iter(words)
    for word in following:
        assignment = next(following, "") if word == "--set" else word.removeprefix("--set=")
        name, equals, text = assignment.partition("=")
        is_set = word == "--set" or assignment != word
        if is_set and equals and (setting := by_option.get(name)):
            if setting.name in values:
                raise UsageError(f"--set {name} is given twice; keep one")
            try:
                values[setting.name] = _reader(setting)(text)
            except argparse.ArgumentTypeError as error:
                raise UsageError(f"--set {name}: {error}") from None
        else:
            rest += [word, assignment] if word == "--set" and assignment else [word]
    return values, rest


def settled(
    flags: Mapping[str, Any], environ: Mapping[str, str], passed: Mapping[str, Any] = MappingProxyType({})
) -> Given:
    """Flags (by setting, read already), what `taken` gave, and variables. Raises UsageError that names the variable."""
    sources = {name: f"--{name}" for name in flags} | {name: f"--set {_BY_NAME[name].option}" for name in passed}
    if both := sorted(flags.keys() & passed.keys()):
        raise UsageError(f"--{both[0]} and {sources[both[0]]} say the same; keep one of them")
    values: dict[str, Any] = {**flags, **passed}
    flags = dict(values)
    by_flag = any(name in flags for name in _WHICH)
    for setting in SETTINGS:
        text = environ.get(setting.variable, "").strip()
        if not text or setting.name in flags or (by_flag and setting.name in _WHICH):
            continue
        try:
            values[setting.name] = setting.read(text)
        except argparse.ArgumentTypeError as error:
            raise UsageError(f"{setting.variable}: {error}") from None
        sources[setting.name] = setting.variable
    if len(named := [sources[name] for name in _WHICH if values.get(name)]) > 1:
        raise UsageError(f"{' and '.join(named)} are both set; keep one of them")
    return Given(values, sources, tuple(_unknown(environ, str(values.get("api-key", "")))))


def _unknown(environ: Mapping[str, str], key: str) -> list[str]:
    """A note on each variable that looks like one of ours and is none: a mistyped one would do nothing."""
    known = {setting.variable for setting in SETTINGS} | _OTHERS
    notes = []
    for name in environ:
        if not name.startswith(PREFIX) or name in known or name.startswith(_OTHERS_BEGIN) or name in key:
            continue
        close = nearest(name, known, PREFIX)
        notes.append(f"{name} is set, but there is no such variable" + (f"; did you mean {close}?" if close else ""))
    return notes


# --- what has other names here ----------------------------------------------------------------------------------------

_OLD_QUIRKS = {"dsml-heal": ("leaked-dsml", "leaked-deepseek")}  # theirs -> ours
_NEVER_QUIRKS = {
    "missing-done": "an answer that ends without [DONE] is judged by its finish reason, which can't be switched off",
    "glm-thinking": "thinking follows the effort that is chosen in Codex; --drop-upstream-params thinking leaves the "
    "field out",
}


def quirks(names: str, source: str) -> tuple[str, list[str]]:
    """Names of repairs as anybody writes them -> (ours, notes). Raises UsageError."""
    from relay_translate.quirks import QUIRKS

    found, notes = dict[str, None](), []
    for name in filter(None, names.split(",")):
        plain = name.lower().replace("_", "-")
        if plain in _NEVER_QUIRKS:
            notes.append(f"{source}: {name}: {_NEVER_QUIRKS[plain]}")
        elif plain in QUIRKS or plain in _OLD_QUIRKS:
            found |= dict.fromkeys(_OLD_QUIRKS.get(plain, (plain,)))
        else:
            close = nearest(plain, QUIRKS)
            advice = f"did you mean {close}?" if close else f"known are {', '.join(QUIRKS)}"
            raise UsageError(f"{source}: there is no repair {name!r}; {advice}")
    return ",".join(found), notes


_LEVELS = {"trace": "debug", "debug": "debug", "info": "info", "warn": "warn", "warning": "warn", "error": "error",
           "off": "error"}  # fmt: skip


def verbosity(environ: Mapping[str, str]) -> str:
    """mitmproxy's log level for RUST_LOG, "" when it says none. Codex reads it too; what is for others is ignored."""
    level = ""
    for part in environ.get("RUST_LOG", "").split(","):
        target, equals, word = part.strip().lower().partition("=")
        if not equals and target in _LEVELS:
            level = level or _LEVELS[target]
        elif target in ("codex_relay", "codex-relay") and word in _LEVELS:
            level = _LEVELS[word]
    return level


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the flags. What is not given is not in the namespace; see `flags_of`."""
    groups = {title: parser.add_argument_group(title) for title in GROUPS}
    for setting in SETTINGS:
        groups[setting.group].add_argument(
            setting.flag,
            type=_reader(setting),
            dest=_DEST + setting.name,
            default=argparse.SUPPRESS,
            metavar=setting.metavar,
            help=setting.help.replace("%", "%%"),
        )


_DEST = "start "  # in the namespace, apart from what commands call by the same name


def flags_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that the command line gave."""
    return {
        name.removeprefix(_DEST): value
        for name, value in vars(arguments).items()
        if name.startswith(_DEST) and name.removeprefix(_DEST) in _BY_NAME
    }


def _reader(setting: Setting) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        return setting.read(text) if text.strip() else ""

    return read
