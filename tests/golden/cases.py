"""The folders of fixtures/ as values."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from relay_translate import RequestOptions

Json = dict[str, Any]
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


@dataclass(frozen=True)
class GoldenTurn:
    """One folder `turn-N`. facts: its table in case.toml; case: the whole file."""

    folder: Path
    case: Mapping[str, Any]
    facts: Mapping[str, Any]

    @property
    def name(self) -> str:
        return "/".join(self.folder.relative_to(FIXTURES).parts)

    @property
    def number(self) -> int:
        return int(self.folder.name.removeprefix("turn-"))

    @property
    def options(self) -> RequestOptions:
        return RequestOptions(**self.case["options"])

    @cached_property
    def request(self) -> Json:
        return json.loads(self.read("request.json"))

    @cached_property
    def upstream(self) -> bytes:
        return (self.folder / self.upstream_name).read_bytes()

    @property
    def upstream_name(self) -> str:
        return "upstream.sse" if self.answered else "upstream.json"

    @property
    def answered(self) -> bool:
        return 200 <= self.facts["status"] < 300

    def read(self, name: str) -> str:
        return (self.folder / name).read_bytes().decode()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_bytes(text.encode())


def golden_turns() -> list[GoldenTurn]:
    return [turn for path in sorted(FIXTURES.glob("*/*/case.toml")) for turn in _turns(path)]


def _turns(path: Path) -> list[GoldenTurn]:
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    return [GoldenTurn(path.parent / f"turn-{number}", case, facts) for number, facts in enumerate(case["turn"], 1)]
