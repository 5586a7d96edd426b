"""The rows of the conversation: each item and the message it went into, then the messages that came from none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from relay_translate.content import is_image, read_parts
from relay_translate.ids import answer_of
from relay_translate.messages import LIFTED, NO_IMAGE
from relay_translate.responses_api import Json

from .calls import parsed
from .chat_places import Message
from .entries import Entry, conversation, message_entries, read_entries
from .layout import object_of, one_line, text_of
from .links import FOREIGN, Links, Place, lost_reasoning

_OWN_WORDS = {
    "compaction_trigger": "the relay's own request for a summary",
    "compaction": "with an introduction",
    "compaction_summary": "with an introduction",
    "context_compaction": "with an introduction",
    "web_search_call": "as words",
    "image_generation_call": "as words",
}


@dataclass(frozen=True)
class Row:
    """One entry of the client's request and where it went; no entry for a message that nobody sent."""

    entry: Entry | None
    target: str


def rows_of(request: Json, links: Links) -> Iterator[Row]:
    items = conversation(request)
    for entry in read_entries(request):
        item = object_of(items[entry.number]) if entry.number >= 0 else {}
        place = links.places.get(entry.number)
        yield Row(entry, _target(entry, item, place) if place else _lost(entry, item, links))
    for message in links.chat.messages:
        if not message.is_used:
            yield Row(None, f"{message.number} {message.role}: {_why(message, request)}")


def _target(entry: Entry, item: Json, place: Place) -> str:
    target = f"{place.message.number} {place.message.role}{place.field}"
    if entry.kind == "call":
        return ", ".join([target, *_call_words(entry, place)])
    words = [target]
    if entry.kind == "output" and place.message.role != "tool":
        words.append("as text, its call is not there" if entry.call_id else "as text, it is no call's")
    elif text_of(item.get("type")) in _OWN_WORDS:
        words.append(_OWN_WORDS[text_of(item.get("type"))])
    if place.tag:
        words.append(f"in <{place.tag}> tags")
    if place.moved:
        words.append("moved to the front")
    words += _image_words(item, place)
    if place.changed:
        words.append("text changed")
    elif place.is_joined:
        words.append("joined with another output" if place.message.role == "tool" else "joined with others")
    elif not place.field and place.message.role not in ("tool", "assistant") and place.message.holds_more():
        words.append("with more text")
    return ", ".join(words)


def _image_words(item: Json, place: Place) -> Iterator[str]:
    images = sum(map(is_image, read_parts(item.get("content") or item.get("output"), lambda note: None)))
    if place.lifted is not None:
        its = "its image" if images - place.unseen <= 1 else f"its {images - place.unseen} images"
        yield f"{its} in {place.lifted.number} {place.lifted.role}"
    if place.unseen:
        gone = "its image" if place.unseen == 1 else f"its {place.unseen} images"
        yield f"{gone} {'as a note' if NO_IMAGE in place.message.text else 'left out'}"


def _call_words(entry: Entry, place: Place) -> Iterator[str]:
    sent = place.call
    if sent is None:
        return
    if sent.name != entry.label:
        yield f"as {sent.name}"
    if sent.id != entry.call_id:
        yield f"id {one_line(entry.call_id, 30)} is sent as {one_line(sent.id, 30)}"
    if entry.freeform:
        yield "its text as `input`"
    elif parsed(sent.arguments) != parsed(entry.arguments) and entry.arguments not in ("", None):
        yield "arguments wrapped or changed"


def _lost(entry: Entry, item: Json, links: Links) -> str:
    """Why an item is nowhere."""
    if entry.label == "tools added":
        return "tools"
    if entry.kind == "reasoning":
        return lost_reasoning(entry.number, item, links)
    if item.get("type") == "web_search_call" and answer_of(item.get("id")):
        return "not sent: the answer has what was found"
    if entry.label == "compaction" and not entry.text:
        return FOREIGN
    return "left out" if entry.text.strip() or entry.number in links.heard else "nothing in it"


def _why(message: Message, request: Json) -> str:
    own = message_entries(message.number, message.raw)
    text = one_line(own[0].text, 60) if own else ""
    if message.role == "tool":
        return f"`{text}`, for a call without an output"
    if text.startswith(LIFTED):
        return "notes for the images of an output"
    if request.get("previous_response_id"):
        text = one_line(text, 30)
        return f"`{text}`, of the turns before" if text else "of the turns before"
    return f"`{text}`" if text else "empty"
