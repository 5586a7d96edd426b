"""What became of a conversation in the translation, beyond what the translator notes: a line for each kind, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from relay_translate.conversation import ABORTED
from relay_translate.messages import UNSEEN
from relay_translate.responses_api import ITEM_FIELDS, PART_FIELDS, Json
from relay_translate.tools import BARE_NAMESPACE

from .chat_places import Message
from .entries import conversation
from .layout import count, list_of, object_of, one_line, shown_value, text_of
from .links import FOREIGN, Links, added_to_call, lost_reasoning
from .signatures import Tool, all_tools

_MOST_NAMED = 6
_BLIND = "this model can't see"
_USUAL_FIELDS = ("phase",)  # of Codex's messages; they and what follows are left out of nearly every turn
_USUAL_PART_FIELDS = ("annotations", "logprobs")


def with_losses(request: Json, links: Links, notes: list[str]) -> list[str]:
    """The notes, and what else was replaced, moved, put in or dropped, with the reason."""
    images = list(_image_lines(links, notes))
    return [
        *(note for note in notes if not (images and note.startswith(UNSEEN))),  # the line has the number as well
        *images,
        *_instruction_lines(links),
        *_call_lines(links),
        *_reasoning_lines(conversation(request), links, notes),
        *_tool_lines(request),
        *_field_lines(conversation(request)),
    ]


def remark_lines(request: Json, links: Links) -> Iterator[str]:
    """What happens in nearly every turn, so that it is not among what was lost."""
    joined = {place.message.role for place in links.places.values() if place.is_joined}
    words = [
        "what instructs in front" if joined & {"system", "developer"} else "",
        "user messages in a row (some refuse them)" if "user" in joined else "",
        "what one answer says" if "assistant" in joined else "",
        "the outputs of one call" if "tool" in joined else "",
    ]
    if any(words):
        yield f"joined: {'; '.join(word for word in words if word)}"
    usual = Counter[str]()
    for item in map(object_of, conversation(request)):
        usual.update(name for name in _USUAL_FIELDS if item.get(name))
        for part in map(object_of, list_of(item.get("content"))):
            usual.update(name for name in _USUAL_PART_FIELDS if part.get(name))
    if usual:
        yield f"not sent, no part of a chat message: {_counted(usual)}"


def _image_lines(links: Links, notes: list[str]) -> Iterator[str]:
    noted = next((note for note in notes if note.startswith(UNSEEN)), "")
    why = noted.removeprefix(UNSEEN).removeprefix(", ")
    unseen = sum(place.unseen for place in links.places.values() if place.message.role in ("user", "assistant", "tool"))
    if unseen == 1:
        yield f"content: an image became a note in its place, {why.replace('them', 'it') or _BLIND + ' it'}"
    elif unseen:
        yield f"content: {unseen} images became notes in their place, {why or _BLIND + ' them'}"


def _instruction_lines(links: Links) -> Iterator[str]:
    places = links.places.values()
    tagged = sum(1 for place in places if place.tag == "developer")
    if tagged:
        yield (
            f"input: {count(tagged, 'message')} of the developer went as the user's in <developer> tags, "
            "to leave the beginning, which providers cache, as it is"
        )
    moved = sum(1 for place in places if place.moved)
    if moved:
        yield f"input: {count(moved, 'message')} of the developer moved to the front, where this provider wants them"


def _call_lines(links: Links) -> Iterator[str]:
    places, least, behind = links.places, len(links.chat.messages), 0
    for number in sorted(places, reverse=True):
        message = places[number].message
        if message.role == "tool":
            least = min(least, message.number)
        elif message.role == "user" and message.number > least:
            behind += 1
    if behind:
        yield f"input: {count(behind, 'item')} between a call and its output moved behind it: outputs must follow calls"
    aborted = [one for ones in links.chat.answers.values() for one in ones if not one.is_used and _is_aborted(one)]
    if aborted:
        have = "call has" if len(aborted) == 1 else "calls have"
        yield f"input: {len(aborted)} {have} no output, `{ABORTED}` was put in, as each call must be answered"
    signed = {place.message.number for place in places.values() if place.field == ".tool_calls"}
    hung = {
        one.number: list(
            dict.fromkeys(key for call in list_of(one.raw.get("tool_calls")) for key in added_to_call(call))
        )
        for one in links.chat.messages
        if one.number not in signed
    }
    hung = {number: keys for number, keys in hung.items() if keys}
    if hung:
        names = ", ".join(dict.fromkeys(key for keys in hung.values() for key in keys))
        yield f"{one_line(names, 60)}: on calls of {_messages(list(hung))}, this provider refuses calls without"


def _is_aborted(message: Message) -> bool:
    return message.text == f"\n{ABORTED}\n"


def _reasoning_lines(items: list[object], links: Links, notes: list[str]) -> Iterator[str]:
    lost: Counter[str] = Counter()
    for number, item in enumerate(map(object_of, items)):
        if item.get("type") == "reasoning" and number not in links.places:
            lost[lost_reasoning(number, item, links)] += 1
    if any("reasoning item" in note for note in notes):
        del lost[FOREIGN]
    for reason, number in lost.items():
        yield f"input: {count(number, 'reasoning item')} {reason}"
    blank: dict[tuple[str, str], list[int]] = {}
    for message in links.chat.messages:
        for name in ("reasoning_content", "reasoning"):
            value = message.raw.get(name)
            if message.role == "assistant" and isinstance(value, str) and not value.strip():
                blank.setdefault((name, value), []).append(message.number)
    for (name, value), numbers in blank.items():
        yield (
            f"{name}: {shown_value(value)} was added to {_messages(numbers)}, "
            "whose reasoning is not known: this provider refuses calls without"
        )


def _messages(numbers: list[int]) -> str:
    """`message 3`, `messages 3, 5 and 12 more`."""
    shown = ", ".join(map(str, numbers[:_MOST_NAMED]))
    more = f" and {len(numbers) - _MOST_NAMED:,} more" if len(numbers) > _MOST_NAMED else ""
    return f"{'message' if len(numbers) == 1 else 'messages'} {shown}{more}"


def _tool_lines(request: Json) -> Iterator[str]:
    """Tools of one name. Those that a search finds are given with each of its outputs, mostly the same ones."""
    offered: dict[str, list[Tool]] = {}
    for tool in all_tools(request):
        offered.setdefault(tool.full_name.removeprefix(f"{BARE_NAMESPACE}."), []).append(tool)
    for name, tools in offered.items():
        again = sum(1 for tool in tools if not tool.origin) > 1
        if len(tools) > 1 and (again or any(_offer(tool) != _offer(tools[0]) for tool in tools)):
            yield f"tools: {one_line(name, 60)} is offered {len(tools)} times, only the last one is sent"


def _offer(tool: Tool) -> tuple[object, ...]:
    return tool.kind, tool.signature, tool.about, tool.schema


def _field_lines(items: list[object]) -> Iterator[str]:
    """Fields that nobody knows."""
    unknown: Counter[str] = Counter()
    for item in map(object_of, items):
        kind = item.get("type") or ("message" if "role" in item else "")
        unknown.update(_unknown(item, ITEM_FIELDS.get(text_of(kind))))
        for part in [*list_of(item.get("content")), *list_of(item.get("output"))]:
            unknown.update(_unknown(object_of(part), PART_FIELDS.get(text_of(object_of(part).get("type")))))
    if unknown:
        noun = "an unknown field was" if len(unknown) == 1 else "unknown fields were"
        yield f"input: {noun} left out: {_counted(unknown)}"


def _unknown(value: Json, known: frozenset[str] | None) -> list[str]:
    return [] if known is None else [name for name, one in value.items() if name not in known and one is not None]


def _counted(names: Counter[str]) -> str:
    """`phase of 2 items, x of 1 item`."""
    shown = [f"{one_line(name, 40)} ({number:,})" for name, number in names.most_common(_MOST_NAMED)]
    more = len(names) - _MOST_NAMED
    return ", ".join([*shown, f"{more} more"] if more > 0 else shown)
