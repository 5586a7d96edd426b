"""SGLang (source of 0.5.23, October 2026). A server of one's own, so it is named with `relay_profile`.

The model's chat template has its say as everywhere; earlier reasoning is read from `reasoning_content`. Kimi's call ids
go back as they came.
"""

from .families import TEXT_ONLY
from .profile import Profile, Reasoning

PROFILE = Profile(
    name="sglang",
    title="SGLang",
    address="http://127.0.0.1:30000/v1",
    served_window=32_768,
    blind=TEXT_ONLY,
    reasoning=Reasoning(
        efforts={"none": None},
        off={"chat_template_kwargs": {"thinking": False, "enable_thinking": False}},
        back="reasoning_content",
    ),
    finish_reasons={"abort": "error"},
)
