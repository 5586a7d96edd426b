"""Options of the whole suite; pytest reads them here before it collects anything."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-fixtures",
        action="store_true",
        help="write what the translator gives into chat_request.json and response.sse instead of comparing",
    )
