"""Anthropic's OpenAI-compatible endpoint (its documentation, 2026): for trying out, says Anthropic.

Thinking is never returned, effort and response_format are ignored, and instructions are gathered in front, so those of
mid-conversation become the user's to keep their place.
"""

from .profile import Profile, Reasoning, Tools

PROFILE = Profile(
    name="anthropic",
    title="Anthropic",
    key_variable="ANTHROPIC_API_KEY",
    hosts=("api.anthropic.com",),
    optional_fields=frozenset({"temperature", "top_p", "stop", "parallel_tool_calls"}),
    json_schema="prompt",
    reasoning=Reasoning(effort_field="", back="none"),
    tools=Tools(call_ids="plain"),
    finish_reasons={"model_context_window_exceeded": "length"},
    error_codes={"overloaded_error": "overload", "request_too_large": "overflow"},
)
