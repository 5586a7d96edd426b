"""Model lists in every provider's spelling, written down from their documentation."""

from __future__ import annotations

import json

import pytest

from relay_translate.catalog import ModelFacts, ModelListError, read_model_list

# name -> (list, the facts of its first model, the ids of those that chat)
LISTS = {
    "openai": (
        {"object": "list", "data": [
            {"id": "gpt-5.5", "object": "model", "created": 1, "owned_by": "system"},
            {"id": "text-embedding-3-large", "object": "model", "created": 1, "owned_by": "system"},
            {"id": "gpt-image-1", "object": "model", "created": 1, "owned_by": "system"},
            {"id": "gpt-4o-transcribe", "object": "model", "created": 1, "owned_by": "system"},
            {"id": "tts-1-hd", "object": "model", "created": 1, "owned_by": "system"},
            {"id": "omni-moderation-latest", "object": "model", "created": 1, "owned_by": "system"},
            {"id": "whisper-1", "object": "model", "created": 1, "owned_by": "system"},
        ]},
        ModelFacts(id="gpt-5.5"),
        ["gpt-5.5"],
    ),
    "openrouter": (
        {"data": [
            {"id": "z-ai/glm-5.3", "name": "Z.ai: GLM 5.3", "description": "For\nlong tasks.", "context_length": 1048576,
             "architecture": {"modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"]},
             "top_provider": {"context_length": 1000000, "max_completion_tokens": 131072, "is_moderated": False},
             "supported_parameters": ["max_tokens", "parallel_tool_calls", "reasoning", "tools"],
             "reasoning": {"mandatory": True, "supported_efforts": ["max", "high", "low"], "default_effort": "max"}},
            {"id": "google/gemini-3-pro-image", "context_length": 65536,
             "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["image", "text"]}},
            {"id": "x/embed", "architecture": {"input_modalities": ["text"], "output_modalities": ["embeddings"]}},
        ], "links": {"next": None}},
        ModelFacts(
            id="z-ai/glm-5.3", name="Z.ai: GLM 5.3", description="For long tasks.", context_window=1_000_000,
            max_output_tokens=131_072, images=False, tools=True, reasoning=True, parallel_calls=True,
            efforts=("low", "high", "max"), default_effort="max",
        ),
        ["z-ai/glm-5.3"],
    ),
    "vllm": (
        {"object": "list", "data": [
            {"id": "Qwen/Qwen3-8B", "object": "model", "created": 1, "owned_by": "vllm", "root": "Qwen/Qwen3-8B",
             "parent": None, "max_model_len": 40960, "permission": []}]},
        ModelFacts(id="Qwen/Qwen3-8B", context_window=40_960),
        ["Qwen/Qwen3-8B"],
    ),
    "llamacpp": (
        {"models": [{"name": "gemma", "model": "gemma", "capabilities": ["completion", "multimodal"]}], "object": "list",
         "data": [{"id": "gemma", "object": "model", "owned_by": "llamacpp",
                   "meta": {"n_ctx": 16384, "n_ctx_train": 131072, "n_params": 4, "size": 3}}]},
        ModelFacts(id="gemma", context_window=16_384, images=True),
        ["gemma"],
    ),
    "llamacpp that does not say its window": (
        {"object": "list", "data": [{"id": "gemma", "meta": {"n_ctx_train": 131072}}]},
        ModelFacts(id="gemma"),
        ["gemma"],
    ),
    "ollama": (
        {"models": [
            {"name": "qwen3:8b", "model": "qwen3:8b", "details": {"family": "qwen3", "parameter_size": "8.2B"},
             "capabilities": ["completion", "tools", "thinking"]},
            {"name": "nomic:latest", "model": "nomic:latest", "capabilities": ["embedding"]}]},
        ModelFacts(id="qwen3:8b", name="qwen3:8b", images=False, tools=True, reasoning=True),
        ["qwen3:8b"],
    ),
    "lmstudio": (
        {"object": "list", "data": [
            {"id": "qwen3-vl-8b", "object": "model", "type": "vlm", "state": "loaded", "max_context_length": 262144,
             "loaded_context_length": 32768, "capabilities": ["tool_use"]},
            {"id": "gpt-oss-20b", "object": "model", "type": "llm", "state": "not-loaded", "max_context_length": 131072},
            {"id": "nomic", "object": "model", "type": "embeddings", "state": "not-loaded"}]},
        ModelFacts(id="qwen3-vl-8b", context_window=32_768, images=True, tools=True),
        ["qwen3-vl-8b", "gpt-oss-20b"],
    ),
    "lmstudio, newer": (
        {"models": [
            {"type": "llm", "key": "qwen/qwen3.5-9b", "display_name": "Qwen3.5 9B", "description": None,
             "loaded_instances": [{"id": "qwen/qwen3.5-9b", "config": {"context_length": 65536}}],
             "max_context_length": 262144, "capabilities": {"vision": True, "trained_for_tool_use": True}},
            {"type": "embedding", "key": "nomic", "loaded_instances": [], "max_context_length": 2048}]},
        ModelFacts(id="qwen/qwen3.5-9b", name="Qwen3.5 9B", context_window=65_536, images=True, tools=True),
        ["qwen/qwen3.5-9b"],
    ),
    "groq": (
        {"object": "list", "data": [
            {"id": "llama-3.3-70b-versatile", "object": "model", "owned_by": "Meta", "active": True,
             "context_window": 131072, "public_apps": None, "max_completion_tokens": 32768},
            {"id": "whisper-large-v3", "object": "model", "active": True, "context_window": 448},
            {"id": "old", "object": "model", "active": False, "context_window": 8192}]},
        ModelFacts(id="llama-3.3-70b-versatile", context_window=131_072, max_output_tokens=32_768),
        ["llama-3.3-70b-versatile"],
    ),
    "mistral": (
        {"object": "list", "data": [
            {"id": "mistral-medium-2604", "object": "model", "name": "mistral-medium-2604", "description": "Medium",
             "max_context_length": 262144, "aliases": ["mistral-medium-latest"], "deprecation": None, "type": "base",
             "capabilities": {"completion_chat": True, "completion_fim": False, "function_calling": True, "vision": True,
                              "reasoning": True, "classification": False}},
            {"id": "mistral-embed", "max_context_length": 8192, "capabilities": {"completion_chat": False}}]},
        ModelFacts(
            id="mistral-medium-2604", name="mistral-medium-2604", description="Medium", context_window=262_144,
            images=True, tools=True, reasoning=True,
        ),
        ["mistral-medium-2604"],
    ),
    "together": (
        [
            {"id": "moonshotai/Kimi-K3", "object": "model", "type": "chat", "display_name": "Kimi K3",
             "organization": "Moonshot", "context_length": 1048576, "pricing": {"input": 1}},
            {"id": "black-forest-labs/FLUX.1", "type": "image"},
            {"id": "BAAI/bge-base-en-v1.5", "type": "embedding", "context_length": 512},
            {"id": "Salesforce/rank", "type": "rerank"},
            {"id": "meta/guard", "type": "moderation"},
        ],
        ModelFacts(id="moonshotai/Kimi-K3", name="Kimi K3", context_window=1_048_576),
        ["moonshotai/Kimi-K3"],
    ),
    "fireworks": (
        {"object": "list", "data": [
            {"id": "accounts/fireworks/models/glm-5p3", "object": "model", "kind": "HF_BASE_MODEL", "supports_chat": True,
             "supports_image_input": False, "supports_tools": True, "context_length": 1048573},
            {"id": "accounts/fireworks/models/flux", "kind": "FLUMINA_BASE_MODEL", "supports_chat": False}]},
        ModelFacts(id="accounts/fireworks/models/glm-5p3", context_window=1_048_573, images=False, tools=True),
        ["accounts/fireworks/models/glm-5p3"],
    ),
    "kimi": (
        {"object": "list", "data": [
            {"id": "kimi-k3", "object": "model", "owned_by": "moonshot", "context_length": 1048576,
             "supports_image_in": True, "supports_reasoning": True}]},
        ModelFacts(id="kimi-k3", context_window=1_048_576, images=True, reasoning=True),
        ["kimi-k3"],
    ),
    "gemini": (
        {"object": "list", "data": [
            {"id": "models/gemini-3.8-flash", "object": "model", "owned_by": "google", "display_name": "Gemini 3.8 Flash"},
            {"id": "models/imagen-4.0-generate-001", "object": "model"},
            {"id": "models/gemini-embedding-001", "object": "model"},
            {"id": "models/veo-3.0-generate-preview", "object": "model"}]},
        ModelFacts(id="gemini-3.8-flash", name="Gemini 3.8 Flash"),
        ["gemini-3.8-flash"],
    ),
    "gemini by its own API": (
        {"models": [
            {"name": "models/gemini-2.5-pro", "displayName": "Gemini 2.5 Pro", "description": "Pro", "thinking": True,
             "inputTokenLimit": 1048576, "outputTokenLimit": 65536, "supportedGenerationMethods": ["generateContent"]},
            {"name": "models/gemini-2.5-flash-preview-tts", "supportedGenerationMethods": ["generateContent"]},
            {"name": "models/aqa", "supportedGenerationMethods": ["generateAnswer"]}]},
        ModelFacts(
            id="gemini-2.5-pro", name="Gemini 2.5 Pro", description="Pro", context_window=1_048_576,
            max_output_tokens=65_536, reasoning=True,
        ),
        ["gemini-2.5-pro"],
    ),
    "anthropic": (
        {"data": [{"type": "model", "id": "claude-sonnet-5-5", "display_name": "Claude Sonnet 5.5", "created_at": "x"}],
         "has_more": False, "first_id": "claude-sonnet-5-5", "last_id": "claude-sonnet-5-5"},
        ModelFacts(id="claude-sonnet-5-5", name="Claude Sonnet 5.5"),
        ["claude-sonnet-5-5"],
    ),
    "azure": (
        {"object": "list", "data": [
            {"id": "gpt-5.5", "object": "model", "status": "succeeded", "lifecycle_status": "generally-available",
             "capabilities": {"fine_tune": False, "inference": True, "chat_completion": True, "embeddings": False}},
            {"id": "ada", "capabilities": {"chat_completion": False, "embeddings": True}}]},
        ModelFacts(id="gpt-5.5"),
        ["gpt-5.5"],
    ),
    "xai by its own API": (
        {"models": [{"id": "grok-4.7", "input_modalities": ["text", "image"], "output_modalities": ["text"]}]},
        ModelFacts(id="grok-4.7", images=True),
        ["grok-4.7"],
    ),
    "cerebras": (
        {"object": "list", "data": [{"id": "gpt-oss-120b", "object": "model", "created": 0, "owned_by": "Cerebras"}]},
        ModelFacts(id="gpt-oss-120b"),
        ["gpt-oss-120b"],
    ),
    "codex's own": (
        {"models": [
            {"slug": "glm-5.3", "display_name": "GLM 5.3", "description": "Coding", "context_window": 1000000,
             "default_reasoning_level": "max", "supported_reasoning_levels": [
                 {"effort": "low", "description": "a"}, {"effort": "max", "description": "b"}],
             "input_modalities": ["text"]}]},
        ModelFacts(
            id="glm-5.3", name="GLM 5.3", description="Coding", context_window=1_000_000, images=False, reasoning=True,
            efforts=("low", "max"), default_effort="max",
        ),
        ["glm-5.3"],
    ),
    "a gateway that writes numbers as text": (
        {"data": [{"id": "m", "context_length": "131072", "max_output_tokens": 8192.0}]},
        ModelFacts(id="m", context_window=131_072, max_output_tokens=8_192),
        ["m"],
    ),
    "ids alone": (["a", "b"], ModelFacts(id="a"), ["a", "b"]),
}  # fmt: skip


@pytest.mark.parametrize("spelling", LISTS)
def test_a_list_is_read_in_every_spelling(spelling: str) -> None:
    listed, first, chatting = LISTS[spelling]
    models = read_model_list(json.dumps(listed).encode())
    assert models[0] == first
    assert [model.id for model in models if model.chats] == chatting


@pytest.mark.parametrize(
    ("about", "efforts", "default"),
    [
        ({"mandatory": False, "supported_efforts": ["high", "low"]}, ("none", "low", "high"), ""),
        ({"mandatory": False, "supported_efforts": None, "default_effort": "medium"}, None, "medium"),
        ({"mandatory": False, "default_enabled": False, "default_effort": "high"}, None, "none"),
        ({"mandatory": True, "default_enabled": False, "default_effort": "high"}, None, "high"),
    ],
)
def test_a_reasoning_object_tells_efforts(about: dict, efforts: tuple[str, ...] | None, default: str) -> None:
    [model] = read_model_list(json.dumps({"data": [{"id": "m", "reasoning": about}]}).encode())
    assert (model.reasoning, model.efforts, model.default_effort) == (True, efforts, default)


def test_a_model_without_the_parameter_has_not_the_ability() -> None:
    [model] = read_model_list(b'{"data": [{"id": "m", "supported_parameters": ["temperature"]}]}')
    assert (model.tools, model.reasoning, model.parallel_calls) == (False, False, None)


def test_each_id_is_listed_once_and_in_order() -> None:
    listed = [{"id": "b", "context_length": 5000}, {"id": "a"}, {"id": "b"}, {"id": " "}, {"id": "x\ny"}, 5, None]
    models = read_model_list(json.dumps({"data": listed}).encode())
    assert [(model.id, model.context_window) for model in models] == [("b", 5000), ("a", None)]


@pytest.mark.parametrize("odd", [0, -5, True, "many", 1e30, float("nan"), [], {}, None])
def test_an_odd_window_is_no_window(odd: object) -> None:
    [model] = read_model_list(json.dumps({"data": [{"id": "m", "context_length": odd}]}).encode())
    assert model.context_window is None


@pytest.mark.parametrize(
    "odd",
    [{"architecture": 5}, {"capabilities": True}, {"reasoning": [1]}, {"meta": {}}, {"loaded_instances": [5]},
     {"type": {}}, {"supported_parameters": "tools"}, {"name": 5}, {"supported_reasoning_levels": [5]},
     {"top_provider": []}, {"modality": "->"}, {"state": None}],
)  # fmt: skip
def test_odd_facts_leave_the_model_in_the_list(odd: dict) -> None:
    assert [model.id for model in read_model_list(json.dumps({"data": [{"id": "m", **odd}]}).encode())] == ["m"]


@pytest.mark.parametrize("empty", [{"object": "list", "data": []}, {"models": []}, []])
def test_an_empty_list_is_a_list(empty: object) -> None:
    assert read_model_list(json.dumps(empty).encode()) == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"<html><title>Sign in</title></html>", "the answer is no JSON; it begins with '<html><title>Sign in"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"error": {"message": "Invalid API key", "type": "auth"}}', "an error: 'Invalid API key'"),
        (b'{"error": "no such\\n path"}', "an error: 'no such path'"),
        (b'{"success": false, "message": "Please log in"}', "an error: 'Please log in'"),
        (b'{"object": "list", "data": {"id": "m"}}', "an object without a list; its keys are 'object, data'"),
        (b'"hello"', "instead of a list"),
        (b"null", "instead of a list"),
        (b'{"data": [{"title": "x"}, {"title": "y"}]}', "lists 2 things without an id"),
    ],
)  # fmt: skip
def test_what_is_no_list_is_said_in_one_sentence(answer: bytes, words: str) -> None:
    with pytest.raises(ModelListError) as raised:
        read_model_list(answer)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300
