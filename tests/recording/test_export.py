"""Exports: each conversation once, whole, and as anybody's messages."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from openai.types.chat import ChatCompletionMessageParam
from pydantic import TypeAdapter

from addon.recording import RecordingError
from addon.recording.export import Export, Exported
from addon.recording.flows import open_recording
from addon.recording.scrub import Scrubber
from addon.scripted.chunks import Call
from addon.scripted.replies import answer
from tests.bench.large_recording import make
from tests.recording.sessions import Session, write

Json = dict[str, Any]
RECORDINGS = Path(__file__).resolve().parents[2] / "recordings"
MESSAGES = TypeAdapter(list[ChatCompletionMessageParam])
LOOK = Call.of("exec_command", {"cmd": "ls"}, "call_1")


def exported(paths: Sequence[Path], **options: Any) -> tuple[list[Json], Exported, list[str]]:
    out, said = io.BytesIO(), []
    done = Export(paths, Scrubber(), say=said.append, **options).write(out)
    return [json.loads(line) for line in out.getvalue().splitlines()], done, said


def conversations(*paths: Path, **options: Any) -> list[Json]:
    return exported(paths, **options)[0]


def outline(conversation: Json) -> str:
    """A letter for each message: s, u, a (A with reasoning), t; a call is a dot behind its message."""
    letters = []
    for message in conversation["messages"]:
        letter = message["role"][0]
        letters.append(letter.upper() if message.get("reasoning_content") else letter)
        letters.append("." * len(message.get("tool_calls", [])))
    return "".join(letters)


def case(tmp_path: Path, name: str, version: str = "0.169.0") -> Path:
    """A recording of one of the committed scenarios."""
    flows: list[http.HTTPFlow] = []
    for turn in open_recording(RECORDINGS / f"codex-{version}.flow").turns():
        if turn.case.get("name") == name and turn.upstream:
            flows += [turn.upstream, turn.client]
    assert flows
    return write(tmp_path / f"{name}.flow", flows)


# --- each conversation once -------------------------------------------------------------------------------------------


def test_four_turns_are_one_conversation(tmp_path: Path) -> None:
    (one,) = conversations(case(tmp_path, "reasoning"))
    assert outline(one) == "suA.tA.tAuA"
    assert (one["turns"], one["status"], one["codex"], one["kind"]) == (4, "completed", "0.169.0", "user")
    assert one["messages"][2]["tool_calls"][0]["id"] == one["messages"][3]["tool_call_id"]
    assert "exec_command" in {tool["function"]["name"] for tool in one["tools"]}
    first = open_recording(tmp_path / "reasoning.flow").turn(0).client.request.timestamp_start
    assert datetime.fromisoformat(one["started"]).timestamp() == int(first)


@pytest.mark.parametrize("version", ["0.58.0", "0.107.0", "0.150.0"])
def test_clients_without_item_ids_have_one_conversation_too(tmp_path: Path, version: str) -> None:
    (one,) = conversations(case(tmp_path, "parallel", version))
    assert outline(one) == "suA..tta"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("compact", "Another language model started to solve this problem"),  # Codex's words before the summary
        ("compact-trigger", "SUMMARY: the work is half done."),
    ],
)
def test_a_compaction_ends_one_conversation_and_begins_another(tmp_path: Path, name: str, told: str) -> None:
    before, after = conversations(case(tmp_path, name))
    assert outline(before) == "suA.tua"
    assert before["messages"][-1]["content"] == "SUMMARY: the work is half done."
    assert before["tools"] == after["tools"], "a compaction offers no tools, the conversation before it did"
    assert told in json.dumps(after["messages"][1])
    assert outline(after) == "sua"


def test_a_sub_agent_is_a_conversation_of_its_own(tmp_path: Path) -> None:
    parent, child = conversations(case(tmp_path, "subagent"))
    assert (child["kind"], child["turns"]) == ("subagent", 1)
    assert (parent["kind"], parent["turns"]) == ("user", 3)


def test_conversations_side_by_side_and_in_several_files_stay_apart(tmp_path: Path) -> None:
    one, two = Session(thread="one"), Session(thread="two", headers={"x-openai-subagent": "review"})
    for number in range(3):
        one.says(f"one, {number}").hears(f"first {number}")
        two.says(f"two, {number}").hears(f"second {number}")
    mixed = [flow for pair in zip(one.flows, two.flows, strict=True) for flow in pair]
    files = write(tmp_path / "a.flow", mixed[:6]), write(tmp_path / "b.flow", mixed[6:])
    found = conversations(*files)
    assert [(c["thread"], c["kind"], outline(c)) for c in found] == [
        ("one", "", "suauaua"), ("two", "review", "suauaua"),
    ]  # fmt: skip
    assert found[0]["started"] < found[1]["started"], "a conversation started with its first turn"


def test_the_same_words_in_two_threads_are_two_conversations(tmp_path: Path) -> None:
    flows = []
    for thread in ("one", "two"):
        session = Session(thread=thread)
        session.says("hello").hears("Hello.")
        flows += session.flows
    assert [c["thread"] for c in conversations(write(tmp_path / "a.flow", flows))] == ["one", "two"]


def test_a_thread_that_goes_on_under_another_name_is_one_conversation(tmp_path: Path) -> None:
    session = Session(thread="before")
    session.says("hello").hears("Hello.")
    session.thread = "resumed"
    session.says("more").hears("More.")
    (one,) = conversations(write(tmp_path / "a.flow", session.flows))
    assert (one["thread"], outline(one)) == ("resumed", "suaua")


def test_a_history_that_was_cut_back_leaves_both_conversations(tmp_path: Path) -> None:
    session = Session()
    session.says("hello").hears("Hello.")
    kept = list(session.history)
    session.says("wrong question").hears("Wrong answer.")
    session.history[:] = kept
    session.says("right question").hears("Right answer.")
    found = conversations(write(tmp_path / "a.flow", session.flows))
    assert [c["messages"][-1]["content"] for c in found] == ["Wrong answer.", "Right answer."]


def test_an_answer_that_the_client_rewords_is_there_once(tmp_path: Path) -> None:
    session = Session()
    session.says("hello").hears("Hello <cite>1</cite>.")
    session.history[-1]["content"][0]["text"] = "Hello."
    session.says("more").hears("More.")
    (one,) = conversations(write(tmp_path / "a.flow", session.flows))
    assert [m["content"] for m in one["messages"] if m["role"] == "assistant"] == ["Hello.", "More."]


def test_a_file_given_twice_changes_nothing(tmp_path: Path) -> None:
    file = case(tmp_path, "reasoning")
    assert conversations(file, file) == conversations(file)


# --- turns that failed ------------------------------------------------------------------------------------------------


def test_retries_of_a_request_are_one_conversation(tmp_path: Path) -> None:
    session = Session().says("hello")
    session.receives(b'{"error": {"message": "too many"}}', 429)
    session.hears("A sentence that is cut.", cut=3)
    session.hears("A sentence that is whole.")
    session.says("more").hears("More.")
    (one,) = conversations(write(tmp_path / "a.flow", session.flows))
    assert [m["content"] for m in one["messages"][1:]] == ["hello", "A sentence that is whole.", "more", "More."]


def test_a_client_without_threads_retries_too(tmp_path: Path) -> None:
    session = Session(thread="").says("hello")
    session.hears("A sentence that is cut.", cut=3)
    session.hears("A sentence that is whole.")
    assert [outline(c) for c in conversations(write(tmp_path / "a.flow", session.flows))] == ["sua"]


def test_going_on_after_a_failure_is_the_same_conversation(tmp_path: Path) -> None:
    session = Session().says("hello")
    session.receives(b'{"error": {"message": "too many"}}', 429)
    session.says("are you there?").hears("Yes.")
    (one,) = conversations(write(tmp_path / "a.flow", session.flows))
    assert outline(one) == "sua", "users in a row are one message, as every server takes it"
    assert one["messages"][1]["content"] == "hello\n\nare you there?"


def test_a_finished_answer_stays_when_the_same_was_asked_again(tmp_path: Path) -> None:
    for thread in ("", "thread-1"):
        session = Session(thread=thread).says("toss a coin")
        for side in ("Heads.", "Tails."):
            session.hears(side)
            session.history.pop()
        found = conversations(write(tmp_path / "a.flow", session.flows))
        assert [c["messages"][-1]["content"] for c in found] == ["Heads.", "Tails."]


def test_a_last_turn_that_failed_is_kept_as_far_as_it_came(tmp_path: Path) -> None:
    session = Session()
    session.says("hello").hears("Hello.")
    session.says("and now?").hears("A sentence that is cut.", cut=3)
    (one,) = conversations(write(tmp_path / "a.flow", session.flows))
    assert (one["status"], outline(one)) == ("failed", "suaua")
    assert "A sentence that is cut.".startswith(one["messages"][-1]["content"])
    assert one["messages"][-1]["content"]


def test_a_request_that_nobody_answered_is_counted(tmp_path: Path) -> None:
    session = Session().says("hello")
    session.receives(b'{"error": {"message": "no"}}', 400)
    file = write(tmp_path / "a.flow", session.flows)
    found, done, _ = exported([file])
    assert (found, done.short) == ([], 1)
    (one,) = conversations(file, min_turns=0)
    assert (outline(one), one["status"], one["turns"]) == ("su", "failed", 0)


def test_short_conversations_can_be_left_out(tmp_path: Path) -> None:
    long, short = Session(thread="long"), Session(thread="short")
    long.says("one").hears("1")
    short.says("one").hears("1")
    long.says("two").hears("2")
    found, done, _ = exported([write(tmp_path / "a.flow", long.flows, short.flows)], min_turns=2)
    assert ([c["thread"] for c in found], done.short) == (["long"], 1)


# --- what is in them --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.flow")), ids=lambda path: path.name)
def test_messages_are_what_the_api_takes(path: Path) -> None:
    found = conversations(path)
    assert found
    for one in found:
        MESSAGES.validate_python(one["messages"])
        asked: list[str] = []
        for message in one["messages"]:
            if message["role"] == "tool":
                asked.remove(message["tool_call_id"])
            else:
                assert not asked, "each call is answered before anything else is said"
                asked = [call["id"] for call in message.get("tool_calls", [])]
        for call in (call for message in one["messages"] for call in message.get("tool_calls", [])):
            json.loads(call["function"]["arguments"])


def test_calls_that_nobody_answered_get_no_invented_output(tmp_path: Path) -> None:
    session = Session().says("look")
    session.hears("I look.", calls=[LOOK, Call.of("exec_command", {"cmd": "pwd"}, "call_2")])
    (one,) = conversations(write(tmp_path / "a.flow", session.flows))
    assert outline(one) == "sua.."


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "reasoning_details"])
def test_reasoning_stands_in_one_field(tmp_path: Path, field: str) -> None:
    session = Session().says("look")
    session.hears(reasoning="I should look. ", field=field, calls=[LOOK])
    session.ran("a b").hears("Two files.", reasoning="That is all. ", field=field)
    file = write(tmp_path / "a.flow", session.flows)
    (one,) = conversations(file)
    thoughts = [m["reasoning_content"] for m in one["messages"] if m["role"] == "assistant"]
    assert thoughts == ["I should look. ", "That is all. "]
    assert not {"reasoning", "reasoning_details"} & {key for message in one["messages"] for key in message}
    assert outline(conversations(file, reasoning=False)[0]) == "sua.ta"


def test_reasoning_between_think_tags_is_no_content(tmp_path: Path) -> None:
    session = Session().says("look")
    session.hears("<think>I should look.</think>There is nothing.")
    (one,) = conversations(write(tmp_path / "a.flow", session.flows))
    assert one["messages"][-1] == {
        "role": "assistant", "content": "There is nothing.", "reasoning_content": "I should look.",
    }  # fmt: skip


def test_reasoning_stays_when_provider_and_model_change(tmp_path: Path) -> None:
    session = Session().says("one")
    session.hears("1", reasoning="First. ")
    session.profile, session.model = "openai", "another-model"
    session.says("two").hears("2", reasoning="Second. ")
    (one,) = conversations(write(tmp_path / "a.flow", session.flows))
    assert outline(one) == "suAuA"
    assert one["model"] == "another-model"


def test_a_client_that_drops_reasoning_has_one_conversation(tmp_path: Path) -> None:
    session = Session().says("one")
    session.hears("1", reasoning="First. ")
    session.history = [item for item in session.history if item["type"] != "reasoning"]
    session.says("two").hears("2")
    assert [outline(c) for c in conversations(write(tmp_path / "a.flow", session.flows))] == ["suaua"]


def test_reasoning_of_others_is_told_of(tmp_path: Path) -> None:
    session = Session().says("one")
    session.history.append({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"})
    session.hears("1")
    _, done, _ = exported([write(tmp_path / "a.flow", session.flows)])
    assert dict(done.notes) == {"input: a reasoning item of another provider or relay was left out": 1}


def test_keys_do_not_reach_the_corpus(tmp_path: Path) -> None:
    key = "sk-" + "a1B2" * 8
    session = Session().says(f"my key is {key}")
    session.hears(f"Never say {key} to anybody.")
    out = io.BytesIO()
    for only_keys in (False, True):
        scrubber = Scrubber(only_keys=only_keys)
        Export([write(tmp_path / "a.flow", session.flows)], scrubber, say=lambda text: None).write(out)
    assert len(out.getvalue().splitlines()) == 2
    assert key.encode() not in out.getvalue()


# --- what can't be exported is told -----------------------------------------------------------------------------------


def test_a_damaged_file_is_exported_up_to_the_damage(tmp_path: Path) -> None:
    one, two = Session(thread="one"), Session(thread="two")
    one.says("one").hears("1")
    two.says("two").hears("2")
    file = write(tmp_path / "a.flow", one.flows, two.flows)
    file.write_bytes(file.read_bytes()[:-100])
    found, done, said = exported([file])
    assert [c["thread"] for c in found] == ["one"]
    assert (done.damaged, done.is_whole) == (1, False)
    assert "is damaged" in said[0] and str(file) in said[0]


def test_a_request_that_was_not_kept_whole_is_named_and_counted(tmp_path: Path) -> None:
    one, two = Session(thread="one"), Session(thread="two")
    one.says("one").hears("1")
    two.says("two").hears("2")
    one.flows[1].request.content = b'{"model": "m", "input": ['
    found, done, said = exported([write(tmp_path / "a.flow", one.flows, two.flows)])
    assert [c["thread"] for c in found] == ["two"]
    assert (done.left_out, done.is_whole) == (1, False)
    assert "a.flow, turn 1: left out" in said[0]


def test_an_answer_that_was_not_kept_whole_is_named_unless_a_later_turn_holds_it(tmp_path: Path) -> None:
    session = Session().says("one")
    session.hears("1")
    session.flows[-1].metadata["relay"]["truncated"] = True
    session.says("two").hears("2")
    assert exported([write(tmp_path / "a.flow", session.flows)])[1].is_whole
    session.flows[-1].metadata["relay"]["truncated"] = True
    found, done, said = exported([write(tmp_path / "a.flow", session.flows)])
    assert (len(found), done.left_out) == (1, 1)
    assert "a.flow, turn 2: its answer was not kept whole" in said[0]


def test_a_request_that_the_relay_refuses_is_told_but_nothing_is_missing(tmp_path: Path) -> None:
    session = Session().says("one")
    session.hears("1")
    request = json.loads(session.flows[1].request.content or b"")
    session.flows[1].request.content = json.dumps(request | {"previous_response_id": "resp_1"}).encode()
    _, done, said = exported([write(tmp_path / "a.flow", session.flows)])
    assert (done.refused, done.is_whole) == (1, True)
    assert "turn 1: no conversation, `previous_response_id`" in said[0]


def test_a_file_without_turns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no turn that the relay has recorded"):
        exported([write(tmp_path / "a.flow")])


# --- memory -----------------------------------------------------------------------------------------------------------

MEASURE = """
import io, resource, sys
from pathlib import Path
from addon.recording.export import Export
from addon.recording.scrub import Scrubber
with open(sys.argv[2], "wb") as out:
    done = Export([Path(sys.argv[1])], Scrubber(), say=lambda text: None).write(out)
print(done.turns, done.conversations, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource.getrusage is not there")
def test_the_memory_that_an_export_needs_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """`python -m tests.bench.large_recording FILE` makes one of 500 MB, for a look at the figures."""
    peaks = []
    for size in (1_000_000, 50_000_000):
        turns, threads = make(tmp_path / "a.flow", size, turns=20, read=4000)
        command = [sys.executable, "-c", MEASURE, str(tmp_path / "a.flow"), str(tmp_path / "out")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        found = [int(number) for number in done.stdout.split()]
        assert found[:2] == [turns, threads]
        peaks.append(found[2] * (1 if sys.platform == "darwin" else 1024))
    assert peaks[1] - peaks[0] < 25_000_000


def test_progress_tells_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("addon.recording.export._OFTEN", -1.0)
    session = Session().says("one")
    session.hears("1")
    _, _, said = exported([write(tmp_path / "a.flow", session.flows)])
    assert said[0] == "0 MB, 1 turn, 0 conversations, 0 s"


def test_bytes_that_only_look_like_an_answer_are_no_conversation_of_it(tmp_path: Path) -> None:
    session = Session().says("one")
    turn = session.receives(b"".join(p for p in answer("1").pieces if isinstance(p, bytes)))
    assert turn.client.response is not None
    turn.client.response.content = b"event: x\ndata: not json\n\ndata: [1]\n\n"
    assert [outline(c) for c in conversations(write(tmp_path / "a.flow", session.flows), min_turns=0)] == ["su"]
