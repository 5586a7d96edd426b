from __future__ import annotations

import json

from relay_translate import translate_response

from .events import check_events, parse_events
from .streams import brief, context, counted_ids, stop, stream, text

WHOLE = json.dumps(
    {
        "model": "m-1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11},
    }
).encode()


def reply(data, **fields):
    return translate_response(data, context(**fields), new_id=counted_ids(), created_at=3)


def test_a_whole_answer_is_one_response_object_where_no_stream_was_asked_for():
    whole = reply(WHOLE, stream=False, codex=False)
    body = json.loads(whole.body)
    assert (whole.status, dict(whole.headers)["content-type"]) == (200, "application/json")
    assert (body["object"], body["status"], body["created_at"], body["model"]) == ("response", "completed", 3, "gpt-x")
    assert brief(body["output"]) == [("message", "Hello")]
    assert body["usage"]["total_tokens"] == 11
    assert whole.summary.text_chars == 5


def test_a_whole_answer_is_a_stream_where_one_was_asked_for():
    whole = reply(WHOLE)
    assert dict(whole.headers)["content-type"] == "text/event-stream; charset=utf-8"
    assert brief(check_events(parse_events(whole.body))) == [("message", "Hello")]


def test_a_recorded_stream_is_one_response_object_where_no_stream_was_asked_for():
    body = json.loads(reply(stream(text("Hel"), text("lo"), stop()), stream=False).body)
    assert brief(body["output"]) == [("message", "Hello")]


def test_an_incomplete_answer_is_a_response_object():
    whole = reply(stream(text("Hel"), stop("length")), stream=False, codex=False)
    body = json.loads(whole.body)
    assert (whole.status, body["status"]) == (200, "incomplete")
    assert body["incomplete_details"] == {"reason": "max_output_tokens"}


def test_an_error_in_a_200_is_an_error_status_where_no_stream_was_asked_for():
    whole = reply(b'{"error":{"message":"Slow down","code":429}}', stream=False)
    assert whole.status == 429
    assert dict(whole.headers) == {"content-type": "application/json", "retry-after": "5"}
    assert json.loads(whole.body)["error"]["code"] == "rate_limit_exceeded"
    assert whole.summary.status == "failed"


def test_an_unreadable_answer_is_an_error_and_no_exception():
    whole = reply(b"<html>", stream=False)
    assert whole.status == 502
    assert json.loads(whole.body)["error"]["code"] == "server_error"
