"""The same four conversations for each Codex version: text, tool loop, patch, MCP.

Tool names and shapes changed over the versions; the scripted model takes what it is offered, as a real one would.
"""

from __future__ import annotations

from collections.abc import Sequence

from addon.codex.install import VERSIONS
from addon.scenarios.catalog import chosen_cases
from tests.e2e.rows import Row

NAMES = ("text", "tools", "patch", "mcp")


def version_rows(versions: Sequence[str] = VERSIONS) -> list[Row]:
    return [
        Row(f"{version}-{case.name}", f"Codex {version}: {case.name}", case.play, version=version)
        for version in versions
        for case in chosen_cases(NAMES)
        if not case.unsupported(version)
    ]
