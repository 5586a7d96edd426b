"""Fields of the request: limits, the optional ones, unknown ones, formats of the answer."""

from __future__ import annotations

import json
from typing import Any

from addon.probe.question import COUNT, COUNT_MOST, LIMIT, Add, Json, Known, Question, Verdict, last, offer_lookup
from addon.probe.reply import Reply
from relay_translate.stream import CUT

LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
UNKNOWN_FIELD = "codex_relay_probe"
_FORMAT_ROOM = 64  # tokens for a small JSON object

_FORMAT: Json = {
    "type": "json_schema",
    "json_schema": {
        "name": "probe_answer",
        "schema": {
            "type": "object",
            "properties": {"ok": {"type": "boolean"}},
            "required": ["ok"],
            "additionalProperties": False,
        },
    },
}


def count(body: Json) -> None:
    """Ask for more than the limit allows."""
    last(body)["content"] = COUNT


def limit_obeyed(reply: Reply, _: Known) -> Verdict:
    """Whether an answer that wants to be long stopped at the limit."""
    # One that was cut because its time was over tells nothing.
    if reply.cut and reply.characters > COUNT_MOST:
        return Verdict("yes", f"but not obeyed: the answer went on after {LIMIT} tokens", "ignored")
    if reply.finish in CUT:
        return Verdict("yes", "and obeyed")
    return Verdict("yes", "whether it is obeyed does not show: the answer was short")


def _limit(name: str) -> Add:
    def add(body: Json, _: Known) -> None:
        count(body)
        for other in LIMIT_FIELDS:
            body.pop(other, None)
        body[name] = LIMIT

    return add


def _usage(body: Json, _: Known) -> None:
    body["stream_options"] = {"include_usage": True}


def _unknown(body: Json, _: Known) -> None:
    body[UNKNOWN_FIELD] = 1


def _unknown_in_message(body: Json, _: Known) -> None:
    last(body)[UNKNOWN_FIELD] = 1


def _field(name: str, value: Any) -> Add:
    def add(body: Json, known: Known) -> None:
        if name == "parallel_tool_calls":
            offer_lookup(body)
        body[name] = value

    return add


def _format(body: Json, _: Known) -> None:
    body["response_format"] = _FORMAT
    # Some refuse the format where the prompt does not hold the word.
    last(body)["content"] = 'Answer with this JSON: {"ok": true}'


def _json_object(body: Json, known: Known) -> None:
    _format(body, known)
    body["response_format"] = {"type": "json_object"}


def _format_with_tools(body: Json, known: Known) -> None:
    _format(body, known)
    offer_lookup(body)


def _is_json(reply: Reply, _: Known) -> Verdict:
    try:
        obeyed = isinstance(json.loads(reply.text), dict)
    except ValueError:
        obeyed = False
    return Verdict("yes", "and the answer is JSON" if obeyed else "whether it is obeyed does not show")


# What a server that ignores unknown fields "takes" says nothing about it.
def _checks_fields(known: Known) -> bool:
    return known.answer("unknown_field") == "no"


LIMITS = (
    *(
        Question(name=name, asks=f"{name} as the output limit", add=_limit(name), judge=limit_obeyed, most=COUNT_MOST,
                 when=lambda known, name=name: known.answer(name) in ("", "unknown"))
        for name in LIMIT_FIELDS
    ),
    Question(name="include_usage", asks="stream_options.include_usage", add=_usage,
             when=lambda known: known.answer("include_usage") in ("", "unknown")),
)  # fmt: skip

UNKNOWN = (
    Question(name="unknown_field", asks="an unknown field", add=_unknown, together="unknown fields"),
    Question(name="unknown_message_field", asks="an unknown field in a message", add=_unknown_in_message,
             together="unknown fields"),
)  # fmt: skip

# Codex sends the first; other clients the rest.
VALUES: dict[str, Any] = {
    "parallel_tool_calls": False, "temperature": 1, "top_p": 0.95, "stop": ["\n\n\n"], "seed": 1,
    "presence_penalty": 0, "frequency_penalty": 0,
}  # fmt: skip
# Fields that few take, worth sending only where a check shows that they are known.
RARE: dict[str, Any] = {"prompt_cache_key": "codex-relay-probe", "verbosity": "low"}

OPTIONAL = (
    *(
        Question(name=name, asks=name, add=_field(name, value), together="optional fields",
                 when=lambda known, name=name: name != "parallel_tool_calls" or known.answer("tools") == "yes")
        for name, value in VALUES.items()
    ),
    *(Question(name=name, asks=name, add=_field(name, value), when=_checks_fields) for name, value in RARE.items()),
)  # fmt: skip

FORMATS = (
    Question(name="response_format", asks="response_format json_schema", add=_format, judge=_is_json,
             limit=_FORMAT_ROOM),
    Question(name="json_object", asks="response_format json_object", add=_json_object, judge=_is_json,
             limit=_FORMAT_ROOM, when=lambda known: known.answer("response_format") == "no"),
    Question(name="format_with_tools", asks="response_format together with tools", add=_format_with_tools,
             judge=_is_json, limit=_FORMAT_ROOM,
             when=lambda known: known.answer("response_format") == "yes" and known.answer("tools") == "yes"),
)  # fmt: skip
