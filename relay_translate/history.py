"""`previous_response_id`: a request that goes on from a turn which the relay has kept.

Codex never needs this, it sends the whole history and `store: false`. Other clients rely on it, and as the API says:
the input of the earlier turns and their answers come before the new input, their instructions and tools do not.
Where turns are kept is somebody else's business (`HistoryStore`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .errors import ApiError, InvalidRequest, TranslationError
from .responses_api import Json


@dataclass(frozen=True)
class StoredTurn:
    """A turn that can be gone on from. id: of its response. items: the whole conversation up to its end, as input
    items. owner: what the keeper makes of the client's credential; nobody else is given the turn."""

    id: str
    owner: str
    items: Sequence[Json]


class HistoryStore(Protocol):
    """Keeps turns by the id of their response. It may forget any of them, and may fail with what its medium raises."""

    def load(self, id: str) -> StoredTurn | None: ...

    def save(self, turn: StoredTurn) -> None: ...


def previous_id(body: Mapping[str, Any]) -> str:
    """The id that a request goes on from, "" for none. Raises InvalidRequest for what can't be one."""
    wanted = body.get("previous_response_id")
    if not wanted:
        return ""
    if not isinstance(wanted, str):
        raise InvalidRequest("`previous_response_id` must be the id of a response", "previous_response_id")
    return wanted


def is_stored(body: Mapping[str, Any]) -> bool:
    """Whether a client may go on from the answer: the API's default is yes."""
    return body.get("store") is not False


def not_found(id: str) -> TranslationError:
    """As the API says it (400, by this code), and what can be done. A turn of another client's is not there either."""
    message = (
        f"Previous response with id '{id[:80]}' not found. The relay keeps turns for a limited time, for the key they "
        "were asked with, and none with `store: false`; send the whole conversation in `input`."
    )
    code, kind = "previous_response_not_found", "invalid_request_error"
    return TranslationError(ApiError(400, code, message, kind, "previous_response_id"))


def input_items(value: object) -> list[Any] | None:
    """A request's `input` as items; None when it is neither a text nor a list."""
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": value}] if value else []
    return value if isinstance(value, list) else None
