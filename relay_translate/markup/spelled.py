"""Calls whose arguments are a JSON object, between special tokens or behind a marker.

A grammar is called when its opening marker has been read, and gives the quirk's name and the calls.
"""

from __future__ import annotations

import re

from relay_translate import quirks

from .cursor import Cursor, NotACall, Reading
from .offer import Offer, WrittenCall

Found = tuple[str, list[WrittenCall]]

# DeepSeek V3 and V3.1
CALLS, CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
CALL, CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>"
CALL_NAME = "<｜tool▁sep｜>"
# Kimi K2; both spellings of the section are seen
SECTIONS = ("<|tool_calls_section_begin|>", "<|tool_call_section_begin|>")
SECTION_ENDS = ("<|tool_calls_section_end|>", "<|tool_call_section_end|>")
SECTION_CALL, SECTION_CALL_END = "<|tool_call_begin|>", "<|tool_call_end|>"
SECTION_ARGUMENTS = "<|tool_call_argument_begin|>"
_NUMBER = re.compile(r":\d+$")
# Llama 3
PYTHON_TAG = "<|python_tag|>"
MESSAGE_ENDS = ("<|eom_id|>", "<|eot_id|>")
# Mistral
BRACKET_CALLS, BRACKET_ID, BRACKET_ARGUMENTS = "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"
# gpt-oss
CHANNEL, CONSTRAIN, MESSAGE, TO, SENT = "<|channel|>", "<|constrain|>", "<|message|>", "to=", "<|call|>"
ASSISTANT = "<|start|>assistant"
# LM Studio
REQUEST, REQUEST_END = "[TOOL_REQUEST]", "[END_TOOL_REQUEST]"


def spelled_calls(cursor: Cursor, offer: Offer, end: str) -> Reading[list[WrittenCall]]:
    """`{"name": ..., "arguments": ...}` once or more up to `end`, which a stop token may have swallowed."""
    calls = [offer.from_spelled((yield from cursor.object()))]
    while not (yield from cursor.is_over()):
        if cursor.rest.startswith("{"):
            calls.append(offer.from_spelled((yield from cursor.object())))
        else:
            yield from cursor.take(end)
            break
    return calls


def _arguments(cursor: Cursor, offer: Offer, name: str, end: str) -> Reading[WrittenCall]:
    """An object, or the bare text of a freeform tool, up to `end`."""
    yield from cursor.spaces()
    if not cursor.rest.startswith("{") and offer.is_freeform(name):
        text = yield from cursor.until(end)
        return offer.from_text(name, text.rstrip("\r\n"))
    call = offer.from_object(name, (yield from cursor.object()))
    yield from cursor.spaces()
    yield from cursor.take(end)
    return call


def group_of_tokens(cursor: Cursor, offer: Offer) -> Reading[Found]:
    """DeepSeek V3: a section of calls."""
    calls: list[WrittenCall] = []
    while not (calls and (yield from cursor.is_over())):
        yield from cursor.spaces()
        if (yield from cursor.take(CALL, *((CALLS_END,) if calls else ()))) != CALL:
            break
        calls.append((yield from _call_in_tokens(cursor, offer)))
    return quirks.LEAKED_DEEPSEEK, calls


def call_in_tokens(cursor: Cursor, offer: Offer) -> Reading[Found]:
    call = yield from _call_in_tokens(cursor, offer)
    return quirks.LEAKED_DEEPSEEK, [call]


def _call_in_tokens(cursor: Cursor, offer: Offer) -> Reading[WrittenCall]:
    """V3: `function`, separator, name, a JSON code block. V3.1: name, separator, object."""
    yield from cursor.spaces()
    name = yield from cursor.word()
    yield from cursor.take(CALL_NAME)
    yield from cursor.spaces()
    if name == "function" and not cursor.rest.startswith("{"):
        name = yield from cursor.word()
    name = offer.name(name)
    yield from cursor.spaces()
    if not (yield from cursor.take("```json", "```", "")):
        return (yield from _arguments(cursor, offer, name, CALL_END))
    call = yield from _arguments(cursor, offer, name, "```")
    yield from cursor.spaces()
    yield from cursor.take(CALL_END)
    return call


def section(cursor: Cursor, offer: Offer) -> Reading[Found]:
    """Kimi K2: a section of calls."""
    calls: list[WrittenCall] = []
    while not (calls and (yield from cursor.is_over())):
        yield from cursor.spaces()
        if (yield from cursor.take(SECTION_CALL, *(SECTION_ENDS if calls else ()))) != SECTION_CALL:
            break
        calls.append((yield from _call_in_section(cursor, offer)))
    return quirks.LEAKED_KIMI, calls


def call_in_section(cursor: Cursor, offer: Offer) -> Reading[Found]:
    """A call of a section whose beginning is missing; its end may be there."""
    calls = [(yield from _call_in_section(cursor, offer))]
    while not (yield from cursor.is_over()):
        if (yield from cursor.take(SECTION_CALL, *SECTION_ENDS, "")) != SECTION_CALL:
            break
        calls.append((yield from _call_in_section(cursor, offer)))
    return quirks.LEAKED_KIMI, calls


def _call_in_section(cursor: Cursor, offer: Offer) -> Reading[WrittenCall]:
    """The id, `functions.name:0`, tells the name; the model is used to see it again."""
    yield from cursor.spaces()
    call_id = yield from cursor.word()
    name = offer.name(_NUMBER.sub("", call_id))
    yield from cursor.spaces()
    yield from cursor.take(SECTION_ARGUMENTS)
    call = yield from _arguments(cursor, offer, name, SECTION_CALL_END)
    return WrittenCall(call.name, call.arguments, call_id if call_id != name else "")


def python_tag(cursor: Cursor, offer: Offer) -> Reading[Found]:
    """Objects, parted by semicolons."""
    calls: list[WrittenCall] = []
    while True:
        calls.append(offer.from_spelled((yield from cursor.object())))
        if (yield from cursor.is_over()):
            break
        if (yield from cursor.take(";", *MESSAGE_ENDS, "")) != ";":
            break
    return quirks.LEAKED_LLAMA, calls


def bracket_calls(cursor: Cursor, offer: Offer) -> Reading[Found]:
    """A list of objects, or `name[ARGS]{...}`, whose name may be followed by an id."""
    yield from cursor.spaces()
    calls: list[WrittenCall] = []
    if cursor.rest.startswith("["):
        opened = yield from cursor.take("[")
        while opened in ("[", ","):
            calls.append(offer.from_spelled((yield from cursor.object())))
            yield from cursor.spaces()
            opened = yield from cursor.take(",", "]")
        return quirks.LEAKED_MISTRAL, calls
    name, call_id = offer.name((yield from cursor.word())), ""
    told = yield from cursor.take(BRACKET_ID, BRACKET_ARGUMENTS, "")
    if told == BRACKET_ID:
        call_id = yield from cursor.word()
        yield from cursor.take(BRACKET_ARGUMENTS)
    call = offer.from_object(name, (yield from cursor.object()))
    return quirks.LEAKED_MISTRAL, [WrittenCall(call.name, call.arguments, call_id)]


def after_assistant(cursor: Cursor, offer: Offer) -> Reading[Found]:
    """Harmony with its header; the recipient stands before the channel or behind it."""
    name = ""
    yield from cursor.spaces()
    if (yield from cursor.take(TO, CHANNEL)) == TO:
        name = offer.name((yield from cursor.word()))
        yield from cursor.spaces()
        yield from cursor.take(CHANNEL)
    return (yield from _message(cursor, offer, name))


def after_channel(cursor: Cursor, offer: Offer) -> Reading[Found]:
    return (yield from _message(cursor, offer, ""))


def _message(cursor: Cursor, offer: Offer, name: str) -> Reading[Found]:
    if (yield from cursor.word()) not in ("commentary", "analysis"):
        raise NotACall
    yield from cursor.spaces()
    if not name:
        yield from cursor.take(TO)
        name = offer.name((yield from cursor.word()))
        yield from cursor.spaces()
    if (yield from cursor.take(CONSTRAIN, MESSAGE, "")) != MESSAGE:
        yield from cursor.word()
        yield from cursor.spaces()
        yield from cursor.take(MESSAGE)
    yield from cursor.spaces()
    if not cursor.rest.startswith("{") and offer.is_freeform(name):
        text = yield from cursor.until(SENT)
        return quirks.LEAKED_HARMONY, [offer.from_text(name, text)]
    call = offer.from_object(name, (yield from cursor.object()))
    if not (yield from cursor.is_over()):  # the last token stops the model, and is not always shown
        yield from cursor.take(SENT, "")
    return quirks.LEAKED_HARMONY, [call]


def request(cursor: Cursor, offer: Offer) -> Reading[Found]:
    calls = yield from spelled_calls(cursor, offer, REQUEST_END)
    return quirks.LEAKED_LM_STUDIO, calls
