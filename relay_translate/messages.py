"""Turns -> chat messages, as a profile wants them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from .chat_api import ChatMessage
from .content import chat_content, is_image, join_text, text_part
from .conversation import ABORTED, AssistantTurn, Call, Spoken, Turn
from .ids import call_id_for
from .profiles import Profile
from .profiles.profile import Reasoning
from .reasoning import PARTS, THINK, ReasoningState, details_text, join_states
from .responses_api import Json

BETWEEN_INSTRUCTIONS = "\n\n"
BETWEEN_USER_MESSAGES = "\n\n"
NO_IMAGE = "[an image that this model can't see]"
UNSEEN = "content: images became notes in their place"
"""How the note begins that tells it; the reason follows."""
LIFTED = "[from the output of "
GENERATED = "[the image generated above:]"
"""What stands before images in the user message that follows where they came from."""


def chat_messages(turns: Iterable[Turn], profile: Profile, model: str = "") -> list[ChatMessage]:
    """The messages of a chat request: instructions first, then the conversation in order."""
    messages: list[ChatMessage] = []
    leading: list[str] = []
    for message in _messages(turns, profile, model, leading):
        last = messages[-1] if messages else None
        if profile.after_tools and last and last["role"] == "tool" and message["role"] == "user":
            messages.append({"role": "assistant", "content": profile.after_tools})
        if profile.merge_users and last and last["role"] == message["role"] == "user":
            last["content"] = _joined(last["content"], message["content"])
        else:
            messages.append(message)
    if leading:
        messages.insert(0, {"role": profile.system_role, "content": BETWEEN_INSTRUCTIONS.join(leading)})
    return messages


def _messages(turns: Iterable[Turn], profile: Profile, model: str, leading: list[str]) -> Iterator[ChatMessage]:
    started = False
    for turn in turns:
        if isinstance(turn, AssistantTurn):
            started = True
            yield from _assistant(turn, profile, model)
        elif turn.role == "user":
            started = True
            yield {"role": "user", "content": _user_content(turn.parts, profile, model)}
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


def _assistant(turn: AssistantTurn, profile: Profile, model: str) -> Iterator[ChatMessage]:
    text = "\n\n".join(turn.texts)
    if not text and not turn.calls and not turn.images:
        return  # reasoning alone: the turn was interrupted, and servers refuse an empty message
    message: ChatMessage = {"role": "assistant"}
    if text or profile.empty_content != "omit":
        message["content"] = text or (None if profile.empty_content == "null" else "")
    state = join_states(turn.states)
    if turn.calls or profile.reasoning.back_on == "all":
        _give_back(message, state, profile.reasoning, called=bool(turn.calls))
    if turn.calls:
        extras = state.calls or {0: dict(profile.reasoning.missing_on_call)}
        message["tool_calls"] = [_tool_call(call, extras.get(i), profile) for i, call in enumerate(turn.calls)]
    if text or turn.calls:
        yield message
    for call in turn.calls:
        content = output_text(call, profile.sees_images(model))
        yield {"role": "tool", "tool_call_id": _wire_id(call, profile), "content": content}
    pictures = list(_lifted_images(turn))
    if pictures and profile.sees_images(model):
        yield {"role": "user", "content": _user_content(pictures, profile, model)}


def _give_back(message: ChatMessage, state: ReasoningState, rules: Reasoning, *, called: bool) -> None:
    """Reasoning returns as the provider wants it, normally in the field it came in."""
    if rules.back == "none":
        return
    form = state.source if rules.back == "same" else rules.back
    if rules.back != "same" and not state.text and state.details:
        state = replace(state, text=details_text(state.details))  # the text was not kept twice
    if state.text and (form == "think" or form.startswith("<")):
        tag = THINK if form == "think" else form
        message["content"] = f"{tag}\n{state.text}\n</{tag[1:]}\n\n{message.get('content') or ''}"
    elif state.text and form in (PARTS, "parts"):
        thinking = {"type": "thinking", "thinking": [text_part(state.text)]}
        spoken = message.get("content")
        message["content"] = [thinking, *([text_part(spoken)] if isinstance(spoken, str) and spoken else [])]
    elif state.text and form == "reasoning":
        message["reasoning"] = state.text
    elif state.text and form == "reasoning_content":
        message["reasoning_content"] = state.text
    if state.details and rules.back == "same":
        message["reasoning_details"] = list(state.details)
    elif called and not state.text and rules.missing is not None:
        message["reasoning" if rules.back == "reasoning" else "reasoning_content"] = rules.missing


def _wire_id(call: Call, profile: Profile) -> str:
    return call_id_for(call.call_id, form=profile.tools.call_ids, longest=profile.tools.longest_id)


def _tool_call(call: Call, extra: Json | None, profile: Profile) -> Json:
    return {
        **(extra or {}),
        "id": _wire_id(call, profile),
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def unseen_images(turns: Iterable[Turn], profile: Profile, model: str) -> str:
    """Why no image of the conversation is sent; "" where all are or it has none."""
    if profile.sees_images(model) and profile.content_parts:
        return ""
    if not any(map(_has_image, turns)):
        return ""
    return f"{profile.label} takes text only" if profile.sees_images(model) else f"{model} can't see them"


def _has_image(turn: Turn) -> bool:
    if isinstance(turn, Spoken):
        return turn.role == "user" and any(map(is_image, turn.parts))
    return bool(turn.images) or any(is_image(part) for call in turn.calls for part in call.output or [])


def output_text(call: Call, sees_images: bool) -> str:
    """A tool message takes text only on most servers; its images follow in a user message."""
    if call.output is None:
        return ABORTED
    pictures = sum(is_image(part) for part in call.output)
    text = join_text(call.output, "\n")
    if not pictures:
        return text
    if not sees_images:
        return f"{text}\n{NO_IMAGE}" if text else NO_IMAGE
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
            yield text_part(f"{LIFTED}{call.name}, call {call.call_id}:]")
            yield from pictures
    if turn.images:
        yield text_part(GENERATED)
        yield from turn.images


def _user_content(parts: list[Json], profile: Profile, model: str) -> str | list[Json]:
    if not profile.sees_images(model) or not profile.content_parts:
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
