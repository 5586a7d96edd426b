"""Tools beyond the shell: MCP servers, pictures from tools, calls in odd shapes, calls that cannot work."""

from __future__ import annotations

import json
from dataclasses import replace

from addon.codex.config import catalog_of
from addon.codex.mcp_server import PICTURE
from addon.scenarios import tools
from addon.scenarios.stage import Stage
from addon.scripted import Call, Reply, Seen, answer, raw_body
from tests.e2e.rows import row
from tests.e2e.rows.turns import shell
from tests.proxy.wire import Answering, Upstream, delta, finish, sse


@row("parallel calls sharing index 0")
async def shared_index(stage: Stage) -> None:
    calls = [shell("echo left >> left.txt"), shell("echo right >> right.txt")]
    stage.play(
        answer(reasoning="Both.", calls=calls, shape="shared_index"),
        answer(calls=[shell("echo whole")], shape="whole"),
        answer("Both done."),
    )
    await stage.codex("go")
    stage.says("Both done.")
    stage.requests(3)
    stage.file("left.txt", "left\n")
    stage.file("right.txt", "right\n")


@row("parallel calls, fragments interleaved")
async def interleaved_calls(stage: Stage) -> None:
    calls = [shell("echo left >> left.txt"), shell("echo right >> right.txt"), shell("echo middle >> middle.txt")]
    stage.play(answer(reasoning="All.", calls=calls, shape="interleaved", by=3), answer("All done."))
    await stage.codex("go")
    stage.says("All done.")
    stage.requests(2)
    for name in ("left", "right", "middle"):
        stage.file(f"{name}.txt", f"{name}\n")


@row("MCP: arguments, empty arguments")
async def mcp_arguments(stage: Stage) -> None:
    await tools.mcp(stage)


@row("MCP, catalog without supports_search_tool")
async def mcp_catalog(stage: Stage) -> None:
    stage.home(mcp=["tiny"], catalog=catalog_of("scripted-model", supports_search_tool=False))
    await tools.mcp(stage)


@row("MCP: the same tool of two servers, a long name")
async def mcp_two_servers(stage: Stage) -> None:
    stage.home(mcp=["tiny", "tiny_second_server"])
    stage.play(
        lambda seen: answer(
            reasoning="Which one?",
            calls=[seen.call("tiny_second_server", "echo", text="a"), seen.call("mcp__tiny__", "echo", text="b")],
        ),
        lambda seen: answer(calls=[Call.of(name, {}) for name in seen.described("The tool with the long name.")]),
        answer("Told apart."),
    )
    run = await stage.codex("try the tools")
    stage.says("Told apart.")
    stage.requests(3)
    called = [call["server"] for call in run.items("mcp_tool_call")]
    wanted = ["tiny_second_server", "tiny"]
    stage.must(called[:2] == wanted and sorted(called[2:]) == sorted(wanted), f"the calls went to {called}")
    stage.sent(2, "tiny_second_server echo: a", "echo: b")
    stage.sent(3, "the long name was found")


@row("deferred MCP (tool_search)")
async def tool_search(stage: Stage) -> None:
    await tools.search(stage)


@row("MCP / view_image picture")
async def tool_picture(stage: Stage) -> None:
    await tools.tool_image(stage)
    if len(stage.seen) == 2:  # a picture is a picture to the model, not base64 text in a tool message
        said = stage.seen[1].text_of("tool", "assistant", "system")
        stage.must(PICTURE[:40] not in said, "the picture is sent as text")


@row("arguments per character, emoji as split surrogate escapes")
async def emoji_by_character(stage: Stage) -> None:
    # The pair 😀 is written as two \u escapes, so at by=1 a cut falls between its halves (and inside each).
    patch = "*** Begin Patch\n*** Add File: emoji.txt\n+smile \U0001f600 and \u00fcml\u00e4ut\n*** End Patch"

    def escaped(seen: Seen) -> Reply:
        call = seen.free_text("apply_patch", patch)
        ascii_only = json.dumps(json.loads(call.arguments))
        assert "\\ud83d\\ude00" in ascii_only
        return answer("Löß 😀", calls=[replace(call, arguments=ascii_only)], by=1, ascii_only=True)

    stage.home(catalog=catalog_of("scripted-model"))
    stage.play(
        escaped,
        answer(calls=[Call("exec_command", json.dumps({"cmd": "printf '\U0001f600' > shell.txt"}))], by=1),
        answer(calls=[Call("exec_command", '{"cmd": "printf \'\U0001f600\' >> shell.txt"}')], by=1),
        answer("Smiled 😀."),
    )
    await stage.codex("smile")
    stage.says("Smiled 😀.")
    stage.requests(4)
    stage.file("emoji.txt", "smile \U0001f600 and \u00fcml\u00e4ut\n")
    stage.file("shell.txt", "\U0001f600\U0001f600")


@row("broken JSON arguments")
async def broken_arguments(stage: Stage) -> None:
    stage.play(
        answer(reasoning="Careless.", calls=[Call("exec_command", '{"cmd": "echo broken > broken.txt')]),
        answer(reasoning="Again.", calls=[shell("echo fixed > fixed.txt")]),
        answer("Fixed it."),
    )
    await stage.codex("go")
    stage.says("Fixed it.")
    stage.requests(3)
    stage.file("fixed.txt", "fixed\n")
    stage.must(not (stage.workspace / "broken.txt").exists(), "the broken call was run")
    told = stage.seen[1].text_of("tool") if len(stage.seen) > 1 else ""
    stage.must("parse" in told or "invalid" in told.lower(), f"the model is not told what was wrong: {told[:200]!r}")


@row("call without id")
async def call_without_id(stage: Stage) -> None:
    stage.play(
        answer(reasoning="No ids.", calls=[shell("echo left"), shell("echo right")], shape="no_id"),
        answer("Ran both."),
    )
    await stage.codex("go")
    stage.says("Ran both.")
    stage.requests(2)
    stage.sent(2, "Output:\nleft\n", "Output:\nright\n")


@row("name repeated in each delta")
async def name_repeated(stage: Stage) -> None:
    stage.play(
        answer(reasoning="Again and again.", calls=[shell("echo once")], shape="name_repeated", by=4),
        answer("Ran once."),
    )
    await stage.codex("go")
    stage.says("Ran once.")
    stage.requests(2)
    stage.sent(2, "Output:\nonce\n")


@row("undeclared tool name")
async def undeclared_tool(stage: Stage) -> None:
    stage.play(
        answer(reasoning="I try.", calls=[Call.of("no_such_tool", {"a": 1})]),
        answer("There is no such tool."),
    )
    await stage.codex("go")
    stage.says("There is no such tool.")
    stage.requests(2)
    stage.sent(2, "unsupported call")


@row("Codex's own web search (standalone)", own_relay=True)
async def standalone_search(stage: Stage) -> None:
    """`POST /alpha/search`, which no chat provider has, answered by the relay from a search service."""

    async def service(answering: Answering) -> None:
        entry = {"title": "Codex", "url": "https://codex.example/about", "content": "It is a coding agent."}
        await answering.whole(json.dumps({"results": [entry]}).encode())

    stage.home(provider={"supports_standalone_web_search": True}, extra={"features": {"standalone_web_search": True}})
    stage.play(
        lambda seen: answer(
            reasoning="I look it up.", calls=[seen.call("web", "run", search_query=[{"q": "codex"}, {"q": "relay"}])]
        ),
        answer("It is a [coding agent](https://codex.example/about)."),
    )
    searched = Upstream(service)
    async with searched.serve():
        stage.relay.options = [f"relay_search=searxng:http://127.0.0.1:{searched.port}"]
        await stage.relay.restart()
        await stage.codex("what is codex?")
    stage.says("It is a [coding agent](https://codex.example/about).")
    stage.requests(2)
    stage.sent(2, "1. Codex", "https://codex.example/about", "It is a coding agent.", "Results for 'relay'")
    stage.must([seen.method for seen in searched.seen] == ["GET", "GET"], f"the service was asked {searched.seen}")
    stage.must(stage.name not in str(searched.seen), "the provider's key went to the search service")


@row("Codex's own web search, not set up")
async def standalone_search_not_set_up(stage: Stage) -> None:
    stage.home(provider={"supports_standalone_web_search": True}, extra={"features": {"standalone_web_search": True}})
    stage.play(
        lambda seen: answer(calls=[seen.call("web", "run", search_query=[{"q": "codex"}])]), answer("No search here.")
    )
    await stage.codex("what is codex?")
    stage.says("No search here.")
    stage.requests(2)
    stage.sent(2, "Web search is not set up in codex-relay", "relay_search=searxng:URL")


@row("a search that ran at the provider")
async def hosted_search(stage: Stage) -> None:
    page = {"title": "Codex", "link": "https://codex.example/about", "content": "It is a coding agent."}
    stage.play(
        raw_body(
            sse(
                {**delta(""), "web_search": [page]},
                delta("It is a coding agent. "),
                delta("[ref_1]"),
                finish(),
                "[DONE]",
            ).decode(),
            status=200,
            content_type="text/event-stream",
        ),
        answer("As I said."),
    )
    run = await stage.codex("what is codex?")
    stage.says("It is a coding agent. [ref_1]\n\nSources:\n1. [Codex](https://codex.example/about)")
    stage.must(len(run.items("web_search")) == 1, f"Codex shows no search but {run.stdout[-600:]}")
    await stage.codex("and now?", resume=True)
    stage.says("As I said.")
    stage.requests(2)
    stage.sent(2, "It is a coding agent. [ref_1]")
    stage.must("[web search" not in json.dumps(stage.seen[-1].messages), "the search item came back as text")
