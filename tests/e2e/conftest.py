"""What the tests of the rows share."""

from __future__ import annotations

import pytest

from tests.e2e.rows import Row


def rows_asked_for(request: pytest.FixtureRequest) -> list[Row]:
    """The rows that tests of the requesting module will ask for, so that ``-k`` does not play the others."""
    specs = (getattr(item, "callspec", None) for item in request.session.items if item.path == request.path)
    rows = (spec.params.get("row") for spec in specs if spec is not None)
    return [row for row in rows if isinstance(row, Row)]
