"""Calls that the model wrote into its text, in its own markup."""

from __future__ import annotations

from tests.unit.streams import Json, stop, text

from .shape import shape

LOOK = ("function_call", "exec_command", '{"cmd":"ls -a"}')


def cut(written: str, by: int = 9) -> list[Json]:
    return [text(written[i : i + by]) for i in range(0, len(written), by)] + [stop()]


@shape(("message", "I look.\n\n"), LOOK)
def deepseek_markup() -> list[Json]:
    return cut(
        'I look.\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name="exec_command">\n'
        '<｜DSML｜parameter name="cmd" string="true">ls -a</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>'
    )


@shape(("message", "I look."), LOOK)
def kimi_markup() -> list[Json]:
    return cut(
        "I look.<|tool_calls_section_begin|><|tool_call_begin|>functions.exec_command:0<|tool_call_argument_begin|>"
        '{"cmd":"ls -a"}<|tool_call_end|><|tool_calls_section_end|>'
    )


@shape(LOOK)
def qwen_markup() -> list[Json]:
    return cut('<tool_call>\n{"name": "exec_command", "arguments": {"cmd": "ls -a"}}\n</tool_call>')


@shape(("message", "I look.\n"), LOOK)
def glm_markup() -> list[Json]:
    return cut("I look.\n<tool_call>exec_command\n<arg_key>cmd</arg_key>\n<arg_value>ls -a</arg_value>\n</tool_call>")
