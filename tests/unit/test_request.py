"""Request fields: what is sent upstream, under which name, and what is refused."""

from __future__ import annotations

import dataclasses
import json

import pytest

from relay_translate import InvalidRequest, RequestOptions, find_profile, json_bytes, translate_request
from relay_translate.profiles import GENERIC

OPENAI = find_profile(name="openai")
HI = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
F = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}


def translate(profile=GENERIC, options=None, **fields):
    return translate_request({"model": "gpt-x", "input": [HI], "stream": True} | fields, profile, options)


def body(profile=GENERIC, options=None, **fields):
    return translate(profile, options, **fields).body


def test_the_smallest_request():
    assert body() == {
        "model": "gpt-x",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_string_is_a_user_message():
    assert body(input="Hi")["messages"] == [{"role": "user", "content": "Hi"}]


def test_instructions_lead():
    assert body(instructions="Be brief.")["messages"][0] == {"role": "system", "content": "Be brief."}


def test_instructions_alone_get_a_user_message_that_servers_insist_on():
    translated = translate(instructions="Greet me.", input=[])
    assert translated.body["messages"] == [
        {"role": "system", "content": "Greet me."},
        {"role": "user", "content": "Go on."},
    ]
    assert translated.notes == ("input: nothing but instructions; a user message was added, which every server needs",)


@pytest.mark.parametrize("stream", [False, None])
def test_without_stream_there_are_no_stream_options(stream):
    translated = translate(stream=stream)
    assert translated.body["stream"] is False
    assert "stream_options" not in translated.body
    assert translated.context.stream is False


CODEX_ONLY = {
    "store": False, "include": ["reasoning.encrypted_content"], "client_metadata": {"turn": "1"}, "metadata": {"a": "b"},
    "truncation": "auto", "user": "me", "safety_identifier": "me", "previous_response_id": None, "background": False,
    "max_tool_calls": 3, "top_logprobs": None, "n": 2,
}  # fmt: skip


def test_fields_that_chat_servers_refuse_are_not_sent():
    assert body(**CODEX_ONLY) == body()


@pytest.mark.parametrize("name", ["temperature", "top_p", "presence_penalty", "frequency_penalty", "seed"])
def test_sampling_goes_through(name):
    assert body(**{name: 0})[name] == 0
    assert name not in body(**{name: None})


def test_stop_goes_through():
    assert body(stop=["a"])["stop"] == ["a"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("prompt_cache_key", "k"), ("service_tier", "flex"), ("top_logprobs", 3), ("text", {"verbosity": "low"})],
)
def test_what_only_some_servers_take_is_left_out_with_a_note(field, value):
    name, value_sent = ("verbosity", "low") if field == "text" else (field, value)
    translated = translate(**{field: value})
    assert name not in translated.body
    assert translated.notes == (f"{name}: left out, the profile generic does not take it",)
    assert body(OPENAI, **{field: value})[name] == value_sent


@pytest.mark.parametrize(("profile", "name"), [(GENERIC, "max_tokens"), (OPENAI, "max_completion_tokens")])
def test_the_output_limit_has_the_profiles_name(profile, name):
    assert body(profile, max_output_tokens=50)[name] == 50


@pytest.mark.parametrize(
    ("effort", "generic", "openai"),
    [
        ("none", None, "none"), ("minimal", "low", "minimal"), ("low", "low", "low"), ("medium", "medium", "medium"),
        ("high", "high", "high"), ("xhigh", "high", "xhigh"), ("max", "high", "max"), ("ultra", "high", "ultra"),
        ("my-own", "my-own", "my-own"),
    ],
)  # fmt: skip
def test_an_effort_is_the_profiles_word_for_it(effort, generic, openai):
    assert body(reasoning={"effort": effort, "summary": "auto"}).get("reasoning_effort") == generic
    assert body(OPENAI, reasoning={"effort": effort}).get("reasoning_effort") == openai


@pytest.mark.parametrize(
    "reasoning", [None, {}, {"summary": "auto"}, {"effort": None}, {"effort": 5}, {"context": "all_turns"}]
)
def test_no_effort_is_no_field(reasoning):
    assert "reasoning_effort" not in body(reasoning=reasoning)


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ({"type": "json_schema", "name": "n", "strict": True, "schema": SCHEMA},
         {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}),
        ({"type": "json_schema", "name": "n", "strict": False, "description": "d", "schema": SCHEMA},
         {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": False, "description": "d"}}),
        ({"type": "json_schema"}, {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}),
        ({"type": "json_object"}, {"type": "json_object"}),
        ({"type": "text"}, None),
        (None, None),
    ],
)  # fmt: skip
def test_a_text_format_is_a_response_format(form, sent):
    assert body(text={"format": form}).get("response_format") == sent


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"text": {"format": {"type": "poem"}}}, "text.format.type"),
        ({"text": {"format": {"type": ["json_object"]}}}, "text.format.type"),
        ({"text": {"format": "json"}}, "text.format.type"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": ["x"]}, "tools[0]"),
        ({"tools": [{"type": "web_search"}, {"type": "function"}]}, "tools[1].name"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
    ],
)
def test_a_word_that_the_api_does_not_list_is_refused_by_name(fields, param):
    with pytest.raises(InvalidRequest) as refused:
        body(**fields)
    assert refused.value.api_error.param == param


# --- tools


def test_no_tools_no_choice_and_no_parallel_flag():
    for tools in (None, [], [{"type": "web_search"}]):
        sent = body(tools=tools, tool_choice="required", parallel_tool_calls=False)
        assert not sent.keys() & {"tools", "tool_choice", "parallel_tool_calls"}


@pytest.mark.parametrize(("flag", "sent"), [(True, None), (None, None), (False, False)])
def test_only_a_ban_on_parallel_calls_is_sent(flag, sent):
    assert body(tools=[F], parallel_tool_calls=flag).get("parallel_tool_calls") is sent


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", None),
        ("required", "required"),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_a_tool_choice_goes_with_the_tools(choice, sent):
    assert body(tools=[F], tool_choice=choice).get("tool_choice") == sent


def test_tools_in_the_input_join_the_others_in_order():
    added = {
        "type": "additional_tools",
        "role": "developer",
        "tools": [
            {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]},
            {"type": "tool_search", "execution": "client"},
        ],
    }
    found = {
        "type": "tool_search_output",
        "call_id": "s",
        "tools": [
            {"type": "namespace", "name": "mcp__x", "tools": [{"type": "function", "name": "g", "defer_loading": True}]}
        ],
    }
    searched = {"type": "tool_search_call", "call_id": "s", "arguments": {"query": "g"}}
    translated = translate(tools=[F], input=[added, HI, searched, found])
    assert [tool["function"]["name"] for tool in translated.body["tools"]] == ["f", "exec", "tool_search", "mcp__x__g"]
    assert {name: ref.kind for name, ref in translated.context.tools.items()} == {
        "f": "function", "exec": "custom", "tool_search": "tool_search", "mcp__x__g": "function",
    }  # fmt: skip


# --- what the operator set


@pytest.mark.parametrize(
    ("requested", "sent"),
    [("gpt-5.5", "big"), ("gpt-5", "big"), ("o9-mini", "small"), ("mine", "mine"), ("GPT-5", "GPT-5")],
)
def test_the_first_pattern_that_fits_names_the_model(requested, sent):
    options = RequestOptions(model_map={"gpt-5*": "big", "*-mini": "small", "gpt-5.5": "never"})
    translated = translate(options=options, model=requested)
    assert translated.body["model"] == translated.context.model == sent
    assert translated.context.requested_model == requested


def test_extra_and_dropped_parameters_have_the_last_word():
    options = RequestOptions(
        extra_params={"temperature": 1, "chat_template_kwargs": {"thinking": True}},
        drop_params=frozenset({"stream_options", "absent"}),
    )
    sent = body(options=options, temperature=0)
    assert (sent["temperature"], sent["chat_template_kwargs"]) == (1, {"thinking": True})
    assert "stream_options" not in sent


def test_a_model_among_the_extra_parameters_is_the_model():
    translated = translate(options=RequestOptions(model_map={"*": "mapped"}, extra_params={"model": "extra"}))
    assert translated.body["model"] == translated.context.model == "extra"


def test_the_context_tells_the_answer_what_it_needs():
    translated = translate(
        options=RequestOptions(codex=False, provider="host"), instructions="I", temperature=0.5, tools=[F]
    )
    context = translated.context
    assert (context.stream, context.codex, context.provider, context.profile.name) == (True, False, "host", "generic")
    assert dict(context.echo) == {"instructions": "I", "temperature": 0.5, "tools": [F]}
    with pytest.raises(dataclasses.FrozenInstanceError):
        context.stream = False


def test_codex_gets_no_echo():
    assert dict(translate(instructions="I", tools=[F]).context.echo) == {}


# --- what is refused, by name


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        ("model", None, "model"), ("model", "", "model"), ("model", 5, "model"), ("model", ["m"], "model"),
        ("input", None, "input"), ("input", 5, "input"), ("input", {}, "input"), ("input", [], "input"), ("input", "", "input"),
        ("input", [HI, 5], "input[1]"), ("input", ["Hi"], "input[0]"), ("input", [HI, HI, None], "input[2]"),
        ("instructions", ["I"], "instructions"), ("stream", "yes", "stream"), ("stream", 1, "stream"), ("tools", {}, "tools"),
        ("reasoning", "high", "reasoning"), ("text", "low", "text"), ("tool_choice", 5, "tool_choice"),
        ("parallel_tool_calls", "no", "parallel_tool_calls"), ("parallel_tool_calls", 0, "parallel_tool_calls"),
        ("max_output_tokens", "5", "max_output_tokens"), ("max_output_tokens", 5.5, "max_output_tokens"),
        ("max_output_tokens", True, "max_output_tokens"), ("temperature", "hot", "temperature"),
        ("temperature", True, "temperature"), ("temperature", float("nan"), "temperature"), ("top_p", float("inf"), "top_p"),
        ("top_p", [], "top_p"),
        ("previous_response_id", "resp_1", "previous_response_id"), ("conversation", "c", "conversation"),
        ("prompt", {"id": "p"}, "prompt"), ("background", True, "background"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_name(field, value, param):
    with pytest.raises(InvalidRequest) as refused:
        translate(**{field: value})
    error = refused.value.api_error
    assert (error.status, error.type, error.param) == (400, "invalid_request_error", param)
    assert f"`{param}`" in error.message


def test_a_schema_nested_beyond_reason_is_refused():
    deep: dict = {}
    for _ in range(50_000):
        deep = {"items": deep}
    with pytest.raises(InvalidRequest, match="nested"):
        translate(tools=[F | {"parameters": deep}])


def test_lone_surrogates_become_utf_8():
    message = {"role": "user", "content": "half \ud83d pair \ud83d\ude00"}
    sent = json_bytes(body(input=[message], instructions="\udfff", model="m\ud800"))
    decoded = json.loads(sent.decode("utf-8"))
    assert decoded["messages"][0]["content"] == "\ufffd"
    assert decoded["messages"][1]["content"] == "half \ufffd pair \U0001f600"
    assert decoded["model"] == "m\ufffd"


def test_the_request_is_not_changed():
    request = {
        "model": "m",
        "input": [HI, {"type": "additional_tools", "tools": [F]}],
        "tools": [F],
        "text": {"format": {"type": "json_object"}},
    }
    before = json.dumps(request)
    translate_request(request)
    assert json.dumps(request) == before
