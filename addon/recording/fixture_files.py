"""The folder format of fixtures/: a case's files, case.toml, and the long texts that cases share.

    <codex version>/<case>/case.toml                        what the other files alone do not say
    <codex version>/<case>/turn-N/request.json ...          one folder for each turn
    texts/<12 hex digits of its SHA-256>.txt                a long text, once

A prompt or a grammar stands in every turn of every case. In the files of a turn a reference stands in its place, inside
JSON strings: `⟦text 1a2b3c4d5e6f⟧`. Reading a file means putting the texts back, JSON-escaped, in one pass. A recorded
text that looks like a reference is stored and referred to like a long one, so that nothing can be mistaken.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from relay_translate import RequestOptions
from relay_translate.transcript import OPENED, pretty

from . import RecordingError

Json = dict[str, Any]

TEXTS = "texts"  # the folder
LONG = 400  # characters; what is longer is stored once
REFERENCE = re.compile(r"⟦text ([0-9a-f]{12})⟧")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")  # in TOML
_TEXT_FILE = re.compile(r"[0-9a-f]{12}\.txt")
_FOLDED = ("*/*/turn-*/*.json", "*/*/turn-*/response.sse")


# --- long texts -------------------------------------------------------------------------------------------------------


class Texts:
    """The long texts of one turn, taken from the client's request, in whose other files they stand in pieces of text.

    used: name -> text of what has been referred to so far."""

    def __init__(self, request: Json) -> None:
        found = {text for text in _strings(request) if len(text) > LONG and not text.startswith(OPENED)}
        # The longest first: one may be a part of another, and which is replaced must not depend on their order.
        self._long = {text: _name(text) for text in sorted(found, key=lambda text: (-len(text), text))}
        self.used: dict[str, str] = {}

    def json_file(self, value: Any) -> str:
        """A JSON value as a file."""
        return pretty(self._fold_value(value)) + "\n"

    def stream_file(self, stream: str) -> str:
        """An event stream, whose texts stand JSON-escaped in it."""
        return self._fold(stream, escaped=True)

    def _fold_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._fold_value(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._fold_value(inner) for inner in value]
        return self._fold(value) if isinstance(value, str) else value

    def _fold(self, text: str, *, escaped: bool = False) -> str:
        parts = [text]  # recorded text at even places, references at odd ones
        for long, name in self._long.items():
            wanted = _escaped(long) if escaped else long
            if wanted in text:
                parts = [one for n, part in enumerate(parts) for one in self._split(n, part, wanted, name, long)]
        for place in range(0, len(parts), 2):
            parts[place] = REFERENCE.sub(lambda found: self._refer(_name(found[0]), found[0]), parts[place])
        return "".join(parts)

    def _split(self, place: int, part: str, wanted: str, name: str, text: str) -> Iterator[str]:
        first, *others = [part] if place % 2 else part.split(wanted)
        yield first
        for other in others:
            yield self._refer(name, text)
            yield other

    def _refer(self, name: str, text: str) -> str:
        self.used[name] = text
        return f"⟦text {name}⟧"


def expand(text: str, texts: Path) -> str:
    """A file's text with the long texts back in their places. Raises RecordingError when one is missing."""

    def stored(found: re.Match[str]) -> str:
        path = texts / f"{found[1]}.txt"
        try:
            return _escaped(path.read_bytes().decode())
        except OSError as error:
            raise RecordingError(
                f"{path} is missing, which a fixture refers to; extract the recording again"
            ) from error

    return REFERENCE.sub(stored, text)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _name(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


# --- case.toml --------------------------------------------------------------------------------------------------------


def case_toml(facts: Mapping[str, Any], options: RequestOptions, turns: Iterable[Mapping[str, Any]]) -> str:
    """facts: the table of the whole case. turns: a table for each; what is empty in it is left out."""
    lines = [f"{name} = {_toml(value)}" for name, value in facts.items()]
    lines += ["", "[options]", f"codex = {_toml(options.codex)}", f"provider = {_toml(options.provider)}"]
    if options.model_map:
        lines.append(f"model_map = {_toml(options.model_map)}")
    if options.extra_params:
        # As JSON text: null, which takes a field back, can't be said in TOML.
        lines.append(f"extra_params = {_toml(json.dumps(options.extra_params, ensure_ascii=False))}")
    if options.drop_params:
        lines.append(f"drop_params = {_toml(sorted(options.drop_params))}")
    for turn in turns:
        lines += ["", "[[turn]]", *(f"{name} = {_toml(value)}" for name, value in turn.items() if value)]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{key if _BARE_KEY.fullmatch(key) else _toml(key)} = {_toml(one)}" for key, one in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(one) for one in value)}]"
    # Strings, booleans and numbers look alike in JSON and TOML, but for one control character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


# --- folders ----------------------------------------------------------------------------------------------------------


def write_case(folder: Path, files: Mapping[str, str], texts: Mapping[str, str]) -> None:
    """Put a case's files into its folder, in place of what was there, and its long texts beside the versions."""
    try:
        content = {name: text.encode("utf-8", "surrogateescape") for name, text in files.items()}
        stored = {name: text.encode() for name, text in texts.items()}
    except UnicodeEncodeError as error:
        raise RecordingError(
            f"{folder.name} holds half of a surrogate pair, which no file in UTF-8 can hold"
        ) from error
    if folder.exists():
        shutil.rmtree(folder)
    shelf = folder.parent.parent / TEXTS
    for path, data in [(folder / name, data) for name, data in content.items()] + [
        (shelf / f"{name}.txt", data) for name, data in stored.items()
    ]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def remove_unused_texts(fixtures: Path) -> int:
    """Remove the long texts that no case refers to any more; tells how many."""
    files = [path for pattern in _FOLDED for path in fixtures.glob(pattern)]
    used = {f"{name}.txt" for path in files for name in REFERENCE.findall(path.read_bytes().decode("utf-8", "replace"))}
    shelf = fixtures / TEXTS
    unused = [path for path in shelf.glob("*.txt") if _TEXT_FILE.fullmatch(path.name) and path.name not in used]
    for path in unused:
        path.unlink()
    if shelf.is_dir() and not any(shelf.iterdir()):
        shelf.rmdir()
    return len(unused)


def read_case(folder: Path) -> tuple[Json, list[Json]]:
    """A case's table and its clients' requests. Raises RecordingError when the folder does not hold them."""
    try:
        case = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
        numbers = range(1, len(case.get("turn", ())) + 1)
        texts = [(folder / f"turn-{number}" / "request.json").read_bytes().decode() for number in numbers]
        return case, [json.loads(expand(text, folder.parent.parent / TEXTS)) for text in texts]
    except OSError as error:
        raise RecordingError(f"{folder} is not a whole case: {error.strerror}: {error.filename}") from error
    except ValueError as error:
        raise RecordingError(f"{folder} can't be read: {error}") from error
