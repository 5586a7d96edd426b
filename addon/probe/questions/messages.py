"""Roles, their order, and what content may be."""

from __future__ import annotations

import base64
import struct
import zlib

from addon.probe.question import (
    BE_BRIEF,
    SAY_OK,
    Json,
    Known,
    Question,
    Verdict,
    before_last,
    last,
    lead,
    offer_lookup,
)
from addon.probe.reply import Reply

_SIDE = 32  # pixels; some endpoints refuse pictures of fewer than 512 in all


def picture() -> str:
    """A small red PNG as a data URL."""
    row = b"\0" + b"\xff\0\0" * _SIDE

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row * _SIDE)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + parts).decode()


def _developer(body: Json, _: Known) -> None:
    found = lead(body)
    if found:
        found[0]["role"] = "developer"
    else:
        body["messages"].insert(0, {"role": "developer", "content": BE_BRIEF})


def _several_systems(body: Json, _: Known) -> None:
    body["messages"].insert(1, {"role": "system", "content": "Be polite."})


def _late_system(body: Json, _: Known) -> None:
    said = {"role": "assistant", "content": "Hello."}
    before_last(body, {"role": "user", "content": "Hi."}, said, {"role": "system", "content": "Be polite."})


def _two_users(body: Json, _: Known) -> None:
    before_last(body, {"role": "user", "content": "Hi."})


def _parts(body: Json, _: Known) -> None:
    last(body)["content"] = [{"type": "text", "text": SAY_OK}]


def _picture(body: Json, _: Known) -> None:
    asked = {"type": "text", "text": "Which colour has this picture? One word."}
    last(body)["content"] = [asked, {"type": "image_url", "image_url": {"url": picture()}}]


def _seen(reply: Reply, _: Known) -> Verdict:
    seen = "red" in reply.text.lower()
    return Verdict("yes", "and named its colour" if seen else "whether the model saw it does not show", seen)


def _tool_picture(body: Json, known: Known) -> None:
    offer_lookup(body)
    content = [{"type": "text", "text": "Found."}, {"type": "image_url", "image_url": {"url": picture()}}]
    body["messages"] += [known.made_up("probe0090"), {"role": "tool", "tool_call_id": "probe0090", "content": content}]


ALL = (
    Question(name="developer", asks="the role developer", add=_developer, together="roles and order"),
    Question(name="several_systems", asks="several system messages", add=_several_systems, together="roles and order",
             when=lambda known: known.lead),
    Question(name="late_system", asks="a system message in mid-conversation", add=_late_system,
             together="roles and order", when=lambda known: known.lead),
    Question(name="users_in_a_row", asks="user messages in a row", add=_two_users, together="roles and order"),
    Question(name="parts", asks="text as a list of parts", add=_parts, together="roles and order"),
)  # fmt: skip

PICTURES = (
    Question(name="images", asks="an image in a user message", add=_picture, judge=_seen),
    Question(
        name="tool_images",
        asks="an image in a tool result (the relay moves it to a user message)",
        add=_tool_picture,
        when=lambda known: known.answer("images") == "yes" and known.can_tell_of_calls,
    ),
)
