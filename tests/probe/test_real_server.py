"""Probing a real server, where somebody runs one.

    CODEX_RELAY_CHAT_URL=http://127.0.0.1:8000 CODEX_RELAY_CHAT_MODEL=smollm2 python -m pytest tests/probe/test_real_server.py

Any Chat Completions server will do. CODEX_RELAY_CHAT_KEY holds the key, if the server wants one.
"""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

from relay_translate.profiles import profile_from_table
from tests.cli.running import environment, started

URL = os.environ.get("CODEX_RELAY_CHAT_URL", "")
MODEL = os.environ.get("CODEX_RELAY_CHAT_MODEL", "")
KEY = os.environ.get("CODEX_RELAY_CHAT_KEY", "")
LIMIT = 900.0  # seconds: a small machine reads a prompt slowly


@pytest.mark.slow
@pytest.mark.skipif(
    not (URL and MODEL), reason="CODEX_RELAY_CHAT_URL and CODEX_RELAY_CHAT_MODEL name no server and model"
)
def test_a_real_server_takes_what_its_profile_makes(tmp_path: Path) -> None:
    given = ["probe", "--upstream", URL, "--model", MODEL, "--json", "--timeout", "120"]
    given += ["--api-key", "CODEX_RELAY_CHAT_KEY"] if KEY else []
    with started(given, environment(tmp_path, CODEX_RELAY_CHAT_KEY=KEY), limit=LIMIT) as process:
        out, errors = process.communicate()
    assert process.returncode == 0, errors
    told = json.loads(out)
    answers = {finding["name"]: finding["answer"] for finding in told["findings"]}
    assert (answers["system"], answers["stream"], answers["proof"]) == ("yes", "yes", "yes"), errors
    assert profile_from_table(tomllib.loads(told["toml"])).title in URL
    assert "Traceback" not in errors
