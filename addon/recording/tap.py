"""The second script of `codex-relay record` (`mitmdump -s relay.py -s tap.py`): tells of every turn when it is over.

One line a turn on standard output, marked so that it cannot be taken for a line of the log.
"""

from __future__ import annotations

import json
import sys

from mitmproxy import http

from addon.processes import MARK

KEYS = ("status", "model", "usage", "error", "timings")


def response(flow: http.HTTPFlow) -> None:
    """Runs behind the relay's own hook, so the facts of the turn are there."""
    facts = flow.metadata.get("relay") or {}
    if facts.get("role") == "client" and flow.request.method == "POST":
        print(MARK + json.dumps({key: facts.get(key) for key in KEYS}), flush=True)


def error(flow: http.HTTPFlow) -> None:
    response(flow)


# Lines must leave when they are written, whatever standard output is.
if hasattr(sys.stdout, "reconfigure"):
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
