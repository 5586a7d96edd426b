"""Details of dialects that a provider would refuse, or that a user would pay for."""

from __future__ import annotations

import time

import pytest

from relay_translate import InvalidRequest, find_profile, translate_error, translate_request
from relay_translate.error_kinds import wait_in, wait_in_headers
from relay_translate.ids import call_id_for
from relay_translate.profiles import PROFILES
from relay_translate.schemas import fit_schema

from .streams import chunk, event, play, play_chunks, stop, text


def asked(profile: str, model: str = "m", **body: object) -> dict:
    request = {"model": model, "input": "hi", "stream": True, **body}
    return dict(translate_request(request, find_profile(name=profile, model=model)).body)


def tool(parameters: object) -> list[dict]:
    return [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"x": parameters}}}]


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize(
    "odd", [{"enum": {"a": 1}}, {"enum": 5}, {"enum": True}, {"enum": []}, {"items": 3}, {"type": []}]
)
def test_an_odd_schema_raises_nothing(profile: str, odd: object) -> None:
    assert asked(profile, tools=tool(odd))["tools"]


def test_openapi_schemas_hold_what_google_takes() -> None:
    rules = find_profile(name="gemini").schema
    schema = {
        "type": "object",
        "properties": {
            "list": {"type": "array"},
            "pair": {"type": "array", "prefixItems": [{"type": "string"}]},
            "where": {"type": "string", "format": "uri"},
            "when": {"type": "string", "format": "date-time"},
            "count": {"type": "integer", "enum": [1, 2]},
            "level": {"type": "integer", "const": 3},
            "either": {"type": ["string", "integer"]},
            "word": {"type": "string", "enum": ["a", "b"]},
        },
        "required": ["list", "nowhere"],
    }
    fitted = fit_schema(schema, rules)
    assert fitted["required"] == ["list"]
    assert fitted["properties"] == {
        "list": {"type": "array", "items": {"type": "string"}},
        "pair": {"type": "array", "items": {"type": "string"}},
        "where": {"type": "string"},
        "when": {"type": "string", "format": "date-time"},
        "count": {"type": "integer"},
        "level": {"type": "integer"},
        "either": {"type": "string"},
        "word": {"type": "string", "enum": ["a", "b"]},
    }


def test_a_vendors_model_elsewhere_is_asked_at_the_usual_path() -> None:
    found = find_profile(host="localhost", model="glm-4.6")
    assert (found.name, found.chat_path(), found.title) == ("glm", "/v1/chat/completions", "")
    assert find_profile(host="api.z.ai", model="glm-4.6").chat_path() == "/api/paas/v4/chat/completions"


@pytest.mark.parametrize("model", ["qwen3-235b-a22b-thinking-2507", "qwq-plus"])
@pytest.mark.parametrize("effort", [None, "none", "high"])
def test_a_model_that_only_thinks_is_always_told_to(model: str, effort: str | None) -> None:
    reasoning = {"reasoning": {"effort": effort}} if effort else {}
    assert asked("qwen", model, **reasoning)["enable_thinking"] is True


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("mistral-medium-latest", True),
        ("mistral-large-2605", True),
        ("mistral-large-2411", False),
        ("mistral-small-2506", False),
    ],
)
def test_an_effort_goes_to_models_that_know_one(model: str, sent: bool) -> None:
    assert ("reasoning_effort" in asked("mistral", model, reasoning={"effort": "high"})) is sent


def test_ids_that_a_model_numbers_by_the_tool_stay() -> None:
    long = f"functions.{'x' * 64}:0"
    assert call_id_for(long, form="any", longest=64) == long
    assert call_id_for(long, form="any", longest=40) != long
    assert call_id_for("y" * 76, form="any", longest=64) != "y" * 76


@pytest.mark.parametrize(
    ("sentence", "seconds"),
    [
        ("Weekly limit reached. Try again in 2 days.", 172800.0),
        ("try again in 3 weeks", 1814400.0),
        ("try again in 1m2.5s", 62.5),
        ("Please retry in 59.28s.", 59.28),
        ("retry after 1 minute and 30 seconds", 90.0),
        ("try again in 20", 20.0),
        ("try again after 2026-11-22T10:00:00Z", None),
        ("retry in 3 attempts", None),
    ],
)
def test_waits_are_read_or_left_alone(sentence: str, seconds: float | None) -> None:
    assert wait_in(sentence) == seconds


def test_no_header_and_no_page_keeps_the_relay_busy() -> None:
    started = time.process_time()
    wait_in_headers({"x-ratelimit-reset-requests": "1" * 40 + "Z", "x-ratelimit-reset": "1" * 30 + "Z"})
    wait_in("try again in " + "1 " * 20000 + "-")
    translate_error(502, {}, b"<html>" + b"<script" * 20000)
    play_chunks(chunk({"content": "<think>"}), *[text("\n")] * 20000, stop())
    assert time.process_time() - started < 10  # each of these took minutes, or grew with the square


QUOTA = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({}, {"error": {"message": QUOTA}}, "insufficient_quota"),
        ({"retry-after": "20"}, {"error": {"message": QUOTA}}, "rate_limit_exceeded"),
        ({}, {"error": {"message": QUOTA, "details": [{"retryDelay": "34s"}]}}, "rate_limit_exceeded"),
    ],
)
def test_a_quota_that_names_a_wait_is_a_rate(headers: dict, body: dict, code: str) -> None:
    import json

    assert translate_error(429, headers, json.dumps(body).encode()).code == code


def test_an_error_in_a_list_in_a_stream_is_told() -> None:
    played = play_chunks([{"error": {"code": 400, "message": "API key not valid"}}], end=b"")  # type: ignore[list-item]
    assert "API key not valid" in played.end["error"]["message"]


def test_opaque_details_come_back_as_text_where_that_is_the_form() -> None:
    profile = find_profile(name="deepseek")
    details = [{"type": "reasoning.text", "text": "Hm.", "index": 0}]
    call = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{}"}}]}
    played = play_chunks(
        chunk({"reasoning": "Hm.", "reasoning_details": details}), chunk(call), stop("tool_calls"), profile=profile
    )
    outputs = [{"type": "function_call_output", "call_id": "c1", "output": "ok"}]
    request = {"model": "m", "input": [*played.items, *outputs]}
    messages = translate_request(request, profile).body["messages"]
    assert [m.get("reasoning_content") for m in messages if m["role"] == "assistant"] == ["Hm."]


def test_an_answer_of_a_wanted_form_gets_nothing_added() -> None:
    played = play_chunks(text('{"a":'), stop("length"), structured=True)
    assert played.items[0]["content"][0]["text"] == '{"a":'


def test_a_user_may_take_a_search_away() -> None:
    from relay_translate.profiles import profile_from_table

    assert profile_from_table({"base": "openrouter", "web_search": False}).web_search is None
    assert find_profile(name="qwen", model="deepseek-v3").web_search is None


def test_nothing_but_a_wrong_request_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        asked("generic", tools="x")


def test_a_damaged_chunk_is_no_answer_with_a_hole() -> None:
    head = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"cmd":"rm -rf /srv/data'}}
    tail = {"index": 0, "function": {"arguments": '"}'}}
    damaged = b'data: {"choices":[{"delta":{"tool_calls":[{"ind\n\n'
    first, last = event(chunk({"tool_calls": [head]})), event(chunk({"tool_calls": [tail]}))
    played = play(first, damaged, last, event(stop("tool_calls")))
    assert (played.end["status"], played.end["error"]["code"], played.items) == ("failed", "server_error", [])


def test_bytes_that_are_no_utf8_do_not_cost_the_text_around_them() -> None:
    played = play(b'data: {"choices":[{"delta":{"content":"a\xffb"}}]}\n\n', event(stop()))
    assert played.items[0]["content"][0]["text"] == "a\ufffdb"


def test_a_message_that_repeats_the_stream_is_not_added_to_it() -> None:
    last = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}
    assert play_chunks(text("Hel"), text("lo"), last).items[0]["content"][0]["text"] == "Hello"
    assert play_chunks(last).items[0]["content"][0]["text"] == "Hello"


@pytest.mark.parametrize(
    "line", [b'error: {"error":{"message":"No slot left","code":503}}\n\n', b'{"error":{"message":"No slot left"}}\n\n',
             b"event: error\ndata: No slot left\n\n"],
)  # fmt: skip
def test_an_error_in_a_form_of_its_own_keeps_its_sentence(line: bytes) -> None:
    played = play(event(text("Hal")), line)
    assert "No slot left" in played.end["error"]["message"]


@pytest.mark.parametrize("profile", ["gemini", "kimi"])
def test_true_and_false_are_no_schemas_there(profile: str) -> None:
    given = {"any": True, "never": False, "list": {"type": "array", "items": True}}
    (sent,) = asked(
        profile, tools=[{"type": "function", "name": "f", "parameters": {"type": "object", "properties": given}}]
    )["tools"]
    properties = sent["function"]["parameters"]["properties"]
    assert properties == {
        "any": {"type": "string"},
        "never": {"type": "string"},
        "list": {"type": "array", "items": {"type": "string"}},
    }


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("'max_tokens' is too large: 40000, maximum context length is 8192 and your request has 100", "invalid_prompt"),
        ("Total tokens of image and text exceed max message tokens", "context_length_exceeded"),
    ],
)
def test_an_output_that_is_too_long_is_no_conversation_that_is(message: str, code: str) -> None:
    import json

    from relay_translate.errors import STOP

    told = translate_error(400, {}, json.dumps({"error": {"message": message}}).encode())
    assert told.code == (STOP if code == "invalid_prompt" else code)


@pytest.mark.parametrize(
    "table", [{"tools": {"most": -5}}, {"tools": {"longest_name": 3}}, {"extra_fields": {"model": "m"}}]
)
def test_a_profile_that_would_break_requests_is_refused(table: dict) -> None:
    from relay_translate.profiles import profile_from_table

    with pytest.raises(ValueError, match=r"at least|can't be set"):
        profile_from_table(table)
