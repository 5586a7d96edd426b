"""What Codex sends, as an inventory: names of each kind, and for each the facts that may change between versions.

What the translator knows of it comes from the translator's own tables (relay_translate/responses_api.py) and, for
endpoints, from the relay's own routes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mitmproxy import http, io

from addon.intake import route
from addon.replies import Refused
from relay_translate import responses_api as known

from . import RecordingError
from .fixture_files import read_case
from .flows import open_recording, relay_facts

Json = dict[str, Any]

KINDS = (
    "endpoint", "header", "field", "reasoning", "text", "include", "client metadata", "item", "part", "output",
    "picture", "notice", "tool type", "tool",
)  # fmt: skip

# They tell how the body is kept in the recording, which may be otherwise than it was sent.
FRAMING_HEADERS = ("content-encoding", "content-length", "transfer-encoding")

_LISTED_VALUES = ("stream", "store", "parallel_tool_calls", "tool_choice", "service_tier", "truncation")
_FORMATS = ("text", "json_object", "json_schema")
_NOTICE = re.compile(r"\s*(<[a-z][a-z_]*(?: instructions)?>|# AGENTS\.md)")  # how Codex's own texts begin
_FRAME = re.compile(r"\s*<(/?)image\b([^>]*)>")
_ATTRIBUTE = re.compile(r"([\w-]+)=")
_KINDS_OF_VALUE = {str: "text", list: "list", dict: "object", int: "number", float: "number"}
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST_NAME = 200  # recordings come from others


@dataclass
class Entry:
    """facts: words about it, such as an item's fields, and in which cases they were seen. cases: where it was seen.
    unknown: what of it the translator does not know."""

    facts: dict[str, set[str]] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    cases: set[str] = field(default_factory=set)


@dataclass
class Inventory:
    """cases: all that were looked at; "" stands for recordings that name none. whole: those that were not trimmed, so
    that a tool which is not in them was not offered."""

    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)  # by kind and name
    cases: set[str] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)

    def add(self, case: str, kind: str, name: str, facts: Iterable[str] = (), unknown: Iterable[str] = ()) -> None:
        entry = self.entries.setdefault((kind, _printed(name)), Entry())
        for fact in facts:
            entry.facts.setdefault(_printed(fact), set()).add(case)
        entry.unknown.update(map(_printed, unknown))
        entry.cases.add(case)
        self.cases.add(case)


def _printed(name: str) -> str:
    """A recorded name for a terminal."""
    return _UNPRINTED.sub("\ufffd", name[:_LONGEST_NAME])


def inventory_of_recording(path: Path) -> Inventory:
    """Of a flow file, one flow in memory at a time. Raises RecordingError."""
    found, recording = Inventory(), open_recording(path)
    if recording.damage:
        raise RecordingError(f"{path} is damaged: {recording.damage}")
    for flow in _of_clients(path):
        case = flow.metadata.get("case")
        name = str(case.get("name", "")) if isinstance(case, dict) else ""
        _add_endpoint(found, name, flow.request.method, flow.request.path)
        _add_headers(found, name, {header.lower() for header in flow.request.headers} - {*FRAMING_HEADERS})
    for number, turn in enumerate(recording.turns(), 1):
        try:
            add_request(found, str(turn.case.get("name", "")), turn.request)
            if not turn.case.get("trim"):
                found.whole.add(str(turn.case.get("name", "")))
        except RecordingError as error:
            raise RecordingError(f"{path}, turn {number}: {error}") from error
    return found


def _of_clients(path: Path) -> Iterator[http.HTTPFlow]:
    """What clients sent, refused requests and model lists among it."""
    with path.open("rb") as file:
        for flow in io.FlowReader(file).stream():
            if isinstance(flow, http.HTTPFlow) and relay_facts(flow).get("role") != "upstream":
                yield flow


def inventory_of_folder(folder: Path) -> Inventory:
    """Of a version's folder in fixtures, or of one case's. Raises RecordingError."""
    cases = [folder] if (folder / "case.toml").is_file() else sorted(path.parent for path in folder.glob("*/case.toml"))
    if not cases:
        raise RecordingError(f"{folder} holds no case; extract one with `codex-relay fixtures extract FILE`")
    found = Inventory()
    for case in cases:
        table, requests = read_case(case)
        _add_headers(found, case.name, [str(name) for name in table.get("request_headers", ())])
        for request in requests:
            add_request(found, case.name, request)
        if not table.get("trimmed"):
            found.whole.add(case.name)
    return found


# --- what stands outside the body -------------------------------------------------------------------------------------


def _add_endpoint(found: Inventory, case: str, method: str, path: str) -> None:
    name = f"{method} {path.partition('?')[0]}"
    try:
        route(http.Request.make(method, f"http://relay{path}"))
    except Refused:
        found.add(case, "endpoint", name, unknown=[name])
    else:
        found.add(case, "endpoint", name)


def _add_headers(found: Inventory, case: str, names: Iterable[str]) -> None:
    """Only those that are listed go on to a provider, so no header is unknown."""
    for name in names:
        found.add(case, "header", name)


# --- the body ---------------------------------------------------------------------------------------------------------


def add_request(found: Inventory, case: str, request: Mapping[str, Any]) -> None:
    for name, value in request.items():
        is_unknown = value is not None and name not in known.REQUEST_FIELDS
        found.add(case, "field", name, [_value(name, value)], [name] if is_unknown else [])
    for name, value in _members(request, "reasoning"):
        found.add(case, "reasoning", name, [_word(value)], {name} - known.REASONING_FIELDS)
    for name, value in _members(request, "text"):
        kind = str(value.get("type")) if name == "format" and isinstance(value, dict) else ""
        unknown = {name} - known.TEXT_FIELDS or {kind} - {"", *_FORMATS}
        found.add(case, "text", name, [kind or _word(value)], unknown)
    for name in _list(request.get("include")):
        found.add(case, "include", str(name), unknown={str(name)} - known.INCLUDES)
    for name, _ in _members(request, "client_metadata"):
        found.add(case, "client metadata", name)
    _add_tools(found, case, _list(request.get("tools")))
    _add_items(found, case, _list(request.get("input")))


def _value(name: str, value: Any) -> str:
    return _word(value) if name in _LISTED_VALUES else _kind(value)


def _word(value: Any) -> str:
    """A value that is one of a few."""
    return value if isinstance(value, str) else _kind(value)


def _kind(value: Any) -> str:
    return json.dumps(value) if value is None or isinstance(value, bool) else _KINDS_OF_VALUE.get(type(value), "?")


def _members(request: Mapping[str, Any], name: str) -> Iterable[tuple[str, Any]]:
    value = request.get(name)
    return value.items() if isinstance(value, dict) else ()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# --- items ------------------------------------------------------------------------------------------------------------


def _add_items(found: Inventory, case: str, items: list[Any]) -> None:
    calls: dict[str, str] = {}
    for item in items:
        if not isinstance(item, dict):
            found.add(case, "item", _kind(item), unknown=[_kind(item)])
            continue
        kind = str(item.get("type") or ("message" if "role" in item else "none"))
        fields = known.ITEM_FIELDS.get(kind)
        unknown = {kind} if fields is None else item.keys() - fields
        name, role = kind, str(item.get("role") or "")
        if kind == "message":
            name = f"message of {role}"
            unknown = unknown | ({role} - known.ROLES)
        found.add(case, "item", name, item, unknown)
        _add_parts(found, case, name, item)
        if kind.endswith("_call"):
            calls[str(item.get("call_id"))] = _called(item, kind)
        elif kind.endswith("_output") and "output" in item:
            found.add(case, "output", calls.get(str(item.get("call_id")), "of no call"), [_shape(item["output"])])
        if kind in ("additional_tools", "tool_search_output"):
            _add_tools(found, case, _list(item.get("tools")))


def _add_parts(found: Inventory, case: str, holder: str, item: Json) -> None:
    for place in ("content", "output", "summary"):
        parts = _list(item.get(place))
        for part in parts:
            kind = str(part.get("type")) if isinstance(part, dict) else _kind(part)
            fields = known.PART_FIELDS.get(kind)
            unknown = {kind} if fields is None else part.keys() - fields
            found.add(case, "part", f"{kind} in {holder}", part if isinstance(part, dict) else (), unknown)
        if holder in ("message of user", "message of developer"):
            _add_notices(found, case, holder, parts)
        if any(isinstance(part, dict) and part.get("type") == "input_image" for part in parts):
            found.add(case, "picture", f"in {holder}", _framing(parts))


def _add_notices(found: Inventory, case: str, holder: str, parts: list[Any]) -> None:
    for part in parts:
        if isinstance(part, dict) and (begin := _NOTICE.match(str(part.get("text", "")))):
            found.add(case, "notice", f"{begin[1]} in {holder}")


def _called(item: Json, kind: str) -> str:
    name = str(item.get("name") or kind.removesuffix("_call"))
    return f"{item['namespace']}.{name}" if item.get("namespace") else name


def _shape(output: Any) -> str:
    """What a tool's output is made of."""
    if isinstance(output, list):
        kinds = dict.fromkeys(str(part.get("type")) if isinstance(part, dict) else _kind(part) for part in output)
        return f"list of {' and '.join(kinds)}" if kinds else "empty list"
    if isinstance(output, str):
        # Trimmed outputs are cut, so that they can't be parsed.
        return "JSON text" if output.lstrip().startswith(('{"', "[{", "[]", "{}")) else "text"
    return _kind(output)


def _framing(parts: list[Any]) -> Iterator[str]:
    """How the pictures stand among the parts."""
    texts = [str(part.get("text", "")) for part in parts if isinstance(part, dict)]
    frames = [frame for text in texts if (frame := _FRAME.match(text)) and not frame[1]]
    yield "in <image>" if frames else "bare"
    for frame in frames:
        yield from (f"{name}=" for name in _ATTRIBUTE.findall(frame[2]))
    for part in parts:
        if isinstance(part, dict) and part.get("type") == "input_image":
            yield f"detail {part.get('detail') or 'none'}"


# --- tools ------------------------------------------------------------------------------------------------------------


def _add_tools(found: Inventory, case: str, tools: list[Any], group: str = "") -> None:
    for tool in tools:
        if not isinstance(tool, dict):
            found.add(case, "tool type", _kind(tool), unknown=[_kind(tool)])
            continue
        kind = str(tool.get("type"))
        fields = known.TOOL_FIELDS.get(kind)
        is_hosted = kind in known.HOSTED_TOOLS
        unknown = set() if is_hosted else {kind} if fields is None else tool.keys() - fields
        found.add(case, "tool type", kind, tool, unknown)
        name = str(tool.get("name") or kind)
        if kind == "namespace":
            _add_tools(found, case, _list(tool.get("tools")), name)
        elif not is_hosted:
            found.add(case, "tool", f"{group}.{name}" if group else name, _signature(kind, tool))


def _signature(kind: str, tool: Json) -> Iterator[str]:
    """What a call of the tool looks like."""
    yield kind
    if isinstance(form := tool.get("format"), dict):
        yield f"{form.get('type')} {form.get('syntax', '')}".strip()
    schema = tool.get("parameters")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if isinstance(properties, dict):
        required = _list(schema.get("required"))
        yield from (f"{name}{'' if name in required else '?'}: {_type(inner)}" for name, inner in properties.items())


def _type(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "any"
    if isinstance(options := schema.get("enum"), list):
        return "|".join(str(option) for option in options)
    kind = schema.get("type")
    if kind == "array":
        return f"[{_type(schema.get('items'))}]"
    if isinstance(kind, list):
        return "|".join(str(one) for one in kind)
    return str(kind or next((word for word in ("anyOf", "oneOf", "allOf", "$ref") if word in schema), "any"))
