"""A provider's answer to `GET /models` -> facts, whatever it spells them like.

Read by the shape of the answer, not by who gave it: gateways and servers borrow each other's spellings. OpenAI: `data`
with ids. Together: a bare list. Ollama, Gemini and LM Studio by their own APIs: `models`. Where a list says the same
thing twice and differently the smaller number counts, for that is where requests start to be refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from relay_translate.profiles.known_models import holds_conversations
from relay_translate.responses_api import Json

from .facts import ModelFacts, ModelListError

_LARGEST = 100_000_000  # tokens; more is a mistake in the list
_LONGEST_ID = 256
_SHOWN = 160  # characters of an answer that is no list

_IDS = ("id", "slug", "key", "model", "name")
_NAMES = ("display_name", "displayName", "name")
_WINDOWS = (
    "context_length", "context_window", "max_model_len", "max_context_length", "contextLength", "inputTokenLimit",
    "max_input_tokens", "max_context_window", "context_size",
)  # fmt: skip
_OUTPUTS = ("max_completion_tokens", "max_output_tokens", "outputTokenLimit", "max_output_length", "max_tokens")
_SEES = ("supports_image_in", "supports_image_input", "supports_vision", "supportsImageInput", "vision")
_CALLS = ("supports_tools", "supports_function_calling", "supportsTools", "function_calling")
_THINKS = ("supports_reasoning", "thinking", "reasoning")
_CHATS = ("completion_chat", "chat_completion", "supports_chat", "chat")
_TALKING_TYPES = frozenset({"chat", "llm", "vlm", "code", "language"})
_OTHER_TYPES = frozenset({
    "embedding", "embeddings", "image", "video", "audio", "moderation", "rerank", "reranker", "transcribe", "tts",
    "speech", "embedding_model", "flumina_base_model",
})  # fmt: skip


def read_model_list(data: bytes) -> list[ModelFacts]:
    """Every model of a list, in its order, each id once; [] for a list with nothing in it.

    Models of any kind are in it, `chats` tells them apart; those a list calls inactive are left out. A `models/` in
    front of an id, as Gemini writes it, is taken off: requests take both forms, and people write the short one.

    Raises ModelListError when the answer is something else: an error, a page, a list of things without names.
    """
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        raise ModelListError(
            f"the answer is no JSON; it begins with {_shown(data.decode('utf-8', 'replace'))}"
        ) from None
    entries = list(_entries(answer))
    found = [facts for entry in entries if (facts := _facts(entry)) is not None]
    if entries and not found:
        raise ModelListError(f"the answer lists {len(entries)} things without an id")
    unique = {facts.id: facts for facts in reversed(found)}
    usable = [entry for entry in entries if entry.get("active") is not False]
    return [unique.pop(name) for entry in usable if (name := _id(entry)) in unique]


def _entries(answer: Any) -> Iterator[Json]:
    listed = answer
    if isinstance(answer, dict):
        both = [answer.get("data"), answer.get("models")]
        listed = next((one for one in both if isinstance(one, list) and one), both[0] if both[0] == [] else both[1])
    if not isinstance(listed, list):
        raise ModelListError(_instead(answer))
    beside = _capabilities_beside(answer)
    for entry in listed:
        if isinstance(entry, str):
            yield {"id": entry}
        elif isinstance(entry, dict):
            yield {**beside.get(_id(entry), {}), **entry}


def _capabilities_beside(answer: Any) -> dict[str, Json]:
    """llama.cpp says in `models` what the model of `data` can do."""
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        return {}
    others = answer.get("models")
    named = (one for one in others if isinstance(one, dict)) if isinstance(others, list) else ()
    return {_id(one): {"capabilities": one["capabilities"]} for one in named if "capabilities" in one}


def _instead(answer: Any) -> str:
    if not isinstance(answer, dict):
        return f"the answer is {_shown(json.dumps(answer))} instead of a list"
    error = answer.get("error")
    words = (
        (error.get("message") if isinstance(error, dict) else error) or answer.get("message") or answer.get("detail")
    )
    if isinstance(words, str):
        return f"the answer is an error: {_shown(words)}"
    return f"the answer is an object without a list; its keys are {_shown(', '.join(answer))}"


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= _SHOWN else line[:_SHOWN] + "...")


def _facts(entry: Json) -> ModelFacts | None:
    name = _id(entry)
    if not name:
        return None
    facts = ModelFacts(
        id=name,
        name=_text(entry, _NAMES).removeprefix("models/"),
        description=_text(entry, ("description",)),
        context_window=_window(entry),
        max_output_tokens=_least(_numbers(entry, _OUTPUTS)),
        images=_images(entry),
        tools=_tools(entry),
        parallel_calls="parallel_tool_calls" in _strings(entry.get("supported_parameters")) or None,
        chats=_chats(entry, name),
    )
    return replace(facts, **_thinking(entry))


def _id(entry: Json) -> str:
    name = next((entry[key].strip() for key in _IDS if isinstance(entry.get(key), str) and entry[key].strip()), "")
    usable = len(name) <= _LONGEST_ID and name.isprintable()
    return name.removeprefix("models/") if usable else ""


def _text(entry: Json, keys: Iterable[str]) -> str:
    found = next((entry[key] for key in keys if isinstance(entry.get(key), str)), "")
    # It is shown in terminals, which would obey an escape sequence.
    return " ".join("".join(letter if letter.isprintable() else " " for letter in found).split())


def _places(entry: Json) -> list[Json]:
    """The objects in which providers put a model's facts, the entry itself first."""
    inner = ("top_provider", "capabilities", "architecture", "limits")
    return [entry, *(entry[key] for key in inner if isinstance(entry.get(key), dict))]


def _numbers(entry: Json, keys: Iterable[str]) -> list[int]:
    found = (_number(place.get(key)) for place in _places(entry) for key in keys)
    return [number for number in found if number]


def _number(value: Any) -> int:
    """Tokens; 0 for what is no number of them."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LARGEST:
        return 0
    return int(value)


def _least(numbers: list[int]) -> int | None:
    return min(numbers) if numbers else None


def _window(entry: Json) -> int | None:
    """The window requests really have: of a server that loads models, what it is loaded with."""
    meta = entry.get("meta")
    if isinstance(meta, dict):
        return _number(meta.get("n_ctx")) or None
    instances = entry.get("loaded_instances")
    if isinstance(instances, list):
        configs = [one.get("config") for one in instances if isinstance(one, dict)]
        return _least([n for one in configs if isinstance(one, dict) if (n := _number(one.get("context_length")))])
    if "state" in entry:
        return _number(entry.get("loaded_context_length")) or None
    return _least(_numbers(entry, _WINDOWS))


def _strings(value: Any) -> list[str]:
    return [str(one).lower() for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _said(entry: Json, keys: Iterable[str]) -> bool | None:
    found = [place[key] for place in _places(entry) for key in keys if isinstance(place.get(key), bool)]
    return found[0] if found else None


def _modalities(entry: Json, side: str) -> list[str]:
    """Of "input" or "output": `input_modalities`, or `modality: "text+image->text"` as it was before."""
    for place in _places(entry):
        if listed := _strings(place.get(f"{side}_modalities")):
            return listed
        if isinstance(place.get("modality"), str) and "->" in place["modality"]:
            before, _, after = place["modality"].lower().partition("->")
            return _strings((before if side == "input" else after).split("+"))
    return []


def _images(entry: Json) -> bool | None:
    if (said := _said(entry, _SEES)) is not None:
        return said
    if listed := _modalities(entry, "input"):
        return "image" in listed
    abilities = _strings(entry.get("capabilities"))
    if "vision" in abilities or "multimodal" in abilities or entry.get("type") == "vlm":
        return True
    return False if "completion" in abilities else None


def _tools(entry: Json) -> bool | None:
    if (said := _said(entry, _CALLS)) is not None:
        return said
    if _said(entry, ("trained_for_tool_use",)):
        return True  # and not False otherwise: LM Studio gives other models a way of calling tools
    if parameters := _strings(entry.get("supported_parameters")):
        return "tools" in parameters
    return True if {"tools", "tool_use"} & set(_strings(entry.get("capabilities"))) else None


def _thinking(entry: Json) -> dict[str, Any]:
    """`reasoning`, `efforts` and `default_effort`, where something is said of them."""
    about = entry.get("reasoning")
    if isinstance(about, dict):
        return _reasoning_object(about)
    if isinstance(levels := entry.get("supported_reasoning_levels"), list):
        words = tuple(str(one["effort"]) for one in levels if isinstance(one, dict) and one.get("effort"))
        return {
            "reasoning": bool(words),
            "efforts": words,
            "default_effort": _text(entry, ("default_reasoning_level",)),
        }
    said = _said(entry, _THINKS)
    parameters = _strings(entry.get("supported_parameters"))
    if said is None and parameters:
        said = "reasoning" in parameters
    if said is None and "thinking" in _strings(entry.get("capabilities")):
        said = True
    return {"reasoning": said}


def _reasoning_object(about: Json) -> dict[str, Any]:
    words = [word for word in _strings(about.get("supported_efforts")) if word != "none"]
    can_be_off = about.get("mandatory") is not True
    default = "none" if can_be_off and about.get("default_enabled") is False else _text(about, ("default_effort",))
    efforts = ("none", *reversed(words)) if can_be_off else tuple(reversed(words))
    return {"reasoning": True, "efforts": efforts if words else None, "default_effort": default}


def _chats(entry: Json, name: str) -> bool:
    if (said := _said(entry, _CHATS)) is not None:
        return said
    kind = entry.get("type") or entry.get("kind") or ""
    kind = kind.lower() if isinstance(kind, str) else ""
    output, abilities = _modalities(entry, "output"), _strings(entry.get("capabilities"))
    methods = _strings(entry.get("supportedGenerationMethods"))
    if kind in _OTHER_TYPES or (output and "text" not in output) or (methods and "generatecontent" not in methods):
        return False
    if abilities and not {"completion", "chat"} & set(abilities) and "embedding" in abilities:
        return False
    return kind in _TALKING_TYPES or holds_conversations(name)
