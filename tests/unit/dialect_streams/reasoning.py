"""Reasoning: four fields, parts and tags, and never the same text twice."""

from __future__ import annotations

from tests.unit.streams import Json, call, chunk, stop, text

from .calls import LOOK, LS
from .shape import said, shape

PLAN, ANSWER = ("reasoning", "Plan it."), ("message", "Done.")


@shape(PLAN, ANSWER)
def reasoning_content() -> list[Json]:
    """DeepSeek, Kimi, Qwen, GLM, Fireworks, SGLang, llama.cpp."""
    thought = [
        chunk({"role": "assistant", "content": None, "reasoning_content": part}) for part in ("", "Plan ", "it.")
    ]
    return [
        *thought,
        chunk({"content": "Done.", "reasoning_content": None}),
        chunk({"content": "", "reasoning_content": None}, "stop"),
    ]


@shape(PLAN, ANSWER)
def reasoning() -> list[Json]:
    """Groq, Cerebras, Together, vLLM, Ollama: with a channel, a text and a seed beside."""
    return [
        said({"role": "assistant", "content": "", "reasoning": "Plan ", "channel": "analysis"}, text="", seed=None),
        said({"content": "", "reasoning": "it.", "channel": "analysis"}, text="", seed=None), text("Done."), stop(),
    ]  # fmt: skip


@shape(PLAN, ANSWER)
def reasoning_in_two_fields() -> list[Json]:
    thought = [chunk({"reasoning": part, "reasoning_content": part}) for part in ("Plan ", "it.")]
    return [*thought, text("Done."), stop()]


@shape(PLAN, LOOK)
def reasoning_and_its_details() -> list[Json]:
    """OpenRouter: the same text in both, a signature in a delta of its own, the role on each."""
    kind = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    thought = [
        chunk({"role": "assistant", "content": "", "reasoning": part, "reasoning_details": [{**kind, "text": part}]})
        for part in ("Plan ", "it.")
    ]
    signed = chunk(
        {"role": "assistant", "content": "", "reasoning": None, "reasoning_details": [{**kind, "signature": "c2ln"}]}
    )
    return [*thought, signed, call("", "exec_command", "toolu_9"), call(LS), stop("tool_calls")]


@shape(PLAN, ANSWER)
def details_alone() -> list[Json]:
    """MiniMax with reasoning_split."""
    kind = {"type": "reasoning.text", "id": "r-1", "format": "own-v1", "index": 0}
    thought = [chunk({"content": "", "reasoning_details": [{**kind, "text": part}]}) for part in ("Plan ", "it.")]
    return [*thought, text("Done."), stop()]


@shape(PLAN, ANSWER, ("reasoning", ""))
def encrypted_details_after_the_text() -> list[Json]:
    """OpenRouter before OpenAI: a summary, the text, and then what only OpenAI can read."""
    kind = {"format": "openai-responses-v1", "index": 0}
    summary = {"type": "reasoning.summary", "summary": "Plan it.", **kind}
    sealed = {"type": "reasoning.encrypted", "data": "b3BhcXVl", "id": "rs_7", **kind}
    return [
        chunk({"content": "", "reasoning": "Plan it.", "reasoning_details": [summary]}), text("Done."),
        chunk({"content": "", "reasoning_details": [sealed]}), stop(),
    ]  # fmt: skip


@shape(PLAN, ANSWER)
def thinking_parts() -> list[Json]:
    """Mistral: content is a list while it thinks, the thought a list in it; text parts behind."""

    def part(words: str) -> Json:
        return {"type": "thinking", "thinking": [{"type": "text", "text": words}], "closed": False}

    return [
        chunk({"role": "assistant", "content": ""}), chunk({"content": [part("Plan ")]}),
        chunk({"content": [part("it.")]}), chunk({"content": [{"type": "text", "text": "Done."}]}), stop(),
    ]  # fmt: skip


@shape(PLAN, ANSWER)
def thinking_parts_then_strings() -> list[Json]:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Plan it."}]}
    return [chunk({"content": [thought]}), text("Do"), text("ne."), stop()]


@shape(PLAN, ANSWER)
def think_tags() -> list[Json]:
    """MiniMax, models on NIM: the tags cut over deltas."""
    return [text(part) for part in ("<th", "ink>\nPlan", " it.\n</thi", "nk>\n\nDone.")] + [stop()]


@shape(PLAN, ANSWER)
def thought_tags() -> list[Json]:
    """Gemini and Gemma."""
    return [text("<thought>Plan it."), text("</thought>Done."), stop()]


@shape(PLAN, LOOK, ("reasoning", "And now."), ANSWER)
def reasoning_between() -> list[Json]:
    """Interleaved: it thinks again behind a call."""
    return [
        chunk({"reasoning_content": "Plan it."}), call(LS, "exec_command", "i1"), chunk({"reasoning_content": "And now."}),
        text("Done."), stop("tool_calls"),
    ]  # fmt: skip


@shape(("message", "I can't help."))
def refusal() -> list[Json]:
    """OpenAI: in place of content."""
    return [chunk({"role": "assistant", "content": None, "refusal": "I can't"}), chunk({"refusal": " help."}), stop()]


@shape(ANSWER)
def empty_reasoning() -> list[Json]:
    """An empty string ends the reasoning at Kimi; on its own it is none."""
    return [chunk({"reasoning_content": "", "reasoning": None, "reasoning_details": []}), text("Done."), stop()]
