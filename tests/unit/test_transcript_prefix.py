"""Where a request leaves the one before it: the place from which on a prompt cache has nothing."""

from __future__ import annotations

import copy
import json
from typing import Any

from relay_translate.json_text import json_bytes
from relay_translate.transcript import prefix_difference

from .transcripts import body, raw

CHAT: dict[str, Any] = {
    "model": "m1",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "count the files"}],
    "tools": [{"type": "function", "function": {"name": "ls", "parameters": {}}}],
    "stream": True,
}


def changed(**fields: Any) -> bytes:
    return json_bytes({**copy.deepcopy(CHAT), **fields})


BEFORE = json_bytes(CHAT)


def test_real_turns_continue_each_other() -> None:
    for case in ("parallel", "patch", "mcp", "tool-image", "reasoning"):
        for name in ("request.json", "chat_request.json"):
            assert prefix_difference(raw(case, 1, name), raw(case, 2, name)) is None


def test_the_offset_is_the_first_byte_that_differs() -> None:
    messages = [{"role": "system", "content": "Bé brief. Ä"}, *CHAT["messages"][1:]]
    now_messages = [{"role": "system", "content": "Bé brief. Ö"}, *CHAT["messages"][1:]]
    before, now = changed(messages=messages), changed(messages=now_messages)
    found = prefix_difference(before, now)
    assert found is not None
    assert now[: found.offset].decode("utf-8", "ignore").endswith("Bé brief. ")
    assert now[found.offset :].startswith("Ö".encode())
    assert found.place == "messages[0] (system)"
    assert 0 < found.kept < found.prompt


def test_a_tool_counts_before_the_conversation_wherever_it_stands() -> None:
    tools = [*CHAT["tools"], {"type": "function", "function": {"name": "cat", "parameters": {}}}]
    messages = [{"role": "user", "content": "other"}]
    found = prefix_difference(BEFORE, changed(tools=tools, messages=messages))
    assert found is not None
    assert found.place == "tools[1] (cat)"
    assert str(found).endswith("is new")


def test_a_message_that_is_gone_is_told() -> None:
    found = prefix_difference(BEFORE, changed(messages=CHAT["messages"][:1]))
    assert found is not None
    assert found.place == "messages[1] (user)"
    assert str(found).endswith("is gone")


def test_fields_that_are_no_part_of_the_prompt_do_not_count() -> None:
    assert prefix_difference(BEFORE, changed(stream=False, temperature=1, user="u", max_tokens=5)) is None


def test_another_model_has_another_cache() -> None:
    found = prefix_difference(BEFORE, changed(model="m2"))
    assert found is not None
    assert (found.place, found.kept > 0) == ("model", True)


def test_spaces_between_values_do_not_count_but_the_order_of_members_does() -> None:
    assert prefix_difference(BEFORE, json.dumps(CHAT, indent=1).encode()) is None
    turned = [dict(reversed(message.items())) for message in CHAT["messages"]]
    found = prefix_difference(BEFORE, changed(messages=turned))
    assert found is not None
    assert found.place == "messages[0] (system)"


def test_after_a_compaction_the_first_item_that_went_is_named() -> None:
    found = prefix_difference(json_bytes(body("compact", 2)), json_bytes(body("compact", 3)))
    assert found is not None
    assert found.place


def test_bodies_that_are_no_requests_are_compared_byte_by_byte() -> None:
    found = prefix_difference(b"abc", "abé".encode())
    assert found is not None
    assert (found.offset, found.place, found.was) == (2, "", "c")
    assert prefix_difference(b"\xff{", b"\xff{") is None


def test_broken_bodies_have_a_difference_too() -> None:
    for end in range(0, len(BEFORE), 7):
        found = prefix_difference(BEFORE, BEFORE[:end])
        assert found is not None
        assert found.offset <= end
