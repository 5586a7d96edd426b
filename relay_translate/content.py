"""Content parts: Responses `input_*` / `output_*` -> chat `text` / `image_url`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .json_text import json_text
from .responses_api import Json

# Tuples, because a client's "type" may be anything, such as a list, which no set can be asked for.
TEXT_TYPES = ("input_text", "output_text", "text", "summary_text", "reasoning_text")

# The wire's own word for how closely to look; chat knows fewer.
_DETAILS = {"low": "low", "high": "high", "original": "high", "auto": "auto"}


def text_part(text: str) -> Json:
    return {"type": "text", "text": text}


def is_image(part: Json) -> bool:
    return part.get("type") == "image_url"


def read_parts(content: object, note: Callable[[str], None]) -> list[Json]:
    """A message's `content` or a tool's `output` (string, parts, or anything) as chat parts."""
    if isinstance(content, str):
        return [text_part(content)] if content else []
    if content is None:
        return []
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return [text_part(str(content))]
    parts = (_read_part(part, note) for part in content)
    return [part for part in parts if part is not None]


def _read_part(part: Any, note: Callable[[str], None]) -> Json | None:
    if isinstance(part, str):
        return text_part(part)
    if not isinstance(part, dict):
        note("content: a part that is not an object was left out")
        return None
    kind = part.get("type")
    if kind in TEXT_TYPES or (kind is None and isinstance(part.get("text"), str)):
        return text_part(part["text"]) if isinstance(part.get("text"), str) and part["text"] else None
    if kind == "encrypted_content":
        # What the model wrote for another agent; with a relay in between it is plain text.
        hidden = part.get("encrypted_content")
        return text_part(hidden) if isinstance(hidden, str) and hidden else None
    if kind == "refusal":
        return text_part(str(part.get("refusal") or "")) if part.get("refusal") else None
    if kind in ("input_image", "image_url"):
        return _image(part)
    if kind is None:
        return text_part(json_text(part))
    note(f"content: {kind} became a note in its place")
    return text_part(f"[{_left_out(part)}]")


def _image(part: Json) -> Json:
    url = part.get("image_url")
    if isinstance(url, dict):
        part, url = {**part, **url}, url.get("url")
    if not isinstance(url, str) or not url:
        return text_part(f"[an image that can't be fetched: {part.get('file_id') or 'no address given'}]")
    image = {"url": url}
    detail = _DETAILS.get(str(part.get("detail")))
    if detail:
        image["detail"] = detail
    return {"type": "image_url", "image_url": image}


def _left_out(part: Json) -> str:
    kind = str(part.get("type")).removeprefix("input_")
    name = part.get("filename") or part.get("file_id") or part.get("file_url")
    return f"{kind} {name} left out: it can't be passed on" if name else f"{kind} left out: it can't be passed on"


def join_text(parts: Iterable[Json], separator: str) -> str:
    """The text of parts; images are not text."""
    return separator.join(part["text"] for part in parts if part.get("type") == "text" and part["text"])


def chat_content(parts: list[Json], separator: str = "\n") -> str | list[Json]:
    """A plain string when there is only text (what every server takes), else parts."""
    if any(part.get("type") != "text" for part in parts):
        return parts
    return join_text(parts, separator)
