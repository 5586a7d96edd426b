"""Answers that go wrong, and what Codex does next."""

from __future__ import annotations

from addon.scenarios.catalog import case
from addon.scenarios.stage import Stage
from addon.scripted import answer, error

CUT_TEXT = "A sentence of several words that is cut."
TOO_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens."


@case("HTTP 429 with Retry-After, then an answer")
async def rate_limit(stage: Stage) -> None:
    busy = error(429, "Rate limit reached.", type="rate_limit_error", headers={"retry-after": "1"})
    stage.play(busy, answer("Then it went."))
    await stage.codex("go")
    stage.says("Then it went.")
    stage.requests(2)
    if len(stage.seen) == 2:
        waited = stage.seen[1].at - stage.seen[0].at
        stage.should(waited >= 0.95, f"retried after {waited:.2f} s, not after the second that was asked for")


@case("HTTP 400: the conversation is too long")
async def context(stage: Stage) -> None:
    stage.play(error(400, TOO_LONG, code="context_length_exceeded"), ...)
    await stage.codex("go")
    known = stage.at_least("0.58")  # 0.40 tells the provider's own words, after a second attempt
    stage.fails("ran out of room in the model's context window" if known else "maximum context length")
    stage.requests(1 if known else 2)


@case("the provider breaks off in its text, then answers")
async def cut(stage: Stage) -> None:
    stage.play(answer(CUT_TEXT).cut(4), answer(CUT_TEXT))
    await stage.codex("go")
    stage.says(CUT_TEXT)
    messages = stage.runs[-1].messages
    stage.must(messages == [CUT_TEXT], f"the user sees {messages}")
    stage.requests(2)


@case("the provider refuses the key: no second attempt")
async def refused(stage: Stage) -> None:
    stage.play(error(401, "Incorrect API key provided.", code="invalid_api_key"), ...)
    await stage.codex("go")
    stage.fails("Incorrect API key provided")
    stage.requests(1 if stage.at_least("0.98") else 2)  # until 0.80 all errors were tried again


@case("an answer that reaches the limit of its length")
async def length(stage: Stage) -> None:
    stage.play(answer("A long answer that", finish="length"))
    run = await stage.codex("go")
    shown = " ".join(run.messages)
    stage.must(run.completed and "A long answer that" in shown, f"the text is lost: {run.shown}")
    stage.requests(1)
