"""The middle between the two wires: a conversation as turns, with its history repaired.

Codex's input is a flat list of items; a chat history is a list of messages in which an assistant's text,
reasoning and calls are one message and every call is answered right behind it.  Items are read into turns here
(`read_items`), turns become messages in `messages.py`.

Repairs, each needed because real sessions send it (an interrupt, a resumed thread, a retried stream):
a call without output gets "aborted" (Codex's own word); an output without call becomes text; whatever stands
between a call and its output moves behind the outputs; a call id used twice is made unique; a turn without
text and calls vanishes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from .content import is_image, join_text, read_parts, text_part
from .ids import UniqueIds, answer_of
from .json_text import is_complete_object, json_text
from .reasoning import ReasoningState, unseal, unseal_summary
from .responses_api import Json
from .tools import CUSTOM_INPUT, Kind, ToolTable

ABORTED = "aborted"
BROKEN_ARGUMENTS = "invalid_arguments"

SUMMARY_INTRO = (
    "Earlier parts of this conversation were replaced by a summary to save room. "
    "Go on from it; do not repeat finished work. The summary:\n"
)
COMPACTION_REQUEST = (
    "The conversation is about to run out of room and will go on from a summary alone. Write that summary now, for "
    "an assistant who knows nothing else: the user's goals and constraints in their own words, decisions and why, "
    "what was done and found (files, commands, results), the present state, and the next steps. "
    "Answer with the summary only."
)


@dataclass(eq=False)
class Call:
    """A tool call of `turn` and the parts of its output (None until answered)."""

    turn: AssistantTurn
    call_id: str
    name: str
    arguments: str
    output: list[Json] | None = None


@dataclass
class AssistantTurn:
    """One assistant message in the making; open until something else is said or a call is answered.
    `answer` is the mark of the provider's answer in its items' ids, "" for a client that sends none."""

    answer: str = ""
    texts: list[str] = field(default_factory=list)
    states: list[ReasoningState] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    images: list[Json] = field(default_factory=list)
    is_open: bool = True


@dataclass
class Spoken:
    """Something the user or the developer (instructions) said."""

    role: Literal["user", "instructions"]
    parts: list[Json]


Turn = AssistantTurn | Spoken


class Given(NamedTuple):
    """What one item gave to a turn, for people who ask where it went. number: of the item, -1 for `instruct`.
    parts: the content. call: the call that it is or answers."""

    number: int
    kind: Literal["said", "text", "call", "output", "image"]
    turn: Turn
    parts: list[Json]
    call: Call | None = None


class ItemReader:
    """Reads input items into turns. Never raises on odd items; `note` hears what was left out or changed."""

    def __init__(self, tools: ToolTable, profile: str, model: str, note: Callable[[str], None]) -> None:
        self.turns: list[Turn] = []
        self.compaction = False  # the client asks for a compaction item
        self.given: list[Given] = []
        self._number = -1
        self._tools = tools
        self._profile = profile
        self._model = model
        self._note = note
        self._calls: dict[str, list[Call]] = {}  # by the id the client knows
        self._unique = UniqueIds()  # as sent upstream
        self._alternates = False

    def read(self, items: Sequence[Any]) -> list[Turn]:
        self._alternates = _is_old_wire(items)
        for self._number, item in enumerate(items):
            if isinstance(item, dict):
                self._read_item(item)
            else:
                self._note("input: an entry that is not an object was left out")
        return self.turns

    def instruct(self, text: str) -> None:
        if text:
            self._say("instructions", [text_part(text)])

    def _read_item(self, item: Json) -> None:
        kind = item.get("type") or ("message" if "role" in item else "")
        reader = _READERS.get(str(kind))
        if reader is not None:
            reader(self, item)
        else:
            self._unknown(item, str(kind))

    # -- what was said

    def _say(self, role: Literal["user", "instructions"], parts: list[Json]) -> None:
        if parts:
            self._close()
            self.turns.append(Spoken(role, parts))
            self.given.append(Given(self._number, "said", self.turns[-1], parts))

    def _message(self, item: Json) -> None:
        parts = read_parts(item.get("content"), self._note)
        role = item.get("role")
        if role in ("assistant", "developer", "system") and any(map(is_image, parts)):
            self._note(f"content: an image in a message of the {role} was left out, chat takes those of users only")
        if role == "assistant":
            self._assistant_text(join_text(parts, "\n"))
        elif role in ("developer", "system"):
            self._say("instructions", parts)
        else:
            if role != "user":
                self._note("input: a message of an unknown role became the user's")
            self._say("user", parts)

    def _agent_message(self, item: Json) -> None:
        """Multi-agent v2: a task or an answer from another agent; its parts are one running text."""
        parts = read_parts(item.get("content"), self._note)
        if any(map(is_image, parts)):
            self._note("content: an image in a message between agents was left out, they are one running text")
        text = join_text(parts, "")
        self._say("user", [text_part(text)] if text else [])

    def _summary(self, item: Json) -> None:
        summary = unseal_summary(item.get("encrypted_content"))
        if summary is None:
            self._note(f"input: a {item.get('type')} item of another service can't be read and was left out")
        else:
            self._say("user", [text_part(SUMMARY_INTRO + summary)])

    def _compaction_trigger(self, item: Json) -> None:
        self.compaction = True
        self._say("user", [text_part(COMPACTION_REQUEST)])

    # -- the assistant's turn

    def _assistant(self) -> AssistantTurn:
        last = self.turns[-1] if self.turns else None
        if isinstance(last, AssistantTurn) and last.is_open:
            return last
        turn = AssistantTurn()
        self.turns.append(turn)
        return turn

    def _calling(self, answer: str) -> AssistantTurn:
        """The turn a call belongs to. Calls of one answer may come each with its output behind it."""
        last = self.turns[-1] if self.turns else None
        if isinstance(last, AssistantTurn) and (
            answer == last.answer if answer else self._alternates and last.states and not last.is_open
        ):
            return last
        turn = self._assistant()
        turn.answer = answer or turn.answer
        return turn

    def _close(self) -> None:
        if self.turns and isinstance(self.turns[-1], AssistantTurn):
            self.turns[-1].is_open = False

    def _assistant_text(self, text: str) -> None:
        if text:
            turn = self._assistant()
            turn.texts.append(text)
            self.given.append(Given(self._number, "text", turn, [text_part(text)]))

    def _reasoning(self, item: Json) -> None:
        blob = item.get("encrypted_content")
        state = unseal(blob, self._profile, self._model)
        if state is not None:
            self._assistant().states.append(state)
        elif blob:
            self._note("input: a reasoning item of another provider or relay was left out")

    def _call(self, item: Json, kind: Kind, name: str, arguments: str) -> None:
        namespace = item.get("namespace")
        chat_name = self._tools.chat_name(kind, name, namespace if isinstance(namespace, str) else None)
        client_id = str(item.get("call_id") or item.get("id") or "")
        turn = self._calling(answer_of(item.get("id")))
        call = Call(turn, self._sent_id(client_id or "call"), chat_name, arguments)
        turn.calls.append(call)
        self._calls.setdefault(client_id, []).append(call)
        self.given.append(Given(self._number, "call", turn, [], call))

    def _sent_id(self, call_id: str) -> str:
        unique = self._unique(call_id)
        if unique != call_id:
            self._note(f"input: the call id {call_id} is used twice, the later call is sent as {unique}")
        return unique

    def _function_call(self, item: Json) -> None:
        self._call(item, "function", str(item.get("name") or "unnamed"), self._arguments(item))

    def _arguments(self, item: Json) -> str:
        """Arguments as the JSON object that strict servers insist on; the model still sees what it wrote wrongly."""
        arguments = item.get("arguments")
        text = arguments if isinstance(arguments, str) else json_text(arguments or {})
        if not text.strip():
            return "{}"
        if is_complete_object(text):
            return text
        self._note("input: a call's arguments are not a JSON object and were wrapped in one")
        return json_text({BROKEN_ARGUMENTS: text})

    def _custom_call(self, item: Json) -> None:
        self._call(
            item, "custom", str(item.get("name") or "unnamed"), json_text({CUSTOM_INPUT: str(item.get("input") or "")})
        )

    def _tool_search_call(self, item: Json) -> None:
        self._call(item, "tool_search", "tool_search", self._arguments(item))

    def _local_shell_call(self, item: Json) -> None:
        action = item.get("action")
        kept = {k: v for k, v in action.items() if k != "type" and v is not None} if isinstance(action, dict) else {}
        self._call(item, "local_shell", "local_shell", json_text(kept))

    def _output(self, item: Json) -> None:
        self._answer(item, read_parts(item.get("output"), self._note))

    def _tool_search_output(self, item: Json) -> None:
        """The tools themselves join the request's tools; the model reads their names here."""
        found = []
        for tool in item["tools"] if isinstance(item.get("tools"), list) else []:
            if isinstance(tool, dict):
                found += self._found_tools(tool)
        text = "Found, and callable from now on:\n" + "\n".join(found) if found else "No matching tool was found."
        self._answer(item, [text_part(text)])

    def _found_tools(self, tool: Json) -> list[str]:
        namespace = str(tool.get("name")) if tool.get("type") == "namespace" else None
        members = tool.get("tools") if namespace is not None else [tool]
        found = []
        for member in members if isinstance(members, list) else []:
            if not isinstance(member, dict) or self._tools.denies(member, namespace):
                continue
            if isinstance(member.get("name"), str):
                kind: Kind = "custom" if member.get("type") == "custom" else "function"
                found.append(f"- {self._tools.chat_name(kind, member['name'], namespace)}")
        return found

    def _answer(self, item: Json, parts: list[Json]) -> None:
        client_id = str(item.get("call_id") or "")
        call = self._answered_by(client_id)
        if call is None and not client_id and isinstance(item.get("name"), str):
            # Codex 0.169 tells a goal's objective as the output of `agent.goal_objective`, which nobody called.
            name = ".".join(word for word in (item.get("namespace"), item["name"]) if isinstance(word, str))
            self._say("user", [text_part(f"[{name}]"), *parts])
            return
        if call is None:
            self._note("input: a tool output without its call became text")
            intro = text_part(
                f"[output of a tool call that is no longer in the history{f', {client_id}' if client_id else ''}]"
            )
            self._say("user", [intro, *parts])
            return
        call.output = (call.output or []) + parts
        call.turn.is_open = False
        self.given.append(Given(self._number, "output", call.turn, parts, call))

    def _answered_by(self, client_id: str) -> Call | None:
        """The call an output belongs to. Ids may repeat, so it is the latest turn's that waits for one; when none
        waits, a call of the last turn takes a further output (code mode sends several for one call)."""
        calls = self._calls.get(client_id, [])
        # Those answered before the last one can't be meant any more.
        calls[:] = [call for call in calls if call.output is None or call is calls[-1]]
        waiting = [call for call in calls if call.output is None]
        if waiting:
            return next(call for call in waiting if call.turn is waiting[-1].turn)
        last = next((turn for turn in reversed(self.turns) if isinstance(turn, AssistantTurn)), None)
        return calls[-1] if calls and calls[-1].turn is last else None

    # -- what ran elsewhere, and what nobody knows

    def _web_search_call(self, item: Json) -> None:
        if answer_of(item.get("id")):
            return  # the provider's own search, told by this relay: the answer that follows it has what was found
        action = item.get("action")
        what = {k: v for k, v in action.items() if k != "type" and v} if isinstance(action, dict) else {}
        if what:
            self._assistant_text(f"[web search: {json_text(what)}]")

    def _image_generation_call(self, item: Json) -> None:
        self._assistant_text(f"[generated an image: {item.get('revised_prompt') or 'no prompt given'}]")
        result = item.get("result")
        if isinstance(result, str) and result:
            url = result if result.startswith("data:") else f"data:image/png;base64,{result}"
            turn, image = self._assistant(), {"type": "image_url", "image_url": {"url": url}}
            turn.images.append(image)
            self.given.append(Given(self._number, "image", turn, [image]))

    def _tools_only(self, item: Json) -> None:
        """`additional_tools` carries definitions, which were collected before."""

    def _unknown(self, item: Json, kind: str) -> None:
        if item.get("call_id") is not None and "output" in item:
            self._output(item)
            return
        parts = read_parts(item.get("content"), self._note) or read_parts(item.get("text"), self._note)
        if parts:
            self._note(f"input: the unknown item type {kind} became user text")
            self._say("user", [text_part(f"[{kind}]"), *parts])
        else:
            self._note(f"input: an item of the unknown type {kind or 'none'} was left out")


def _is_old_wire(items: Sequence[Any]) -> bool:
    """Codex up to 0.80 knows neither item ids nor developer messages, and answers each call before the next one."""
    return not any(
        isinstance(item, dict) and (item.get("id") or item.get("role") in ("developer", "system")) for item in items
    )


_READERS: dict[str, Callable[[ItemReader, Json], None]] = {
    "message": ItemReader._message,
    "agent_message": ItemReader._agent_message,
    "reasoning": ItemReader._reasoning,
    "function_call": ItemReader._function_call,
    "function_call_output": ItemReader._output,
    "custom_tool_call": ItemReader._custom_call,
    "custom_tool_call_output": ItemReader._output,
    "tool_search_call": ItemReader._tool_search_call,
    "tool_search_output": ItemReader._tool_search_output,
    "local_shell_call": ItemReader._local_shell_call,
    "local_shell_call_output": ItemReader._output,
    "web_search_call": ItemReader._web_search_call,
    "image_generation_call": ItemReader._image_generation_call,
    "additional_tools": ItemReader._tools_only,
    "compaction": ItemReader._summary,
    "compaction_summary": ItemReader._summary,
    "context_compaction": ItemReader._summary,
    "compaction_trigger": ItemReader._compaction_trigger,
}
