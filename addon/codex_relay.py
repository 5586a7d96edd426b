"""`from codex_relay import start`: installed under this name beside the package."""

from addon.background import RelayError, RelayProcess, start

__all__ = ["RelayError", "RelayProcess", "start"]
