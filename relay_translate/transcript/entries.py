"""A request's conversation, of either wire, as entries: who said what, calls with their outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from relay_translate.reasoning import unpack, unseal_summary
from relay_translate.responses_api import ITEM_FIELDS, Json

from .layout import count, data_size, list_of, object_of, one_line, picture, shown_value, size, text_of
from .plain_json import pretty

Kind = Literal["instructions", "user", "assistant", "reasoning", "call", "output", "other"]
_MOST_FIELDS = 4
SAID_BY_MODEL = ("assistant", "reasoning", "call")


@dataclass
class Entry:
    """One item, or one thing that a chat message says.

    number: of the item or message, from 0; -1 for the field `instructions`.  label: the role, or the tool's name.
    remark: what is to be known beside the text.  call_id, arguments, freeform: of calls (see `call_lines`).
    outputs: what a call was answered.
    """

    number: int
    kind: Kind
    label: str
    text: str = ""
    remark: str = ""
    call_id: str = ""
    arguments: object = None
    freeform: bool = False
    outputs: list[Entry] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The number of the last of the items that are shown with this one."""
        return max([self.number, *(output.number for output in self.outputs)])


def is_chat(body: Json) -> bool:
    return isinstance(body.get("messages"), list)


def conversation(body: Json) -> list[Any]:
    """The messages of a chat request, the items of the other wire."""
    if is_chat(body):
        return list_of(body["messages"])
    said = body.get("input")
    return [{"type": "message", "role": "user", "content": said}] if isinstance(said, str) else list_of(said)


def read_entries(body: Json) -> list[Entry]:
    """All entries in order, outputs apart from their calls (see `pair`)."""
    entries = []
    if not is_chat(body) and text_of(body.get("instructions")):
        entries.append(Entry(-1, "instructions", "instructions", body["instructions"]))
    read = message_entries if is_chat(body) else item_entries
    for number, entry in enumerate(conversation(body)):
        entries += read(number, entry)
    return entries


def pair(entries: list[Entry]) -> list[Entry]:
    """Put outputs to their calls; one without a call stays. Ids may repeat: the first call that waits is meant."""
    calls: dict[str, list[Entry]] = {}
    paired = []
    for entry in entries:
        known = calls.get(entry.call_id, [])
        if entry.kind == "call":
            calls.setdefault(entry.call_id, []).append(entry)
        elif entry.kind == "output" and entry.call_id and known:
            waiting = next((call for call in known if not call.outputs), known[-1])
            waiting.outputs.append(entry)
            continue
        paired.append(entry)
    return paired


# -- content


def content_text(content: object) -> str:
    """A message's content or an output on either wire; images and other files as words in brackets."""
    return joined_parts(content, _part_text)


def joined_parts(content: object, text_of_part: Callable[[object], str]) -> str:
    """Content of either wire as one text, a line at least for each part that has one."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    parts = content if isinstance(content, list) else [content]
    return "\n".join(text for text in map(text_of_part, parts) if text)


def _part_text(part: object) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return f"[not a part: {one_line(pretty(part), 60)}]"
    kind = text_of(part.get("type"))
    if isinstance(part.get("text"), str):
        return str(part["text"])
    if kind in ("input_image", "image_url"):
        url = part.get("image_url")
        return picture(object_of(url).get("url") if isinstance(url, dict) else url or part.get("file_id"))
    if kind == "refusal":
        return f"[refusal] {text_of(part.get('refusal'))}"
    if kind == "encrypted_content":
        return text_of(part.get("encrypted_content"))
    if kind == "thinking":
        return f"[thinking] {content_text(part.get('thinking'))}"
    if kind in ("input_audio", "audio"):
        sound = object_of(part.get("input_audio") or part.get("audio"))
        return f"[audio {text_of(sound.get('format'))} {size(data_size(text_of(sound.get('data'))))}]"
    name = part.get("filename") or part.get("file_id") or part.get("file_url")
    return f"[{kind} {name}]" if kind and isinstance(name, str) else pretty(part)


def reasoning_remark(blob: object) -> tuple[str, str]:
    """(whose reasoning is in an `encrypted_content`, the text that is in it)."""
    if not isinstance(blob, str) or not blob:
        return "", ""
    content = unpack(blob)
    if content is None:
        return f"sealed by another service, {size(len(blob))}", ""
    origin = f"sealed for {text_of(content.get('profile'))}/{text_of(content.get('model'))}"
    extras = [
        count(len(list_of(content.get("details"))), "opaque detail") if content.get("details") else "",
        count(len(object_of(content.get("calls"))), "call's state", "calls' states") if content.get("calls") else "",
    ]
    source = text_of(content.get("source"))
    words = [origin, f"came as {source}" if source else "", *extras]
    return ", ".join(word for word in words if word), text_of(content.get("text"))


# -- items of the Responses wire


def item_entries(number: int, item: object) -> list[Entry]:
    if not isinstance(item, dict):
        return [Entry(number, "other", "not an object", pretty(item))]
    kind = item.get("type") or ("message" if "role" in item else "")
    reader = _ITEMS.get(kind) if isinstance(kind, str) else None
    if reader is not None:
        return [_with_unknown(reader(number, item), item, ITEM_FIELDS[str(kind)])]
    if "output" in item and item.get("call_id"):
        return [_output(number, item)]
    content = content_text(item.get("content"))
    return [Entry(number, "other", one_line(str(kind), 60) or "item without a type", content or pretty(item))]


def _with_unknown(entry: Entry, item: Json, known: frozenset[str]) -> Entry:
    """Fields that nobody knows may matter to whoever reads this."""
    found = [key for key, value in item.items() if key not in known and value is not None]
    words = [f"{one_line(key, 40)}: {shown_value(item[key], 60)}" for key in found[:_MOST_FIELDS]]
    words += [f"{len(found) - _MOST_FIELDS} more fields"] if len(found) > _MOST_FIELDS else []
    entry.remark = ", ".join(word for word in (entry.remark, *words) if word)
    return entry


def _message(number: int, item: Json) -> Entry:
    role = text_of(item.get("role")) or "no role"
    phase = text_of(item.get("phase"))
    remark = phase.replace("_", " ") if phase and phase != "final_answer" else ""
    if item.get("status") not in (None, "completed"):
        remark = f"{remark}, {item['status']}".removeprefix(", ")
    return Entry(number, _kind_of(role), one_line(role, 40), content_text(item.get("content")), remark)


def _kind_of(role: str) -> Kind:
    if role in ("developer", "system"):
        return "instructions"
    return "assistant" if role == "assistant" else "user"


def _agent_message(number: int, item: Json) -> Entry:
    way = f"agent {text_of(item.get('author')) or '?'} to {text_of(item.get('recipient')) or '?'}"
    text = "".join(map(_part_text, list_of(item.get("content")))) or content_text(item.get("content"))
    return Entry(number, "user", one_line(way, 80), text)


def _reasoning(number: int, item: Json) -> Entry:
    remark, sealed = reasoning_remark(item.get("encrypted_content"))
    summary, content = content_text(item.get("summary")), content_text(item.get("content"))
    both = f"{summary}\n[content] {content}" if summary and content and summary != content else ""
    text = both or summary or content or sealed
    return Entry(number, "reasoning", "reasoning", text, remark)


def tool_name(item: Json) -> str:
    name, namespace = text_of(item.get("name")) or "unnamed", text_of(item.get("namespace"))
    return one_line(f"{namespace}.{name}" if namespace else name, 120)


def _function_call(number: int, item: Json) -> Entry:
    return _call(number, item, tool_name(item), item.get("arguments"))


def _custom_call(number: int, item: Json) -> Entry:
    return _call(number, item, tool_name(item), text_of(item.get("input")), freeform=True)


def _search_call(number: int, item: Json) -> Entry:
    return _call(number, item, "tool_search", item.get("arguments"))


def _shell_call(number: int, item: Json) -> Entry:
    action = {k: v for k, v in object_of(item.get("action")).items() if k != "type" and v not in (None, {})}
    return _call(number, item, "local_shell", action)


def _call(number: int, item: Json, name: str, arguments: object, *, freeform: bool = False) -> Entry:
    call_id = text_of(item.get("call_id")) or text_of(item.get("id"))
    status = item.get("status")
    remark = status if isinstance(status, str) and status != "completed" else ""
    return Entry(number, "call", name, "", remark, call_id, arguments, freeform)


def _output(number: int, item: Json) -> Entry:
    name = tool_name(item) if item.get("name") else "output"
    return Entry(number, "output", name, content_text(item.get("output")), "", text_of(item.get("call_id")))


def _search_output(number: int, item: Json) -> Entry:
    names = tool_names(item.get("tools"))
    text = f"{count(len(names), 'tool')} found: {', '.join(names)}" if names else "no tool found"
    return Entry(number, "output", "tool_search", text, "", text_of(item.get("call_id")))


def _web_search(number: int, item: Json) -> Entry:
    action = {k: v for k, v in object_of(item.get("action")).items() if v and k not in ("type", "sources")}
    sources = list_of(object_of(item.get("action")).get("sources"))
    remark = count(len(sources), "source") if sources else ""
    return Entry(number, "assistant", "web search", text_of(action.get("query")) or pretty(action), remark)


def _image_generation(number: int, item: Json) -> Entry:
    result = text_of(item.get("result"))
    url = result if result.startswith("data:") or not result else f"data:image/png;base64,{result}"
    text = f"{text_of(item.get('revised_prompt'))} {picture(url)}".strip()
    return Entry(number, "assistant", "image generation", text)


def _tools(number: int, item: Json) -> Entry:
    names = tool_names(item.get("tools"))
    return Entry(number, "instructions", "tools added", ", ".join(names), count(len(names), "tool"))


def _compaction(number: int, item: Json) -> Entry:
    summary = unseal_summary(item.get("encrypted_content"))
    if summary is None:
        return Entry(number, "user", "compaction", "", reasoning_remark(item.get("encrypted_content"))[0])
    return Entry(number, "user", "compaction", summary, "summary made here")


def _trigger(number: int, item: Json) -> Entry:
    return Entry(number, "user", "compaction wanted", "the answer shall be a summary that stands for the conversation")


_ITEMS: dict[str, Callable[[int, Json], Entry]] = {
    "message": _message,
    "agent_message": _agent_message,
    "reasoning": _reasoning,
    "function_call": _function_call,
    "custom_tool_call": _custom_call,
    "tool_search_call": _search_call,
    "local_shell_call": _shell_call,
    "function_call_output": _output,
    "custom_tool_call_output": _output,
    "local_shell_call_output": _output,
    "tool_search_output": _search_output,
    "web_search_call": _web_search,
    "image_generation_call": _image_generation,
    "additional_tools": _tools,
    "compaction": _compaction,
    "compaction_summary": _compaction,
    "context_compaction": _compaction,
    "compaction_trigger": _trigger,
}


def tool_names(tools: object) -> list[str]:
    """The names in a list of tools of either wire, members of a namespace as `namespace.name`."""
    names = []
    for tool in list_of(tools):
        tool = object_of(tool)
        name = text_of(tool.get("name")) or text_of(object_of(tool.get("function")).get("name"))
        if tool.get("type") == "namespace":
            names += [f"{name}.{member}" for member in tool_names(tool.get("tools"))]
        else:
            names.append(one_line(name or text_of(tool.get("type")) or "unnamed", 120))
    return names


# -- messages of the chat wire


def message_entries(number: int, message: object) -> list[Entry]:
    if not isinstance(message, dict):
        return [Entry(number, "other", "not an object", pretty(message))]
    role = text_of(message.get("role")) or "no role"
    if role in ("tool", "function"):
        call_id = text_of(message.get("tool_call_id"))
        return [Entry(number, "output", "tool", content_text(message.get("content")), "", call_id)]
    entries = list(_chat_reasoning(number, message))
    text = content_text(message.get("content"))
    calls = [_chat_call(number, call) for call in list_of(message.get("tool_calls"))]
    if text or not (calls or entries):
        label = one_line(role, 40)
        entries.append(Entry(number, _kind_of(role), label, text, "" if text else "empty"))
    if images := [
        picture(object_of(object_of(one).get("image_url")).get("url")) for one in list_of(message.get("images"))
    ]:
        entries.append(Entry(number, "assistant", "images", "\n".join(images)))
    return entries + calls


def _chat_reasoning(number: int, message: Json) -> Iterator[Entry]:
    for name in ("reasoning_content", "reasoning"):
        if text := text_of(message.get(name)):
            yield Entry(number, "reasoning", "reasoning", text, f"as {name}")
    if details := list_of(message.get("reasoning_details")):
        remark = f"as reasoning_details, {count(len(details), 'entry', 'entries')}, {size(len(pretty(details)))}"
        text = "".join(text_of(object_of(one).get("text") or object_of(one).get("summary")) for one in details)
        yield Entry(number, "reasoning", "reasoning", text, remark)


def _chat_call(number: int, call: object) -> Entry:
    call = object_of(call)
    function = object_of(call.get("function"))
    own = [key for key in call if key not in ("id", "type", "function", "index")]
    remark = f"with {', '.join(own)}" if own else ""
    name = one_line(text_of(function.get("name")) or "unnamed", 120)
    return Entry(number, "call", name, "", remark, text_of(call.get("id")), function.get("arguments"))
