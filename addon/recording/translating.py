"""A recorded request through today's translator, with the profile and the options of its turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay_translate import Profile, RequestOptions, TranslatedRequest, find_profile, translate_request

from . import RecordingError
from .flows import Json, RecordedTurn


def translated(turn: RecordedTurn, request: Json | None = None) -> TranslatedRequest:
    """What today's translator makes of the turn's request, or of another one in its place.

    Raises RecordingError for a body that was not kept whole or a profile that is not known here, and TranslationError
    for a request that is refused.
    """
    profile = _profile(turn)
    return translate_request(turn.request if request is None else request, profile, options_of(turn))


def options_of(turn: RecordedTurn) -> RequestOptions:
    """As set when the turn was recorded. Recordings without options tell the model; parameters are then unknown."""
    facts, options = turn.facts, mapping(turn.facts.get("options"))
    requested, model = str(facts.get("requested_model", "")), str(facts.get("model", ""))
    mapped = {requested: model} if model and requested != model else {}
    return RequestOptions(
        model_map=mapping(options["model_map"]) if options.get("model_map") else mapped,
        extra_params=mapping(options.get("extra_params")),
        drop_params=frozenset(str(name) for name in options.get("drop_params") or ()),
        codex=turn.is_codex,
        provider=str(facts.get("label") or facts.get("provider") or ""),
        web_search=options.get("web_search") is not False,
        disabled_quirks=frozenset(str(name) for name in options.get("disabled_quirks") or ()),
    )


def mapping(value: object) -> Mapping[str, Any]:
    """What a recording holds in the place of an object: recordings come from others."""
    return value if isinstance(value, dict) else {}


def _profile(turn: RecordedTurn) -> Profile:
    try:
        return find_profile(name=str(turn.facts.get("profile") or ""), model=str(turn.facts.get("model") or ""))
    except ValueError as error:
        raise RecordingError(f"its profile is not known here: {error}") from error
