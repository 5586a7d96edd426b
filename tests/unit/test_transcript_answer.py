"""Answers as people read them: whole, broken off, still coming, and what is no answer at all."""

from __future__ import annotations

import json
import random
import re
import time
from typing import Any

import pytest

from relay_translate.transcript import RUNNING, WIDTH, AnswerView, answer_view, phase_words
from relay_translate.transcript.layout import wrap

from .transcripts import TURNS, assert_shown, raw


def stream(*chunks: Any, done: bool = True) -> bytes:
    events = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    return events + (b"data: [DONE]\n\n" if done else b"")


def delta(**fields: Any) -> dict[str, Any]:
    return {"model": "m1", "choices": [{"index": 0, "delta": fields}]}


def end(reason: str) -> dict[str, Any]:
    usage = {"prompt_tokens": 2000, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": 1500}}
    return {"model": "m1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage}


def call(arguments: str, name: str = "exec_command") -> dict[str, Any]:
    return delta(tool_calls=[{"index": 0, "id": "c1", "function": {"name": name, "arguments": arguments}}])


def test_a_chat_answer_begins_with_status_cost_and_time() -> None:
    data = stream(delta(reasoning_content="Hm."), delta(content="Looking."), call('{"cmd": "ls"}'), end("tool_calls"))
    shown = answer_view(data, timings={"first_byte": 0.05, "first_token": 0.5, "total": 1.5})
    assert shown == (
        """completed · m1 · tool_calls · 1 call
tokens: 2,000 in (1,500 cached, 75 %), 50 out
time: first byte 50 ms, first token 0.50 s, total 1.50 s, 50 tokens/s

reasoning:
  Hm.

assistant:
  Looking.

exec_command $ ls

chat wire, 5 chunks in a stream, 565 bytes:
  reasoning_content 1, content 1, tool_calls 1, finish_reason 1, usage 1,
  [DONE]
"""
    )


def test_what_codex_was_sent_reads_as_what_the_provider_sent() -> None:
    made, given = (answer_view(raw("mcp", 1, name)) for name in ("response.sse", "upstream.sse"))
    assert made == (
        """completed · scripted-model · 4 calls
tokens: 1,200 in (256 cached, 21 %), 34 out (7 reasoning)

reasoning (sealed by another service, 123 bytes):
  Four calls.

assistant:
  Trying them.

mcp__tiny.echo(text: "hé", times: 2)
mcp__tiny.ping()
mcp__tiny.ping()
mcp__tiny.structured()

Responses wire, 35 events in a stream, 10 KB:
  created 1, in_progress 1, output_item.added 6, reasoning_summary_part.added 1,
  reasoning_summary_text.delta 2, reasoning_summary_text.done 1,
  reasoning_summary_part.done 1, output_item.done 6, content_part.added 1,
  output_text.delta 2, output_text.done 1, content_part.done 1,
  function_call_arguments.delta 6, function_call_arguments.done 4, completed 1
"""
    )
    assert 'mcp__tiny__echo(text: "hé", times: 2)\nmcp__tiny__ping()\n' in given


def test_a_patch_is_shown_as_a_patch() -> None:
    shown = answer_view(raw("patch", 1, "response.sse"))
    assert "apply_patch: adds new.txt (+2 −0)\n    *** Begin Patch\n    *** Add File: new.txt\n" in shown


def test_a_stream_that_was_cut_says_where_and_what_codex_was_told() -> None:
    assert answer_view(raw("cut", 1, "upstream.sse")).startswith(
        "broken off · scripted-model\nnote: the stream broke off in the text\n\nassistant:\n  A sentence of\n"
    )
    assert answer_view(raw("cut", 1, "response.sse")).startswith(
        "failed · scripted-model\nerror: server_error: provider.example broke off its answer:"
    )


def test_the_relays_account_of_a_failure_goes_before_the_answers_own() -> None:
    told = {"code": "rate_limit_exceeded", "message": "Slow down. (host, HTTP 429)"}
    shown = answer_view(raw("refused", 1, "response.sse"), status="failed", error=told)
    assert "error: rate_limit_exceeded: Slow down. (host, HTTP 429)\n" in shown


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (stream(call('{"cmd": "l'), done=False), "the stream broke off in the arguments of exec_command"),
        (stream(call('{"cmd": "l')), "the stream ended without a finish_reason"),
        (stream(call('{"cmd": "l'), end("tool_calls")), "the arguments of exec_command are not a whole JSON object"),
        (stream(delta(reasoning="Hm"), done=False), "the stream broke off in the reasoning"),
        (stream(delta(content="x"), {"choices": [{"finish_reason": "stop"}]}), "no usage was sent"),
        (b"data: {]\n\n" + stream(delta(content="x"), end("stop")), "event 1 can't be read: {]"),
    ],
)
def test_what_an_answer_lacks_is_noted(data: bytes, note: str) -> None:
    assert f"note: {note}\n" in answer_view(data)


def test_a_gap_in_the_numbers_of_events_is_noted() -> None:
    numbers = [{"type": "response.output_text.delta", "delta": "a", "sequence_number": n} for n in (0, 1, 4)]
    assert "note: event 4 follows event 1\n" in answer_view(stream(*numbers, done=False))


def test_an_item_that_never_closed_is_noted_since_codex_drops_it() -> None:
    added = {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}}
    done = {"type": "response.completed", "response": {"status": "completed"}}
    assert "note: the text never closed (no output_item.done): Codex drops it\n" in answer_view(stream(added, done))


def test_a_running_answer_is_not_said_to_lack_its_end() -> None:
    shown = answer_view(stream(delta(content="so far"), done=False), status=RUNNING)
    assert shown.startswith("running · m1\n")
    assert "note:" not in shown
    assert "  so far\n" in shown


def test_a_whole_body_reads_as_its_stream() -> None:
    message = {"role": "assistant", "content": "Hello.", "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "exec_command", "arguments": '{"cmd": "ls"}'}}]}  # fmt: skip
    whole = {
        "model": "m1",
        "choices": [{"message": message, "finish_reason": "tool_calls"}],
        "usage": end("x")["usage"],
    }
    of_body = answer_view(json.dumps(whole).encode(), content_type="application/json")
    of_stream = answer_view(stream(delta(content="Hello."), call('{"cmd": "ls"}'), end("tool_calls")))
    assert of_body.split("\nchat wire")[0] == of_stream.split("\nchat wire")[0]
    assert "chat wire, a whole JSON body, " in of_body


@pytest.mark.parametrize(
    ("data", "content_type", "first"),
    [
        (b'{"error": {"message": "No such model", "code": "model_not_found"}}', "application/json", "an error · "),
        (b"<html><title>502</title></html>", "text/html", "not an answer of either wire · 31 bytes\n"),
        (b'{"data": [{"id": "m1"}], "object": "list"}', "application/json", "not an answer of either wire · "),
        (b"", "", "no answer · 0 bytes\n"),
    ],
)
def test_what_is_no_answer_is_shown_as_what_it_is(data: bytes, content_type: str, first: str) -> None:
    shown = answer_view(data, content_type=content_type)
    assert shown.startswith(first)
    assert_shown(shown)


def test_a_page_in_place_of_json_is_not_called_json() -> None:
    shown = answer_view(b"<html>502 Bad Gateway</html>", content_type="application/json")
    assert "JSON" not in shown
    assert "note: the JSON is not whole" in answer_view(b'{"id": 1, "cho', content_type="application/json")


def test_a_damaged_event_is_named_and_the_turn_it_ended() -> None:
    data = stream(delta(content="Hello ")) + b"data: ping\n\n" + b'data: {"choices": [{"del\n\n'
    shown = answer_view(data + stream(delta(content="ld"), end("stop")), turn="failed, an event can't be read")
    assert shown.startswith("completed, but 1 event can't be read · m1 · stop\nturn: failed, an event can't be read\n")
    assert '\nnote: event 3 is not JSON: ping\nnote: event 4 can\'t be read: {"choices": [{"del\n' in shown


def test_a_word_between_the_events_damages_nothing() -> None:
    shown = answer_view(b"data: ping\n\n" + stream(delta(content="x"), end("stop")))
    assert shown.startswith("completed · m1 · stop\n")
    assert "note: event 1 is not JSON: ping\n" in shown


def test_a_row_that_nobody_reads_is_folded_and_its_size_is_said() -> None:
    body = json.dumps({"x": "é" * 6_000_000, "y": 1}, ensure_ascii=False).encode()
    begun = time.perf_counter()
    shown = answer_view(body, content_type="application/json")
    assert time.perf_counter() - begun < 5
    assert len(shown) < 40_000
    assert re.search(r"… 5,980,\d{3} characters left out here, sha ", shown)
    assert shown.endswith(' "y": 1\n}\n')


def test_a_long_row_is_wrapped_in_time_that_grows_with_it() -> None:
    begun = time.perf_counter()
    rows = wrap("word " * 2_000_000, 80)  # 25 s when each row copies the rest
    assert time.perf_counter() - begun < 5
    assert {len(row) for row in rows} == {79} and len(rows) == 125_000


def test_an_error_in_a_list_is_an_error() -> None:
    shown = answer_view(b'data: [{"error": {"message": "No such model", "code": "not_found"}}]\n\n')
    assert shown.startswith("failed · ")
    assert "error: not_found: No such model\n" in shown


def test_times_stand_in_the_order_in_which_they_come() -> None:
    shown = answer_view(stream(end("stop")), timings={"total": 12.0, "first_token": 0.5, "first_byte": 0.05})
    assert "\ntime: first byte 50 ms, first token 0.50 s, total 12.0 s" in shown


def test_each_part_of_an_answer_has_its_time() -> None:
    pieces = [delta(reasoning_content="Hm."), delta(reasoning_content=" So."), delta(content="Looking."),
              call('{"cmd": "ls"}'), end("tool_calls")]  # fmt: skip
    timed = list(zip(map(stream, pieces), (0.5, 1.0, 2.0, 2.25, 2.5), strict=True))
    words = phase_words(timed)
    assert words == ["waited 0.50 s", "reasoning 1.50 s", "text 0.25 s", "1 call 0.25 s"]
    assert "\nphases: waited 0.50 s, reasoning 1.50 s, text 0.25 s, 1 call 0.25 s\n" in answer_view(
        b"".join(data for data, _ in timed), phases=words
    )
    assert phase_words([(stream(*pieces), 0.5)]) == []


def test_an_error_body_is_told_in_the_providers_words() -> None:
    shown = answer_view(b'{"error": {"message": "No such model", "code": "model_not_found"}}')
    assert "\nerror: model_not_found: No such model\n" in shown


@pytest.mark.parametrize("turn", TURNS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_pieces_of_any_size_make_the_view_of_the_whole(turn: Any) -> None:
    for name in ("response.sse", "upstream.sse"):
        data = (turn / name).read_bytes() if (turn / name).exists() else b""
        view = AnswerView()
        for place in range(0, len(data), 97):
            view.receive(data[place : place + 97])
        view.finish()
        assert view.text() == answer_view(data)
        assert_shown(view.text())
        assert max(map(len, view.text().split("\n"))) <= WIDTH


def test_a_long_answer_shows_its_beginning_and_its_newest_words() -> None:
    data = stream(*[delta(content=f"line {number}\n") for number in range(5000)], done=False)
    shown = answer_view(data, status=RUNNING)
    assert "  line 0\n" in shown
    assert "  line 4999\n" in shown
    assert "characters left out here" in shown
    assert shown.count("\n") < 600


def test_looking_at_a_growing_answer_costs_next_to_nothing() -> None:
    """A live view asks four times a second; that must not slow down a stream of two megabytes."""
    data = stream(*[delta(content=f"token {number} ") for number in range(25_000)], done=False)
    view = AnswerView()
    slowest, begun = 0.0, time.perf_counter()
    for place in range(0, len(data), 100_000):
        at = time.perf_counter()
        view.receive(data[place : place + 100_000])
        view.text(status=RUNNING)
        slowest = max(slowest, time.perf_counter() - at)
    assert slowest < 0.25, slowest  # 10 ms on an idle machine
    assert time.perf_counter() - begun < 3


# -- damage


def damaged(data: bytes, dice: random.Random) -> bytes:
    kind = dice.randrange(3)
    if kind == 0:
        return data[: dice.randrange(len(data) + 1)]
    if kind == 1:
        begin = dice.randrange(len(data))
        return data[:begin] + data[begin + dice.randrange(200) :]
    spoilt = bytearray(data)
    for _ in range(dice.randrange(1, 8)):
        spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
    return bytes(spoilt)


def test_every_beginning_of_an_answer_can_be_shown() -> None:
    for case, name in (("mcp", "response.sse"), ("parallel", "upstream.sse")):
        data = raw(case, 1, name)
        for length in range(0, len(data), 23):
            assert_shown(answer_view(data[:length]))
            assert_shown(answer_view(data[:length], content_type="application/json", status=RUNNING))


def test_no_damage_to_an_answer_keeps_the_rest_from_being_shown() -> None:
    dice = random.Random(6)
    bodies = [data for turn in TURNS for path in turn.glob("*.sse") if (data := path.read_bytes())]
    for _ in range(400):
        shown = answer_view(
            damaged(dice.choice(bodies), dice),
            content_type=dice.choice(["", "application/json", "text/event-stream"]),
            status=dice.choice(["", RUNNING, "failed"]),
            timings={"first_byte": None, "total": 1.0},
            error=dice.choice([None, {"code": 3, "message": None}]),
        )
        assert_shown(shown)
