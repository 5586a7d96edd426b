"""The corpus: each turn's new messages, and each conversation once when its lines are put together."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from addon.corpus import Corpus, parse
from addon.recording.answer import answer_items
from addon.recording.conversations import growing
from addon.recording.flows import RecordedTurn, open_recording
from addon.recording.scrub import Scrubber
from addon.scripted.chunks import Call
from relay_translate.event_stream import EventStreamDecoder
from tests.recording.sessions import TOOLS, Session

Json = dict[str, Any]
RECORDINGS = Path(__file__).resolve().parents[2] / "recordings"
LOOK = Call.of("exec_command", {"cmd": "ls"}, "call_1")
DAY = 86400.0


def opened(folder: Path, clock: Any = lambda: 1_780_000_000.0, **scrubbing: Any) -> Corpus:
    corpus = Corpus(clock)
    corpus.configure(folder, Scrubber(**scrubbing))
    return corpus


def response(turn: RecordedTurn) -> Json:
    """The Response object at the end of the client's stream."""
    assert turn.client.response
    decoder = EventStreamDecoder()
    events = [*decoder.receive(turn.client.response.content or b""), *decoder.finish()]
    found: Json = json.loads(events[-1])["response"]
    return found


def write(corpus: Corpus, *turns: RecordedTurn) -> None:
    for turn in turns:
        corpus.add(turn.client, response(turn))


def lines(folder: Path) -> list[Json]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def folded(records: Iterable[Json]) -> Iterator[list[Json]]:
    """As README says: the messages of all lines with one `conversation_id`."""
    found = sorted(records, key=lambda record: str(record["conversation_id"]))
    for _, group in groupby(found, key=lambda record: record["conversation_id"]):
        yield [message for record in group for message in record["messages"]]


def outline(messages: Iterable[Json]) -> str:
    """s, u, a (A with reasoning), t; a dot for each call."""
    return "".join(
        (letter.upper() if message.get("reasoning_content") else letter) + "." * len(message.get("tool_calls", []))
        for message in messages
        for letter in message["role"][0]
    )


def test_each_line_holds_what_is_new(tmp_path: Path) -> None:
    corpus, session = opened(tmp_path), Session()
    write(corpus, session.says("look").hears("I look.", calls=[LOOK], reasoning="Hm."), session.ran("a").hears("One."))
    write(corpus, session.says("more").hears("Two."))
    first, second, third = lines(tmp_path)
    assert [outline(line["messages"]) for line in (first, second, third)] == ["suA.", "ta", "ua"]
    assert first["conversation_id"] == first["response_id"] == second["parent_response_id"]
    assert (first["parent_response_id"], third["parent_response_id"]) == (None, second["response_id"])
    assert {line["conversation_id"] for line in lines(tmp_path)} == {first["response_id"]}
    assert (first["timestamp_unix_ms"], first["model"], first["thread"]) == (
        1_780_000_000_000,
        "scripted-model",
        "thread-1",
    )
    assert [tool["function"]["name"] for tool in first["tools"]] == ["exec_command"]
    assert "tools" not in second | third


def test_tools_are_told_again_when_they_change(tmp_path: Path) -> None:
    corpus, session = opened(tmp_path), Session()
    write(corpus, session.says("one").hears("1"))
    session.tools = [TOOLS[0] | {"name": "other"}]
    write(corpus, session.says("two").hears("2"), session.says("three").hears("3"))
    assert [len(line.get("tools", [])) for line in lines(tmp_path)] == [1, 1, 0]


@pytest.mark.parametrize("version", ["0.169.0", "0.107.0", "0.58.0"])
def test_the_lines_of_a_real_session_are_its_conversations(tmp_path: Path, version: str) -> None:
    corpus, last = opened(tmp_path), {}
    for turn in open_recording(RECORDINGS / f"codex-{version}.flow").turns():
        if turn.case.get("name") in ("reasoning", "parallel", "resume") and turn.facts["status"] == "completed":
            write(corpus, turn)
            last[turn.case["name"], turn.thread] = growing(turn.request, answer_items(turn)).messages
    found = list(folded(lines(tmp_path)))
    assert len(found) == len(last) >= 2
    for whole in last.values():
        assert json.loads(Scrubber().text(json.dumps(whole))) in found


def test_a_compaction_begins_a_conversation_that_names_where_it_came_from(tmp_path: Path) -> None:
    corpus = opened(tmp_path)
    for turn in open_recording(RECORDINGS / "codex-0.169.0.flow").turns():
        if turn.case.get("name") == "compact":
            write(corpus, turn)
    *before, after = lines(tmp_path)
    assert sorted(outline(messages) for messages in folded(lines(tmp_path))) == ["suuA.tua", "suuua"]
    assert after["conversation_id"] == after["response_id"] != before[-1]["conversation_id"]
    assert after["parent_response_id"] == before[-1]["response_id"]


def test_a_history_that_was_cut_back_is_a_conversation_of_its_own(tmp_path: Path) -> None:
    corpus, session = opened(tmp_path), Session()
    write(corpus, session.says("hello").hears("Hello."))
    kept = list(session.history)
    write(corpus, session.says("left").hears("Left."))
    session.history = kept
    write(corpus, session.says("right").hears("Right."), session.says("on").hears("On."))
    left, right = folded(lines(tmp_path))
    assert (outline(left), outline(right)) == ("suaua", "suauaua")
    assert (left[3]["content"], right[3]["content"]) == ("left", "right")
    assert lines(tmp_path)[2]["parent_response_id"] == lines(tmp_path)[1]["response_id"]


def test_a_failed_turn_is_left_out_and_what_was_asked_is_not_lost(tmp_path: Path) -> None:
    corpus, session = opened(tmp_path), Session()
    write(corpus, session.says("one").hears("1"))
    write(corpus, session.says("two").receives(b'{"error": {"message": "no"}}', 400))
    write(corpus, session.hears("2, cut", cut=2))
    write(corpus, session.says("three").hears("3"))
    assert [outline(line["messages"]) for line in lines(tmp_path)] == ["sua", "uua"]


def test_threads_stay_apart_and_a_sub_agent_takes_nothing_from_its_parent(tmp_path: Path) -> None:
    corpus, parent, other = opened(tmp_path), Session(thread="parent"), Session(thread="other")
    write(corpus, parent.says("hello").hears("Hello."), other.says("hello").hears("Hello."))
    child = Session(thread="child", headers={"x-openai-subagent": "collab_spawn"}, history=list(parent.history))
    write(corpus, child.says("task").hears("Done."))
    write(corpus, parent.says("more").hears("More."), other.says("else").hears("Else."))
    found = lines(tmp_path)
    assert [(line["thread"], outline(line["messages"])) for line in found] == [
        ("parent", "sua"), ("other", "sua"), ("child", "suaua"), ("parent", "ua"), ("other", "ua"),
    ]  # fmt: skip
    assert found[2]["kind"] == "collab_spawn"
    assert len({line["conversation_id"] for line in found}) == 3


def test_a_conversation_goes_on_after_a_restart_and_over_midnight(tmp_path: Path) -> None:
    now, session = 1_780_000_000.0, Session(thread="01234567-89ab-4cde-8f01-23456789abcd")
    write(
        opened(tmp_path, lambda: now), session.says("one").hears("1", reasoning="Hm."), session.says("two").hears("2")
    )
    (tmp_path / "corpus-2020-01-01.jsonl").write_bytes(b'{"digest":"\n[]\nnonsense\n')
    write(opened(tmp_path, lambda: now + DAY), session.says("three").hears("3"))
    (tmp_path / "corpus-2020-01-01.jsonl").unlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus-2026-05-28.jsonl", "corpus-2026-05-29.jsonl"]
    (whole,) = folded(lines(tmp_path))
    assert outline(whole) == "suAuaua"


def test_private_things_are_scrubbed_and_conversations_still_found(tmp_path: Path) -> None:
    corpus = opened(tmp_path, words=["jane-doe"], secrets={"a-key-of-somebodys"})
    session = Session()
    write(corpus, session.says("I am jane-doe, in /home/jane, with a-key-of-somebodys").hears("Hello, jane-doe."))
    write(corpus, session.says("more").hears("More."))
    text = b"".join(path.read_bytes() for path in tmp_path.iterdir()).decode()
    assert "jane" not in text and "somebodys" not in text
    assert [outline(line["messages"]) for line in lines(tmp_path)] == ["sua", "ua"]


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "corpus"
    write(opened(folder), Session().says("hello").hears("Hello."))
    (file,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_turn_that_could_not_be_written_comes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    corpus, session = opened(tmp_path), Session()
    write(corpus, session.says("one").hears("1"))
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[: len(data) // 2]))
    with caplog.at_level(logging.ERROR):
        write(corpus, session.says("two").hears("2"))
    assert f"a turn is missing in the corpus {tmp_path}: no room for" in caplog.text
    assert len(lines(tmp_path)) == 1, "half a line is taken back"
    monkeypatch.undo()
    write(corpus, session.says("three").hears("3"))
    assert [outline(line["messages"]) for line in lines(tmp_path)] == ["sua", "uaua"]


def test_half_a_line_of_a_killed_relay_spoils_no_other(tmp_path: Path) -> None:
    corpus = opened(tmp_path)
    (tmp_path / "corpus-2026-05-28.jsonl").write_bytes(b'{"conversation_id":"resp')
    write(corpus, Session().says("hello").hears("Hello."))
    half, whole = (tmp_path / "corpus-2026-05-28.jsonl").read_bytes().splitlines()
    assert half == b'{"conversation_id":"resp' and json.loads(whole)["messages"]


def test_the_folder_of_the_option_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match=r"^relay_corpus='.*': the folder can't be written: .*$"):
            opened(folder)
    assert (parse(" "), parse(" ~/corpus ")) == (None, Path.home() / "corpus")
