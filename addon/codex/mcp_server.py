"""A small MCP server over standard input and output: text, no arguments, a picture, structured content.

Its one argument is the name it goes by, so that two of them can be told apart.
"""

from __future__ import annotations

import base64
import json
import struct
import sys
import zlib
from typing import Any

Json = dict[str, Any]

NAME = sys.argv[1] if len(sys.argv) > 1 else "tiny"
# With the server's name before it this is longer than the 64 characters providers allow.
LONG_NAME = "a_tool_whose_name_is_about_as_long_as_a_name_can_be_here"


def red_square(side: int) -> bytes:
    """A PNG; Codex decodes and re-encodes pictures, so it must be a sound one."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\xff\0\0" * side) * side
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")


PICTURE = base64.b64encode(red_square(16)).decode()
EMPTY: Json = {"type": "object", "properties": {}, "additionalProperties": False}
TOOLS: list[Json] = [
    {
        "name": "echo",
        "description": "Say something back.",
        "inputSchema": {
            "type": "object",
            "properties": {"text": {"type": "string", "description": "What to say."}, "times": {"type": "integer"}},
            "required": ["text"],
        },
    },
    {"name": "ping", "description": "Answer pong. Takes no arguments.", "inputSchema": EMPTY},
    {"name": "pic", "description": "Show a picture.", "inputSchema": EMPTY},
    {"name": LONG_NAME, "description": "The tool with the long name.", "inputSchema": EMPTY},
    {
        "name": "structured",
        "description": "Return structured content.",
        "inputSchema": EMPTY,
        "outputSchema": {"type": "object", "properties": {"answer": {"type": "integer"}}, "required": ["answer"]},
    },
]


def text(value: str) -> Json:
    return {"type": "text", "text": value}


def call(name: str, arguments: Json) -> Json:
    match name:
        case "echo":
            said = " ".join([str(arguments.get("text", ""))] * int(arguments.get("times", 1)))
            return {"content": [text(f"{'' if NAME == 'tiny' else NAME + ' '}echo: {said}")]}
        case "ping":
            return {"content": [text(f"pong with {json.dumps(arguments)}")]}
        case "pic":
            return {"content": [text("a red square"), {"type": "image", "mimeType": "image/png", "data": PICTURE}]}
        case _ if name == LONG_NAME:
            return {"content": [text("the long name was found")]}
        case "structured":
            return {"content": [text('{"answer": 42}')], "structuredContent": {"answer": 42}}
    return {"content": [text(f"no tool {name}")], "isError": True}


def answer(method: str, params: Json) -> Json:
    match method:
        case "initialize":
            return {
                "protocolVersion": params.get("protocolVersion", "2025-06-18"),
                "capabilities": {"tools": {}},
                "serverInfo": {"name": NAME, "version": "1.0.0"},
                "instructions": "Use the tiny tools for testing.",
            }
        case "tools/list":
            return {"tools": TOOLS}
        case "tools/call":
            return call(params.get("name", ""), params.get("arguments") or {})
        case "resources/list":
            return {"resources": []}
        case "resources/templates/list":
            return {"resourceTemplates": []}
    return {}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:  # a notification
            continue
        result = answer(request.get("method", ""), request.get("params") or {})
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)


if __name__ == "__main__":
    main()
