"""A mitmproxy script for pictures: the provider's name leads to the scripted one, whatever the name."""

from __future__ import annotations

import os

from mitmproxy.proxy import server_hooks


def server_connect(data: server_hooks.ServerConnectionHookData) -> None:
    data.server.address = ("127.0.0.1", int(os.environ["BROWSER_TEST_PROVIDER"]))
