"""Text and reasoning: which events a stream becomes, and when."""

from __future__ import annotations

import pytest

from relay_translate import ApiError, StreamTranslator

from .events import parse_events
from .streams import brief, call, chunk, context, counted_ids, event, play, play_chunks, stop, stream, text

HELLO = [chunk({"role": "assistant", "content": ""}), text("Hel"), text("lo"), text("", "stop")]
USAGE = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}


def think(piece, field="reasoning_content"):
    return chunk({field: piece})


def test_a_text_answer_is_these_events_and_no_others():
    played = play(stream(*HELLO, chunk(choices=[], usage=USAGE)))
    assert [event["type"] for event in played.events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert brief(played.items) == [("message", "Hello")]
    assert played.end["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 12,
    }
    assert played.end["model"] == "gpt-x"
    assert (played.summary.status, played.summary.model, played.summary.text_chars) == ("completed", "m-1", 5)


def test_an_answer_begins_with_the_first_piece_whatever_it_holds():
    translator = StreamTranslator(context(), new_id=counted_ids(), created_at=7)
    events = parse_events(translator.receive(b""))
    assert [event["type"] for event in events] == ["response.created", "response.in_progress"]
    assert events[0]["response"]["created_at"] == 7


def test_each_piece_gives_its_text_at_once():
    words = ["One ", "two ", "\n\n", "  ", "three", "\U0001f600", "é"]
    played = play_chunks(*map(text, words), stop())
    assert played.deltas_by_piece()[: len(words)] == [[word] for word in words]


def test_several_events_in_a_piece_are_several_deltas_in_one_write():
    played = play(stream(text("a"), text("b"), end=b""), stream(text("c"), stop()))
    assert played.deltas_by_piece() == [["a", "b"], ["c"], []]


def test_halves_of_a_surrogate_pair_in_two_chunks_are_one_character():
    played = play(
        event(r'{"choices":[{"delta":{"content":"a\ud83d"}}]}'),
        event(r'{"choices":[{"delta":{"content":"\ude00b"}}]}'),
        stream(stop()),
    )
    assert played.deltas() == ["a", "\U0001f600b"]


@pytest.mark.parametrize(
    ("raw", "shown"), [(r"a\ud83d", "a\ufffd"), (r"\ude00a", "\ufffda"), (r"a\ud83db", "a\ufffdb")]
)
def test_a_lone_half_is_replaced(raw, shown):
    played = play(event(f'{{"choices":[{{"delta":{{"content":"{raw}"}}}}]}}'), stream(stop()))
    assert brief(played.items) == [("message", shown)]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_streams_as_a_summary_before_the_text(field):
    played = play_chunks(think("why ", field), think("not", field), text("Hello"), stop())
    assert brief(played.items) == [("reasoning", "why not"), ("message", "Hello")]
    assert played.deltas_by_piece()[:3] == [["why "], ["not"], ["Hello"]]
    assert played.summary.reasoning_chars == 7


def test_reasoning_in_two_fields_is_read_once():
    both = chunk(
        {
            "reasoning_content": "why",
            "reasoning": "why",
            "reasoning_details": [{"type": "reasoning.text", "text": "why"}],
        }
    )
    assert brief(play_chunks(both, text("Hello"), stop()).items) == [("reasoning", "why"), ("message", "Hello")]


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_empty_fields_beside_text_are_nothing(empty):
    noise = {
        "reasoning_content": empty,
        "reasoning": empty,
        "reasoning_details": empty,
        "tool_calls": empty,
        "refusal": empty,
    }
    assert brief(play_chunks(chunk({"content": "Hello", **noise}), stop()).items) == [("message", "Hello")]


def test_reasoning_details_alone_are_shown():
    details = [
        [{"type": "reasoning.summary", "summary": "Looking", "index": 0}],
        [{"type": "reasoning.text", "text": " on", "index": 1}],
    ]
    played = play_chunks(*(chunk({"reasoning_details": each}) for each in details), text("x"), stop())
    assert brief(played.items) == [("reasoning", "Looking on"), ("message", "x")]


@pytest.mark.parametrize("odd", [[None], ["x"], [[]], {"type": "t"}, "x"])
def test_odd_reasoning_details_make_no_item(odd):
    played = play_chunks(chunk({"reasoning_details": odd}), text("x"), stop())
    assert brief(played.items) == [("message", "x")]


@pytest.mark.parametrize("thinking", [None, "", [], [5], {}, [{"type": "text", "text": ""}]])
def test_an_empty_thinking_part_makes_no_item(thinking):
    part = {"type": "thinking", "thinking": thinking}
    played = play_chunks(chunk({"content": [part]}), text("x"), stop())
    assert brief(played.items) == [("message", "x")]


def test_reasoning_may_go_on_after_text_and_calls():
    played = play_chunks(
        think("a"), text("b"), think("c"), call("{}", "exec_command", "1"), think("d"), text("e"), stop()
    )
    assert brief(played.items) == [
        ("reasoning", "a"), ("message", "b"), ("reasoning", "c"), ("function_call", "exec_command", "{}"),
        ("reasoning", "d"), ("message", "e"),
    ]  # fmt: skip


def test_thinking_parts_and_text_parts_of_a_content_list():
    parts = [
        chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "why"}]}]}),
        chunk({"content": [{"type": "thinking", "thinking": " not"}]}),
        chunk({"content": [{"type": "text", "text": "Hel"}, "l"]}),
        text("o", "stop"),
    ]
    assert brief(play_chunks(*parts).items) == [("reasoning", "why not"), ("message", "Hello")]


def test_think_tags_are_reasoning_wherever_they_are_cut():
    whole = "<think>\nwhy\n</think>\n\nHello <think>"
    for size in (1, 3, 5, 100):
        pieces = [whole[i : i + size] for i in range(0, len(whole), size)]
        played = play_chunks(*map(text, pieces), stop())
        assert brief(played.items) == [("reasoning", "why"), ("message", "Hello <think>")]


@pytest.mark.parametrize(
    ("held", "items"), [("<thi", [("message", "<thi")]), ("<think>hm</thi", [("reasoning", "hm</thi")])]
)
def test_what_was_held_for_a_tag_is_said_before_a_call(held, items):
    played = play_chunks(text(held), call("{}", "exec_command", "1"), stop("tool_calls"))
    assert brief(played.items) == [*items, ("function_call", "exec_command", "{}")]


def test_a_refusal_is_text():
    assert brief(play_chunks(chunk({"refusal": "I can't."}), stop()).items) == [("message", "I can't.")]


def test_white_space_alone_makes_no_message():
    played = play_chunks(text("\n\n"), call("{}", "exec_command", "1"), text("\n"), stop("tool_calls"))
    assert brief(played.items) == [("function_call", "exec_command", "{}")]


def test_white_space_after_a_call_makes_no_message_though_there_was_text():
    played = play_chunks(text("I look."), call("{}", "exec_command", "1"), text("\n"), stop("tool_calls"))
    assert brief(played.items) == [("message", "I look."), ("function_call", "exec_command", "{}")]


def test_the_last_of_several_usages_counts():
    played = play_chunks(
        chunk({"content": "x"}, usage={"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}),
        chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE}], usage=None),
    )
    assert played.end["usage"]["total_tokens"] == 12


def test_usage_after_the_finish_and_of_a_vendor_is_found():
    played = play_chunks(text("x"), stop(x_groq={"id": "r", "usage": USAGE}))
    assert played.summary.usage["total_tokens"] == 12


def test_without_usage_the_answer_carries_an_estimate():
    played = play_chunks(text("x" * 400), stop(), input_estimate=50)
    assert played.end["usage"]["input_tokens"] == 50
    assert played.end["usage"]["total_tokens"] >= 100
    assert "usage: estimated, the provider sent none" in played.summary.notes


def test_a_repeated_finish_changes_nothing():
    played = play_chunks(*HELLO, text("", "stop"), chunk({"content": ""}, "stop", usage=USAGE))
    assert brief(played.items) == [("message", "Hello")]


def test_other_choices_are_not_read():
    other = {"index": 1, "delta": {"content": "other"}, "finish_reason": None}
    played = play_chunks(
        chunk(choices=[other]), chunk(choices=[other, {"index": 0, "delta": {"content": "mine"}}]), stop()
    )
    assert brief(played.items) == [("message", "mine")]


def test_what_comes_after_the_end_is_ignored():
    translator = StreamTranslator(context(), new_id=counted_ids(), created_at=1)
    translator.receive(stream(*HELLO))
    assert translator.done
    assert translator.receive(stream(text("more"), {"error": {"message": "late"}})) == b""
    assert translator.fail(ApiError(502, "server_error", "late")) == b""
    assert translator.keep_alive() == b""
    assert translator.finish() == b""
    assert translator.response["status"] == "completed"


def test_a_failure_around_the_stream_ends_it_once():
    translator = StreamTranslator(context(), new_id=counted_ids(), created_at=1)
    translator.receive(stream(text("Hel"), end=b""))
    events = parse_events(translator.fail(ApiError(504, "server_error", "too slow")))
    assert [event["type"] for event in events] == ["response.failed"]
    assert events[0]["response"]["error"] == {"code": "server_error", "message": "too slow"}
    assert translator.fail(ApiError(504, "server_error", "again")) == translator.finish() == b""


def test_an_unexpected_exception_is_a_failure_to_retry_and_is_reported():
    seen: list[BaseException] = []

    def ids(prefix):
        if prefix == "call":
            raise LookupError("no more ids")
        return prefix + "_1"

    translator = StreamTranslator(context(), new_id=ids, created_at=1, on_exception=seen.append)
    call = {"index": 0, "function": {"name": "exec_command", "arguments": "{}"}}  # without an id, so one is asked for
    events = parse_events(translator.receive(stream(chunk({"tool_calls": [call]}), stop("tool_calls"))))
    assert events[-1]["response"]["error"]["code"] == "server_error"
    assert "LookupError" in events[-1]["response"]["error"]["message"]
    assert [type(e) for e in seen] == [LookupError]
    assert translator.finish() == b""


def test_a_keep_alive_is_a_real_event():
    translator = StreamTranslator(context(), new_id=counted_ids(), created_at=1)
    translator.receive(b"")
    assert [event["type"] for event in parse_events(translator.keep_alive())] == ["response.in_progress"]


def test_other_clients_hear_what_they_asked_for():
    played = play_chunks(*HELLO, codex=False, echo={"instructions": "Be brief.", "temperature": 0.5})
    for lifecycle in (played.events[0]["response"], played.end):
        assert (lifecycle["instructions"], lifecycle["temperature"]) == ("Be brief.", 0.5)


def test_a_compaction_answer_is_one_compaction_item():
    played = play_chunks(think("hm"), text("The "), text("summary."), stop(), compaction=True)
    assert [item["type"] for item in played.items] == ["compaction"]


def test_an_empty_compaction_answer_is_a_failure_to_retry():
    assert play_chunks(stop(), compaction=True).error["code"] == "server_error"
