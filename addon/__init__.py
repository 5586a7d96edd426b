"""The mitmproxy side of codex-relay: everything that knows mitmproxy, files, clocks and the environment.

`start` runs the relay as a child of a Python program; `codex_relay` offers the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .background import RelayError, RelayProcess, start

__all__ = ["RelayError", "RelayProcess", "start"]


def __getattr__(name: str) -> Any:
    # Looked up late: every module here is imported through this one, also by mitmproxy's script.
    if name in __all__:
        from . import background

        return getattr(background, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
