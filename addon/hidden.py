"""Keys of requests under way, out of sight of those who look.

mitmweb and the console show a flow from the moment its head has arrived, and again after every hook. What they find in
place of a key is put back when it is needed: for the translation, and right before the request is sent.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from mitmproxy import http

from .keys import CREDENTIAL_HEADERS, is_scrubbed, scrub_headers

# In this module, because it is not reloaded when the script is, and a request must find its key again.
_hidden: WeakKeyDictionary[http.HTTPFlow, list[tuple[str, list[str]]]] = WeakKeyDictionary()


def hide(flow: http.HTTPFlow) -> None:
    headers = flow.request.headers
    held = [(name, headers.get_all(name)) for name in CREDENTIAL_HEADERS if name in headers]
    if held:
        _hidden[flow] = [(name, values) for name, values in held if not any(map(is_scrubbed, values))]
        scrub_headers(headers)


def reveal(flow: http.HTTPFlow) -> None:
    """Put the keys back where their placeholders still stand; what a person has written in their place is left."""
    headers = flow.request.headers
    for name, values in _hidden.pop(flow, ()):
        if is_scrubbed(headers.get(name, "")):
            headers.set_all(name, values)
