"""A flow file -> fixtures/<codex version>/<case>/turn-N/{request.json, chat_request.json, upstream.sse, response.sse}.

`python -m addon.recording.fixtures FILE... [--out fixtures] [--trim]`. A case is what the recording calls one, in
`metadata["case"]`, else a session of the client. Its case.toml holds what the other files alone do not say.

`request.json` and `upstream.sse` are what was recorded, in placeholders and (trimmed) with long prose cut.
The other two are what today's translator makes of them; where that is not what was recorded, it is reported.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mitmproxy import exceptions, http, io

from addon.replies import is_codex
from relay_translate import (
    RequestOptions,
    StreamTranslator,
    TurnContext,
    error_stream,
    find_profile,
    translate_error,
    translate_request,
)
from relay_translate.errors import upstream_broke
from relay_translate.transcript import close_envelopes, open_envelopes, pretty

from .placeholders import (
    CREATED_AT,
    PROVIDER,
    Placeholders,
    keep_tools,
    shorten,
)

Json = dict[str, Any]

DECIDING_HEADERS = ("retry-after", "retry-after-ms", "location")  # of an upstream's error, beside status and body
_VERSION = re.compile(r"codex[\w-]*/(\d+\.\d+\.\d+[\w.-]*)", re.I)
_CWD = re.compile(r"<cwd>([^<]+)</cwd>")
_RECORDED_ID = re.compile(r"\b([a-z]+)_[0-9a-f]{32}(?:_\d+)?\b")
_FIXTURE_ID = re.compile(r"\b([a-z]+)_\d{8}(?:_\d+)?\b")
_KEEP_ALIVE = re.compile(
    r"event: response\.in_progress\ndata: [^\n]*\"sequence_number\":(?!1,)\d+,[^\n]*\n\n"
)  # the one at 1 is part of every answer; the others come with pieces that say nothing yet
_SEQUENCE = re.compile(r"\"sequence_number\":\d+")


@dataclass(frozen=True)
class Turn:
    """One exchange as recorded. broken_off: mitmproxy's words when the upstream broke off in its answer.
    order: sub-agents behind the thread that made them, then by time."""

    request: str
    chat_request: str
    status: int
    headers: Mapping[str, str]
    upstream: str
    response: str
    codex: bool
    broken_off: str = ""
    subagent: str = ""
    order: tuple[bool, float] = (False, 0.0)

    @property
    def answered(self) -> bool:
        return 200 <= self.status < 300


@dataclass
class Case:
    name: str
    codex_version: str
    facts: Mapping[str, Any]  # of `metadata["case"]`
    relay: Mapping[str, Any]  # of the first turn's `metadata["relay"]`
    turns: list[Turn] = field(default_factory=list)


# --- reading ----------------------------------------------------------------------------------------------------------


def read_cases(path: Path) -> list[Case]:
    """The finished turns of a flow file, by case, in the order in which the cases began.

    Raises ValueError when `path` is not a flow file of the relay."""
    clients: list[http.HTTPFlow] = []
    upstreams: dict[str, http.HTTPFlow] = {}
    for flow in _flows(path):
        relay = flow.metadata.get("relay") or {}
        if relay.get("role") == "client" and flow.request.method == "POST":
            clients.append(flow)
        elif relay.get("role") == "upstream":
            upstreams[relay["id"]] = flow
    cases: dict[tuple[str, str], Case] = {}
    for flow in clients:
        linked = upstreams.get(flow.metadata["relay"]["id"])
        if linked is None or linked.response is None or flow.response is None:
            continue  # nobody answered: there is nothing to translate back
        facts = flow.metadata.get("case") or {}
        version = _folder_name(facts.get("codex") or _codex_version(flow))
        name = _folder_name(facts.get("name") or _session(flow))
        case = cases.setdefault((version, name), Case(name, version, facts, flow.metadata["relay"]))
        case.turns.append(_turn(flow, linked))
    if not cases:
        raise ValueError(f"{path} holds no finished turn that the relay has recorded")
    for case in cases.values():
        case.turns.sort(key=lambda turn: turn.order)
    return list(cases.values())


def _flows(path: Path) -> Iterator[http.HTTPFlow]:
    with path.open("rb") as file:
        try:
            for flow in io.FlowReader(file).stream():
                if isinstance(flow, http.HTTPFlow):
                    yield flow
        except exceptions.FlowReadException as error:
            raise ValueError(f"{path}: {error}") from error


def _turn(flow: http.HTTPFlow, linked: http.HTTPFlow) -> Turn:
    response, answer = flow.response, linked.response
    assert response is not None and answer is not None
    subagent = flow.request.headers.get("x-openai-subagent", "")
    return Turn(
        request=_text(flow.request),
        chat_request=_text(linked.request),
        status=answer.status_code,
        headers={name: answer.headers[name] for name in DECIDING_HEADERS if name in answer.headers},
        upstream=_text(answer),
        response=_text(response),
        codex=is_codex(flow.request),
        broken_off=flow.error.msg if flow.error else "",
        subagent=subagent,
        order=(bool(subagent), flow.request.timestamp_start),
    )


def _text(message: http.Message) -> str:
    return (message.get_content(strict=False) or b"").decode("utf-8", "surrogateescape")


def _codex_version(flow: http.HTTPFlow) -> str:
    found = _VERSION.search(flow.request.headers.get("user-agent", ""))
    return found[1] if found else "other"


def _folder_name(text: str) -> str:
    """Recordings come from others; what they say must stay below the folder it is written to."""
    return re.sub(r"[^\w.-]+|^\.+", "-", text) or "unnamed"


def _session(flow: http.HTTPFlow) -> str:
    for name in ("session-id", "session_id", "conversation_id"):
        if value := flow.request.headers.get(name):
            return f"session-{value[-12:]}"
    return f"flow-{flow.id[:8]}"


# --- translating ------------------------------------------------------------------------------------------------------


def extract(case: Case, *, trim: bool = False) -> tuple[dict[str, str], list[str]]:
    """The files of a case (path in its folder -> text), and where today's translator differs from the recording."""
    trim = bool(case.facts.get("trim", trim))
    names = Placeholders({found[1]: "/workspace" for turn in case.turns if (found := _CWD.search(turn.request))})
    called = {name for turn in case.turns for name in _called(turn.response)}
    options = _options(case)
    files, differences = {"case.toml": case_toml(case, trim)}, []
    for number, turn in enumerate(case.turns, 1):
        recorded = json.loads(turn.request)
        request = json.loads(names.settle(json.dumps(_ordered(recorded), ensure_ascii=False)))
        upstream = names.settle(turn.upstream)
        if trim:
            request = shorten(request)
            request = request if case.facts.get("all_tools") else keep_tools(request, called)
        profile = find_profile(name=case.relay.get("profile", ""))
        translated = translate_request(close_envelopes(request), profile, options)
        response = answer(turn, upstream, translated.context, number)
        for old, new in zip(_ids(_RECORDED_ID, turn.response), _ids(_FIXTURE_ID, response), strict=False):
            names.rename(old, new)
        folder = f"turn-{number}"
        files[f"{folder}/request.json"] = pretty(request) + "\n"
        files[f"{folder}/chat_request.json"] = pretty(translated.body) + "\n"
        files[f"{folder}/upstream.{'sse' if turn.answered else 'json'}"] = upstream
        files[f"{folder}/response.sse"] = open_envelopes(response)
        if translate_request(recorded, profile, options).body != json.loads(turn.chat_request):
            differences.append(f"{case.name} {folder}: the chat request is not translated as it was recorded")
        if _without_keep_alives(open_envelopes(response)) != _without_keep_alives(names.settle(turn.response)):
            differences.append(f"{case.name} {folder}: the answer is not translated as it was recorded")
    return files, differences


def answer(turn: Turn, upstream: str, context: TurnContext, number: int) -> str:
    """The response stream, one event of the upstream at a time, ids numbered and the clock stopped."""
    counts: dict[str, int] = {}

    def new_id(prefix: str) -> str:
        counts[prefix] = counts.get(prefix, 0) + 1
        return f"{prefix}_{number:04d}{counts[prefix]:04d}"  # 8 digits: so much of an id stands in envelopes

    data = upstream.encode("utf-8", "surrogateescape")
    if not turn.answered:
        error = translate_error(turn.status, turn.headers, data, provider=context.provider)
        return error_stream(error, context, new_id=new_id, created_at=CREATED_AT).decode()
    translator = StreamTranslator(context, new_id=new_id, created_at=CREATED_AT)
    out = b"".join(translator.receive(piece) for piece in re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)", data) if piece)
    if turn.broken_off:
        out += translator.fail(upstream_broke(f"{context.provider} broke off its answer: {turn.broken_off}"))
    else:
        out += translator.finish()
    return out.decode()


def _options(case: Case) -> RequestOptions:
    model, requested = case.relay.get("model", ""), case.relay.get("requested_model", "")
    mapped = {requested: model} if model != requested else {}
    return RequestOptions(model_map=mapped, codex=all(turn.codex for turn in case.turns), provider=PROVIDER)


def _ordered(request: Json) -> Json:
    """With what Codex takes from hash maps sorted: the metadata, and the results of a tool search."""
    ordered = dict(request)
    if isinstance(metadata := request.get("client_metadata"), dict):
        ordered["client_metadata"] = dict(sorted(metadata.items()))
    if isinstance(items := request.get("input"), list):
        ordered["input"] = [_by_name(item) if item.get("type") == "tool_search_output" else item for item in items]
    return ordered


def _by_name(holder: Json) -> Json:
    tools = holder.get("tools")
    if not isinstance(tools, list):
        return holder
    return holder | {"tools": [_by_name(tool) for tool in sorted(tools, key=lambda tool: str(tool.get("name")))]}


def _called(response: str) -> Iterator[str]:
    """Names of the tools that an answer calls."""
    for line in response.splitlines():
        if line.startswith("data: {") and '"response.output_item.done"' in line:
            item = json.loads(line[6:])["item"]
            if str(item.get("type")).endswith("_call"):
                yield str(item.get("name") or item["type"].removesuffix("_call"))


def _ids(pattern: re.Pattern[str], text: str) -> list[str]:
    return list(dict.fromkeys(found[0] for found in pattern.finditer(text)))


def _without_keep_alives(stream: str) -> str:
    """Keep-alives follow the pieces in which the network delivered; they must not decide about sameness."""
    return _SEQUENCE.sub('"sequence_number":0', _KEEP_ALIVE.sub("", stream))


# --- writing ----------------------------------------------------------------------------------------------------------


def case_toml(case: Case, trim: bool) -> str:
    options = _options(case)
    lines = [
        f"shows = {_toml(case.facts.get('shows', ''))}",
        f"codex = {_toml(case.codex_version)}",
        f"model = {_toml(case.relay.get('requested_model', ''))}",
        f"profile = {_toml(case.relay.get('profile', ''))}",
        f"trimmed = {_toml(trim)}",
        "",
        "[options]",
        f"codex = {_toml(options.codex)}",
        f"provider = {_toml(options.provider)}",
    ]
    lines += [f"model_map = {{ {_toml(a)} = {_toml(b)} }}" for a, b in options.model_map.items()]
    for turn in case.turns:
        lines += ["", "[[turn]]", f"status = {turn.status}"]
        for name in ("broken_off", "subagent"):
            if value := getattr(turn, name):
                lines.append(f"{name} = {_toml(value)}")
        if turn.headers:
            lines.append(f"headers = {{ {', '.join(f'{k} = {_toml(v)}' for k, v in turn.headers.items())} }}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)  # strings, booleans and numbers look alike in both


def write(files: Mapping[str, str], folder: Path) -> None:
    """Put a case's files in its folder, in place of what was there."""
    if folder.exists():
        shutil.rmtree(folder)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))


def extract_file(path: Path, out: Path, *, trim: bool = False) -> Iterable[str]:
    """Write all cases of a flow file below `out`; tells what was done, and what differs."""
    for case in read_cases(path):
        files, differences = extract(case, trim=trim)
        write(files, out / case.codex_version / case.name)
        yield f"{case.codex_version}/{case.name}: {len(case.turns)} turns"
        yield from (f"  differs: {text}" for text in differences)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Makes fixtures of recordings.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="flow files that the relay has written")
    parser.add_argument("--out", type=Path, default=Path("fixtures"), help="where the folders go (fixtures)")
    parser.add_argument("--trim", action="store_true", help="cut long prose, and leave out tools that nobody calls")
    chosen = parser.parse_args(argv)
    try:
        for path in chosen.files:
            for line in extract_file(path, chosen.out, trim=chosen.trim):
                print(line)
    except (OSError, ValueError) as error:
        print(f"fixtures: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
