"""How commands start mitmdump with the relay: the options, the hint for Codex, and what is checked before."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from addon import demo, processes

PORT = 4446


class ServeError(Exception):
    """The relay cannot be started; the text is one line for the user and names the remedy."""


def has_own_address(passed_on: Sequence[str]) -> bool:
    """Whether mitmdump is given another address; that is not ours to judge."""
    return any("listen" in option for option in passed_on)


def check_port(port: int, passed_on: Sequence[str]) -> None:
    """Raises ServeError when the port can't be had: mitmdump would only print the number of the error."""
    if not has_own_address(passed_on) and (why := processes.why_not_listen(port)):
        raise ServeError(f"Cannot listen on port {port}: {why}. Choose another with --port.")


def relay_options(upstream: str, port: int) -> list[str]:
    """mitmdump's options for the relay in front of this base URL, on loopback."""
    url = urlsplit(upstream)
    options = ["-s", str(demo.relay_script()), "--listen-host", "127.0.0.1"]
    options += ["--mode", f"reverse:{url.scheme}://{url.netloc}@{port}"]
    if url.path.strip("/"):
        options += ["--set", f"relay_upstream={upstream}"]
    return options


def codex_hint(port: int) -> str:
    return f'For Codex: base_url = "http://127.0.0.1:{port}/v1", wire_api = "responses"'
