"""Running the real Codex CLI in a home and a workspace of its own, and reading what it reports."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from addon.codex.config import Settings, write_config
from addon.codex.events import read_events

Json = dict[str, Any]
COMMITTED_AT = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class CodexRun:
    """What one call of the CLI left behind."""

    exit_code: int | None  # None: it did not end in time
    events: tuple[Json, ...]
    stdout: str
    stderr: str
    seconds: float

    def items(self, kind: str) -> list[Json]:
        """Completed items of a type: agent_message, reasoning, command_execution, file_change, mcp_tool_call …"""
        done = (event["item"] for event in self.events if event.get("type") == "item.completed")
        return [item for item in done if item.get("type") == kind]

    @property
    def messages(self) -> list[str]:
        return [item.get("text", "") for item in self.items("agent_message")]

    @property
    def final(self) -> str:
        return self.messages[-1] if self.messages else ""

    @property
    def reasoning(self) -> list[str]:
        return [item.get("text", "") for item in self.items("reasoning")]

    @property
    def errors(self) -> list[str]:
        """Error texts in the order shown, reconnect notices among them."""
        shown = [event.get("message", "") for event in self.events if event.get("type") == "error"]
        failed = [event["error"].get("message", "") for event in self.events if event.get("type") == "turn.failed"]
        return shown + [text for text in failed if text not in shown]

    @property
    def completed(self) -> bool:
        return any(event.get("type") == "turn.completed" for event in self.events)

    @property
    def usage(self) -> Json:
        return next((event["usage"] for event in reversed(self.events) if event.get("type") == "turn.completed"), {})

    @property
    def shown(self) -> str:
        """One line: what the user ends up looking at."""
        if self.exit_code is None:
            return "(still running when time was up)"
        if self.completed and (self.final or not self.errors):
            return _one_line(self.final or "(nothing)")
        return _one_line("error: " + self.errors[-1] if self.errors else self.stdout or self.stderr or "(nothing)")


def _one_line(text: str) -> str:
    return " ".join(text.split())


@dataclass
class CodexHome:
    """A fresh home and workspace; several calls in one home share configuration and stored sessions."""

    program: Path
    folder: Path
    settings: Settings
    environment: Mapping[str, str] = field(default_factory=dict)
    resumes_by_id: bool = False  # until 0.58 `resume --last` takes no prompt

    def __post_init__(self) -> None:
        self._calls = 0
        self.workspace = self.folder / "workspace"
        self.workspace.mkdir(parents=True)
        self.home = self.folder / "home"
        self.home.mkdir()
        write_config(self.home, self.workspace, self.settings)
        for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "start"]):
            git(self.workspace, *command)

    async def exec(
        self,
        prompt: str,
        *,
        images: Sequence[Path] = (),
        schema: Json | None = None,
        resume: bool = False,
        model: str = "",
        limit: float = 60.0,
    ) -> CodexRun:
        """``codex exec``, or with ``resume`` the next turn of the last session."""
        options = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json"]
        if schema is not None:
            path = self.folder / "schema.json"
            path.write_text(json.dumps(schema))
            options += ["--output-schema", str(path)]
        for image in images:
            options += ["--image", str(image)]
        if model:
            options += ["--model", model]
        # "--": --image takes any number of values and would eat the prompt.
        words = ["resume", self.last_session() if self.resumes_by_id else "--last"] if resume else []
        words += ["--", prompt]
        return await self.run(["exec", *options, *words], limit=limit)

    async def run(self, arguments: Sequence[str], *, limit: float = 60.0) -> CodexRun:
        started = time.monotonic()
        self._calls += 1
        # Files, not pipes: what a run printed before it was stopped is what explains it.
        out, err = (self.folder / f"{name}{self._calls}.log" for name in ("stdout", "stderr"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                str(self.program),
                *arguments,
                cwd=self.workspace,
                env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,  # tools and MCP servers are children; all of them end with the group
            )
            try:
                code: int | None = await asyncio.wait_for(process.wait(), limit)
            except TimeoutError:
                code = None
            finally:
                _end_group(process.pid)
                await process.wait()
        shown = out.read_text(errors="replace")
        return CodexRun(code, read_events(shown), shown, err.read_text(errors="replace"), time.monotonic() - started)

    def last_session(self) -> str:
        """The id of the session that was begun last, from the name of its rollout file."""
        rollouts = sorted((self.home / "sessions").rglob("rollout-*.jsonl"), key=lambda path: path.name)
        return rollouts[-1].stem[-36:]  # a UUID's length

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TERM") if name in os.environ}
        own = {"HOME": str(self.home), "CODEX_HOME": str(self.home), self.settings.key_variable: self.settings.key}
        return {**kept, **own, "NO_PROXY": "127.0.0.1,localhost", **self.environment}


def git(folder: Path, *arguments: str) -> None:
    """Git as it is without anybody's settings and at one moment, so that commits get the same hashes everywhere."""
    identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main"]
    moment = {"GIT_AUTHOR_DATE": COMMITTED_AT, "GIT_COMMITTER_DATE": COMMITTED_AT}
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env={**inherited, **moment, **settings},
        check=True,
        timeout=30,
        capture_output=True,
    )


def _end_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
