"""What `codex exec --json` of 0.40 prints, read as today's versions print it."""

from __future__ import annotations

import json

from addon.codex.events import read_events


def printed(*messages: dict[str, object]) -> str:
    lines = [{"provider": "relay", "model": "m"}, {"prompt": "go"}, *({"id": "0", "msg": one} for one in messages)]
    return "\n".join(json.dumps(line) for line in lines)


def test_a_turn_that_went_well() -> None:
    usage = {"input_tokens": 5}
    text = printed(
        {"type": "task_started"},
        {"type": "agent_reasoning", "text": "Hm."},
        {"type": "mcp_tool_call_end", "invocation": {"server": "s", "tool": "t"}, "result": {"Ok": {}}},
        {"type": "agent_message", "message": "Done."},
        {"type": "token_count", "info": {"total_token_usage": usage}},
    )
    assert read_events(text) == (
        {"type": "item.completed", "item": {"type": "reasoning", "text": "Hm."}},
        {
            "type": "item.completed",
            "item": {"type": "mcp_tool_call", "server": "s", "tool": "t", "status": "completed"},
        },
        {"type": "item.completed", "item": {"type": "agent_message", "text": "Done."}},
        {"type": "turn.completed", "usage": usage},
    )


def test_a_turn_that_failed() -> None:
    text = printed({"type": "stream_error", "message": "again"}, {"type": "error", "message": "bad"})
    assert [event["type"] for event in read_events(text)] == ["error", "error", "turn.failed"]


def test_todays_lines_are_taken_as_they_are() -> None:
    event = {"type": "turn.completed", "usage": {}}
    assert read_events(f"a line of a log\n{json.dumps(event)}\n") == (event,)
