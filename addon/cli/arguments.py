"""Types of arguments that several commands share; argparse prints what they complain of."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NoReturn
from urllib.parse import urlsplit

from addon.nearest import nearest


class Parser(argparse.ArgumentParser):
    """Complains in one line, with the nearest name of an option that does not exist. Its value is not repeated: what
    follows a mistyped --api-key is a key."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Refuse in the words of the command that was given: argparse leaves what is unknown to the parser above."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            flags = [word.partition("=")[0] for word in unknown if word.startswith("-")]
            self.unknown(flags[0] if flags else unknown[0])
        return found, unknown

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (help: {self.prog} --help)\n")

    def unknown(self, word: str) -> NoReturn:
        """End with the complaint that there is no such option."""
        known = self._option_string_actions
        if word in MITMPROXYS and (self._subparsers is not None or self.get_default("passes_on")):
            self.error(f"{word} is mitmproxy's; what is for it stands behind --, like this: {self.prog} -- {word} ...")
        # A beginning of three letters is one of a name; a shorter one is of many.
        begun = [name for name in known if len(word) > 4 and name.startswith(word)]
        close = begun[0] if begun else nearest(word, known, "--")
        self.error(f"there is no {word}{f'; did you mean {close}?' if close else ''}")

    def command_in(self, words: Sequence[str]) -> str:
        """The first word that is neither an option of this parser nor its value; "" for none.

        Ends with the complaint over an option that does not exist: argparse would take its value for the command."""
        rest = iter(words)
        for word in rest:
            if not word.startswith("-"):
                return self._command(word)
            name, equals, _ = word.partition("=")
            action = self._option_string_actions.get(name)
            if action is None:
                self.unknown(name)
            if action.nargs != 0 and not equals:
                next(rest, None)
        return ""

    def _command(self, word: str) -> str:
        """Ends with the complaint over a command that does not exist."""
        known = [name for one in self._actions if isinstance(one, argparse._SubParsersAction) for name in one.choices]
        if known and word not in known:
            close = nearest(word, known)
            self.error(f"there is no command {word}; {f'did you mean {close}?' if close else 'see --help'}")
        return word


# Options of mitmproxy's that are given most, and none of ours.
MITMPROXYS = frozenset({"--set", "-s", "--scripts", "-m", "--mode", "--listen-host", "--listen-port", "-p", "-w",
                        "--save-stream-file", "-k", "--ssl-insecure", "-q", "--quiet", "-v", "--verbose", "--web-port",
                        "--web-host"})  # fmt: skip


def set_words(words: Sequence[str]) -> list[str]:
    """NAME=VALUE of each --set among mitmproxy's words."""
    return [
        following if word == "--set" else word.removeprefix("--set=")
        for word, following in pairwise([*words, ""])
        if word == "--set" or word.startswith("--set=")
    ]


def set_values(words: Sequence[str]) -> dict[str, str]:
    """{NAME: VALUE} of each --set among mitmproxy's words; the last of a name counts."""
    return {name: value for name, _, value in (setting.partition("=") for setting in set_words(words))}


def speed(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = -1.0
    if not 0 <= factor < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no speed; give a number from 0 up, such as 2")
    return factor


def port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 1 to 65535")
    return int(text)


def upstream_url(text: str) -> str:
    try:
        url = urlsplit(text)
        usable = url.scheme in {"http", "https"} and url.hostname and (url.port or 1) and not url.query
    except ValueError:
        usable = False
    if "@" in text:  # not repeated: it holds a password
        raise argparse.ArgumentTypeError(
            "a user name or password in the URL is not supported; put the key in an environment variable"
        )
    if not usable:
        raise argparse.ArgumentTypeError(f"{text!r} is no base URL; give one such as https://api.example.com/v1")
    return text.rstrip("/")
