"""`python -m tests.record_demo [FILE]`: records the demo, recordings/demo.flow unless a file is named.

The real Codex works through the relay, on an upstream that streams as DeepSeek does. Everything happens in a neutral
folder, because the working directory and the home of Codex are part of what is recorded.
"""

from __future__ import annotations

import asyncio
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from addon.codex.config import Settings
from addon.codex.home import CodexHome
from addon.codex.install import CodexMissing, find_codex
from addon.demo import PROMPT
from addon.demo.provider import read_recording, recorded_outputs
from addon.scenarios.relay import Relay
from addon.scripted import ALL_RULES, DONE, Call, Reply, Scenario, ScriptedUpstream, frame, stream
from addon.scripted.chunks import slices, words
from addon.scripted.replies import Said

Json = dict[str, Any]

RECORDING = Path(__file__).resolve().parents[1] / "recordings" / "demo.flow"
FOLDER = Path("/tmp/demo")
MODEL = "deepseek-v4-flash"
KEY = "demo"

PATCH = """apply_patch <<'EOF'
*** Begin Patch
*** Add File: hello.py
+import sys
+
+name = sys.argv[1] if len(sys.argv) > 1 else "relay"
+print(f"Hello, {name}!")
*** End Patch
EOF"""

TURNS: list[tuple[str, str, list[str]]] = [  # reasoning, text, commands
    (
        "The user wants a small script that greets the relay. One file is enough: it takes a name, and greets the "
        "relay when none is given. I write it with a patch, then run it.",
        "I'll write `hello.py` first.",
        [PATCH],
    ),
    (
        "The file is there. Now I run it twice, at the same time: as it is, and with a name, so that both branches of "
        "the expression are seen.",
        "",
        ["python3 hello.py", "python3 hello.py Codex"],
    ),
    (
        "Both commands ended with 0 and printed what they should. I report briefly.",
        "Done. `hello.py` greets whoever it is given:\n\n"
        "- `python3 hello.py` printed **Hello, relay!**\n"
        "- `python3 hello.py Codex` printed **Hello, Codex!**\n\n"
        "The answer you are reading came as chat completions; the relay turned it into the events Codex reads.",
        [],
    ),
]


def turn(number: int) -> Reply:
    """One answer as DeepSeek streams it: every delta names its empty fields, the last chunk carries the usage."""
    reasoning, text, commands = TURNS[number]
    ids = [f"call_{number}{index}_demo" for index in range(len(commands))]
    calls = [Call.of("exec_command", {"cmd": command}, id) for command, id in zip(commands, ids, strict=True)]
    deltas = list(spoken(reasoning, text))
    for index, call in enumerate(calls):
        deltas += called(index, call)
    spent, thought = len(deltas) * 2, len(reasoning.split())
    asked = 8300 + 240 * number
    usage = {
        "prompt_tokens": asked,
        "completion_tokens": spent,
        "total_tokens": asked + spent,
        "prompt_tokens_details": {"cached_tokens": 8192 if number else 0},
        "completion_tokens_details": {"reasoning_tokens": thought},
        "prompt_cache_hit_tokens": 8192 if number else 0,
        "prompt_cache_miss_tokens": asked - (8192 if number else 0),
    }
    first = chunk(number, {"role": "assistant", "content": None, "reasoning_content": ""})
    last = chunk(number, {"content": "", "reasoning_content": None}, "tool_calls" if commands else "stop", usage)
    said = Said(text, reasoning, "reasoning_content", tuple(calls))
    return stream(first, *(chunk(number, delta) for delta in deltas), frame(last) + DONE, done=False, said=said)


def spoken(reasoning: str, text: str) -> Iterator[Json]:
    yield from ({"content": None, "reasoning_content": word} for word in words(reasoning))
    yield from ({"content": word, "reasoning_content": None} for word in words(text) if word)


def called(index: int, call: Call) -> Iterator[Json]:
    """A call's id and name, then its arguments in small pieces."""
    function = {"name": call.name, "arguments": ""}
    yield {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]}
    for piece in slices(call.arguments, 9):
        yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def chunk(number: int, delta: Json, finish: str | None = None, usage: Json | None = None) -> Json:
    return {
        "id": f"0d5e1f2a-0000-4000-8000-{number:012x}",
        "object": "chat.completion.chunk",
        "created": 1790000000 + number,
        "model": MODEL,
        "system_fingerprint": "fp_recorded_demo",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}],
        "usage": usage,
    }


async def record(target: Path) -> None:
    # By its name the model is spoken to in its vendor's dialect, which knows more fields than the strictest.
    rules = ALL_RULES - {"known_fields"}
    scenario = Scenario("demo", [turn(number) for number in range(len(TURNS))], rules=rules)
    new = FOLDER / "demo.flow"
    async with ScriptedUpstream() as upstream:
        script = upstream.play(KEY, scenario)
        async with Relay(upstream.url, FOLDER / "relay", [f"save_stream_file={new}"]) as relay:
            settings = Settings(base_url=relay.base_url, key=KEY, model=MODEL)
            run = await CodexHome(find_codex(), FOLDER / "codex", settings).exec(PROMPT)
    if not run.completed or script.complaints or script.unplayed():
        problems = [*run.errors, *script.complaints, *script.unplayed(), run.stderr[-500:], relay.printed()[-3000:]]
        raise SystemExit("The recording failed:\n" + "\n".join(problems))
    check(new)
    size = shutil.copyfile(new, target).stat().st_size
    print(f"{target}: {size} bytes\n\n{run.final}")


def check(path: Path) -> None:
    """Nothing of this machine's owner may be in the recording, and the demo must be able to use it."""
    data = path.read_bytes()
    found = [text for text in (f"{Path.home()}/", platform.node(), f"Bearer {KEY}") if text.encode() in data]
    if found:
        raise SystemExit(f"{path} holds {', '.join(found)}; it was not copied")
    turns = read_recording(path)
    calls = sum(len(commands) for _, _, commands in TURNS)
    if len(turns) != len(TURNS) or len(recorded_outputs(turns)) != calls:
        raise SystemExit(f"{path} holds {len(turns)} answers and {len(recorded_outputs(turns))} tool outputs")


def main() -> int:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDING
    if FOLDER.exists():
        raise SystemExit(f"{FOLDER} exists; remove it first, it has to be fresh")
    FOLDER.mkdir(mode=0o700)
    try:
        asyncio.run(record(target))
    except CodexMissing as missing:
        raise SystemExit(str(missing)) from None
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
