"""The folders of fixtures/ as values, with the long texts they refer to back in their places."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from relay_translate import RequestOptions
from relay_translate.transcript import pretty

Json = dict[str, Any]
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TEXTS = FIXTURES / "texts"
REFERENCE = re.compile(r"⟦text ([0-9a-f]{12})⟧")
"""In a JSON string: what stands, in JSON's spelling, in texts/NAME.txt. One pass: texts may hold what looks like one."""


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
        options = dict(self.case["options"])
        options["extra_params"] = json.loads(options.get("extra_params", "{}"))
        return RequestOptions(**options)

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
        return expanded(self.written(name))

    def written(self, name: str) -> str:
        """The file as it is, references and all."""
        return (self.folder / name).read_bytes().decode()

    def write(self, name: str, text: str) -> None:
        """Long texts that the request refers to become references again."""
        if name.endswith(".json"):
            text = pretty(self._folded(json.loads(text))) + "\n"
        else:
            text = self._folded(text, escaped=True)
        (self.folder / name).write_bytes(text.encode())

    @cached_property
    def _texts(self) -> dict[str, str]:
        """By reference, the longest first: one may be a part of another."""
        found = {one[0]: _text(one[1]) for one in REFERENCE.finditer(self.written("request.json"))}
        return dict(sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[1])))

    def _folded(self, value: Any, *, escaped: bool = False) -> Any:
        if isinstance(value, dict):
            return {key: self._folded(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._folded(inner) for inner in value]
        if isinstance(value, str):
            for reference, text in self._texts.items():
                value = value.replace(_spelled(text) if escaped else text, reference)
        return value


def expanded(text: str) -> str:
    return REFERENCE.sub(lambda found: _spelled(_text(found[1])), text)


def _text(name: str) -> str:
    return (TEXTS / f"{name}.txt").read_bytes().decode()


def _spelled(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def golden_turns() -> list[GoldenTurn]:
    return [turn for path in sorted(FIXTURES.glob("*/*/case.toml")) for turn in _turns(path)]


def _turns(path: Path) -> list[GoldenTurn]:
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    return [GoldenTurn(path.parent / f"turn-{number}", case, facts) for number, facts in enumerate(case["turn"], 1)]
