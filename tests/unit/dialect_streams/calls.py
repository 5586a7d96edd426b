"""Calls: where index, id, name and arguments stand, and where they do not."""

from __future__ import annotations

from tests.unit.streams import Json, call, chunk, entry, stop, text

from .shape import said, shape

LS = '{"cmd":"ls -a"}'
LOOK = ("function_call", "exec_command", LS)
PWD = ("function_call", "exec_command", '{"cmd":"pwd"}')


@shape(LOOK, PWD)
def openai_parallel() -> list[Json]:
    """Id and name in the first delta of each, arguments behind them; null content, an opaque padding."""
    first = chunk(
        {"role": "assistant", "content": None, "refusal": None, "tool_calls": [entry("", "exec_command", "call_A1")]}
    )
    return [
        first | {"obfuscation": "xY"}, call('{"cmd":') | {"obfuscation": "a"}, call('"ls -a"}'),
        call("", "exec_command", "call_B2", 1), call('{"cmd":"pwd"}', index=1), stop("tool_calls"),
    ]  # fmt: skip


@shape(LOOK, PWD)
def all_indexes_nought() -> list[Json]:
    """Gemini: whole calls that share index 0, ended by `stop`."""
    return [
        chunk({"role": "assistant", "tool_calls": [entry(LS, "exec_command", "function-call-11")]}),
        call('{"cmd":"pwd"}', "exec_command", "function-call-12"), stop("stop"),
    ]  # fmt: skip


@shape(("reasoning", ""), LOOK)
def signature_beside_a_call() -> list[Json]:
    """Gemini's thought signature, which has to come back with the call."""
    extra = {"extra_content": {"google": {"thought_signature": "c2lnbmVk"}}}
    return [call(LS, "exec_command", "function-call-21", **extra), stop("stop")]


@shape(("message", "I read."), ("function_call", "write_stdin", '{"chars": "q"}'))
def first_index_is_one() -> list[Json]:
    """Anthropic: the text took index 0; an empty piece of arguments; created is 0."""
    parts = ["", '{"ch', 'ars": "q"}']
    calls = [chunk({"tool_calls": [{"index": 1, "function": {"arguments": part}}]}) for part in parts]
    opening = [text("I "), text("read."), call("", "write_stdin", "toolu_31", 1)]
    return [piece | {"created": 0} for piece in (*opening, *calls, stop("tool_calls"))]


@shape(LOOK, PWD)
def sparse_indexes() -> list[Json]:
    return [
        call("", "exec_command", "s1", 3), call(LS, index=3), call("", "exec_command", "s2", 7),
        call('{"cmd":"pwd"}', index=7), stop("tool_calls"),
    ]  # fmt: skip


@shape(LOOK)
def no_index_and_no_type() -> list[Json]:
    """Mistral: the whole call in the finish chunk, its id of nine characters."""
    whole = {"id": "Ab3dE6gH9", "function": {"name": "exec_command", "arguments": LS}}
    return [
        said({"role": "assistant", "content": ""}, finish_reason=None),
        chunk({"content": None, "tool_calls": [whole]}, "tool_calls"),
    ]


@shape(LOOK, PWD)
def no_index_and_several() -> list[Json]:
    """The place in the list is the key, and a fragment without an id belongs to the call before it."""
    pieces = [
        call('{"cmd":', "exec_command", "g4", None), call('"ls -a"}', index=None),
        call('{"cmd":"pwd"}', "exec_command", "g5", None),
    ]  # fmt: skip
    return [*pieces, stop("tool_calls")]


@shape(LOOK, PWD)
def two_entries_without_index() -> list[Json]:
    opening = [entry("", "exec_command", "k1", None), entry("", "exec_command", "k2", None)]
    rest = [entry(LS, index=None), entry('{"cmd":"pwd"}', index=None)]
    return [chunk({"tool_calls": opening}), chunk({"tool_calls": rest}), stop("tool_calls")]


@shape(LOOK)
def empty_id_later() -> list[Json]:
    """Qwen: `id: ""` on what follows, and a last delta without finish_reason."""
    return [
        call("", "exec_command", "call_q1"), call('{"cmd":', id=""), call('"ls -a"}', id=""),
        said({"tool_calls": [entry("", id="")]}), stop("tool_calls"),
    ]  # fmt: skip


@shape(LOOK)
def null_id_and_name_later() -> list[Json]:
    """SGLang."""
    later = {"id": None, "index": 0, "type": "function", "function": {"name": None, "arguments": LS}}
    return [
        said({"role": "assistant", "content": "", "reasoning_content": None}, finish_reason=None, matched_stop=None),
        call("", "exec_command", "call_sg1"),
        said({"role": None, "content": None, "reasoning_content": None, "tool_calls": [later]}, finish_reason=None),
        said({"role": None, "content": None, "tool_calls": None}, finish_reason="tool_calls", matched_stop=None),
    ]


@shape(LOOK)
def empty_name_later() -> list[Json]:
    """Models of others at Mistral: `name: ""` on what follows, an index inside the delta."""
    later = {"type": "function", "function": {"name": "", "arguments": LS}, "index": 0}
    return [
        chunk({"tool_calls": [entry("", "exec_command", "chatcmpl-tool-77")], "index": 0, "content": ""}),
        chunk({"tool_calls": [later], "index": 0, "content": ""}), chunk({"index": 0, "content": ""}, "tool_calls"),
    ]  # fmt: skip


@shape(LOOK)
def id_and_name_on_each_delta() -> list[Json]:
    return [call(part, "exec_command", "r1") for part in ("", '{"cmd":', '"ls -a"}')] + [stop("tool_calls")]


@shape(LOOK)
def name_in_pieces() -> list[Json]:
    return [call("", "exec_", "p1"), call("", "command"), call(LS), stop("tool_calls")]


@shape(LOOK)
def late_name() -> list[Json]:
    return [call('{"cmd":', id="l1"), call('"ls -a"}', "exec_command"), stop("tool_calls")]


@shape(error="server_error", says="without a name")
def no_name_at_all() -> list[Json]:
    return [call('{"cmd":', id="n1"), call('"ls -a"}'), stop("tool_calls")]


@shape(LOOK, PWD)
def no_ids_at_all() -> list[Json]:
    return [call(LS, "exec_command", index=0), call('{"cmd":"pwd"}', "exec_command", index=1), stop("tool_calls")]


@shape(LOOK, PWD)
def the_same_id_twice() -> list[Json]:
    return [
        call(LS, "exec_command", "call_0", 0),
        call('{"cmd":"pwd"}', "exec_command", "call_0", 1),
        stop("tool_calls"),
    ]


@shape(LOOK)
def arguments_as_an_object() -> list[Json]:
    return [call({"cmd": "ls -a"}, "exec_command", "o1"), stop("tool_calls")]


@shape(LOOK)
def empty_object_before_the_arguments() -> list[Json]:
    """Claude behind relays: `{}` and then the real ones."""
    return [call("{}", "exec_command", "e1"), call('{"cmd":'), call('"ls -a"}'), stop("tool_calls")]


@shape(LOOK)
def arguments_by_character() -> list[Json]:
    return [call("", "exec_command", "b1"), *(call(letter) for letter in LS), stop("tool_calls")]


@shape(("function_call", "exec_command", "{}"))
def no_arguments() -> list[Json]:
    return [call(None, "exec_command", "v1"), stop("tool_calls")]


@shape(LOOK)
def role_call_and_finish_in_two_chunks() -> list[Json]:
    """Kimi K3: the role with the call, the arguments with the finish reason; ids of name and number."""
    opening = chunk({"role": "assistant", "tool_calls": [entry("", "exec_command", "exec_command:0")]})
    return [opening, chunk({"tool_calls": [{"index": 0, "function": {"arguments": LS}}]}, "tool_calls")]


@shape(LOOK)
def names_own_id() -> list[Json]:
    """Kimi K2 makes sense of its own ids, which stay as they are."""
    return [call("", "exec_command", "functions.exec_command:0"), call(LS), stop("tool_calls")]


@shape(LOOK)
def whole_call_in_one_delta() -> list[Json]:
    """Groq, Cerebras, xAI, GLM: no finish_reason key until the end."""
    return [
        said({"role": "assistant", "content": None}),
        said({"tool_calls": [entry(LS, "exec_command", "x9y8z7w6v")]}),
        stop("tool_calls"),
    ]


@shape(LOOK)
def stop_although_there_are_calls() -> list[Json]:
    return [call(LS, "exec_command", "t1"), stop("stop")]


@shape(LOOK)
def empty_finish_with_calls() -> list[Json]:
    return [call(LS, "exec_command", "t2"), stop("")]


@shape(LOOK)
def legacy_function_call() -> list[Json]:
    return [
        chunk({"function_call": {"name": "exec_command", "arguments": ""}}),
        chunk({"function_call": {"arguments": LS}}), stop("function_call"),
    ]  # fmt: skip


@shape(("message", "Hello"))
def empty_list_of_calls() -> list[Json]:
    """Empty lists and strings on each delta."""
    empty = {"role": "assistant", "reasoning_content": "", "tool_calls": []}
    return [
        chunk({"content": "Hel", **empty}),
        chunk({"content": "lo", **empty}),
        chunk({"content": "", **empty}, "stop"),
    ]
