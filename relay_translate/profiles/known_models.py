"""What is publicly known of models by name, for the many lists that tell an id and nothing else.

Sources: the vendors' documentation as of November 2026 (DeepSeek's models and thinking pages, Kimi's model list, Z.ai's
GLM pages, OpenAI's and Anthropic's model pages, Google's Gemini pages, xAI's), OpenAI's windows as Codex 0.169's own
catalog has them, and the model tables that two open-source clients publish, pi-ai 1.5.2 and models.dev, where the
documentation is silent; of differing figures the smaller. A window that is too small compacts early, one that is too
large ends in a refusal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

_M = 1_000_000
_LOW_TO_HIGH = ("low", "medium", "high")
_LOW_HIGH_MAX = ("low", "high", "max")


@dataclass(frozen=True, kw_only=True)
class KnownModel:
    """window: tokens. images, reasoning: whether it takes pictures, and thinks. efforts: words it understands, "none"
    among them when thinking can be switched off. default_effort: what it takes by itself. None and "": not known."""

    window: int | None = None
    images: bool | None = None
    reasoning: bool | None = None
    efforts: tuple[str, ...] | None = None
    default_effort: str = ""


UNKNOWN = KnownModel()


def _sees(window: int, reasoning: bool | None = False, *efforts: str, default: str = "") -> KnownModel:
    return KnownModel(window=window, images=True, reasoning=reasoning, efforts=efforts or None, default_effort=default)


def _reads(window: int, reasoning: bool | None = False, *efforts: str, default: str = "") -> KnownModel:
    return KnownModel(window=window, images=False, reasoning=reasoning, efforts=efforts or None, default_effort=default)


_V4 = ("none", *_LOW_HIGH_MAX)
_GPT = (*_LOW_TO_HIGH, "xhigh")

# (pattern, facts), the first that matches. Names are compared as `_plain` makes them.
_TABLE: tuple[tuple[str, KnownModel], ...] = (
    # DeepSeek: thinking is on by default, with effort high.
    ("deepseek-flash*", _sees(_M, True, *_V4, default="high")),
    ("deepseek-v4.[1-9]-flash*", _sees(_M, True, *_V4, default="high")),
    ("deepseek-v4-flash-vision*", _sees(_M, True, *_V4, default="high")),
    ("deepseek-v4*", _reads(_M, True, *_V4, default="high")),
    ("deepseek-pro*", _reads(_M, True, *_V4, default="high")),
    ("deepseek-r1*", _reads(131_072, True)),
    ("deepseek-reasoner*", _reads(131_072, True)),
    ("deepseek-v3.[12]*", _reads(131_072, True)),
    ("deepseek-chat*", _reads(131_072, None)),
    ("deepseek-v[23]*", _reads(131_072)),
    # Kimi
    ("kimi-k3*", _sees(1_048_576, True, *_LOW_HIGH_MAX, default="max")),
    ("k3-256k*", _sees(262_144, True, *_LOW_HIGH_MAX, default="high")),
    ("k3*", _sees(1_048_576, True, *_LOW_HIGH_MAX, default="high")),
    ("kimi-for-coding*", _sees(262_144, True, *_LOW_HIGH_MAX, default="high")),
    ("kimi-k2.7-code*", _sees(262_144, True)),
    ("kimi-k2.[5-9]*", _sees(262_144, True)),
    ("kimi-k2-thinking*", _reads(262_144, True)),
    ("kimi-k2*0905*", _reads(262_144)),
    ("kimi-k2*", _reads(131_072)),
    ("moonshot-v1*8k*", KnownModel(window=8_192, reasoning=False)),
    ("moonshot-v1*32k*", KnownModel(window=32_768, reasoning=False)),
    ("moonshot-v1*", KnownModel(window=131_072, reasoning=False)),
    # Qwen: hosted models first, then open weights, whose window on other servers is their list's to say.
    ("qwen3-coder-plus*", _reads(_M)),
    ("qwen3-coder-flash*", _reads(_M)),
    ("qwen3-coder*", _reads(262_144)),
    ("qwen3.7-max*", _reads(_M, True)),
    ("qwen3.[89]-max*", _sees(_M, True)),
    ("qwen3.[5-9]-plus*", _sees(_M, True)),
    ("qwen3.[5-9]-flash*", _sees(_M, True)),
    ("qwen3.[5-9]-[0-9]*", _sees(262_144, True)),
    ("qwen3-max*", _reads(262_144, None)),
    ("qwen3-next*thinking*", _reads(262_144, True)),
    ("qwen3-next*", _reads(262_144)),
    ("qwen3-vl*thinking*", _sees(131_072, True)),
    ("qwen3-vl*", _sees(131_072, None)),
    ("qwen3*instruct-2507*", _reads(262_144)),
    ("qwen3*thinking-2507*", _reads(262_144, True)),
    ("qwen3-[0-9]*", _reads(40_960, True)),
    ("qwen3:*", _reads(40_960, True)),
    ("qwen3", _reads(40_960, True)),
    ("qwen-plus*", _reads(_M, None)),
    ("qwen-flash*", _reads(_M, None)),
    ("qwen-turbo*", _reads(131_072, None)),
    ("qwen-max*", _reads(32_768)),
    ("qwen2.5-vl*", _sees(32_768)),
    ("qwen2.5*", _reads(32_768)),
    ("qwq*", _reads(32_768, True)),
    # GLM: 5.3 always thinks, with effort max by itself; before 5.2 there is a switch only.
    ("glm-5.[3-9]-flash*", _sees(_M, True, *_LOW_HIGH_MAX, default="max")),
    ("glm-5.[3-9]*", _reads(_M, True, *_LOW_HIGH_MAX, default="max")),
    ("glm-5.2*", _reads(_M, True, "none", "high", "max")),
    ("glm-5v*", _sees(200_000, True)),
    ("glm-5*", _reads(200_000, True)),
    ("glm-4.5v*", _sees(65_536, True)),
    ("glm-4.[5-9]v*", _sees(128_000, True)),
    ("glm-4.7-flash*", _reads(131_072, True)),
    ("glm-4.[6-9]*", _reads(200_000, True)),
    ("glm-4.5*", _reads(131_072, True)),
    ("glm-4v*", KnownModel(images=True, reasoning=False)),
    # MiniMax: 204,800 at its own, less elsewhere.
    ("minimax-m3.[1-9]*", _sees(_M, True)),
    ("minimax-m3*", _sees(512_000, True)),
    ("minimax-m2*", _reads(196_608, True)),
    # Mistral's own list tells all of this.
    ("mistral-large-4*", _sees(_M, True, *_LOW_TO_HIGH)),
    ("mistral-medium-3.[5-9]*", _sees(262_144, True, "none", "high")),
    ("mistral-medium*", _sees(131_072, None)),
    ("mistral-large*", KnownModel(window=131_072)),
    ("mistral-small*", KnownModel(window=128_000)),
    ("ministral*", KnownModel(window=131_072)),
    ("magistral*", KnownModel(window=40_000, reasoning=True)),
    ("devstral*", KnownModel(window=131_072, reasoning=False)),
    ("codestral*", _reads(256_000)),
    # OpenAI. Of GPT-5's 400,000 tokens and of the million of later ones 272,000 may be the prompt, or cost the same.
    ("gpt-oss*", _reads(131_072, True, *_LOW_TO_HIGH, default="medium")),
    ("gpt-5*-chat*", _sees(128_000)),
    ("gpt-5.3-codex-spark*", _sees(128_000, True, *_GPT, default="medium")),
    ("gpt-5.1*", _sees(272_000, True, "none", *_LOW_TO_HIGH, default="none")),
    ("gpt-5.[2-5]*-pro*", _sees(272_000, True, "medium", "high", "xhigh", default="medium")),
    ("gpt-5.[2-5]*", _sees(272_000, True, "none", *_GPT, default="medium")),
    ("gpt-5.[6-9]*", _sees(272_000, True, "none", *_GPT, "max", default="medium")),
    ("gpt-5-pro*", _sees(272_000, True, "high", default="high")),
    ("gpt-5*", _sees(272_000, True, "minimal", *_LOW_TO_HIGH, default="medium")),
    ("gpt-[6-9]*", _sees(272_000, True, *_GPT, "max", default="medium")),
    ("gpt-4.1*", _sees(1_047_576)),
    ("gpt-4o*", _sees(128_000)),
    ("chatgpt-4o*", _sees(128_000)),
    ("gpt-4-turbo*", _sees(128_000)),
    ("gpt-4*", _reads(8_192)),
    ("gpt-3.5*", _reads(16_385)),
    ("o1-mini*", _reads(128_000, True)),
    ("o3-mini*", _reads(200_000, True, *_LOW_TO_HIGH, default="medium")),
    ("o[134]", _sees(200_000, True, *_LOW_TO_HIGH, default="medium")),
    ("o[134]-*", _sees(200_000, True, *_LOW_TO_HIGH, default="medium")),
    # xAI
    ("grok-4.20*", _sees(_M, None)),
    ("grok-4.3*", _sees(_M, True, "none", *_LOW_TO_HIGH)),
    ("grok-4.[45]*", _sees(500_000, True, *_LOW_TO_HIGH)),
    ("grok-4.[6-9]*", _sees(500_000, True, *_GPT)),
    ("grok-4.1-fast*", _sees(_M, None)),
    ("grok-4-fast*", _sees(_M, None)),
    ("grok-4*", _sees(256_000, True)),
    ("grok-code*", _reads(256_000, True)),
    ("grok-build*", KnownModel(window=256_000, reasoning=True)),
    ("grok-3-mini*", _reads(131_072, True)),
    ("grok-3*", _reads(131_072)),
    # Google
    ("gemini-2.5-computer-use*", _sees(128_000, True)),
    ("gemini-robotics*", _sees(131_072, True)),
    ("gemini-2.0*", _sees(1_048_576)),
    ("gemini-*", _sees(1_048_576, True)),
    ("gemma-4*", _sees(256_000, None)),
    ("gemma4*", _sees(128_000, None)),
    ("gemma-3-1b*", _reads(32_768)),
    ("gemma-3*", _sees(131_072)),
    ("gemma3*", KnownModel(window=131_072, reasoning=False)),
    # Anthropic
    ("claude-*-4.[6-9]*", _sees(_M, True)),
    ("claude-*-[5-9]*", _sees(_M, True)),
    ("claude-3.5-*", _sees(200_000)),
    ("claude-3-*", _sees(200_000)),
    ("claude-*", _sees(200_000, True)),
    # Open weights of others
    ("llama-4*", _sees(131_072)),
    ("llama?4*", _sees(131_072)),
    ("llama*3.2*vision*", _sees(128_000)),
    ("llama*nemotron-ultra*", _reads(128_000, True)),
    ("llama*nemotron-super*", _reads(128_000, True)),
    ("llama*3.[123]*", _reads(128_000)),
    ("llama-3-*", _reads(8_192)),
    ("llama3*", _reads(8_192)),
    ("*nemotron-3*-vl*", _sees(262_144, True)),
    ("*nemotron-3*omni*", _sees(256_000, True)),
    ("*nemotron-3*", _reads(262_144, True)),
)

_SPELLINGS = (
    (re.compile(r"(?<=\d)p(?=\d)"), "."),  # glm-5p3
    (re.compile(r"(?<=\d)-(?=\d(?![\da-z]))"), "."),  # claude-opus-4-6, but neither qwen3-8b nor a date
    (re.compile(r"^qwen-(?=\d)"), "qwen"),
)

# Names that hold no conversations with tools, whoever lists them.
_NO_CHAT = re.compile(
    r"embed|rerank|whisper|moderation|transcri|speech|dall-?e\b|stable-?diffusion|realtime|guard-|-guard|nemoguard"
    r"|babbage|davinci|hailuo|cogview|cogvideo|seedream|seedance|parakeet|kokoro|imagen|recraft|ideogram"
    r"|(?:^|[-_/.:])(?:tts|asr|stt|ocr|bge|gte|e5|clip|sdxl|flux|sora|veo|lyria|orpheus|aqa|[it]2[iv]|audio|voice|video"
    r"|image|images|live|music)(?=[-_/.:\d]|$)"
)


@lru_cache(maxsize=4096)
def known_model(name: str) -> KnownModel:
    """What is known of a model, by the last part of its name; nothing, for an unknown one."""
    plain = _plain(name)
    return next((facts for pattern, facts in _TABLE if fnmatchcase(plain, pattern)), UNKNOWN)


def holds_conversations(name: str) -> bool:
    """What a name alone tells: False for embeddings, speech, pictures, moderation, reranking and their like."""
    return _NO_CHAT.search(name.lower()) is None


def _plain(name: str) -> str:
    plain = name.lower().rstrip("/").rpartition("/")[2]
    for spelling, usual in _SPELLINGS:
        plain = spelling.sub(usual, plain)
    return plain
