"""The matrix of providers and conversations: each cell a test, all played together when the first one asks."""

from __future__ import annotations

import asyncio

import pytest

from addon.codex.install import CodexMissing, find_codex
from addon.scripted.dialects import DIALECTS
from tests.e2e.matrix import DEFAULT_CODEX, Cells, play_matrix
from tests.e2e.providers import COLUMNS

pytestmark = [pytest.mark.codex, pytest.mark.slow]
COLUMN = pytest.mark.parametrize("column", COLUMNS)
PROVIDER = pytest.mark.parametrize("name", DIALECTS)


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> dict[str, Cells]:
    try:
        codex = find_codex(DEFAULT_CODEX)
    except CodexMissing:
        try:
            codex = find_codex()
        except CodexMissing as problem:
            pytest.skip(str(problem))
    specs = (getattr(item, "callspec", None) for item in request.session.items if item.path == request.path)
    asked = {spec.params["name"] for spec in specs if spec is not None and "name" in spec.params}
    return asyncio.run(play_matrix([one for one in DIALECTS.values() if one.name in asked], codex))


@PROVIDER
@COLUMN
def test_conversation(name: str, column: str, played: dict[str, Cells]) -> None:
    result = played[name][column]
    assert result.grade == "W", result.explained


@PROVIDER
def test_relay_log_has_no_traceback(name: str, played: dict[str, Cells]) -> None:
    finding = played[name].get("relay-log")
    assert finding is None, finding.explained
