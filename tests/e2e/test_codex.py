"""Every row of the table as a test of its own; the rows are played together, once, when the first test asks."""

from __future__ import annotations

import asyncio

import pytest

from addon.codex.install import CodexMissing, find_codex
from tests.e2e.conftest import rows_asked_for
from tests.e2e.playing import Result, play_rows
from tests.e2e.rows import Row, all_rows

pytestmark = [pytest.mark.codex, pytest.mark.slow]
ROWS = all_rows()


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> dict[str, Result]:
    try:
        codex = find_codex()
    except CodexMissing as problem:
        pytest.skip(str(problem))
    results = asyncio.run(play_rows(rows_asked_for(request), codex))
    return {result.row.name: result for result in results}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Row, played: dict[str, Result]) -> None:
    result = played[row.name]
    assert result.grade == "W", result.explained


def test_relay_log_has_no_traceback(played: dict[str, Result]) -> None:
    finding = played.get("relay-log")
    assert finding is None, finding.explained
