"""Errors of the provider before a stream begins: what is retried, how often, and what the user reads."""

from __future__ import annotations

from addon.scenarios import failures
from addon.scenarios.stage import Stage
from addon.scripted import answer, error, raw_body
from tests.e2e.rows import row
from tests.e2e.rows.turns import shell

HTML = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"


@row("429 once, Retry-After: 1")
async def rate_limit_once(stage: Stage) -> None:
    await failures.rate_limit(stage)


@row("429 quota")
async def rate_limit_quota(stage: Stage) -> None:
    stage.play(
        error(429, "You exceeded your current quota.", type="insufficient_quota", code="insufficient_quota"), ...
    )
    await stage.codex("go")
    stage.fails("quota")
    stage.requests(1)


@row("500 once")
async def server_error_once(stage: Stage) -> None:
    stage.play(error(500, "The engine stumbled.", type="server_error"), answer("Up again."))
    await stage.codex("go")
    stage.says("Up again.")
    stage.requests(2)


@row("500 always (retries 1+1)")
async def server_error_always(stage: Stage) -> None:
    stage.play(error(500, "The engine is broken.", type="server_error"), ...)
    await stage.codex("go")
    stage.fails("The engine is broken.")
    # One retry is what the user allowed; two retry layers on top of each other would make it four.
    stage.requests(2)


@row("401")
async def wrong_key(stage: Stage) -> None:
    await failures.refused(stage)


@row("400")
async def bad_request(stage: Stage) -> None:
    stage.play(error(400, "The model refuses parameter 'frobnicate'."), ...)
    await stage.codex("go")
    stage.fails("The model refuses parameter 'frobnicate'.")
    stage.requests(1)
    stage.should("{" not in stage.shown, f"the user reads JSON: {stage.shown[:200]}")


@row("404, model unknown")
async def unknown_model(stage: Stage) -> None:
    stage.play(error(404, "The model `scripted-model` does not exist.", code="model_not_found"), ...)
    await stage.codex("go")
    stage.fails("does not exist")
    stage.requests(1)


@row("context too long")
async def context_too_long(stage: Stage) -> None:
    await failures.context(stage)


@row("context too long, said without a code")
async def context_too_long_uncoded(stage: Stage) -> None:
    said = "the request exceeds the available context size. try increasing the context size"
    stage.play(error(400, said, type="exceed_context_size_error"), ...)
    await stage.codex("go")
    stage.fails("ran out of room in the model's context window")
    stage.requests(1)


@row("context too long while compacting")
async def context_too_long_compacting(stage: Stage) -> None:
    stage.home(extra={"model_auto_compact_token_limit": 1000})
    stage.play(
        answer(reasoning="Work.", calls=[shell("echo worked")]),  # its usage is over the limit
        answer("Carried on after the summary."),
        threads={
            # Codex drops the oldest item and asks again when it reads that the context is too long.
            "compaction": (
                error(400, "prompt is too long: 9001 tokens > 8192 maximum", code="context_length_exceeded"),
                answer("SUMMARY: worked.", usage={"prompt_tokens": 90, "completion_tokens": 9, "total_tokens": 99}),
            )
        },
    )
    await stage.codex("go")
    stage.says("Carried on after the summary.")
    stage.requests(4)
    stage.sent(4, "SUMMARY: worked.")


@row("HTML 502 once")
async def html_gateway(stage: Stage) -> None:
    stage.play(raw_body(HTML, status=502, content_type="text/html"), answer("The gateway is back."))
    await stage.codex("go")
    stage.says("The gateway is back.")
    stage.requests(2)


@row("HTML 502 always")
async def html_gateway_always(stage: Stage) -> None:
    stage.play(raw_body(HTML, status=502, content_type="text/html"), ...)
    await stage.codex("go")
    stage.fails("502")
    stage.requests(2)
    stage.should("<" not in stage.shown, f"the user reads HTML: {stage.shown[:200]}")
