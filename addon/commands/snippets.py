"""A chat request as something that a person can run: without its key, which is read from a variable."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

from mitmproxy import http

from addon.keys import CREDENTIAL_HEADERS, SCRUBBED, is_secret_header
from addon.providers import DEFAULT_PORTS

from .places import Key

# The body is written without its encoding, and what frames it is curl's and httpx's own.
_LEFT_OUT = (
    "host", "content-length", "content-encoding", "accept-encoding", "connection", "transfer-encoding", "accept",
)  # fmt: skip
_END = "END_OF_REQUEST"
# What people paste was written by whoever made the recording: nothing of it may reach a shell, or curl, as a word of
# its own. A terminal takes some control characters for keys: the end of a paste, a new line.
_SIMPLE = re.compile(r"[\w./ :;,=()+*-]*")
_SCHEME = re.compile(r"[A-Za-z][\w-]*", re.ASCII)
_HEADER = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_DEEPEST = 150  # of Python's 200 open brackets in one expression


def curl(request: http.Request, key: Key) -> str:
    """The request with its body in a here-document: a command line has no room for a conversation. A shell whose
    variable is not set says whose key it wants, and sends nothing."""
    url = _url(request)
    # curl would make several addresses of braces.
    lines = [f"curl --no-buffer {'--globoff ' if re.search('[][{}]', url) else ''}{shlex.quote(url)}"]
    for name, value, is_key in _headers(request):
        text = f"{name}: {value}"
        if is_key:
            lines.append(f'  -H "{text}${{{key.variable}:?set it to the key of {_harmless(key.whose)}}}"')
        else:
            lines.append(f'  -H "{text}"' if _SIMPLE.fullmatch(text) else f"  -H {shlex.quote(text)}")
    body = _text(request)
    end = _END
    while end in body:
        end += "_"
    return " \\\n".join([*lines, f"  --data-binary @- <<'{end}'"]) + f"\n{body}\n{end}\n"


def python(request: http.Request, key: Key) -> str:
    """A script for httpx, with the body as a Python value, or as it is when Python could not read that."""
    headers = []
    for name, value, is_key in _headers(request):
        if is_key:
            headers.append(f"    {name!r}: {value!r} + key,")
        else:
            headers.append(f"    {name!r}: {value!r},")
    text = _text(request)
    body, argument = repr(text), "content"
    with contextlib.suppress(ValueError, RecursionError):
        body, argument = _literal(json.loads(text)), "json"
    reads_key = []
    if needs_key(request):
        asked = f"{key.variable}: set it to the key of {_harmless(key.whose)}"
        reads_key = [f"key = os.environ.get({key.variable!r}) or sys.exit({asked!r})"]
    return "\n".join([
        *(["import os", "import sys", ""] if reads_key else []),
        "import httpx",
        "",
        *reads_key,
        f"body = {body}",
        "headers = {",
        *headers,
        "}",
        f'with httpx.stream("POST", {_url(request)!r}, {argument}=body, headers=headers, timeout=600) as response:',
        "    for line in response.iter_lines():",
        "        print(line)",
        "",
    ])  # fmt: skip


def needs_key(request: http.Request) -> bool:
    return any(is_key for _, _, is_key in _headers(request))


def is_safe(request: http.Request) -> bool:
    """Whether the address is one of the web; others curl would take for options, or read files from."""
    return request.scheme in DEFAULT_PORTS


def _headers(request: http.Request) -> Iterator[tuple[str, str, bool]]:
    """(name, value, whether it holds the key, of which the value is the scheme then). A cookie of whatever kind is
    nobody's business, and what is no header's name nobody has sent."""
    for name, value in request.headers.items(multi=True):
        lower = name.lower()
        if lower in _LEFT_OUT or lower.endswith("cookie") or not _HEADER.fullmatch(lower):
            continue
        if lower in CREDENTIAL_HEADERS:
            scheme, space, _ = value.partition(" ")
            is_scheme = lower.endswith("authorization") and space and _SCHEME.fullmatch(scheme)
            yield lower, f"{scheme} " if is_scheme else "", True
        else:
            yield lower, SCRUBBED if is_secret_header(lower) else _CONTROLS.sub("", value), False


def _url(request: http.Request) -> str:
    return _CONTROLS.sub("", request.url)


def _harmless(place: str) -> str:
    """A host as a word that ends no quotes and begins nothing in a shell."""
    return place if re.fullmatch(r"[\w.:\[\]-]+", place) else "its provider"


def _text(request: http.Request) -> str:
    """The body; control characters can only stand in strings of JSON, where their escapes mean the same."""
    return _NOT_IN_TEXT.sub(lambda found: f"\\u{ord(found[0]):04x}", request.get_text(strict=False) or "")


def _literal(value: Any, indent: str = "") -> str:
    """JSON as Python, in lines. Raises ValueError when it is too deep for Python to read."""
    inner = indent + "    "
    if len(inner) > 4 * _DEEPEST:
        raise ValueError("too deep")
    if isinstance(value, dict) and value:
        rows = [f"{inner}{name!r}: {_literal(one, inner)}," for name, one in value.items()]
    elif isinstance(value, list) and value:
        rows = [f"{inner}{_literal(one, inner)}," for one in value]
    else:
        return repr(value)
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return "\n".join([begin, *rows, indent + end])
