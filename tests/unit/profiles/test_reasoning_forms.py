"""How thinking is asked for, and the forms in which it goes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay_translate.profiles import GENERIC, PROFILES, Profile, find_profile
from relay_translate.profiles.profile import Reasoning
from relay_translate.reasoning import PARTS, THINK, ReasoningState, seal
from tests.unit.items import assistant, called, chat_call, messages, output, request, user

THOUGHT = "First I think."


def thinking(**rules) -> Profile:
    return replace(GENERIC, reasoning=Reasoning(**rules))


def thought(source="reasoning_content", text=THOUGHT, *, profile="generic", model="m", **more):
    blob = seal(ReasoningState("a1", source, text, **more), profile, model)
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": blob}


def turn(profile: Profile, *reasoning, text="I look."):
    """The assistant message of a turn that reasons, says something and calls."""
    said = [assistant(text)] if text else []
    return messages(user("Hi"), *reasoning, *said, called("c1"), output("c1"), profile=profile)[1]


PART = {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}
FORMS = {
    "reasoning_content": {"content": "I look.", "reasoning_content": THOUGHT},
    "reasoning": {"content": "I look.", "reasoning": THOUGHT},
    THINK: {"content": f"<think>\n{THOUGHT}\n</think>\n\nI look."},
    PARTS: {"content": [PART, {"type": "text", "text": "I look."}]},
}


@pytest.mark.parametrize("source", FORMS)
def test_reasoning_goes_back_in_the_form_it_came_in(source):
    assert turn(thinking(), thought(source)) == {"role": "assistant", **FORMS[source], "tool_calls": [chat_call("c1")]}


@pytest.mark.parametrize("source", FORMS)
@pytest.mark.parametrize(
    ("back", "form"),
    [("reasoning", "reasoning"), ("reasoning_content", "reasoning_content"), ("think", THINK), ("parts", PARTS)],
)
def test_reasoning_goes_back_in_the_form_the_provider_wants(source, back, form):
    made = turn(thinking(back=back), thought(source))
    assert made == {"role": "assistant", **FORMS[form], "tool_calls": [chat_call("c1")]}


@pytest.mark.parametrize("source", FORMS)
def test_reasoning_may_not_go_back(source):
    assert turn(thinking(back="none"), thought(source)) == {
        "role": "assistant",
        "content": "I look.",
        "tool_calls": [chat_call("c1")],
    }


@pytest.mark.parametrize(("back", "content"), [("think", f"<think>\n{THOUGHT}\n</think>\n\n"), ("parts", [PART])])
def test_reasoning_in_the_content_needs_no_other_content(back, content):
    assert turn(thinking(back=back), thought(), text="")["content"] == content


def test_details_go_back_as_they_came_and_only_to_their_model():
    details = (
        {"type": "reasoning.text", "text": THOUGHT, "signature": "s", "index": 0},
        {"type": "reasoning.encrypted", "data": "x"},
    )
    made = turn(thinking(), thought("", "", details=details))
    assert made["reasoning_details"] == list(details)
    assert "reasoning_details" not in turn(thinking(), thought("", "", details=details, model="other"))


@pytest.mark.parametrize(("back_on", "kept"), [("all", [THOUGHT, THOUGHT]), ("calls", [THOUGHT, None])])
def test_reasoning_goes_back_on_all_messages_or_on_those_with_calls(back_on, kept):
    items = [user("Hi"), thought(), called("c1"), output("c1"), thought(), assistant("Done."), user("Go on.")]
    made = messages(*items, profile=thinking(back_on=back_on))
    assert [message.get("reasoning_content") for message in made if message["role"] == "assistant"] == kept


@pytest.mark.parametrize(
    ("rules", "field", "value"),
    [
        ({"missing": " "}, "reasoning_content", " "),
        ({"missing": ""}, "reasoning_content", ""),
        ({"missing": " ", "back": "reasoning"}, "reasoning", " "),
        ({"missing": None}, "reasoning_content", None),
        ({"missing": " ", "back": "none"}, "reasoning_content", None),
    ],
)
def test_lost_reasoning_has_a_stand_in_where_calls_are_refused_without(rules, field, value):
    assert turn(thinking(**rules)).get(field) == value


def test_the_stand_in_is_for_calls_only():
    made = messages(user("Hi"), assistant("Hello."), user("Go on."), profile=thinking(missing=" "))
    assert "reasoning_content" not in made[1]


SIGNED = {"extra_content": {"signature": "s1"}}
UNSIGNED = {"extra_content": {"signature": "none"}}


def test_a_signature_goes_back_on_its_call_and_a_call_without_gets_the_word_for_it():
    profile = thinking(missing_on_call=UNSIGNED)
    calls = [called("c1"), called("c2"), output("c1"), output("c2")]
    own = messages(user("Hi"), thought("", "", calls={1: SIGNED}), *calls, profile=profile)[1]["tool_calls"]
    assert own == [chat_call("c1"), chat_call("c2", **SIGNED)]
    foreign = messages(user("Hi"), *calls, profile=profile)[1]["tool_calls"]
    assert foreign == [chat_call("c1", **UNSIGNED), chat_call("c2")]


# --- asking for it


@pytest.mark.parametrize(
    ("effort", "sent"),
    [
        ("high", {"flag": 1, "on": True, "level": {"word": "hard"}}),
        ("low", {"flag": 1, "on": True}),
        ("odd", {"flag": 1, "on": True, "level": {"word": "odd"}}),
        ("none", {"flag": 1, "on": False}),
        (None, {"flag": 1}),
    ],
)
def test_thinking_is_switched_and_measured_in_the_providers_words(effort, sent):
    rules = {"effort_field": "level.word", "efforts": {"high": "hard", "low": None}, "always": {"flag": 1}}
    profile = thinking(**rules, on={"on": True}, off={"on": False})
    body = request([user("Hi")], profile, reasoning={"effort": effort} if effort else {}).body
    assert {name: value for name, value in body.items() if name in ("flag", "on", "level")} == sent


@pytest.mark.parametrize(
    ("name", "model", "effort", "sent"),
    [
        ("deepseek", "deepseek-v4-pro", "xhigh", {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        ("deepseek", "deepseek-v4-pro", "ultra", {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}),
        ("deepseek", "deepseek-v4-pro", "none", {"thinking": {"type": "disabled"}}),
        ("deepseek", "deepseek-r1", "high", {}),
        ("kimi", "kimi-k2.6", "high", {"thinking": {"type": "enabled"}}),
        ("kimi", "kimi-k2.6", "none", {"thinking": {"type": "disabled"}}),
        ("kimi", "kimi-k2.7-code", "none", {}),
        ("kimi", "kimi-k2-thinking", "none", {}),
        ("kimi", "kimi-k3", "medium", {"reasoning_effort": "high"}),
        ("kimi", "kimi-k3", "none", {"reasoning_effort": "low"}),
        ("kimi-coding", "kimi-for-coding", "ultra", {"reasoning_effort": "ultra"}),
        ("qwen", "qwen3-max", "high", {"enable_thinking": True}),
        ("qwen", "qwen3.6-plus", "none", {"enable_thinking": False, "preserve_thinking": True}),
        ("qwen", "qwen3.8-plus", "max", {"enable_thinking": True, "reasoning_effort": "xhigh", "preserve_thinking": True}),
        ("qwen", "glm-5.3", "max", {"enable_thinking": True, "reasoning_effort": "max"}),
        ("mistral", "magistral-medium", "high", {}),
        ("mistral", "mistral-medium-3.5", "low", {"reasoning_effort": "high"}),
        ("mistral", "mistral-large-4", "low", {"reasoning_effort": "low"}),
        ("mistral", "mistral-small-4", "none", {"reasoning_effort": "none"}),
        ("groq", "openai/gpt-oss-120b", "xhigh", {"reasoning_effort": "high"}),
        ("groq", "qwen/qwen3-32b", "low", {"reasoning_effort": "default", "reasoning_format": "parsed"}),
        ("groq", "qwen/qwen3-32b", "none", {"reasoning_effort": "none", "reasoning_format": "parsed"}),
        ("groq", "llama-3.3-70b-versatile", "high", {}),
        ("xai", "grok-4", "high", {}),
        ("xai", "grok-4.6", "max", {"reasoning_effort": "xhigh"}),
        ("xai", "grok-4.5", "max", {"reasoning_effort": "high"}),
        ("xai", "grok-4.3", "none", {"reasoning_effort": "none"}),
        ("xai", "grok-3-mini", "medium", {"reasoning_effort": "high"}),
        ("openrouter", "z-ai/glm-5.3", "medium", {"reasoning": {"effort": "medium"}}),
        ("openrouter", "z-ai/glm-5.3", "none", {"reasoning": {"effort": "none"}}),
        ("glm", "glm-4.7", "high", {"thinking": {"type": "enabled", "clear_thinking": False}}),
        ("glm", "glm-5.1", "none", {"thinking": {"type": "disabled"}}),
        ("glm", "glm-5.2", "low", {"thinking": {"type": "enabled", "clear_thinking": False}, "reasoning_effort": "high"}),
        ("glm", "glm-5.3", "none", {"thinking": {"type": "enabled", "clear_thinking": False}, "reasoning_effort": "low"}),
        ("minimax", "MiniMax-M3", "high", {"reasoning_split": True}),
        ("together", "openai/gpt-oss-20b", "minimal", {"reasoning_effort": "low"}),
        ("together", "zai-org/GLM-5.3", "none", {"reasoning": {"enabled": False}}),
        ("fireworks", "accounts/fireworks/models/qwen3p6", "none", {"reasoning_effort": "none"}),
        ("fireworks", "accounts/fireworks/models/kimi-k3", "xhigh", {"reasoning_effort": "max"}),
        ("cerebras", "zai-glm-4.7", "none", {"clear_thinking": False, "reasoning_effort": "none"}),
        ("cerebras", "gpt-oss-120b", "none", {"reasoning_effort": "low"}),
        ("cerebras", "zai-glm-5.3", "max", {"clear_thinking": False, "reasoning_effort": "max"}),
        ("nim", "deepseek-ai/deepseek-v4-pro", "high", {"chat_template_kwargs": {"thinking": True}}),
        ("nim", "qwen/qwen3.6-27b", "none", {"chat_template_kwargs": {"enable_thinking": False}}),
        ("nim", "mistralai/mistral-large-3", "high", {}),
        ("gemini", "gemini-3.8-pro", "none", {"reasoning_effort": "low"}),
        ("gemini", "gemini-2.5-flash", "none", {"reasoning_effort": "none"}),
        ("gemini", "gemini-3.8-flash", "max", {"reasoning_effort": "high"}),
        ("anthropic", "claude-sonnet-4-6", "high", {}),
        ("azure", "my-gpt", "xhigh", {"reasoning_effort": "xhigh"}),
        ("azure", "Mistral-Large-3", "xhigh", {"reasoning_effort": "high"}),
        ("openai", "gpt-5.5", "minimal", {"reasoning_effort": "minimal"}),
        ("vllm", "Qwen/Qwen3.6-27B", "max", {"reasoning_effort": "max"}),
        ("vllm", "Qwen/Qwen3.6-27B", "none", {"reasoning_effort": "none"}),
        ("sglang", "zai-org/GLM-5.3", "none", {"chat_template_kwargs": {"thinking": False, "enable_thinking": False}}),
        ("llamacpp", "qwen3", "none", {"chat_template_kwargs": {"enable_thinking": False}}),
        ("ollama", "qwen3.6:27b", "xhigh", {"reasoning_effort": "max"}),
        ("lmstudio", "qwen3", "high", {}),
        ("lmstudio", "openai/gpt-oss-20b", "high", {"reasoning_effort": "high"}),
    ],
)  # fmt: skip
def test_each_model_is_asked_in_its_own_words(name, model, effort, sent):
    profile = find_profile(name=name, model=model)
    plain = request([user("Hi")], replace(profile, reasoning=Reasoning(effort_field="", efforts={})), model=model).body
    body = request([user("Hi")], profile, model=model, reasoning={"effort": effort}).body
    assert {field: value for field, value in body.items() if field not in plain} == sent


@pytest.mark.parametrize("name", PROFILES)
def test_no_effort_is_no_effort(name):
    assert "reasoning_effort" not in request([user("Hi")], PROFILES[name]).body
