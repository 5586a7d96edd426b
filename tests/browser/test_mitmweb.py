"""A person with mitmweb open while Codex works: real mitmweb, real Chromium, real Codex where it is installed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from addon.codex.install import CodexMissing, find_codex
from addon.scripted.chunks import Call
from addon.scripted.replies import Reply, Until, answer, error
from addon.scripted.scenario import Seen
from tests.browser.chromium import browser, why_not
from tests.browser.page import PROVIDER, Page, replaced
from tests.browser.world import World, world

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]
LIMIT = 60


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    """One mitmweb for all tests; what holds flows holds only those that ask for it."""
    with world("relay_intercept=~bq HOLD-REQUEST", "relay_intercept_answers=~bq HOLD-ANSWER") as made:
        yield made


@pytest.fixture(scope="module")
def codex() -> Path | None:
    """The real one where it is installed; the small client asks as it does."""
    try:
        return find_codex()
    except CodexMissing:
        return None


@pytest.fixture
def page(driver: Any, here: World) -> Page:
    return Page(driver, here.address)


def halves(reply: Reply, happened: threading.Event, after: int) -> Reply:
    """The reply, silent after so many pieces until something has happened."""
    pieces = (*reply.pieces[:after], Until(happened.is_set), *reply.pieces[after:])
    return Reply(pieces, reply.status, reply.headers, said=reply.said)


def echo(seen: Seen) -> Reply:
    return answer(f"You said: {seen.last_text.splitlines()[-1]}")


def test_a_turn_of_codex_is_seen_growing_and_then_told_in_the_list(page: Page, here: World, codex: Path | None) -> None:
    go_on = threading.Event()
    text = "The first half is here. The second half came later."
    here.play(halves(answer(text, reasoning="Let me think about halves."), go_on, 13))
    run = here.turn(codex, "Tell me something in two halves.")
    page.until(lambda: (row := page.row()) and row.answered, "the answer's beginning")
    page.open("Response")
    shown = page.shows("Let me think", "The first half is here.")
    assert "second half" not in shown
    row, linked = page.row(), page.row(PROVIDER)
    assert row is not None and linked is not None, "the exchange with the provider stands there while it runs"
    assert "scripted-model" in row.comment
    go_on.set()
    page.shows("The second half came later.")
    assert run.result(LIMIT) == text
    page.until(lambda: "1200 (256 cached) in, 34 out" in page.told(), "the comment of the turn")


def test_requests_of_both_sides_their_answers_and_the_translation_can_be_read(
    page: Page, here: World, codex: Path | None
) -> None:
    call = Call.of("exec_command", {"cmd": "echo from-the-tool"}, "call_seen")
    here.play(answer("I look.", reasoning="A command will tell.", calls=[call]), answer("It said from-the-tool."))
    assert here.turn(codex, "What does the tool say?").result(LIMIT) == "It said from-the-tool."
    page.open("Request")
    page.shows("What does the tool say?", "echo from-the-tool", "exec_command")
    page.open("Response")
    page.shows("It said from-the-tool.")
    page.choose("relay translation")
    page.shows("exec_command", "echo from-the-tool")
    page.open("Request", PROVIDER)
    page.shows("What does the tool say?", "echo from-the-tool")
    page.open("Response", PROVIDER)
    page.shows("It said from-the-tool.")
    page.choose("raw")
    page.shows('"finish_reason"')


def test_a_held_request_can_be_edited_and_codex_gets_the_other_answer(
    page: Page, here: World, codex: Path | None
) -> None:
    here.play(echo)
    run = here.turn(codex, "HOLD-REQUEST: say white.")
    page.until(lambda: (row := page.row()) and row.held, "a held request")
    page.open("Request")
    page.shows("say white")
    page.edit(lambda body: replaced(body, "say white", "say black"))
    page.resume()
    assert run.result(LIMIT) == "You said: HOLD-REQUEST: say black."


def test_a_held_answer_can_be_edited_before_codex_sees_it(page: Page, here: World, codex: Path | None) -> None:
    here.play(answer("This is white."))
    run = here.turn(codex, "HOLD-ANSWER, please.")
    page.until(lambda: any(row.held for row in page.rows()), "a held answer")
    held = next(row for row in page.rows() if row.held)
    page.open("Response", held.side)
    page.edit(lambda body: body.replace("white", "black"))
    page.resume()
    assert run.result(LIMIT) == "This is black."


def test_a_failed_turn_is_marked_and_says_why(page: Page, here: World) -> None:
    here.play(error(402, "Insufficient balance, says the provider."))
    here.ask("Do it.").exception(LIMIT)
    row = page.until(lambda: (row := page.row()) and "Insufficient" in row.comment and row, "the error")
    assert row.comment.startswith("🔴 failed: Insufficient balance, says the provider.")
    page.open("Response")
    page.shows("Insufficient balance, says the provider.")


SEARCHES: list[tuple[str, Callable[[str], bool]]] = [
    ("!~comment ↳", lambda told: not told.startswith("↳")),
    ("~comment ↳", lambda told: told.startswith("↳")),
    ("~comment scripted-model", lambda told: "scripted-model" in told),
    ("~comment 🔴", lambda told: told.startswith("🔴")),
    ('~comment "Insufficient balance"', lambda told: "Insufficient balance" in told),
    ("~comment exec_command", lambda told: "exec_command" in told),
    ('~comment "quirk think-tags"', lambda told: "quirk think-tags" in told),
    ("~comment 🔴 & !~comment ↳", lambda told: told.startswith("🔴")),
]


def test_the_search_field_finds_turns_by_what_their_comments_say(page: Page, here: World) -> None:
    call = Call.of("exec_command", {"cmd": "true"}, "call_found")
    here.play(answer("", calls=[call]), answer("<think>So.</think>Yes."), error(402, "Insufficient balance."))
    for _ in range(2):
        here.ask("Do it.").result(LIMIT)
    here.ask("Do it.").exception(LIMIT)
    page.until(lambda: "Insufficient" in page.told(), "the error")
    everything = page.search("")
    for recipe, matches in SEARCHES:
        wanted = [row.comment for row in everything if matches(row.comment)]
        assert wanted, f"nothing that {recipe} could find"
        assert [row.comment for row in page.search(recipe)] == wanted, recipe
    assert page.search("") == everything
