"""A provider's error body -> `ProviderError`, in any of the shapes in use.

Evidence: the API references of the providers, their SDKs' error types, and what gateways put around them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

LONGEST_TEXT = 2000  # characters of a provider's text that are passed on

# A body that says nothing at all; Cerebras sends it for a request that is too long.
EMPTY_BODY = "empty_body"


@dataclass(frozen=True)
class ProviderError:
    """What could be read from an error body: the sentence, and what classifies it.

    code, type: the provider's own words. status: an HTTP status named in the body, 0 for none.
    details: further words that are not shown. wait: seconds, where the body has a field for them.
    """

    message: str
    code: str = ""
    type: str = ""
    status: int = 0
    details: str = ""
    wait: float | None = None


def read_body(data: bytes) -> ProviderError:
    """The error in a whole HTTP body: JSON, JSON behind `data:` (DashScope), a page, or plain text."""
    text = data.decode("utf-8", "replace").strip()
    if not text:
        return ProviderError("", EMPTY_BODY)
    lines = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
    return read_error(parse(lines[0] if lines else text)) or ProviderError(_plain(text))


def read_error(body: object) -> ProviderError | None:
    """The provider's error in parsed JSON; None when `body` holds none.

    `{"error":{...}}`, `{"error":"text"}`, `[{"error":...}]`, flat `{"object":"error","message":...}`,
    `{"base_resp":{"status_code","status_msg"}}`, `{"detail":...}`, `{"errors":[...]}`, `{"error_msg":...}` and an
    upstream's JSON wrapped in a string.
    """
    if isinstance(body, list):
        return read_error(body[0]) if body else None
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, str) and error:
        return _unwrapped(ProviderError(error, _word(body.get("code")), status=_status(body)))
    if isinstance(error, dict) and error:
        read = _read_object(error)
        return read if read.status else replace(read, status=_status(body))
    base = body.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return ProviderError(_text(base.get("status_msg")) or "unknown error", _word(base["status_code"]))
    if body.get("object") == "error" or body.get("type") == "error" or "choices" not in body:
        return _read_flat(body)
    return None


def _read_flat(body: dict[str, object]) -> ProviderError | None:
    """`{"object":"error","message",...}`, `{"detail"}`, `{"errors":[...]}` and the spellings of gateways."""
    code = _word(body.get("code")) or _word(body.get("error_code")) or _word(body.get("errorCode"))
    for name in ("message", "msg", "error_msg", "error_message", "errorMessage", "Message"):
        message = body.get(name)
        if isinstance(message, str) and (message or body.get("object") == "error"):
            return _unwrapped(ProviderError(message, code, _word(body.get("type")), _status(body)))
    errors = body.get("errors")
    if isinstance(errors, list) and errors:
        first = errors[0]
        return _read_object(first) if isinstance(first, dict) else ProviderError(_text(first), code)
    detail = body.get("detail")
    if isinstance(detail, dict) and (inner := read_error(detail)) is not None:
        return inner
    if detail:
        return ProviderError(_fields(detail), _word(body.get("title")), status=_status(body))
    return None


def _read_object(error: dict[str, object]) -> ProviderError:
    message = _text(error.get("message")) or _text(error.get("msg")) or _text(error)
    kind = _word(error.get("type")) or _word(error.get("status"))
    wait, details = None, [_text(error.get("details")), _text(error.get("innererror"))]
    availability = error.get("availability")  # OpenRouter's routing failures
    if isinstance(availability, dict):
        wait = _seconds(availability.get("retry_after"))
    metadata = error.get("metadata")
    if isinstance(metadata, dict):
        kind = _word(metadata.get("error_type")) or kind
        message = _with_metadata(message, metadata)
        details.append("moderation" if metadata.get("reasons") or metadata.get("flagged_input") else "")
    read = ProviderError(message, _word(error.get("code")), kind, _status(error), " ".join(filter(None, details)), wait)
    return _unwrapped(read)


def _with_metadata(message: str, metadata: dict[str, object]) -> str:
    """OpenRouter keeps the words of the upstream, and why an input was flagged, beside the message."""
    raw, reasons = metadata.get("raw"), metadata.get("reasons")
    if isinstance(raw, str) and raw and raw not in message:
        inner = read_error(parse(raw))
        message = f"{message}: {inner.message if inner else raw}"
    if isinstance(reasons, list) and reasons:
        message = f"{message.rstrip('.')}: {', '.join(map(str, reasons))}."
    return message


def _unwrapped(error: ProviderError) -> ProviderError:
    """Gateways pass an upstream's whole body on as their message."""
    if not error.message.lstrip().startswith(("{", "[")):
        return error
    inner = read_error(parse(error.message))
    if inner is None or inner.message == error.message:
        return error
    return replace(
        inner,
        code=inner.code or error.code,
        type=inner.type or error.type,
        status=inner.status or error.status,
        wait=error.wait if inner.wait is None else inner.wait,
    )


def _fields(detail: object) -> str:
    """FastAPI's list of wrong fields as a sentence."""
    if not isinstance(detail, list):
        return _text(detail)
    found = []
    for entry in detail:
        if not isinstance(entry, dict) or not isinstance(entry.get("msg"), str):
            return _text(detail)
        place = entry.get("loc")
        where = ".".join(map(str, place)) if isinstance(place, list) else ""
        found.append(f"{where}: {entry['msg']}" if where else entry["msg"])
    return "; ".join(found)


def _status(holder: dict[str, object]) -> int:
    """An HTTP status named in the body; the providers' own numbers are never of three digits."""
    for name in ("code", "http_code", "status_code", "statusCode", "status", "type"):
        if re.fullmatch(r"[45]\d\d", word := _word(holder.get(name))):
            return int(word)
    return 0


def _seconds(value: object) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 86400 else None  # type: ignore[arg-type, operator]


LONGEST_PAGE = 20_000  # characters; the title stands at the beginning


def _plain(text: str) -> str:
    """A page or a bare text as one sentence; markup is for browsers."""
    if re.match(r"\s*<(!doctype|html|head|body)", text, re.I):
        text = text[:LONGEST_PAGE]
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.I | re.S)
        bare = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", title[1] if title else text, flags=re.I | re.S)
        return " ".join(bare.split())[:300]
    return text[:LONGEST_TEXT]


def parse(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _word(value: object) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False) if value else ""
