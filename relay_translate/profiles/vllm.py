"""vLLM (source of 0.33, November 2026). A server of one's own, so it is named with `relay_profile`.

Whatever the model's chat template refuses is refused here: instructions must be one message, and first, and roles
alternate. Reasoning goes back in the field it came in, `reasoning`, or `reasoning_content` with older servers.
"""

from .families import TEXT_ONLY
from .profile import Profile, Reasoning

PROFILE = Profile(
    name="vllm",
    title="vLLM",
    address="http://127.0.0.1:8000/v1",
    served_window=32_768,
    blind=TEXT_ONLY,
    # It takes each of these words, and switches the template's thinking by them.
    reasoning=Reasoning(efforts={"ultra": "max"}, off={"reasoning_effort": "none"}),
    variants=(
        # With Mistral's tokenizer it keeps Mistral's rules.
        *(
            (pattern, {"tools": {"call_ids": "nine"}, "after_tools": "Understood."})
            for pattern in ("*mistral*", "*magistral*", "*devstral*", "*ministral*")
        ),
        ("*gpt-oss*", {"reasoning": {"efforts": {"none": "low", "minimal": "low", "xhigh": "high", "max": "high",
                                                 "ultra": "high"}, "off": None}}),
    ),
)  # fmt: skip
