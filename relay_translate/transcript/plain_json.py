"""Both wires as people read them: JSON in short lines, envelopes open.  Nothing here is sent to anybody."""

from __future__ import annotations

import json
import re
from typing import Any

from relay_translate.json_text import json_text
from relay_translate.reasoning import VERSION, pack, unpack

WIDTH = 120  # columns, of files
OPENED = VERSION.rstrip(".") + " "
"""An envelope that stands open is this and its JSON."""

_QUOTED_ENVELOPE = re.compile(rf'"({re.escape(VERSION)}[A-Za-z0-9_-]+)"')


def pretty(value: object, indent: str = "", width: int = WIDTH) -> str:
    """JSON as one reads it: what fits stands on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, dict | list) or len(indent) + len(flat) <= width:
        return flat
    inner = indent + " "
    if isinstance(value, dict):
        named = ((json.dumps(key, ensure_ascii=False), one) for key, one in value.items())
        rows = [f"{inner}{name}: {pretty(one, inner, width)}" for name, one in named]
    else:
        rows = [inner + pretty(one, inner, width) for one in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return f"{begin}\n" + ",\n".join(rows) + f"\n{indent}{end}"


def open_envelopes(text: str) -> str:
    """JSON text with each `encrypted_content` of ours readable. Compressed bytes differ from one zlib to another."""

    def opened(found: re.Match[str]) -> str:
        content = unpack(found[1])
        return found[0] if content is None else json.dumps(OPENED + json_text(content), ensure_ascii=False)

    return _QUOTED_ENVELOPE.sub(opened, text)


def close_envelopes(value: Any) -> Any:
    """The JSON value as a client sends it: opened envelopes packed again."""
    if isinstance(value, dict):
        return {key: close_envelopes(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [close_envelopes(inner) for inner in value]
    if isinstance(value, str) and value.startswith(OPENED):
        return pack(json.loads(value.removeprefix(OPENED)))
    return value
