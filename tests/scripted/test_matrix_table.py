"""The table of the matrix, of made-up results: no Codex is run here."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.scripted.dialects import DIALECTS
from tests.e2e.matrix import chosen_dialects, lines_of, report
from tests.e2e.playing import Result
from tests.e2e.providers import COLUMNS, rows_of


def results(name: str, **grades: str):
    rows = rows_of(DIALECTS[name])
    return {
        column: Result(rows[column], grades.get(column, "W"), 1, 0.1, "shown", ("why",), Path()) for column in COLUMNS
    }  # type: ignore[arg-type]


def test_a_model_that_sees_nothing_has_a_dash_where_its_pictures_are_notes():
    table = lines_of({"deepseek": results("deepseek"), "openai": results("openai")}, markdown=True)
    assert table[0] == f"| provider | model | {' | '.join(COLUMNS.values())} |"
    assert table[2] == "| deepseek | `deepseek-v4-pro` | W | W | W | W | — |"
    assert table[3] == "| openai | `gpt-5.5` | W | W | W | W | W |"


def test_what_is_broken_is_told_and_fails_the_command(capsys: pytest.CaptureFixture[str]):
    assert report({"openai": results("openai")}, "0.0.0", 1.0, markdown=False) == 0
    assert report({"deepseek": results("deepseek", image="B", loop="P")}, "0.0.0", 1.0, markdown=False) == 1
    told = capsys.readouterr().out
    assert "deepseek-image: B\n  why" in told and "deepseek-loop: P\n  why" in told
    assert "1 providers, 5 conversations, 3 W, 1 P, 1 B" in told
    assert report({}, "0.0.0", 1.0, markdown=False) == 1


def test_markdown_is_the_table_and_nothing_else(capsys: pytest.CaptureFixture[str]):
    report({"openai": results("openai", text="B")}, "0.0.0", 1.0, markdown=True)
    told = capsys.readouterr()
    assert all(line.startswith("|") for line in told.out.splitlines() if line)
    assert "openai-text: B" in told.err


def test_providers_are_chosen_by_the_beginning_of_their_names():
    assert [one.name for one in chosen_dialects(["KIMI"])] == ["kimi", "kimi (K3)", "kimi-coding"]
    assert len(chosen_dialects([])) == len(DIALECTS)
    assert chosen_dialects(["nobody"]) == []


def test_rows_have_plain_names_of_their_own():
    names = [row.name for dialect in DIALECTS.values() for row in rows_of(dialect).values()]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalnum() for name in names)
