from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-fixtures",
        action="store_true",
        help="write what the translator gives into chat_request.json and response.sse instead of comparing",
    )


@pytest.fixture(scope="session")
def updating(request: pytest.FixtureRequest) -> bool:
    # The default is for runs of the whole suite, which meet this file after the options have been read.
    return bool(request.config.getoption("--update-fixtures", default=False))
