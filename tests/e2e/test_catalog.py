"""The catalog made from a provider's list, with the real Codex: it is taken, and what it says is what Codex then does."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from addon.codex.config import Settings
from addon.codex.home import CodexHome, CodexRun
from addon.codex.install import CodexMissing, find_codex
from addon.scenarios.relay import Relay
from addon.scripted import Scenario, ScriptedUpstream, Seen, answer
from addon.scripted.dialects import DIALECTS
from relay_translate import find_profile, json_bytes
from relay_translate.catalog import BASE_INSTRUCTIONS, CatalogModel, codex_catalog, etag, known_facts, read_model_list
from relay_translate.profiles import PROFILES

pytestmark = [pytest.mark.codex, pytest.mark.slow]

LIVE = "0.169.0"  # `model_catalog_url` came with 0.163
VALIDATING = ("0.135.0", "0.150.0", LIVE)  # `codex debug models` came between 0.120 and 0.135
MISSING = "Model metadata for"

# A list that tells an id and nothing else, and one of each kind of model: thinks on a ladder, thinks by a switch, does
# not think, sees nothing, is not known.
IDS = ("deepseek-v4-pro", "kimi-k2.6", "glm-5.3", "gpt-4o", "gpt-oss-120b", "mystery-7b", "text-embedding-3")


def catalog(*ids: str, profile: str, codex: str = "") -> dict[str, Any]:
    listed = read_model_list(json.dumps({"object": "list", "data": [{"id": one} for one in ids]}).encode())
    return codex_catalog(
        (
            CatalogModel(slug=f"{profile}/{one.id}", facts=known_facts(one, chosen), profile=chosen)
            for one in listed
            for chosen in [find_profile(name=profile, model=one.id)]
        ),
        codex,
    )


def codex_of(version: str) -> Path:
    try:
        return find_codex(version)
    except CodexMissing as missing:
        pytest.skip(str(missing))


@contextmanager
def served(body: bytes) -> Iterator[tuple[str, list[str]]]:
    """(URL of a catalog, the paths that were asked for)."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the standard library's name for it
            asked.append(self.path)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.send_header("etag", etag(body))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/models", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.mark.parametrize("version", VALIDATING)
def test_the_catalogs_of_all_profiles_are_taken(version: str, tmp_path: Path) -> None:
    codex = codex_of(version)
    models = [model for name in PROFILES for model in catalog(*IDS, profile=name, codex=version)["models"]]
    (tmp_path / "catalog.json").write_text(json.dumps({"models": models}))
    command = [codex, "debug", "models", "-c", f"model_catalog_json={json.dumps(str(tmp_path / 'catalog.json'))}"]
    home = {"CODEX_HOME": str(tmp_path)}
    done = subprocess.run(command, env=os.environ | home, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    taken = {model["slug"]: model for model in json.loads(done.stdout)["models"]}
    assert list(taken) == [model["slug"] for model in models]
    for model in models:
        seen = taken[model["slug"]]
        levels = [level["effort"] for level in model["supported_reasoning_levels"]]
        assert [level["effort"] for level in seen["supported_reasoning_levels"]] == levels
        assert (seen["context_window"], seen["input_modalities"]) == (
            model["context_window"],
            model["input_modalities"],
        )
        assert seen.get("default_reasoning_level") == model.get("default_reasoning_level")


async def turn(version: str, folder: Path, slug: str, profile: str, **settings: Any) -> tuple[CodexRun, Seen]:
    """One turn through the relay, and what the provider was sent for it."""
    scenario = Scenario("catalog", [answer("Done.")], rules=frozenset(), judge=DIALECTS[profile])
    options = [f"relay_profile={profile}", f"relay_model_map={slug}={slug.partition('/')[2]}"]
    async with ScriptedUpstream() as upstream:
        script = upstream.play("a-key", scenario)
        async with Relay(upstream.url, folder / "relay", options) as relay:
            chosen = Settings(base_url=relay.base_url, key="a-key", model=slug, **settings)
            run = await CodexHome(codex_of(version), folder / "codex", chosen).exec("Say that you are done.")
    assert run.final == "Done.", [*run.errors, run.stderr, relay.printed()]
    assert MISSING not in run.stdout + run.stderr
    return run, script.seen[0]


def instructions(seen: Seen) -> str:
    return str(seen.body["messages"][0]["content"])


def tools(seen: Seen) -> set[str]:
    return set(seen.tools)


async def test_a_served_catalog_decides_what_codex_asks(tmp_path: Path) -> None:
    slug = "deepseek/deepseek-v4-pro"
    with served(json_bytes(catalog(*IDS, profile="deepseek", codex=LIVE))) as (url, asked):
        _, seen = await turn(LIVE, tmp_path, slug, "deepseek", provider={"model_catalog_url": url})
    assert asked == [f"/models?client_version={LIVE}"]
    assert instructions(seen).startswith(BASE_INSTRUCTIONS.strip())
    assert (seen.body["reasoning_effort"], seen.body["thinking"]) == ("high", {"type": "enabled"})
    assert {"apply_patch", "exec_command"} <= tools(seen)
    assert seen.body["model"] == "deepseek-v4-pro"


@pytest.mark.parametrize("version", ["0.107.0", "0.120.0"])
async def test_older_codex_takes_the_catalog_from_a_file(version: str, tmp_path: Path) -> None:
    given = catalog(*IDS, profile="vllm")
    _, seen = await turn(version, tmp_path, "vllm/gpt-oss-120b", "vllm", catalog=given)
    assert instructions(seen).startswith(BASE_INSTRUCTIONS.strip())
    assert (seen.body["reasoning_effort"], "apply_patch" in tools(seen)) == ("medium", True)
    assert seen.body.get("parallel_tool_calls") is not False
