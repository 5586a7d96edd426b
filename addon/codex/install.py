"""Finding a Codex CLI, and installing a version of it through npm into a cache folder.

``python -m addon.codex.install 0.169.0 0.58.0`` installs; tests only look.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CURRENT = "0.169.0"
VERSIONS = ("0.40.0", "0.58.0", "0.80.0", "0.98.0", "0.107.0", "0.120.0", "0.135.0", "0.150.0", CURRENT)
# When npm got them.
RELEASED = {
    "0.40.0": "2026-09-16", "0.58.0": "2026-03-25", "0.80.0": "2026-05-07", "0.98.0": "2026-05-06",
    "0.107.0": "2026-06-11", "0.120.0": "2026-07-11", "0.135.0": "2026-08-15", "0.150.0": "2026-09-16",
    "0.169.0": "2026-11-13",
}  # fmt: skip
PACKAGE = "@openai/codex"
INSTALL_LIMIT = 600.0  # seconds; the package holds a binary of some 100 MB
ASKING_LIMIT = 30.0  # seconds


class CodexMissing(Exception):
    """There is no Codex to run; the text says where was looked and what to do."""


def cache_folder() -> Path:
    named = os.environ.get("CODEX_RELAY_CODEX_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "codex-relay" / "codex"


def cached(version: str) -> Path:
    return cache_folder() / version / "node_modules" / ".bin" / "codex"


def find_codex(wanted: str = "") -> Path:
    """A path, a version in the cache, or (if nothing is wanted) the first of: $CODEX_RELAY_CODEX, cache, PATH."""
    if wanted and os.sep in wanted:
        return _usable(Path(wanted), f"{wanted} is not a program")
    if wanted:
        return _usable(cached(wanted), f"Codex {wanted} is not in the cache ({cache_folder()})", wanted)
    if named := os.environ.get("CODEX_RELAY_CODEX"):
        return _usable(Path(named), f"CODEX_RELAY_CODEX names {named}, which is not a program")
    if cached(CURRENT).exists():
        return cached(CURRENT)
    if on_path := shutil.which("codex"):
        return Path(on_path)
    raise CodexMissing(_advice(f"no Codex CLI: CODEX_RELAY_CODEX is not set, none in {cache_folder()}, none on PATH"))


def _usable(path: Path, complaint: str, version: str = CURRENT) -> Path:
    if not os.access(path, os.X_OK):
        raise CodexMissing(_advice(complaint, version))
    return path


def _advice(complaint: str, version: str = CURRENT) -> str:
    return f"{complaint}; `python -m addon.codex.install {version}` installs it"


def version_of(codex: Path) -> str:
    shown = subprocess.run([codex, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    return shown.split()[-1]


def install(version: str) -> Path:
    """Install a version unless it is there. Several processes may ask at once; one installs, the others wait."""
    folder = cache_folder() / version
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_name(f"{version}.lock")):
        if os.access(cached(version), os.X_OK):
            return cached(version)
        if shutil.which("npm") is None:
            raise CodexMissing(f"npm is needed to install Codex {version}, and is not on PATH")
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"{PACKAGE}@{version}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_LIMIT)
        except subprocess.TimeoutExpired:
            raise CodexMissing(f"npm did not install Codex {version} within {INSTALL_LIMIT:.0f} s") from None
        if done.returncode:
            raise CodexMissing(f"npm could not install Codex {version}:\n{done.stderr.strip()[-2000:]}")
    return _usable(cached(version), f"npm installed Codex {version}, but no program came of it", version)


def latest() -> str:
    """The newest version, as npm has it."""
    version = _ask_npm("version")
    if not version:
        raise CodexMissing("npm does not tell the newest version of Codex; name one, such as " + CURRENT)
    return version


def released(version: str) -> str:
    """The day on which npm got a version, 2026-11-13; "" if nobody knows."""
    if version in RELEASED:
        return RELEASED[version]
    try:
        days = json.loads(_ask_npm("time", "--json") or "{}")
    except ValueError:
        return ""
    return str(days.get(version, ""))[:10] if isinstance(days, dict) else ""


def _ask_npm(*what: str) -> str:
    if shutil.which("npm") is None:
        return ""
    try:
        done = subprocess.run(["npm", "view", PACKAGE, *what], capture_output=True, text=True, timeout=ASKING_LIMIT)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    for version in sys.argv[1:] or [CURRENT]:
        try:
            print(f"Codex {version}: {install(version)}", flush=True)
        except CodexMissing as problem:
            print(problem, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
