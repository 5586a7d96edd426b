"""What a turn's request has to tell its answer, in one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .profiles import GENERIC, Profile
from .responses_api import Json
from .tools import ToolRef


@dataclass(frozen=True, kw_only=True)
class TurnContext:
    """model: the slug sent upstream; requested_model: the one the client asked for.
    stream: whether the client wants events.  codex: whether it is Codex, which hears of errors in the stream.
    provider: a label for people, normally the upstream's host.
    profile: how the provider speaks.
    tools: chat name -> how the client knows the tool.
    parameters: the tools that were offered: chat name -> parameter -> its JSON types, joined by `|` ("" for any).
    disabled_quirks: repairs that are not to be made (see quirks.py).
    successor: the model that answers the client's next try if this one fails before its first token; "" for none.
    compaction: the answer must be one compaction item. structured: its text is JSON of a wanted form, nothing is added.
    input_estimate: tokens of the chat request, for a provider that does not count.
    echo: request fields that a Response object repeats.
    """

    model: str = ""
    requested_model: str = ""
    stream: bool = True
    codex: bool = True
    provider: str = ""
    profile: Profile = GENERIC
    tools: Mapping[str, ToolRef] = field(default_factory=lambda: MappingProxyType({}))
    parameters: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    disabled_quirks: frozenset[str] = frozenset()
    successor: str = ""
    compaction: bool = False
    structured: bool = False
    input_estimate: int = 0
    echo: Mapping[str, Json | object] = field(default_factory=lambda: MappingProxyType({}))
