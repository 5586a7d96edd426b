"""Each scripted provider takes what the relay sends it by its profile, streams what the relay reads, and can refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from addon.scripted.chunks import Call
from addon.scripted.dialects import DIALECTS, Dialect
from addon.scripted.dialects.limits import judge
from addon.scripted.replies import Reply
from addon.scripted.scenario import Scenario, Script
from relay_translate import translate_error
from relay_translate.profiles import GENERIC, PROFILES, find_profile
from tests.scripted.talking import EFFORTS, FOREIGN, TOOLS, Session, picture, said

Json = dict[str, Any]
ALL = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda one: one.name)
SCHEMA = {"type": "json_schema", "name": "t", "strict": True, "schema": {"type": "object", "properties": {}}}


def test_every_profile_is_played():
    assert {one.profile for one in DIALECTS.values()} == set(PROFILES) - {GENERIC.name}


@ALL
def test_a_provider_is_found_by_its_documented_addresses(dialect: Dialect):
    for url in map(urlsplit, dialect.urls):
        found = find_profile(host=url.hostname or "", model="anything")
        assert (found.name, found.chat_path()) == (dialect.profile, dialect.path)
        assert found.chat_path(url.path) in (dialect.path, url.path.rstrip("/") + "/chat/completions")
    if not dialect.urls:  # by its name, as in relay_profile
        assert find_profile(name=dialect.profile).chat_path() == dialect.path


@ALL
@pytest.mark.parametrize("effort", [None, *EFFORTS])
def test_a_history_of_another_provider_is_taken_at_every_effort(dialect: Dialect, effort: str | None):
    session = Session(dialect, reasoning={"effort": effort, "summary": "auto"})
    session.items = FOREIGN
    assert judge(json.loads(json.dumps(session.request().body)), dialect.limits) == []


@ALL
@pytest.mark.parametrize("choice", ["auto", "none", "required", {"type": "function", "name": "exec_command"}])
@pytest.mark.parametrize("effort", [None, "none", "high"])
def test_a_tool_choice_is_sent_only_where_it_is_taken(dialect: Dialect, choice: Any, effort: str | None):
    session = Session(dialect, reasoning={"effort": effort}, tool_choice=choice)
    session.items = [said("user", "Hi")]
    assert session.complaints() == []


@ALL
@pytest.mark.parametrize("tools", [TOOLS, []], ids=["tools", "no tools"])
@pytest.mark.parametrize("form", [SCHEMA, {"type": "json_object"}, {"type": "text"}], ids=lambda form: form["type"])
def test_a_form_of_the_answer_is_asked_for_as_the_provider_knows_it(dialect: Dialect, tools: list[Json], form: Json):
    session = Session(dialect, text={"format": form, "verbosity": "low"}, tools=tools)
    session.items = [said("user", "Give me JSON")]
    assert session.complaints() == []
    body = session.request().body
    asked = "json_schema" in json.dumps(body.get("response_format", {})) or "JSON schema" in str(body["messages"][0])
    assert asked or form is not SCHEMA


@ALL
def test_limits_and_sampling_are_sent_only_where_they_are_taken(dialect: Dialect):
    session = Session(
        dialect, max_output_tokens=500, temperature=0.5, top_p=0.9, stop=["x"], seed=5, service_tier="auto"
    )
    session.items = [said("user", "Hi")]
    assert session.complaints() == []
    names = {"max_tokens", "max_completion_tokens"} & set(session.request().body)
    assert len(names) == 1


@ALL
def test_many_tools_are_as_many_as_the_provider_takes(dialect: Dialect):
    tools = [{"type": "function", "name": f"tool_{n}", "parameters": {"type": "object"}} for n in range(200)]
    session = Session(dialect, tools=tools)
    session.items = [said("user", "Hi")]
    assert session.complaints() == []
    assert len(session.request().body["tools"]) == min(200, dialect.limits.tools)


@ALL
@pytest.mark.parametrize("effort", [None, "medium"])
def test_a_loop_with_reasoning_is_had_to_its_end(dialect: Dialect, effort: str | None):
    """Reasoning, parallel calls, a patch, a picture from a tool, later instructions, a second turn."""
    session = Session(dialect, reasoning={"effort": effort})
    session.items = [said("developer", "Be careful."), said("user", "Hi", picture())]
    shown = session.turn("I look.", reasoning="First I think.\n", calls=[_shell("ls"), _shell("pwd")])
    session.answer(shown)
    shown = session.turn(reasoning="A picture “helps” 😀.", calls=[Call.of("view_image", {"path": "x"})])
    session.answer(shown, [picture()])
    shown = session.turn("Patching.", calls=[Call.of("apply_patch", {"input": "*** Begin Patch"})])
    assert [item["input"] for item in shown if item["type"] == "custom_tool_call"] == ["*** Begin Patch"]
    session.answer(shown)
    shown = session.turn("Done.", reasoning="That was it.")
    assert shown[-1]["content"][0]["text"] == "Done."
    session.items += [said("developer", "<plan mode>"), said("user", "And now?")]
    session.answer(session.turn(reasoning="Again.", calls=[_shell("ls -la")]))
    session.turn("Really done.")


@ALL
def test_all_that_it_streams_is_read(dialect: Dialect):
    session = Session(dialect)
    session.items = [said("user", "Hi")]
    shown = session.turn("Both.", reasoning="Two at once.", calls=[_shell("echo 1"), _shell("echo 2")])
    calls = [json.loads(item["arguments"])["cmd"] for item in shown if item["type"] == "function_call"]
    texts = [part["text"] for item in shown if item["type"] == "message" for part in item["content"]]
    thoughts = [part["text"] for item in shown if item["type"] == "reasoning" for part in item["summary"]]
    assert (calls, "".join(texts).strip()) == (["echo 1", "echo 2"], "Both.")
    assert "".join(thoughts).strip() == ("" if dialect.style.reasoning == "hidden" else "Two at once.")


# --- it can refuse


def _shell(command: str) -> Call:
    return Call.of("exec_command", {"cmd": command})


def _body(dialect: Dialect) -> Json:
    session = Session(dialect, reasoning={"effort": "high"})
    session.items = FOREIGN
    return json.loads(json.dumps(session.request().body))


def _messages(role: str) -> Callable[[Json], list[Json]]:
    return lambda body: [message for message in body["messages"] if message["role"] == role]


def _with_calls(body: Json) -> Json:
    return next(message for message in body["messages"] if message.get("tool_calls"))


def _set(**fields: Any) -> Callable[[Json], Any]:
    return lambda body: body.update(fields)


def _on_calls(**fields: Any) -> Callable[[Json], Any]:
    return lambda body: _with_calls(body).update(fields)


def _without(name: str) -> Callable[[Json], Any]:
    return lambda body: _with_calls(body).pop(name)


def _renamed(body: Json) -> None:
    message = _with_calls(body)
    answer = body["messages"][body["messages"].index(message) + 1]
    message["tool_calls"][0]["id"] = answer["tool_call_id"] = "functions.exec_command:0"


def _schema(**keywords: Any) -> Callable[[Json], Any]:
    return lambda body: body["tools"][0]["function"]["parameters"].update(keywords)


def _system_in_the_middle(body: Json) -> None:
    body["messages"].append({"role": "system", "content": "More."})
    body["messages"].append({"role": "user", "content": "Go on."})


def _unsigned(body: Json) -> None:
    _with_calls(body)["tool_calls"][0].pop("extra_content")


def _pictured(body: Json) -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    _messages("user")(body)[-1]["content"] = [{"type": "text", "text": "See:"}, part]


def _user_behind_tool(body: Json) -> None:
    body["messages"] = [one for one in body["messages"] if one != {"role": "assistant", "content": "Understood."}]


REFUSED: list[tuple[str, Callable[[Json], Any], int, str]] = [
    ("openai", _set(top_k=1), 400, "Unrecognized request argument supplied: top_k"),
    ("openai", _set(max_tokens=5), 400, "max_tokens"),
    ("openai", _on_calls(reasoning_content="x"), 400, "reasoning_content"),
    ("deepseek", _without("reasoning_content"), 400, "reasoning_content is missing"),
    ("deepseek", _set(tool_choice="required"), 400, "incompatible with thinking"),
    ("deepseek", _set(response_format={"type": "json_schema"}), 400, "unavailable now"),
    ("deepseek", _set(max_completion_tokens=5), 400, "ignored"),
    ("deepseek", _pictured, 400, "unknown variant `image_url`"),
    ("kimi", _on_calls(content=""), 400, "empty content"),
    ("kimi", _schema(properties={"a": {"description": "no type"}}), 400, "type is missing"),
    ("kimi", _schema(properties={"a": {"type": "string", "anyOf": []}}), 400, "beside anyOf"),
    ("kimi", _schema(properties={"a": {"type": "array", "items": []}}), 400, "items must be an object"),
    ("kimi", _set(temperature=0.5), 400, "temperature"),
    ("kimi (K3)", _set(thinking={"type": "enabled"}), 400, "thinking"),
    ("kimi-coding", _on_calls(content=None), 400, "null content"),
    ("qwen", _set(reasoning_effort="ultra"), 400, "ultra"),
    ("qwen", _set(tool_choice="required"), 400, "required"),
    ("mistral", _set(store=False), 422, "Extra inputs are not permitted"),
    ("mistral", _on_calls(reasoning_content="x"), 422, "Extra inputs are not permitted"),
    ("mistral", _renamed, 400, "Tool call id was functions.exec_command:0"),
    ("mistral", _schema(**{"$schema": "x"}), 400, "$schema"),
    ("mistral", _user_behind_tool, 400, "Unexpected role 'user' after role 'tool'"),
    ("xai", _set(stop=["x"]), 400, "Argument not supported on this model: stop"),
    ("glm", _set(thinking={"type": "disabled"}), 400, "1210"),
    ("glm", _set(tool_choice="none"), 400, "1210"),
    ("glm-coding", _set(reasoning_effort="high"), 400, "1210"),
    ("minimax", _system_in_the_middle, 400, "2013"),
    ("minimax", _set(reasoning_split=False), 400, "reasoning_split"),
    ("gemini", _set(parallel_tool_calls=True), 400, 'Unknown name "parallel_tool_calls"'),
    ("gemini", _unsigned, 400, "missing a thought_signature"),
    ("gemini", _schema(additionalProperties=False), 400, "additionalProperties"),
    ("gemini", _schema(properties={"a": {"type": ["string", "null"]}}), 400, "other than null"),
    ("anthropic", _renamed, 400, "functions.exec_command:0"),
    ("groq", _on_calls(reasoning_content="x"), 400, "reasoning_content"),
    ("groq", _set(response_format={"type": "json_object"}), 400, "cannot be combined"),
    ("openrouter", _set(reasoning={"effort": "max"}), 400, "max"),
    ("together", _set(stream_options={"include_usage": True}), 400, "stream_options"),
    ("fireworks", _on_calls(reasoning="x"), 400, "Extra inputs are not permitted"),
    ("cerebras", _on_calls(reasoning="x"), 400, "is unsupported"),
    ("cerebras", _set(clear_thinking=True), 400, "clear_thinking"),
    ("nim", _set(thinking={"type": "enabled"}), 400, "Unsupported parameter(s): thinking"),
    ("nim (Mistral)", _renamed, 400, "functions.exec_command:0"),
    ("azure", _set(top_k=1), 400, "top_k"),
    ("vllm", _system_in_the_middle, 400, "System message must be at the beginning"),
    ("sglang", lambda body: body["messages"].append({"role": "user", "content": "x"}), 400, "must alternate"),
    ("llamacpp", _set(chat_template_kwargs={"enable_thinking": "false"}), 400, "enable_thinking"),
    ("ollama", _set(tool_choice="none"), 400, "ignored"),
    ("lmstudio", _set(reasoning_effort="max"), 400, "max"),
]


@pytest.mark.parametrize(("name", "spoil", "status", "words"), REFUSED)
def test_what_the_provider_refuses_is_refused_in_its_words(name, spoil, status, words):
    dialect = DIALECTS[name]
    body = _body(dialect)
    assert judge(body, dialect.limits) == []
    spoil(body)
    found = judge(body, dialect.limits)
    assert found
    reply = dialect.refuse(found[0])
    assert reply.status == status
    told = b"".join(piece for piece in reply.pieces if isinstance(piece, bytes))
    assert words in json.dumps(json.loads(told), ensure_ascii=False).replace('\\"', '"')
    read = translate_error(reply.status, {}, told, provider="P")
    assert read.status < 500 and words in f"{read.message} {read.upstream_code}".replace('\\"', '"')


def test_every_provider_is_refusing_something_here():
    assert {DIALECTS[name].profile for name, *_ in REFUSED} == {one.profile for one in DIALECTS.values()}


FORMS = ["deepseek", "qwen", "mistral", "minimax", "gemini", "groq", "openrouter", "cerebras", "nim (Nemotron)", "vllm"]


@pytest.mark.parametrize("name", FORMS)
def test_reasoning_that_does_not_come_back_is_missed(name):
    dialect = DIALECTS[name]
    profile = find_profile(name=dialect.profile, model=dialect.model)
    session = Session(dialect, profile)
    session.items = [said("user", "Hi")]
    session.answer(session.turn(reasoning="First I think.", calls=[_shell("ls")]))
    assert session.complaints() == []
    session.items = [item for item in session.items if item["type"] != "reasoning"]
    assert {one.kind for one in session.complaints()} == {"reasoning"}


@pytest.mark.parametrize("name", ["openai", "xai", "anthropic", "vllm", "groq"])
def test_reasoning_in_another_field_is_not_wanted(name):
    dialect = DIALECTS[name]
    session = Session(dialect)
    session.items = [said("user", "Hi"), said("assistant", "Hello."), said("user", "Go on.")]
    body = json.loads(json.dumps(session.request().body))
    assert dialect.judge(body, session.said) == []
    body["messages"][2]["reasoning_content"] = "x"
    assert {one.kind for one in dialect.judge(body, session.said)} <= {"reasoning", "message_field"}
    assert dialect.judge(body, session.said)


def test_an_id_that_the_model_did_not_give_is_noticed():
    dialect = DIALECTS["kimi"]
    session = Session(dialect)
    session.items = [said("user", "Hi")]
    session.answer(session.turn(reasoning="Think.", calls=[_shell("ls")]))
    for item in session.items:
        item.update({"call_id": "call_other"} if "call_id" in item else {})
    assert [one.text for one in session.complaints()] == ["the id of a call was changed to 'call_other'"]


def test_without_its_profile_the_strict_ones_refuse():
    """The generic profile serves many, and these need their own."""
    needing = set()
    for dialect in DIALECTS.values():
        session = Session(dialect, GENERIC, reasoning={"effort": "xhigh"})
        session.items = FOREIGN
        if judge(json.loads(json.dumps(session.request(max_output_tokens=9).body)), dialect.limits):
            needing.add(dialect.profile)
    assert needing == set(PROFILES) - {"generic", "xai"}


def test_a_script_with_a_judge_answers_by_it():
    dialect = DIALECTS["mistral"]
    script = Script(Scenario("one", [dialect.says("Hello.")], judge=dialect))
    sound = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    _, refused = script.receive(sound | {"store": True}, {}, 0.0, "/v1/chat/completions")
    assert (refused.status, script.complaints) == (422, ["request 1: store"])
    seen, reply = script.receive(sound, {}, 0.0, "/v1/chat/completions")
    assert isinstance(reply, Reply) and reply.status == 200 and seen.path == "/v1/chat/completions"
