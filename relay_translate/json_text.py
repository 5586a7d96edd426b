"""JSON as both wires want it: compact, UTF-8, deterministic, and never failing on odd strings."""

from __future__ import annotations

import json
import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)


def json_text(value: object) -> str:
    """Compact JSON; keys keep their order, so that equal values give equal bytes."""
    return _encoder.encode(value)


def json_bytes(value: object) -> bytes:
    """`json_text` as UTF-8. A lone surrogate, which JSON can spell but UTF-8 can't, becomes U+FFFD."""
    text = _encoder.encode(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return mend_surrogates(text).encode()


def mend_surrogates(text: str) -> str:
    """Join surrogate pairs, replace lone halves."""
    text = _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    return _SURROGATE.sub("\ufffd", text)


def split_surrogate(text: str) -> tuple[str, str]:
    """`text` without a trailing high surrogate, and that half: its other half may be in the next chunk."""
    if text and "\ud800" <= text[-1] <= "\udbff":
        return text[:-1], text[-1]
    return text, ""


def is_complete_object(text: str) -> bool:
    """Whether `text` is one whole JSON object: a call whose arguments can't grow any more."""
    text = text.strip()
    if not text.startswith("{") or not text.endswith("}"):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
