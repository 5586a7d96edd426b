"""Content encodings, decoded piece by piece: a compressed stream reaches the translator as it arrives.

mitmproxy ships the libraries; it hands a streamed body on still compressed.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import brotli


def _zstd_decoder() -> Any:
    for module in ("compression.zstd", "backports.zstd"):  # Python 3.14; mitmproxy 12 before that
        try:
            return importlib.import_module(module).ZstdDecompressor()
        except ImportError:
            continue
    return importlib.import_module("zstandard").ZstdDecompressor().decompressobj()  # mitmproxy 11


PIECE = 64 * 1024


class EncodingError(ValueError):
    """A body is not what its Content-Encoding says."""


class Decoder(Protocol):
    """Takes the next bytes, gives back all that they allow to be decoded."""

    @property
    def finished(self) -> bool: ...

    def decode(self, data: bytes) -> bytes: ...


class _Framed:
    """gzip, zlib and zstd bodies: a row of frames, each with its own end."""

    def __init__(self, start: Callable[[], Any]) -> None:
        self._start = start
        self._frame = start()
        self.finished = True

    def decode(self, data: bytes) -> bytes:
        out = []
        while data:
            out.append(self._frame.decompress(data))
            self.finished = self._frame.eof
            if not self.finished:
                break
            data = self._frame.unused_data
            self._frame = self._start()
        return b"".join(out)


class _Deflate:
    """deflate means zlib, but some servers send it bare: the first two bytes tell."""

    def __init__(self) -> None:
        self._head = b""
        self._inner: _Framed | None = None

    @property
    def finished(self) -> bool:
        return self._inner.finished if self._inner else not self._head

    def decode(self, data: bytes) -> bytes:
        if self._inner is None:
            self._head += data
            if len(self._head) < 2:
                return b""
            zlib_head = self._head[0] & 0x0F == 8 and int.from_bytes(self._head[:2], "big") % 31 == 0
            bits = zlib.MAX_WBITS if zlib_head else -zlib.MAX_WBITS
            self._inner = _Framed(lambda: zlib.decompressobj(bits))
            data = self._head
        return self._inner.decode(data)


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Decompressor()
        self.finished = True

    def decode(self, data: bytes) -> bytes:
        out: bytes = self._inner.process(data)
        self.finished = self._inner.is_finished()
        return out


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": lambda: _Framed(lambda: zlib.decompressobj(16 + zlib.MAX_WBITS)),
    "x-gzip": lambda: _Framed(lambda: zlib.decompressobj(16 + zlib.MAX_WBITS)),
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": lambda: _Framed(_zstd_decoder),
}


class BodyDecoder:
    """Undoes a Content-Encoding header ("", "gzip", "br, gzip" ...). Raises EncodingError for unknown codings."""

    def __init__(self, content_encoding: str) -> None:
        names = [name.strip().lower() for name in content_encoding.split(",")]
        names = [name for name in names if name not in ("", "identity", "none")]
        if unknown := [name for name in names if name not in _DECODERS]:
            raise EncodingError(f"content-encoding {unknown[0]!r} is unknown; known are {', '.join(_DECODERS)}")
        self._name = ", ".join(names)
        self._chain = [_DECODERS[name]() for name in reversed(names)]

    @property
    def plain(self) -> bool:
        return not self._chain

    @property
    def finished(self) -> bool:
        """Whether what was fed so far is whole."""
        return all(decoder.finished for decoder in self._chain)

    def decode(self, data: bytes) -> bytes:
        """All that can be decoded with `data` added. Raises EncodingError when it is not in the announced encoding."""
        try:
            for decoder in self._chain:
                data = decoder.decode(data)
        except Exception as error:  # each library has an error of its own
            raise EncodingError(f"the body is not valid {self._name}: {error}") from error
        return data


def decode_body(data: bytes, content_encoding: str, *, limit: int) -> bytes:
    """A whole body, decoded. Raises EncodingError when it is broken, cut, or larger than `limit` bytes once decoded."""
    decoder = BodyDecoder(content_encoding)
    if decoder.plain:
        return data
    out = bytearray()
    for piece in _pieces(data):
        out += decoder.decode(piece)
        if len(out) > limit:
            raise EncodingError(f"the body is larger than {limit} bytes when decoded")
    if not decoder.finished:
        raise EncodingError(f"the body ends in the middle of its {content_encoding} encoding")
    return bytes(out)


def _pieces(data: bytes) -> Iterable[bytes]:
    return (data[start : start + PIECE] for start in range(0, len(data), PIECE))
