"""What a conversation is played on: a scripted upstream, a relay, a Codex home, and the verdict that is collected."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import EllipsisType
from typing import Any, Literal

from addon.codex import versions
from addon.codex.config import Settings
from addon.codex.home import CodexHome, CodexRun
from addon.scenarios.relay import Relay
from addon.scripted import ALL_RULES, Scenario, Script, ScriptedUpstream, Seen
from addon.scripted.scenario import Judge, Step, route_by_kind

Json = dict[str, Any]
Grade = Literal["W", "P", "B"]


class Stage:
    """One conversation's world. ``must`` decides between works and broken, ``should`` between works and partly.

    version: of the Codex; "" for today's. key: what Codex authorises with, and the upstream knows the script by; the
    name, if not given.
    """

    def __init__(
        self,
        name: str,
        upstream: ScriptedUpstream,
        relay: Relay,
        codex: Path,
        folder: Path,
        *,
        version: str = "",
        key: str = "",
    ) -> None:
        self.name, self.version, self.key = name, version, key or name
        self.upstream, self.relay, self.program, self.folder = upstream, relay, codex, folder
        self.runs: list[CodexRun] = []
        self.broken: list[str] = []
        self.partly: list[str] = []
        self._scripts: list[Script] = []
        self._home: CodexHome | None = None

    # --- setting up

    def play(
        self,
        *steps: Step | EllipsisType,
        threads: Mapping[str, Sequence[Step | EllipsisType]] | None = None,
        route: Callable[[Seen], str] = route_by_kind,
        rules: frozenset[str] = ALL_RULES,
        judge: Judge | None = None,
    ) -> Script:
        """What the model will answer, from now on."""
        scenario = Scenario(self.name, steps, threads or {}, route, rules, judge)
        self._scripts.append(self.upstream.play(self.key, scenario))
        return self.script

    @staticmethod
    def rules_without(*names: str) -> frozenset[str]:
        return ALL_RULES - set(names)

    def home(self, **settings: Any) -> CodexHome:
        """The home of this conversation's Codex, made once; settings as in ``Settings``."""
        if self._home is None:
            chosen = Settings(base_url=self.relay.base_url, key=self.key, **settings)
            self._home = CodexHome(self.program, self.folder, chosen, resumes_by_id=not self.at_least("0.80"))
        return self._home

    def at_least(self, version: str) -> bool:
        """Whether the Codex is of this version or a later one."""
        return versions.parse(self.version) >= versions.parse(version)

    @property
    def was_played(self) -> bool:
        return bool(self._scripts)

    @property
    def script(self) -> Script:
        assert self._scripts, "a conversation plays its script first"
        return self._scripts[-1]

    @property
    def seen(self) -> list[Seen]:
        return self.script.seen

    @property
    def workspace(self) -> Path:
        return self.home().workspace

    # --- acting

    async def codex(self, prompt: str, **options: Any) -> CodexRun:
        run = await self.home().exec(prompt, **options)
        self.runs.append(run)
        return run

    async def command(self, *arguments: str, limit: float = 60.0) -> CodexRun:
        run = await self.home().run(arguments, limit=limit)
        self.runs.append(run)
        return run

    # --- judging

    def must(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.broken.append(otherwise)

    def should(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.partly.append(otherwise)

    def says(self, text: str) -> None:
        """The last run ended well, and its final message is exactly this."""
        run = self.runs[-1]
        self.must(run.completed and run.final == text, f"the final message is {run.shown[:300]!r}, not {text!r}")

    def fails(self, *parts: str) -> None:
        """The last run failed, and the user reads these words."""
        run = self.runs[-1]
        self.must(not run.completed and run.errors, f"the turn did not fail: {run.shown[:300]!r}")
        shown = " | ".join(run.errors)
        for part in parts:
            self.must(part.lower() in shown.lower(), f"the user does not read {part!r} but {shown[:400]!r}")

    def requests(self, count: int) -> None:
        self.should(len(self.seen) == count, f"{len(self.seen)} upstream requests instead of {count}")

    def file(self, name: str, content: str) -> None:
        path = self.workspace / name
        found = path.read_text() if path.exists() else None
        self.must(found == content, f"{name} holds {found!r}, not {content!r}")

    def sent(self, number: int, *texts: str) -> None:
        """Request ``number`` (from 1) holds these texts somewhere in its messages."""
        if len(self.seen) < number:
            self.must(False, f"request {number} was never sent")
            return
        whole = json.dumps(self.seen[number - 1].messages, ensure_ascii=False)
        for text in texts:
            quoted = json.dumps(text, ensure_ascii=False)[1:-1]
            self.must(quoted in whole, f"request {number} does not hold {text!r}")

    def close(self) -> None:
        """The judgements every conversation shares."""
        for script in self._scripts:
            self.partly.extend([*script.complaints, *script.unplayed()])
        for run in self.runs:
            self.should(run.exit_code is not None, "Codex did not end in time")
            self.should("panicked at" not in run.stderr, f"Codex panicked: {run.stderr[-300:]}")

    @property
    def grade(self) -> Grade:
        return "B" if self.broken else "P" if self.partly else "W"

    @property
    def shown(self) -> str:
        return self.runs[-1].shown if self.runs else "(Codex was not run)"
