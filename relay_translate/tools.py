"""Tool definitions, names and choice, both ways.

Chat Completions knows one kind of tool, the function with a flat name; Codex offers functions, freeform
(`custom`) tools, namespaces of both and `tool_search`, and wants each call back in the kind it offered
(a wrong kind gives the model "aborted", a wrong name "unsupported call").  The `ToolTable` remembers.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from .profiles import GENERIC, Profile
from .profiles.profile import WebSearch
from .responses_api import HOSTED_TOOLS, Json
from .schemas import fit_schema

Kind = Literal["function", "custom", "tool_search", "local_shell"]

WEB_SEARCHES = ("web_search", "web_search_preview")
LONGEST_NAME = 64  # characters of a name, of most providers
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")

# Codex takes calls to the members of this namespace with and without it, and models know them by their bare names.
BARE_NAMESPACE = "functions"

CUSTOM_INPUT = "input"
"""The one parameter of a freeform tool offered as a function."""

_CUSTOM_USAGE = (
    "Call this function with a JSON object holding one string, `input`: the raw text for the tool, "
    "escaped as JSON requires and not wrapped in anything else."
)

_LOCAL_SHELL: Json = {
    "type": "object",
    "properties": {
        "command": {"type": "array", "items": {"type": "string"}, "description": "The command and its arguments."},
        "working_directory": {"type": "string"},
        "timeout_ms": {"type": "integer"},
    },
    "required": ["command"],
}


@dataclass(frozen=True)
class ToolRef:
    """How Codex knows a tool: what a call must come back as."""

    kind: Kind
    name: str
    namespace: str | None = None
    execution: str = "client"  # tool_search only


@dataclass
class ToolTable:
    """The tools of one request: their definitions for the provider, and the way back from chat names.

    Names are a function of (namespace, name) alone wherever possible, so that they are the same in every turn.
    """

    profile: Profile = GENERIC
    web_search: bool = True  # whether the provider's own may be used
    denied: frozenset[str] = frozenset()  # names of tools that are not offered to the model, see `denies`
    definitions: dict[str, Json] = field(default_factory=dict)  # by chat name, in order of appearance
    search: Json | None = None  # Codex's `web_search`, when it is offered and the provider has one
    notes: list[str] = field(default_factory=list)
    _refs: dict[str, ToolRef] = field(default_factory=dict)
    _names: dict[tuple[str | None, str], str] = field(default_factory=dict)

    def offer(self, tools: Iterable[Any]) -> None:
        """Add the tools of a `tools` list, an `additional_tools` item or a `tool_search_output`."""
        for tool in tools:
            if not isinstance(tool, dict):
                self.notes.append("tools: an entry that is not an object was left out")
            elif tool.get("type") == "namespace":
                members = tool.get("tools")
                namespace = _string(tool.get("name")) or None
                # The group's own words would be lost with the group; the first member carries them, once.
                about = _string(tool.get("description"))
                for member in members if isinstance(members, list) else []:
                    if isinstance(member, dict) and not self._is_left_out(member, namespace):
                        self._offer_one(member, namespace, f"{namespace}: {about}" if about else "")
                        about = ""
            elif not self._is_left_out(tool, None):
                self._offer_one(tool, None)

    def denies(self, tool: Json, namespace: str | None = None) -> bool:
        """Whether the operator's list names a tool: as the provider would see it, as Codex does (`spawn_agent`,
        `agents.spawn_agent`), or by its whole namespace. Tools without a name go by their type."""
        if not self.denied:
            return False
        name = _string(tool.get("name")) or _string(tool.get("type"))
        names = {name, self._flat(name, namespace)} if name else set()
        if _scope(namespace) is not None:
            names |= {f"{namespace}.{name}", str(namespace)}
        return not self.denied.isdisjoint(names)

    def _is_left_out(self, tool: Json, namespace: str | None) -> bool:
        if not self.denies(tool, namespace):
            return False
        name = _string(tool.get("name")) or _string(tool.get("type"))
        self.notes.append(f"tools: {self._flat(name, namespace)} was left out, as relay_tool_denylist says")
        return True

    def chat_name(self, kind: Kind, name: str, namespace: str | None = None) -> str:
        """The flat name for a tool, offered or only called in the history (a deferred one, one of an old turn)."""
        known = self._names.get((_scope(namespace), name)) or self._flat(name, namespace)
        # Older versions of Codex spelt the same tool with other namespaces or none: its flat name is the same.
        return known if known in self._refs else self._claim(ToolRef(kind, name, namespace))

    def refs(self) -> Mapping[str, ToolRef]:
        """The way back: chat name -> the tool as Codex knows it."""
        return MappingProxyType(self._refs)

    def listed(self) -> list[Json]:
        """The entries of `tools`: the functions that the provider takes, then its own web search."""
        most, named = self.profile.tools.most or len(self.definitions), list(self.definitions)
        if len(named) > most:
            self.notes.append(f"tools: {len(named)} are offered and {self.profile.label} takes {most}; left out: "
                              f"{', '.join(named[most:])}")  # fmt: skip
        found = [self.definitions[name] for name in named[:most]]
        rules = self.profile.web_search
        return [*found, _search_tool(rules, self.search)] if rules and rules.tool and self.search is not None else found

    def choice(self, choice: object) -> str | Json | None:
        """`tool_choice` in chat form; None when the provider's default says the same or the tool is not offered."""
        if isinstance(choice, str):
            return choice if choice in ("none", "required") else None
        if not isinstance(choice, dict):
            return None
        if choice.get("type") == "allowed_tools":
            return self._allow_only(choice)
        name = self._chosen(choice)
        if name is None:
            wanted = _string(choice.get("name")) or choice.get("type")
            self.notes.append(f"tool_choice: {wanted} is not offered, the model is left to choose")
            return None
        return {"type": "function", "function": {"name": name}}

    def _allow_only(self, choice: Json) -> str | None:
        listed = choice.get("tools")
        allowed = (
            {self._chosen(tool) for tool in listed if isinstance(tool, dict)} if isinstance(listed, list) else set()
        )
        self.definitions = {name: tool for name, tool in self.definitions.items() if name in allowed}
        return "required" if choice.get("mode") == "required" and self.definitions else None

    def _chosen(self, choice: Json) -> str | None:
        inner = choice.get("function")
        name = _string(choice.get("name")) or (_string(inner.get("name")) if isinstance(inner, dict) else "")
        name = name or _string(choice.get("type"))
        found = self._names.get((_scope(_string(choice.get("namespace")) or None), name), name)
        return found if found in self.definitions else None

    def _offer_one(self, tool: Json, namespace: str | None, group: str = "") -> None:
        kind, name = tool.get("type"), _string(tool.get("name"))
        if kind == "function" and name:
            strict = tool.get("strict")
            self._define(
                ToolRef("function", name, namespace),
                _description(tool, group),
                _parameters(tool.get("parameters")),
                strict if isinstance(strict, bool) else None,
            )
        elif kind == "custom" and name:
            self._define(ToolRef("custom", name, namespace), _custom_description(tool, group), _custom_parameters())
        elif kind == "tool_search":
            ref = ToolRef("tool_search", "tool_search", None, _string(tool.get("execution")) or "client")
            self._define(ref, _description(tool), _parameters(tool.get("parameters")))
        elif kind == "local_shell":
            self._define(ToolRef("local_shell", "local_shell"), "Runs a command on the user's machine.", _LOCAL_SHELL)
        elif kind in WEB_SEARCHES and self.profile.web_search and self.web_search:
            self.search = tool
        elif kind in WEB_SEARCHES:
            why = "as relay_web_search=off says" if self.profile.web_search else "the provider has none on this wire"
            self.notes.append(f"tools: web_search was left out, {why}")
        elif kind in HOSTED_TOOLS:
            self.notes.append(f"tools: {kind} runs only at OpenAI and was left out")
        else:
            self.notes.append(f"tools: {name or 'a tool'} of the unknown type {kind!r} was left out")

    def _define(self, ref: ToolRef, description: str, parameters: Json, strict: bool | None = None) -> None:
        name = self._names.get((_scope(ref.namespace), ref.name)) or self._claim(ref)
        self._refs[name] = ref
        function: Json = {"name": name}
        if description:
            function["description"] = description
        function["parameters"] = fit_schema(parameters, self.profile.schema)
        if strict is not None and self.profile.schema.strict == "keep":
            function["strict"] = strict
        self.definitions[name] = {"type": "function", "function": function}

    def _claim(self, ref: ToolRef) -> str:
        name = self._flat(ref.name, ref.namespace)
        if name in self._refs:
            name = _hashed(name, ref.name, ref.namespace, self.profile.tools.longest_name)
        self._refs[name] = ref
        self._names[_scope(ref.namespace), ref.name] = name
        return name

    def _flat(self, name: str, namespace: str | None) -> str:
        rules = self.profile.tools
        flat = flat_name(name, namespace, rules.longest_name)
        if rules.letter_first and not (flat[0].isalpha() or flat[0] == "_"):
            return _hashed(f"_{flat}", name, namespace, rules.longest_name)
        return flat


def parameter_types(tools: object) -> Mapping[str, Mapping[str, str]]:
    """The functions in a chat request's `tools`: name -> parameter -> its JSON types, joined by `|`."""
    found: dict[str, Mapping[str, str]] = {}
    for tool in tools if isinstance(tools, list) else []:
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            schema = function.get("parameters")
            properties = schema.get("properties") if isinstance(schema, dict) else None
            pairs = properties.items() if isinstance(properties, dict) else ()
            found[function["name"]] = MappingProxyType({name: _types(inner) for name, inner in pairs})
    return MappingProxyType(found)


def _types(schema: Any) -> str:
    if not isinstance(schema, dict):
        return ""
    said = schema.get("type")
    types = [kind for kind in (said if isinstance(said, list) else [said]) if isinstance(kind, str)]
    for key in ("anyOf", "oneOf"):
        branches = schema.get(key)
        types += [_types(branch) for branch in branches] if isinstance(branches, list) else []
    values = schema.get("enum")
    if not types and isinstance(values, list) and values and all(isinstance(value, str) for value in values):
        types = ["string"]
    return "|".join(dict.fromkeys(kind for kind in "|".join(types).split("|") if kind))


def flat_name(name: str, namespace: str | None = None, longest: int = LONGEST_NAME) -> str:
    """`namespace__name` in at most `longest` legal characters; what had to be changed or cut ends in a hash of all."""
    plain = name
    if _scope(namespace) is not None:
        plain = f"{namespace}{name}" if str(namespace).endswith("__") else f"{namespace}__{name}"
    legal = _ILLEGAL.sub("_", plain)
    if legal == plain and 0 < len(plain) <= longest:
        return plain
    return _hashed(legal, name, namespace, longest)


def _hashed(legal: str, name: str, namespace: str | None, longest: int) -> str:
    digest = hashlib.sha256(f"{namespace or ''}\0{name}".encode("utf-8", "replace")).hexdigest()[:8]
    return f"{legal[: longest - 9]}_{digest}"


def _search_tool(rules: WebSearch, wanted: Json) -> Json:
    """The provider's search, with as much of Codex's settings as it knows."""
    made: Json = copy.deepcopy(dict(rules.tool))
    for name, path in rules.settings.items():
        filters = wanted.get("filters")
        value = wanted.get(name) or (filters.get(name) if isinstance(filters, dict) else None)
        if value is not None:
            *outer, last = path.split(".")
            holder = made
            for key in outer:
                holder = holder.setdefault(key, {})
            holder[last] = value
    return made


def _scope(namespace: str | None) -> str | None:
    return None if namespace in (None, "", BARE_NAMESPACE) else namespace


def _description(tool: Json, group: str = "") -> str:
    own = _string(tool.get("description"))
    return f"{own}\n\n({group})" if own and group else own or group


def _custom_description(tool: Json, group: str) -> str:
    parts = [_description(tool, group), _CUSTOM_USAGE]
    grammar = tool.get("format")
    if isinstance(grammar, dict) and grammar.get("definition"):
        syntax = f"{grammar['syntax']} " if grammar.get("syntax") else ""
        parts.append(f"The text must follow this {syntax}grammar:\n{grammar['definition']}")
    return "\n\n".join(part for part in parts if part)


def _custom_parameters() -> Json:
    return {
        "type": "object",
        "properties": {CUSTOM_INPUT: {"type": "string", "description": "The raw text."}},
        "required": [CUSTOM_INPUT],
        "additionalProperties": False,
    }


def _parameters(schema: object) -> Json:
    """A root object schema, which providers insist on, without the keyword `encrypted` that only OpenAI knows."""
    if not isinstance(schema, dict):
        return {"type": "object", "properties": {}}
    clean: Json = _without_encrypted(schema)
    if clean.get("type") != "object":
        # A root such as anyOf stays as it is beside the type; `null` and lists of types do not.
        clean["type"] = "object"
    if not isinstance(clean.get("properties"), dict):
        clean["properties"] = {}
    return clean


def _without_encrypted(schema: Any) -> Any:
    if isinstance(schema, dict):
        # A property may be called "encrypted"; the keyword is the one whose value is a bool.
        return {k: _without_encrypted(v) for k, v in schema.items() if not (k == "encrypted" and isinstance(v, bool))}
    if isinstance(schema, list):
        return [_without_encrypted(v) for v in schema]
    return schema


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
