"""What `codex exec --json` prints, in one form: that of today's versions, which 0.40 does not know yet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def read_events(stdout: str) -> tuple[Json, ...]:
    """The events of a run, in order; lines that are none are passed over."""
    lines = [value for line in stdout.splitlines() if isinstance(value := _json(line), dict)]
    if any("msg" in line for line in lines) and not any("type" in line for line in lines):
        return tuple(_modern(lines))
    return tuple(lines)


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _modern(lines: list[Json]) -> Iterator[Json]:
    """0.40 prints `{"id": …, "msg": {"type": …}}`, and nothing at the end of a turn: one without an error went well."""
    usage: Json = {}
    failed = ""
    for message in (line["msg"] for line in lines if isinstance(line.get("msg"), dict)):
        match message.get("type"):
            case "agent_message":
                yield _item("agent_message", message.get("message"))
            case "agent_reasoning":
                yield _item("reasoning", message.get("text"))
            case "token_count":
                usage = (message.get("info") or {}).get("total_token_usage") or usage
            case "mcp_tool_call_end":
                yield _mcp_call(message)
            case "stream_error":
                yield {"type": "error", "message": str(message.get("message"))}
            case "error":
                failed = str(message.get("message"))
                yield {"type": "error", "message": failed}
    if failed:
        yield {"type": "turn.failed", "error": {"message": failed}}
    else:
        yield {"type": "turn.completed", "usage": usage}


def _item(kind: str, text: object) -> Json:
    return {"type": "item.completed", "item": {"type": kind, "text": str(text)}}


def _mcp_call(message: Json) -> Json:
    called, result = message.get("invocation") or {}, message.get("result") or {}
    status = "completed" if "Ok" in result else "failed"
    facts = {"server": called.get("server"), "tool": called.get("tool"), "status": status}
    return {"type": "item.completed", "item": {"type": "mcp_tool_call", **facts}}
