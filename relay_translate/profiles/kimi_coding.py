"""Kimi's subscription for coding agents (kimi-cli of July 2026): another host, path and effort ladder."""

from dataclasses import replace

from .kimi import PROFILE as KIMI
from .profile import Reasoning

PROFILE = replace(
    KIMI,
    name="kimi-coding",
    title="Kimi for coding",
    key_variable="KIMI_API_KEY",
    hosts=("api.kimi.com",),
    models=(),
    base_path="/coding/v1",
    # It knows every word of Codex's from none to ultra; switching thinking off would silently ask another model.
    reasoning=Reasoning(efforts={"none": None}, back="reasoning_content", missing=" "),
    variants=(),
)
