"""What Codex is told about the relay: the provider entry, as a mapping, as `-c` words and as a piece of config.toml.

    entry = Entry(base_url="http://127.0.0.1:4444/v1", model="some-model", codex=version_on_path())
    print(config_text(entry))

It points at the relay, never at the provider. Which Codex it is for decides how that learns of the models:

    since 0.163      model_catalog_url in the entry: asked for at each start, nothing on disk
    0.107 to 0.162   model_catalog_json, a file; without one Codex guesses the window and warns
    before           there is no such thing

The entry always says what Codex sends as its key. Without that, Codex to 0.135 sends the key of its own login (an
OpenAI key, to whoever stands behind the relay), and Codex since 0.163 does not ask for the catalog.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from addon.codex.versions import NEWEST, Version, parse

Json = dict[str, Any]

PROVIDER = "relay"  # the entry's key: model_provider, and what resumed sessions remember
TITLE = "Relay"
_RESERVED = ("openai", "")  # Codex takes a provider of this name for OpenAI's own, and wants a name
CATALOG_FILE_SINCE: Version = (0, 107, 0)
CATALOG_URL_SINCE: Version = (0, 163, 0)
TOKEN_SINCE: Version = (0, 58, 0)  # 0.40 does not know experimental_bearer_token
TOKEN = "relay"  # no key: the relay puts the provider's in its place
ASKING_LIMIT = 30.0  # seconds
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class EntryError(ValueError):
    """Codex would refuse the entry; the text is one line and names what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the entry depends on."""

    base_url: str
    """The relay's, http://127.0.0.1:4444/v1."""
    model: str = ""
    """What Codex asks for; "" leaves that to the user's own setting."""
    codex: Version = NEWEST
    key_variable: str = ""
    """The environment variable whose key Codex sends and the relay passes on. "" when the relay has the key itself:
    Codex ends at once over a variable that is named here and not set."""
    catalog_file: str = ""
    """Absolute path of a catalog, for a Codex that has to be given a file. It wins over the one that is asked for."""
    title: str = TITLE
    """What Codex calls the provider, in /status."""
    id: str = PROVIDER
    """The key of the provider's table. Another one is for a user who has a table of this name for something else:
    Codex merges the two."""

    def __post_init__(self) -> None:
        if self.key_variable and not _VARIABLE.fullmatch(self.key_variable):
            # Not repeated: it may be the key itself.
            raise EntryError("what is given for env_key is not the name of an environment variable, such as MY_KEY")

    @property
    def needs_catalog_file(self) -> bool:
        return CATALOG_FILE_SINCE <= self.codex < CATALOG_URL_SINCE

    @property
    def provider(self) -> Json:
        """The table [model_providers.relay]. Retries and timeouts are Codex's own: the relay answers in their terms."""
        name = TITLE if self.title.strip().lower() in _RESERVED else self.title
        table: Json = {"name": name, "base_url": self.base_url, "wire_api": "responses"}
        if self.key_variable:
            table["env_key"] = self.key_variable
        elif self.codex >= TOKEN_SINCE:
            table["experimental_bearer_token"] = TOKEN
        if self.codex >= CATALOG_URL_SINCE:
            table["model_catalog_url"] = f"{self.base_url}/models"
        return table

    @property
    def top(self) -> Json:
        """The keys outside of any table."""
        keys: Json = {"model": self.model} if self.model else {}
        keys["model_provider"] = self.id
        if self.catalog_file and self.codex >= CATALOG_FILE_SINCE:
            keys["model_catalog_json"] = self.catalog_file
        return keys

    @property
    def config(self) -> Json:
        """All of it, as config.toml nests it."""
        return {**self.top, "model_providers": {self.id: self.provider}}


def config_text(entry: Entry) -> str:
    """The entry as TOML to put into config.toml, ending in a line feed."""
    lines = [f"{name} = {toml_value(value)}" for name, value in entry.top.items()]
    lines += ["", f"[model_providers.{entry.id}]"]
    lines += [f"{name} = {toml_value(value)}" for name, value in entry.provider.items()]
    return "\n".join(lines) + "\n"


def override_words(entry: Entry) -> list[str]:
    """The entry as words for Codex's command line; they go before its subcommand, and nothing is written anywhere."""
    settings = {**entry.top, **{f"model_providers.{entry.id}.{name}": value for name, value in entry.provider.items()}}
    return [word for name, value in settings.items() for word in ("-c", f"{name}={toml_value(value)}")]


def toml_value(value: str | int | bool) -> str:
    """A value as TOML writes it. Codex reads the value of -c as TOML too, and what is none as a string."""
    import tomlkit

    return tomlkit.item(value).as_string()


def version_on_path() -> Version:
    """Of the Codex that the user would start; NEWEST when there is none or it does not tell."""
    program = shutil.which("codex")
    return parse(version_text(Path(program))) if program else NEWEST


def version_text(program: Path) -> str:
    """`0.169.0`, as this Codex says it; "" when it does not run or says something else."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=ASKING_LIMIT)
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"\d+\.\d+\.\d+[\w.-]*", done.stdout)
    return found[0] if found and not done.returncode else ""
