"""Sub-agents and review: threads that Codex opens beside the conversation."""

from __future__ import annotations

import json

from addon.codex.config import catalog_of
from addon.codex.home import git
from addon.scenarios.stage import Stage
from addon.scripted import Reply, Seen, answer
from tests.e2e.rows import row
from tests.e2e.rows.turns import shell

TASK = "SUBTASK: count the files"


def _by_task(seen: Seen) -> str:
    """The child's thread is the one that is told the task; in the parent's it is only an argument of a call."""
    return "child" if TASK in seen.text_of("user", "system") else "main"


@row("sub-agent v1 spawn", limit=120)
async def sub_agent_v1(stage: Stage) -> None:
    def wait(seen: Seen) -> Reply:
        made = json.loads(seen.last_text)
        return answer(calls=[seen.call("wait_agent", targets=[made["agent_id"]])])

    stage.play(
        lambda seen: answer(reasoning="Delegate.", calls=[seen.call("spawn_agent", message=TASK)]),
        wait,
        answer("The child counted three."),
        threads={"child": (answer("I look.", calls=[shell("echo 3")]), answer("Three files."))},
        route=_by_task,
    )
    await stage.codex("count the files with a sub-agent", limit=90)
    stage.says("The child counted three.")
    stage.requests(5)
    last = stage.script.of("main")[-1].text_of() if stage.script.of("main") else ""
    stage.must("Three files." in last, "the child's answer does not reach the parent")


@row("sub-agents v2", limit=120)
async def sub_agent_v2(stage: Stage) -> None:
    stage.home(catalog=catalog_of("scripted-model", multi_agent_version="v2"))
    stage.play(
        lambda seen: answer(reasoning="Delegate.", calls=[seen.call("spawn_agent", message=TASK, task_name="counter")]),
        lambda seen: answer(calls=[seen.call("wait_agent", timeout_ms=20000)]),
        answer("The child counted three."),
        threads={"child": (answer("I look.", calls=[shell("echo 3")]), answer("Three files."))},
        route=_by_task,
    )
    await stage.codex("count the files with a sub-agent", limit=90)
    stage.says("The child counted three.")
    stage.requests(5)
    last = stage.script.of("main")[-1].text_of() if stage.script.of("main") else ""
    stage.must("Three files." in last, "the child's answer does not reach the parent")


@row("review")
async def review(stage: Stage) -> None:
    (stage.workspace / "a.py").write_text("print(1)\n")
    git(stage.workspace, "add", ".")
    git(stage.workspace, "commit", "-q", "-m", "first")
    (stage.workspace / "a.py").write_text("print(2)\n")
    finding = {
        "title": "[P1] The number changed",
        "body": "It was one.",
        "confidence_score": 0.9,
        "priority": 1,
        "code_location": {
            "absolute_file_path": str(stage.workspace / "a.py"),
            "line_range": {"start": 1, "end": 1},
        },
    }
    verdict = {
        "findings": [finding],
        "overall_correctness": "patch is incorrect",
        "overall_explanation": "The number is wrong.",
        "overall_confidence_score": 0.8,
    }
    stage.play(
        answer(reasoning="See the change.", calls=[shell("git diff")]),
        answer(json.dumps(verdict)),
    )
    run = await stage.command("exec", "--json", "--skip-git-repo-check", "review", "--uncommitted")
    stage.must(run.exit_code == 0, f"review ended with {run.exit_code}: {run.shown[:300]}")
    shown = " ".join(run.messages) or run.stdout
    stage.must("The number changed" in shown, f"the finding is not shown: {shown[:300]!r}")
    stage.must("The number is wrong." in shown, f"the verdict is not shown: {shown[:300]!r}")
    stage.requests(2)
    stage.sent(2, "+print(2)")
