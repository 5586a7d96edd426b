"""Calls in tags, with each argument in a tag of its own.

A grammar is called when its opening marker has been read, and gives the quirk's name and the calls.
"""

from __future__ import annotations

from relay_translate import quirks

from .cursor import LONGEST_NAME, Cursor, Reading
from .offer import Offer, WrittenCall
from .spelled import spelled_calls

Found = tuple[str, list[WrittenCall]]

TOOL_CALL, TOOL_CALL_END = "<tool_call>", "</tool_call>"
FUNCTION, FUNCTION_END = "<function=", "</function>"
PARAMETER, PARAMETER_END = "<parameter=", "</parameter>"
KEY, KEY_END = "<arg_key>", "</arg_key>"
VALUE, VALUE_END = "<arg_value>", "</arg_value>"

VENDOR_CALLS, VENDOR_CALLS_END = "<minimax:tool_call>", "</minimax:tool_call>"
INVOKE, INVOKE_END = '<invoke name="', "</invoke>"
NAMED_PARAMETER = '<parameter name="'

# Full-width bars as the model's tokens have them; some gateways double them or make them plain.
BARS = ("｜｜", "｜", "||", "|")
DSML = tuple(f"<{bar}DSML{bar}" for bar in BARS)
DSML_END = tuple(f"</{bar}DSML{bar}" for bar in BARS)
DSML_GROUPS = ("function_calls", "tool_calls", "calls")
DSML_PARAMETER_END = tuple(f"{end}{space}parameter>" for end in DSML_END for space in ("", " "))


def tool_call(cursor: Cursor, offer: Offer) -> Reading[Found]:
    """`<tool_call>` opens three markups, told apart by what stands in it."""
    yield from cursor.spaces()
    if cursor.rest.startswith("{"):
        calls = yield from spelled_calls(cursor, offer, TOOL_CALL_END)
        return quirks.LEAKED_HERMES, calls
    if cursor.rest.startswith("<"):
        yield from cursor.take(FUNCTION)
        quirk, calls = yield from _functions(cursor, offer)
        return quirk, calls
    call = yield from _keys_and_values(cursor, offer)
    return quirks.LEAKED_GLM, [call]


def function(cursor: Cursor, offer: Offer) -> Reading[Found]:
    """`<function=name>` without a tag around it. Its end may be left over."""
    quirk, calls = yield from _functions(cursor, offer)
    return quirk, calls


def _functions(cursor: Cursor, offer: Offer) -> Reading[Found]:
    calls: list[WrittenCall] = []
    quirk = quirks.LEAKED_QWEN
    while True:
        name = offer.name((yield from cursor.word()))
        yield from cursor.take(">")
        yield from cursor.spaces()
        if cursor.rest.startswith("{"):
            quirk = quirks.LEAKED_LLAMA
            calls.append(offer.from_object(name, (yield from cursor.object())))
            yield from cursor.spaces()
            yield from cursor.take(FUNCTION_END)
        else:
            calls.append((yield from _parameters(cursor, offer, name)))
        if (yield from cursor.is_over()):
            break
        if (yield from cursor.take(FUNCTION, TOOL_CALL_END, "")) != FUNCTION:
            break
    return quirk, calls


def _parameters(cursor: Cursor, offer: Offer, name: str) -> Reading[WrittenCall]:
    pairs: dict[str, str] = {}
    if offer.is_freeform(name) and not cursor.rest.startswith("<"):
        text = yield from cursor.until(FUNCTION_END)
        return offer.from_text(name, text.strip("\r\n"))
    while (yield from cursor.take(PARAMETER, FUNCTION_END)) == PARAMETER:
        key = yield from cursor.until(">", longest=LONGEST_NAME)
        value = yield from cursor.until(PARAMETER_END, before=(PARAMETER, FUNCTION_END))
        pairs[key.strip()] = _on_own_lines(value)
        yield from cursor.spaces()
    return offer.from_pairs(name, pairs)


def _keys_and_values(cursor: Cursor, offer: Offer) -> Reading[WrittenCall]:
    name = offer.name((yield from cursor.word()))
    pairs: dict[str, str] = {}
    yield from cursor.spaces()
    while (yield from cursor.take(KEY, TOOL_CALL_END)) == KEY:
        key = yield from cursor.until(KEY_END, longest=LONGEST_NAME)
        yield from cursor.spaces()
        yield from cursor.take(VALUE)
        pairs[key.strip()] = yield from cursor.until(VALUE_END, before=(KEY, TOOL_CALL_END))
        yield from cursor.spaces()
    return offer.from_pairs(name, pairs)


def invokes(cursor: Cursor, offer: Offer) -> Reading[Found]:
    """A group of `<invoke name="...">`."""
    calls: list[WrittenCall] = []
    while not (calls and (yield from cursor.is_over())):
        yield from cursor.spaces()
        if (yield from cursor.take(INVOKE, *((VENDOR_CALLS_END,) if calls else ()))) != INVOKE:
            break
        name = offer.name((yield from cursor.word()))
        pairs: dict[str, str] = {}
        yield from cursor.take('">')
        yield from cursor.spaces()
        while (yield from cursor.take(NAMED_PARAMETER, INVOKE_END)) == NAMED_PARAMETER:
            key = yield from cursor.until('">', longest=LONGEST_NAME)
            value = yield from cursor.until(PARAMETER_END, before=(NAMED_PARAMETER, INVOKE_END))
            pairs[key] = _on_own_lines(value)
            yield from cursor.spaces()
        calls.append(offer.from_pairs(name, pairs))
    return quirks.LEAKED_MINIMAX, calls


def dsml(cursor: Cursor, offer: Offer) -> Reading[Found]:
    """A group of invocations, or a bare one."""
    calls: list[WrittenCall] = []
    yield from cursor.spaces()
    opened = yield from cursor.take(*DSML_GROUPS, "invoke")
    if opened == "invoke":
        return quirks.LEAKED_DSML, [(yield from _dsml_invoke(cursor, offer))]
    yield from cursor.take(">")
    while not (calls and (yield from cursor.is_over())):
        yield from cursor.spaces()
        tag = yield from cursor.take(*DSML, *(DSML_END if calls else ()))
        yield from cursor.spaces()
        if tag in DSML_END:
            yield from cursor.take(*DSML_GROUPS)
            yield from cursor.take(">")
            break
        yield from cursor.take("invoke")
        calls.append((yield from _dsml_invoke(cursor, offer)))
    return quirks.LEAKED_DSML, calls


def _dsml_invoke(cursor: Cursor, offer: Offer) -> Reading[WrittenCall]:
    yield from cursor.take(' name="')
    name = offer.name((yield from cursor.word()))
    yield from cursor.take('">')
    yield from cursor.spaces()
    whole = ""
    if cursor.rest.startswith("{"):
        whole = yield from cursor.object()
        yield from cursor.spaces()
    pairs: dict[str, str] = {}
    texts: dict[str, bool] = {}
    while (yield from cursor.take(*DSML, *DSML_END)) in DSML:
        yield from cursor.spaces()
        yield from cursor.take('parameter name="')
        key = yield from cursor.until('"', longest=LONGEST_NAME)
        said = yield from cursor.take(' string="true"', ' string="false"', "")
        yield from cursor.take(">")
        if said:
            texts[key] = "true" in said
        pairs[key] = yield from cursor.until(*DSML_PARAMETER_END, before=(*DSML, *DSML_END))
        yield from cursor.spaces()
    yield from cursor.spaces()
    yield from cursor.take("invoke>")
    return offer.from_object(name, whole) if whole else offer.from_pairs(name, pairs, texts)


def _on_own_lines(value: str) -> str:
    """A value between line breaks that belong to its tags."""
    if not value.startswith(("\n", "\r\n")):
        return value
    return value.removeprefix("\r").removeprefix("\n").removesuffix("\n").removesuffix("\r")
