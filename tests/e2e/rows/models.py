"""Model slugs and requests that change what Codex sends: gpt-5.5, GPT-6, several instructions, compaction."""

from __future__ import annotations

from addon.scenarios.stage import Stage
from addon.scripted import Seen, answer
from addon.scripted.scenario import route_by_kind
from tests.e2e.rows import row
from tests.e2e.rows.turns import PATCH, PATCHED, shell

SMALL = {"prompt_tokens": 90, "completion_tokens": 9, "total_tokens": 99}
# A script that ends before the limit: the shell's result is text or JSON, whichever Codex gives.
SCRIPT = 'const result = await tools.exec_command({cmd: "echo lite > lite.txt && cat lite.txt"});\ntext(result);'


@row("slug gpt-5.5")
async def slug_gpt_5_5(stage: Stage) -> None:
    stage.home(model="gpt-5.5")
    stage.play(
        lambda seen: answer(reasoning="Patch.", calls=[seen.free_text("apply_patch", PATCH)]),
        answer(reasoning="Look.", calls=[shell("cat new.txt")]),
        answer("Patched and seen."),
    )
    await stage.codex("go")
    stage.says("Patched and seen.")
    stage.requests(3)
    stage.file("new.txt", PATCHED)
    stage.must(stage.seen[0].body.get("model") == "gpt-5.5", "the slug changed")


@row("GPT-6 slug (Lite + code mode)")
async def slug_gpt_6(stage: Stage) -> None:
    stage.home(model="gpt-6.1-sol")
    stage.play(
        lambda seen: answer("Running.", reasoning="Code mode.", calls=[seen.free_text("exec", SCRIPT)]),
        answer("Code mode works."),
        lambda seen: answer(reasoning="Once more.", calls=[seen.free_text("exec", "text(1 + 1);")]),
        answer("It still does."),
    )
    await stage.codex("go")
    stage.says("Code mode works.")
    await stage.codex("again", resume=True)
    stage.says("It still does.")
    stage.requests(4)
    stage.file("lite.txt", "lite\n")
    stage.sent(2, "Script completed")
    system = stage.seen[0].text_of("system")
    stage.must(len(system) > 10_000, f"the base prompt is lost: {len(system)} characters")
    stage.must(any("spawn_agent" in name for name in stage.seen[0].tools), "the collaboration tools are lost")


@row("strict rules: AGENTS.md, model switch, several instructions")
async def strict_rules(stage: Stage) -> None:
    """User messages in a row, and developer messages in the middle of the history."""
    (stage.workspace / "AGENTS.md").write_text("Always answer in rhyme.\n")
    stage.play(
        answer("One.", reasoning="Go.", calls=[shell("echo 1")]),
        answer("First turn."),
        answer("Two.", reasoning="Go on.", calls=[shell("echo 2")]),
        answer("Second turn."),
        answer("Third turn."),
    )
    await stage.codex("first")
    stage.says("First turn.")
    stage.must("Always answer in rhyme." in stage.seen[0].text_of(), "AGENTS.md is lost")
    run = await stage.home().exec("second", resume=True, model="other-model")
    stage.runs.append(run)
    stage.says("Second turn.")
    await stage.codex("third", resume=True)
    stage.says("Third turn.")
    stage.requests(5)
    stage.sent(5, "Always answer in rhyme.", "second", "First turn.")


@row("auto compaction, local")
async def compaction_local(stage: Stage) -> None:
    stage.home(extra={"model_context_window": 1000})  # the limit is 90 % of it; the first usage is over
    stage.play(
        answer(reasoning="Work.", calls=[shell("echo worked")]),
        answer("Carried on.", usage=SMALL),
        answer("And again.", usage=SMALL),
        threads={"compaction": (answer("SUMMARY: the work is half done.", usage=SMALL),)},
    )
    await stage.codex("work hard")
    stage.says("Carried on.")
    stage.must(len(stage.script.of("compaction")) == 1, "Codex never compacted: it does not see the usage")
    await stage.codex("more", resume=True)
    stage.says("And again.")
    stage.requests(4)
    stage.sent(4, "SUMMARY: the work is half done.", "work hard", "more")


@row("usage absent: auto compaction all the same")
async def compaction_without_usage(stage: Stage) -> None:
    stage.home(extra={"model_auto_compact_token_limit": 3000})  # the shell's output below is more
    stage.play(
        answer(reasoning="Work.", calls=[shell("seq -s ' ' 1 5000")], usage=None),
        answer("Carried on.", usage=SMALL),
        threads={"compaction": (answer("SUMMARY: half done.", usage=SMALL),)},
    )
    await stage.codex("work hard")
    stage.says("Carried on.")
    stage.must(len(stage.script.of("compaction")) == 1, "Codex never compacted: it knows no usage")
    stage.requests(3)


def _summary_asked(seen: Seen) -> str:
    """A ``compaction_trigger`` reaches the model as a request for a summary, in whatever words."""
    asked = "summary" in seen.last_text.lower() and "SUMMARY:" not in seen.last_text
    return "compaction" if asked else route_by_kind(seen)


@row("compaction_trigger (provider named OpenAI)")
async def compaction_trigger(stage: Stage) -> None:
    stage.home(provider_name="OpenAI", extra={"model_auto_compact_token_limit": 1000})
    stage.play(
        answer(reasoning="Work.", calls=[shell("echo worked")]),
        answer("Carried on.", usage=SMALL),
        answer("And again.", usage=SMALL),
        threads={"compaction": (answer("SUMMARY: the work is half done.", usage=SMALL),)},
        route=_summary_asked,
    )
    await stage.codex("work hard")
    stage.says("Carried on.")
    await stage.codex("more", resume=True)
    stage.says("And again.")
    stage.requests(4)
    stage.sent(4, "SUMMARY: the work is half done.")
