"""Sub-agents and review: threads that Codex opens beside the conversation."""

from __future__ import annotations

from addon.scenarios import agents
from addon.scenarios.stage import Stage
from tests.e2e.rows import row


@row("sub-agent v1 spawn", limit=120)
async def sub_agent_v1(stage: Stage) -> None:
    await agents.subagent(stage)


@row("sub-agents v2", limit=120)
async def sub_agent_v2(stage: Stage) -> None:
    await agents.subagent_v2(stage)


@row("review")
async def review(stage: Stage) -> None:
    await agents.review(stage)
