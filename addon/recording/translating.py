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
    profile, options = profile_of(turn.facts), options_of(turn.facts, codex=turn.is_codex)
    return translate_request(turn.request if request is None else request, profile, options)


def profile_of(facts: Mapping[str, Any]) -> Profile:
    """The profile that `metadata["relay"]` names, for its model. Raises RecordingError when it is not known here."""
    try:
        return find_profile(name=str(facts.get("profile") or ""), model=str(facts.get("model") or ""))
    except ValueError as error:
        raise RecordingError(f"its profile is not known here: {error}") from error


def options_of(facts: Mapping[str, Any], *, codex: bool) -> RequestOptions:
    """As set when the turn was recorded. Recordings without options tell the model; parameters are then unknown."""
    options = mapping(facts.get("options"))
    requested, model = str(facts.get("requested_model", "")), str(facts.get("model", ""))
    mapped = {requested: model} if model and requested != model and not options else {}
    return RequestOptions(
        model_map=mapping(options.get("model_map")) or mapped,
        extra_params=mapping(options.get("extra_params")),
        drop_params=frozenset(str(name) for name in options.get("drop_params") or ()),
        codex=codex,
        provider=str(facts.get("label") or facts.get("provider") or ""),
        web_search=options.get("web_search") is not False,
        tool_denylist=frozenset(str(name) for name in options.get("tool_denylist") or ()),
        disabled_quirks=frozenset(str(name) for name in options.get("disabled_quirks") or ()),
    )


def mapping(value: object) -> Mapping[str, Any]:
    """What a recording holds in the place of an object: recordings come from others."""
    return value if isinstance(value, dict) else {}
