"""Model families that several platforms host, by what their names tell on any of them."""

from __future__ import annotations

# They see no pictures, whoever serves them: one picture in the history would have every later request refused.
# A `v` behind the number (glm-4.6v, qwen3-vl) is a model that does, and so is a flash of GLM 5 (5.3, August 2026).
TEXT_ONLY = (
    "*gpt-oss*", "*deepseek-r1*", "*deepseek-v[23]*", "*deepseek-v4", "*deepseek-v4[-:]*", "*deepseek-chat*",
    "*deepseek-reasoner*", "*deepseek-coder*", "*kimi-k2", "*kimi-k2[-:]*", "*glm-4.[5-9]", "*glm-4.[5-9][-:]*",
    "*glm-4p[5-9]", "*glm-5", "*glm-5:*", "*glm-5-[!1-9]*", "*glm-5[.p-][0-9]", "*glm-5[.p-][0-9]:*",
    "*glm-5[.p-][0-9]-[!f]*", "*glm-5[.p-][0-9]-f[!l]*", "*minimax-m2*",
    "*qwen3-coder*", "*qwen3-max*", "*qwen3-[0-9]*b*", "*qwen3:*", "*qwen2.5-coder*", "*qwq*", "*llama-3.[13]*",
    "*llama3.[13]*", "*codestral*",
)  # fmt: skip

# Codex's efforts on a ladder of low, high and max, as several vendors have it.
LOW_HIGH_MAX = {
    "none": "low", "minimal": "low", "low": "low", "medium": "high", "high": "high", "xhigh": "max", "max": "max",
    "ultra": "max",
}  # fmt: skip

# On one of low, medium and high, for models that always think.
LOW_MEDIUM_HIGH = {
    "none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high",
    "ultra": "high",
}  # fmt: skip
