"""Model slugs and requests that change what Codex sends: gpt-5.5, GPT-6, several instructions, compaction."""

from __future__ import annotations

from addon.scenarios import models
from addon.scenarios.models import SCRIPT, SMALL
from addon.scenarios.offered import PATCH, PATCHED
from addon.scenarios.stage import Stage
from addon.scripted import answer
from tests.e2e.rows import row
from tests.e2e.rows.turns import shell


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


async def _goes_on(stage: Stage) -> None:
    """A further turn of a thread that has been compacted."""
    stage.play(answer("And again.", usage=SMALL))
    await stage.codex("more", resume=True)
    stage.says("And again.")
    stage.requests(1)
    stage.sent(1, "SUMMARY: the work is half done.", "work hard", "more")


@row("auto compaction, local")
async def compaction_local(stage: Stage) -> None:
    await models.compact(stage)
    await _goes_on(stage)


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


@row("compaction_trigger (provider named OpenAI)")
async def compaction_trigger(stage: Stage) -> None:
    await models.compact_trigger(stage)
    await _goes_on(stage)
