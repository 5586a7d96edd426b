"""A chat request as something that a person can run: without its key, which is read from a variable."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

from mitmproxy import http

from addon.keys import CREDENTIAL_HEADERS, SCRUBBED, is_secret_header

from .places import Key

# The body is written without its encoding, and what frames it is curl's and httpx's own.
_LEFT_OUT = (
    "host", "content-length", "content-encoding", "accept-encoding", "connection", "transfer-encoding", "accept",
)  # fmt: skip
_END = "END_OF_REQUEST"
_SIMPLE = re.compile(r"[\w./ :;,=()+*-]*")


def curl(request: http.Request, key: Key) -> str:
    """The request with its body in a here-document: a command line has no room for a conversation. A shell whose
    variable is not set says whose key it wants, and sends nothing."""
    lines = [f"curl --no-buffer {shlex.quote(request.url)}"]
    for name, value, is_key in _headers(request):
        text = f"{name}: {value}"
        if is_key:
            lines.append(f'  -H "{text}${{{key.variable}:?set it to the key of {_harmless(key.whose)}}}"')
        else:
            lines.append(f'  -H "{text}"' if _SIMPLE.fullmatch(text) else f"  -H {shlex.quote(text)}")
    body = _text(request)
    end = _END
    while end in body.split("\n"):
        end += "_"
    return " \\\n".join([*lines, f"  --data-binary @- <<'{end}'"]) + f"\n{body}\n{end}\n"


def python(request: http.Request, key: Key) -> str:
    """A script for httpx, with the body as a Python value."""
    headers = []
    for name, value, is_key in _headers(request):
        if is_key:
            headers.append(f"    {name!r}: {value!r} + os.environ[{key.variable!r}],  # key of {_harmless(key.whose)}")
        else:
            headers.append(f"    {name!r}: {value!r},")
    try:
        body = _literal(json.loads(_text(request)))
    except ValueError:
        body = repr(_text(request))
    return "\n".join([
        "import os",
        "",
        "import httpx",
        "",
        f"body = {body}",
        "headers = {",
        *headers,
        "}",
        f'with httpx.stream("POST", {request.url!r}, json=body, headers=headers, timeout=600) as response:',
        "    for line in response.iter_lines():",
        "        print(line)",
        "",
    ])  # fmt: skip


def needs_key(request: http.Request) -> bool:
    return any(is_key for _, _, is_key in _headers(request))


def _headers(request: http.Request) -> Iterator[tuple[str, str, bool]]:
    """(name, value, whether it holds the key, of which the value is the scheme then). A cookie of whatever kind is
    nobody's business."""
    for name, value in request.headers.items(multi=True):
        lower = name.lower()
        if lower in _LEFT_OUT or lower.endswith("cookie"):
            continue
        if lower in CREDENTIAL_HEADERS:
            yield lower, value.partition(" ")[0] + " " if lower.endswith("authorization") and " " in value else "", True
        else:
            yield lower, SCRUBBED if is_secret_header(lower) else value, False


def _harmless(place: str) -> str:
    """A host as a word that ends no quotes and begins nothing in a shell."""
    return place if re.fullmatch(r"[\w.:\[\]-]+", place) else "its provider"


def _text(request: http.Request) -> str:
    return request.get_text(strict=False) or ""


def _literal(value: Any, indent: str = "") -> str:
    """JSON as Python, in lines."""
    inner = indent + "    "
    if isinstance(value, dict) and value:
        rows = [f"{inner}{name!r}: {_literal(one, inner)}," for name, one in value.items()]
    elif isinstance(value, list) and value:
        rows = [f"{inner}{_literal(one, inner)}," for one in value]
    else:
        return repr(value)
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return "\n".join([begin, *rows, indent + end])
