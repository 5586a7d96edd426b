"""NVIDIA's NIM at build.nvidia.com (users' reports and other clients' code to November 2026).

A gateway with a list of fields per model: "Unsupported parameter(s)". Thinking is a switch of the chat template, whose
name depends on the model; hosted Mistral models keep Mistral's nine characters.
"""

from .families import TEXT_ONLY
from .profile import Profile, Reasoning, Tools


def _switch(name: str) -> dict[str, object]:
    return {"on": {"chat_template_kwargs": {name: True}}, "off": {"chat_template_kwargs": {name: False}}}


PROFILE = Profile(
    name="nim",
    title="NVIDIA NIM",
    key_variable="NVIDIA_API_KEY",
    hosts=("integrate.api.nvidia.com",),
    blind=TEXT_ONLY,
    optional_fields=frozenset({"temperature", "top_p", "stop", "seed", "parallel_tool_calls", "response_format"}),
    reasoning=Reasoning(effort_field=""),
    tools=Tools(),
    variants=(
        ("deepseek-ai/*", {"reasoning": {**_switch("thinking"), "back": "reasoning_content", "missing": " "}}),
        ("deepseek-ai/deepseek-r1*", {"reasoning": {"on": {}, "off": None, "back": "none", "missing": None}}),
        *(
            (pattern, {"reasoning": _switch("enable_thinking")})
            for pattern in ("qwen/qwen3*", "z-ai/*", "*nemotron-3*")
        ),
        ("moonshotai/kimi-k2.[5-9]*", {"reasoning": {**_switch("thinking"), "missing": " "}}),
        *(
            (pattern, {"tools": {"call_ids": "nine"}, "after_tools": "Understood."})
            for pattern in ("mistralai/*", "*/mistral-*", "*mistral-nemo*")
        ),
    ),
)
