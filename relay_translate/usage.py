"""Token counts: every provider's spelling to the one Codex reads."""

from __future__ import annotations

from typing import Any

from .responses_api import Json, ResponseUsage

BYTES_PER_TOKEN = 4  # of UTF-8, a rule of thumb good to some 20 % over languages and code
TOKENS_PER_IMAGE = 1000


def translate_usage(raw: object) -> ResponseUsage | None:
    """A chat `usage` object as a complete Responses usage, or None.

    A half-filled one would be worse than none: without usage Codex counts by itself, and a float or a missing
    total makes it throw the finished answer away.
    """
    if not isinstance(raw, dict):
        return None
    prompt = _count(raw, "prompt_tokens", "input_tokens")
    completion = _count(raw, "completion_tokens", "output_tokens")
    if prompt is None and completion is None:
        return None
    prompt, completion = prompt or 0, completion or 0
    if not prompt and not completion:
        return None
    reasoning = _reasoning(raw)
    total = _count(raw, "total_tokens") or 0
    # Some count reasoning only in the total: xAI beside its own figure, Gemini without one.
    if (unnamed := total - prompt - completion) > 0 and reasoning in (0, unnamed):
        reasoning = unnamed
        completion += unnamed
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": min(_cached(raw), prompt), "cache_write_tokens": _cache_writes(raw)},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": max(total, prompt + completion),
    }


def translate_timings(raw: object) -> ResponseUsage | None:
    """llama.cpp's `timings`, which stand on the last chunk even where no usage was asked for."""
    if not isinstance(raw, dict):
        return None
    cached, fresh = _count(raw, "cache_n") or 0, _count(raw, "prompt_n") or 0
    return translate_usage({
        "prompt_tokens": cached + fresh, "completion_tokens": _count(raw, "predicted_n"), "cached_tokens": cached,
    })  # fmt: skip


def fill_usage(told: ResponseUsage | None, estimate: ResponseUsage) -> ResponseUsage:
    """`estimate` where the provider told nothing, and its prompt where only that is missing (Ollama leaves out a
    prompt that it had in its cache)."""
    if told is None:
        return estimate
    if told["input_tokens"] or not estimate["input_tokens"]:
        return told
    prompt = estimate["input_tokens"]
    total = max(told["total_tokens"], prompt + told["output_tokens"])
    return {**told, "input_tokens": prompt, "total_tokens": total}


def estimate_usage(input_tokens: int, output: list[Json]) -> ResponseUsage:
    """A usage for a provider that sends none: Codex's gauge would stay at nought and it would never compact."""
    output_tokens = max(1, estimate_tokens(_said(output)))
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + output_tokens,
    }


def _said(value: Any) -> list[str]:
    """What the model wrote in output items; ids and types are not its."""
    if isinstance(value, dict):
        own = [v for k, v in value.items() if k in ("text", "arguments", "input") and isinstance(v, str)]
        return own + _said([v for v in value.values() if isinstance(v, (dict, list))])
    return [text for inner in value for text in _said(inner)] if isinstance(value, list) else []


def estimate_tokens(value: Any) -> int:
    """How many tokens the texts in a JSON value come to, roughly."""
    size, images, rest = 0, 0, [value]
    while rest:
        node = rest.pop()
        if isinstance(node, str):
            if node.startswith("data:image"):
                images += 1
            else:
                size += len(node) if node.isascii() else len(node.encode("utf-8", "replace"))
        elif isinstance(node, dict):
            rest.extend(v for k, v in node.items() if k != "encrypted_content")
        elif isinstance(node, list):
            rest.extend(node)
    return size // BYTES_PER_TOKEN + images * TOKENS_PER_IMAGE


def _cached(raw: Json) -> int:
    """OpenAI's place, then DeepSeek's, Kimi's, Mistral's and Anthropic's."""
    for name in ("prompt_tokens_details", "input_tokens_details", "prompt_token_details"):
        details = raw.get(name)
        if isinstance(details, dict) and (found := _count(details, "cached_tokens")) is not None:
            return found
    names = ("prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens", "cache_read_input_tokens")
    return _count(raw, *names) or 0


def _cache_writes(raw: Json) -> int:
    """Tokens newly put into the provider's cache; OpenRouter tells, and gateways to Anthropic in its own word."""
    details = raw.get("prompt_tokens_details")
    found = _count(details, "cache_write_tokens") if isinstance(details, dict) else None
    return found or _count(raw, "cache_creation_input_tokens") or 0


def _reasoning(raw: Json) -> int:
    for name in ("completion_tokens_details", "output_tokens_details"):
        details = raw.get(name)
        if isinstance(details, dict) and (found := _count(details, "reasoning_tokens")) is not None:
            return found
    return _count(raw, "reasoning_tokens") or 0


def _count(raw: Json, *names: str) -> int | None:
    for name in names:
        value = raw.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e15:
            return int(value)
    return None
