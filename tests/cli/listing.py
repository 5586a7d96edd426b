"""A provider that only lists its models."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

KEY = "key-of-the-provider"
MODELS = {
    "object": "list",
    "data": [
        {"id": "embed-1", "object": "model", "type": "embedding"},
        {"id": "talker", "object": "model", "supported_parameters": ["temperature"]},
        {"id": "worker", "object": "model", "context_length": 65536, "supported_parameters": ["tools"]},
    ],
}


class Provider:
    """Lists its models to whoever has the key, and remembers who asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.headers.get("authorization", ""))
                known = self.headers.get("authorization") in (f"Bearer {KEY}", "Bearer relay", None)
                body = json.dumps(MODELS if known else {"error": {"message": "That key is wrong."}}).encode()
                self.send_response(200 if known else 401)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture
def provider() -> Iterator[Provider]:
    one = Provider()
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield one
    one.server.shutdown()
    one.server.server_close()
