"""The Responses wire, as far as we read or write it.

Everything a client sends is optional and may lie about its type; readers check what they use.
Source: OpenAI API reference, "Responses", and what Codex CLI 0.58 to 0.169 was seen to send.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

Json = dict[str, Any]
"""A JSON object whose keys nobody promised."""


class ResponsesRequest(TypedDict, total=False):
    """`POST /v1/responses`."""

    model: str
    input: str | list[Json]
    instructions: str
    stream: bool
    tools: list[Json]
    tool_choice: str | Json
    parallel_tool_calls: bool
    reasoning: Json  # effort, summary
    text: Json  # format, verbosity
    max_output_tokens: int
    temperature: float
    top_p: float
    prompt_cache_key: str
    service_tier: str
    previous_response_id: str


class InputTokensDetails(TypedDict):
    cached_tokens: int
    cache_write_tokens: int


class OutputTokensDetails(TypedDict):
    reasoning_tokens: int


class ResponseUsage(TypedDict):
    """Codex fails the turn on a missing `total_tokens`, an empty details object or a float: all or nothing."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int


class ResponseObject(TypedDict, total=False):
    """The `response` of created, completed, failed and incomplete events, and the body of `stream: false`."""

    id: str
    object: str
    created_at: int
    status: str
    error: Json | None
    incomplete_details: Json | None
    model: str
    output: list[Json]
    usage: ResponseUsage | None
    tools: list[Json]
    tool_choice: Any
    parallel_tool_calls: bool
    end_turn: NotRequired[bool]
