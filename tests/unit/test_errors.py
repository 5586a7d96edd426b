"""What a provider's error means to the client: its class, and how it is told."""

from __future__ import annotations

import json

import pytest

from relay_translate import (
    ApiError,
    InvalidRequest,
    TurnContext,
    error_body,
    error_headers,
    error_stream,
    translate_error,
)
from relay_translate.errors import stream_error

from .error_answers import answer
from .events import check_events, parse_events
from .streams import counted_ids


def test_the_sentence_names_provider_and_status():
    assert answer(400, {"error": "Boom"}, provider="api.example.com").message == "Boom (api.example.com, HTTP 400)"


OVERFLOWS = [
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
    "Input tokens exceed the configured limit of 272000 tokens.",
    "Your input exceeds the context window of this model",
    "Invalid request: Your request exceeded model token limit: 262144 (requested: 459079)",
    "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 260096]",
    "Prompt contains 160907 tokens and 0 draft tokens, too large for model with 131072 maximum context length",
    "Please reduce the length of the messages or completion.",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "Input length 300000 exceeds the maximum allowed input length of 262144 tokens.",
    "Prompt too long",
    "Prompt exceeds max length",
    "The input (516368 tokens) is longer than the model's context length (262144 tokens).",
    "`inputs` tokens + `max_new_tokens` must be <= 131073. Given: 140000 `inputs` tokens",
    "The prompt is too long: 798932, model maximum context length: 262143",
    "Current length is 8677 while limit is 8192",
    "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
    "Request payload size exceeds the limit: 20971520 bytes.",
    "prompt is too long: 213462 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 200043 + 32000 > 204658",
    "The decoder prompt (length 40000) is longer than the maximum model length of 32768.",
    "Requested token count exceeds the model's maximum context length of 32768 tokens.",
    "request (36864 tokens) exceeds the available context size (32768 tokens), try increasing it",
    "input (36864 tokens) is larger than the max context size",
    "the prompt is longer than the context length currently available to the model; shorten the prompt",
    "prompt too long; exceeded max context length by 15935 tokens",
    "input length (40000 tokens) exceeds the model's maximum context length (32768 tokens)",
    "Trying to keep the first 14321 tokens when context the overflows.",
    "tokens to keep from the initial prompt is greater than the context length",
    "litellm.ContextWindowExceededError: AnthropicException",
    "Context Window exceeded for given call",
    "prompt token count of 130000 exceeds the limit of 128000",
    "Input is too long for requested model.",
    "Prompt tokens too long",
    "请求超过最大上下文长度",
    "超出了模型最大token限制",
]


@pytest.mark.parametrize("wording", OVERFLOWS)
@pytest.mark.parametrize("status", [400, 413, 422])
def test_every_wording_of_too_long_makes_codex_compact(wording, status):
    error = answer(status, {"error": {"message": wording}})
    assert (error.code, error.status, error.message) == ("context_length_exceeded", 400, wording)


def test_a_sentence_that_can_mean_a_picture_says_so():
    error = answer(400, {"error": {"message": "invalid params, context window exceeds limit (2013)"}}, provider="host")
    assert error.code == "context_length_exceeded"
    assert error.message.endswith("(2013) [MiniMax says the same of a picture above 10 MB] (host, HTTP 400)")


@pytest.mark.parametrize(
    "error",
    [
        {"message": "no", "code": "context_length_exceeded"},
        {"message": "no", "type": "exceed_context_size_error", "code": 400},
        {"message": "no", "type": "request_too_large"},
        {"message": "no", "metadata": {"error_type": "context_length_exceeded"}},
    ],
)
def test_codes_of_too_long_make_codex_compact(error):
    assert answer(400, {"error": error}).code == "context_length_exceeded"


@pytest.mark.parametrize(
    "body", [b"", b"Request Entity Too Large", b"<html><title>413 Request Entity Too Large</title></html>"]
)
def test_a_request_too_large_for_a_gateway_makes_codex_compact(body):
    assert answer(413, body).code == "context_length_exceeded"


@pytest.mark.parametrize(
    "wording",
    [
        "Request too large for model `m` on tokens per minute (TPM): Limit 8000, Requested 10013",
        "Rate limit reached: maximum context length of your tier",
        "Too many requests: input token count exceeds the quota",
        "Throttling: exceeds the context limit per second",
    ],
)
@pytest.mark.parametrize("status", [413, 429, 498])
def test_a_rate_is_not_a_length(wording, status):
    error = answer(status, {"error": {"message": wording, "code": "rate_limit_exceeded"}})
    assert (error.code, error.status) == ("rate_limit_exceeded", 429)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (402, {"message": "Insufficient Balance"}),
        (402, {"message": "Pay, and try again in 3s"}),
        (429, {"message": "You exceeded your current quota, please check your plan.", "code": "insufficient_quota"}),
        (429, {"message": "Your account is suspended", "type": "exceeded_current_quota_error"}),
        (429, {"message": "Insufficient balance or no resource package. Please recharge.", "code": "1113"}),
        (429, {"message": "余额不足或无可用资源包", "code": "1113"}),
        (403, {"message": "no", "code": "insufficient_user_quota"}),
        (400, {"message": "Access denied", "code": "Arrearage"}),
        (400, {"message": "Your credit balance is too low to access the API."}),
    ],
)
def test_out_of_credit_stops(status, error):
    told = answer(status, {"error": error})
    # A client that gets the status must not try again, as it would at 429.
    assert (told.code, told.status, told.retry_after) == ("insufficient_quota", 402 if status == 402 else 429, None)


CLASSES = [
    (300, "invalid_prompt", 502), (400, "invalid_prompt", 400), (401, "invalid_prompt", 401), (403, "invalid_prompt", 403),
    (404, "invalid_prompt", 404), (405, "invalid_prompt", 405), (422, "invalid_prompt", 422), (408, "server_error", 408),
    (409, "server_error", 409), (425, "server_error", 425), (498, "server_error", 498), (500, "server_error", 500),
    (502, "server_error", 502), (503, "server_error", 503), (504, "server_error", 504), (529, "server_error", 529),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code", "told"), CLASSES)
def test_statuses_decide_whether_codex_tries_again(status, code, told):
    error = answer(status, {"error": {"message": "Boom"}})
    assert (error.code, error.status) == (code, told)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
    ],
)
def test_a_refusal_names_its_kind_for_other_clients(status, kind):
    assert answer(status, {"error": "Boom"}).type == kind


def test_an_overloaded_server_that_names_a_wait_is_waited_for():
    error = answer(503, {"error": "Loading model"}, {"retry-after": "2"})
    assert (error.code, error.status, error.retry_after) == ("rate_limit_exceeded", 503, 2.0)
    assert error.message == "Loading model. Please try again in 2s."


@pytest.mark.parametrize(
    ("status", "code"), [(400, "content_filter"), (403, "moderation"), (500, "data_inspection_failed")]
)
def test_moderation_stops(status, code):
    assert answer(status, {"error": {"message": "Boom", "code": code}}).code == "invalid_prompt"


REFUSALS = [  # status, body -> status, type and code for other clients
    (400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***b."}, 401, "authentication_error", "Client specified an invalid argument"),
    (400, [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT"}}], 401, "authentication_error", "invalid_api_key"),
    (401, {"error": {"message": "Boom", "code": 401}}, 401, "authentication_error", "invalid_api_key"),
    (403, {"error": {"message": "invalid_api_key"}}, 401, "authentication_error", "invalid_api_key"),
    (403, {"error": {"message": "Boom"}}, 403, "permission_error", None),
    (400, {"error": {"message": "Invalid model: foo", "code": "1500"}}, 404, "not_found_error", "model_not_found"),
    (404, {"error": {"message": "The model `x` does not exist.", "code": 404}}, 404, "not_found_error", "model_not_found"),
    (404, {"error": {"code": "DeploymentNotFound", "message": "Boom"}}, 404, "not_found_error", "DeploymentNotFound"),
    (403, {"error": {"message": "Your input was flagged.", "code": 403, "metadata": {"reasons": ["violence"]}}}, 400, "invalid_request_error", "content_filter"),
    (400, {"error": {"code": "content_filter", "message": "Boom", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, 400, "invalid_request_error", "content_filter"),
    (403, {"code": "c", "error": "Content violates usage guidelines."}, 400, "invalid_request_error", "c"),
    (500, {"error": {"code": 500, "message": "Failed to parse tools: Unsupported tool type", "type": "server_error"}}, 400, "invalid_request_error", "500"),
    (500, {"error": {"message": "Conversation roles must alternate user/assistant/user/assistant/..."}}, 400, "invalid_request_error", None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "told", "kind", "code"), REFUSALS)
def test_a_refusal_stops_codex_and_tells_other_clients_why(status, body, told, kind, code):
    error = answer(status, body)
    assert (error.code, error.status, error.type) == ("invalid_prompt", told, kind)
    assert json.loads(error_body(error))["error"]["code"] == code


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422])
@pytest.mark.parametrize("message", ["The server is overloaded", "internal error", "try again in 5s", "Boom"])
def test_a_request_at_fault_is_never_sent_again(status, message):
    assert answer(status, {"error": {"message": message}}).code == "invalid_prompt"


OWN_CODES = {"1": "overflow", "2": "quota", "3": "rate", "4": "overload", "5": "filter", "6": "auth", "7": "model",
             "8": "refused", "9": "broken", "own_type": "quota", "10": "nonsense"}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("1", "context_length_exceeded"), ("2", "insufficient_quota"), ("3", "rate_limit_exceeded"),
        ("4", "rate_limit_exceeded"), ("5", "invalid_prompt"), ("6", "invalid_prompt"), ("7", "invalid_prompt"),
        ("8", "invalid_prompt"), ("9", "server_error"), ("10", "server_error"),
    ],
)  # fmt: skip
def test_a_profiles_codes_decide(code, told):
    body = {"error": {"message": "Boom", "code": code}}
    assert translate_error(500, {}, json.dumps(body).encode(), codes=OWN_CODES).code == told
    assert stream_error(body, codes=OWN_CODES).code == told


def test_a_profiles_codes_may_be_types():
    body = b'{"error": {"message": "Boom", "type": "own_type"}}'
    assert translate_error(429, {}, body, codes=OWN_CODES).code == "insufficient_quota"


def test_one_code_for_everything_does_not_hide_what_is_too_long():
    too_long = b'{"code": "8", "message": "Prompt contains 160907 tokens, too large for model with 131072 maximum"}'
    assert translate_error(400, {}, too_long, codes=OWN_CODES).code == "context_length_exceeded"


@pytest.mark.parametrize(("status", "code"), [(400, "context_length_exceeded"), (502, "server_error")])
def test_a_profile_may_know_what_silence_means(status, code):
    assert translate_error(status, {}, b"", codes={"empty_body": "overflow"}).code == code


def test_silence_means_nothing_else():
    assert answer(400, b"").code == "invalid_prompt"


def test_a_call_that_the_server_refuses_to_pass_on_is_worth_another_try():
    body = {
        "error": {"message": "Failed to call a function.", "type": "invalid_request_error", "code": "tool_use_failed"}
    }
    assert answer(400, body).code == "server_error"
    assert stream_error(body).code == "server_error"


def test_a_redirect_says_where_to():
    error = answer(301, b"", {"location": "https://other.example/v1"})
    assert error.code == "invalid_prompt"
    assert "https://other.example/v1" in error.message


def test_a_long_sentence_is_cut():
    assert len(answer(400, {"error": "x" * 100_000}).message) == 2000


# --- how it is told


def test_error_body_is_the_apis_error_object():
    error = InvalidRequest("`model` must be a string", "model").api_error
    assert json.loads(error_body(error)) == {
        "error": {
            "message": "`model` must be a string",
            "type": "invalid_request_error",
            "param": "model",
            "code": "invalid_value",
        }
    }
    assert error.status == 400


def test_error_body_is_utf_8_though_the_message_is_not():
    assert json.loads(error_body(ApiError(400, "c", "half \ud83d é")))["error"]["message"] == "half ? é"


@pytest.mark.parametrize(("wait", "seconds"), [(0.0, "0"), (0.25, "1"), (2.0, "2"), (2.01, "3")])
def test_other_clients_get_whole_seconds(wait, seconds):
    assert ("retry-after", seconds) in error_headers(ApiError(429, "c", "m", retry_after=wait))


def test_no_wait_no_header():
    assert error_headers(ApiError(400, "c", "m")) == (("content-type", "application/json"),)


@pytest.mark.parametrize("context", [None, TurnContext(requested_model="gpt-x")])
def test_codex_hears_of_an_error_in_a_stream(context):
    events = parse_events(
        error_stream(ApiError(400, "invalid_prompt", "No."), context, new_id=counted_ids(), created_at=9, model="gpt-x")
    )
    check_events(events)
    assert [event["type"] for event in events] == ["response.created", "response.in_progress", "response.failed"]
    assert events[-1]["response"]["error"] == {"code": "invalid_prompt", "message": "No."}
    assert (events[-1]["response"]["model"], events[-1]["response"]["created_at"]) == ("gpt-x", 9)


def test_a_wait_that_nobody_sits_through_stops_the_turn():
    error = translate_error(429, {"retry-after": "7200"}, b'{"error":{"message":"Plan limit reached."}}')
    assert (error.code, error.retry_after) == ("invalid_prompt", 7200)
    assert error.message == "Plan limit reached. Try again in 120 minutes."


def test_other_clients_get_the_providers_own_code():
    told = translate_error(401, {}, b'{"error":{"message":"Bad key.","code":"invalid_api_key"}}')
    assert told.code == "invalid_prompt"  # stops Codex
    assert json.loads(error_body(told))["error"] == {
        "message": "Bad key.", "type": "authentication_error", "param": None, "code": "invalid_api_key",
    }  # fmt: skip


def test_a_terminal_is_not_painted():
    told = translate_error(400, {}, "\x1b[31mred\x1b[0m \x07é\n".encode())
    assert told.message == "\ufffd[31mred\ufffd[0m \ufffdé"
