"""The repairs that are made to answers, by name.

Each shows on the turn when it was needed, and can be switched off; the client then sees what the provider sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

THINK_TAGS = "think-tags"
LEAKED_DEEPSEEK = "leaked-deepseek"
LEAKED_DSML = "leaked-dsml"
LEAKED_KIMI = "leaked-kimi"
LEAKED_HERMES = "leaked-hermes"
LEAKED_QWEN = "leaked-qwen"
LEAKED_GLM = "leaked-glm"
LEAKED_MINIMAX = "leaked-minimax"
LEAKED_LLAMA = "leaked-llama"
LEAKED_MISTRAL = "leaked-mistral"
LEAKED_HARMONY = "leaked-harmony"
LEAKED_LM_STUDIO = "leaked-lm-studio"
DUPLICATE_REASONING = "duplicate-reasoning"
BLANK_TEXT = "blank-text"
MISSING_CALL_ID = "missing-call-id"
REPEATED_CALL_ID = "repeated-call-id"
SHARED_INDEX = "shared-index"
ARGS_OBJECT = "args-object"
ARGS_EMPTY_THEN_REAL = "args-empty-then-real"
CUT_NOTE = "cut-note"
USAGE_ESTIMATED = "usage-estimated"

QUIRKS: Mapping[str, str] = MappingProxyType({
    THINK_TAGS: "reasoning between think tags at the start of the text was made reasoning",
    LEAKED_DEEPSEEK: "a tool call written into the text with DeepSeek's V3 tokens was made a call",
    LEAKED_DSML: "a tool call written into the text as DSML (DeepSeek V3.2, V4) was made a call",
    LEAKED_KIMI: "a tool call written into the text with Kimi's tokens was made a call",
    LEAKED_HERMES: "a tool call written into the text as JSON in a tool_call tag (Hermes, Qwen) was made a call",
    LEAKED_QWEN: "a tool call written into the text with function and parameter tags (Qwen3-Coder) was made a call",
    LEAKED_GLM: "a tool call written into the text with arg_key and arg_value tags (GLM) was made a call",
    LEAKED_MINIMAX: "a tool call written into the text with MiniMax's tags was made a call",
    LEAKED_LLAMA: "a tool call written into the text as a function tag or behind a python tag (Llama) was made a call",
    LEAKED_MISTRAL: "a tool call written into the text behind [TOOL_CALLS] (Mistral) was made a call",
    LEAKED_HARMONY: "a tool call written into the text in the harmony format (gpt-oss) was made a call",
    LEAKED_LM_STUDIO: "a tool call written into the text as [TOOL_REQUEST] (LM Studio) was made a call",
    DUPLICATE_REASONING: "reasoning that came in two fields at once was read once",
    BLANK_TEXT: "blank lines that would have been a message of their own were left out",
    MISSING_CALL_ID: "a tool call without an id was given one",
    REPEATED_CALL_ID: "a tool call with the id of another one was given its own",
    SHARED_INDEX: "tool calls with different ids at one index were taken for several",
    ARGS_OBJECT: "arguments that came as an object became the text they have to be",
    ARGS_EMPTY_THEN_REAL: "an empty object in front of the real arguments was left out",
    CUT_NOTE: "an answer that the output limit cut was ended with a note",
    USAGE_ESTIMATED: "token counts were estimated, because the provider sent none",
})  # fmt: skip


class Quirks:
    """The repairs of one answer. Called with a name it says whether that repair may be made, and takes it down."""

    def __init__(self, disabled: frozenset[str] = frozenset()) -> None:
        self.disabled = disabled
        self.fired: dict[str, None] = {}

    def __call__(self, name: str) -> bool:
        if name in self.disabled:
            return False
        self.fired[name] = None
        return True
