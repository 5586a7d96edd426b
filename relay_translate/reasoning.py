"""Reasoning items <-> what a provider calls its reasoning, without a table of our own.

Codex sends each reasoning item of a thread back byte for byte, through tool loops, turns, `exec resume` and
restarts of anything in between (0.40 to 0.169).  So all that a provider wants back travels in the item's
`encrypted_content`: a version word, then base64 of compressed JSON.  It is not secret (the client's own machine
holds it) and it is not keyed by anything: it belongs to the assistant message it stands before.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .json_text import json_bytes
from .responses_api import Json

VERSION = "relay1."
_POSITION = re.compile(r"[0-9]{1,4}")
LARGEST = 64 << 20  # bytes after decompression; a forged blob can't fill the memory

THINK = "<think>"
"""The name of "field" for reasoning that came inside the content, between these tags; other tags are named likewise."""
PARTS = "thinking"
"""The same for reasoning that came as parts of the content, of type `thinking`."""


@dataclass(frozen=True)
class ReasoningState:
    """What one reasoning item carries for the provider.

    `text` came in the message field `source` (`reasoning_content`, `reasoning`, a tag or PARTS); `details` are opaque
    `reasoning_details`, in order; `calls` holds what a provider hung on a tool call (a signature), by the call's
    position among the calls of its assistant message.  `answer` tells the provider's answers apart: when one was
    cut and asked for again, Codex keeps what both had finished.
    """

    answer: str = ""
    source: str = ""
    text: str = ""
    details: tuple[Json, ...] = ()
    calls: Mapping[int, Json] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.text or self.details or self.calls)


def seal(state: ReasoningState, profile: str, model: str) -> str:
    """The `encrypted_content` that `unseal` reads back."""
    content: Json = {"profile": profile, "model": model, "answer": state.answer}
    if state.text:
        content |= {"source": state.source, "text": state.text}
    if state.details:
        content["details"] = list(state.details)
    if state.calls:
        content["calls"] = {str(position): extra for position, extra in state.calls.items()}
    return pack(content)


def unseal(blob: object, profile: str, model: str) -> ReasoningState | None:
    """The state in `blob`, or None for another relay's, OpenAI's, another provider's or a damaged one.

    Opaque details and call state are good only for the model that made them; the text is good for its provider.
    """
    content = unpack(blob)
    if content is None or content.get("profile") != profile:
        return None
    text, details, calls = content.get("text"), content.get("details"), content.get("calls")
    same_model = content.get("model") == model
    return ReasoningState(
        answer=str(content.get("answer", "")),
        source=str(content.get("source", "")),
        text=text if isinstance(text, str) else "",
        details=tuple(d for d in details if isinstance(d, dict)) if same_model and isinstance(details, list) else (),
        calls={int(k): v for k, v in calls.items() if _POSITION.fullmatch(k) and isinstance(v, dict)}
        if same_model and isinstance(calls, dict) else {},
    )  # fmt: skip


def seal_summary(text: str) -> str:
    """A compaction item's `encrypted_content`: the summary itself, readable by any relay of this kind."""
    return pack({"summary": text})


def unseal_summary(blob: object) -> str | None:
    """The summary in a compaction item, or None when it is not ours."""
    content = unpack(blob)
    summary = content.get("summary") if content else None
    return summary if isinstance(summary, str) else None


def join_states(states: Iterable[ReasoningState]) -> ReasoningState:
    """The states of one assistant message, in order, as the provider streamed them: those of the last answer,
    for an earlier one was cut and the message is not its."""
    states = list(states)
    last = states[-1].answer if states else ""
    states = [state for state in states if state.answer == last]
    source = ""
    text: list[str] = []
    calls: dict[int, Json] = {}
    details: list[Json] = []
    for state in states:
        source = source or (state.source if state.text else "")
        text.append(state.text)
        details = fold_details(details, state.details)
        calls.update(state.calls)
    return ReasoningState(last, source, "".join(text), tuple(details), calls)


def fold_details(so_far: list[Json], pieces: Iterable[Any]) -> list[Json]:
    """Put streamed `reasoning_details` together: pieces with the index and type of the last entry continue it.

    OpenRouter streams text in pieces and a signature as a last piece of its own; the whole list has to go back
    unmodified and in order.
    """
    for piece in pieces:
        if not isinstance(piece, dict):
            continue
        last = so_far[-1] if so_far else None
        if last is not None and piece.get("index") is not None and _continues(last, piece):
            for key, value in piece.items():
                if key in ("text", "summary", "data") and isinstance(value, str) and isinstance(last.get(key), str):
                    last[key] += value
                elif value is not None:
                    last[key] = value
        else:
            so_far.append(dict(piece))
    return so_far


def details_text(pieces: Iterable[Any]) -> str:
    """The readable text in a chunk's `reasoning_details`."""
    found = []
    for piece in pieces:
        if isinstance(piece, dict):
            text = piece.get("text") or piece.get("summary")
            if isinstance(text, str):
                found.append(text)
    return "".join(found)


def _continues(last: Json, piece: Json) -> bool:
    return all(last.get(key) == piece.get(key) for key in ("index", "type"))


def pack(content: Json) -> str:
    """JSON as an `encrypted_content` of ours."""
    return VERSION + base64.urlsafe_b64encode(zlib.compress(json_bytes(content), 6)).decode().rstrip("=")


def unpack(blob: object) -> Json | None:
    """What `pack` was given; None for anything else, which is no error."""
    if not isinstance(blob, str) or not blob.startswith(VERSION):
        return None
    packed = blob[len(VERSION) :]
    try:
        raw = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        content = json.loads(zlib.decompressobj().decompress(raw, LARGEST))
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
