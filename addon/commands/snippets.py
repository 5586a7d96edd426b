"""A chat request as something that a person can run: without its key, which is read from a variable."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

from mitmproxy import http

from addon.keys import CREDENTIAL_HEADERS, is_secret_header
from relay_translate import find_profile

_LEFT_OUT = ("host", "content-length", "accept-encoding", "connection", "transfer-encoding", "accept")
_END = "END_OF_REQUEST"
_SIMPLE = re.compile(r"[\w./ :;,=()+*-]*")


def curl(request: http.Request, profile: str) -> str:
    """The request with its body in a here-document: a command line has no room for a conversation."""
    lines = [f"curl --no-buffer {shlex.quote(request.url)}"]
    for name, value, is_key in _headers(request, profile):
        text = f"{name}: {value}"
        lines.append(f'  -H "{text}"' if is_key or _SIMPLE.fullmatch(text) else f"  -H {shlex.quote(text)}")
    body = _text(request)
    return " \\\n".join([*lines, f"  --data-binary @- <<'{_END}'"]) + f"\n{body}\n{_END}\n"


def python(request: http.Request, profile: str) -> str:
    """A script for httpx, with the body as a Python value."""
    headers = []
    for name, value, is_key in _headers(request, profile):
        scheme, _, variable = value.rpartition("$")
        headers.append(f"    {name!r}: " + (f"{scheme!r} + os.environ[{variable!r}]," if is_key else f"{value!r},"))
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


def key_variable(profile: str) -> str:
    """The environment variable that a provider's key usually stands in."""
    try:
        found = find_profile(name=profile).key_variable
    except ValueError:
        found = ""
    return found or re.sub(r"\W", "_", profile or "PROVIDER").upper() + "_API_KEY"


def _headers(request: http.Request, profile: str) -> Iterator[tuple[str, str, bool]]:
    """(name, value, whether it holds the key). A cookie of whatever kind is nobody's business."""
    for name, value in request.headers.items(multi=True):
        lower = name.lower()
        if lower in _LEFT_OUT or lower.endswith("cookie"):
            continue
        if lower in CREDENTIAL_HEADERS or is_secret_header(lower):
            scheme = value.partition(" ")[0] + " " if lower.endswith("authorization") and " " in value else ""
            yield lower, f"{scheme}${key_variable(profile)}", True
        else:
            yield lower, value, False


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
