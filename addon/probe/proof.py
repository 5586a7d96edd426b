"""The last question: does the endpoint take what Codex sends, translated with the profile that was made?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from addon.probe.differences import learnt_profile
from addon.probe.endpoint import Outcome
from addon.probe.question import LIMIT, Finding, Known
from addon.probe.questions.messages import picture
from relay_translate import translate_request

Json = dict[str, Any]


def _said(role: str, *parts: Json) -> Json:
    return {"type": "message", "role": role, "content": list(parts)}


def _text(text: str) -> Json:
    return {"type": "input_text", "text": text}


def codex_request(model: str, *, images: bool) -> Json:
    """A turn as Codex asks for it: instructions twice, user messages in a row, a call with its result, a picture."""
    asked = [_text("And in this picture?")] + [{"type": "input_image", "image_url": picture()}] * images
    shell = {"type": "object", "properties": {"cmd": {"type": "string"}, "limit": {"type": ["integer", "null"]}},
             "required": ["cmd"], "additionalProperties": False}  # fmt: skip
    kind = {"$ref": "#/$defs/kind"}
    search = {"type": "object", "properties": {"kind": kind}, "$defs": {"kind": {"type": "string", "enum": ["a", "b"]}},
              "$schema": "https://json-schema.org/draft/2020-12/schema"}  # fmt: skip
    called = "call_AbCdEf0123456789ghij"
    return {
        "model": model,
        "instructions": "Be brief.",
        "input": [
            _said("developer", _text("Ask before you delete anything.")),
            _said("user", _text("<environment_context></environment_context>")),
            _said("user", _text("List the files.")),
            {"type": "function_call", "call_id": called, "name": "shell", "arguments": '{"cmd":"ls"}'},
            {"type": "function_call_output", "call_id": called, "output": "a.txt"},
            _said("assistant", {"type": "output_text", "text": "There is a.txt."}),
            _said("developer", _text("The mode has changed.")),
            _said("user", *asked),
        ],
        "tools": [
            {"type": "function", "name": "shell", "parameters": shell, "strict": False},
            {"type": "function", "name": "search", "parameters": search, "strict": False},
            {"type": "custom", "name": "apply_patch", "description": "Patches files."},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "prompt_cache_key": "codex-relay-probe",
        "max_output_tokens": LIMIT,
        "stream": True,
    }  # fmt: skip


def proof(
    known: Known,
    ask: Callable[
        [
            Json,
        ],
        Outcome,
    ],
) -> Finding:
    """ask: sends one chat request."""
    profile = learnt_profile(known.base, known.findings, known.model)
    body = dict(translate_request(codex_request(known.model, images=profile.sees_images(known.model)), profile).body)
    outcome = ask(body)
    answer = {"answered": "yes", "refused": "no"}.get(outcome.kind, "unknown")
    return Finding("proof", "a request of Codex's, made with the new profile", answer, "", outcome.evidence)
