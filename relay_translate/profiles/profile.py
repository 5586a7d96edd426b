"""What a provider accepts and how it answers, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

CHAT_COMPLETIONS = "/chat/completions"

# Fields of the Chat Completions reference that nearly every server takes. What only some take is a profile's word.
COMMON_FIELDS = frozenset({
    "parallel_tool_calls", "response_format", "reasoning_effort", "temperature", "top_p", "stop", "seed",
    "presence_penalty", "frequency_penalty",
})  # fmt: skip

# Codex lets people write any effort word; the three in the middle are understood everywhere.
COMMON_EFFORTS: Mapping[str, str | None] = MappingProxyType({
    "none": None, "minimal": "low", "low": "low", "medium": "medium", "high": "high",
    "xhigh": "high", "max": "high", "ultra": "high",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A provider's dialect. The defaults are the strictest reading of the API, which every server accepts.

    hosts, models: fnmatch patterns; a host decides before a model name.
    base_path: the API's path on those hosts, for an upstream given without one.
    system_role: the role of the one leading instructions message.
    late_instructions: what becomes of instructions in mid-conversation. "user" keeps their place as user-visible
        text, so that the prompt's prefix, which providers cache and bill by, does not change behind the model's
        back; "hoist" appends them to the leading message; "system" leaves them as messages of `system_role`.
    merge_users: join user messages in a row (templates that insist on alternation refuse them).
    images: whether user messages may hold images; else a note stands in their place.
    max_tokens_field: the name of the output limit.
    optional_fields: request fields that may be sent.
    efforts: Codex's reasoning effort -> the provider's; None leaves the field out, unknown words pass.
    reasoning_input: where reasoning goes back on assistant messages: "same" is the field it came in,
        "none" sends nothing.
    stream_usage: whether `stream_options.include_usage` is sent.
    """

    name: str
    hosts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    base_path: str = "/v1"
    system_role: str = "system"
    late_instructions: Literal["user", "hoist", "system"] = "user"
    merge_users: bool = True
    images: bool = True
    max_tokens_field: str = "max_tokens"
    optional_fields: frozenset[str] = COMMON_FIELDS
    efforts: Mapping[str, str | None] = field(default_factory=lambda: COMMON_EFFORTS)
    reasoning_input: Literal["same", "none"] = "same"
    stream_usage: bool = True

    def chat_path(self, base_path: str = "") -> str:
        """The request path under the upstream's `base_path` ("" takes the profile's own)."""
        base = base_path.rstrip("/") or self.base_path
        return base if base.endswith(CHAT_COMPLETIONS) else base + CHAT_COMPLETIONS

    def models_path(self, base_path: str = "") -> str:
        """The path of the model list under the upstream's `base_path`."""
        return self.chat_path(base_path).removesuffix(CHAT_COMPLETIONS) + "/models"
