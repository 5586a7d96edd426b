"""Servers that people run themselves; their models' chat templates have a say."""

from __future__ import annotations

from dataclasses import replace

from addon.scripted.chunks import USAGE
from addon.scripted.dialects.dialect import Dialect
from addon.scripted.dialects.limits import TEMPLATE, TOLERANT, Limits
from addon.scripted.dialects.refusals import flat, nested, only_words
from addon.scripted.dialects.styles import NINE, Style
from addon.scripted.dialects.vendors import WITH_DEVELOPER

_COUNTED = {"prompt_tokens": 1200, "completion_tokens": 34, "total_tokens": 1234}

VLLM_LIMITS = Limits(
    rules=TEMPLATE,
    words={"reasoning_effort": frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})},
)
VLLM_STYLE = Style(
    reasoning="reasoning",
    ids="chatcmpl-tool-{turn:016d}{n:016d}",
    last={"content": ""},
    choice={"logprobs": None, "token_ids": None},
    counts=_COUNTED,
)

ROWS = (
    Dialect(
        name="vllm",
        model="Qwen/Qwen3.6-27B",
        limits=VLLM_LIMITS,
        back="reasoning",
        style=VLLM_STYLE,
        refusal=nested(400, type="BadRequestError"),
        counted=(0, 0),
    ),
    Dialect(
        name="vllm (Mistral)",
        model="mistralai/Mistral-Small-4",
        limits=replace(VLLM_LIMITS, call_id=r"[a-zA-Z0-9]{9}", user_after_tool=False),
        back="reasoning",
        style=replace(VLLM_STYLE, ids=NINE),
        refusal=nested(400, type="BadRequestError"),
        counted=(0, 0),
    ),
    Dialect(
        name="sglang",
        model="zai-org/GLM-5.3",
        limits=Limits(rules=TEMPLATE, sees=False),
        style=Style(
            opening={"reasoning_content": None, "role": "assistant", "content": ""},
            continued={"id": None, "type": "function", "name": None},
            last={"role": None, "content": None, "reasoning_content": None, "tool_calls": None},
            choice={"logprobs": None, "matched_stop": None},
            counts={**USAGE, "reasoning_tokens": 7},
        ),
        refusal=flat(400, type="BadRequestError"),
    ),
    Dialect(
        name="llamacpp",
        model="gpt-oss-20b",
        limits=Limits(
            rules=TEMPLATE,
            roles=WITH_DEVELOPER,
            words={"chat_template_kwargs.enable_thinking": frozenset({True, False})},
            format_with_tools=False,
            sees=False,
        ),
        style=Style(
            opening={"role": "assistant", "content": None},
            ids="lcTool{turn:014d}{n:012d}",
            counts={**USAGE, "completion_tokens_details": None},
            top={"system_fingerprint": "b9999-scripted", "timings": {"prompt_n": 1200, "predicted_n": 34}},
            comment=b":\n\n",
        ),
        refusal=nested(400, type="invalid_request_error"),
        counted=(256, 0),
    ),
    Dialect(
        name="ollama",
        model="qwen3.6:27b",
        urls=("https://ollama.com/v1",),
        limits=Limits(
            rules=TOLERANT,
            lost=frozenset({"max_completion_tokens", "tool_choice", "parallel_tool_calls", "prompt_cache_key"}),
            schema=frozenset({"$ref"}),
            words={"reasoning_effort": frozenset({"none", "low", "medium", "high", "max"})},
        ),
        back="reasoning",
        style=Style(
            reasoning="reasoning",
            whole=True,
            ids="call_ol{turn:04d}{n}",
            opening=None,
            every={"role": "assistant", "content": ""},
            counts=_COUNTED,
            top={"system_fingerprint": "fp_ollama"},
        ),
        refusal=nested(None),
        counted=(0, 0),
    ),
    Dialect(
        name="lmstudio",
        model="openai/gpt-oss-20b",
        limits=Limits(
            rules=TEMPLATE,
            words={"reasoning_effort": frozenset({"low", "medium", "high"})},
            choices=frozenset({"auto", "none", "required"}),
            thinking_choices=frozenset({"auto", "none", "required"}),
            sees=False,
        ),
        back="reasoning",
        style=Style(
            reasoning="reasoning",
            ids="36517{turn:03d}{n}",
            opening=None,
            continued={"type": "function", "name": ""},
            choice={"logprobs": None},
            counts=_COUNTED,
        ),
        refusal=only_words,
        counted=(0, 0),
    ),
)
