"""The demo's second script (`mitmdump -s relay.py -s tap.py`): tells the demo what passes, while it passes.

One line per piece on standard output, marked so that it cannot be taken for a line of the log.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from mitmproxy import http

from addon.processes import MARK


def tell(kind: str, flow: http.HTTPFlow, **more: Any) -> None:
    print(MARK + json.dumps({"kind": kind, "flow": flow.id, "at": time.time(), **more}), flush=True)


def request(flow: http.HTTPFlow) -> None:
    """Runs behind the relay's own hook, so the body is already the chat request."""
    if not flow.live:
        return
    try:
        chat = json.loads(flow.request.get_content(strict=False) or b"")
    except ValueError:
        return
    if isinstance(chat, dict) and "messages" in chat:
        tools = chat.get("tools") or ()
        tell("request", flow, model=chat.get("model"), messages=len(chat["messages"]), tools=len(tools))


def responseheaders(flow: http.HTTPFlow) -> None:
    if flow.live and flow.response and callable(flow.response.stream):
        flow.response.stream = listening(flow, flow.response.stream)


def response(flow: http.HTTPFlow) -> None:
    """What was not streamed, for instance an answer the relay gave by itself."""
    if flow.live and flow.response and not flow.response.stream:
        tell("piece", flow, text=flow.response.get_text(strict=False) or "")


def listening(
    flow: http.HTTPFlow, translate: Callable[[bytes], Iterable[bytes] | bytes]
) -> Callable[[bytes], Iterable[bytes] | bytes]:
    def piece(data: bytes) -> Iterable[bytes] | bytes:
        translated = translate(data)
        if not isinstance(translated, bytes):
            translated = list(translated)
        text = translated if isinstance(translated, bytes) else b"".join(translated)
        if text:
            tell("piece", flow, text=text.decode("utf-8", "replace"))
        return translated

    return piece


# Lines must leave when they are written, whatever standard output is.
if hasattr(sys.stdout, "reconfigure"):
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
