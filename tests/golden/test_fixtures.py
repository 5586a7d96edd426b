"""Recordings of the real Codex are translated as they were when somebody last looked, byte for byte."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from relay_translate import json_bytes
from relay_translate.transcript import pretty
from tests.golden import cases, replay
from tests.golden.cases import FIXTURES, REFERENCE, TEXTS, GoldenTurn, expanded, golden_turns

TURNS = golden_turns()
SMALL = 2500  # bytes of a stream that is also fed byte by byte
SPLITS: dict[str, Callable[[bytes], Iterable[bytes]]] = {
    "by event": replay.by_event,
    "whole": replay.whole,
    "by 7 bytes": replay.by_bytes(7),
    "by 1 byte": replay.by_bytes(1),
}
PRIVATE = re.compile(
    r"\bsk-[A-Za-z0-9_-]{16,}|\bAIza[\w-]{30,}|\bgh[pousr]_\w{30,}|\bAKIA[0-9A-Z]{16}|[Bb]earer (?!\[)\S"
    r"|/root/(?:[.A-Z]|[\w-]+/)|(?<![\w.-])/home/(?!(?:user|x+)\b)\w|/Users/(?!(?:user|x+|Shared)\b)\w"
    r"|\w:\\+Users\\+(?!\\|(?:user|x+|Public)\b)|/var/folders/|/tmp/(?!case\b)"
    r"|\b(?!00000000-0000-4000-8000-)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|_[0-9a-f]{32}(?![0-9a-f])|127\.0\.0\.1:\d"
)  # fmt: skip


def named(turns: list[GoldenTurn]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("turn", turns, ids=[turn.name for turn in turns])


@named(TURNS)
def test_request_is_translated_as_recorded(turn: GoldenTurn, updating: bool) -> None:
    # Through bytes: what goes up is compared, and in the order in which it goes up.
    made = json_bytes(replay.translated(turn).body)
    if updating:
        turn.write("chat_request.json", made.decode())
    assert pretty(json.loads(made)) == pretty(json.loads(turn.read("chat_request.json")))


@named(TURNS)
def test_answer_is_translated_as_recorded(turn: GoldenTurn, updating: bool) -> None:
    made = replay.answered(turn, replay.by_event)
    if updating:
        turn.write("response.sse", made)
    assert made == turn.read("response.sse")


CUTS = [
    pytest.param(turn, split, id=f"{turn.name}-{split}")
    for turn in TURNS
    for split in SPLITS
    if turn.answered and split != "by event" and (split != "by 1 byte" or len(turn.upstream) <= SMALL)
]


@pytest.mark.parametrize(("turn", "split"), CUTS)
def test_answer_does_not_depend_on_how_it_is_cut_into_pieces(turn: GoldenTurn, split: str) -> None:
    made = replay.answered(turn, SPLITS[split])
    assert replay.without_keep_alives(made) == replay.without_keep_alives(turn.read("response.sse"))


def test_every_case_is_complete_and_nothing_else_lies_in_fixtures() -> None:
    answer = {"response.sse", "chat_request.json", "request.json"}
    expected = {turn.folder / name for turn in TURNS for name in (*answer, turn.upstream_name)}
    expected |= {turn.folder.parent / "case.toml" for turn in TURNS}
    expected |= {TEXTS / f"{name}.txt" for turn in TURNS for name in referred(turn)}
    found = {path for path in FIXTURES.glob("*/**/*") if path.is_file()}
    assert found == expected
    assert TURNS


def referred(turn: GoldenTurn) -> set[str]:
    names = ("request.json", "chat_request.json", "response.sse")
    return {name for file in names for name in REFERENCE.findall(turn.written(file))}


def test_long_texts_are_called_by_their_content_and_stored_once() -> None:
    for path in TEXTS.glob("*"):
        assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        assert path.read_bytes().decode()


def test_what_looks_like_a_reference_stays_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "TEXTS", tmp_path)
    (tmp_path / "000000000001.txt").write_text('say "⟦text 000000000002⟧"\n')
    assert expanded('{"text": "⟦text 000000000001⟧!"}') == '{"text": "say \\"⟦text 000000000002⟧\\"\\n!"}'


@pytest.mark.parametrize("name", ["chat_request.json", "response.sse"])
def test_updating_writes_references_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    long, part = 'a "long"\ntext ' * 40, "text a" * 80
    monkeypatch.setattr(cases, "TEXTS", tmp_path)
    for number, text in enumerate((part, long + part, long)):
        (tmp_path / f"{number:012d}.txt").write_text(text)
    folder = tmp_path / "turn-1"
    folder.mkdir()
    (folder / "request.json").write_text('["⟦text 000000000000⟧", "⟦text 000000000001⟧", "⟦text 000000000002⟧"]')
    turn = GoldenTurn(folder, {}, {})
    made = json.dumps({"text": f"one\n{long}{part}\n{long} two {part}"}, ensure_ascii=False)
    turn.write(name, made)
    assert (folder / name).read_text().strip() == (
        '{"text": "one\\n⟦text 000000000001⟧\\n⟦text 000000000002⟧ two ⟦text 000000000000⟧"}'
    )
    assert json.loads(turn.read(name)) == json.loads(made)


def test_every_version_is_described() -> None:
    described = set(re.findall(r"^\| (\d+\.\d+\.\d+) ", (FIXTURES / "VERSIONS.md").read_text(encoding="utf-8"), re.M))
    assert {turn.case["codex"] for turn in TURNS} <= described


def test_fixtures_hold_nothing_of_a_person_or_a_machine() -> None:
    found = [
        f"{path.relative_to(FIXTURES)}:{number}: {private[0]}"
        for path in sorted(FIXTURES.rglob("*"))
        if path.is_file()
        for number, line in enumerate(path.read_bytes().decode().splitlines(), 1)
        for private in [PRIVATE.search(line)]
        if private
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        '"authorization": "Bearer abc"',
        "<cwd>/home/jane/work</cwd>",
        r"C:\\Users\\jane",
        "/root/" + ".codex/config.toml",
        '"session_id": "01a20ed2-5165-7ef1-9588-f36562ecaa10"',
        '"id": "rs_0617dc5c67044300be43b8f04a4b27a5_0"',
        "sk-" + "a1b2" * 6,
    ],
)
def test_private_text_is_found(line: str) -> None:
    assert PRIVATE.search(line)


@pytest.mark.parametrize(
    "line",
    [
        '"authorization": "Bearer [scrubbed]***********"',
        "<cwd>/home/xxxx/work</cwd>",
        r"C:\\Users\\xxxx\\work",
        '"session_id": "00000000-0000-4000-8000-5dce3ad2e101"',
        '"author": "/root/counter"',
        "key [scrubbed]******************",
    ],
)
def test_scrubbed_text_is_not_private(line: str) -> None:
    assert PRIVATE.search(line) is None
