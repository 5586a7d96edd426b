"""What a recording must not hold: credentials, accounts, sessions, machines and people.

A replacement is as long as what it replaces. So the sizes of a stream's pieces stay true, text that is spread over the
deltas of a stream is replaced in place, and the translation of a scrubbed request is the scrubbed translation. It is
made from the text alone: the same session is the same placeholder in every flow and every file, and scrubbing what is
scrubbed changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import accumulate
from typing import Any

from mitmproxy import http

from addon.encodings import BodyDecoder, EncodingError
from addon.keys import SCRUBBED, is_secret_header, mask, scrub_headers
from relay_translate.reasoning import VERSION, pack, unpack

from .deltas import texts_in_pieces
from .private import ADDRESS, ESCAPES, HOMES, KEYS, OUR_UUID, PARAMETERS, REMOTES, UUIDS, Private, is_telling

_LARGEST_BODY = 1 << 30  # bytes after decoding
_PIECES = (1 << 16, 1 << 8, 1)  # bytes of an encoded body that are decoded at a time
_SOMEWHERE = "192.0.2.1"  # an address for examples (RFC 5737), in place of a client's
_LOCAL = re.compile(r"127\.|::1$|$")
_LONG = 1 << 16  # bytes
_SEAM = b"},{"  # between items and tools; nothing that is searched for reaches over it
_SEEN_BYTES = 1 << 24
_MASKED = re.compile(rb"\[scrubbed\]|\*{4}")
_ENVELOPES = re.compile(re.escape(VERSION.encode()) + rb"[A-Za-z0-9_-]+")

Replace = Callable[[bytes], bytes]


class Scrubber:
    """Takes private things out of text, bodies and flows.

    words: names (of a person, a machine) that must not stay, `machine_words()` knows this one's. patterns: regular
    expressions of the user's, their group 1 or all of a match is masked. secrets: exact texts, known keys; a collection
    that grows is looked at each time. only_keys: what merely tells of people and machines stays.
    """

    def __init__(
        self,
        words: Iterable[str] = (),
        patterns: Iterable[str | re.Pattern[str]] = (),
        secrets: Collection[str] = (),
        *,
        only_keys: bool = False,
    ) -> None:
        self._words = sorted({word.encode() for word in words if is_telling(word)}, key=len, reverse=True)
        self._word = re.compile(rb"(?<![\w-])(?:" + b"|".join(map(re.escape, self._words)) + rb")(?![\w-])")
        self._patterns = [re.compile(_source(pattern).encode()) for pattern in patterns]
        self._secrets = secrets
        self._only_keys = only_keys
        self._seen: dict[bytes, bytes] = {}
        self._seen_size = 0

    # --- text

    def text(self, text: str) -> str:
        return self.body(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def body(self, data: bytes) -> bytes:
        """Prose, JSON or an event stream, without content encoding. As long as `data` unless it holds envelopes."""
        if VERSION.encode() in data:
            data = _ENVELOPES.sub(lambda found: self._envelope(found[0]), data)
        if _is_event_stream(data):
            data = self._spread(data)  # first: half of a key is no key any more
        return self._plain(data)

    def _plain(self, data: bytes) -> bytes:
        for secret in self._secrets:
            if (known := secret.encode()) in data:
                data = data.replace(known, mask(known))
        if self._patterns or len(data) < _LONG:
            return self._searched(data)
        return _SEAM.join(self._seen_before(part) for part in data.split(_SEAM))

    def _seen_before(self, part: bytes) -> bytes:
        """A conversation comes again with each of its turns; only what is new in it has to be searched."""
        found = self._seen.get(part)
        if found is None:
            found = self._searched(part)
            self._seen_size += len(part)
            if self._seen_size > _SEEN_BYTES:
                self._seen.clear()
                self._seen_size = len(part)
            self._seen[part] = part if found == part else found
        return found

    def _searched(self, data: bytes) -> bytes:
        text = _Searched(data)
        for private in KEYS:
            text.replace(private, mask)
        for pattern in self._patterns:
            text.replace(Private((b"",), pattern), mask)
        if not self._only_keys:
            self._take_people_out(text)
        return text.result()

    def _take_people_out(self, text: _Searched) -> None:
        text.replace(REMOTES, lambda found: ADDRESS.sub(lambda address: mask(address[0]), found))
        for private in HOMES:
            text.replace(private, _crossed_out)
        if self._words:
            text.replace(Private(tuple(self._words), self._word), _crossed_out)
        text.replace(Private((b"-",), UUIDS), _placeholder)

    def _envelope(self, blob: bytes) -> bytes:
        """Reasoning that a client carries for a provider: looked into, and closed again when it held something."""
        content = unpack(blob.decode())
        if content is None:
            return blob
        text = json.dumps(content, ensure_ascii=False)
        scrubbed = self.text(text)
        return blob if scrubbed == text else pack(json.loads(scrubbed)).encode()

    def _spread(self, data: bytes) -> bytes:
        """An event stream in which a secret may begin in one delta and end in another."""
        changed: bytearray | None = None
        for spans in texts_in_pieces(data):
            joined = b"".join(data[start:end] for start, end in spans)
            scrubbed = self._plain(joined)
            if scrubbed == joined:
                continue
            changed = changed if changed is not None else bytearray(data)
            for (start, end), at in zip(spans, _starts(spans), strict=True):
                changed[start:end] = scrubbed[at : at + end - start]
        return bytes(changed) if changed is not None else data

    # --- flows

    def flow(self, flow: http.HTTPFlow) -> http.HTTPFlow:
        """A copy, with the same id, that may be published. The flow itself is left as it is.

        The state that mitmproxy keeps of an edited flow is scrubbed as well."""
        state = flow.get_state()
        backup = state.pop("backup", None)
        clean = self._state(state)
        clean["backup"] = self._state(backup) if backup else None
        made = http.HTTPFlow.from_state(clean)
        assert isinstance(made, http.HTTPFlow)
        return made

    def _state(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """A flow's state, scrubbed. Through a flow, so that this knows the parts by their public names."""
        copy = http.HTTPFlow.from_state({**state, "backup": None})
        assert isinstance(copy, http.HTTPFlow)
        self._message(copy.request)
        copy.request.path = self._path(copy.request.path)
        if copy.response is not None:
            self._message(copy.response)
        if copy.error is not None:
            copy.error.msg = self.text(copy.error.msg)
        copy.comment = self.text(copy.comment)
        copy.metadata = {key: self._value(value, key) for key, value in copy.metadata.items()}
        for name in ("peername", "sockname"):
            address = getattr(copy.client_conn, name)
            if address and not self._only_keys and not _LOCAL.match(address[0]):
                setattr(copy.client_conn, name, (_SOMEWHERE, *address[1:]))
        made: dict[str, Any] = copy.get_state()
        made.pop("backup", None)
        return made

    def _message(self, message: http.Request | http.Response) -> None:
        for headers in (message.headers, message.trailers):
            if headers:
                self._headers(headers)
        if not (raw := message.raw_content):
            return
        encoding = message.headers.get("content-encoding", "")
        plain = _decoded(raw, encoding)
        scrubbed = self.body(plain)
        # Where nothing is found the bytes stay as they came, broken encodings among them: they may be what is reported.
        if scrubbed == plain and (plain is raw or self.body(raw) == raw):
            return
        if plain is not raw:
            del message.headers["content-encoding"]
        message.raw_content = scrubbed
        if "content-length" in message.headers and len(scrubbed) != len(raw):
            message.headers["content-length"] = str(len(scrubbed))

    def _headers(self, headers: http.Headers) -> None:
        scrub_headers(headers)
        fields = []
        for name, value in headers.fields:
            secret = SCRUBBED.encode() not in value and is_secret_header(
                name.decode("latin-1"), accounts=not self._only_keys
            )
            fields.append((name, SCRUBBED.encode() if secret else self.body(value)))
        headers.fields = tuple(fields)

    def _path(self, path: str) -> str:
        text = _Searched(path.encode("utf-8", "surrogateescape"))
        text.replace(Private((b"=",), PARAMETERS), mask)
        return self.text(text.result().decode("utf-8", "surrogateescape"))

    def _value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, str):
            return value if key == "pieces" else self.text(value)
        if isinstance(value, bytes):
            return self.body(value)
        if isinstance(value, dict):
            return {self._value(name): self._value(inner, str(name)) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        return value


def withheld(flow: http.HTTPFlow) -> http.HTTPFlow:
    """What is kept of a flow that could not be scrubbed: that it was there, when, and how it ended."""
    state = flow.get_state()
    state["backup"] = None
    kept = http.HTTPFlow.from_state(state)
    assert isinstance(kept, http.HTTPFlow)
    for message in (kept.request, kept.response):
        if message is not None:
            message.headers = http.Headers()
            message.trailers = None
            message.raw_content = b""
    kept.request.path = kept.request.path.partition("?")[0]
    kept.error, kept.metadata = None, {}
    kept.comment = "not scrubbed, so not recorded"
    return kept


def _source(pattern: str | re.Pattern[str]) -> str:
    return pattern if isinstance(pattern, str) else pattern.pattern


class _Searched:
    """A text while things in it are replaced, and beside it as it is searched: with blanks for escaped white space."""

    def __init__(self, text: bytes) -> None:
        self._text = bytearray(text)
        self._view = ESCAPES.sub(lambda found: b" " * len(found[0]), text) if b"\\" in text or b"\x1b" in text else text

    def replace(self, private: Private, instead: Replace) -> None:
        """Put something as long in the place of each match's group 1, or of all of it."""
        text = bytes(self._text) if private.escaped else self._view
        if not private.may_be_in(text):
            return
        view = bytearray(self._view)
        for found in private.pattern.finditer(text):
            start, end = found.span(1 if found.re.groups and found[1] is not None else 0)
            if start < end and not _MASKED.match(text[start:end]):
                self._text[start:end] = view[start:end] = instead(text[start:end])
        self._view = bytes(view)

    def result(self) -> bytes:
        return bytes(self._text)


def _crossed_out(text: bytes) -> bytes:
    return b"x" * len(text)


def _placeholder(uuid: bytes) -> bytes:
    """Still a UUID, as readers expect one. Made by a hash that nobody can turn round: UUIDs are too many to try."""
    if uuid.startswith(OUR_UUID):
        return uuid
    return OUR_UUID + hashlib.sha256(uuid.lower()).hexdigest()[:12].encode()


def _is_event_stream(data: bytes) -> bool:
    return data[:64].lstrip(b"\xef\xbb\xbf\r\n").startswith((b"data:", b"event:", b":", b"id:", b"retry:"))


def _starts(spans: list[tuple[int, int]]) -> list[int]:
    return [0, *accumulate(end - start for start, end in spans[:-1])]


def _decoded(raw: bytes, encoding: str) -> bytes:
    """The body as far as it can be decoded, `raw` itself when nothing of it can."""
    out, start, step = bytearray(), 0, _PIECES[0]
    try:
        if (decoder := BodyDecoder(encoding)).plain:
            return raw
    except EncodingError:
        return raw
    while start < len(raw) and len(out) < _LARGEST_BODY:
        try:
            out += decoder.decode(raw[start : start + step])
            start += step
        except EncodingError:
            # A decoder gives nothing of the piece that breaks it: again, and slower there.
            step = next((smaller for smaller in _PIECES if smaller < step), 0)
            if not step:
                break
            decoder = BodyDecoder(encoding)
            decoder.decode(raw[:start])
    return bytes(out) or raw
