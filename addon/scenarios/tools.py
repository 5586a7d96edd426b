"""Tools beyond the shell: patches, plans, MCP servers, pictures from tools, tools that are searched for."""

from __future__ import annotations

import base64
from typing import Any

from addon.codex.config import catalog_of
from addon.codex.mcp_server import PICTURE
from addon.scenarios.catalog import case
from addon.scenarios.offered import PATCH, PATCHED
from addon.scenarios.stage import Stage
from addon.scripted import Call, Reply, Seen, answer


@case(
    "a freeform tool: a function with one string to the provider, raw text to Codex",
    since="0.58.0",
    missing="apply_patch is no tool there; it is a program for the shell",
)
async def patch(stage: Stage) -> None:
    # Before there were catalogs, only the slugs Codex knew itself had the freeform tool.
    known: dict[str, Any] = {"model": "gpt-5-codex"}
    stage.home(**({"catalog": catalog_of("scripted-model")} if stage.at_least("0.107") else known))
    stage.play(
        lambda seen: answer("Patching.", reasoning="A patch will do.", calls=[seen.free_text("apply_patch", PATCH)]),
        answer("Patched."),
    )
    await stage.codex("add a file")
    stage.says("Patched.")
    stage.requests(2)
    stage.file("new.txt", PATCHED)
    offered = stage.seen[0].schema(stage.seen[0].tool("apply_patch"))
    stage.should("begin_patch" in str(offered), "the patch grammar is not passed on")
    stage.sent(2, "Updated the following files")


@case("a plan that Codex keeps for the model (update_plan)", since="0.58.0", missing="exec does not offer update_plan")
async def plan(stage: Stage) -> None:
    if stage.at_least("0.153"):  # on by default until then
        stage.home(extra={"tools": {"update_plan": {"enabled": True}}})
    steps = [{"step": "look", "status": "completed"}, {"step": "tell", "status": "in_progress"}]
    stage.play(
        lambda seen: answer(reasoning="Two steps.", calls=[seen.call("update_plan", explanation="", plan=steps)]),
        answer("Planned."),
    )
    await stage.codex("make a plan")
    stage.says("Planned.")
    stage.requests(2)
    stage.sent(2, "Plan updated")


@case("tools of an MCP server: arguments, none as {} and as nothing, structured content")
async def mcp(stage: Stage) -> None:
    stage.home(mcp=["tiny"])

    def try_all(seen: Seen) -> Reply:
        ping = seen.tool("tiny", "ping")
        calls = [seen.call("tiny", "echo", text="hé", times=2), Call(ping, "{}"), Call(ping, "")]
        return answer("Trying them.", reasoning="Four calls.", calls=[*calls, seen.call("tiny", "structured")])

    stage.play(try_all, answer("All tools work."))
    run = await stage.codex("try the tools")
    stage.says("All tools work.")
    stage.requests(2)
    stage.sent(2, "echo: hé hé", "pong with {}", "42")
    ended = [(call["tool"], call["status"]) for call in run.items("mcp_tool_call")]
    wanted = [(name, "completed") for name in ("echo", "ping", "ping", "structured")]
    stage.must(sorted(ended) == sorted(wanted), f"the MCP calls went {ended}")


@case("pictures from tools: MCP content, and a file (view_image)")
async def tool_image(stage: Stage) -> None:
    stage.home(mcp=["tiny"])
    (stage.workspace / "red.png").write_bytes(base64.b64decode(PICTURE))
    stage.play(
        lambda seen: answer(
            reasoning="Both.", calls=[seen.call("tiny", "pic"), seen.call("view_image", path="red.png")]
        ),
        answer("Two red squares."),
    )
    await stage.codex("look at the pictures")
    stage.says("Two red squares.")
    stage.requests(2)
    stage.sent(2, "a red square")
    if len(stage.seen) == 2:
        # 0.40 puts the MCP picture into the result as text, and sends the one of the file twice.
        count = len(stage.seen[1].images())
        stage.must(count == 2, f"{count} pictures reach the model, not 2")


@case(
    "tools that are found by searching, then called",
    since="0.135.0",
    missing="there is no tool_search",
)
async def search(stage: Stage) -> None:
    stage.home(mcp=["tiny"], catalog=catalog_of("scripted-model", supports_search_tool=True))
    stage.play(
        lambda seen: answer(reasoning="I search.", calls=[seen.call("tool_search", query="echo text tiny", limit=4)]),
        lambda seen: answer(reasoning="Found it.", calls=[seen.call("tiny", "echo", text="found")]),
        answer("Searched and called."),
    )
    run = await stage.codex("echo something")
    stage.says("Searched and called.")
    stage.requests(3)
    stage.sent(3, "echo: found")
    stage.must([call["tool"] for call in run.items("mcp_tool_call")] == ["echo"], "the found tool was not called")


@case("web search as the provider's own tool, which the relay leaves out", keeps=["web_search"])
async def web_search(stage: Stage) -> None:
    if stage.at_least("0.98"):
        stage.home(extra={"web_search": "live"})
    else:
        stage.home(extra={"tools": {"web_search": True}})
    stage.play(answer("I cannot search."))
    await stage.codex("search the web")
    stage.says("I cannot search.")
    stage.requests(1)
    stage.must("web_search" not in stage.seen[0].tools, "the provider is offered a tool it cannot run")


@case("a goal: set, reached, and told to the model each time", since="0.135.0", missing="there are no goal tools")
async def goal(stage: Stage) -> None:
    stage.play(
        lambda seen: answer(reasoning="Set it.", calls=[seen.call("create_goal", objective="count the files")]),
        # A goal that is not reached keeps Codex at work when the turn is over.
        lambda seen: answer(reasoning="Reached.", calls=[seen.call("update_goal", status="complete")]),
        answer("There are three."),
    )
    await stage.codex("set a goal")
    stage.says("There are three.")
    stage.requests(3)
    stage.sent(3, "count the files", "complete")
