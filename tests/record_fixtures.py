"""`python -m tests.record_fixtures --codex 0.169.0 [--out FILE]`: records the conversations of fixtures/.

The real Codex plays rows of tests/e2e through the real relay, one relay a row, and mitmproxy writes its flow file.
The flows are scrubbed, told which case they belong to, and joined in one file: recordings/codex-VERSION.flow.
`--extract` makes the fixtures of it too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import brotli
from mitmproxy import http, io

from addon.codex.install import CURRENT, CodexMissing, find_codex, version_of
from addon.recording.fixtures import extract_file
from addon.recording.placeholders import Placeholders
from addon.scenarios.relay import Relay, RelayFailed
from addon.scripted import ScriptedUpstream
from tests.e2e.playing import play_row
from tests.e2e.rows import Row, all_rows
from tests.e2e.rows.versions import version_rows

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Case:
    """A row of tests/e2e to record. all_tools: its fixtures keep those too that are not called."""

    row: str
    shows: str
    all_tools: bool = False


CASES = (
    Case("plain-text", "text alone; every tool that Codex offers", all_tools=True),
    Case("reasoning-loop", "reasoning goes back to the provider, over a tool loop and into the next turn"),
    Case("apply-patch", "a freeform tool: a function with one string to the provider, raw text to Codex"),
    Case("parallel-and-text", "text, reasoning and two calls in one answer"),
    Case("mcp-arguments", "tools of an MCP server: namespaces, empty arguments, structured content"),
    Case("image-input", "a picture from the user"),
    Case("tool-picture", "pictures from tools: MCP content and view_image"),
    Case("slug-gpt-6", "Responses Lite and code mode: tools inside the input, a script as the call", all_tools=True),
    Case("tool-search", "tools that are found by searching, then called"),
    Case("sub-agent-v1", "a sub-agent on a thread of its own; its turns stand last"),
    Case("compaction-local", "Codex asks for a summary and goes on from it"),
    Case("compaction-trigger", "a compaction item in place of a summary (provider named OpenAI)"),
    Case("output-schema", "structured output"),
    Case("rate-limit-once", "HTTP 429 with Retry-After, then an answer"),
    Case("context-too-long", "HTTP 400: the conversation is too long"),
    Case("cut-in-text", "the provider breaks off in its text, then answers"),
)  # fmt: skip
# Older versions differ in what they send, not in what they do with answers.
OLDER = (
    Case("text", "text and reasoning; every tool that Codex offers", all_tools=True),
    Case("tool-loop", "a tool loop with reasoning, one call and two at once"),
)


def cases_of(version: str, names: Sequence[str]) -> list[tuple[Case, Row]]:
    chosen = CASES if version == CURRENT else OLDER
    rows = {row.name: row for row in (all_rows() if version == CURRENT else version_rows([version]))}
    prefix = "" if version == CURRENT else f"{version}-"
    return [(case, rows[prefix + case.row]) for case in chosen if not names or case.row in names]


async def record(version: str, codex: Path, names: Sequence[str], out: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="codex-relay-record-"))
    new = folder / "new.flow"
    try:
        async with ScriptedUpstream() as upstream:
            with new.open("wb") as file:
                writer = io.FlowWriter(file)
                for number, (case, row) in enumerate(cases_of(version, names)):
                    # Not called like the row: that is the row's key, which is scrubbed wherever it stands.
                    for flow in await play(row, upstream, codex, folder / f"{number:02d}"):
                        mark(flow, case, version)
                        writer.add(flow)
                    print(f"{version} {case.row}", flush=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(new, out)
        print(f"{out}: {out.stat().st_size:,} bytes")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def play(row: Row, upstream: ScriptedUpstream, codex: Path, folder: Path) -> list[http.HTTPFlow]:
    """The scrubbed flows of one row. A row that does not work is no fixture."""
    raw = folder / "raw.flow"
    folder.mkdir()
    async with Relay(upstream.url, folder / "relay", [f"save_stream_file={raw}"]) as relay:
        result = await play_row(row, upstream, relay, codex, folder / "case")
    if result.grade != "W":
        raise SystemExit(f"{result.explained}\n{relay.printed()[-3000:]}")
    names = Placeholders(
        {
            str(folder / "case" / "workspace"): "/workspace",
            str(folder / "case" / "home"): "/home/user",
            str(folder / "case"): "/tmp/case",
            f"{Path.home()}/": "/home/user/",  # with the slash: one home is called /root, as XML elements are too
        },
        words=private_words(),
    )
    with raw.open("rb") as file:
        return [scrubbed(flow, names) for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]


def private_words() -> Iterator[str]:
    yield socket.gethostname()
    user = os.environ.get("USER", "")
    if user not in {"root", "user"}:  # words of the prompts too; as folders they are known
        yield user


def scrubbed(flow: http.HTTPFlow, names: Placeholders) -> http.HTTPFlow:
    """A flow that may be published."""
    for message in (flow.request, flow.response):
        if message is None:
            continue
        for name, value in list(message.headers.items()):
            message.headers[name] = names.scrub(value)
        if content := message.content:
            message.content = names.scrub(content.decode()).encode()
        check(message)
        compress(message)
    return flow


def check(message: http.Message) -> None:
    """The last look before a message is kept; the tests look closer."""
    text = str(message.headers) + (message.content or b"").decode()
    for private in (str(Path.home()) + "/", tempfile.gettempdir() + "/codex-relay-record-", *private_words()):
        if len(private) > 2 and private in text:
            raise SystemExit(f"the recording would hold {private!r} and was not kept")


def compress(message: http.Message) -> None:
    """Prompt and tools are in every request, and are most of a recording. Brotli is what mitmproxy reads and packs best."""
    data = brotli.compress(message.content or b"", quality=11)
    message.headers["content-encoding"] = "br"
    message.raw_content = data
    if "transfer-encoding" not in message.headers:
        message.headers["content-length"] = str(len(data))


def mark(flow: http.HTTPFlow, case: Case, version: str) -> None:
    facts = {"name": case.row, "codex": version, "shows": case.shows, "trim": True, "all_tools": case.all_tools}
    flow.metadata["case"] = facts
    flow.comment = f"{case.row}: {flow.comment}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.record_fixtures", description=__doc__)
    parser.add_argument("--codex", default=CURRENT, metavar="VERSION|PATH", help=f"which Codex ({CURRENT})")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the flow file (recordings/codex-VERSION.flow)")
    parser.add_argument("--only", action="append", default=[], metavar="CASE", help="only this case; may be repeated")
    parser.add_argument(
        "--extract", type=Path, nargs="?", const=ROOT / "fixtures", metavar="FOLDER", help="make fixtures"
    )
    chosen = parser.parse_args()
    try:
        codex = find_codex(chosen.codex)
        version = version_of(codex)
        out = chosen.out or ROOT / "recordings" / f"codex-{version}.flow"
        asyncio.run(record(version, codex, chosen.only, out))
    except (CodexMissing, RelayFailed) as problem:
        print(problem, file=sys.stderr)
        return 2
    if chosen.extract:
        for line in extract_file(out, chosen.extract):
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
