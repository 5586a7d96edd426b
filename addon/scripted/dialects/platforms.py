"""Platforms that host other vendors' models."""

from __future__ import annotations

from dataclasses import replace

from addon.scripted.chunks import USAGE, chunk
from addon.scripted.dialects.dialect import Dialect
from addon.scripted.dialects.limits import CORE_FIELDS, Limits
from addon.scripted.dialects.refusals import flat, nested, titled
from addon.scripted.dialects.styles import NINE, Style
from addon.scripted.dialects.vendors import NO_REFS, OPENAI_LIMITS, OPENAI_STYLE

LOW_MEDIUM_HIGH = frozenset({"low", "medium", "high"})
LOW_HIGH_MAX = frozenset({"low", "high", "max"})

GROQ_LIMITS = Limits(
    fields=CORE_FIELDS | {
        "max_completion_tokens", "max_tokens", "stream_options", "reasoning_effort", "reasoning_format", "seed", "n",
        "include_reasoning", "service_tier", "disable_tool_validation", "user",
    },
    assistant=frozenset({"reasoning"}),
    contents=frozenset({"omitted", "empty"}),
    tools=128,
    words={"reasoning_effort": LOW_MEDIUM_HIGH},
    format_with_tools=False,
    sees=False,
)  # fmt: skip
GROQ_STYLE = Style(
    reasoning="reasoning",
    whole=True,
    ids=NINE,
    opening={"role": "assistant", "content": None},
    choice={"logprobs": None},
    usage=frozenset({"finish"}),
    envelope="x_groq",
    counts={**USAGE, "queue_time": 0.04, "prompt_time": 0.01, "completion_time": 0.04, "total_time": 0.05},
    top={"system_fingerprint": "fp_scripted"},
)

CEREBRAS_LIMITS = Limits(
    fields=CORE_FIELDS - {"presence_penalty", "frequency_penalty"} | {
        "max_completion_tokens", "stream_options", "reasoning_effort", "seed", "n", "service_tier", "user",
        "prompt_cache_key", "clear_thinking", "disable_reasoning", "logprobs", "top_logprobs",
    },
    assistant=frozenset({"reasoning"}),
    schema=frozenset({"strict"}),
    words={"reasoning_effort": LOW_MEDIUM_HIGH},
    format_with_tools=False,
    sees=False,
)  # fmt: skip
CEREBRAS_STYLE = Style(
    reasoning="reasoning",
    whole=True,
    ids="e0ecf{turn:03d}{n}",
    opening={"role": "assistant"},
    absent_finish=True,
    usage=frozenset({"finish"}),
    top={"system_fingerprint": "fp_scripted", "time_info": {"queue_time": 0.003, "total_time": 0.3}},
)
CEREBRAS_WORDS = {
    "field": "property '{}' is unsupported",
    "message_field": "property '{}' is unsupported",
}

NIM_LIMITS = Limits(
    fields=CORE_FIELDS - {"presence_penalty", "frequency_penalty"}
    | {"max_tokens", "stream_options", "seed", "chat_template_kwargs"},
    schema=frozenset({"strict"}),
    words={"chat_template_kwargs.thinking": frozenset({True, False})},
    sees=False,
)
NIM_STYLE = Style(last={"content": ""}, ids="chatcmpl-tool-{turn:08d}{n:04d}")

ROWS = (
    Dialect(
        name="groq",
        model="openai/gpt-oss-120b",
        urls=("https://api.groq.com/openai/v1",),
        limits=GROQ_LIMITS,
        back="reasoning",
        style=replace(GROQ_STYLE, every={"channel": "analysis"}),
    ),
    Dialect(
        name="groq (Qwen)",
        model="qwen/qwen3-vl-32b",
        base="/openai/v1",
        limits=replace(
            GROQ_LIMITS,
            sees=True,
            words={"reasoning_effort": frozenset({"none", "default"})},
            needed={"reasoning_format": "parsed"},
        ),
        back="reasoning",
        style=GROQ_STYLE,
    ),
    Dialect(
        name="openrouter",
        model="anthropic/claude-sonnet-4.6",
        urls=("https://openrouter.ai/api/v1",),
        limits=Limits(
            lost=frozenset({"reasoning_effort", "thinking"}),
            tool_types=frozenset({"openrouter:web_search"}),
            words={"reasoning.effort": frozenset({"xhigh", "high", "medium", "low", "minimal", "none"})},
        ),
        back="details",
        style=Style(
            reasoning="details",
            also=("reasoning",),
            ids="toolu_or_{turn:04d}_{n}",
            every={"role": "assistant", "content": ""},
            continued={"type": "function"},
            choice={"native_finish_reason": None, "logprobs": None},
            counts={**USAGE, "cost": 0.00014, "is_byok": False},
            top={"provider": "Scripted"},
            lead=(b": OPENROUTER PROCESSING\n\n", b": OPENROUTER PROCESSING\n\n"),
        ),
        refusal=nested(400, type=None),
    ),
    Dialect(
        name="together",
        model="moonshotai/Kimi-K2.6",
        urls=("https://api.together.ai/v1", "https://api.together.xyz/v1"),
        limits=Limits(
            fields=CORE_FIELDS - {"parallel_tool_calls"} | {
                "max_tokens", "reasoning", "reasoning_effort", "chat_template_kwargs", "seed", "n", "logprobs",
                "context_length_exceeded_behavior", "repetition_penalty", "top_k", "min_p",
            },
            schema=frozenset({"strict"}),
            words={"reasoning.enabled": frozenset({True, False})},
        ),
        back="reasoning",
        style=Style(
            reasoning="reasoning",
            every={"role": "assistant", "content": ""},
            continued={"id": "repeated", "type": "function"},
            last={"tool_calls": []},
            choice={"text": "", "logprobs": None, "seed": None},
            usage=frozenset({"finish"}),
            usage_null=True,
        ),
    ),
    Dialect(
        name="fireworks",
        model="accounts/fireworks/models/glm-5p3",
        urls=("https://api.fireworks.ai/inference/v1",),
        limits=Limits(
            fields=CORE_FIELDS | {
                "max_tokens", "max_completion_tokens", "reasoning_effort", "thinking", "reasoning_history", "metadata",
                "prompt_cache_key", "service_tier", "seed", "n", "context_length_exceeded_behavior", "stream_options",
            },
            assistant=frozenset({"reasoning_content", "name"}),
            words={"reasoning_effort": LOW_HIGH_MAX},
            format_with_tools=False,
            sees=False,
        ),
        style=Style(
            ids="chatcmpl-tool-fw{turn:04d}{n}", opening={"role": "assistant"}, usage=frozenset({"finish"})
        ),
        refusal=nested(
            "invalid_request_error",
            words=dict.fromkeys(("field", "message_field"), "Extra inputs are not permitted, field: '{}'"),
        ),
    ),
    Dialect(
        name="cerebras",
        model="zai-glm-4.7",
        urls=("https://api.cerebras.ai/v1",),
        limits=replace(
            CEREBRAS_LIMITS,
            assistant=frozenset(),
            words={"reasoning_effort": frozenset({"none"})},
            needed={"clear_thinking": False},
        ),
        back="think",
        style=CEREBRAS_STYLE,
        refusal=flat("wrong_api_format", type="invalid_request_error", bare=True, param="validation_error",
                     words=CEREBRAS_WORDS),
    ),
    Dialect(
        name="cerebras (gpt-oss)",
        model="gpt-oss-120b",
        limits=CEREBRAS_LIMITS,
        back="reasoning",
        style=CEREBRAS_STYLE,
        refusal=flat("wrong_api_format", type="invalid_request_error", bare=True, param="validation_error",
                     words=CEREBRAS_WORDS),
    ),
    Dialect(
        name="nim",
        model="deepseek-ai/deepseek-v4-pro",
        urls=("https://integrate.api.nvidia.com/v1",),
        limits=NIM_LIMITS,
        style=NIM_STYLE,
        refusal=titled,
    ),
    Dialect(
        name="nim (Nemotron)",
        model="nvidia/nemotron-3-ultra-550b-a55b",
        limits=replace(NIM_LIMITS, words={"chat_template_kwargs.enable_thinking": frozenset({True, False})}, sees=True),
        back="think",
        style=replace(NIM_STYLE, reasoning="think"),
        refusal=titled,
    ),
    Dialect(
        name="nim (Mistral)",
        model="mistralai/mistral-large-3",
        limits=replace(
            NIM_LIMITS,
            call_id=r"[a-zA-Z0-9]{9}",
            schema=NO_REFS | {"strict"},
            user_after_tool=False,
            words={},
            sees=True,
        ),
        back="nothing",
        style=replace(NIM_STYLE, reasoning="hidden", ids=NINE),
        refusal=flat(400, type="BadRequestError"),
    ),
    Dialect(
        name="azure",
        model="my-gpt-deployment",
        urls=("https://example.openai.azure.com/openai/v1", "https://example.services.ai.azure.com/openai/v1"),
        limits=OPENAI_LIMITS,
        back="nothing",
        style=replace(
            OPENAI_STYLE,
            lead=(chunk(choices=[], id="", model="", object="", created=0, prompt_filter_results=[{}]),),
            choice={"logprobs": None, "content_filter_results": {}},
        ),
        refusal=nested("unknown_parameter"),
    ),
    Dialect(
        name="azure (Mistral)",
        model="Mistral-Large-3",
        base="/openai/v1",
        limits=Limits(
            fields=CORE_FIELDS | {"max_tokens", "stream_options", "reasoning_effort", "seed"},
            assistant=frozenset({"prefix"}),
            call_id=r"[a-zA-Z0-9]{9}",
            tools=128,
            schema=NO_REFS,
            user_after_tool=False,
        ),
        back="nothing",
        style=Style(reasoning="hidden", whole=True, ids=NINE),
    ),
)  # fmt: skip
