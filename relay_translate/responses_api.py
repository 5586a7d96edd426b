"""The Responses wire, as far as we read or write it.

Everything a client sends is optional and may lie about its type; readers check what they use.
Source: OpenAI API reference, "Responses", and what Codex CLI 0.58 to 0.169 was seen to send.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
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


# --- what the translator knows ----------------------------------------------------------------------------------------
#
# Known is what is read, and what is left out on purpose; anything else on this wire is news that somebody has to look
# at. The tables are tested against the translator: it reads no field that is not listed, and notes a type that is not.


def _fields(base: str, more: Mapping[str, str]) -> Mapping[str, frozenset[str]]:
    return MappingProxyType({name: frozenset(f"{base} {fields}".split()) for name, fields in more.items()})


REQUEST_FIELDS = frozenset({
    "model", "input", "instructions", "stream", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text",
    "max_output_tokens", "temperature", "top_p", "top_logprobs", "prompt_cache_key", "service_tier",
    "presence_penalty", "frequency_penalty", "stop", "seed",
    "include", "store", "metadata", "client_metadata", "stream_options", "user", "safety_identifier", "truncation",
    "prompt_cache_retention", "max_tool_calls",
})  # fmt: skip
"""Fields of a request. The last two lines have no counterpart on the other wire, or none that a provider is told."""

REASONING_FIELDS = frozenset({"effort", "summary", "context", "generate_summary"})
TEXT_FIELDS = frozenset({"format", "verbosity"})
INCLUDES = frozenset({"reasoning.encrypted_content"})
ROLES = frozenset({"user", "assistant", "developer", "system"})

# `internal_chat_message_metadata_passthrough` is for OpenAI's own service; Codex sends it to providers of that name.
ITEM_FIELDS = _fields(
    "type id status internal_chat_message_metadata_passthrough",
    {
        "message": "role content phase",
        "agent_message": "author recipient content",
        "reasoning": "summary content encrypted_content",
        "function_call": "call_id name namespace arguments",
        "function_call_output": "call_id name namespace output",
        "custom_tool_call": "call_id name namespace input",
        "custom_tool_call_output": "call_id name output",
        "tool_search_call": "call_id namespace execution arguments",
        "tool_search_output": "call_id execution tools",
        "local_shell_call": "call_id namespace action",
        "local_shell_call_output": "call_id output",
        "web_search_call": "action",
        "image_generation_call": "revised_prompt result",
        "additional_tools": "role tools",
        "compaction": "encrypted_content",
        "compaction_summary": "encrypted_content",
        "context_compaction": "encrypted_content",
        "compaction_trigger": "",
    },
)
"""Item types of `input` and their fields."""

PART_FIELDS = _fields(
    "type",
    {
        "input_text": "text",
        "output_text": "text annotations logprobs",
        "text": "text",
        "summary_text": "text",
        "reasoning_text": "text",
        "refusal": "refusal",
        "encrypted_content": "encrypted_content",
        "input_image": "image_url detail file_id",
        "image_url": "image_url detail file_id",
    },
)
"""Part types of messages and tool outputs, and their fields."""

TOOL_FIELDS = _fields(
    "type",
    {
        "function": "name description parameters strict defer_loading",
        "custom": "name description format defer_loading",
        "namespace": "name description tools",
        "tool_search": "execution description parameters",
        "local_shell": "",
    },
)
"""Tool types that can be offered to a provider, and their fields."""

# A tuple, because a client's "type" may be anything, such as a list, which no set can be asked for.
HOSTED_TOOLS = (
    "web_search", "web_search_preview", "image_generation", "file_search", "code_interpreter", "computer",
    "computer_use_preview", "mcp", "shell", "apply_patch",
)  # fmt: skip
"""Tool types that run only at OpenAI: left out of the offer, whatever their fields."""
