"""One turn of the real Codex with a real model behind the relay, where somebody runs one.

    CODEX_RELAY_CHAT_URL=http://127.0.0.1:8000 CODEX_RELAY_CHAT_MODEL=smollm2 python -m pytest tests/e2e/test_real_model.py

Any Chat Completions server will do, also a small model that knows no tools: Codex is told to offer next to nothing.
CODEX_RELAY_CHAT_KEY holds the key, if the server wants one.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from addon.codex.config import Settings, catalog_of
from addon.codex.home import CodexHome
from addon.codex.install import CodexMissing, find_codex
from addon.scenarios.relay import Relay

URL = os.environ.get("CODEX_RELAY_CHAT_URL", "")
MODEL = os.environ.get("CODEX_RELAY_CHAT_MODEL", "")
KEY = os.environ.get("CODEX_RELAY_CHAT_KEY", "none")
LIMIT = 300.0  # seconds: a small machine reads a prompt slowly

pytestmark = [pytest.mark.codex, pytest.mark.slow]


@pytest.mark.skipif(
    not (URL and MODEL), reason="CODEX_RELAY_CHAT_URL and CODEX_RELAY_CHAT_MODEL name no server and model"
)
async def test_a_text_turn_streams_from_a_real_model(tmp_path: Path) -> None:
    try:
        codex = find_codex()
    except CodexMissing as missing:
        pytest.skip(str(missing))
    short = {"base_instructions": "You are a helpful assistant.", "shell_type": "disabled", "context_window": 8000}
    catalog = catalog_of(MODEL, multi_agent_version="disabled", **short)
    del catalog["models"][0]["apply_patch_tool_type"]
    extra = {"web_search": "disabled", "include_permissions_instructions": False, "features": {"goals": False}}
    async with Relay(URL, tmp_path / "relay") as relay:
        settings = Settings(base_url=relay.base_url, key=KEY, model=MODEL, catalog=catalog, extra=extra)
        run = await CodexHome(codex, tmp_path / "codex", settings).exec("Say hello in one sentence.", limit=LIMIT)
        printed = relay.printed()
    assert run.completed, [*run.errors, run.stderr, printed]
    assert run.final
    assert "Streaming response" in printed
    assert "Traceback" not in printed
