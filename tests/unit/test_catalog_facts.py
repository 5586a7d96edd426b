"""What a list leaves open: filled from the table of known models and from the profile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay_translate import find_profile, translate_request
from relay_translate.catalog import EFFORTS, ModelFacts, effort_levels, known_facts
from relay_translate.profiles import PROFILES, profile_from_table
from relay_translate.profiles.known_models import UNKNOWN, holds_conversations, known_model


def facts_of(profile: str, model: str, **said: object) -> ModelFacts:
    return known_facts(ModelFacts(id=model, **said), find_profile(name=profile, model=model))


@pytest.mark.parametrize(
    ("profile", "model", "window", "images"),
    [
        ("deepseek", "deepseek-v4-pro", 1_000_000, False),
        ("deepseek", "deepseek-flash", 1_000_000, True),
        ("kimi", "kimi-k3.1-pro", 1_048_576, True),
        ("kimi", "moonshot-v1-8k", 8_192, True),
        ("glm", "glm-5.3", 1_000_000, False),
        ("glm", "glm-5.3-flash", 1_000_000, True),
        ("glm", "glm-4.6v", 128_000, True),
        ("openai", "gpt-5.5", 272_000, True),
        ("openai", "gpt-4o-mini", 128_000, True),
        ("groq", "openai/gpt-oss-120b", 131_072, False),
        ("fireworks", "accounts/fireworks/models/glm-5p3", 1_000_000, False),
        ("openrouter", "anthropic/claude-opus-4.6:batch", 1_000_000, True),
        ("anthropic", "claude-opus-4-6", 1_000_000, True),
        ("anthropic", "claude-opus-4-5-20251101", 200_000, True),
        ("cerebras", "qwen-3.8-27b", 262_144, True),
        ("together", "Qwen/Qwen3-235B-A22B-Instruct-2507", 262_144, False),
        ("generic", "something-new", None, True),
    ],
)
def test_known_models_have_a_window_and_an_eye(profile: str, model: str, window: int | None, images: bool) -> None:
    facts = facts_of(profile, model)
    assert (facts.context_window, facts.images) == (window, images)


def test_what_the_list_says_wins_over_the_table() -> None:
    facts = facts_of("deepseek", "deepseek-v4-pro", context_window=65_536, reasoning=False)
    assert (facts.context_window, facts.reasoning, facts.efforts) == (65_536, False, ())


def test_pictures_that_the_profile_would_leave_out_are_not_promised() -> None:
    assert facts_of("deepseek", "deepseek-v4-pro", images=True).images is False
    assert facts_of("generic", "m", images=False).images is False


@pytest.mark.parametrize("profile", ["ollama", "lmstudio", "vllm", "sglang", "llamacpp"])
def test_a_server_of_ones_own_sets_the_window_itself(profile: str) -> None:
    assert facts_of(profile, "gpt-oss:20b").context_window is None
    assert facts_of(profile, "gpt-oss:20b", context_window=16_384).context_window == 16_384


def test_a_model_in_the_cloud_behind_a_local_server_has_its_whole_window() -> None:
    assert facts_of("ollama", "gpt-oss:120b-cloud").context_window == 131_072


@pytest.mark.parametrize(
    ("profile", "model", "efforts", "default"),
    [
        ("deepseek", "deepseek-v4-pro", ("none", "low", "high", "max"), "high"),
        ("kimi", "kimi-k3", ("low", "high", "max"), "max"),  # always thinks
        ("kimi", "kimi-k2.6", ("none", "medium"), "medium"),  # a switch
        ("kimi", "kimi-k2-thinking", (), ""),  # always thinks, nothing to choose
        ("glm", "glm-5.2", ("none", "high", "max"), "high"),
        ("openai", "gpt-5.5", ("none", "low", "medium", "high", "xhigh"), "medium"),
        ("openai", "gpt-5.1", ("none", "low", "medium", "high"), "none"),
        ("openai", "gpt-4o", (), ""),
        ("groq", "openai/gpt-oss-120b", ("low", "medium", "high"), "medium"),
        ("groq", "qwen/qwen3.6-27b", ("none", "medium"), "medium"),
        ("groq", "llama-3.3-70b-versatile", (), ""),
        ("nim", "deepseek-ai/deepseek-v4.1-flash", ("none", "medium"), "medium"),
        ("mistral", "mistral-medium-3.5", ("none", "high"), "high"),
        ("xai", "grok-4.7", ("low", "medium", "high", "xhigh"), "medium"),
        ("qwen", "qwen3.8-max", ("none", "low", "medium", "xhigh"), "medium"),
        ("ollama", "qwen3:8b", ("none", "low", "medium", "high", "max"), "medium"),
        ("ollama", "somebodys-own", (), ""),  # one that does not think refuses an effort
        ("vllm", "somebodys-own", ("none", "low", "medium", "high", "max"), "medium"),  # takes each
        ("generic", "somebodys-own", ("low", "medium", "high"), ""),  # may refuse one: only if it is asked for
    ],
)
def test_efforts_are_those_that_make_a_difference(
    profile: str, model: str, efforts: tuple[str, ...], default: str
) -> None:
    facts = facts_of(profile, model)
    assert (facts.efforts, facts.default_effort) == (efforts, default)


def test_the_lists_efforts_are_brought_to_codex_words() -> None:
    facts = facts_of("openrouter", "x/y", reasoning=True, efforts=("none", "low", "high"), default_effort="high")
    assert (facts.efforts, facts.default_effort) == (("none", "low", "high"), "high")
    mandatory = facts_of("openrouter", "x/y", reasoning=True, efforts=("minimal", "xhigh"))
    assert (mandatory.efforts, mandatory.default_effort) == (("minimal", "xhigh"), "minimal")


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("model", ["m", "gpt-oss-120b", "deepseek-v4-pro", "kimi-k3", "glm-5.3", "qwen3.8-max"])
def test_every_level_sends_something_of_its_own(profile: str, model: str) -> None:
    chosen = find_profile(name=profile, model=model)

    def sent(effort: str) -> str:
        request = {"model": model, "input": "hi", "stream": True, "reasoning": {"effort": effort}}
        body = dict(translate_request(request, chosen).body)
        return repr({key: value for key, value in body.items() if key not in ("messages", "model")})

    facts = facts_of(profile, model)
    levels = facts.efforts or ()
    assert len({sent(level) for level in levels}) == len(levels)
    assert set(levels) <= set(EFFORTS)
    assert facts.default_effort in (*levels, "")


def test_filling_twice_changes_nothing() -> None:
    for profile in PROFILES:
        chosen = find_profile(name=profile, model="qwen/qwen3.6-27b")
        facts = known_facts(ModelFacts(id="qwen/qwen3.6-27b"), chosen)
        assert known_facts(facts, chosen) == facts
        assert known_facts(replace(facts, filled=False), chosen).images == facts.images


def test_a_users_profile_can_say_the_window() -> None:
    assert profile_from_table({"served_window": 65_536}).served_window == 65_536
    with pytest.raises(ValueError, match="served_window: must be at least 0"):
        profile_from_table({"served_window": -1})


def test_nothing_is_offered_where_nothing_is_sent() -> None:
    mute = find_profile(name="minimax")
    assert effort_levels(mute.reasoning) == ()


@pytest.mark.parametrize(
    "name",
    [
        "text-embedding-3-large", "nomic-embed-text:latest", "BAAI/bge-m3", "jina-reranker-v2", "whisper-large-v3",
        "tts-1", "playai-tts", "gpt-4o-mini-transcribe", "gpt-realtime", "gpt-audio", "omni-moderation-latest",
        "llama-guard-3-8b", "meta-llama/llama-prompt-guard-2-22m", "dall-e-3", "gpt-image-1", "gemini-2.5-flash-image",
        "imagen-4.0-generate-001", "veo-3.0", "sora-2", "black-forest-labs/flux.1-schnell", "stable-diffusion-xl",
        "mistral-ocr-latest", "wan2.5-t2v-plus", "speech-02-hd", "gemini-live-2.5-flash", "davinci-002",
        "gpt-oss-safeguard-20b",
    ],
)  # fmt: skip
def test_names_of_models_that_hold_no_conversation(name: str) -> None:
    assert not holds_conversations(name)


@pytest.mark.parametrize(
    "name",
    [
        "gpt-5.5", "deepseek-v4-pro", "kimi-k3", "qwen3-vl-235b", "glm-4.6v", "claude-sonnet-5-5", "llama-3.3-70b",
        "codestral-latest", "minimax-m3", "gemini-3.8-flash", "grok-4.7", "phi-4", "voxtral",
        "nvidia/nemotron-3-nano-omni", "llama3.2-vision:11b", "deepseek-coder", "command-a", "mixtral-8x22b",
    ],
)  # fmt: skip
def test_names_of_models_that_do(name: str) -> None:
    assert holds_conversations(name)


@pytest.mark.parametrize("name", ["", "/", "qwen3.8-27b-of-somebody/other", "unheard-of:1b", "gpt"])
def test_nothing_is_claimed_of_an_unknown_model(name: str) -> None:
    assert known_model(name) == UNKNOWN


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("deepseek", "https://api.deepseek.com/v1"),
        ("glm", "https://api.z.ai/api/paas/v4"),
        ("glm-coding", "https://api.z.ai/api/coding/paas/v4"),
        ("qwen", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
        ("ollama", "http://127.0.0.1:11434/v1"),
        ("vllm", "http://127.0.0.1:8000/v1"),
        ("azure", ""),  # everybody's has an address of its own
        ("generic", ""),
    ],
)
def test_a_providers_name_stands_for_an_address(name: str, url: str) -> None:
    assert PROFILES[name].base_url == url
