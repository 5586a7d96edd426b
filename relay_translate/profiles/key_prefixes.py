"""Whose a key is, by how it begins: the providers whose keys nobody else's look like (their consoles and secret
scanners, to November 2026). Many others give keys that begin with a bare `sk-`, which tells nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KEY_PREFIXES: Mapping[str, str] = MappingProxyType({
    "sk-ant-": "anthropic",
    "sk-or-": "openrouter",
    "sk-proj-": "openai",
    "sk-svcacct-": "openai",
    "sk-kimi-": "kimi-coding",
    "gsk_": "groq",
    "xai-": "xai",
    "AIza": "gemini",
    "nvapi-": "nim",
    "csk-": "cerebras",
    "fw_": "fireworks",
    "tgp_v1_": "together",
})  # fmt: skip


def owner_of(key: str) -> str:
    """The name of the profile whose provider gave the key; "" when that can't be seen."""
    return next((name for prefix, name in KEY_PREFIXES.items() if key.startswith(prefix)), "")
