"""The client the demo uses where Codex is not installed: it asks as Codex asks, and executes nothing.

The outputs it sends back for tool calls are those of the recording.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

INSTRUCTIONS = "You are a coding agent in a terminal. Use the tools to work in the workspace, then report briefly."
ENVIRONMENT = "<environment_context>\n  <cwd>workspace</cwd>\n  <shell>bash</shell>\n</environment_context>"
TOOLS: list[Json] = [
    {
        "type": "function",
        "name": "exec_command",
        "description": "Runs a command in a shell and returns what it printed.",
        "strict": False,
        "parameters": {
            "type": "object",
            "properties": {"cmd": {"type": "string"}, "workdir": {"type": "string"}},
            "required": ["cmd"],
            "additionalProperties": False,
        },
    },
    {
        "type": "custom",
        "name": "apply_patch",
        "description": "Applies a patch to files. This is a FREEFORM tool, so do not wrap the patch in JSON.",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: /(.|\\n)+/"},
    },
]
OUTPUT_OF = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}


class ClientError(Exception):
    """The turn did not come to its end; the text is for the user."""


def message(role: str, text: str) -> Json:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def turns(port: int, model: str, prompt: str, outputs: Mapping[str, str], limit: int) -> Iterator[list[Json]]:
    """One conversation through the relay at `port`; yields the finished items of each answer. Raises ClientError."""
    history = [message("developer", INSTRUCTIONS), message("user", ENVIRONMENT), message("user", prompt)]
    for _ in range(limit):
        items = ask(port, model, history)
        yield items
        answers = [
            {"type": OUTPUT_OF[item["type"]], "call_id": item["call_id"], "output": outputs.get(item["call_id"], "ok")}
            for item in items
            if item.get("type") in OUTPUT_OF
        ]
        if not answers:
            return
        history += [*items, *answers]
    raise ClientError(f"The conversation did not end within {limit} turns.")


def ask(port: int, model: str, history: list[Json]) -> list[Json]:
    body = {
        "model": model,
        "input": history,
        "tools": TOOLS,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "stream": True,
    }
    headers = {
        "authorization": "Bearer demo",
        "accept": "text/event-stream",
        "content-type": "application/json",
        "originator": "codex_relay_demo",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/v1/responses", json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise ClientError(f"The relay broke off: {error}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise ClientError(f"The relay answered {answer.status}: {text[:300]}")
    return finished_items(text)


def finished_items(stream: str) -> list[Json]:
    """The items of a whole event stream; a stream that failed or never ended is an error."""
    events = [json.loads(line[5:]) for line in stream.splitlines() if line.startswith("data:") and "{" in line]
    kinds = {event.get("type"): event for event in events}
    if failed := kinds.get("response.failed"):
        raise ClientError(f"The relay reports: {(failed['response'].get('error') or {}).get('message')}")
    if "response.completed" not in kinds:
        raise ClientError("The stream ended without response.completed.")
    return [event["item"] for event in events if event.get("type") == "response.output_item.done"]
