"""Scrubbing: what is private goes, everything else stays, and nothing changes its length."""

from __future__ import annotations

import gzip
import json
import random
import zlib

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from addon.recording.private import environment_secrets, is_telling, machine_words
from addon.recording.scrub import Scrubber, withheld
from relay_translate.reasoning import pack, unpack

PEM = "-----BEGIN RSA " + "PRIVATE KEY-----"  # written in pieces, as keys are here: the tree holds none
SESSION = "01a20ed2-5165-7ef1-9588-f36562ecaa10"
KEY = "sk-" + "a1B2" * 8


def scrubber() -> Scrubber:
    return Scrubber(
        words=["jane", "box7"], patterns=[r"ACME-(\d+)", r"codename \w+"], secrets=["shapeless-key-of-ours"]
    )


PRIVATE = [
    ("cd /home/jane/project", "cd /home/xxxx/project"),
    ("file:///Users/jane/x", "file:///Users/xxxx/x"),
    ("/mnt/c/Users/jane.doe/x", "/mnt/c/Users/xxxxxxxx/x"),
    (r'{"cwd":"C:\\Users\\bob\\x"}', r'{"cwd":"C:\\Users\\xxx\\x"}'),
    (r'{"cwd":"/home/jos\u00e9/x"}', r'{"cwd":"/home/xxxxxxxxx/x"}'),
    ("/home/jané/x", "/home/xxxxx/x"),
    ("jane at box7", "xxxx at xxxx"),
    (f"key {KEY}.", "key [scrubbed]" + "*" * 25 + "."),
    ("the shapeless-key-of-ours", "the [scrubbed]***********"),
    ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer [scrubbed]**********"),
    ("SOME_API_KEY=abcdefgh12", "SOME_API_KEY=[scrubbed]"),
    (r"export A_TOKEN=\"abcdefgh12\"", r"export A_TOKEN=\"[scrubbed]\""),
    (
        PEM + r"\nMIIB\nAAAA==\n-----END RSA PRIVATE KEY-----",
        PEM + r"[scrubbed]******-----END RSA PRIVATE KEY-----",
    ),
    ('export A_TOKEN="abcdefgh12"', 'export A_TOKEN="[scrubbed]"'),
    (r'{"body":"{\"api_key\":\"abcdefgh12\"}"}', r'{"body":"{\"api_key\":\"[scrubbed]\"}"}'),
    ("AKIA" + "A1" * 8, "[scrubbed]" + "*" * 10),
    ("ghp_" + "a1" * 18, "[scrubbed]" + "*" * 30),
    ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2ln", "[scrubbed]" + "*" * 28),
    ("postgres://u:hunter22@h/db", "postgres://u:********@h/db"),
    ("x_" + KEY, "x_[scrubbed]" + "*" * 25),
    ("ACME-4711 and codename blue", "ACME-**** and [scrubbed]***"),
    (
        r'"associated_remote_urls\":{\"origin\":\"git@host:bob/x\",\"up\":\"https://h/bob\"}',
        r'"associated_remote_urls\":{\"origin\":\"[scrubbed]****\",\"up\":\"[scrubbed]***\"}',
    ),
]


@pytest.mark.parametrize(("text", "scrubbed"), PRIVATE)
def test_private_text_goes(text: str, scrubbed: str) -> None:
    assert scrubber().text(text) == scrubbed
    assert len(text.encode()) == len(scrubbed.encode())


ESCAPES = ["\n", "\t", "\r\n", "\x1b[32m"]


@pytest.mark.parametrize("before", ESCAPES)
@pytest.mark.parametrize(("text", "scrubbed"), [pair for pair in PRIVATE if "\\" not in pair[0]])
def test_what_a_program_prints_is_found_at_the_beginning_of_its_lines(before: str, text: str, scrubbed: str) -> None:
    for depth in range(4):
        given, wanted = f"Output:{before}{text}{before}", f"Output:{before}{scrubbed}{before}"
        for _ in range(depth):
            given, wanted = (json.dumps(one, ensure_ascii=False) for one in (given, wanted))
        assert scrubber().text(given) == wanted, depth


@pytest.mark.parametrize(
    "text",
    [
        "</root> and /root/x",
        "/home/user/project",
        "api/home/page",
        "janet at box77",
        "task-" + "a1B2" * 8,
        "sk-short",
        "BASE=value; A_KEY=$OTHER_KEY B_TOKEN=<token>",
        "Bearer [scrubbed]",
        "the token of ownership, a key idea",
        '{"logprobs":[{"token":"Hello, world","bytes":[1]}]}',
        "0123456789abcdef0123456789abcdef",
        "00000000-0000-4000-8000-9c8244916f16",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert scrubber().text(text) == text


@pytest.mark.parametrize("text", [pair[0] for pair in PRIVATE] + [SESSION, f"{SESSION.upper()} {KEY}"])
def test_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    once = scrubber().text(text)
    assert scrubber().text(once) == once


def test_a_session_is_the_same_placeholder_everywhere() -> None:
    first, second = Scrubber().text(f"{SESSION} {SESSION.upper()}").split()
    assert first == second != SESSION
    assert first.startswith("00000000-0000-4000-8000-")
    assert Scrubber().text(SESSION.replace("0", "1")) != first


@pytest.mark.parametrize("size", [1, 3, 7, 40])
@pytest.mark.parametrize(("kind", "private"), [("key", KEY), ("home", "/home/jane/x"), ("session", SESSION)])
def test_what_is_spread_over_the_deltas_of_a_stream_is_found(size: int, kind: str, private: str) -> None:
    text = f"It is {private}, so."
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    chat = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in parts]
    responses = [{"type": "response.output_text.delta", "output_index": 0, "delta": part} for part in parts]
    for events in (chat, responses):
        stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        scrubbed = scrubber().text(stream)
        found = [json.loads(line[6:]) for line in scrubbed.splitlines() if line]
        said = "".join(one["choices"][0]["delta"]["content"] if "choices" in one else one["delta"] for one in found)
        assert said == scrubber().text(text)
        assert len(scrubbed) == len(stream)


def test_calls_whose_fragments_alternate_are_told_apart() -> None:
    halves = [(0, KEY[:12]), (1, "harmless, "), (0, KEY[12:]), (1, "too")]
    calls = [{"tool_calls": [{"index": index, "function": {"arguments": text}}]} for index, text in halves]
    stream = "".join(f"data: {json.dumps({'choices': [{'delta': call}]})}\n\n" for call in calls)
    scrubbed = scrubber().text(stream)
    assert KEY[:12] not in scrubbed
    assert KEY[12:] not in scrubbed
    assert "harmless, " in scrubbed


def test_envelopes_are_looked_into() -> None:
    blob = pack({"profile": "generic", "text": f"It lies in /home/jane, with {KEY}."})
    scrubbed = json.loads(scrubber().text(json.dumps({"encrypted_content": blob})))["encrypted_content"]
    assert unpack(scrubbed) == {"profile": "generic", "text": "It lies in /home/xxxx, with [scrubbed]" + "*" * 25 + "."}
    harmless = pack({"text": "nothing"})
    assert scrubber().text(harmless) == harmless


def test_scrubbing_a_json_text_leaves_a_json_text() -> None:
    chance = random.Random(7)
    words = [text for text, _ in PRIVATE] + [
        SESSION,
        "plain",
        "ünï",
        '"',
        "\\",
        "\n",
        "\\n",
        "{",
        "}",
        PEM,
    ]
    for _ in range(300):
        value = {"a": "".join(chance.choices(words, k=6)), "b": ["".join(chance.choices(words, k=3))]}
        for text in (json.dumps(value), json.dumps(value, ensure_ascii=False), json.dumps(json.dumps(value))):
            scrubbed = scrubber().text(text)
            json.loads(scrubbed)
            assert len(scrubbed.encode()) == len(text.encode())


def test_a_long_conversation_is_scrubbed_as_a_short_one_is_each_time_it_comes() -> None:
    items = [{"n": n, "text": text, "filling": "x y " * 300} for n, (text, _) in enumerate(PRIVATE)]
    one = Scrubber(words=["jane", "box7"], secrets=["shapeless-key-of-ours"])
    for more in ([], [{"text": SESSION}], [{"text": KEY}]):
        items += more
        whole = json.dumps(items * 4, separators=(",", ":"))
        short = [json.loads(one.text(json.dumps(item))) for item in items]
        assert len(whole) > 1 << 16
        assert json.loads(one.text(whole)) == short * 4


# --- flows ------------------------------------------------------------------------------------------------------------


def planted() -> http.HTTPFlow:
    flow = tflow.tflow(
        req=tutils.treq(
            path=f"/v1/responses?key={KEY}&user=x".encode(),
            content=json.dumps({"input": f"my key is {KEY} at /home/jane"}).encode(),
            headers=http.Headers(authorization=f"Bearer {KEY}", session_id=SESSION, chatgpt_account_id="acc"),
        ),
        resp=tutils.tresp(content=gzip.compress(f'data: {{"delta":"{KEY}"}}\n\n'.encode())),
    )
    flow.request.headers["OpenAI-Organization"] = "org-jane"
    flow.request.headers["x-note"] = KEY
    assert flow.response
    flow.response.headers["content-encoding"] = "gzip"
    flow.response.headers["set-cookie"] = "id=1"
    flow.response.trailers = http.Headers(hint=KEY)
    flow.comment = f"failed with {KEY}"
    flow.metadata["relay"] = {"error": {"message": f"bad key {KEY}"}, "pieces": "c2stYWFhYWFhYWFhYWFhYWFhYWE=", "n": 1}
    flow.client_conn.peername = ("10.1.2.3", 4711)
    return flow


def test_a_planted_key_is_nowhere_in_what_is_kept() -> None:
    flow = planted()
    flow.backup()
    flow.request.headers["x-edited"] = "yes"
    before = flow.get_state()
    kept = scrubber().flow(flow)
    state = repr(kept.get_state())
    assert kept.response
    for private in (KEY, "org-jane", SESSION, "jane", "10.1.2.3"):
        assert private not in state
        assert private not in (kept.response.text or "")
    assert kept.get_state()["backup"]
    assert flow.get_state() == before
    assert kept.id == flow.id
    assert kept.metadata["relay"]["pieces"] == "c2stYWFhYWFhYWFhYWFhYWFhYWE="
    assert "content-encoding" not in kept.response.headers
    assert kept.request.path == "/v1/responses?key=[scrubbed]" + "*" * 25 + "&user=x"


def test_a_flow_that_holds_nothing_keeps_its_bytes() -> None:
    flow = tflow.tflow(resp=tutils.tresp(content=gzip.compress(b"data: {}\n\n")))
    assert flow.response
    flow.response.headers["content-encoding"] = "gzip"
    assert scrubber().flow(flow).get_state() == flow.get_state()


@pytest.mark.parametrize("cut", [0, 5, 40])
def test_a_compressed_body_that_was_cut_or_broken_hides_nothing(cut: int) -> None:
    data = gzip.compress(f"{KEY} and so on {random.Random(1).randbytes(200).hex()}".encode())
    flow = tflow.tflow(resp=tutils.tresp(content=data[: len(data) - cut] + b"\xff" * (cut == 5)))
    assert flow.response
    flow.response.headers["content-encoding"] = "gzip"
    kept = scrubber().flow(flow).response
    assert kept
    assert KEY.encode() not in (kept.raw_content or b"") + zlib.decompress(gzip.compress(b""), 31)
    assert (kept.raw_content or b"").startswith(b"[scrubbed]")


def test_a_body_that_is_not_in_its_encoding_is_searched_as_it_is() -> None:
    flow = tflow.tflow(resp=tutils.tresp(content=f"plain {KEY}".encode()))
    assert flow.response
    flow.response.headers["content-encoding"] = "gzip"
    kept = scrubber().flow(flow).response
    assert kept
    assert kept.raw_content == b"plain [scrubbed]" + b"*" * 25


def test_only_keys_leaves_people_and_machines() -> None:
    kept = Scrubber(["jane"], only_keys=True).flow(planted())
    state = repr(kept.get_state())
    assert KEY not in state
    assert "id=1" not in state
    assert "/home/jane" in state
    assert SESSION in state
    assert "org-jane" in state


def test_what_could_not_be_scrubbed_keeps_no_content() -> None:
    kept = withheld(planted())
    assert KEY not in repr(kept.get_state())
    assert (kept.request.path, kept.request.content, kept.metadata) == ("/v1/responses", b"", {})


# --- this machine -----------------------------------------------------------------------------------------------------


def test_names_that_everybody_has_are_not_searched_for() -> None:
    assert not [word for word in ("root", "user", "ab", "localhost", "4711", "runner") if is_telling(word)]
    assert is_telling("jane")
    assert "jane" in machine_words({"USER": "jane"})


def test_keys_in_the_environment_are_known() -> None:
    environ = {
        "A_KEY": "abcdefghijkl",
        "B_TOKEN": "short",
        "PATH": "/usr/bin:/bin:/sbin",
        "C_SECRET": "has a blank in it",
    }
    assert environment_secrets(environ) == ["abcdefghijkl"]
