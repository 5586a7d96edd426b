"""The Codex that the user would start, and the tools that the relay stands on."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path

from addon.codex.entry import version_text
from addon.codex.install import CURRENT, VERSIONS
from addon.codex.versions import NEWEST, Version, parse
from addon.doctor import Finding, failed, ok, warning

ABOUT, TOOLS = "Codex", "mitmproxy"
INSTALL = "npm install -g @openai/codex"
# Older ones offer other tools, and know the name `chat` only.
OLD: Version = (0, 98, 0)
_TESTED_PROXIES = ("11.0.", "12.2.", "12.3.")


def look() -> tuple[Finding, Version]:
    """What is installed, and its version, NEWEST where that is not known."""
    program = shutil.which("codex") or ""
    if not program:
        return failed(ABOUT, "it is not on PATH", f"install it: {INSTALL}"), NEWEST
    text = version_text(Path(program))
    if not text:
        return failed(
            ABOUT, f"{program} does not run or does not tell its version", f"install it anew: {INSTALL}"
        ), NEWEST
    version, says = parse(text), f"{text} at {program}"
    if version < parse(VERSIONS[0]):
        return warning(
            ABOUT, f"{says}, older than the oldest that is tested ({VERSIONS[0]})", f"update: {INSTALL}"
        ), version
    if version < OLD:
        return warning(
            ABOUT, f"{says} is old: it works, with fewer tools and shorter errors", f"update: {INSTALL}"
        ), version
    if version > parse(CURRENT):
        return ok(ABOUT, f"{says}; newer than the newest that is tested ({CURRENT})"), version
    return ok(ABOUT, says), version


def look_at_mitmproxy() -> Finding:
    python = sys.version.split()[0]
    try:
        proxy = version_of("mitmproxy")
    except PackageNotFoundError:
        return failed(TOOLS, f"this Python ({sys.executable}) has none", "install codex-relay with its dependencies")
    if proxy.startswith(_TESTED_PROXIES):
        return ok(TOOLS, f"{proxy} with Python {python}")
    remedy = "if something fails, install mitmproxy 12 (or 11.0.2 with Python 3.11)"
    return warning(TOOLS, f"{proxy} with Python {python}; tested are 11.0 and 12.2 to 12.3", remedy)
