"""A Chat Completions upstream that plays a script and is strict about what it is sent.

A scenario is a plain value: the replies of each thread in order. The server records every request, judges it by
the rules of the strictest providers, and answers with exactly the bytes, pauses and cuts the script asks for.
"""

from __future__ import annotations

from addon.scripted.chunks import DONE, Call, chunk, frame
from addon.scripted.replies import Cut, Reply, Until, Wait, answer, error, raw_body, stream
from addon.scripted.rules import ALL_RULES
from addon.scripted.scenario import Scenario, Script, Seen
from addon.scripted.server import ScriptedUpstream

__all__ = [
    "ALL_RULES",
    "DONE",
    "Call",
    "Cut",
    "Reply",
    "Scenario",
    "Script",
    "ScriptedUpstream",
    "Seen",
    "Until",
    "Wait",
    "answer",
    "chunk",
    "error",
    "frame",
    "raw_body",
    "stream",
]
