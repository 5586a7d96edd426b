"""The config.toml and the model catalog a Codex of these tests is given."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]
MCP_SERVER = Path(__file__).with_name("mcp_server.py")


@dataclass(frozen=True)
class Settings:
    """What differs between one test and the next."""

    base_url: str
    key: str
    model: str = "scripted-model"
    provider_name: str = "Relay"
    request_retries: int = 1
    stream_retries: int = 1
    idle_ms: int | None = None
    key_variable: str = "RELAY_TEST_KEY"
    catalog: Json | None = None  # a complete model catalog, see catalog_of()
    mcp: Sequence[str] = ()  # names of MCP servers, all of them the small one of these tests
    provider: Json = field(default_factory=dict)  # further keys of the provider's table
    extra: Json = field(default_factory=dict)  # further top-level keys and tables of config.toml


def catalog_of(slug: str, **facts: Any) -> Json:
    """A catalog with one entry that every Codex with catalogs accepts; ``facts`` replace or add fields."""
    entry: Json = {
        "slug": slug,
        "display_name": slug,
        "supported_reasoning_levels": [],
        "shell_type": "unified_exec",
        "visibility": "list",
        "supported_in_api": True,
        "priority": 1,
        "support_verbosity": False,
        "truncation_policy": {"mode": "tokens", "limit": 10000},
        "experimental_supported_tools": [],
        "base_instructions": "You are a coding agent.",
        # The next two are required by Codex 0.107 to 0.142 and unknown to later ones.
        "supports_reasoning_summaries": True,
        "supports_parallel_tool_calls": True,
        "apply_patch_tool_type": "freeform",
        "context_window": 200000,
    }
    return {"models": [entry | facts]}


def write_config(home: Path, workspace: Path, settings: Settings) -> None:
    provider: Json = {
        "name": settings.provider_name,
        "base_url": settings.base_url,
        "wire_api": "responses",
        "env_key": settings.key_variable,
        "request_max_retries": settings.request_retries,
        "stream_max_retries": settings.stream_retries,
    }
    if settings.idle_ms is not None:
        provider["stream_idle_timeout_ms"] = settings.idle_ms
    provider |= settings.provider
    config: Json = {
        "model": settings.model,
        "model_provider": "relay",
        "check_for_update_on_startup": False,
        "model_providers": {"relay": provider},
        "projects": {str(workspace): {"trust_level": "trusted"}},
    }
    if settings.catalog is not None:
        path = home / "catalog.json"
        path.write_text(json.dumps(settings.catalog))
        config["model_catalog_json"] = str(path)
    servers = {name: {"command": sys.executable, "args": [str(MCP_SERVER), name]} for name in settings.mcp}
    if servers:
        config["mcp_servers"] = servers
    (home / "config.toml").write_text("\n".join(toml(config | settings.extra)) + "\n")


def toml(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """The lines of a TOML document. JSON's strings, numbers and lists of them are TOML's too."""
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    if path and plain:
        yield "[" + ".".join(json.dumps(part) for part in path) + "]"
    for key, value in plain.items():
        yield f"{json.dumps(key)} = {json.dumps(value)}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from toml(value, (*path, key))
