"""What is private in text, as patterns over UTF-8 bytes: keys, accounts, homes, and the names of a machine.

A whole conversation is searched for every turn that is written, and most of it holds nothing. So each pattern comes
with the texts one of which has to be there at all, and begins with its letters where it can, looking back for the
beginning of the word from behind them: the search then skips what can't match.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

# A path's part ends at these; in JSON text, letters outside ASCII may be escaped.
_END = rb"/\\\s\"'<>|:;,&?#(){}\[\]*`"
_NAME = rb"(?:[^" + _END + rb"]|\\u[0-9a-fA-F]{4})+"
# Nobody's home, and homes that are masked already.
_NOBODY = rb"(?!(?:user|x+|Shared|Public)(?:[" + _END + rb"]|\Z))"
_UUID = rb"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


@dataclass(frozen=True)
class Private:
    """hints: one of them stands in every text with a match. pattern: its group 1, or all of a match, is private.
    escaped: it reads JSON's escapes itself; for the others they are blanks, like the characters they stand for."""

    hints: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    escaped: bool = False

    def may_be_in(self, text: bytes) -> bool:
        return any(hint in text for hint in self.hints)


KEYS = (
    Private((b"sk-",), re.compile(rb"sk-(?<![A-Za-z0-9]sk-)[A-Za-z0-9_-]{16,}")),
    Private(
        (b"gsk_", b"hf_", b"xai-", b"nvapi-", b"pplx-", b"csk-", b"fw_", b"tgp_v1_", b"r8_", b"npm_", b"glpat-"),
        re.compile(rb"\b(?:gsk_|hf_|xai-|nvapi-|pplx-|csk-|fw_|tgp_v1_|r8_|npm_|glpat-)[A-Za-z0-9_-]{20,}"),
    ),
    Private((b"xox",), re.compile(rb"xox(?<!\wxox)[abeprs]-[A-Za-z0-9-]{20,}")),
    Private((b"AIza",), re.compile(rb"AIza(?<!\wAIza)[\w-]{30,}")),
    Private((b"AKIA", b"ASIA"), re.compile(rb"\bA[KS]IA[0-9A-Z]{16}\b")),
    Private((b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), re.compile(rb"\bgh[pousr]_[A-Za-z0-9]{30,}")),
    Private((b"github_pat_",), re.compile(rb"github_pat_\w{30,}")),
    Private((b"eyJ",), re.compile(rb"eyJ(?<!\weyJ)[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*")),
    Private((b"://",), re.compile(rb"://[^\s/:@\"'\\]{1,64}:([^\s/@\"'\\]{3,})@")),  # a password in an address
    Private((b"PRIVATE KEY",), re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----((?:[A-Za-z0-9+/=\s:,]|\\+[nr])+)")),
    Private((b"earer", b"EARER"), re.compile(rb"\b[Bb](?:earer|EARER)\s+([\w.~+/-]{16,}=*)")),
    Private(  # what `env` prints, and what scripts export
        (b"KEY=", b"TOKEN=", b"SECRET=", b"PASSWORD="),
        re.compile(rb"\b[A-Z][A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD)=\\*[\"']?(?![$<{])([^\s\"'\\&;$]{8,})"),
    ),
    Private(
        (b"key", b"token", b"secret", b"password"),
        re.compile(
            rb"\"(?:api[_-]?key|(?:access|refresh|id|auth|bearer)[_-]token|(?:client[_-])?secret|password"
            rb"|private[_-]key)\\*\"\s*:\s*\\*\"([^\"\\\s]{8,})",
        ),
    ),
)
HOMES = (
    Private(
        (b"/home/",),
        re.compile(
            rb"/home/(?:(?<![\w.-]/home/)|(?<=/var/home/)|(?<=/export/home/)|(?<=/private/home/))"
            + _NOBODY + rb"(" + _NAME + rb")"
        ),
    ),
    Private(
        (b"/Users/",),
        re.compile(rb"/Users/(?:(?<![\w.-]/Users/)|(?<=/mnt/\w/Users/))" + _NOBODY + rb"(" + _NAME + rb")"),
    ),
    Private((b"Users",), re.compile(rb":(?:\\+|/)Users(?:\\+|/)" + _NOBODY + rb"(" + _NAME + rb")"), escaped=True),
)  # fmt: skip
# White space and colours in JSON text, also in JSON text that stands in JSON text. Their last letter is no letter of a
# word: what a program prints begins behind them, line by line.
ESCAPES = re.compile(rb"\\+(?:[nrtbf]|u00[01][0-9a-fA-F](?:\[[0-9;]*[A-Za-z])?)|\x1b\[[0-9;]*[A-Za-z]")
UUIDS = re.compile(rb"(?<![0-9a-fA-F-])" + _UUID + rb"(?![0-9a-fA-F-])")
OUR_UUID = b"00000000-0000-4000-8000-"
PARAMETERS = re.compile(rb"[?&][\w.-]*(?:key|token|secret|sig|signature|password)=([^&#\s]+)", re.I)
"""Secrets in the query of a path."""
# `git remote` of a workspace, in Codex's turn metadata: the object, and an address in it.
REMOTES = Private((b"associated_remote_urls",), re.compile(rb"associated_remote_urls\\*\"\s*:\s*\{[^{}]*\}"))
ADDRESS = re.compile(rb"(?:[\w.-]+@|\w+://)[^\"\\\s]*")

# Names that say nothing about a person, and stand in prompts and programs as plain words.
_EVERYBODY = frozenset(
    re.findall(
        r"\w+",
        """root user admin administrator ubuntu debian fedora centos pi vagrant runner docker node dev test guest nobody
        codespace vscode gitpod home default localhost localdomain computer macbook desktop laptop server local""",
    )
)
_SHORTEST_WORD = 3


def is_telling(word: str) -> bool:
    """Whether a name is worth searching for: not one that everybody has, nor one that stands in any text."""
    return len(word) >= _SHORTEST_WORD and word.lower() not in _EVERYBODY and not word.isdigit()


def machine_words(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Names of this machine and of who uses it."""
    words = [socket.gethostname(), socket.gethostname().partition(".")[0], environ.get("USER", "")]
    with contextlib.suppress(OSError, KeyError):  # a user without an entry, as containers have
        words.append(getpass.getuser())
    return [word for word in dict.fromkeys(words) if is_telling(word)]


def environment_secrets(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Values of variables that are named like keys: tools print them, and models repeat what tools print."""
    named = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD)S?")
    shape = re.compile(r"[\x21-\x7e]{12,}")
    return [value for name, value in environ.items() if named.search(name) and shape.fullmatch(value)]
