"""What changes with the model and the length of the thread: Lite, code mode, a switch of models, compaction."""

from __future__ import annotations

from addon.codex.config import catalog_of
from addon.scenarios.catalog import case
from addon.scenarios.offered import shell
from addon.scenarios.stage import Stage
from addon.scripted import Seen, answer
from addon.scripted.scenario import route_by_kind

SMALL = {"prompt_tokens": 90, "completion_tokens": 9, "total_tokens": 99}
# A script that ends before the limit: the shell's result is text or JSON, whichever Codex gives.
SCRIPT = 'const result = await tools.exec_command({cmd: "echo lite > lite.txt && cat lite.txt"});\ntext(result);'


@case(
    "Responses Lite and code mode (GPT-6 slugs): tools inside the input, a script as the call",
    since="0.150.0",
    missing="no model that Codex knows brings its tools inside the input",
)
async def lite(stage: Stage) -> None:
    stage.home(model="gpt-6.1-sol" if stage.at_least("0.169") else "gpt-5.6-sol")
    stage.play(
        lambda seen: answer("Running.", reasoning="Code mode.", calls=[seen.free_text("exec", SCRIPT)]),
        answer("Code mode works."),
    )
    await stage.codex("go")
    stage.says("Code mode works.")
    stage.requests(2)
    stage.file("lite.txt", "lite\n")
    stage.sent(2, "Script completed")
    system = stage.seen[0].text_of("system")
    stage.must(len(system) > 10_000, f"the base prompt is lost: {len(system)} characters")
    stage.must(any("spawn_agent" in name for name in stage.seen[0].tools), "the collaboration tools are lost")


@case("code mode: a script as the call, with two results", since="0.120.0", missing="there is no code mode")
async def code_mode(stage: Stage) -> None:
    if stage.at_least("0.150"):
        stage.home(catalog=catalog_of("scripted-model", tool_mode="code_mode_only"))
    else:
        stage.home(extra={"features": {"code_mode_only": True}})
    script = 'notify("half way");\n' + SCRIPT
    stage.play(
        lambda seen: answer("Running.", reasoning="Code mode.", calls=[seen.free_text("exec", script)]),
        answer("Code mode works."),
    )
    await stage.codex("go")
    stage.says("Code mode works.")
    stage.requests(2)
    stage.file("lite.txt", "lite\n")
    stage.sent(2, "Script completed", "half way")


@case("another model from the second turn on")
async def switch(stage: Stage) -> None:
    stage.play(answer("First turn.", reasoning="A start."), answer("Second turn."))
    await stage.codex("first")
    stage.says("First turn.")
    await stage.codex("second", resume=True, model="other-model")
    stage.says("Second turn.")
    stage.requests(2)
    stage.sent(2, "First turn.", "second")


def _memento_asked(seen: Seen) -> str:
    """0.40 asks for the summary in its instructions."""
    return "compaction" if "please stop coding and instead write" in seen.text_of("system") else route_by_kind(seen)


@case("Codex asks for a summary and goes on from it")
async def compact(stage: Stage) -> None:
    stage.home(extra={"model_context_window": 1000, "model_auto_compact_token_limit": 900})
    stage.play(
        lambda seen: answer(reasoning="Work.", calls=[shell(seen, "echo worked")]),  # its usage is over the limit
        answer("Carried on.", usage=SMALL),
        threads={"compaction": (answer("SUMMARY: the work is half done.", usage=SMALL),)},
        route=_memento_asked,
    )
    await stage.codex("work hard")
    stage.says("Carried on.")
    stage.must(len(stage.script.of("compaction")) == 1, "Codex never compacted: it does not see the usage")
    stage.requests(3)
    stage.sent(3, "SUMMARY: the work is half done.", "work hard")


def summary_asked(seen: Seen) -> str:
    """A `compaction_trigger` reaches the model as a request for a summary, in whatever words."""
    asked = "summary" in seen.last_text.lower() and "SUMMARY:" not in seen.last_text
    return "compaction" if asked else route_by_kind(seen)


@case(
    "a compaction item in place of a summary (provider named OpenAI)",
    since="0.150.0",
    missing="a provider named OpenAI is asked for it at /responses/compact, which the relay does not have",
)
async def compact_trigger(stage: Stage) -> None:
    stage.home(provider_name="OpenAI", extra={"model_auto_compact_token_limit": 1000})
    stage.play(
        lambda seen: answer(reasoning="Work.", calls=[shell(seen, "echo worked")]),
        answer("Carried on.", usage=SMALL),
        threads={"compaction": (answer("SUMMARY: the work is half done.", usage=SMALL),)},
        route=summary_asked,
    )
    await stage.codex("work hard")
    stage.says("Carried on.")
    stage.requests(3)
    stage.sent(3, "SUMMARY: the work is half done.")
