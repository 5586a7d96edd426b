"""Refusals in the bodies that providers put them in: a complaint -> the reply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from addon.scripted.dialects.limits import Complaint
from addon.scripted.replies import Reply, raw_body

Json = dict[str, Any]
Refusal = Callable[[Complaint], Reply]

_FIELD = {
    "field": "Unrecognized request argument supplied: {}",
    "message_field": "Additional properties are not allowed: {}",
}


def nested(
    code: object = None, *, type: str | None = "invalid_request_error", words: Json = _FIELD, status: int = 400
) -> Refusal:
    """`{"error": {"message", "type", "param", "code"}}`; a type of None leaves all but message and code out."""

    def refuse(complaint: Complaint) -> Reply:
        error: Json = {"message": _text(complaint, words), "code": code}
        return raw_body({"error": error | ({"type": type, "param": None} if type else {})}, status=status)

    return refuse


def without_code(complaint: Complaint) -> Reply:
    """`{"error": {"message", "type"}}`."""
    return raw_body({"error": {"message": _text(complaint, _FIELD), "type": "invalid_request_error"}}, status=400)


def flat(code: object, *, type: str, words: Json = _FIELD, bare: bool = False, param: str | None = None) -> Refusal:
    """`{"object": "error", "message", "type", "param", "code"}`, or bare, without `object`."""

    def refuse(complaint: Complaint) -> Reply:
        body: Json = {"message": _text(complaint, words), "type": type, "param": param, "code": code}
        return raw_body(body if bare else {"object": "error", **body}, status=400)

    return refuse


def validated(other: Refusal) -> Refusal:
    """422 and a list of places for fields that are not known; anything else as `other` has it."""

    def refuse(complaint: Complaint) -> Reply:
        if complaint.kind not in ("field", "message_field"):
            return other(complaint)
        place = ["body", *complaint.text.replace("[", ".").replace("]", "").split(".")]
        detail = {"type": "extra_forbidden", "loc": place, "msg": "Extra inputs are not permitted", "input": "..."}
        return raw_body({"detail": [detail]}, status=422)

    return refuse


def prose(complaint: Complaint) -> Reply:
    """`{"code": a sentence, "error": a sentence}`."""
    text = _text(complaint, {"field": "Argument not supported on this model: {}"})
    return raw_body({"code": "Client specified an invalid argument", "error": text}, status=400)


def only_words(complaint: Complaint) -> Reply:
    """`{"error": a sentence}`."""
    return raw_body({"error": _text(complaint, _FIELD)}, status=400)


def listed(complaint: Complaint) -> Reply:
    """An array of one error with a gRPC status."""
    text = _text(
        complaint, dict.fromkeys(_FIELD, 'Invalid JSON payload received. Unknown name "{}": Cannot find field.')
    )
    error = {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}
    # An array is no JSON object, which is what raw_body takes.
    return replace(raw_body(f"[{_json({'error': error})}]"), status=400)


def numbered(complaint: Complaint) -> Reply:
    """`{"error": {"code": a number as text, "message"}}`, with one sentence for whatever is wrong."""
    text = f"API 调用参数有误，请检查文档。({complaint.text})"
    return raw_body({"error": {"code": "1210", "message": text}}, status=400)


def typed(complaint: Complaint) -> Reply:
    """`{"type": "error", "error": {"type", "message"}}`."""
    text = f"invalid params, {complaint.text} (2013)"
    return raw_body({"type": "error", "error": {"type": "bad_request_error", "message": text}}, status=400)


def titled(complaint: Complaint) -> Reply:
    """`{"status", "title", "detail"}`, as gateways of one kind have it."""
    text = _text(complaint, dict.fromkeys(_FIELD, "Validation: Unsupported parameter(s): {}"))
    return raw_body({"status": 400, "title": "Bad Request", "detail": text}, status=400)


def _text(complaint: Complaint, words: Json) -> str:
    return str(words.get(complaint.kind, "{}")).format(complaint.text)


def _json(value: Json) -> str:
    return b"".join(piece for piece in raw_body(value).pieces if isinstance(piece, bytes)).decode()
