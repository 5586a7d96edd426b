"""The tables of the known wire agree with the translator: what they list is taken, what they do not list is noted, and
nothing is read that they do not list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from relay_translate import TranslationError, translate_request
from relay_translate import responses_api as known
from relay_translate.reasoning import seal_summary

from .items import PNG, called, custom, output, said

Json = dict[str, Any]
SUMMARY = seal_summary("We were here.")
ITEMS: dict[str, list[Json]] = {
    "message": [said("user", "Hi"), said("assistant", "Hi"), said("developer", "Hi"), said("system", "Hi")],
    "agent_message": [{"author": "/root", "recipient": "/root/a", "content": [{"type": "input_text", "text": "Go"}]}],
    "reasoning": [{"summary": [], "content": None, "encrypted_content": None}],
    "function_call": [called("a", namespace="n")],
    "function_call_output": [output("a"), {"namespace": "agent", "name": "goal", "output": "x"}],
    "custom_tool_call": [custom("a", "x", namespace="n")],
    "custom_tool_call_output": [{"call_id": "a", "name": "exec", "output": "x"}],
    "tool_search_call": [{"call_id": "a", "execution": "client", "arguments": {"query": "x"}}],
    "tool_search_output": [{"call_id": "a", "execution": "client", "tools": []}],
    "local_shell_call": [{"call_id": "a", "action": {"type": "exec", "command": ["ls"]}}],
    "local_shell_call_output": [{"call_id": "a", "output": "x"}],
    "web_search_call": [{"action": {"type": "search", "query": "x"}}],
    "image_generation_call": [{"revised_prompt": "x", "result": "aaaa"}],
    "additional_tools": [{"role": "developer", "tools": [{"type": "function", "name": "f"}]}],
    "compaction": [{"encrypted_content": SUMMARY}],
    "compaction_summary": [{"encrypted_content": SUMMARY}],
    "context_compaction": [{"encrypted_content": SUMMARY}],
    "compaction_trigger": [{}],
}
PARTS: dict[str, Json] = {
    "refusal": {"refusal": "No."},
    "encrypted_content": {"encrypted_content": "Go"},
    "input_image": {"image_url": PNG, "detail": "high"},
    "image_url": {"image_url": {"url": PNG, "detail": "low"}},
}
TOOLS: dict[str, Json] = {
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
    "custom": {"name": "c", "description": "d", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
    "namespace": {"name": "n", "description": "d", "tools": [{"type": "function", "name": "g"}]},
    "tool_search": {"execution": "client", "description": "d", "parameters": {"type": "object"}},
    "local_shell": {},
}


class Watched(dict):
    """A JSON object that remembers which of its fields were asked for."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.read.add(str(key))
        return super().__contains__(key)


def notes(**fields: Any) -> str:
    return "\n".join(translate_request({"model": "m", "stream": True, "input": "Hi"} | fields).notes)


def item_of(kind: str) -> Iterator[Json]:
    yield from ({"type": kind, **item} for item in ITEMS[kind])


def part_of(kind: str) -> Json:
    return {"type": kind, **PARTS.get(kind, {"text": "Hi"})}


def test_every_listed_type_is_tried() -> None:
    assert ITEMS.keys() == known.ITEM_FIELDS.keys()
    assert TOOLS.keys() == known.TOOL_FIELDS.keys()
    assert PARTS.keys() <= known.PART_FIELDS.keys()


@pytest.mark.parametrize("kind", known.ITEM_FIELDS)
def test_a_listed_item_is_known(kind: str) -> None:
    for item in item_of(kind):
        watched = Watched(item)
        assert "unknown" not in notes(input=[said("user", "Hi"), watched])
        # Whatever the type, the role tells the age of the wire, and content is checked.
        assert watched.read <= known.ITEM_FIELDS[kind] | {"role", "content"}


@pytest.mark.parametrize("kind", known.PART_FIELDS)
@pytest.mark.parametrize("holder", ["message", "function_call_output"])
def test_a_listed_part_is_taken(kind: str, holder: str) -> None:
    watched = Watched(part_of(kind))
    place = {"role": "user", "content": [watched]} if holder == "message" else {"call_id": "a", "output": [watched]}
    assert "content:" not in notes(input=[called("a"), {"type": holder, **place}])
    # Other APIs name the file of a part in more ways; those are looked for only when a part is left out.
    assert watched.read <= known.PART_FIELDS[kind]


@pytest.mark.parametrize("kind", known.TOOL_FIELDS)
def test_a_listed_tool_is_offered(kind: str) -> None:
    watched = Watched({"type": kind, **TOOLS[kind]})
    made = translate_request({"model": "m", "input": "Hi", "tools": [watched]})
    assert (len(made.body["tools"]), made.notes) == (1, ())
    # A tool's `name` is looked for whatever its type.
    assert watched.read <= known.TOOL_FIELDS[kind] | {"name"}


@pytest.mark.parametrize("kind", known.HOSTED_TOOLS)
def test_a_hosted_tool_is_left_out_on_purpose(kind: str) -> None:
    assert notes(tools=[{"type": kind}]) in (
        f"tools: {kind} runs only at OpenAI and was left out",
        "tools: web_search was left out, the provider has none on this wire",
    )


def test_no_field_is_read_that_is_not_listed() -> None:
    request = Watched(model="m", input="Hi", stream=True, tools=[{"type": "function", "name": "f"}])
    translate_request(request)
    refused = {name for name in request.read if is_refused(name)}
    assert refused == {"previous_response_id", "conversation", "prompt", "background"}
    assert request.read - refused <= known.REQUEST_FIELDS


def is_refused(name: str) -> bool:
    try:
        notes(**{name: VALUES.get(name, 1)})
    except TranslationError as error:
        return "keeps no state" in str(error)
    return False


VALUES: dict[str, Any] = {
    "model": "m", "input": "Hi", "stream": True, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True,
    "reasoning": {}, "text": {}, "instructions": "Hi", "stop": "x",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(known.REQUEST_FIELDS))
def test_a_listed_field_is_known(name: str) -> None:
    assert "unknown" not in notes(**{name: VALUES.get(name, 1)})


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        (
            {"input": [said("user", "Hi"), {"type": "hologram"}]},
            "input: an item of the unknown type hologram was left out",
        ),
        ({"input": [{"type": "hologram", "content": "Hi"}]}, "input: the unknown item type hologram became user text"),
        ({"input": [said("narrator", "Hi")]}, "input: a message of an unknown role became the user's"),
        ({"input": [{"role": "user", "content": [{"type": "input_smell"}]}]}, "content: input_smell became a note"),
        ({"tools": [{"type": "psychic", "name": "p"}]}, "tools: p of the unknown type 'psychic' was left out"),
        ({"mood": "good"}, "mood: an unknown field was left out"),
    ],
)
def test_what_is_not_listed_is_noted(fields: Json, note: str) -> None:
    assert note in notes(**fields)


def test_an_unknown_field_without_a_value_says_nothing() -> None:
    assert notes(mood=None) == ""


def test_listed_words_are_read_or_left_alone() -> None:
    reasoning, text = Watched(effort="low"), Watched(verbosity="low", format={"type": "json_object"})
    translate_request({"model": "m", "input": "Hi", "reasoning": reasoning, "text": text})
    assert reasoning.read <= known.REASONING_FIELDS
    assert text.read <= known.TEXT_FIELDS
