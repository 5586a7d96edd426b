"""llama.cpp's server (source of October 2026). It is named with `relay_profile`.

The template of the model's GGUF file decides about roles; with tools the answer's grammar is the tools'.
"""

from .families import TEXT_ONLY
from .profile import Profile, Reasoning, Tools

PROFILE = Profile(
    name="llamacpp",
    title="llama.cpp",
    address="http://127.0.0.1:8080/v1",
    served_window=32_768,
    blind=TEXT_ONLY,
    reasoning=Reasoning(
        efforts={"none": None},
        off={"chat_template_kwargs": {"enable_thinking": False}},  # a boolean; a string is refused
        back="reasoning_content",
    ),
    tools=Tools(no_format=True),
    error_codes={
        "exceed_context_size_error": "overflow",
        "unavailable_error": "overload",
        "not_supported_error": "refused",
    },
)
