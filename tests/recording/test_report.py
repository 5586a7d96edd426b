"""Reports: small, without private things, and still what went wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from addon.recording import RecordingError
from addon.recording.check import checked_turn
from addon.recording.flows import RecordedTurn, body_of, open_recording
from addon.recording.minimal import translated
from addon.recording.report import Report, describe, write_report
from addon.recording.scrub import Scrubber
from addon.recording.summary import in_words
from addon.scripted.chunks import Call
from relay_translate import RequestOptions
from relay_translate.reasoning import unpack
from tests.recording.sessions import PROVIDER, Session, write

Json = dict[str, Any]
RECORDED = Path(__file__).resolve().parents[2] / "recordings" / "codex-0.169.0.flow"
PROSE = "You are careful, and you explain at length what you do. " * 40
KEY = "sk-" + "a1B2" * 8
TOKEN = "shapeless0token0of0somebody"
TOO_MANY = b'{"error": {"message": "too many requests", "code": "rate_limit_exceeded"}}'


def failing(**fields: Any) -> Session:
    """Three turns; the second failed."""
    session = Session(instructions=PROSE, **fields)
    session.says("hello").hears("Hello.")
    session.says("and now?").receives(TOO_MANY, 429)
    session.says("again").hears("Now it works.")
    return session


def report(tmp_path: Path, *sessions: Session, **options: Any) -> Report:
    file = write(tmp_path / "session.flow", *(session.flows for session in sessions))
    return write_report(file, tmp_path / "r", **options)


def turns(made: Report) -> list[RecordedTurn]:
    return list(open_recording(made.flow).turns())


def numbers(made: Report) -> list[int]:
    return [row.number for row in made.rows]


# --- which turns ------------------------------------------------------------------------------------------------------


def test_the_last_failed_turn_is_reported_with_the_one_before_it(tmp_path: Path) -> None:
    made = report(tmp_path, failing())
    assert (numbers(made), made.turns) == ([1, 2], 3)
    assert [turn.facts["status"] for turn in turns(made)] == ["completed", "failed"]
    assert all(turn.upstream is not None for turn in turns(made)), "both sides"


def test_the_turn_before_is_one_of_the_same_thread(tmp_path: Path) -> None:
    one, two = Session(thread="one").says("a"), Session(thread="two").says("b")
    one.hears("A")
    two.hears("B")
    one.says("c").receives(TOO_MANY, 429)
    made = report(
        tmp_path, Session(thread="three"), Session(thread="", flows=[*one.flows[:2], *two.flows, *one.flows[2:]])
    )
    assert numbers(made) == [1, 3]


def test_without_a_failure_it_is_the_last_turn(tmp_path: Path) -> None:
    session = Session().says("a")
    session.hears("A")
    session.says("b").hears("B")
    assert numbers(report(tmp_path, session)) == [2]


def test_a_client_without_threads_has_no_turn_before(tmp_path: Path) -> None:
    assert numbers(report(tmp_path, failing(thread=""))) == [2]


def test_a_folder_is_no_name_of_a_report(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    with pytest.raises(RecordingError, match=r"r is a folder; name a file in it, such as .*/r/report$"):
        report(tmp_path, failing())
    assert not list(tmp_path.glob("r.*"))


def test_the_last_turns_can_be_asked_for(tmp_path: Path) -> None:
    assert numbers(report(tmp_path, failing(), last=1)) == [3]
    assert numbers(report(tmp_path, failing(), last=99, force=True)) == [1, 2, 3]


# --- what is cut ------------------------------------------------------------------------------------------------------


def test_long_prose_is_cut_on_both_sides_and_answers_are_not(tmp_path: Path) -> None:
    session = failing()
    made = report(tmp_path, session)
    for turn, recorded in zip(turns(made), session.flows[1::2], strict=False):
        assert PROSE not in json.dumps([turn.request, turn.chat_request])
        assert "more characters]" in turn.chat_request["messages"][0]["content"]
        assert turn.chat_request == json.loads(json.dumps(translated(turn, turn.request).body))
        assert body_of(turn.client.response) == body_of(recorded.response)
        assert not checked_turn(turn).differences
    small = made.flow.stat().st_size
    assert report(tmp_path, session, whole=True, force=True).flow.stat().st_size > small + 2 * len(PROSE)


def test_everything_stays_when_it_is_asked_for(tmp_path: Path) -> None:
    made = report(tmp_path, failing(), whole=True)
    assert all(PROSE in json.dumps(turn.request) for turn in turns(made))
    assert "turn 1: whole, as was asked for" in made.page.read_text()


def test_a_turn_is_whole_when_its_request_is_translated_otherwise_today(tmp_path: Path) -> None:
    session = failing()
    chat = json.loads(session.flows[2].request.content or b"")
    session.flows[2].request.content = json.dumps(chat | {"an_old_field": 1}).encode()
    made = report(tmp_path, session)
    whole, cut = turns(made)[1], turns(made)[0]
    assert PROSE in json.dumps(whole.request) and whole.chat_request["an_old_field"] == 1
    assert PROSE not in json.dumps(cut.request)
    page = made.page.read_text()
    assert "turn 2: whole, today's translator makes another chat request of it than was recorded" in page
    assert "an_old_field" in page, "and what is different is told"


def test_a_turn_is_whole_when_its_answer_depends_on_the_length_of_the_request(tmp_path: Path) -> None:
    session = Session(instructions=PROSE).says("count")
    session.hears("Counted.", usage=None)
    made = report(tmp_path, session)
    assert PROSE in json.dumps(turns(made)[0].request)
    assert "depends on the long texts" in made.page.read_text()


def test_a_request_that_was_not_kept_whole_is_given_as_it_is(tmp_path: Path) -> None:
    session = failing()
    session.flows[3].request.content = b'{"model": "m", "input": ['
    made = report(tmp_path, session)
    assert body_of(turns(made)[1].client.request) == b'{"model": "m", "input": ['
    assert "turn 2: whole, a recorded request is no JSON" in made.page.read_text()


def test_a_turn_that_never_reached_a_provider_is_reported(tmp_path: Path) -> None:
    session = failing()
    del session.flows[2]
    made = report(tmp_path, session)
    assert [turn.upstream is None for turn in turns(made)] == [False, True]
    assert "no answer" in made.page.read_text()


def test_options_of_the_turn_are_used_and_told(tmp_path: Path) -> None:
    options = RequestOptions(
        model_map={"scripted-*": "other"}, extra_params={"top_k": 3}, drop_params=frozenset({"seed"}), provider=PROVIDER
    )
    session = failing(options=options)
    made = report(tmp_path, session)
    assert PROSE not in json.dumps([turn.chat_request for turn in turns(made)])
    assert {turn.chat_request["top_k"] for turn in turns(made)} == {3}
    page = made.page.read_text()
    assert 'options: drop_params `["seed"]`, extra_params `{"top_k": 3}`, model_map `{"scripted-*": "other"}`' in page
    assert "| `other` | failed |" in page


@pytest.mark.parametrize("whole", [False, True])
def test_recordings_of_codex_are_reported_and_still_translate(tmp_path: Path, whole: bool) -> None:
    made = write_report(RECORDED, tmp_path / "r", last=99, whole=whole)
    before = open_recording(RECORDED)
    assert [row.kept_whole for row in made.rows] == ["as was asked for" if whole else ""] * len(before)
    for given, recorded in zip(turns(made), before.turns(), strict=True):
        assert checked_turn(given) == checked_turn(recorded)


# --- what is private --------------------------------------------------------------------------------------------------


def planted() -> Session:
    """Keys in every place, as in a file that was recorded without scrubbing."""
    session = Session(
        thread="01a20ed2-5165-7ef1-9588-f36562ecaa10",
        key=KEY,
        headers={"cookie": f"session={TOKEN}", "x-team-token": TOKEN},
        options=RequestOptions(extra_params={"api_key": TOKEN, "note": KEY}, provider=PROVIDER),
    )
    session.says(f"in /home/jane/project the key is {KEY}")
    session.hears(
        f"I won't repeat {KEY} nor {TOKEN} here.",
        reasoning=f"They gave me {KEY} and {TOKEN}. ",
        calls=[Call.of("exec_command", {"cmd": f"curl -H 'Authorization: Bearer {KEY}' /home/jane"}, "call_1")],
    )
    session.ran(f"OPENAI_API_KEY={KEY}\n{TOKEN}\nACME-4711")
    session.receives(json.dumps({"error": {"message": f"invalid key {KEY} of {TOKEN}"}}).encode(), 401)
    for flow in session.flows:
        flow.comment = f"the key {KEY}, {TOKEN}"
        flow.metadata["relay"]["notes"] = [f"note {KEY}", {"inner": TOKEN}]
        flow.request.path += f"?api_key={TOKEN}&x={KEY}"
    upstream = session.flows[0].response
    assert upstream is not None
    upstream.headers["content-encoding"] = "gzip"
    upstream.raw_content = gzip.compress(upstream.raw_content or b"")
    return session


@pytest.mark.parametrize("whole", [False, True])
def test_planted_keys_do_not_reach_a_report(tmp_path: Path, whole: bool) -> None:
    made = report(tmp_path, planted(), whole=whole, patterns=[r"ACME-\d+"])
    assert KEY.encode() in (tmp_path / "session.flow").read_bytes(), "they were there"
    for turn in turns(made):
        for flow in (turn.client, turn.upstream):
            assert flow is not None
            state = repr(flow.get_state()) + "".join(str(body_of(message)) for message in (flow.request, flow.response))
            for secret in (KEY, TOKEN, "jane", "ACME-4711", "01a20ed2-5165"):
                assert secret not in state
    page = made.page.read_text()
    assert not {secret for secret in (KEY, TOKEN, "jane", "ACME-4711") if secret in page}
    assert "invalid key" in page, "what the provider said is there without the key"


def test_keys_in_pieces_and_in_envelopes_do_not_reach_a_report(tmp_path: Path) -> None:
    made = report(tmp_path, planted())
    first, second = turns(made)
    pieces = [json.loads(line[6:]) for line in body_of(first.client.response).decode().splitlines() if "{" in line[:8]]
    assert KEY not in "".join(str(event.get("delta", "")) for event in pieces)
    envelopes = [unpack(item["encrypted_content"]) for item in second.request["input"] if item["type"] == "reasoning"]
    assert envelopes and KEY not in str(envelopes) and "They gave me" in str(envelopes)


def test_what_was_scrubbed_when_it_was_recorded_is_no_key(tmp_path: Path) -> None:
    session = planted()
    made = report(tmp_path, Session(flows=[Scrubber(secrets=[KEY, TOKEN]).flow(flow) for flow in session.flows]))
    assert numbers(made) == [1, 2]


def test_nothing_is_written_when_a_key_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("addon.recording.scrub.Scrubber.flow", lambda self, flow: flow)
    with pytest.raises(RecordingError, match="turn 1 still holds a key after scrubbing, so nothing was written"):
        report(tmp_path, planted())
    assert [path.name for path in tmp_path.iterdir()] == ["session.flow"]


def test_markup_in_what_others_said_is_none_on_the_page(tmp_path: Path) -> None:
    session = Session().says("x")
    session.receives(b'{"error": {"message": "a | b `c`\\n# <b>@somebody</b>"}}', 400)
    page = report(tmp_path, session).page.read_text()
    assert r"a \| b 'c' # <b>@somebody</b>" in page
    assert all(line.count("`") % 2 == 0 for line in page.splitlines())


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_tells_who_was_asked_with_what_and_what_came_of_it(tmp_path: Path) -> None:
    made = report(tmp_path, failing())
    page = made.page.read_text()
    for told in (
        "- reported with codex-relay 0.1.0, mitmproxy 1",
        "- recorded with codex-relay 0.1.0, mitmproxy 12.3.1, Python 3.13.1",
        "- client: Codex 0.169.0",
        f"- provider: `{PROVIDER}`, profile `generic`",
        "- options: none",
        "## Turns (2 of 3)",
        "| `scripted-model` | completed | 1200 in, 34 out | 0.20 s | 1.50 s | HTTP 200 |",
        "| HTTP 429 | `rate_limit_exceeded: too many requests",
        "turns 1, 2: gives what was recorded",
        "codex-relay replay r.flow --check",
        "long texts (prompts, messages, tool outputs, descriptions of tools) are cut in both requests",
    ):
        assert told in page
    assert made.page.name in describe(made) and "before you post them" in describe(made)


def test_older_recordings_and_strangers_files_are_reported(tmp_path: Path) -> None:
    session = failing()
    for flow in session.flows:
        relay = flow.metadata["relay"]
        relay |= {"options": "odd", "usage": [1], "timings": None, "client": 3, "error": "odd", "notes": None}
    page = report(tmp_path, session).page.read_text()
    assert "| unknown |" in page


def test_a_damaged_recording_is_reported_up_to_the_damage(tmp_path: Path) -> None:
    file = write(tmp_path / "session.flow", failing().flows)
    file.write_bytes(file.read_bytes()[:-100])
    made = write_report(file, tmp_path / "r")
    assert numbers(made) == [1, 2]
    assert "the recording is damaged" in made.page.read_text()


@pytest.mark.parametrize(
    ("found", "words"), [([3], "turn 3"), ([1, 2], "turns 1, 2"), ([5, 1, 2, 3], "turns 1 to 3, 5")]
)
def test_numbers_of_turns_in_words(found: list[int], words: str) -> None:
    assert in_words(found) == words


# --- files that are there ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["r.flow", "r.md"])
def test_files_are_not_replaced_unasked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(RecordingError, match=rf"{name} is there already; give another name with --out, or --force"):
        report(tmp_path, failing())
    assert (tmp_path / name).read_text() == "mine"
    report(tmp_path, failing(), force=True)
    assert (tmp_path / name).read_text(errors="replace") != "mine"


def test_the_recording_itself_is_never_replaced(tmp_path: Path) -> None:
    file = write(tmp_path / "session.flow", failing().flows)
    before = file.read_bytes()
    with pytest.raises(RecordingError, match="is the recording itself"):
        write_report(file, tmp_path / "session", force=True)
    assert file.read_bytes() == before


def test_a_folder_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    file = write(tmp_path / "session.flow", failing().flows)
    with pytest.raises(RecordingError, match="can't be written: No such file or directory"):
        write_report(file, tmp_path / "nowhere" / "r")
