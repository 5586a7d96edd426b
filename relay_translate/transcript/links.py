"""Which message of a chat request each input item went into.

The translator's own reader tells what each item gives; where that stands is looked up in the chat request, so that an
edited one shows as it is.  Turns and messages are in the same order, so it is enough to go forward through both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from relay_translate.content import is_image, join_text, text_part
from relay_translate.conversation import AssistantTurn, Given, ItemReader, Spoken
from relay_translate.ids import call_id_for
from relay_translate.messages import BETWEEN_INSTRUCTIONS, NO_IMAGE, output_text
from relay_translate.reasoning import details_text, unpack
from relay_translate.responses_api import Json
from relay_translate.tools import ToolTable

from .chat_places import Chat, Message, SentCall, flat
from .entries import content_text, conversation
from .layout import list_of, object_of, text_of
from .plain_json import close_envelopes

_RANKS = {"output": 1, "image": 2}  # in a turn, behind its texts and calls
_HASHED = 29  # characters of a call id, from which on its hash has always the same length
FOREIGN = "left out: another service's"
_LOOKED_AT = 200  # items
_CALL_KEYS = ("id", "type", "function", "index")


@dataclass
class Place:
    """Where an item went. field: of the message, such as `.tool_calls[0]`; "" for its content.
    tag: what its text was put in. moved: whether it was in mid-conversation and is with what instructs in front now.
    lifted: the message that its images are in, if another. unseen: images that became notes or are gone.
    changed: whether the text is another. call: as it was sent."""

    message: Message
    field: str = ""
    tag: str = ""
    moved: bool = False
    lifted: Message | None = None
    unseen: int = 0
    changed: bool = False
    call: SentCall | None = None

    @property
    def is_joined(self) -> bool:
        return not self.field and len(self.message.owners) > 1


@dataclass
class Links:
    """profile: whose reasoning goes back. places: item -> where it went, -1 for the request's instructions.
    heard: items that have something to give. ends: reasoning after which nothing was said or called."""

    chat: Chat
    profile: str
    places: dict[int, Place] = field(default_factory=dict)
    heard: set[int] = field(default_factory=set)
    ends: set[int] = field(default_factory=set)


def links_of(request: Json, chat: Json, profile: str = "") -> Links:
    """profile: the name of the one it was translated for, where that is known."""
    linking = _Linking(request, Chat(chat), profile)
    linking.run()
    return linking.links


def lost_reasoning(number: int, item: Json, links: Links) -> str:
    """Why a reasoning item is nowhere."""
    if not item.get("encrypted_content"):
        return "not sent: only its summary is known"
    sealed = unsealed(item)
    if not sealed or text_of(sealed.get("profile")) != links.profile:
        return FOREIGN
    return "left out: nothing was said after it" if number in links.ends else "not sent: not wanted back here"


def added_to_call(call: object) -> list[str]:
    """What a provider hung on a call."""
    return [key for key in object_of(call) if key not in _CALL_KEYS]


class _Linking:
    def __init__(self, request: Json, chat: Chat, profile: str) -> None:
        self.chat = chat
        self.items = conversation(request)
        self.links = Links(chat, profile or _last_profile(self.items))
        self.given = _read(request, self.items, self.links.profile)
        self.links.heard = {one.number for one in self.given}
        self.place = 0  # the message where the search goes on
        self.sent: dict[int, Place] = {}  # call, by its identity -> where it is
        self.started = False

    def run(self) -> None:
        self._match_calls()
        lost = [one for one in self.given if not self._link(one)]
        for one in lost[:_LOOKED_AT]:
            self._find_changed(one)
        self._link_reasoning()

    def _put(self, number: int, place: Place) -> None:
        (place.message.others if place.field else place.message.owners).add(number)
        self.links.places.setdefault(number, place)

    def _link(self, given: Given) -> bool:
        instructs = isinstance(given.turn, Spoken) and given.turn.role == "instructions"
        self.started = self.started or not instructs
        if given.kind == "call":
            place = self.sent.get(id(given.call))
            self.place = max(self.place, place.message.number if place else 0)
            return place is not None
        if given.kind == "output":
            return self._output(given)
        if given.kind == "image":
            return self._made_image(given)
        return self._instructions(given) if instructs else self._said(given)

    # -- what was said

    def _said(self, given: Given) -> bool:
        pictures = sum(map(is_image, given.parts))
        noted = [text_part(NO_IMAGE) if is_image(part) else part for part in given.parts]
        for parts, unseen in ((given.parts, 0), (noted, pictures))[: 2 if pictures else 1]:
            wanted = flat(parts)
            if found := self.chat.find(wanted, _roles(given), self.place):
                self._claim(given, found, wanted).unseen = unseen
                return True
        return False

    def _instructions(self, given: Given) -> bool:
        wanted = join_text(given.parts, BETWEEN_INSTRUCTIONS)
        front = next((one for one in self.chat.messages[:1] if one.role in _roles(given) and one.role != "user"), None)
        at = front.find(wanted) if front is not None and wanted else -1
        found = (front, at) if front is not None and at >= 0 else self.chat.find(wanted, _roles(given), self.place)
        if found is None:
            return False
        place = self._claim(given, found, wanted)
        place.moved = self.started and place.message is front
        place.unseen = sum(map(is_image, given.parts))
        return True

    def _claim(self, given: Given, found: tuple[Message, int], wanted: str) -> Place:
        message, at = found
        tag = message.claim(at, wanted)
        place = Place(message, tag=tag)
        self._put(given.number, place)
        self.place = max(self.place, message.number)
        return place

    def _find_changed(self, given: Given) -> None:
        """A text that somebody has edited: a message between those of its neighbours, with its longest line or with
        nothing that is another's."""
        if given.kind not in ("said", "text"):
            return
        order = self.given.index(given)
        known = self.links.places
        before = [known[one.number].message.number for one in self.given[:order] if one.number in known]
        after = [known[one.number].message.number for one in self.given[order + 1 :] if one.number in known]
        begin, end = max(before, default=0), min(after, default=len(self.chat.messages))
        around = [one for one in self.chat.messages[begin : end + 1] if one.role in _roles(given)]
        line = max(flat(given.parts).split("\n"), key=len)
        found = next((one for one in around if line.strip() and one.find(line, anywhere=True) >= 0), None)
        if found is not None:
            found.claim(found.find(line, anywhere=True), line)
        else:
            found = next((one for one in around if not one.is_used), None)
        if found is not None:
            self._put(given.number, Place(found, changed=True))

    # -- calls and what they were answered

    def _match_calls(self) -> None:
        """Calls keep their order, and their ids where the provider takes them."""
        waiting = list(self.chat.calls)
        calls = [(one, one.call, _sent_ids(one.call.call_id)) for one in self.given if one.kind == "call" and one.call]
        known = {name for *_, ids in calls for name in ids}
        for given, call, ids in calls:
            found = next((i for i, sent in enumerate(waiting) if sent.id in ids), -1)
            if found < 0:  # another translator's ids
                found = next((i for i, sent in enumerate(waiting) if sent.id not in known), -1)
            if found >= 0:
                sent = waiting.pop(found)
                place = Place(self.chat.messages[sent.message], f".tool_calls[{sent.position}]", call=sent)
                self.sent[id(call)] = place
                self._put(given.number, place)

    def _output(self, given: Given) -> bool:
        place, call = self.sent.get(id(given.call)), given.call
        if place is None or place.call is None or call is None:
            return False
        answers = self.chat.answers.get(place.call.id, [])
        sent = next((one for one in answers if one.number > place.message.number), None)
        if sent is None:
            return False
        text, own = sent.text[1:-1], join_text(given.parts, "\n")
        as_made = text in (output_text(call, True), output_text(call, False))
        made = Place(sent, changed=not as_made and (not own or own not in text))
        made.lifted, made.unseen = self._lifted(given, place.message.number)
        self._put(given.number, made)
        return True

    def _made_image(self, given: Given) -> bool:
        """The image of an `image_generation_call`, beside the words that its item gave before."""
        place = self.links.places.get(given.number)
        if place is not None:
            place.lifted, place.unseen = self._lifted(given, place.message.number)
        return place is not None

    def _lifted(self, given: Given, start: int) -> tuple[Message | None, int]:
        """(the user message that images went into, how many are in none)."""
        lifted, unseen = None, 0
        for part in filter(is_image, given.parts):
            wanted = flat([part])
            if found := self.chat.find(wanted, ("user",), start):
                lifted, at = found
                lifted.claim(at, wanted)
                lifted.owners.add(given.number)
            else:
                unseen += 1
        return lifted, unseen

    # -- reasoning

    def _link_reasoning(self) -> None:
        """It stands with what was said or called after it, or before it in the same turn."""
        said = {one.number: one.turn for one in self.given if one.kind != "output"}
        after = -1
        for number in reversed(range(len(self.items))):
            item = object_of(self.items[number])
            if number in said:
                after = number
            elif item.get("type") == "reasoning":
                before = next((i for i in range(number - 1, max(-1, number - _LOOKED_AT), -1) if i in said), -1)
                around = [one for one in (after, before) if isinstance(said.get(one), AssistantTurn)]
                if not self._reasoning(number, item, around) and after not in around:
                    self.links.ends.add(number)

    def _reasoning(self, number: int, item: Json, around: list[int]) -> bool:
        for place in (self.links.places[one] for one in around if one in self.links.places):
            if name := _reasoning_field(place.message, item):
                self._put(number, Place(place.message, f".{name}"))
                return True
        return False


def unsealed(item: Json) -> Json:
    """What is in a reasoning item's envelope, {} for another service's. Envelopes in fixtures stand open."""
    try:
        return unpack(close_envelopes(item.get("encrypted_content"))) or {}
    except (ValueError, RecursionError):
        return {}


def _reasoning_field(message: Message, item: Json) -> str:
    sealed = unsealed(item)
    texts = [text_of(sealed.get("text")), content_text(item.get("summary")), content_text(item.get("content"))]
    texts = [text for text in (*texts, details_text(list_of(sealed.get("details")))) if text]
    for name in ("reasoning_content", "reasoning"):
        if any(text in text_of(message.raw.get(name)) for text in texts):
            return name
    if list_of(message.raw.get("reasoning_details")) and sealed.get("details"):
        return "reasoning_details"
    if any(map(message.claim_thought, texts)):
        return "content"
    if sealed.get("calls") and any(map(added_to_call, list_of(message.raw.get("tool_calls")))):
        return "tool_calls"
    return ""


def _last_profile(items: list[Any]) -> str:
    sealed = (unsealed(item) for item in reversed(items[-_LOOKED_AT:]) if isinstance(item, dict))
    return next((text_of(content.get("profile")) for content in sealed if content), "")


def _read(request: Json, items: list[Any], profile: str) -> list[Given]:
    """What all items give, in the order of messages."""
    reader = ItemReader(ToolTable(), profile, "", lambda note: None)
    reader.instruct(text_of(request.get("instructions")))
    reader.read(items)
    order = {id(turn): number for number, turn in enumerate(reader.turns)}
    return sorted(reader.given, key=lambda one: (order[id(one.turn)], _RANKS.get(one.kind, 0)))


def _roles(given: Given) -> Iterable[str]:
    if isinstance(given.turn, AssistantTurn):
        return ("assistant",)
    return ("user",) if given.turn.role == "user" else ("system", "developer", "user")


def _sent_ids(call_id: str) -> frozenset[str]:
    """A call's id as any provider takes it."""
    return frozenset(
        {call_id, call_id_for(call_id, form="nine", longest=9), call_id_for(call_id, form="plain", longest=_HASHED)}
    )
