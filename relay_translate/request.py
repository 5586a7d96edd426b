"""A Responses request -> the chat request for a profile, and the context its answer needs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, cast

from .chat_api import ChatRequest
from .context import TurnContext
from .conversation import ItemReader
from .errors import InvalidRequest
from .history import input_items
from .json_text import json_text
from .messages import UNSEEN, chat_messages, unseen_images
from .profiles import GENERIC, Profile
from .responses_api import REQUEST_FIELDS, Json
from .tools import ToolTable, parameter_types
from .usage import estimate_tokens

# Fields that need a memory of earlier turns. Only the first may have one (history.py).
_STATEFUL = {
    "previous_response_id": "send the whole conversation in `input`",
    "conversation": "send the whole conversation in `input`",
    "prompt": "stored prompts live at OpenAI; send `instructions` and `input`",
    "background": "send the request without it and read the answer from this call",
}

# Same name and meaning on both wires.
_SAME = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "stop", "seed", "top_logprobs",
         "service_tier")  # fmt: skip

_ECHOED = ("instructions", "max_output_tokens", "parallel_tool_calls", "reasoning", "temperature", "text",
           "tool_choice", "tools", "top_p", "truncation", "metadata", "store", "previous_response_id")  # fmt: skip

SCHEMA_IN_WORDS = (
    "Your final answer must be one JSON value and nothing else (no prose, no code fence), "
    "and must follow this JSON schema:\n"
)


@dataclass(frozen=True, kw_only=True)
class RequestOptions:
    """What the operator set. model_map: patterns (fnmatch) -> upstream slugs, the first match wins.
    extra_params: merged over the chat request, last word. drop_params: chat fields left out.
    codex: whether the client is Codex. provider: a label for people, normally the upstream's host.
    web_search: whether a provider's own search may stand in for Codex's. disabled_quirks: repairs of answers that are
    not to be made, by name (see quirks.py). successor: the model that answers the client's next try if this one fails
    before its first token. tool_denylist: names of tools that are not offered (see ToolTable.denies)."""

    model_map: Mapping[str, str] = field(default_factory=dict)
    extra_params: Mapping[str, object] = field(default_factory=dict)
    drop_params: frozenset[str] = frozenset()
    codex: bool = True
    provider: str = ""
    web_search: bool = True
    disabled_quirks: frozenset[str] = frozenset()
    successor: str = ""
    tool_denylist: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TranslatedRequest:
    """The chat request, what its answer needs, and what was dropped, renamed or repaired on the way."""

    body: ChatRequest
    context: TurnContext
    notes: tuple[str, ...]


def translate_request(
    body: Mapping[str, Any],
    profile: Profile = GENERIC,
    options: RequestOptions | None = None,
    earlier: Sequence[Json] | None = None,
) -> TranslatedRequest:
    """Translate one `POST /v1/responses` body (a parsed JSON object). earlier: the items of the conversation that its
    `previous_response_id` names (see history.py), which its input goes on from; None where nobody keeps any.

    The same history gives the same bytes, turn after turn, so that providers' prompt caches hold.
    Raises InvalidRequest, naming the field, for what can't be meant; odd items are repaired or noted instead.
    """
    try:
        return _Translation(body, profile, options or RequestOptions(), earlier).run()
    except RecursionError:
        raise InvalidRequest("the request is nested too deeply") from None


class _Translation:
    def __init__(
        self, body: Mapping[str, Any], profile: Profile, options: RequestOptions, earlier: Sequence[Json] | None
    ) -> None:
        self.body = body
        self.earlier = earlier
        self.profile = profile
        self.options = options
        self.notes: list[str] = []
        self.tools = ToolTable(profile, options.web_search, options.tool_denylist, notes=self.notes)
        self.wanted_format = _response_format(_object(body, "text").get("format"))

    def run(self) -> TranslatedRequest:
        items = _checked(self.body, has_memory=self.earlier is not None)
        if self.earlier:
            items = [*self.earlier, *items]
        requested = str(self.body["model"])
        # An operator may name the model in either place; reasoning belongs to the one that is asked.
        model = str(self.options.extra_params.get("model") or map_model(requested, self.options.model_map))
        self._collect_tools(items)
        reader = ItemReader(self.tools, self.profile.name, model, self._note)
        reader.instruct(self.body.get("instructions") or "")
        reader.instruct(self._schema_in_words())
        for name, value in self.body.items():
            if value is not None and name not in REQUEST_FIELDS and name not in _STATEFUL:
                self._note(f"{name[:64]}: an unknown field was left out")
        turns = reader.read(items)
        messages = chat_messages(turns, self.profile, model)
        if why := unseen_images(turns, self.profile, model):
            self._note(f"{UNSEEN}, {why}")
        if not any(message["role"] != self.profile.system_role for message in messages):
            messages.append({"role": "user", "content": "Go on."})
            self._note("input: nothing but instructions; a user message was added, which every server needs")
        streaming = self.body.get("stream") is True
        chat: Json = {"model": model, "messages": messages, "stream": streaming}
        if streaming and self.profile.stream_usage:
            chat["stream_options"] = {"include_usage": True}
        if not reader.compaction:
            self._add_tools(chat)
        self._add_parameters(chat)
        chat |= self.profile.extra_fields
        chat |= self.options.extra_params
        for name in self.options.drop_params:
            chat.pop(name, None)
        context = self._context(requested, chat, compaction=reader.compaction)
        return TranslatedRequest(cast(ChatRequest, chat), context, tuple(dict.fromkeys(self.notes)))

    def _note(self, note: str) -> None:
        self.notes.append(note)

    def _collect_tools(self, items: Iterable[Any]) -> None:
        """Tools stand in `tools` and, with some models, in the input itself, where they add up."""
        self.tools.offer(self.body.get("tools") or [])
        for item in items:
            if isinstance(item, dict) and item.get("type") in ("additional_tools", "tool_search_output"):
                found = item.get("tools")
                self.tools.offer(found if isinstance(found, list) else [])

    def _add_tools(self, chat: Json) -> None:
        choice = self.tools.choice(self.body.get("tool_choice"))
        rules, definitions = self.profile.tools, self.tools.listed()
        if self.profile.web_search and self.tools.search is not None:
            chat |= self.profile.web_search.fields
        if not definitions or (choice == "none" and rules.drop_when_none):
            return  # servers refuse an empty list, and a choice or a parallel flag without tools
        chat["tools"] = definitions
        form = choice if choice in ("none", "required") else "named"
        if choice is not None and form in (rules.thinking_choices if self._thinks() else rules.choices):
            chat["tool_choice"] = choice
        elif choice is not None:
            self._note(f"tool_choice: {form!r} was left out, {self.profile.label} does not take it here")
        if self.body.get("parallel_tool_calls") is False:
            self._put(chat, "parallel_tool_calls", False)

    def _add_parameters(self, chat: Json) -> None:
        for name in _SAME:
            if self.body.get(name) is not None:
                self._put(chat, name, self.body[name])
        if isinstance(self.body.get("max_output_tokens"), int):
            chat[self.profile.max_tokens_field] = self.body["max_output_tokens"]
        if isinstance(key := self.body.get("prompt_cache_key"), str):
            if self.profile.cache_key:
                chat[self.profile.cache_key] = key
            else:
                self._note(f"prompt_cache_key: left out, the profile {self.profile.name} does not take it")
        self._add_reasoning(chat)
        text = _object(self.body, "text")
        if text.get("verbosity") is not None:
            self._put(chat, "verbosity", text["verbosity"])
        response_format = self.wanted_format
        if response_format is None:
            return
        if self.profile.tools.no_format and "tools" in chat:
            self._note(f"response_format: left out, {self.profile.label} does not take it together with tools")
        elif response_format["type"] == "json_object" or self.profile.json_schema == "native":
            self._put(chat, "response_format", response_format)
        elif self.profile.json_schema == "object":
            self._put(chat, "response_format", {"type": "json_object"})

    def _schema_in_words(self) -> str:
        """The schema that the answer must follow, for a model whose provider won't see to it."""
        wanted = self.wanted_format
        refused = self.profile.json_schema != "native" or (self.profile.tools.no_format and self.tools.definitions)
        if wanted is None or "json_schema" not in wanted or not refused:
            return ""
        self._note(f"response_format: the schema stands in the instructions, {self.profile.label} takes none here")
        return SCHEMA_IN_WORDS + json_text(wanted["json_schema"]["schema"])

    def _thinks(self) -> bool:
        """Whether the model may think before it answers; most do unless told otherwise."""
        return _object(self.body, "reasoning").get("effort") != "none" or self.profile.reasoning.off is None

    def _add_reasoning(self, chat: Json) -> None:
        """How hard to think, in the provider's words."""
        rules = self.profile.reasoning
        chat |= rules.always
        effort = _object(self.body, "reasoning").get("effort")
        if not isinstance(effort, str):
            return
        if not self._thinks():
            chat |= rules.off or {}
            return
        if effort != "none":
            chat |= rules.on
        word = rules.efforts.get(effort, effort)
        if word is not None and rules.effort_field == "reasoning_effort":
            self._put(chat, "reasoning_effort", word)
        elif word is not None and rules.effort_field:
            outer, _, inner = rules.effort_field.partition(".")
            chat[outer] = {**_object(chat, outer), inner: word} if inner else word

    def _put(self, chat: Json, name: str, value: object) -> None:
        if name in self.profile.optional_fields:
            chat[name] = value
        else:
            self._note(f"{name}: left out, the profile {self.profile.name} does not take it")

    def _context(self, requested: str, chat: Json, *, compaction: bool) -> TurnContext:
        # Codex reads none of the echoed fields; repeating its 40 kB of tools three times a turn would only cost.
        names = () if self.options.codex else _ECHOED
        return TurnContext(
            model=str(chat.get("model", requested)),
            requested_model=requested,
            stream=chat.get("stream") is True,
            codex=self.options.codex,
            provider=self.options.provider,
            profile=self.profile,
            tools=self.tools.refs(),
            parameters=parameter_types([] if chat.get("tool_choice") == "none" else chat.get("tools")),
            disabled_quirks=self.options.disabled_quirks,
            successor=self.options.successor,
            compaction=compaction,
            structured=self.wanted_format is not None,
            input_estimate=estimate_tokens([chat.get("messages"), chat.get("tools")]),
            echo=MappingProxyType({name: self.body[name] for name in names if name in self.body}),
        )


def map_model(requested: str, model_map: Mapping[str, str]) -> str:
    """The upstream slug for a requested one; without a match it is passed on."""
    for pattern, model in model_map.items():
        if fnmatchcase(requested, pattern):
            return model
    return requested


def _checked(body: Mapping[str, Any], *, has_memory: bool) -> list[Any]:
    """The input items, after the checks of what can't be repaired."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("`model` must be a non-empty string", "model")
    for name, remedy in _STATEFUL.items():
        if body.get(name) and not (has_memory and name == "previous_response_id"):
            raise InvalidRequest(f"`{name}` is not supported by this relay, which keeps no state: {remedy}", name)
    for name, kind, words in _TYPES:
        if body.get(name) is not None and not _is_a(kind, body[name]):
            raise InvalidRequest(f"`{name}` must be {words}", name)
    _check_choices(body)
    items = input_items(body.get("input"))
    if items is None:
        raise InvalidRequest("`input` must be a string or a list of items", "input")
    if not items and not body.get("instructions"):
        raise InvalidRequest("`input` is empty; there is nothing to answer", "input")
    for i, item in enumerate(items):
        if not isinstance(item, dict):
            raise InvalidRequest(f"`input[{i}]` must be an object", f"input[{i}]")
        if item.get("content") is not None and not isinstance(item["content"], (str, list, dict)):
            raise InvalidRequest(f"`input[{i}].content` must be a string or a list of parts", f"input[{i}].content")
    return items


def _check_choices(body: Mapping[str, Any]) -> None:
    """Fields whose words the API lists; one that is not listed was meant to do something."""
    choice = body.get("tool_choice")
    if isinstance(choice, str) and choice not in ("auto", "none", "required"):
        raise InvalidRequest("`tool_choice` must be auto, none, required or a tool", "tool_choice")
    wanted = _object(body, "text").get("format")
    if wanted is not None and _object(_object(body, "text"), "format").get("type") not in _FORMATS:
        raise InvalidRequest(f"`text.format.type` must be one of {', '.join(_FORMATS)}", "text.format.type")
    for i, tool in enumerate(body.get("tools") or []):
        if not isinstance(tool, dict):
            raise InvalidRequest(f"`tools[{i}]` must be an object", f"tools[{i}]")
        if tool.get("type") in ("function", "custom", "namespace") and not isinstance(tool.get("name"), str):
            raise InvalidRequest(f"`tools[{i}].name` must be a string", f"tools[{i}].name")


_FORMATS = ("text", "json_object", "json_schema")


_TYPES: tuple[tuple[str, type | tuple[type, ...], str], ...] = (
    ("instructions", str, "a string"),
    ("stream", bool, "true or false"),
    ("tools", list, "a list of tools"),
    ("reasoning", dict, "an object"),
    ("text", dict, "an object"),
    ("tool_choice", (str, dict), "a string or an object"),
    ("parallel_tool_calls", bool, "true or false"),
    ("max_output_tokens", int, "an integer"),
    ("temperature", (int, float), "a number"),
    ("top_p", (int, float), "a number"),
)


def _is_a(kind: type | tuple[type, ...], value: object) -> bool:
    """Python takes true for a number and has numbers that JSON has not."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, kind) and not (isinstance(value, float) and not math.isfinite(value))


def _object(body: Mapping[str, Any], name: str) -> Json:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _response_format(wanted: object) -> Json | None:
    if not isinstance(wanted, dict):
        return None
    if wanted.get("type") == "json_object":
        return {"type": "json_object"}
    if wanted.get("type") != "json_schema":
        return None
    schema = {"name": wanted.get("name") or "answer", "schema": wanted.get("schema") or {"type": "object"}}
    for name in ("strict", "description"):
        if wanted.get(name) is not None:
            schema[name] = wanted[name]
    return {"type": "json_schema", "json_schema": schema}
