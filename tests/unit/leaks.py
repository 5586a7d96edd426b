"""Tool calls as models write them into their text, one or more per markup."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from relay_translate.markup import Offer, Sieve
from relay_translate.quirks import Quirks

from .streams import PATCH, Json, context

RUN = {
    "type": "function",
    "name": "exec_command",
    "parameters": {
        "type": "object",
        "properties": {
            "cmd": {"type": "string"},
            "limit": {"type": "integer"},
            "tty": {"type": "boolean"},
            "env": {"type": "object"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
    },
}
STOP = {"type": "function", "name": "stop", "parameters": {"type": "object", "properties": {}}}
TOOLS = [RUN, STOP, PATCH]

LS = {"cmd": "ls -la"}
ODD = {"cmd": 'echo "a < b" && printf \'%s\' "{x}"', "limit": 5}
PATCH_TEXT = "*** Begin Patch\n*** Add File: a.html\n+<b>[x]</b> { }\n*** End Patch"


@dataclass(frozen=True)
class Leak:
    """A block of markup and the calls it stands for: (name, arguments or a freeform tool's text)."""

    quirk: str
    block: str
    calls: tuple[tuple[str, Any], ...]


def j(value: Any) -> str:
    return json.dumps(value)


def leak(quirk: str, block: str, *calls: tuple[str, Any]) -> Leak:
    return Leak(quirk, block, calls)


def dsml(calls: str, bar: str = "｜", group: str = "tool_calls") -> str:
    return f"<{bar}DSML{bar}{group}>\n{calls}\n</{bar}DSML{bar}{group}>"


def dsml_invoke(name: str, *values: tuple[str, str, str], bar: str = "｜") -> str:
    tag = f"{bar}DSML{bar}"
    inner = "".join(f'<{tag}parameter name="{k}" string="{s}">{v}</{tag}parameter>\n' for k, s, v in values)
    return f'<{tag}invoke name="{name}">\n{inner}</{tag}invoke>'


def kimi_call(name: str, arguments: str, number: int = 0) -> str:
    return f"<|tool_call_begin|>functions.{name}:{number}<|tool_call_argument_begin|>{arguments}<|tool_call_end|>"


def kimi(*calls: str) -> str:
    return f"<|tool_calls_section_begin|>{''.join(calls)}<|tool_calls_section_end|>"


def coder(name: str, **values: str) -> str:
    inner = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in values.items())
    return f"<function={name}>\n{inner}</function>"


def glm(name: str, **values: str) -> str:
    inner = "".join(f"<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n" for key, value in values.items())
    return f"<tool_call>{name}\n{inner}</tool_call>"


def invoke(name: str, **values: str) -> str:
    inner = "".join(f'<parameter name="{key}">{value}</parameter>\n' for key, value in values.items())
    return f'<invoke name="{name}">\n{inner}</invoke>'


def spelled(name: str, arguments: Any, key: str = "arguments") -> str:
    return j({"name": name, key: arguments})


V3 = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{}\n```json\n{}\n```<｜tool▁call▁end｜>"
V31 = "<｜tool▁call▁begin｜>{}<｜tool▁sep｜>{}<｜tool▁call▁end｜>"
V3_ALL = "<｜tool▁calls▁begin｜>{}<｜tool▁calls▁end｜>"
TWO = ("exec_command", LS), ("exec_command", ODD)

LEAKS = {
    "deepseek-v3": leak("leaked-deepseek", V3_ALL.format(V3.format("exec_command", j(ODD))), ("exec_command", ODD)),
    "deepseek-v31": leak("leaked-deepseek", V3_ALL.format(V31.format("exec_command", j(LS)) + "\n" + V31.format("exec_command", j(ODD))), *TWO),
    "deepseek-bare": leak("leaked-deepseek", V31.format("exec_command", j(LS)), ("exec_command", LS)),
    "deepseek-freeform": leak("leaked-deepseek", V3_ALL.format(V31.format("apply_patch", PATCH_TEXT)), ("apply_patch", PATCH_TEXT)),
    "dsml": leak("leaked-dsml", dsml(dsml_invoke("exec_command", ("cmd", "true", ODD["cmd"]), ("limit", "false", "5"))), ("exec_command", ODD)),
    "dsml-old": leak("leaked-dsml", dsml(dsml_invoke("exec_command", ("cmd", "true", "ls -la")) + "\n" + dsml_invoke("stop"), group="function_calls"), ("exec_command", LS), ("stop", {})),
    "dsml-doubled": leak("leaked-dsml", dsml(dsml_invoke("exec_command", ("cmd", "true", "ls -la"), bar="｜｜"), bar="｜｜"), ("exec_command", LS)),
    "dsml-plain": leak("leaked-dsml", dsml(dsml_invoke("exec_command", ("cmd", "true", "ls -la"), bar="|"), bar="|"), ("exec_command", LS)),
    "dsml-space": leak("leaked-dsml", dsml(dsml_invoke("exec_command", ("cmd", "true", "ls -la")), group=" calls"), ("exec_command", LS)),
    "dsml-bare": leak("leaked-dsml", dsml_invoke("exec_command", ("cmd", "true", "ls -la")), ("exec_command", LS)),
    "dsml-json": leak("leaked-dsml", dsml(f'<｜DSML｜invoke name="exec_command">\n{j(ODD)}\n</｜DSML｜invoke>'), ("exec_command", ODD)),
    "dsml-freeform": leak("leaked-dsml", dsml(dsml_invoke("apply_patch", ("input", "true", PATCH_TEXT))), ("apply_patch", PATCH_TEXT)),
    "kimi": leak("leaked-kimi", kimi(kimi_call("exec_command", j(LS)), kimi_call("exec_command", j(ODD), 1)), *TWO),
    "kimi-singular": leak("leaked-kimi", kimi(kimi_call("exec_command", j(LS))).replace("calls_section", "call_section"), ("exec_command", LS)),
    "kimi-bare": leak("leaked-kimi", kimi_call("exec_command", j(LS)) + kimi_call("stop", "{}") + "<|tool_calls_section_end|>", ("exec_command", LS), ("stop", {})),
    "kimi-freeform": leak("leaked-kimi", kimi(kimi_call("apply_patch", PATCH_TEXT)), ("apply_patch", PATCH_TEXT)),
    "hermes": leak("leaked-hermes", f"<tool_call>\n{spelled('exec_command', ODD)}\n</tool_call>", ("exec_command", ODD)),
    "hermes-two": leak("leaked-hermes", f"<tool_call>\n{spelled('exec_command', LS)}\n{spelled('exec_command', ODD)}\n</tool_call>", *TWO),
    "hermes-double": leak("leaked-hermes", f"<tool_call>{spelled('exec_command', j(LS))}</tool_call>", ("exec_command", LS)),
    "hermes-freeform": leak("leaked-hermes", f"<tool_call>{spelled('apply_patch', PATCH_TEXT)}</tool_call>", ("apply_patch", PATCH_TEXT)),
    "qwen": leak("leaked-qwen", f"<tool_call>\n{coder('exec_command', cmd=ODD['cmd'], limit='5')}\n</tool_call>", ("exec_command", ODD)),
    "qwen-bare": leak("leaked-qwen", coder("exec_command", cmd="ls -la") + "\n</tool_call>", ("exec_command", LS)),
    "qwen-two": leak("leaked-qwen", f"<tool_call>\n{coder('exec_command', cmd='ls -la')}\n{coder('stop')}\n</tool_call>", ("exec_command", LS), ("stop", {})),
    "qwen-freeform": leak("leaked-qwen", f"<tool_call>\n{coder('apply_patch', input=PATCH_TEXT)}\n</tool_call>", ("apply_patch", PATCH_TEXT)),
    "qwen-freeform-raw": leak("leaked-qwen", f"<function=apply_patch>\n{PATCH_TEXT}\n</function>", ("apply_patch", PATCH_TEXT)),
    "qwen-tag-in-value": leak("leaked-qwen", coder("exec_command", cmd="echo </parameter> done"), ("exec_command", {"cmd": "echo </parameter> done"})),
    "glm": leak("leaked-glm", glm("exec_command", cmd=ODD["cmd"], limit="5"), ("exec_command", ODD)),
    "glm-empty": leak("leaked-glm", glm("stop"), ("stop", {})),
    "glm-inline": leak("leaked-glm", "<tool_call>exec_command<arg_key>cmd</arg_key><arg_value>ls -la</arg_value></tool_call>", ("exec_command", LS)),
    "glm-freeform": leak("leaked-glm", glm("apply_patch", input=PATCH_TEXT), ("apply_patch", PATCH_TEXT)),
    "minimax": leak("leaked-minimax", f"<minimax:tool_call>\n{invoke('exec_command', cmd=ODD['cmd'], limit='5')}\n</minimax:tool_call>", ("exec_command", ODD)),
    "minimax-two": leak("leaked-minimax", f"<minimax:tool_call>\n{invoke('exec_command', cmd='ls -la')}\n{invoke('stop')}\n</minimax:tool_call>", ("exec_command", LS), ("stop", {})),
    "minimax-freeform": leak("leaked-minimax", f"<minimax:tool_call>\n{invoke('apply_patch', input=PATCH_TEXT)}\n</minimax:tool_call>", ("apply_patch", PATCH_TEXT)),
    "llama": leak("leaked-llama", f"<function=exec_command>{j(ODD)}</function>", ("exec_command", ODD)),
    "llama-python": leak("leaked-llama", f"<|python_tag|>{spelled('exec_command', ODD, 'parameters')}<|eom_id|>", ("exec_command", ODD)),
    "llama-python-two": leak("leaked-llama", f"<|python_tag|>{spelled('exec_command', LS, 'parameters')}; {spelled('exec_command', ODD, 'parameters')}", *TWO),
    "mistral": leak("leaked-mistral", f"[TOOL_CALLS]exec_command[ARGS]{j(ODD)}", ("exec_command", ODD)),
    "mistral-two": leak("leaked-mistral", f"[TOOL_CALLS]exec_command[ARGS]{j(LS)}[TOOL_CALLS]exec_command[ARGS]{j(ODD)}", *TWO),
    "mistral-id": leak("leaked-mistral", f"[TOOL_CALLS]exec_command[CALL_ID]a1b2c3d4e[ARGS]{j(LS)}", ("exec_command", LS)),
    "mistral-old": leak("leaked-mistral", f"[TOOL_CALLS] [{spelled('exec_command', LS)}, {spelled('exec_command', ODD)}]", *TWO),
    "harmony": leak("leaked-harmony", f"<|channel|>commentary to=functions.exec_command <|constrain|>json<|message|>{j(ODD)}<|call|>", ("exec_command", ODD)),
    "harmony-start": leak("leaked-harmony", f"<|start|>assistant to=functions.exec_command<|channel|>commentary json<|message|>{j(LS)}<|call|>", ("exec_command", LS)),
    "harmony-plain": leak("leaked-harmony", f"<|start|>assistant<|channel|>commentary to=functions.exec_command<|message|>{j(LS)}<|call|>", ("exec_command", LS)),
    "harmony-freeform": leak("leaked-harmony", f"<|channel|>commentary to=functions.apply_patch<|message|>{PATCH_TEXT}<|call|>", ("apply_patch", PATCH_TEXT)),
    "lm-studio": leak("leaked-lm-studio", f"[TOOL_REQUEST]\n{spelled('exec_command', ODD)}\n[END_TOOL_REQUEST]", ("exec_command", ODD)),
}  # fmt: skip


@dataclass(frozen=True)
class Sifted:
    """What became of pieces without the events around it: text, reasoning, calls as in `Leak.calls`, quirks."""

    text: str
    thought: str
    calls: tuple[tuple[str, Any], ...]
    quirks: tuple[str, ...]


def sift(*pieces: str, field: str = "content", tools: list[Json] = TOOLS, **fields: Any) -> Sifted:
    made = context(tools, **fields)
    quirks, texts, thoughts = Quirks(made.disabled_quirks), list[str](), list[str]()
    offer = Offer(made.parameters, made.tools)
    sieve = Sieve(("think",), offer, quirks, texts.append, lambda source, piece, details: thoughts.append(piece))
    for piece in pieces:
        if field == "content":
            sieve.content(piece)
        else:
            sieve.reasoning(field, piece, [])
    sieve.pause()
    calls = [(call.name, json.loads(call.arguments)) for call in sieve.calls([])]
    calls = [(name, value["input"] if offer.is_freeform(name) else value) for name, value in calls]
    return Sifted("".join(texts), "".join(thoughts), tuple(calls), tuple(quirks.fired))


def called(items: list[Json]) -> list[tuple[str, Any]]:
    """The calls among finished items, as in `Leak.calls`."""
    found = []
    for item in items:
        if item["type"] == "function_call":
            found.append((item["name"], json.loads(item["arguments"])))
        elif item["type"] == "custom_tool_call":
            found.append((item["name"], item["input"]))
    return found


def said(items: list[Json]) -> str:
    return "".join(item["content"][0]["text"] for item in items if item["type"] == "message")


def thought(items: list[Json]) -> str:
    return "".join(part["text"] for item in items if item["type"] == "reasoning" for part in item["summary"])
