"""What a provider accepts and how it answers, as data.

The defaults are the strictest reading of the Chat Completions reference, which every server accepts; a provider's own
module says only where it differs, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Literal

from relay_translate.error_kinds import Kind as ErrorKind

CHAT_COMPLETIONS = "/chat/completions"
_WILDCARDS = frozenset("*?[")

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


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


ToolChoice = Literal["none", "required", "named"]
Ending = Literal["stop", "length", "content_filter", "error"]


@dataclass(frozen=True, kw_only=True)
class Reasoning:
    """How thinking is asked for, and how it goes back.

    effort_field: where the effort word goes; "a.b" is `b` in the object `a`; "" when there is no such field.
    efforts: Codex's effort -> the provider's; None leaves the field out, words that are not listed pass.
    always: fields of every request. on: fields added when Codex asks for an effort other than none. off: fields in
        place of the effort when it asks for none; None where thinking can't be switched off (`efforts` then decides).
    back: the form of earlier reasoning on assistant messages. "same" is the field it came in; "reasoning" and
        "reasoning_content" put it there wherever it came from; "think" puts it into the content between think tags;
        "parts" makes content parts of type `thinking`; "none" sends nothing.
    back_on: the messages that get it: all, or those with tool calls.
    missing: what stands in the field of a message with tool calls whose reasoning is lost (another model made it,
        a client does not keep it), for providers that refuse one without; None leaves it out.
    missing_on_call: fields of the first call of a message none of whose calls carries anything of the provider's
        (a signature), for those that refuse one without.
    only_thinkers: an effort is refused by models that do not think, so people are offered one only for those that are
        known to.
    """

    effort_field: str = "reasoning_effort"
    efforts: Mapping[str, str | None] = field(default_factory=lambda: COMMON_EFFORTS)
    always: Mapping[str, Any] = field(default_factory=_nothing)
    on: Mapping[str, Any] = field(default_factory=_nothing)
    off: Mapping[str, Any] | None = None
    back: Literal["same", "reasoning", "reasoning_content", "think", "parts", "none"] = "same"
    back_on: Literal["all", "calls"] = "all"
    missing: str | None = None
    missing_on_call: Mapping[str, Any] = field(default_factory=_nothing)
    only_thinkers: bool = False


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What a tool's JSON schema may hold. Codex and MCP servers write any JSON schema.

    inline_refs: `$ref`s into `$defs` are replaced by what they refer to (recursion becomes an empty schema).
    drop: keywords left out wherever they stand as keywords (not as names of properties).
    type_in_any_of: a `type` beside `anyOf` moves into its branches.
    property_types: every property gets a `type`.
    prefix_items: a list of schemas in `items` (older drafts) becomes `prefixItems`.
    const_as_enum: `const` becomes an `enum` of one.
    openapi: as OpenAPI 3.0 has it: one type, `items` on every array, enums of strings only, no formats but enum and
        date-time, `required` names only properties that are there.
    null_types: `"type": ["string", "null"]` and `{"type": "null"}` branches may stay; else they are taken out.
    strict: what becomes of a tool's `strict`: left out, kept, or false on every tool.
    """

    inline_refs: bool = True
    drop: frozenset[str] = frozenset({"$schema", "$id", "$comment"})
    type_in_any_of: bool = False
    property_types: bool = False
    prefix_items: bool = False
    const_as_enum: bool = False
    openapi: bool = False
    null_types: bool = True
    strict: Literal["omit", "keep"] = "omit"


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Limits of tools and calls.

    most: how many tools may be offered, 0 for any number. The last ones are left out, with a note: Codex's
        own come first.
    longest_name: characters of a function's name; more are cut and hashed.
    letter_first: whether a name must begin with a letter or an underscore.
    call_ids: "any", "plain": letters, digits, _ and - only, or "nine": exactly nine letters and digits (what has to
        be changed becomes a hash of the client's id, so that it is the same in every turn).
    longest_id: characters of a call id; longer ones are hashed.
    choices: forms of `tool_choice` other than auto that are accepted; others are left out with a note.
    thinking_choices: the same while the model thinks.
    drop_when_none: with `tool_choice: none` the tools are left out instead.
    no_format: `response_format` is left out when tools are offered (the provider refuses both together); the schema
        goes into the instructions then.
    """

    most: int = 0
    longest_name: int = 64
    letter_first: bool = False
    call_ids: Literal["any", "plain", "nine"] = "any"
    longest_id: int = 64
    choices: frozenset[ToolChoice] = frozenset({"none", "required", "named"})
    thinking_choices: frozenset[ToolChoice] = frozenset({"none", "required", "named"})
    drop_when_none: bool = False
    no_format: bool = False


@dataclass(frozen=True, kw_only=True)
class WebSearch:
    """A search that runs at the provider, in place of Codex's hosted `web_search`.

    tool: an entry for `tools`. fields: fields of the request. settings: where Codex's settings go:
    "search_context_size" and "allowed_domains" -> their path in `tool`, such as "parameters.search_context_size".
    """

    tool: Mapping[str, Any] = field(default_factory=_nothing)
    fields: Mapping[str, Any] = field(default_factory=_nothing)
    settings: Mapping[str, str] = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A provider's dialect.

    title: the provider's name for people. key_variable: the environment variable its key usually stands in.
    hosts, models: fnmatch patterns; a host decides before a model name, so a platform before a vendor.
    base_path: the API's path on those hosts, for an upstream given without one.
    address: the base URL that the provider's name stands for, where no host of `hosts` tells it (see base_url).
    served_window: tokens of context to count on where the operator of the server sets the window and the model list
        does not tell; 0 where it is a matter of the model.
    auth: the header that carries the key.
    system_role: the role of the one leading instructions message.
    late_instructions: what becomes of instructions in mid-conversation. "user" keeps their place as user-visible
        text, so that the prompt's prefix, which providers cache and bill by, does not change behind the model's
        back; "hoist" appends them to the leading message; "system" leaves them as messages of `system_role`.
    merge_users: join user messages in a row (templates that insist on alternation refuse them).
    after_tools: "" or the text of an assistant message that stands between tool results and a user message.
    empty_content: the content of an assistant message that has calls only: null, left out, or "".
    content_parts: whether user content may be a list of parts where it holds more than text.
    images: whether user messages may hold images; else a note stands in their place. blind: patterns of models that
        see none although others of the provider do.
    max_tokens_field: the name of the output limit.
    optional_fields: request fields that may be sent.
    extra_fields: fields of every request.
    stream_usage: whether `stream_options.include_usage` is sent.
    json_schema: what becomes of a wanted JSON schema of the answer: "native" sends it as `response_format`; "object"
        asks for a JSON object there and "prompt" for nothing, and both put the schema into the instructions.
    cache_key: the field that takes Codex's `prompt_cache_key`; "" for none.
    reasoning, tools, schema, web_search: see there; no web_search where the provider has none.
    think_tags: names of tags that hold reasoning at the start of the content.
    finish_reasons: reasons of its own -> stop, length, content_filter or error.
    error_codes: its own codes -> what they mean to the client (see error_kinds.py).
    variants: (fnmatch pattern of model names, what is different for them), all that match are applied in order.
    """

    name: str
    title: str = ""
    key_variable: str = ""
    hosts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    base_path: str = "/v1"
    address: str = ""
    served_window: int = 0
    auth: Literal["bearer", "api-key", "x-api-key"] = "bearer"
    system_role: str = "system"
    late_instructions: Literal["user", "hoist", "system"] = "user"
    merge_users: bool = True
    after_tools: str = ""
    empty_content: Literal["null", "omit", "empty"] = "null"
    content_parts: bool = True
    images: bool = True
    blind: tuple[str, ...] = ()
    max_tokens_field: str = "max_tokens"
    optional_fields: frozenset[str] = COMMON_FIELDS
    extra_fields: Mapping[str, Any] = field(default_factory=_nothing)
    stream_usage: bool = True
    json_schema: Literal["native", "object", "prompt"] = "native"
    cache_key: str = ""
    reasoning: Reasoning = Reasoning()
    tools: Tools = Tools()
    schema: Schema = Schema()
    web_search: WebSearch | None = None
    think_tags: tuple[str, ...] = ("think", "thought")
    finish_reasons: Mapping[str, Ending] = field(default_factory=_nothing)
    error_codes: Mapping[str, ErrorKind] = field(default_factory=_nothing)
    variants: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    @property
    def label(self) -> str:
        return self.title or self.name

    @property
    def base_url(self) -> str:
        """Where the provider is when only its name is given; "" for one that everybody has under another address."""
        host = next((host for host in self.hosts if not _WILDCARDS & set(host)), "")
        return self.address or (f"https://{host}{self.base_path}" if host else "")

    def sees_images(self, model: str) -> bool:
        return self.images and not any(fnmatchcase(model.lower(), pattern) for pattern in self.blind)

    def chat_path(self, base_path: str = "") -> str:
        """The request path under the upstream's `base_path` ("" takes the profile's own)."""
        base = base_path.rstrip("/") or self.base_path
        return base if base.endswith(CHAT_COMPLETIONS) else base + CHAT_COMPLETIONS

    def models_path(self, base_path: str = "") -> str:
        """The path of the model list under the upstream's `base_path`."""
        return self.chat_path(base_path).removesuffix(CHAT_COMPLETIONS) + "/models"
