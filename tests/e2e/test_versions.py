"""Text, tool loop, patch and MCP with each Codex version that is in the cache."""

from __future__ import annotations

import asyncio

import pytest

from addon.codex.install import VERSIONS, CodexMissing, find_codex
from tests.e2e.conftest import rows_asked_for
from tests.e2e.playing import Result, play_rows
from tests.e2e.rows import Row
from tests.e2e.rows.versions import version_rows

pytestmark = [pytest.mark.codex, pytest.mark.slow]
ROWS = version_rows()


def _missing(version: str) -> str:
    try:
        find_codex(version)
    except CodexMissing as problem:
        return str(problem)
    return ""


MISSING = {version: _missing(version) for version in VERSIONS}


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> dict[str, Result]:
    present = [row for row in rows_asked_for(request) if not MISSING[row.version]]
    return {result.row.name: result for result in asyncio.run(play_rows(present, None))}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_version(row: Row, request: pytest.FixtureRequest) -> None:
    if MISSING[row.version]:
        pytest.skip(MISSING[row.version])
    result: Result = request.getfixturevalue("played")[row.name]
    assert result.grade == "W", result.explained
