"""A flow file -> fixtures/<codex version>/<case>/turn-N/{request.json, chat_request.json, upstream.sse, response.sse}.

A case is what the recording calls one, in `metadata["case"]`, else a conversation of the client. `request.json` and
`upstream.sse` are what was recorded, in placeholders and (trimmed) cut to what the case shows. The other two are what
today's translator makes of them; where that is not what was recorded, it is reported. The folder's format stands in
fixture_files.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from relay_translate import (
    RequestOptions,
    StreamTranslator,
    TranslatedRequest,
    TranslationError,
    TurnContext,
    error_stream,
    translate_error,
    translate_request,
)
from relay_translate.errors import upstream_broke
from relay_translate.transcript import close_envelopes, count, open_envelopes

from .cases import Case, Turn, read_cases
from .fixture_files import Texts, case_toml, remove_unused_texts, write_case
from .placeholders import CREATED_AT, PROVIDER, Placeholders, keep_tools, roots_of, shorten
from .translating import options_of, profile_of
from .versions_page import describe_versions

Json = dict[str, Any]

_RECORDED_ID = re.compile(r"\b([a-z]+)_[0-9a-f]{32}(?:_\d+)?\b")
_FIXTURE_ID = re.compile(r"\b([a-z]+)_\d{8}(?:_\d+)?\b")
_EVENT = re.compile(r"^event: (\S+)|\"type\":\"(\w+)\"|\"name\":\"([^\"]*)\"", re.M)


@dataclass
class Extracted:
    """files: path in the case's folder -> text. texts: name -> long text. remarks: where today's translator differs
    from the recording, and what is not there."""

    files: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


# --- translating ------------------------------------------------------------------------------------------------------


def extract(case: Case, *, trim: bool = False) -> Extracted:
    """The files of a case. A recording may ask for trimming itself, as those of the scripted scenarios do."""
    trim = trim or bool(case.facts.get("trim"))
    called = {name for turn in case.turns for name in called_tools(turn.response)} if trim else set()
    names = Placeholders(roots_of(json.dumps(turn.request, ensure_ascii=False) for turn in case.turns))
    made, options = Extracted(remarks=list(case.remarks)), _options(case)
    kept: list[Turn] = []
    for turn in case.turns:
        try:
            _extract_turn(turn, case, names, _Wanted(trim, called, len(kept) + 1, options), made)
            kept.append(turn)
        except TranslationError as error:
            made.remarks.append(f"left out: a turn of {case.name}: today's translator refuses it: {error}")
    made.files["case.toml"] = _case_file(case, trim, options, kept)
    return made


@dataclass(frozen=True)
class _Wanted:
    """How a turn is extracted. number: its folder's."""

    trim: bool
    called: Collection[str]
    number: int
    options: RequestOptions


def _extract_turn(turn: Turn, case: Case, names: Placeholders, wanted: _Wanted, made: Extracted) -> None:
    profile = profile_of(case.relay)

    def translated(request: Json) -> TranslatedRequest:
        return translate_request(close_envelopes(request), profile, wanted.options)

    request = json.loads(names.settle(json.dumps(_ordered(turn.request), ensure_ascii=False)))
    upstream, folder = names.settle(turn.upstream), f"turn-{wanted.number}"
    response = answer(turn, upstream, translated(request).context, wanted.number)
    for old, new in zip(_ids(_RECORDED_ID, turn.response), _ids(_FIXTURE_ID, response), strict=False):
        names.rename(old, new)
    for side in turn.differs:
        made.remarks.append(f"differs: {case.name} {folder}: the {side} is not translated as it was recorded")
    if wanted.trim:
        whole, request = response, shorten(request)
        smaller = request if case.facts.get("all_tools") else keep_tools(request, wanted.called)
        response = answer(turn, upstream, translated(smaller).context, wanted.number)
        if _shape(response) == _shape(whole):
            request = smaller
        else:  # a tool that was left out decided how the answer is read
            response = answer(turn, upstream, translated(request).context, wanted.number)
    texts = Texts(request)
    made.files[f"{folder}/request.json"] = texts.json_file(request)
    made.files[f"{folder}/chat_request.json"] = texts.json_file(translated(request).body)
    made.files[f"{folder}/upstream.{'sse' if turn.answered else 'json'}"] = upstream
    made.files[f"{folder}/response.sse"] = texts.stream_file(open_envelopes(response))
    made.texts |= texts.used


def answer(turn: Turn, upstream: str, context: TurnContext, number: int) -> str:
    """The response stream, one event of the upstream at a time, ids numbered and the clock stopped."""
    new_id, data = _numbered_ids(number), upstream.encode("utf-8", "surrogateescape")
    if not turn.answered:
        codes = context.profile.error_codes
        error = translate_error(turn.status, turn.headers, data, provider=context.provider, codes=codes)
        return error_stream(error, context, new_id=new_id, created_at=CREATED_AT).decode()
    translator = StreamTranslator(context, new_id=new_id, created_at=CREATED_AT)
    out = b"".join(translator.receive(piece) for piece in re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)", data) if piece)
    if turn.broken_off:
        out += translator.fail(upstream_broke(f"{context.provider} broke off its answer: {turn.broken_off}"))
    else:
        out += translator.finish()
    return out.decode()


def _numbered_ids(turn: int) -> Callable[[str], str]:
    counts: dict[str, int] = {}

    def new_id(prefix: str) -> str:
        counts[prefix] = counts.get(prefix, 0) + 1
        return f"{prefix}_{turn:04d}{counts[prefix]:04d}"  # 8 digits: so much of an id stands in envelopes

    return new_id


def _options(case: Case) -> RequestOptions:
    """The provider's name is nobody's business, and what case.toml has no word for stays as it is by default."""
    options = options_of(case.relay, codex=all(turn.codex for turn in case.turns))
    return replace(options, provider=PROVIDER, web_search=True, disabled_quirks=frozenset())


def _ordered(request: Json) -> Json:
    """With what Codex takes from hash maps sorted: the metadata, and the results of a tool search."""
    ordered = dict(request)
    if isinstance(metadata := request.get("client_metadata"), dict):
        ordered["client_metadata"] = dict(sorted(metadata.items()))
    if isinstance(items := request.get("input"), list):
        ordered["input"] = [
            _by_name(item) if isinstance(item, dict) and item.get("type") == "tool_search_output" else item
            for item in items
        ]
    return ordered


def _by_name(holder: Any) -> Any:
    tools = holder.get("tools") if isinstance(holder, dict) else None
    if not isinstance(tools, list):
        return holder
    return holder | {"tools": sorted((_by_name(tool) for tool in tools), key=_tool_name)}


def _tool_name(tool: Any) -> str:
    return str(tool.get("name")) if isinstance(tool, dict) else ""


def called_tools(response: str) -> Iterator[str]:
    """Names of the tools that an answer, a stream for Codex, calls, as Codex knows them."""
    for line in response.splitlines():
        if line.startswith("data: {") and '"response.output_item.done"' in line:
            item = json.loads(line[6:])["item"]
            if str(item.get("type")).endswith("_call"):
                yield str(item.get("name") or item["type"].removesuffix("_call"))


def _ids(pattern: re.Pattern[str], text: str) -> list[str]:
    return list(dict.fromkeys(found[0] for found in pattern.finditer(text)))


def _shape(stream: str) -> list[tuple[str, ...]]:
    """What happens in a stream: events, item types and names, without numbers and estimates."""
    return [found.groups("") for found in _EVENT.finditer(stream)]


# --- writing ----------------------------------------------------------------------------------------------------------


def _case_file(case: Case, trim: bool, options: RequestOptions, turns: Iterable[Turn]) -> str:
    facts = {
        "shows": case.facts.get("shows", ""),
        "codex": case.codex_version,
        "model": case.relay.get("requested_model", ""),
        "profile": case.relay.get("profile", ""),
        "trimmed": trim,
        "request_headers": sorted({name for turn in turns for name in turn.request_headers}),
    }
    tables = (
        {"status": turn.status, "broken_off": turn.broken_off, "subagent": turn.subagent, "headers": turn.headers}
        for turn in turns
    )
    return case_toml(facts, options, tables)


def extract_file(path: Path, out: Path, *, trim: bool = False) -> Iterator[str]:
    """Write all cases of a flow file below `out`; tells what was done, and what differs. Raises RecordingError."""
    yield from extract_files([path], out, trim=trim)


def extract_files(
    paths: Iterable[Path], out: Path, *, trim: bool = False, names: Collection[str] = ()
) -> Iterator[str]:
    """Write the cases of flow files below `out`, then mend what they share: the long texts and VERSIONS.md.

    names: only the cases of these names. Raises RecordingError."""
    released: dict[str, date] = {}
    written: dict[tuple[str, str], Path] = {}
    for path in paths:
        for case in read_cases(path, names):
            yield from _extract_to(out, case, trim)
            if case.turns:
                released.setdefault(case.codex_version, _released(case))
            if (before := written.setdefault((case.codex_version, case.name), path)) != path:
                yield f"  in place of the case of this name in {before}"
    if removed := remove_unused_texts(out):
        yield f"{count(removed, 'text')} removed that no case refers to any more"
    yield from describe_versions(out, released)


def _extract_to(out: Path, case: Case, trim: bool) -> Iterator[str]:
    made = extract(case, trim=trim)
    label = f"{case.codex_version}/{case.name}"
    if len(made.files) > 1:
        write_case(out / case.codex_version / case.name, made.files, made.texts)
        yield f"{label}: {count(sum(name.endswith('/request.json') for name in made.files), 'turn')}"
    else:
        yield f"{label}: not written, none of its turns can be used"
    yield from (f"  {remark}" for remark in made.remarks)


def _released(case: Case) -> date:
    """The version's date, as far as the recording knows it: the day it was recorded is not before it."""
    try:
        return date.fromisoformat(str(case.facts.get("released")))
    except ValueError:
        return case.recorded
