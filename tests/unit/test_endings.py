"""How an answer ends: finish reasons, cut streams, errors in the stream, bodies that are no stream."""

from __future__ import annotations

import json

import pytest

from relay_translate import Profile

from .streams import DONE, brief, call, chunk, event, play, play_chunks, stop, stream, text

CUT = ["length", "max_tokens", "max_output_tokens", "model_length"]
FILTERED = ["content_filter", "sensitive", "safety", "content_filtered", "recitation"]
BROKEN = ["network_error", "insufficient_system_resource", "error", "abort", "aborted"]
HALF_CALL = [call('{"cmd":"rm -r', "exec_command", "a", 1)]


@pytest.mark.parametrize(
    "reason", ["stop", "tool_calls", "function_call", "tool_use", "eos", "end_turn", "stop_sequence"]
)
def test_these_reasons_are_an_end(reason):
    played = play_chunks(text("Hello"), stop(reason))
    assert (played.end["status"], played.summary.finish_reason) == ("completed", reason)
    assert not [note for note in played.summary.notes if "finish_reason" in note]


def test_an_unknown_reason_is_an_end_with_a_note():
    played = play_chunks(text("Hello"), stop("done_thinking"))
    assert played.end["status"] == "completed"
    assert "finish_reason 'done_thinking' is unknown and was taken as the end" in played.summary.notes


@pytest.mark.parametrize("reason", BROKEN)
def test_these_reasons_are_worth_another_try(reason):
    played = play_chunks(text("Hello"), stop(reason))
    assert played.error == {"code": "server_error", "message": f"host: the answer was broken off: {reason}"}


@pytest.mark.parametrize("reason", FILTERED)
def test_a_filtered_answer_stops_codex(reason):
    played = play_chunks(text("Hel"), stop(reason))
    assert played.error == {
        "code": "invalid_prompt",
        "message": "host: the provider's content filter stopped the answer",
    }


@pytest.mark.parametrize("reason", FILTERED)
@pytest.mark.parametrize("chunks", [[text("Hel")], []])
def test_a_filtered_answer_is_incomplete_for_other_clients(reason, chunks):
    played = play_chunks(*chunks, stop(reason), codex=False)
    assert played.events[-1]["type"] == "response.incomplete"
    assert played.end["incomplete_details"] == {"reason": "content_filter"}


@pytest.mark.parametrize("reason", CUT)
def test_a_text_cut_by_the_limit_is_an_answer_for_codex_and_says_so(reason):
    played = play_chunks(text("Hello"), stop(reason))
    assert played.end["status"] == "completed"
    assert brief(played.items) == [
        ("message", "Hello\n\n[The answer stops here: the model's output limit was reached.]")
    ]


def test_a_text_cut_by_a_full_window_says_so():
    played = play_chunks(text("Hello"), stop("model_context_window_exceeded"))
    assert brief(played.items) == [("message", "Hello\n\n[The answer stops here: the model's context window is full.]")]


def test_a_full_window_before_any_answer_makes_codex_compact():
    assert play_chunks(stop("model_context_window_exceeded")).error["code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    ("means", "status", "ending"),
    [
        ("stop", "completed", None),
        ("length", "completed", None),
        ("content_filter", "failed", "invalid_prompt"),
        ("error", "failed", "server_error"),
    ],
)
def test_a_profile_says_what_its_own_finish_reasons_mean(means, status, ending):
    profile = Profile(name="own", finish_reasons={"weird": means})
    played = play_chunks(text("Hello"), stop("weird"), profile=profile)
    assert (played.end["status"], (played.end["error"] or {}).get("code")) == (status, ending)
    assert played.summary.finish_reason == "weird"


def test_a_profile_says_what_its_own_error_codes_mean():
    profile = Profile(name="own", title="Own AI", error_codes={"77": "quota"})
    played = play_chunks({"base_resp": {"status_code": 77, "status_msg": "Boom"}}, profile=profile, provider="Own AI")
    assert played.error == {"code": "insufficient_quota", "message": "Boom (Own AI)"}
    assert play_chunks(text("Hi"), end=b"", provider="Own AI").error["message"].startswith("Own AI: ")


@pytest.mark.parametrize("reason", [*CUT, "model_context_window_exceeded"])
def test_a_text_cut_by_the_limit_is_incomplete_for_other_clients(reason):
    played = play_chunks(text("Hello"), stop(reason), codex=False)
    assert played.end["incomplete_details"] == {"reason": "max_output_tokens"}
    assert brief(played.items) == [("message", "Hello")]


def test_a_cut_call_is_never_sent():
    played = play_chunks(call('{"cmd":"ls"}', "exec_command", "a", 0), *HALF_CALL, stop("length"), cut_call=True)
    assert played.end["status"] == "completed"
    assert brief(played.items) == [("function_call", "exec_command", '{"cmd":"ls"}')]


def test_no_cut_call_is_sent_though_several_were_open():
    played = play_chunks(
        call('{"cmd":"a', "exec_command", "a", 0), call('{"cmd":"b', "exec_command", "b", 1), call("c", index=0), stop("length"),
        cut_call=True,
    )  # fmt: skip
    assert played.items == []
    assert played.error["code"] == "invalid_prompt"


def test_a_whole_call_behind_a_cut_one_is_sent():
    played = play_chunks(
        call('{"cmd":"a', "exec_command", "a", 0),
        call('{"cmd":"b"}', "exec_command", "b", 1),
        stop("length"),
        cut_call=True,
    )
    assert brief(played.items) == [("function_call", "exec_command", '{"cmd":"b"}')]


def test_text_before_a_cut_call_is_kept_and_says_so():
    played = play_chunks(text("I delete it."), *HALF_CALL, stop("length"), cut_call=True)
    assert [kind for kind, *_ in brief(played.items)] == ["message", "message"]
    assert "output limit was reached" in played.items[1]["content"][0]["text"]


def test_a_lone_cut_call_stops_with_advice():
    played = play_chunks(*HALF_CALL, stop("length"))
    assert played.error["code"] == "invalid_prompt"
    assert "in the middle of a tool call, which was not run" in played.error["message"]


def test_a_limit_used_up_by_reasoning_stops_with_advice():
    played = play_chunks(chunk({"reasoning_content": "hm"}), stop("length"))
    assert played.error["code"] == "invalid_prompt"
    assert "Lower the reasoning effort" in played.error["message"]


def test_no_room_for_any_answer_makes_codex_compact():
    assert play_chunks(stop("length")).error["code"] == "context_length_exceeded"


@pytest.mark.parametrize("chunks", [[], [text("")], [text(" \n")]])
def test_an_empty_answer_is_a_failure_to_retry(chunks):
    assert play_chunks(*chunks, stop()).error == {"code": "server_error", "message": "host: the answer was empty"}


@pytest.mark.parametrize("thoughts", [chunk({"reasoning_content": "hm"}), text("<think>hm")])
def test_thoughts_alone_are_not_asked_for_again(thoughts):
    played = play_chunks(thoughts, stop())
    assert played.error["code"] == "invalid_prompt"
    assert "after thinking, without a text or a call" in played.error["message"]
    assert play_chunks(thoughts).error["code"] == "server_error"


# --- streams that stop


@pytest.mark.parametrize(
    "chunks", [[text("Hel")], HALF_CALL, [chunk({"reasoning_content": "hm"})], [call("{}", "exec_command", "a")]]
)
def test_a_stream_that_just_stops_is_a_failure_to_retry(chunks):
    played = play_chunks(*chunks, end=b"")
    assert played.error == {"code": "server_error", "message": "host: the stream ended in the middle of the answer"}


def test_items_that_were_whole_before_the_cut_stay():
    played = play_chunks(text("Hi"), call('{"a":1}', "exec_command", "a", 0), *HALF_CALL, end=b"")
    assert brief(played.items) == [("message", "Hi"), ("function_call", "exec_command", '{"a":1}')]
    assert played.end["status"] == "failed"


def test_done_without_a_finish_reason_is_an_end():
    assert play_chunks(text("Hello")).end["status"] == "completed"


def test_a_finish_reason_without_done_is_an_end():
    assert play_chunks(text("Hello"), stop(), end=b"").end["status"] == "completed"


def test_done_in_the_middle_of_a_call_is_a_failure_to_retry():
    assert play_chunks(*HALF_CALL).error == {
        "code": "server_error", "message": "host: the stream ended in the middle of a tool call",
    }  # fmt: skip


@pytest.mark.parametrize(
    "done", [b"data:[DONE]\n\n", b"data: [DONE]", b"data: [DONE] \r\n\r\n", b"event: done\ndata: [DONE]\n\n"]
)
def test_done_may_be_spelt_in_several_ways(done):
    assert play(stream(text("Hello"), end=done)).end["status"] == "completed"


def test_a_last_event_without_its_blank_line_is_read():
    assert play(event(text("Hello")), event(stop())[:-2]).end["status"] == "completed"


def test_a_last_event_cut_in_half_is_left_out():
    played = play(stream(text("Hello"), stop(), end=b'data: {"choices":[{"del'))
    assert brief(played.items) == [("message", "Hello")]
    assert "an event that is not JSON was left out" in played.summary.notes


# --- errors in the stream


ERRORS = [
    ({"error": {"message": "Boom", "type": "server_error", "code": None}}, "server_error"),
    ({"error": {"message": "Boom", "code": 502}}, "server_error"),
    ({"error": "Boom"}, "server_error"),
    ({"type": "error", "error": {"type": "overloaded_error", "message": "Boom"}}, "rate_limit_exceeded"),
    ({"object": "error", "message": "Boom", "code": 500}, "server_error"),
    ({"id": "r", "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}], "error": {"code": 502, "message": "Boom"}}, "server_error"),
    ({"choices": [], "x_groq": {"id": "r", "error": "Boom"}}, "server_error"),
    ({"id": "r", "choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": {"code": 503, "message": "Boom"}}]}, "server_error"),
    ({"error": {"message": "Boom"}, "status_code": 400}, "invalid_prompt"),
    ({"choices": None, "base_resp": {"status_code": 1000, "status_msg": "Boom"}}, "server_error"),
    ({"error": {"message": "Boom", "type": "invalid_request_error", "code": None}}, "invalid_prompt"),
    ({"error": {"message": "Boom", "code": "data_inspection_failed"}}, "invalid_prompt"),
    ({"error": {"message": "Boom", "code": 401}}, "invalid_prompt"),
    ({"error": {"message": "Boom", "code": "rate_limit_exceeded"}}, "rate_limit_exceeded"),
    ({"error": {"message": "Boom", "code": 429}}, "rate_limit_exceeded"),
    ({"error": {"message": "Boom", "code": "insufficient_quota"}}, "insufficient_quota"),
    ({"error": {"message": "Boom", "code": 400, "metadata": {"error_type": "context_length_exceeded"}}}, "context_length_exceeded"),
    ({"choices": None, "base_resp": {"status_code": 1008, "status_msg": "Boom: insufficient balance"}}, "insufficient_quota"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code"), ERRORS)
@pytest.mark.parametrize("begun", [True, False])
def test_an_error_in_the_stream_ends_it_with_the_providers_words(body, code, begun):
    played = play_chunks(*[text("Hel")] * begun, body, end=DONE if begun else b"")
    assert played.error["code"] == code
    assert played.error["message"].startswith("Boom")


@pytest.mark.parametrize(("body", "code"), ERRORS)
def test_an_error_as_the_whole_body_of_a_200_is_the_same(body, code):
    played = play(json.dumps(body).encode())
    assert played.error["code"] == code
    assert played.error["message"].startswith("Boom")


@pytest.mark.parametrize(
    "harmless", [{"error": None}, {"error": {}}, {"error": ""}, {"base_resp": {"status_code": 0, "status_msg": ""}}]
)
def test_an_empty_error_is_none(harmless):
    played = play_chunks(chunk({"content": "Hello"}, **harmless), stop(**harmless))
    assert brief(played.items) == [("message", "Hello")]


def test_an_event_named_error_counts_by_its_data():
    played = play(b'event: error\ndata: {"error":{"message":"Failed to call a function","code":"tool_use_failed"}}\n\n')
    assert played.error["message"].startswith("Failed to call a function")


# --- bodies that are no stream


WHOLE = {
    "id": "c", "object": "chat.completion", "model": "m-1",
    "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "I look.", "reasoning_content": "hm",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "exec_command", "arguments": "{}"}},
                       {"id": "b", "type": "function", "function": {"name": "apply_patch", "arguments": '{"input":"x"}'}}]}}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11},
}  # fmt: skip
WHOLE_ITEMS = [
    ("reasoning", "hm"), ("message", "I look."), ("function_call", "exec_command", "{}"), ("custom_tool_call", "apply_patch", "x"),
]  # fmt: skip


@pytest.mark.parametrize("before", [b"", b"\n\n  ", b"\xef\xbb\xbf", b"\n" * 2000])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_json_answer_to_a_stream_request_is_streamed(before, size):
    data = before + json.dumps(WHOLE, indent=1).encode()
    played = play(*(data[i : i + size] for i in range(0, len(data), size)))
    assert brief(played.items) == WHOLE_ITEMS
    assert played.end["usage"]["total_tokens"] == 11


def test_a_json_answer_without_a_finish_reason_is_whole():
    played = play(b'{"choices":[{"message":{"content":"Hello"}}]}')
    assert brief(played.items) == [("message", "Hello")]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html><body><h1>502 Bad Gateway</h1></body></html>", "unexpected answer: <html><body><h1>502 Bad Gateway"),
        (b'{"status":"ok"}', 'unexpected answer: {"status":"ok"}'),
        (b'{"choices":[]}', 'unexpected answer: {"choices":[]}'),
        (b'{"choices":[{"ind', 'unexpected answer: {"choices":[{"ind'),
        (b"[]", "unexpected answer: []"),
        (b"upstream connect error", "the answer is not an event stream: upstream connect error"),
        (b"\xff\xfe\x00", "the answer is not an event stream: \ufffd\ufffd\ufffd"),
        (b"", "the answer was empty"),
        (b"\n\n", "the answer was empty"),
    ],
)
def test_a_body_that_is_no_answer_is_a_failure_that_quotes_it(body, said):
    played = play(body)
    assert played.error["code"] == "server_error"
    assert played.error["message"].startswith(f"host: {said}")


def test_comments_alone_are_an_empty_answer():
    assert play(b": hello\n\n", b": hello\n\n").error["code"] == "server_error"
