"""`codex-relay replay FILE --check`: recorded turns through today's translator, and what differs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.flow import Error

from addon import cli
from addon.recording import check
from addon.recording.check import Unchecked, check_turn, checked_turn, progress
from addon.recording.differences import compare, compare_bodies
from addon.recording.flows import RecordedTurn, open_recording
from addon.recording.pieces import pack_pieces
from addon.scripted import Call
from relay_translate import RequestOptions, StreamTranslator, find_profile, translate_request, translate_response
from relay_translate.errors import upstream_broke
from tests.recording.sessions import PROVIDER, Session, write

RECORDINGS = Path(__file__).resolve().parents[2] / "recordings"


def talk() -> Session:
    """Reasoning, a call, its output and an answer."""
    made = Session()
    made.says("count").hears(reasoning="Two lines.", calls=[Call.of("exec_command", {"cmd": "wc -l a"}, "call_a")])
    made.ran("2 a").hears("There are two.")
    return made


def turns(made: Session) -> list[RecordedTurn]:
    return [RecordedTurn(client, linked) for linked, client in zip(made.flows[::2], made.flows[1::2], strict=True)]


def edit(message: http.Message | None, old: str, new: str) -> None:
    assert message is not None
    text = message.text or ""
    assert old in text
    message.text = text.replace(old, new)


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.flow")), ids=lambda path: path.name)
def test_committed_recordings_are_as_recorded(path: Path) -> None:
    recording = open_recording(path)
    results = [checked_turn(turn) for turn in recording.turns()]
    assert [result.unchecked for result in results if result.unchecked] == []
    assert [str(one) for result in results for one in result.differences] == []


def test_a_turn_of_today_differs_in_nothing() -> None:
    assert [check_turn(turn) for turn in turns(talk())] == [[], []]


def test_a_difference_in_the_request_is_found_with_its_path() -> None:
    first, second = turns(talk())
    assert second.upstream is not None
    edit(second.upstream.request, "2 a", "3 a")
    (found,) = check_turn(second)
    assert (found.side, found.where, found.recorded, found.now) == ("request", "messages[3].content", '"3 a"', '"2 a"')
    assert check_turn(first) == []


def test_a_difference_in_a_stream_is_found_at_its_first_event() -> None:
    _, turn = turns(talk())
    edit(turn.client.response, '"delta":"two.', '"delta":"three.')
    (found,) = check_turn(turn)
    assert found.side == "answer"
    assert re.fullmatch(r"event \d+ response\.output_text\.delta, delta", found.where)
    assert (found.recorded, found.now) == ('"three."', '"two."')


def test_an_event_that_is_missing_is_found() -> None:
    _, turn = turns(talk())
    assert turn.client.response is not None
    whole = turn.client.response.text or ""
    turn.client.response.text = whole[: whole.index("event: response.completed")]
    (found,) = check_turn(turn)
    assert "response.completed" in found.where
    assert (found.recorded, found.now[:8]) == ("(not there)", '{"type":')


def test_ids_made_by_chance_and_heartbeats_do_not_matter() -> None:
    _, turn = turns(talk())
    edit(turn.client.response, "event: response.output_item.added", HEARTBEAT + "event: response.output_item.added")
    text = (turn.client.response.text if turn.client.response else "") or ""
    stem = re.search(r"resp_(\w{32})", text)
    assert stem is not None
    edit(turn.client.response, stem[1], "0123456789abcdef" * 2)
    assert check_turn(turn) == []


HEARTBEAT = 'event: response.in_progress\ndata: {"type":"response.in_progress","sequence_number":77}\n\n'


def test_an_id_that_stands_for_two_is_a_difference() -> None:
    one, two = "msg_" + "a" * 32, "msg_" + "b" * 32
    recorded = [{"id": one}, {"item_id": one}]
    assert list(compare("answer", recorded, [{"id": two}, {"item_id": two}])) == []
    (found,) = compare("answer", recorded, [{"id": two}, {"item_id": "msg_" + "c" * 32}])
    assert found.where == "[1].item_id"


@pytest.mark.parametrize(
    ("recorded", "now", "where"),
    [
        ({"a": 1}, {"a": 1, "b": None}, "b"),
        ({"a": [1, 2]}, {"a": [1]}, "a[1]"),
        ({"a": {"b": 1}}, {"a": {"b": True}}, "a.b"),
        ({"call_id": "call_1"}, {"call_id": "call_2"}, "call_id"),
        ([], {}, "the whole body"),
    ],
)
def test_where_two_values_differ(recorded: Any, now: Any, where: str) -> None:
    assert [one.where for one in compare("answer", recorded, now)] == [where]


def test_long_texts_are_shown_where_they_part() -> None:
    (found,) = compare("answer", {"text": "x" * 500 + "old" + "z" * 500}, {"text": "x" * 500 + "new" + "z" * 500})
    assert "old" in found.recorded and "new" in found.now
    assert found.now.startswith("… (from character 467)")
    assert len(found.recorded) < 200


def test_a_body_that_is_no_stream_any_more_is_a_difference() -> None:
    assert list(compare_bodies("answer", b'data: {"type":"response.created"}\n\n', b'{"error":{}}'))


# --- how turns end ----------------------------------------------------------------------------------------------------


def broken(ended: Callable[[RecordedTurn, StreamTranslator], bytes], status: str, why: str) -> RecordedTurn:
    """A turn whose provider's stream ends early; `ended` gives the last events."""
    turn = Session().says("hello").hears("One two three.", cut=4)
    assert turn.upstream is not None and turn.upstream.response is not None and turn.client.response is not None
    options = RequestOptions(provider=PROVIDER)
    context = translate_request(turn.request, find_profile(name="generic"), options).context
    ids = iter(range(100))
    translator = StreamTranslator(context, new_id=lambda prefix: f"{prefix}_{next(ids):032x}", created_at=5)
    body = turn.upstream.response.content or b""
    turn.client.response.content = translator.receive(body) + ended(turn, translator)
    turn.client.metadata["relay"]["status"] = status
    turn.client.error = Error(why)
    return turn


def test_an_answer_that_was_broken_off_is_broken_off_again() -> None:
    why = "peer closed connection"
    error = upstream_broke(f"{PROVIDER} broke off its answer: {why}")
    turn = broken(lambda _, translator: translator.fail(error), "failed", why)
    assert check_turn(turn) == []
    edit(turn.client.response, "broke off its answer", "went away")
    assert "response.failed" in check_turn(turn)[0].where


@pytest.mark.parametrize("status", ["client left", "killed"])
def test_an_answer_nobody_waited_for_is_checked_as_far_as_it_went(status: str) -> None:
    assert check_turn(broken(lambda *_: b"", status, "Client disconnected.")) == []


def test_refusals_of_the_provider_are_checked() -> None:
    turn = Session().says("go").receives(b'{"error":{"message":"too many requests"}}', 429)
    assert check_turn(turn) == []
    assert turn.upstream is not None and turn.upstream.response is not None
    turn.upstream.response.headers["retry-after"] = "9"
    (found,) = check_turn(turn)
    assert "response.failed" in found.where and "error.message" in found.where


def test_a_provider_that_was_not_there_is_checked() -> None:
    turn = Session().says("go").receives(b'{"error":{"message":"x"}}', 502)
    assert turn.upstream is not None
    turn.upstream.response = None
    message = f"{PROVIDER} could not be reached: no route"
    turn.client.error = Error("no route")
    turn.client.metadata["relay"]["error"] = {"code": "server_error", "message": message}
    edit(turn.client.response, f"x ({PROVIDER}, HTTP 502)", message)
    assert check_turn(turn) == []


def whole(stream: bool) -> RecordedTurn:
    """A turn whose provider answered with one JSON object."""
    said = {"role": "assistant", "content": "Hi."}
    body = json.dumps({"id": "c", "choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}).encode()
    turn = Session().says("hello").receives(body, stream=stream)
    assert turn.upstream is not None and turn.upstream.response is not None and turn.client.response is not None
    turn.upstream.response.headers["content-type"] = "application/json"
    context = translate_request(turn.request, find_profile(name="generic"), RequestOptions(provider=PROVIDER)).context
    ids = iter(range(100))
    reply = translate_response(body, context, new_id=lambda prefix: f"{prefix}_{next(ids):032x}", created_at=9)
    turn.client.response.content = reply.body
    return turn


@pytest.mark.parametrize("stream", [True, False])
def test_whole_answers_are_checked(stream: bool) -> None:
    turn = whole(stream)
    assert check_turn(turn) == []
    edit(turn.client.response, "Hi.", "Ho.")
    assert check_turn(turn) != []


def test_pieces_decide_nothing() -> None:
    _, turn = turns(talk())
    assert turn.upstream is not None and turn.upstream.response is not None
    size = len(turn.upstream.response.content or b"")
    turn.upstream.metadata["relay"]["pieces"] = pack_pieces([(7, 1)] * (size // 7) + [(size % 7, 2)])
    assert check_turn(turn) == []
    turn.upstream.metadata["relay"]["pieces"] = "nonsense"
    assert check_turn(turn) == []


# --- what can't be checked, and what must not happen ------------------------------------------------------------------


def test_what_cannot_be_compared_is_said_with_the_reason() -> None:
    turn, _ = turns(talk())
    with pytest.raises(Unchecked, match="its exchange with the provider was not recorded"):
        check_turn(RecordedTurn(turn.client))
    turn.client.metadata["relay"]["truncated"] = True
    with pytest.raises(Unchecked, match="too large to be kept whole"):
        check_turn(turn)
    turn.client.request.content = b'{"model":"m","inp'
    with pytest.raises(Unchecked, match="not have been kept whole"):
        check_turn(turn)
    turn.client.metadata["relay"]["profile"] = "of another relay"
    with pytest.raises(Unchecked, match="profile is not known here"):
        check_turn(turn)


def test_a_request_that_is_refused_now_is_a_difference() -> None:
    turn, _ = turns(talk())
    edit(turn.client.request, '"store":false', '"previous_response_id":"resp_1"')
    (found,) = check_turn(turn)
    assert "it is refused now" in str(found) and "previous_response_id" in str(found)


@pytest.mark.parametrize(("name", "side"), [("translated", "request"), ("StreamTranslator", "answer")])
def test_an_exception_in_the_translator_is_a_finding(
    name: str, side: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise TypeError("planted\nin two lines")

    monkeypatch.setattr(check, name, fail)
    assert cli.main(["replay", str(write(tmp_path / "x.flow", talk().flows)), "--check"]) == 1
    printed = capsys.readouterr()
    assert f"  {side}: the translator raised TypeError: planted in two lines" in printed.out
    assert "turn 2, scripted-model, 2026-" in printed.out
    assert "Traceback" not in printed.out + printed.err


def test_an_exception_that_the_stream_catches_is_a_finding_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from relay_translate.stream import Answer

    def fail(*_: object) -> None:
        raise KeyError("planted")

    turn, _ = turns(talk())
    monkeypatch.setattr(Answer, "receive", fail)
    assert "the translator raised KeyError" in str(check_turn(turn)[0])


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_is_silent_about_what_is_equal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "x.flow", talk().flows)
    assert cli.main(["replay", str(path), "--check"]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (f"{path}: 2 of 2 turns are as recorded\n", "")


def test_the_command_reports_turns_and_counts_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = talk(), talk()
    for one in (first, second):
        edit(one.flows[3].response, '"delta":"two.', '"delta":"three.')
    path = write(tmp_path / "x.flow", first.flows, second.flows, talk().flows[1:2])
    assert cli.main(["replay", str(path), "--check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"turn 2, scripted-model, 2026-\d\d-\d\d \d\d:\d\d:\d\d UTC, thread thread-1", lines[0])
    assert re.fullmatch(r"  answer: event \d+ response\.output_text\.delta, delta", lines[1])
    assert [line.split() for line in lines[2:4]] == [["recorded", '"three."'], ["now", '"two."']]
    assert lines[4].startswith("turn 4, ") and lines[4].endswith(": as turn 2")
    assert lines[5].startswith("turn 5, ")
    assert lines[6] == "  not compared: its exchange with the provider was not recorded"
    assert lines[7:] == [f"{path}: 2 of 5 turns differ; 1 could not be compared as a whole"]


def test_a_damaged_file_is_checked_up_to_the_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "x.flow", talk().flows)
    path.write_bytes(path.read_bytes()[:-100])
    assert cli.main(["replay", str(path), "--check"]) == 1
    damaged, summary = capsys.readouterr().out.splitlines()
    assert damaged.startswith(f"{path} is damaged (") and damaged.endswith("what stands before that was checked")
    assert summary == f"{path}: 1 of 1 turn is as recorded"


def test_progress_is_told_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(3), 3, "checked", every=-1.0)) == [0, 1, 2]
    printed = capsys.readouterr()
    assert (printed.out, printed.err.splitlines()[-1]) == ("", "2 of 3 turns checked")
    assert list(progress(range(3), 3, "checked")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
