"""What changed between two versions is named, kind by kind, and what the translator does not know is a failure."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from addon import cli
from addon.recording import RecordingError, fixtures
from addon.recording.diff import Change, Difference, compare, find_inventory, table
from addon.recording.inventory import Inventory, add_request

from .sessions import Session, write
from .test_fixtures import mark

Json = dict[str, Any]
PNG = "data:image/png;base64,iVBORw0KGgo="


def inventory(*requests: Json, case: str = "a") -> Inventory:
    found = Inventory()
    for request in requests:
        add_request(found, case, {"model": "m", "input": []} | request)
    return found


def changes(before: Json, after: Json) -> dict[tuple[str, str], str]:
    """kind, name -> new, gone, or the facts that changed; of what is not the same."""
    rows = compare(inventory(before), inventory(after), "A", "B").rows
    return {
        (row.kind, row.name): " ".join(row.signed) or row.change.value for row in rows if row.change is not Change.SAME
    }


def message(role: str, *parts: Json, **fields: Any) -> Json:
    return {"type": "message", "role": role, "content": list(parts), **fields}


def text(words: str, kind: str = "input_text", **fields: Any) -> Json:
    return {"type": kind, "text": words, **fields}


def function(name: str, **properties: Any) -> Json:
    schema = {"type": "object", "properties": properties, "required": ["cmd"]}
    return {"type": "function", "name": name, "parameters": schema}


CALL = {"type": "function_call", "call_id": "a", "namespace": "mcp__tiny", "name": "echo", "arguments": "{}"}
IMAGE = {"type": "input_image", "image_url": PNG}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"instructions": "x"}, {}, {("field", "instructions"): "gone"}),
        ({"parallel_tool_calls": False}, {"parallel_tool_calls": True}, {("field", "parallel_tool_calls"): "+true -false"}),
        ({"prompt_cache_key": "x"}, {"prompt_cache_key": "y"}, {}),
        ({"reasoning": None}, {"reasoning": {"effort": "low"}},
         {("field", "reasoning"): "+object -null", ("reasoning", "effort"): "new"}),
        ({"include": []}, {"include": ["reasoning.encrypted_content"]}, {("include", "reasoning.encrypted_content"): "new"}),
        ({"client_metadata": {"a": "x"}}, {"client_metadata": {"b": "x"}},
         {("client metadata", "a"): "gone", ("client metadata", "b"): "new"}),
        ({"text": {"format": {"type": "json_schema"}}}, {"text": {"verbosity": "low"}},
         {("text", "format"): "gone", ("text", "verbosity"): "new"}),
        ({"input": [message("assistant", text("Hi", "output_text"))]},
         {"input": [message("assistant", text("Hi", "output_text", annotations=[]), id="m", status="completed")]},
         {("item", "message of assistant"): "+id +status", ("part", "output_text in message of assistant"): "+annotations"}),
        ({"input": [message("user", text("<environment_context>"))]}, {"input": [message("developer", text("<tools>"))]},
         {("item", "message of user"): "gone", ("item", "message of developer"): "new",
          ("part", "input_text in message of user"): "gone", ("part", "input_text in message of developer"): "new",
          ("notice", "<environment_context> in message of user"): "gone", ("notice", "<tools> in message of developer"): "new"}),
        ({"input": [CALL, {"type": "function_call_output", "call_id": "a", "output": '[{"type":"text"}]'}]},
         {"input": [CALL, {"type": "function_call_output", "call_id": "a", "output": [text("hi")]}]},
         {("output", "mcp__tiny.echo"): "+list of input_text -JSON text",
          ("part", "input_text in function_call_output"): "new"}),
        ({"input": [message("user", IMAGE)]},
         {"input": [message("user", text('<image name=[Image #1] path="a.png">'), IMAGE | {"detail": "high"}, text("</image>"))]},
         {("part", "input_image in message of user"): "+detail", ("part", "input_text in message of user"): "new",
          ("picture", "in message of user"): "+detail high +in <image> +name= +path= -bare -detail none"}),
        ({"tools": [function("shell", cmd={"type": "array", "items": {"type": "string"}})]},
         {"tools": [function("shell", cmd={"type": "string"}, tty={"enum": ["on", "off"]})]},
         {("tool", "shell"): "+cmd: string +tty?: on|off -cmd: [string]"}),
        ({"tools": [function("mcp__tiny__echo")]},
         {"tools": [{"type": "namespace", "name": "mcp__tiny", "tools": [function("echo")]}, {"type": "web_search"}]},
         {("tool type", "namespace"): "new", ("tool type", "web_search"): "new",
          ("tool", "mcp__tiny__echo"): "gone", ("tool", "mcp__tiny.echo"): "new"}),
        ({}, {"input": [{"type": "tool_search_output", "call_id": "a", "tools": [{"type": "custom", "name": "c"}]}]},
         {("item", "tool_search_output"): "new", ("tool type", "custom"): "new", ("tool", "c"): "new"}),
    ],
)  # fmt: skip
def test_a_change_is_named(before: Json, after: Json, expected: dict[tuple[str, str], str]) -> None:
    assert changes(before, after) == expected


@pytest.mark.parametrize(
    ("request_", "unknown"),
    [
        ({"mood": "good"}, ("field", "mood", "does not know")),
        ({"reasoning": {"temper": "calm"}}, ("reasoning", "temper", "does not know")),
        ({"text": {"font": "serif"}}, ("text", "font", "does not know")),
        ({"text": {"format": {"type": "xml"}}}, ("text", "format", "does not know xml")),
        ({"include": ["everything"]}, ("include", "everything", "does not know")),
        ({"input": [{"type": "hologram"}]}, ("item", "hologram", "does not know")),
        ({"input": [message("narrator")]}, ("item", "message of narrator", "does not know")),
        ({"input": [message("user", mood="good")]}, ("item", "message of user", "does not know mood")),
        ({"input": ["Hi"]}, ("item", "text", "does not know")),
        ({"input": [message("user", {"type": "input_smell"})]}, ("part", "input_smell in message of user", "does not know")),
        ({"tools": [{"type": "psychic", "name": "p"}]}, ("tool type", "psychic", "does not know")),
        ({"tools": [function("f") | {"cost": 1}]}, ("tool type", "function", "does not know cost")),
        ({"tools": ["f"]}, ("tool type", "text", "does not know")),
        ({"previous_response_id": "resp_1"}, ("field", "previous_response_id", "does not know")),
    ],
)  # fmt: skip
def test_what_the_translator_does_not_know_is_named(request_: Json, unknown: tuple[str, str, str]) -> None:
    # It need not be new: nobody may have looked at the version before.
    difference = compare(inventory(request_), inventory(request_), "A", "B")
    assert [(row.kind, row.name, row.knowledge) for row in difference.unknown] == [unknown]


def test_what_is_gone_need_not_be_known() -> None:
    difference = compare(inventory({"mood": "good"}), inventory({}), "A", "B")
    assert (difference.unknown, difference.count(Change.GONE)) == ([], 1)


def test_what_only_other_scenarios_show_is_told_apart() -> None:
    old, new = inventory({"instructions": "x", "store": True}), inventory({"store": True})
    add_request(new, "lite", {"input": [{"type": "additional_tools", "tools": []}], "store": False})
    rows = {(row.kind, row.name): row for row in compare(old, new, "A", "B").rows if row.change is not Change.SAME}
    assert {key: row.elsewhere for key, row in rows.items()} == {
        ("field", "instructions"): (),
        ("field", "store"): ("lite",),
        ("item", "additional_tools"): ("lite",),
    }
    assert "+false (only seen in lite)" in "\n".join(table(Difference("A", "B", list(rows.values())), columns=120))


def test_a_tool_that_a_version_offers_only_on_demand_is_told() -> None:
    offered = {"tools": [function("update_plan")]}
    sides = [inventory(offered, case="text"), inventory({}, case="text")]
    for side in sides:
        add_request(side, "plan", offered)
        add_request(side, "trimmed", offered if side is sides[1] else {})
        side.whole |= {"text", "plan"}
    rows = [row for row in compare(*sides, "A", "B").rows if row.kind == "tool"]
    assert [(row.name, row.signed) for row in rows] == [("update_plan", ("-in text",))]


def test_a_default_that_changed_is_told_though_both_values_are_known() -> None:
    sides = [inventory({"parallel_tool_calls": value}, case="text") for value in (False, True)]
    for side, other in zip(sides, (True, False), strict=True):
        add_request(side, "lite", {"parallel_tool_calls": other})
        side.whole.add("text")
    rows = [row for row in compare(*sides, "A", "B").rows if row.signed]
    assert [(row.name, row.signed) for row in rows] == [("parallel_tool_calls", ("false -> true in text",))]


def test_the_table_fits_its_columns() -> None:
    after = {"tools": [function("a_tool_with_a_name_" * 5, cmd={"enum": list("abcdefgh") * 9})], "store": True}
    difference = compare(inventory({"mood": 1}), inventory(after), "0.107.0", "0.169.0")
    for columns in (80, 120, 200):
        lines = list(table(difference, columns=columns))
        assert max(map(len, lines)) <= columns
        assert lines[0].split() == ["kind", "name", "0.107.0", "0.169.0", "what", "changed", "translator"]
        assert lines[-2:] == [
            "0.107.0 -> 0.169.0: 4 new, 1 gone, 0 changed, 2 same",
            "The translator knows everything that 0.169.0 sends here.",
        ]


def test_the_table_shows_all_when_asked() -> None:
    difference = compare(inventory({"store": True}), inventory({"store": True}), "A", "B")
    assert len(list(table(difference, columns=80))) == 2
    assert "store" in "\n".join(table(difference, columns=80, whole=True))


# --- where it is taken from -------------------------------------------------------------------------------------------


def recording(path: Path, version: str, upload: str = "/v1/responses", **fields: Any) -> Path:
    made = Session(headers={"x-codex-window-id": "w"} if version != "0.98.0" else {}).says("Hi")
    made.receives(b"data: [DONE]\n\n", **fields)
    made.receives(b"data: [DONE]\n\n")
    mark(made, "loop", version)
    made.flows[3].request.path = upload
    if upload != "/v1/responses":  # the relay refuses those and records no turn
        del made.flows[3].metadata["relay"]
    return write(path, made.flows)


def test_flow_files_and_their_fixtures_say_the_same(tmp_path: Path) -> None:
    files = [recording(tmp_path / f"{version}.flow", version, mood=1) for version in ("0.98.0", "0.169.0")]
    list(fixtures.extract_files(files, tmp_path / "out"))
    of_files = compare(*(find_inventory(str(file), tmp_path / "out") for file in files), "A", "B")
    of_versions = compare(*(find_inventory(name, tmp_path / "out") for name in ("0.98.0", "0.169.0")), "A", "B")
    of_folders = compare(
        *(find_inventory(str(tmp_path / "out" / name / "loop"), Path("x")) for name in ("0.98.0", "0.169.0")), "A", "B"
    )
    assert [row for row in of_files.rows if row.kind != "endpoint"] == of_versions.rows == of_folders.rows
    assert [row.name for row in of_versions.rows if row.change is Change.NEW] == ["x-codex-window-id"]
    assert [(row.kind, row.name) for row in of_versions.unknown] == [("field", "mood")]


def test_an_endpoint_that_the_relay_refuses_is_not_known(tmp_path: Path) -> None:
    old, new = (
        recording(tmp_path / "a.flow", "0.98.0"),
        recording(tmp_path / "b.flow", "0.169.0", "/v1/responses/compact?x=1"),
    )
    difference = compare(find_inventory(str(old), tmp_path), find_inventory(str(new), tmp_path), "A", "B")
    assert [row.name for row in difference.unknown] == ["POST /v1/responses/compact"]


def test_texts_that_are_stored_once_are_compared_whole(tmp_path: Path) -> None:
    made = Session().says("<environment_context>" + "x" * 500)
    made.hears("Hi.")
    list(fixtures.extract_file(write(tmp_path / "a.flow", mark(made, "loop").flows), tmp_path / "out"))
    found = find_inventory("0.169.0", tmp_path / "out")
    assert ("notice", "<environment_context> in message of user") in found.entries


def test_what_can_not_be_compared_is_named_with_what_can(tmp_path: Path) -> None:
    list(fixtures.extract_file(recording(tmp_path / "a.flow", "0.98.0"), tmp_path / "out"))
    with pytest.raises(
        RecordingError, match=r"0\.99\.0 is neither a flow file nor a folder nor a version; .*out holds 0\.98\.0"
    ):
        find_inventory("0.99.0", tmp_path / "out")
    with pytest.raises(RecordingError, match="holds no case"):
        find_inventory(str(tmp_path), tmp_path / "out")
    cut = Session().says("Hi")
    cut.hears("Hi.").client.request.content = b'{"model'
    with pytest.raises(RecordingError, match=r"cut\.flow, turn 1: a recorded request is no JSON"):
        find_inventory(str(write(tmp_path / "cut.flow", cut.flows)), tmp_path)
    damaged = recording(tmp_path / "damaged.flow", "0.98.0")
    damaged.write_bytes(damaged.read_bytes() + b"99:x")
    with pytest.raises(RecordingError, match=r"damaged\.flow is damaged"):
        find_inventory(str(damaged), tmp_path)
    shutil.rmtree(tmp_path / "out" / "0.98.0" / "loop" / "turn-1")
    with pytest.raises(RecordingError, match="is not a whole case"):
        find_inventory("0.98.0", tmp_path / "out")


# --- the command ------------------------------------------------------------------------------------------------------


def run(*arguments: object) -> int:
    return cli.main(["fixtures", "diff", *map(str, arguments)])


def test_the_exit_status_tells_whether_the_translator_knows_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = (
        recording(tmp_path / "a.flow", "0.98.0"),
        recording(tmp_path / "b.flow", "0.169.0", input=[{"type": "hologram"}]),
    )
    assert run(old, old) == 0
    assert run(old, new) == 2
    printed = capsys.readouterr().out
    assert "The translator does not know 1 of them: item hologram" in printed
    assert run(old, new, "--json") == 2
    found = json.loads(capsys.readouterr().out)
    assert found["unknown"] == [["item", "hologram", "hologram"]]
    assert {"kind": "header", "name": "x-codex-window-id", "a": None, "b": [], "change": "new"}.items() <= found[
        "rows"
    ][0].items()
    assert run(old, tmp_path / "none.flow") == 1
    assert "none.flow is neither a flow file" in capsys.readouterr().err


def test_names_of_a_stranger_stay_on_their_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = recording(tmp_path / "a.flow", "0.98.0", **{"a\n\x1b[2Jb" * 99: 1})
    assert run(odd, odd) == 2
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert max(map(len, printed.splitlines()[:-1])) <= 120
