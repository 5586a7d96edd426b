"""How commands start the relay: what is checked before, mitmproxy's options, and the hint for Codex."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from addon import demo, processes
from addon.cli.arguments import set_words

if TYPE_CHECKING:
    from addon.model_lists import Trust

PORT = 4444
_SECRET = re.compile(r"(?i)((?:--set=)?[\w.-]*(?:key|token|password|secret|auth)[\w.-]*\s*=)(?!env:).+", re.DOTALL)


class ServeError(Exception):
    """The relay cannot be started; the text is one line for the user and names the remedy."""


class UsageError(ServeError):
    """A flag or a variable can't be meant: the same exit status as argparse's own errors."""


def has_own_address(passed_on: Sequence[str]) -> bool:
    """Whether mitmdump is given another address; that is not ours to judge."""
    return any("listen" in option for option in passed_on)


def check_port(port: int, passed_on: Sequence[str], host: str = "127.0.0.1") -> None:
    """Raises ServeError when the port can't be had: mitmdump would only print the number of the error."""
    if has_own_address(passed_on) or not (why := processes.why_not_listen(port, host)):
        return
    if host != "127.0.0.1":
        raise ServeError(f"Cannot listen on {address(host, port)}: {why}. Choose another with --port or --bind.")
    raise ServeError(f"Cannot listen on port {port}: {why}. Choose another with --port.")


def check_folder(passed_on: Sequence[str]) -> None:
    """Raises ServeError when mitmproxy can't keep its certificates: it would end with a traceback."""
    if any("confdir" in word for word in passed_on):
        return
    try:
        folder = Path("~/.mitmproxy").expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        usable = os.access(folder, os.W_OK) or (folder / "mitmproxy-ca.pem").exists()
        why = "" if usable else f"{folder} can't be written"
    except (OSError, RuntimeError) as error:  # also without a home
        why = f"~/.mitmproxy can't be made: {getattr(error, 'strerror', '') or error}"
    if why:
        raise ServeError(f"{why}, where mitmproxy keeps its certificates; name another folder: -- --set confdir=DIR")


def trust_of(words: Sequence[str]) -> Trust:
    """Whose certificates a mitmproxy takes from providers that is started with these words, by its own file of settings
    too: the models are asked for as the turns will be."""
    from mitmproxy import options, optmanager
    from mitmproxy.exceptions import OptionsError

    from addon.model_lists import Trust

    given, found = set_words(words), options.Options()
    if {"-k", "--ssl-insecure"}.intersection(words):
        given.append("ssl_insecure=true")
    with contextlib.suppress(OptionsError):  # mitmproxy itself has more to say about it
        found.set(*given, defer=True)
        folder = Path(found.confdir).expanduser()
        optmanager.load_paths(found, str(folder / "config.yaml"), str(folder / "config.yml"))
        found.set(*given, defer=True)
    return Trust.of(found)


def for_showing(words: Sequence[str]) -> str:
    """A command line as it may be printed or logged: without what was set as a key or a password."""
    return shlex.join(_SECRET.sub(r"\1...", word) if _SECRET.fullmatch(word) else word for word in words)


def relay_options(upstream: str, port: int) -> list[str]:
    """mitmdump's options for the relay in front of this base URL, on loopback."""
    url = urlsplit(upstream)
    options = ["-s", str(demo.relay_script()), "--listen-host", "127.0.0.1"]
    options += ["--mode", f"reverse:{url.scheme}://{url.netloc}@{port}"]
    if url.path.strip("/"):
        options += ["--set", f"relay_upstream={upstream}"]
    return options


def codex_hint(port: int, host: str = "127.0.0.1") -> str:
    return f'For Codex: base_url = "{base_url(host, port)}", wire_api = "responses"'


def base_url(host: str, port: int) -> str:
    """Where a client on this machine finds a relay that listens there."""
    return f"http://{address({'0.0.0.0': '127.0.0.1', '::': '::1', '': '127.0.0.1'}.get(host, host), port)}/v1"


def address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
