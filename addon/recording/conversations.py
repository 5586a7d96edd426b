"""A recorded turn as the conversation it ends: OpenAI messages, made by the translator from the client's own history.

A client sends the whole history with each request, so the last turn of a conversation holds all of it; `Chain` tells,
in a digest for each message, which turns those are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from relay_translate import Profile, RequestOptions, TranslatedRequest, json_bytes, translate_request
from relay_translate.conversation import ABORTED
from relay_translate.history import input_items
from relay_translate.profiles.profile import Reasoning
from relay_translate.reasoning import ReasoningState, details_text, seal, unpack, unseal_summary

from .answer import answer_items
from .flows import RecordedTurn

Json = dict[str, Any]

# The strictest reading of the API, as `generic`: one leading system message, users and assistant in turns.
PROFILE = Profile(name="messages")
# One message for each thing that was said: a history only ever grows at its end.
_GROWING = replace(PROFILE, merge_users=False)
_APART = replace(_GROWING, reasoning=Reasoning(back="none"))
_REASONING = "reasoning_content"


@dataclass(frozen=True)
class Conversation:
    """messages: of the request and the answer. tools: chat definitions. notes: what the translator left out."""

    messages: list[Json]
    tools: list[Json]
    notes: tuple[str, ...] = ()

    @property
    def answers(self) -> int:
        return sum(message["role"] == "assistant" for message in self.messages)


@dataclass(frozen=True)
class Chain:
    """Digests, each of a message and all before it. asked: of the request's messages; said: with the answer.
    Reasoning does not count: clients other than Codex don't send it back."""

    asked: list[bytes]
    said: list[bytes]
    has_tools: bool

    @property
    def is_answered(self) -> bool:
        return self.said != self.asked


def conversation(turn: RecordedTurn, *, reasoning: bool = True) -> Conversation:
    """All that was said up to the end of this turn.

    Raises RecordingError when the request was not kept whole, TranslationError when it is one that the relay refuses.
    """
    profile = PROFILE if reasoning else replace(PROFILE, reasoning=Reasoning(back="none"))
    done = _of_turn(turn, profile, answer_items(turn))
    return Conversation(_settled(done), list(done.body.get("tools", [])), done.notes)


def chain(turn: RecordedTurn) -> Chain:
    """The turn's place among the others. Raises as `conversation` does."""
    asked = _of_turn(turn, _APART, [])
    said = _settled(_of_turn(turn, _APART, answer_items(turn)))
    last = next((i for i, message in reversed(list(enumerate(said))) if message["role"] == "assistant"), -1)
    digests = _digests(said)
    return Chain(
        asked=_digests(asked.body["messages"]),
        # What stands behind the answer (a picture it made, for the next request) is not yet part of the history.
        said=digests[: max(last + 1, len(asked.body["messages"]))],
        has_tools=bool(asked.body.get("tools")),
    )


def growing(request: Json, answer: list[Json], earlier: Sequence[Json] = ()) -> Conversation:
    """All that was said up to the end of a turn, a message for each thing: the same messages, and more behind them,
    come of the conversation's next turn. What stands behind the last answer waits for that one.

    answer: output items. earlier: what the request's `previous_response_id` stands for. Raises TranslationError."""
    request = {name: value for name, value in request.items() if name != "previous_response_id"}
    request["input"] = [*earlier, *(input_items(request.get("input")) or [])]
    done = _translated(request, _GROWING, answer)
    messages: list[Json] = list(done.body["messages"])  # type: ignore[arg-type]
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    return Conversation(messages, list(done.body.get("tools", [])), done.notes)


def _of_turn(turn: RecordedTurn, profile: Profile, answer: list[Json]) -> TranslatedRequest:
    return _translated(turn.request, profile, answer, codex=turn.is_codex)


def _translated(request: Json, profile: Profile, answer: list[Json], *, codex: bool = True) -> TranslatedRequest:
    items = input_items(request.get("input"))
    if items is not None:
        if not any(isinstance(item, dict) and item.get("id") for item in items):
            # Such a client won't send them back either, and the translator reads its history in another way.
            answer = [{name: value for name, value in item.items() if name != "id"} for item in answer]
        keep = profile.reasoning.back != "none"
        read = [_readable(item, keep_text=keep) for item in items] + [_as_history(item, keep) for item in answer]
        request = request | {"input": read}
    return translate_request(request, profile, RequestOptions(codex=codex))


def _as_history(item: Json, keep_text: bool) -> Json:
    """An item of the answer as a history holds it. The summary that a compaction asked for is what was answered."""
    summary = unseal_summary(item.get("encrypted_content")) if item.get("type") == "compaction" else None
    if summary is None:
        return _readable(item, keep_text=keep_text)
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": summary}]}


def _readable(item: Any, *, keep_text: bool) -> Any:
    """A reasoning item of any provider's as one whose text every message carries in the same field.

    What else a provider wants back (signatures, opaque details) means nothing to anyone but it."""
    if not isinstance(item, dict) or item.get("type") != "reasoning":
        return item
    content = unpack(item.get("encrypted_content"))
    if content is None:
        return item
    text = content.get("text") or details_text(content.get("details") or [])
    state = ReasoningState(str(content.get("answer", "")), _REASONING, str(text) if keep_text else "")
    return item | {"encrypted_content": seal(state, PROFILE.name, "")}


def _settled(done: TranslatedRequest) -> list[Json]:
    """Without the outputs that the translator supplies for calls nobody has answered yet: the recording ends there."""
    messages: list[Json] = list(done.body["messages"])  # type: ignore[arg-type]
    end = len(messages)
    while end and messages[end - 1]["role"] == "tool":
        end -= 1
    if all(message["content"] == ABORTED for message in messages[end:]):
        del messages[end:]
    return messages


def _digests(messages: Iterable[Any]) -> list[bytes]:
    digests, before = [], b""
    for message in messages:
        before = hashlib.blake2b(before + json_bytes(message), digest_size=16).digest()
        digests.append(before)
    return digests
