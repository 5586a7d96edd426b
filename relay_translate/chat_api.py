"""The Chat Completions wire, as far as we read or write it.

Providers differ in everything but the names; readers check what they use.
Source: OpenAI API reference, "Chat Completions".
"""

from __future__ import annotations

from typing import Any, TypedDict

from .responses_api import Json


class FunctionCall(TypedDict):
    name: str
    arguments: str


class ToolCall(TypedDict):
    """A call in an assistant message. A provider's own siblings (signatures) may stand beside."""

    id: str
    type: str
    function: FunctionCall


class ChatMessage(TypedDict, total=False):
    role: str
    content: str | list[Json] | None
    tool_calls: list[Any]
    tool_call_id: str
    reasoning_content: str
    reasoning: str
    reasoning_details: list[Json]


class ChatRequest(TypedDict, total=False):
    """`POST /v1/chat/completions`."""

    model: str
    messages: list[ChatMessage]
    stream: bool
    stream_options: Json
    tools: list[Json]
    tool_choice: str | Json
    parallel_tool_calls: bool
    reasoning_effort: str
    response_format: Json


class ChatChunk(TypedDict, total=False):
    """One event of a stream, or a whole answer (`message` in place of `delta`)."""

    id: str
    model: str
    choices: list[Json] | None
    usage: Json | None
