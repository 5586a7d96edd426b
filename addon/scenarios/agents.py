"""Threads that Codex opens beside the conversation: sub-agents, review, the guardian of approvals."""

from __future__ import annotations

import json
from typing import Any

from addon.codex.config import catalog_of
from addon.codex.home import git
from addon.scenarios.catalog import case
from addon.scenarios.offered import shell
from addon.scenarios.stage import Stage
from addon.scripted import ALL_RULES, Reply, Seen, Until, Wait, answer

TASK = "SUBTASK: count the files"
# Need not exist, and stands in the answer: a path of the workspace would have another length on each machine.
FINDING: dict[str, Any] = {
    "title": "[P1] The number changed",
    "body": "It was one.",
    "confidence_score": 0.9,
    "priority": 1,
    "code_location": {"absolute_file_path": "/workspace/a.py", "line_range": {"start": 1, "end": 1}},
}
VERDICT: dict[str, Any] = {
    "findings": [FINDING],
    "overall_correctness": "patch is incorrect",
    "overall_explanation": "The number is wrong.",
    "overall_confidence_score": 0.8,
}


def by_task(seen: Seen) -> str:
    """The child's thread is the one that is told the task; in the parent's it is only an argument of a call."""
    return "child" if TASK in seen.text_of("user", "system", "assistant") else "main"


def _wait(seen: Seen) -> Reply:
    """The parent waits for its child. The first version calls the tool `wait` and the agents by `ids`."""
    if any(name.endswith("wait_agent") for name in seen.tools):
        name, agents = "wait_agent", "targets"
    else:
        name, agents = "wait", "ids"
    known = seen.schema(seen.tool(name))["parameters"]["properties"]
    if agents not in known:  # v2 waits for whoever writes
        return answer(calls=[seen.call(name, timeout_ms=10000)])
    return answer(calls=[seen.call(name, **{agents: [json.loads(seen.last_text)["agent_id"]]})])


async def _delegate(stage: Stage, rules: frozenset[str] = ALL_RULES, **arguments: str) -> None:
    def wait_for_child(seen: Seen) -> Reply:
        # Said when the child is done: where its news stands in the parent's thread would be a matter of luck.
        return _wait(seen).led_by(Until(lambda: bool(stage.script.of("child"))), Wait(1.0))

    stage.play(
        lambda seen: answer(reasoning="Delegate.", calls=[seen.call("spawn_agent", message=TASK, **arguments)]),
        wait_for_child,
        answer("The child counted three."),
        threads={"child": (answer("Three files."),)},
        route=by_task,
        rules=rules,
    )
    await stage.codex("count the files with a sub-agent", limit=90)
    stage.says("The child counted three.")
    stage.requests(4)
    last = stage.script.of("main")[-1].text_of() if stage.script.of("main") else ""
    stage.must("Three files." in last, "the child's answer does not reach the parent")


@case(
    "a sub-agent on a thread of its own; its turns stand last",
    since="0.98.0",
    missing="there are no tools for sub-agents",
    limit=120,
)
async def subagent(stage: Stage) -> None:
    if not stage.at_least("0.117"):  # behind a switch until then
        name = "multi_agent" if stage.at_least("0.107") else "collab"
        stage.home(extra={"features": {name: True}})
    await _delegate(stage)


@case(
    "a sub-agent that inherits the conversation and writes to its parent (agent_message)",
    since="0.120.0",
    missing="there is no multi_agent_v2",
    limit=120,
)
async def subagent_v2(stage: Stage) -> None:
    rules = ALL_RULES
    if stage.at_least("0.150"):
        stage.home(catalog=catalog_of("scripted-model", multi_agent_version="v2"))
    else:
        stage.home(extra={"features": {"multi_agent_v2": True}})
        rules = stage.rules_without("ends_with_request")  # the task comes as a message of the assistant
    await _delegate(stage, rules, task_name="counter")


@case("a review of changes, on a thread of its own", since="0.80.0", missing="exec has no review")
async def review(stage: Stage) -> None:
    (stage.workspace / "a.py").write_text("print(1)\n")
    git(stage.workspace, "add", ".")
    git(stage.workspace, "commit", "-q", "-m", "first")
    (stage.workspace / "a.py").write_text("print(2)\n")
    stage.play(
        lambda seen: answer(reasoning="See the change.", calls=[shell(seen, "git diff")]),
        answer(json.dumps(VERDICT)),
    )
    run = await stage.command("exec", "--json", "--skip-git-repo-check", "review", "--uncommitted")
    stage.must(run.exit_code == 0, f"review ended with {run.exit_code}: {run.shown[:300]}")
    shown = " ".join(run.messages) or run.stdout
    stage.must("The number changed" in shown, f"the finding is not shown: {shown[:300]!r}")
    stage.must("The number is wrong." in shown, f"the verdict is not shown: {shown[:300]!r}")
    stage.requests(2)
    stage.sent(2, "+print(2)")
