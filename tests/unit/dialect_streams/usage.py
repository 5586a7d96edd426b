"""Usage: five places, many spellings; the last one counts."""

from __future__ import annotations

from tests.unit.streams import Json, chunk, stop, text

from .shape import choices, counted, said, shape

HI = ("message", "Hi")


@shape(HI, usage=(58, 0, 12, 0, 70))
def last_chunk_without_choices() -> list[Json]:
    """OpenAI, Azure, Qwen, vLLM, Ollama: null on all others."""
    return [text("Hi") | {"usage": None}, stop(usage=None), choices(usage=counted(58, 12))]


@shape(HI, usage=(374, 256, 61, 17, 435))
def on_the_finish_chunk() -> list[Json]:
    """DeepSeek: hits and misses beside the standard field."""
    details = {"prompt_cache_hit_tokens": 256, "prompt_cache_miss_tokens": 118, "prompt_tokens_details": {"cached_tokens": 256},
               "completion_tokens_details": {"reasoning_tokens": 17}}  # fmt: skip
    return [text("Hi"), stop(usage=counted(374, 61, **details))]


@shape(HI, usage=(374, 256, 61, 0, 435))
def hits_and_misses_alone() -> list[Json]:
    return [text("Hi"), stop(usage=counted(374, 61, prompt_cache_hit_tokens=256, prompt_cache_miss_tokens=118))]


@shape(HI, usage=(90, 64, 50, 33, 140))
def in_the_choice_and_at_the_end() -> list[Json]:
    """Kimi: twice, cached tokens at the top."""
    own = counted(90, 50, cached_tokens=64, completion_tokens_details={"reasoning_tokens": 33})
    return [text("Hi"), said({}, finish_reason="stop", usage=own), choices(usage=own)]


@shape(HI, usage=(12, 0, 5, 1, 17))
def in_the_choice_alone() -> list[Json]:
    return [
        text("Hi"),
        said({}, finish_reason="stop", usage=counted(12, 5, completion_tokens_details={"reasoning_tokens": 1})),
    ]


@shape(HI, usage=(210, 0, 15, 0, 225))
def in_a_member_of_its_own() -> list[Json]:
    """Groq, with times in it."""
    return [
        text("Hi") | {"x_groq": {"id": "req_1"}},
        stop(x_groq={"id": "req_1", "usage": counted(210, 15, queue_time=0.03)}),
    ]


@shape(HI, usage=(5, 0, 2, 0, 7))
def on_each_chunk() -> list[Json]:
    """vLLM's continuous usage: it grows."""
    return [text("H") | {"usage": counted(5, 1)}, text("i") | {"usage": counted(5, 2)}, stop(usage=counted(5, 2))]


@shape(HI, usage=(5, 0, 2, 0, 7))
def two_reports() -> list[Json]:
    return [text("Hi"), stop(usage=counted(5, 1)), choices(usage=counted(5, 2))]


@shape(HI, usage=(194, 0, 2, 0, 196))
def finish_repeated_with_usage() -> list[Json]:
    """OpenRouter, older: the usage chunk repeats choice and finish reason."""
    details = {
        "cost": 0.00014,
        "is_byok": False,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    }
    return [text("Hi"), stop(), stop(usage=counted(194, 2, **details))]


@shape(HI, usage=(307, 306, 253, 227, 560))
def reasoning_beside_the_answer() -> list[Json]:
    """xAI: completion_tokens without the reasoning, which only the total has."""
    details = {
        "prompt_tokens_details": {"text_tokens": 307, "cached_tokens": 306},
        "completion_tokens_details": {"reasoning_tokens": 227},
    }
    return [text("Hi"), stop(), choices(usage=counted(307, 26, **details) | {"total_tokens": 560})]


@shape(HI, usage=(25, 0, 65, 58, 90))
def reasoning_in_the_total_alone() -> list[Json]:
    """Gemini."""
    return [text("Hi"), stop(usage=counted(25, 7) | {"total_tokens": 90})]


@shape(HI, usage=(80, 0, 30, 10, 110))
def reasoning_at_the_top() -> list[Json]:
    """SGLang."""
    return [text("Hi"), stop(), choices(usage=counted(80, 30, prompt_tokens_details=None, reasoning_tokens=10))]


@shape(HI, usage=(171, 128, 14, 0, 185))
def cached_by_another_name() -> list[Json]:
    """Mistral."""
    return [text("Hi"), stop(usage=counted(171, 14, prompt_audio_seconds=None, num_cached_tokens=128))]


@shape(HI, usage=(237, 236, 35, 0, 272))
def timings_alone() -> list[Json]:
    """llama.cpp, when nobody asked it for usage."""
    return [text("Hi"), stop(timings={"cache_n": 236, "prompt_n": 1, "prompt_ms": 30.9, "predicted_n": 35})]


@shape(HI)
def no_usage() -> list[Json]:
    return [text("Hi"), stop()]


@shape(HI)
def usage_of_noughts() -> list[Json]:
    return [text("Hi"), chunk({}, "stop", usage=counted(0, 0))]
