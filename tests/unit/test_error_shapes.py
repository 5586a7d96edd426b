"""Bodies of errors: the sentence is found in every shape."""

from __future__ import annotations

import pytest

from relay_translate.errors import read_error, stream_error

from .error_answers import answer

SHAPES = [
    ({"error": {"message": "Boom", "type": "t", "param": None, "code": "c"}}, "Boom", "c", "t"),
    ({"error": {"message": "Boom", "code": 400}}, "Boom", "400", ""),
    ({"error": {"message": "Boom", "code": None, "type": None}}, "Boom", "", ""),
    ({"error": {"code": "1113", "message": "Boom"}}, "Boom", "1113", ""),
    ({"object": "error", "message": "Boom", "type": "t", "param": None, "code": "3051"}, "Boom", "3051", "t"),
    ({"message": "Boom", "type": "t", "code": "c"}, "Boom", "c", "t"),
    ({"code": "Some prose", "error": "Boom"}, "Boom", "Some prose", ""),
    ({"error": "Boom"}, "Boom", "", ""),
    ([{"error": {"code": 400, "message": "Boom", "status": "INVALID_ARGUMENT"}}], "Boom", "400", "INVALID_ARGUMENT"),
    ({"type": "error", "error": {"type": "t", "message": "Boom", "http_code": "400"}, "request_id": "r"}, "Boom", "", "t"),
    ({"base_resp": {"status_code": 1008, "status_msg": "Boom"}}, "Boom", "1008", ""),
    ({"detail": "Boom"}, "Boom", "", ""),
    ({"status": 422, "title": "Unprocessable", "detail": "Boom"}, "Boom", "Unprocessable", ""),
    ({"detail": [{"type": "missing", "loc": ["body", 2, "role"], "msg": "Boom"}, {"loc": [], "msg": "Bang"}]}, "body.2.role: Boom; Bang", "", ""),
    ({"detail": [{"why": "Boom"}]}, '[{"why": "Boom"}]', "", ""),
    ({"detail": {"error": {"message": "Boom", "code": "c"}}}, "Boom", "c", ""),
    ({"errors": [{"message": "Boom", "code": 7003}]}, "Boom", "7003", ""),
    ({"errors": ["Boom"]}, "Boom", "", ""),
    ({"error_code": 336103, "error_msg": "Boom"}, "Boom", "336103", ""),
    ({"code": 20012, "msg": "Boom", "data": None}, "Boom", "20012", ""),
    ({"statusCode": 401, "message": "Boom"}, "Boom", "", ""),
    ({"object": "error", "message": "", "code": "3051"}, "", "3051", ""),
    ({"error": {"message": '{"error": {"message": "Boom", "code": "c"}}', "code": "outer", "type": "t"}}, "Boom", "c", "t"),
    ({"error": {"message": '[{"error": {"message": "Boom", "status": "S"}}]', "code": 502}}, "Boom", "502", "S"),
    ({"error": {"message": '{"a": 1}', "code": "c"}}, '{"a": 1}', "c", ""),
    ({"error": {"message": "Flagged.", "code": 403, "metadata": {"reasons": ["violence", "self-harm"]}}}, "Flagged: violence, self-harm.", "403", ""),
    ({"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": '{"error":{"message":"Boom"}}'}}}, "Provider returned error: Boom", "400", ""),
    ({"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": "Boom"}}}, "Provider returned error: Boom", "400", ""),
    ({"error": {"message": "Boom", "code": 400, "metadata": {"error_type": "context_length_exceeded"}}}, "Boom", "400", "context_length_exceeded"),
    ({"error": {"why": "Boom"}}, '{"why": "Boom"}', "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message", "code", "kind"), SHAPES)
def test_every_shape_of_error_body_is_read(body, message, code, kind):
    error = read_error(body)
    assert (error.message, error.code, error.type) == (message, code, kind)
    assert answer(400, body).message == (message or "no reason given")


@pytest.mark.parametrize(
    "body",
    [
        None,
        5,
        "Boom",
        [],
        {},
        {"choices": []},
        {"choices": [], "message": "hi"},
        {"error": None},
        {"base_resp": {"status_code": 0}},
    ],
)
def test_what_is_no_error_is_none(body):
    assert read_error(body) is None
    assert stream_error(body) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html><head><title>502 Bad\n Gateway</title></head><body>x</body></html>", "502 Bad Gateway"),
        (b"<!DOCTYPE html><body><style>p{}</style><h1>Sorry</h1><p>down</body>", "Sorry down"),
        (b"upstream connect error", "upstream connect error"),
        (b"", "no reason given"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'data: {"error":{"message":"Boom"}}\n\n', "Boom"),
        (b'{"error":', '{"error":'),
        (b'{"a":' * 10_000, ('{"a":' * 10_000)[:2000]),
    ],
)
def test_bodies_that_are_no_json_are_quoted(body, message):
    assert answer(502, body).message == message
