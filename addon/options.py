"""The relay_* options as mitmproxy lists them: names, defaults and help.

Every option is a string and is parsed by the relay (settings.py): a mistyped `int` or `bool` option makes mitmproxy
unload the addon without a word and forward everything untranslated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from mitmproxy.addonmanager import Loader

from . import inspection
from .history import DEFAULT_LIMITS

# name -> (default, help). Defaults are looked up here alone, so that they can come from elsewhere later.
OPTIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "relay_upstream": (
            "",
            "Base URL of the Chat Completions server, with its path, e.g. https://openrouter.ai/api/v1. "
            "Replaces host, port and scheme of the reverse mode. Empty: the reverse mode's target, under /v1.",
        ),
        "relay_providers": (
            "",
            "Several providers behind one port, separated by commas, the first is the default: deepseek,kimi, or "
            "NAME:PROFILE=URL#KEY_VARIABLE. Models are then asked for as provider/model. Each has its own key, from "
            "its environment variable; the client's key goes to none of them.",
        ),
        "relay_fallback": (
            "",
            "Models that take over, in this order, while another one fails before its first token, separated by "
            "commas (provider/model with several providers). Nothing is paid twice; the client asks again by itself.",
        ),
        "relay_api_key": (
            "",
            "The provider's key, or better the name of the environment variable that holds it: OPENROUTER_API_KEY, "
            "$NAME or env:NAME. Anything else is the key itself. "
            "It goes to the upstream only. Empty: the client's own key is passed on.",
        ),
        "relay_model_map": (
            "",
            "Model names to replace, client=upstream, separated by commas; * and ? are wildcards, first match wins: "
            "gpt-5*=deepseek-chat,*=qwen3-coder. With several providers the upstream is provider/model.",
        ),
        "relay_extra_params": ("", 'A JSON object merged over every chat request, e.g. {"temperature": 0.2}.'),
        "relay_drop_params": ("", "Names of chat request fields that are left out, separated by commas."),
        "relay_tool_denylist": (
            "",
            "Names of tools that the model is not offered, separated by commas: as the provider sees them "
            "(mcp__git__log), as Codex does (spawn_agent, agents.spawn_agent), or a whole namespace (mcp__git).",
        ),
        "relay_history": (
            "",
            "Where turns are kept for clients that go on with previous_response_id (Codex does not): empty for the "
            "memory, a folder for an SQLite file in it, off for nowhere.",
        ),
        "relay_history_limits": ("", f"How much is kept there: {DEFAULT_LIMITS} (hours since a turn was last used)."),
        "relay_corpus": (
            "",
            "A folder for the corpus: what each completed turn adds to its conversation, scrubbed, as OpenAI messages, "
            "a JSON line for each in a file for each day. Empty: none is written.",
        ),
        "relay_scrub": (
            "on",
            "What is written to flow files and HAR: on takes out keys, accounts, sessions, homes and user names; "
            "off leaves all but credentials. What is shown live is never changed.",
        ),
        "relay_disable_quirks": (
            "",
            "Names of repairs of answers that are not made, separated by commas, e.g. think-tags,leaked-hermes. "
            "The log and the flows name those that were made.",
        ),
        "relay_profile": (
            "",
            "The provider's dialect: the name of a profile, or the path of a .toml file with what differs from the one "
            "it names in `base`. Empty: found by the upstream's host, then by the model.",
        ),
        "relay_web_search": (
            "auto",
            "Codex's hosted web search: auto uses the provider's own where it has one, off leaves it out.",
        ),
        "relay_search": (
            "",
            "The service behind Codex's standalone web search: searxng:URL, brave or tavily, the last two with the key "
            "in BRAVE_API_KEY or TAVILY_API_KEY, or in the variable named behind a colon (brave:MY_KEY).",
        ),
        **inspection.OPTIONS,
    }
)
# Changes of these options too have to be looked at again.
PATTERNS = "relay_scrub_patterns"
WATCHED = frozenset(OPTIONS) | {PATTERNS, "mode", "stream_large_bodies", "web_host"}


def declare(loader: Loader) -> None:
    for name, (default, text) in OPTIONS.items():
        loader.add_option(name, str, default, text)
    text = "Regular expression of what must not be written either, its group 1 or all of a match. May be given often."
    loader.add_option(PATTERNS, Sequence[str], (), text)
