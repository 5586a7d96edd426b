"""Tools as signatures, in groups: `exec_command(cmd: string, workdir?: string)`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from relay_translate.responses_api import Json

from .layout import (
    STEP,
    WIDTH,
    columns,
    count,
    flat_json,
    indented,
    list_of,
    object_of,
    one_line,
    shown_value,
    size,
    text_of,
    tidy,
)
from .plain_json import pretty

_DEEPEST = 3  # objects inside objects that are spelt out
_MOST_WORDS = 6  # of an enumeration
_LONGEST = 800  # characters of a function's parameters
_SENTENCE = re.compile(r"(?<=[.!?])\s|\n")


@dataclass(frozen=True)
class Tool:
    """A tool of either wire. group: its namespace, "" for none; schema: of its parameters.
    origin: where it was offered, if not in `tools`."""

    kind: str
    name: str
    signature: str
    about: str = ""
    group: str = ""
    group_about: str = ""
    origin: str = ""
    schema: Json = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.group}.{self.name}" if self.group else self.name


def all_tools(body: Json) -> list[Tool]:
    """The tools of a request: those of `tools` and of items that add some."""
    tools = [*offered(body.get("tools"))]
    for number, item in enumerate(list_of(body.get("input"))):
        if isinstance(item, dict) and item.get("type") in ("additional_tools", "tool_search_output"):
            tools += offered(item.get("tools"), f"since item {number}")
    return tools


def tool_lines(tools: list[Tool]) -> list[str]:
    """All tools, the members of a namespace, or of one MCP server, together."""
    shared = [tool.name.rpartition("__")[0] for tool in tools]
    groups: dict[str, list[Tool]] = {}
    for tool, stem in zip(tools, shared, strict=True):
        # Flat names keep their namespace in front of `__`; one of a kind is no group.
        flat = stem if stem and (shared.count(stem) > 1 or stem.startswith("mcp__")) else ""
        groups.setdefault(tool.group or flat, []).append(tool)
    lines = []
    for group, members in groups.items():
        if group:
            about = next((f"  # {member.group_about}" for member in members if member.group_about), "")
            lines.append(f"{STEP}{group} ({count(len(members), 'tool')}):{about}")
        for member in members:
            lines += indented(_lines(member), STEP * 2 if group else STEP)
    return lines


def offered(tools: object, origin: str = "") -> Iterator[Tool]:
    """The tools in a list of either wire."""
    for tool in list_of(tools):
        if not isinstance(tool, dict):
            yield Tool("other", "not an object", one_line(pretty(tool), 80), origin=origin)
        elif isinstance(tool.get("function"), dict):
            function = tool["function"]
            yield _function("function", text_of(function.get("name")) or "unnamed", function, origin)
        elif tool.get("type") == "namespace":
            group, about = one_line(text_of(tool.get("name")) or "unnamed", 120), _first_sentence(tool)
            for member in offered(tool.get("tools"), origin):
                yield replace(member, group=group, group_about=about)
        else:
            yield _plain(tool, origin)


def _plain(tool: Json, origin: str) -> Tool:
    kind = one_line(text_of(tool.get("type")) or "tool without a type", 60)
    name = one_line(text_of(tool.get("name")) or kind, 120)
    if kind == "custom":
        grammar = object_of(tool.get("format"))
        definition = text_of(grammar.get("definition"))
        form = f"text in a {text_of(grammar.get('syntax')) or 'given'} grammar of {size(len(definition))}"
        return Tool(kind, name, f"{name}({form if definition else 'text'})", _first_sentence(tool), origin=origin)
    if kind in ("function", "tool_search"):
        return _function(kind, name, tool, origin)
    settings = {key: value for key, value in tool.items() if key not in ("type", "name") and value is not None}
    about = "runs at the provider, if it has one" if kind.startswith("web_search") else ""
    shown = f"{name} {one_line(flat_json(settings), 300)}" if settings else name
    return Tool(kind, name, shown, about, origin=origin)


def _function(kind: str, name: str, tool: Json, origin: str) -> Tool:
    words = [
        _first_sentence(tool),
        "strict" if tool.get("strict") is True else "",
        "deferred" if tool.get("defer_loading") is True else "",
    ]
    about, schema = "; ".join(word for word in words if word), object_of(tool.get("parameters"))
    name = one_line(name, 120)
    return Tool(kind, name, f"{name}({parameters(schema)})", about, origin=origin, schema=schema)


def parameters(schema: Json) -> str:
    """The parameters of a function, those that must be given first."""
    return one_line(_members(schema, 0), _LONGEST)


def _members(schema: Json, depth: int) -> str:
    required = [name for name in list_of(schema.get("required")) if isinstance(name, str)]
    named = object_of(schema.get("properties"))
    names = [name for name in named if name in required] + [name for name in named if name not in required]
    return ", ".join(f"{name}{'' if name in required else '?'}: {_type(named[name], depth)}" for name in names)


def _type(schema: object, depth: int) -> str:
    if not isinstance(schema, dict):
        return "any"
    if isinstance(schema.get("enum"), list):
        words = [shown_value(word, 40) for word in schema["enum"][:_MOST_WORDS]]
        return " | ".join(words + (["…"] if len(schema["enum"]) > _MOST_WORDS else [])) or "nothing"
    if "const" in schema:
        return shown_value(schema["const"], 40)
    if isinstance(schema.get("$ref"), str):
        return str(schema["$ref"]).rpartition("/")[2]
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**schema, "type": one}, depth) for one in kind[:_MOST_WORDS] if isinstance(one, str))
    if kind == "array":
        inner = _type(schema.get("items"), depth)
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if isinstance(schema.get("properties"), dict) and schema["properties"] and depth < _DEEPEST:
        return f"{{{_members(schema, depth + 1)}}}"
    for key in ("anyOf", "oneOf", "allOf"):
        if branches := list_of(schema.get(key)):
            joint = " & " if key == "allOf" else " | "
            return "…" if depth >= _DEEPEST else joint.join(_type(one, depth + 1) for one in branches[:_MOST_WORDS])
    return kind if isinstance(kind, str) else "any"


def _first_sentence(tool: Json) -> str:
    text = text_of(tool.get("description")).strip().lstrip("# ")
    return one_line(_SENTENCE.split(text[:2000], maxsplit=1)[0], 100)


def _lines(tool: Tool) -> list[str]:
    about = "; ".join(word for word in (tool.about, tool.origin) if word)
    short = f"{tool.signature}  # {about}" if about else tool.signature
    if columns(short) <= WIDTH - 4:
        return [tidy(short)]
    lines, rest = [], tool.signature
    while len(rest) > WIDTH - 4:
        cut = rest.rfind(", ", 0, WIDTH - 4)
        cut = rest.rfind(" ", 1, WIDTH - 4) if cut < 24 else cut + 1
        cut = WIDTH - 4 if cut < 24 else cut
        lines.append(rest[:cut].rstrip())
        rest = STEP * 2 + rest[cut:].strip()
    lines.append(rest)
    return [tidy(line) for line in (lines if not about else [*lines, f"{STEP * 2}# {about}"])]
