"""Content encodings by value: any slicing, several frames, several codings."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
from mitmproxy.net import encoding as mitm_encoding

from addon.encodings import BodyDecoder, EncodingError, decode_body

TEXT = b"data: {}\n\n" * 50


def zstd(data: bytes) -> bytes:
    return bytes(mitm_encoding.encode(data, "zstd"))


def bare(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


CODINGS = [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", bare),
           ("br", brotli.compress), ("zstd", zstd)]  # fmt: skip
Encode = Callable[[bytes], bytes]


@pytest.mark.parametrize(("name", "encode"), CODINGS)
def test_a_body_decodes_byte_by_byte(name: str, encode: Encode) -> None:
    decoder = BodyDecoder(name)
    assert b"".join(decoder.decode(bytes([byte])) for byte in encode(TEXT)) == TEXT
    assert decoder.finished


@pytest.mark.parametrize(("name", "encode"), [coding for coding in CODINGS if coding[0] != "br"])
def test_several_frames_in_one_piece_are_one_body(name: str, encode: Encode) -> None:
    decoder = BodyDecoder(name)
    assert decoder.decode(encode(TEXT) + encode(b"more")) == TEXT + b"more"


def test_several_codings_are_undone_from_the_last_to_the_first() -> None:
    data = brotli.compress(gzip.compress(TEXT))
    assert decode_body(data, "GZIP, br", limit=10_000) == TEXT


@pytest.mark.parametrize("name", ["", "identity", " , none"])
def test_no_coding_changes_nothing(name: str) -> None:
    assert decode_body(TEXT, name, limit=1) is TEXT


@pytest.mark.parametrize(("name", "encode"), CODINGS)
def test_a_cut_body_is_an_error(name: str, encode: Encode) -> None:
    with pytest.raises(EncodingError, match="ends in the middle"):
        decode_body(encode(TEXT)[:-5], name, limit=10_000)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_nonsense_is_an_error_that_names_the_coding(name: str) -> None:
    with pytest.raises(EncodingError, match=name):
        decode_body(b"\xff\xfe\xfd" * 20, name, limit=10_000)


def test_a_body_that_grows_too_large_is_an_error() -> None:
    with pytest.raises(EncodingError, match="larger than 1000 bytes"):
        decode_body(gzip.compress(b"x" * 100_000), "gzip", limit=1000)
