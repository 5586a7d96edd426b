"""Vendors that serve their own models."""

from __future__ import annotations

from dataclasses import replace

from addon.scripted.chunks import USAGE
from addon.scripted.dialects.dialect import Dialect
from addon.scripted.dialects.limits import ANY_CHOICE, AUTO, CORE_FIELDS, TOLERANT, Limits
from addon.scripted.dialects.refusals import flat, listed, nested, numbered, prose, typed, validated, without_code
from addon.scripted.dialects.styles import NINE, Style

NO_TOOLS_FORCED = frozenset({"auto", "none"})
OBJECT_ONLY = frozenset({"text", "json_object"})
WITH_DEVELOPER = frozenset({"system", "developer", "user", "assistant", "tool"})
NO_REFS = frozenset({"$schema", "$ref", "$defs", "definitions"})

OPENAI_LIMITS = Limits(
    roles=WITH_DEVELOPER,
    fields=CORE_FIELDS | {
        "stream_options", "max_completion_tokens", "reasoning_effort", "verbosity", "service_tier", "seed", "store",
        "metadata", "prompt_cache_key", "safety_identifier", "logprobs", "top_logprobs", "user", "n",
    },
    assistant=frozenset({"name", "refusal", "audio"}),
    call_id=r".{1,40}",
    tools=128,
    words={"reasoning_effort": frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"})},
)  # fmt: skip
OPENAI_STYLE = Style(
    reasoning="hidden",
    opening={"role": "assistant", "content": None, "refusal": None},
    ids="call_A1b2C3d4E5f6G7h8{turn:04d}{n:04d}",
    choice={"logprobs": None},
    usage_null=True,
    top={"service_tier": "default", "system_fingerprint": "fp_scripted", "obfuscation": "aZ"},
)

DEEPSEEK_LIMITS = Limits(
    on_calls=frozenset({"reasoning_content"}),
    tools=128,
    schema=frozenset({"strict"}),
    lost=frozenset({"max_completion_tokens"}),
    thinking_choices=NO_TOOLS_FORCED,
    not_thinking=("thinking.type", "disabled"),
    words={
        "thinking.type": frozenset({"enabled", "disabled"}),
        "reasoning_effort": frozenset({"minimal", "low", "medium", "high", "xhigh", "max", "ultra"}),
    },
    formats=OBJECT_ONLY,
    sees=False,
)
DEEPSEEK_STYLE = Style(
    opening={"role": "assistant", "content": None, "reasoning_content": ""},
    ids="call_{n:02d}_AbCdEfGhIjKlMnOpQr{turn:04d}",
    last={"content": "", "reasoning_content": None},
    choice={"logprobs": None},
    usage=frozenset({"finish"}),
    usage_null=True,
    counts={**USAGE, "prompt_cache_hit_tokens": 256, "prompt_cache_miss_tokens": 944},
    comment=b": keep-alive\n\n",
)

KIMI_LIMITS = Limits(
    on_calls=frozenset({"reasoning_content"}),
    tools=128,
    tool_name=r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}",
    own_ids=True,
    schema=frozenset({"$schema", "type beside anyOf", "untyped property", "tuple items", "strict"}),
    refused=frozenset({"temperature", "top_p"}),
    contents=frozenset({"null", "omitted"}),
    thinking_choices=NO_TOOLS_FORCED,
    not_thinking=("thinking.type", "disabled"),
    words={"thinking.type": frozenset({"enabled", "disabled"}), "reasoning_effort": frozenset({"low", "high", "max"})},
)
KIMI_USAGE = {**USAGE, "cached_tokens": 256}
KIMI_STYLE = Style(ids="functions.{name}:{turn}{n}", usage=frozenset({"choice", "last"}), counts=KIMI_USAGE)
KIMI_K3_LIMITS = replace(
    KIMI_LIMITS,
    refused=KIMI_LIMITS.refused | {"thinking"},
    thinking_choices=ANY_CHOICE,
    words={"reasoning_effort": frozenset({"low", "high", "max"})},
)
KIMI_K3_STYLE = replace(KIMI_STYLE, ids="{name}:{turn}{n}", opening=None, finish_on_call=True)

QWEN_LIMITS = Limits(
    thinking_choices=NO_TOOLS_FORCED,
    not_thinking=("enable_thinking", False),
    lost=frozenset({"max_completion_tokens", "thinking"}),
    words={
        "enable_thinking": frozenset({True, False}),
        "reasoning_effort": frozenset({"low", "medium", "xhigh"}),
    },
    needed={"preserve_thinking": True},
    formats=OBJECT_ONLY,
)
QWEN_STYLE = Style(
    opening={"role": "assistant", "content": None},
    continued={"id": "", "type": "function"},
    choice={"logprobs": None},
    usage_null=True,
    counts={**USAGE, "completion_tokens_details": {"reasoning_tokens": 7, "text_tokens": 27}},
)

MISTRAL_LIMITS = Limits(
    rules=TOLERANT - {"plain_content"},
    fields=CORE_FIELDS | {
        "max_tokens", "random_seed", "reasoning_effort", "metadata", "prediction", "prompt_mode", "safe_prompt", "n",
        "prompt_cache_key", "service_tier", "guardrails",
    },
    assistant=frozenset({"prefix"}),
    call_id=r"[a-zA-Z0-9]{9}",
    tools=128,
    schema=NO_REFS,
    choices=frozenset({"auto", "required", "named"}),
    thinking_choices=frozenset({"auto", "required", "named"}),
    words={"reasoning_effort": frozenset({"none", "high"})},
    user_after_tool=False,
)  # fmt: skip
MISTRAL_STYLE = Style(
    reasoning="parts",
    whole=True,
    index="none",
    ids=NINE,
    finish_on_call=True,
    last={"content": ""},
    usage=frozenset({"finish"}),
    counts={**USAGE, "num_cached_tokens": 256},
)
MISTRAL_REFUSAL = validated(flat("3280", type="invalid_request_error"))

GLM_LIMITS = Limits(
    lost=frozenset({"max_completion_tokens"}),
    refused=frozenset({"parallel_tool_calls", "clear_thinking", "enable_thinking"}),
    choices=AUTO,
    thinking_choices=AUTO,
    tool_types=frozenset({"web_search"}),
    words={"thinking.type": frozenset({"enabled"}), "reasoning_effort": frozenset({"low", "high", "max"})},
    needed={"thinking.clear_thinking": False},
    formats=OBJECT_ONLY,
    sees=False,
)
GLM_STYLE = Style(
    whole=True,
    opening=None,
    every={"role": "assistant"},
    last={"content": ""},
    ids="call_-800000000000{turn:04d}{n:03d}",
    absent_finish=True,
    usage=frozenset({"finish"}),
)

ROWS = (
    Dialect(
        name="openai",
        model="gpt-5.5",
        urls=("https://api.openai.com/v1",),
        limits=OPENAI_LIMITS,
        back="nothing",
        style=OPENAI_STYLE,
        refusal=nested("unknown_parameter"),
    ),
    Dialect(
        name="deepseek",
        model="deepseek-v4-pro",
        urls=("https://api.deepseek.com/v1", "https://api.deepseek.com"),
        limits=DEEPSEEK_LIMITS,
        style=DEEPSEEK_STYLE,
    ),
    Dialect(
        name="deepseek (flash)",
        model="deepseek-flash",
        limits=replace(DEEPSEEK_LIMITS, sees=True),
        style=DEEPSEEK_STYLE,
    ),
    Dialect(
        name="kimi",
        model="kimi-k2.6",
        urls=("https://api.moonshot.ai/v1", "https://api.moonshot.cn/v1"),
        limits=KIMI_LIMITS,
        style=KIMI_STYLE,
        refusal=without_code,
    ),
    Dialect(name="kimi (K3)", model="kimi-k3", limits=KIMI_K3_LIMITS, style=KIMI_K3_STYLE, refusal=without_code),
    Dialect(
        name="kimi-coding",
        model="kimi-for-coding",
        urls=("https://api.kimi.com/coding/v1",),
        limits=replace(
            KIMI_LIMITS,
            contents=frozenset({"omitted"}),
            refused=KIMI_LIMITS.refused | {"thinking"},
            words={"reasoning_effort": frozenset({"ultra", "max", "xhigh", "high", "medium", "low", "minimal"})},
        ),
        style=KIMI_STYLE,
        refusal=without_code,
    ),
    Dialect(
        name="qwen",
        model="qwen3.8-plus",
        urls=(
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            "https://token-plan.cn-beijing.maas.aliyuncs.com/compatible-mode/v1",
            "https://token-plan.ap-southeast-1.maas.aliyuncs.com/compatible-mode/v1",
        ),
        limits=QWEN_LIMITS,
        style=QWEN_STYLE,
        refusal=nested("invalid_parameter_error"),
    ),
    Dialect(
        name="mistral",
        model="mistral-medium-latest",
        urls=("https://api.mistral.ai/v1", "https://codestral.mistral.ai/v1"),
        limits=MISTRAL_LIMITS,
        back="parts",
        style=MISTRAL_STYLE,
        refusal=MISTRAL_REFUSAL,
    ),
    Dialect(
        name="xai",
        model="grok-4.6",
        urls=("https://api.x.ai/v1",),
        limits=Limits(
            refused=frozenset({"stop", "presence_penalty", "frequency_penalty", "search_parameters"}),
            schema=frozenset({"strict"}),
            words={"reasoning_effort": frozenset({"low", "medium", "high", "xhigh"})},
        ),
        back="nothing",
        style=Style(
            whole=True,
            opening={"role": "assistant"},
            absent_finish=True,
            # What it says it completed leaves out what it reasoned, although the total holds it.
            counts={**USAGE, "completion_tokens": 27, "num_sources_used": 0, "cost_in_usd_ticks": 1497500},
            top={"system_fingerprint": "fp_scripted"},
        ),
        refusal=prose,
    ),
    Dialect(
        name="glm",
        model="glm-5.3",
        urls=("https://api.z.ai/api/paas/v4", "https://open.bigmodel.cn/api/paas/v4"),
        limits=GLM_LIMITS,
        style=GLM_STYLE,
        refusal=numbered,
    ),
    Dialect(
        name="glm-coding",
        model="glm-4.6v",
        base="/api/coding/paas/v4",
        limits=replace(
            GLM_LIMITS,
            sees=True,
            refused=GLM_LIMITS.refused | {"reasoning_effort"},
            not_thinking=("thinking.type", "disabled"),
            words={"thinking.type": frozenset({"enabled", "disabled"})},
        ),
        style=GLM_STYLE,
        refusal=numbered,
    ),
    Dialect(
        name="minimax",
        model="MiniMax-M3",
        urls=("https://api.minimax.io/v1", "https://api.minimaxi.com/v1"),
        limits=Limits(
            rules=TOLERANT | {"one_system_first"},
            refused=frozenset({"thinking", "reasoning_effort"}),
            contents=frozenset({"empty", "omitted"}),
            choices=NO_TOOLS_FORCED,
            thinking_choices=NO_TOOLS_FORCED,
            needed={"reasoning_split": True},
            formats=OBJECT_ONLY,
        ),
        back="details",
        style=Style(
            reasoning="details",
            also=("reasoning_content",),
            every={"role": "assistant", "content": ""},
            ids="call_function_{turn:04d}_{n}",
            usage_null=True,
            counts={**USAGE, "total_characters": 0},
            top={"input_sensitive": False, "output_sensitive": False, "output_sensitive_int": 0},
        ),
        refusal=typed,
    ),
    Dialect(
        name="gemini",
        model="gemini-3.8-flash",
        urls=("https://generativelanguage.googleapis.com/v1beta/openai/",),
        limits=Limits(
            fields=(CORE_FIELDS - {"parallel_tool_calls"}) | {
                "stream_options", "max_tokens", "max_completion_tokens", "n", "reasoning_effort", "extra_body",
            },
            assistant=frozenset({"name"}),
            call_extra=frozenset({"extra_content"}),
            signed=True,
            tool_name=r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}",
            schema=NO_REFS | {
                "additionalProperties", "const", "exclusiveMinimum", "exclusiveMaximum", "patternProperties",
                "propertyNames", "null type", "prefixItems", "not", "if",
            },
            words={"reasoning_effort": frozenset({"minimal", "low", "medium", "high"})},
        ),
        back="signature",
        style=Style(
            reasoning="hidden",
            whole=True,
            index="zero",
            ids="function-call-{turn:06d}{n:04d}",
            opening=None,
            every={"role": "assistant"},
            absent_finish=True,
            called="stop",
            usage=frozenset({"finish"}),
            counts={"prompt_tokens": 1200, "completion_tokens": 34, "total_tokens": 1234},
            signed=True,
        ),
        refusal=listed,
        counted=(0, 0),
    ),
    Dialect(
        name="anthropic",
        model="claude-sonnet-4-6",
        urls=("https://api.anthropic.com/v1/",),
        limits=Limits(
            roles=WITH_DEVELOPER,
            lost=frozenset({"reasoning_effort", "response_format", "seed", "service_tier"}),
            call_id=r"[a-zA-Z0-9_-]+",
        ),
        back="nothing",
        style=Style(
            reasoning="hidden",
            first_index=1,
            ids="toolu_{turn:04d}_{n}",
            opening={"role": "assistant"},
            created=0,
            counts={"prompt_tokens": 1200, "completion_tokens": 34, "total_tokens": 1234},
        ),
        counted=(0, 0),
    ),
)  # fmt: skip
