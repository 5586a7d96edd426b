"""Turns -> chat messages, as a profile wants them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .chat_api import ChatMessage
from .content import chat_content, is_image, join_text, text_part
from .conversation import ABORTED, AssistantTurn, Call, Spoken, Turn
from .profiles import Profile
from .reasoning import THINK, join_states
from .responses_api import Json

BETWEEN_INSTRUCTIONS = "\n\n"
BETWEEN_USER_MESSAGES = "\n\n"
NO_IMAGE = "[an image that this model can't see]"


def chat_messages(turns: Iterable[Turn], profile: Profile) -> list[ChatMessage]:
    """The messages of a chat request: instructions first, then the conversation in order."""
    messages: list[ChatMessage] = []
    leading: list[str] = []
    for message in _messages(turns, profile, leading):
        last = messages[-1] if messages else None
        if profile.merge_users and last and last["role"] == message["role"] == "user":
            last["content"] = _joined(last["content"], message["content"])
        else:
            messages.append(message)
    if leading:
        messages.insert(0, {"role": profile.system_role, "content": BETWEEN_INSTRUCTIONS.join(leading)})
    return messages


def _messages(turns: Iterable[Turn], profile: Profile, leading: list[str]) -> Iterator[ChatMessage]:
    started = False
    for turn in turns:
        if isinstance(turn, AssistantTurn):
            started = True
            yield from _assistant(turn, profile)
        elif turn.role == "user":
            started = True
            yield {"role": "user", "content": _user_content(turn.parts, profile)}
        else:
            yield from _instructions(turn, profile, leading, started)


def _instructions(turn: Spoken, profile: Profile, leading: list[str], started: bool) -> Iterator[ChatMessage]:
    text = join_text(turn.parts, BETWEEN_INSTRUCTIONS)
    if not text:
        return
    if not started or profile.late_instructions == "hoist":
        leading.append(text)
    elif profile.late_instructions == "system":
        yield {"role": profile.system_role, "content": text}
    else:
        # The tag tells the model whose words these are, now that the role does not.
        yield {"role": "user", "content": f"<developer>\n{text}\n</developer>"}


def _assistant(turn: AssistantTurn, profile: Profile) -> Iterator[ChatMessage]:
    text = "\n\n".join(turn.texts)
    if not text and not turn.calls and not turn.images:
        return  # reasoning alone: the turn was interrupted, and servers refuse an empty message
    message: ChatMessage = {"role": "assistant", "content": text or None}
    state = join_states(turn.states)
    if profile.reasoning_input == "same":
        _give_back(message, state.source, state.text, list(state.details))
    if turn.calls:
        message["tool_calls"] = [_tool_call(call, state.calls.get(i)) for i, call in enumerate(turn.calls)]
    if text or turn.calls:
        yield message
    for call in turn.calls:
        yield {"role": "tool", "tool_call_id": call.call_id, "content": _output_text(call)}
    pictures = list(_lifted_images(turn))
    if pictures:
        yield {"role": "user", "content": _user_content(pictures, profile)}


def _give_back(message: ChatMessage, source: str, text: str, details: list[Json]) -> None:
    """Reasoning returns in the field it came in: a provider takes what it sends."""
    if text and source == THINK:
        message["content"] = f"<think>\n{text}\n</think>\n\n{message['content'] or ''}"
    elif text and source == "reasoning":
        message["reasoning"] = text
    elif text and source == "reasoning_content":
        message["reasoning_content"] = text
    if details:
        message["reasoning_details"] = details


def _tool_call(call: Call, extra: Json | None) -> Json:
    return {
        **(extra or {}),
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _output_text(call: Call) -> str:
    """A tool message takes text only on most servers; its images follow in a user message."""
    if call.output is None:
        return ABORTED
    pictures = sum(is_image(part) for part in call.output)
    text = join_text(call.output, "\n")
    if not pictures:
        return text
    note = (
        "[the image is in the next user message]"
        if pictures == 1
        else f"[{pictures} images are in the next user message]"
    )
    return f"{text}\n{note}" if text else note


def _lifted_images(turn: AssistantTurn) -> Iterator[Json]:
    for call in turn.calls:
        pictures = [part for part in call.output or [] if is_image(part)]
        if pictures:
            yield text_part(f"[from the output of {call.name}, call {call.call_id}:]")
            yield from pictures
    if turn.images:
        yield text_part("[the image generated above:]")
        yield from turn.images


def _user_content(parts: list[Json], profile: Profile) -> str | list[Json]:
    if not profile.images:
        parts = [text_part(NO_IMAGE) if is_image(part) else part for part in parts]
    return chat_content(parts)


def _joined(first: str | list[Json] | None, second: str | list[Json] | None) -> str | list[Json]:
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}{BETWEEN_USER_MESSAGES}{second}"
    return [*_as_parts(first), *_as_parts(second)]


def _as_parts(content: str | list[Json] | None) -> list[Json]:
    if isinstance(content, list):
        return content
    return [text_part(content)] if content else []
