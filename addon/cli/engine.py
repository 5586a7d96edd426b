"""mitmproxy in this very process: the relay is what the user started, with its signals, its log and its exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

INTERRUPTED = 130  # exit status, as a shell has it for Ctrl-C
interrupted = False  # set by announce.py, which mitmproxy loads into this process
misused = False  # set by child.py, when an option can't be meant


def run(tool: str, options: Sequence[str]) -> int:
    """mitmdump or mitmweb until it is stopped. Raises SystemExit when mitmproxy gives up."""
    from mitmproxy.tools import main

    sys.argv = [tool, *options]  # what mitmproxy names itself by, and where it looks for options of old versions
    plain_output()
    try:
        getattr(main, tool)(list(options))
    except SystemExit as ended:
        raise SystemExit(2 if misused else ended.code) from None
    return INTERRUPTED if interrupted else 0


def plain_output() -> None:
    """Standard output line by line, also into a pipe, and without colours where NO_COLOR asks for that."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)
    if os.environ.get("NO_COLOR"):
        sys.stdout, sys.stderr = _Plain(sys.stdout), _Plain(sys.stderr)  # type: ignore[assignment]


class _Plain:
    """A stream that is no terminal to whoever asks: mitmproxy colours every terminal."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def isatty(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
