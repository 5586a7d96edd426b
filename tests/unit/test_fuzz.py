"""Random damage, from a fixed seed: what comes in is never a reason to raise, what goes out is always well formed."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

import pytest

from relay_translate import (
    InvalidRequest,
    RequestOptions,
    StreamTranslator,
    error_body,
    json_bytes,
    translate_error,
    translate_request,
)
from relay_translate.profiles import PROFILES
from relay_translate.quirks import QUIRKS

from .events import check_events, parse_events
from .items import check_history
from .leaks import LEAKS
from .streams import DONE, TOOLS, chunk, context, counted_ids, event, stop, text
from .test_byte_stability import STEPS
from .test_calls import SHAPES
from .test_endings import ERRORS, WHOLE

ODD = [
    None, True, False, 0, -1, 1.5, float("nan"), float("inf"), 10**400, "", "x", "\ud83d", "\x00", "é" * 50, [], {}, [None], [[]],
    {"type": "x"}, [{"type": []}], {"type": {}}, "relay1.AAAA", {"a": {"b": [1, {"c": None}]}},
]  # fmt: skip
KEYS = [
    "type",
    "role",
    "content",
    "call_id",
    "output",
    "name",
    "arguments",
    "namespace",
    "tools",
    "input",
    "encrypted_content",
    "function",
    "index",
    "id",
    "delta",
    "choices",
    "usage",
    "error",
    "message",
    "finish_reason",
    "reasoning_details",
    "tool_calls",
    "action",
    "text",
    "detail",
    "image_url",
    "reasoning",
    "tool_choice",
    "format",
]
REQUEST = {
    "model": "m", "stream": True, "instructions": "I", "tools": TOOLS, "tool_choice": {"type": "function", "name": "exec_command"},
    "reasoning": {"effort": "high"}, "text": {"format": {"type": "json_schema", "schema": {}}}, "temperature": 1.0,
    "input": [item for step in STEPS for item in step],
}  # fmt: skip
STREAMS = [
    [
        chunk({"reasoning_content": "why"}),
        text("Hello \U0001f600"),
        stop(usage={"prompt_tokens": 1, "total_tokens": 2}),
    ],
    [
        chunk({"reasoning": "a", "reasoning_details": [{"type": "reasoning.text", "text": "a", "index": 0}]}),
        text("x"),
        stop(),
    ],
    [
        chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]}),
        text("<think>b</think>c"),
        stop(),
    ],
    *([text("cut"), stop("length")] for _ in range(15)),
    *([*shape, stop("tool_calls")] for shape in SHAPES.values()),
    *([text("Hi"), body] for body, _ in ERRORS),
    *(
        [text("Go.\n"), *(text(leak.block[i : i + 30]) for i in range(0, len(leak.block), 30)), stop()]
        for leak in LEAKS.values()
    ),
    *([chunk({"reasoning_content": leak.block}), text("Hm."), stop()] for leak in LEAKS.values()),
]
# Switched off, these two leave ids as they are, and the checks want good ones.
SWITCHES = sorted(QUIRKS.keys() - {"missing-call-id", "repeated-call-id"})
NAMES = ["exec_command", "apply_patch", "mcp__tiny__echo", "tool_search", "local_shell", "unknown"]


def containers(value: Any) -> list[Any]:
    found, rest = [], [value]
    while rest:
        node = rest.pop()
        if isinstance(node, dict | list) and node:
            found.append(node)
            rest += node.values() if isinstance(node, dict) else node
    return found


def damaged(value: Any, dice: random.Random, count: int) -> Any:
    """A copy of `value` with `count` members replaced, removed, added or moved."""
    value = copy.deepcopy(value)
    nodes = containers(value)
    for node in dice.choices(nodes, k=count):
        place = dice.choice(list(node) if isinstance(node, dict) else range(len(node))) if node else None
        match dice.randrange(4):
            case 0 if place is not None:
                node[place] = copy.deepcopy(dice.choice(ODD))
            case 1 if place is not None:
                del node[place]
            case 2 if isinstance(node, dict):
                node[dice.choice(KEYS)] = copy.deepcopy(dice.choice(ODD + nodes[-20:]))
            case 2 | 3 if isinstance(node, list) and place is not None:
                node.insert(dice.randrange(len(node)), copy.deepcopy(node[place]))
    return value


def damaged_bytes(data: bytes, dice: random.Random, count: int) -> bytes:
    spoilt = bytearray(data)
    for _ in range(count):
        place = dice.randrange(len(spoilt) + 1)
        match dice.randrange(5):
            case 0:
                spoilt[place : place + 1] = bytes([dice.randrange(256)])
            case 1:
                del spoilt[place : place + dice.randint(1, 40)]
            case 2:
                spoilt[place:place] = spoilt[: dice.randint(1, 200)]
            case 3:
                spoilt[place:place] = dice.choice(
                    [b"\n\n", b"\r", b"\r\n", b"data: ", DONE, b": x\n", b"\xef\xbb\xbf", b"\\", b'"', b"}"]
                )
            case 4 if dice.random() < 0.2:
                del spoilt[place:]
    return bytes(spoilt)


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_request_is_translated_or_refused(seed):
    dice = random.Random(seed)
    outcomes = set()
    for _ in range(500):
        request = damaged(REQUEST, dice, dice.randint(1, 12))
        options = RequestOptions(codex=dice.random() < 0.5)
        try:
            translated = translate_request(request, dice.choice(list(PROFILES.values())), options)
        except InvalidRequest:
            outcomes.add("refused")
            continue
        outcomes.add("translated")
        sent = json.loads(json_bytes(translated.body).decode("utf-8"))
        check_history(sent["messages"])
        names = [tool["function"]["name"] for tool in sent.get("tools", []) if "function" in tool]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
    assert outcomes == {"translated", "refused"}


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_stream_ends_well_formed(seed):
    dice = random.Random(seed)
    endings = set()
    for _ in range(1000):
        chunks = dice.choice(STREAMS)
        chunks = [damaged(each, dice, dice.randint(0, 2)) for each in chunks if dice.random() < 0.97]
        data = (
            b"".join(map(event, chunks)) + DONE * dice.randrange(2)
            if dice.random() < 0.95
            else json.dumps(damaged(WHOLE, dice, 3)).encode()
        )
        data = data.replace(b"exec_command", dice.choice(NAMES).encode())
        if dice.random() < 0.6:
            data = damaged_bytes(data, dice, dice.randint(1, 5))
        endings.add(ending(data, dice))
    assert endings == {"response.completed", "response.failed", "response.incomplete"}


def ending(data: bytes, dice: random.Random) -> str:
    seen: list[BaseException] = []
    off = frozenset(dice.sample(SWITCHES, dice.choice([0, 0, 1, 5])))
    made = context(codex=dice.random() < 0.7, compaction=dice.random() < 0.1, disabled_quirks=off)
    translator = StreamTranslator(made, new_id=counted_ids(), created_at=1, on_exception=seen.append)
    encoded, start = b"", 0
    while start < len(data):
        size = dice.choice([1, 5, 50, 500])
        encoded += translator.receive(data[start : start + size])
        start += size
    events = parse_events(encoded + translator.finish())
    check_events(events, cut_call=True)
    assert seen == []
    assert translator.summary.status == events[-1]["response"]["status"]
    return str(events[-1]["type"])


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_error_is_an_error(seed):
    dice = random.Random(seed)
    for _ in range(500):
        body, _ = dice.choice(ERRORS)
        data = damaged_bytes(json.dumps(damaged(body, dice, 2)).encode(), dice, dice.randint(0, 4))
        error = translate_error(
            dice.choice([301, 400, 402, 413, 429, 500, 529]), {"retry-after": dice.choice(["1", "x", ""])}, data
        )
        assert error.status >= 400 and error.message and error.code
        assert json.loads(error_body(error).decode("utf-8"))["error"]["message"]
