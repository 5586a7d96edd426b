"""The tools that were offered: which names count, and what a written argument means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay_translate.json_text import is_complete_object, json_text
from relay_translate.tools import CUSTOM_INPUT, ToolRef

from .cursor import NotACall


@dataclass(frozen=True)
class WrittenCall:
    """A call that stood in the text. name: the chat name. arguments: a JSON object as text. id: the model's own."""

    name: str
    arguments: str
    id: str = ""


class Offer:
    """parameters: chat name -> parameter -> its JSON types, joined by `|` ("" when nothing is said)."""

    def __init__(self, parameters: Mapping[str, Mapping[str, str]], tools: Mapping[str, ToolRef]) -> None:
        self._parameters = parameters
        self._tools = tools
        self._folded: dict[str, str | None] = {}
        for name in parameters:
            folded = name.casefold()
            self._folded[folded] = None if folded in self._folded else name  # None: two differ in case only

    def __bool__(self) -> bool:
        return bool(self._parameters)

    def name(self, written: str) -> str:
        """The chat name that is meant. Raises NotACall when it is none of the offered ones."""
        for name in (written, written.removeprefix("functions.")):
            if name in self._parameters:
                return name
            if found := self._folded.get(name.casefold()):
                return found
        raise NotACall

    def is_freeform(self, name: str) -> bool:
        ref = self._tools.get(name)
        return ref is not None and ref.kind == "custom"

    def from_object(self, name: str, text: str) -> WrittenCall:
        """A call whose arguments stand there as a JSON object; raw line breaks in its strings are forgiven."""
        return WrittenCall(name, text if is_complete_object(text) else json_text(_object(text)))

    def from_text(self, name: str, text: str) -> WrittenCall:
        """A call of a freeform tool whose text stands there as it is."""
        return WrittenCall(name, json_text({CUSTOM_INPUT: text}))

    def from_spelled(self, text: str) -> WrittenCall:
        """`{"name": ..., "arguments": {...}}`, as several markups have it."""
        spelled = _object(text)
        function = spelled.get("function")
        if isinstance(function, dict):
            spelled = function
        written = spelled.get("name") or function
        if not isinstance(written, str):
            raise NotACall
        name = self.name(written)
        given = (spelled[key] for key in ("arguments", "parameters") if spelled.get(key) is not None)
        arguments: Any = next(given, {})
        if isinstance(arguments, str) and not is_complete_object(arguments) and self.is_freeform(name):
            return self.from_text(name, arguments)
        return WrittenCall(name, json_text(_object(arguments) if isinstance(arguments, str) else _checked(arguments)))

    def from_pairs(self, name: str, pairs: Mapping[str, str], texts: Mapping[str, bool] | None = None) -> WrittenCall:
        """A call whose values stand there as bare text. texts: parameter -> whether the markup calls it a string."""
        kinds = self._parameters.get(name, {})
        texts = texts or {}
        return WrittenCall(
            name, json_text({key: _typed(text, kinds.get(key, ""), texts.get(key)) for key, text in pairs.items()})
        )


def _typed(text: str, kinds: str, is_text: bool | None) -> Any:
    """A bare value in the type that the tool's schema asks for; the markup's own word counts where it says nothing."""
    admitted = kinds.split("|") if kinds else []
    if is_text is not False and ("string" in admitted or (is_text and not admitted)):
        return None if text.strip() == "null" and "null" in admitted else text
    try:
        value = _json(text)
    except ValueError:
        word = text.strip().lower()
        return word == "true" if "boolean" in admitted and word in ("true", "false") else text
    if isinstance(value, str):
        return value if is_text is False or admitted else text
    if admitted == ["string"]:
        return text
    if isinstance(value, float) and value.is_integer() and "integer" in admitted and "number" not in admitted:
        return int(value)
    return value


def _object(text: str) -> dict[str, Any]:
    try:
        return _checked(_json(text))
    except ValueError:
        raise NotACall from None


def _checked(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotACall
    return value


def _json(text: str) -> Any:
    """Raises ValueError."""
    try:
        return json.loads(text, strict=False, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("too deep") from None


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")
