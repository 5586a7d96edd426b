"""Playing a recording: which turn answers, and what its provider then sends."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from addon.cli import replay
from addon.demo.screen import Screen
from addon.recording.flows import RecordedTurn
from addon.recording.matching import Conversation, Matcher, Reader
from addon.recording.pieces import pack_pieces
from addon.recording.playback import Answer, PlayingProvider, by_event, error_answer, recorded_answer
from addon.recording.rewriting import renamed, rewrite
from addon.scripted import Call
from tests.recording.sessions import Session, write

Json = dict[str, Any]
AGENT, OTHER_AGENT = "01a20ed2-5165-7ef1-9588-f36562ecaa10", "11a20ed2-5165-7ef1-9588-f36562ecaa99"


def context(cwd: str, date: str) -> str:
    return (
        f"<environment_context>\n  <cwd>{cwd}</cwd>\n  <current_date>{date}</current_date>\n</environment_context>\n\n"
    )


def chat(*said: Json | str, cwd: str = "/srv/here", date: str = "2026-11-24", prompt: str = "Be careful.") -> Json:
    """A chat request: strings are the user's. The first of them has Codex's context before it."""
    first, *rest = said
    messages: list[Json] = [
        {"role": "system", "content": prompt},
        {"role": "user", "content": context(cwd, date) + str(first)},
    ]
    messages += [{"role": "user", "content": one} if isinstance(one, str) else one for one in rest]
    return {"model": "m", "messages": messages}


def called(command: str, id: str = "call_1", **more: str) -> Json:
    function = {"name": "exec_command", "arguments": json.dumps({"cmd": command, **more})}
    call = {"id": id, "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def printed(output: str, id: str = "call_1") -> Json:
    return {"role": "tool", "tool_call_id": id, "content": output}


def matcher(*requests: Json) -> Matcher:
    reader = Reader()
    return Matcher({number: reader.read(request) for number, request in enumerate(requests, 1)})


def asked(request: Json) -> Conversation:
    return Reader().read(request)


# --- matching ---------------------------------------------------------------------------------------------------------


def test_ids_dates_folders_and_moments_do_not_matter() -> None:
    output = "Chunk ID: {}\nWall time: {} seconds\n{}/notes.txt of {}T10:00:00Z in session {}"
    recorded = chat(
        "count",
        called("ls /srv/here", workdir="/srv/here"),
        printed(output.format("85b735", "0.0123", "/srv/here", "2026-11-24", AGENT)),
    )
    now = chat(
        "count",
        called("ls /tmp/x/there", "call_9f", workdir="/tmp/x/there"),
        printed(output.format("0061aa", "1.5000", "/tmp/x/there", "2027-01-02", OTHER_AGENT), "call_9f"),
        cwd="/tmp/x/there",
        date="2027-01-02",
    )
    found = matcher(recorded).match(asked(now))
    assert found is not None
    assert (found.number, found.how, found.again) == (1, "the same conversation", False)


def test_another_prompt_and_other_context_of_codex_do_not_matter() -> None:
    recorded, now = chat("hello", prompt="You are version 1."), chat("hello", prompt="You are version 2.")
    now["messages"][1]["content"] = (
        "# AGENTS.md instructions for /x\n\n<INSTRUCTIONS>\nBe brief.\n</INSTRUCTIONS>\n\n"
        + now["messages"][1]["content"].replace("</cwd>", "</cwd>\n  <sandbox_mode>none</sandbox_mode>")
    )
    found = matcher(chat("something else", prompt="You are version 2."), recorded).match(asked(now))
    assert found is not None
    assert (found.number, found.how) == (2, "the same conversation")


def test_the_prompt_decides_where_all_else_is_the_same() -> None:
    found = matcher(chat("go", prompt="A"), chat("go", prompt="B")).match(asked(chat("go", prompt="B")))
    assert found is not None
    assert found.number == 2


def test_text_in_parts_is_the_same_text() -> None:
    now = chat("look at this")
    parts = now["messages"][1]["content"].split("\n\n", 1)
    now["messages"][1]["content"] = [{"type": "text", "text": part} for part in parts]
    assert matcher(chat("look at this")).match(asked(now)) is not None


def test_an_output_that_differs_is_still_the_same_place() -> None:
    turns = [chat("count"), chat("count", called("wc -l a"), printed("12 a"))]
    found = matcher(*turns).match(asked(chat("count", called("wc -l a"), printed("13 a"))))
    assert found is not None
    assert found.number == 2
    assert found.how.endswith("% of the conversation is the same")


def test_history_that_differs_with_the_same_last_message_is_the_same_place() -> None:
    later = called("echo two", "call_2"), printed("two", "call_2")
    recorded = chat("count", called("date"), printed("Tue"), *later)
    found = matcher(recorded).match(asked(chat("count", called("date"), printed("Wed, that was"), *later)))
    assert found is not None
    assert found.how == "the same place in its thread"


def test_a_retry_with_nothing_left_gets_the_same_answer_again() -> None:
    played = matcher(chat("one"), chat("two"))
    first, second, third = (played.match(asked(chat("one"))) for _ in range(3))
    assert first is not None and second is not None and third is not None
    assert [(one.number, one.again) for one in (first, second, third)] == [(1, False), (1, True), (1, True)]
    assert played.left == [2]


def test_a_recorded_retry_is_played_in_its_order_then_its_last_answer_again() -> None:
    """As when the first was refused with 429: Codex asks the same again, and is answered."""
    played = matcher(chat("go"), chat("go"))
    found = [played.match(asked(chat("go"))) for _ in range(3)]
    assert [(one.number, one.again) for one in found if one] == [(1, False), (2, False), (2, True)]


def test_threads_may_interleave_in_any_order() -> None:
    main = [chat("work"), chat("work", called("a"), printed("A"))]
    child = [chat("SUBTASK"), chat("SUBTASK", called("b"), printed("B"))]
    title = [chat("Give this conversation a title: work")]
    played = matcher(main[0], child[0], main[1], child[1], title[0])
    found = [played.match(asked(request)) for request in (*title, *child, *main)]
    assert [one.number for one in found if one] == [5, 2, 4, 1, 3]
    assert played.left == []


@pytest.mark.parametrize(
    "request_now",
    [
        chat("write a poem about the sea"),
        chat("count", called("a"), printed("A"), "and now something else"),  # nobody asked that
        chat("count", called("a"), printed("A"), called("b"), printed("B"), called("c"), printed("C")),  # it went on
    ],
    ids=["another question", "another question later", "more than was recorded"],
)
def test_what_was_not_recorded_fits_nothing(request_now: Json) -> None:
    recorded = [chat("count"), chat("count", called("a"), printed("A"))]
    played = matcher(*recorded, chat("count", called("a"), printed("A"), called("b"), printed("B"), "thanks a lot"))
    assert played.match(asked(request_now)) is None
    assert played.left == [1, 2, 3]


def test_the_refusal_tells_what_is_left_and_where_it_differs() -> None:
    played = matcher(chat("count the lines"), chat("count the lines", called("wc"), printed("3")))
    played.match(asked(chat("count the lines")))
    why = played.explain(asked(chat("count the lines", called("wc"), printed("3"), called("ls"), printed("x"))))
    assert (
        why
        == 'left is turn 2; turn 2 is nearest: it had ended after 3 messages, now follows \'assistant exec_command({"cmd": "ls"})\''
    )
    why = played.explain(asked(chat("draw a cat")))
    assert "message 1 is now 'user draw a cat', recorded is 'user count the lines'" in why


def test_when_all_is_played_the_refusal_says_so() -> None:
    played = matcher(chat("one"))
    played.match(asked(chat("one")))
    assert played.explain(asked(chat("two"))).startswith("all 1 recorded answers have been played")


# --- names of today ---------------------------------------------------------------------------------------------------


def test_what_an_answer_names_is_named_as_the_client_does_now() -> None:
    recorded = chat("go", called("x"), printed(f'{{"agent_id":"{AGENT}"}}'), cwd="/home/xxxx/old")
    now = chat("go", called("x"), printed(f'{{"agent_id":"{OTHER_AGENT}"}}'), cwd="/srv/new place")
    names = renamed(now, recorded)
    assert names == {"/home/xxxx/old": "/srv/new place", AGENT: OTHER_AGENT}
    assert renamed(recorded, recorded) == {}


def deltas(*texts: str, key: str = "arguments", index: int = 0) -> list[bytes]:
    calls = ({"tool_calls": [{"index": index, "function": {key: text}}]} for text in texts)
    return [f"data: {json.dumps({'choices': [{'delta': call}]})}\n\n".encode() for call in calls]


def joined(pieces: list[tuple[bytes, int]], index: int = 0) -> str:
    lines = b"".join(data for data, _ in pieces).decode().splitlines()
    calls = [json.loads(line[6:])["choices"][0]["delta"]["tool_calls"][0] for line in lines if line]
    return "".join(call["function"]["arguments"] for call in calls if call["index"] == index)


@pytest.mark.parametrize("size", [1, 3, 7, 1000], ids=str)
@pytest.mark.parametrize("cut_at", [5, 64, 10_000], ids=str)
def test_a_name_spread_over_deltas_and_pieces_is_replaced(size: int, cut_at: int) -> None:
    arguments = json.dumps({"workdir": "/home/xxxx/old/src", "cmd": f"kill {AGENT} /home/xxxx/older"})
    texts = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    body = b"".join(deltas(*texts))
    pieces = [(body[at : at + cut_at], at) for at in range(0, len(body), cut_at)]
    made = rewrite(pieces, {"/home/xxxx/old": "/new", AGENT: OTHER_AGENT})
    assert joined(made) == arguments.replace("/home/xxxx/old/", "/new/").replace(AGENT, OTHER_AGENT)
    assert [at for _, at in made] == [at for _, at in pieces]


def test_texts_of_two_calls_are_not_mixed() -> None:
    mixed = [part for pair in zip(deltas("/ol", "d"), deltas("/n", "o", index=1), strict=True) for part in pair]
    made = rewrite([(b"".join(mixed), 0)], {"/old": "/new"})
    assert (joined(made), joined(made, 1)) == ("/new", "/no")


def test_without_names_the_bytes_stay_as_they_are() -> None:
    pieces = [(b'data: {"content":"/old"}\n\n', 3), (b"\x00\xff broken", 9)]
    assert rewrite(pieces, {}) == pieces
    assert rewrite(pieces, {"/elsewhere": "/x"}) == pieces


# --- what is sent -----------------------------------------------------------------------------------------------------


def recorded(**facts: Any) -> RecordedTurn:
    turn = Session().says("hello").hears("Hi there, you.")
    turn.client.metadata["relay"] |= facts
    return turn


def test_a_recorded_answer_is_played_as_it_arrived() -> None:
    turn = recorded()
    assert turn.upstream is not None and turn.upstream.response is not None
    body = turn.upstream.response.content
    assert body is not None
    turn.upstream.metadata["relay"]["pieces"] = pack_pieces([(10, 50), (len(body) - 10, 4000)])
    turn.upstream.response.headers["retry-after"] = "7"
    turn.upstream.response.headers["set-cookie"] = "a=b"
    turn.upstream.response.encode("gzip")
    answer = recorded_answer(turn)
    assert answer is not None
    assert list(answer.pieces) == [(body[:10], 50), (body[10:], 4000)]
    names = {name.lower() for name, _ in answer.headers}
    assert "retry-after" in names
    assert not names & {"set-cookie", "content-encoding", "content-length", "transfer-encoding"}


def test_without_times_it_is_played_event_by_event() -> None:
    turn = recorded()
    assert turn.upstream is not None
    del turn.upstream.metadata["relay"]["pieces"]
    answer = recorded_answer(turn, pause=0.5)
    assert answer is not None
    assert [at for _, at in answer.pieces] == [500 * number for number in range(len(answer.pieces))]
    assert len(answer.pieces) > 3
    assert answer.pieces[-1][0].endswith(b"data: [DONE]\n\n")
    assert all(data.endswith(b"\n\n") for data, _ in answer.pieces)


def test_events_end_in_either_line_end() -> None:
    assert [data for data, _ in by_event(b"data: 1\r\n\r\ndata: 2\n\ndata: 3", 0)] == [
        b"data: 1\r\n\r\n",
        b"data: 2\n\n",
        b"data: 3",
    ]


def test_a_turn_without_an_exchange_has_nothing_to_play() -> None:
    assert recorded_answer(RecordedTurn(recorded().client)) is None


async def get(port: int, head: str, body: bytes = b"") -> tuple[bytes, list[tuple[float, bytes]], bool]:
    """(head, chunks with their times, whether the body ended as it should) of one request."""
    started = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{head} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    answered, chunks = b"", []
    try:
        async with asyncio.timeout(20):
            answered = await reader.readuntil(b"\r\n\r\n")
            while size := int(await reader.readuntil(b"\r\n"), 16):
                data = await reader.readexactly(size + 2)
                chunks.append((time.monotonic() - started, data[:-2]))
            await reader.readexactly(2)
    except asyncio.IncompleteReadError:
        return answered, chunks, False
    finally:
        writer.close()
    return answered, chunks, True


CHAT = "POST /any/v9/chat/completions"


def serving(answer: Answer, speed: float = 1.0) -> PlayingProvider:
    return PlayingProvider(lambda request: answer, ["model-a", "model-b"], speed)


async def test_status_headers_and_body_are_those_of_the_recording() -> None:
    async with serving(Answer(((b'{"error":"slow"}', 0),), 429, (("retry-after", "7"),))) as provider:
        head, chunks, whole = await get(provider.port, CHAT, b"{}")
    assert head.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert b"retry-after: 7\r\n" in head
    assert (b"".join(data for _, data in chunks), whole) == (b'{"error":"slow"}', True)


async def test_the_pace_is_that_of_the_recording_times_the_speed() -> None:
    answer = Answer([(b"a", 0), (b"b", 10_000), (b"c", 20_000)])
    async with serving(answer, speed=50) as provider:  # 0, 0.2 and 0.4 s
        _, chunks, _ = await get(provider.port, CHAT, b"{}")
    assert [data for _, data in chunks] == [b"a", b"b", b"c"]
    first, second, third = (at for at, _ in chunks)
    assert second - first > 0.1 and third - second > 0.1
    assert third < 15
    async with serving(answer, speed=0) as provider:
        _, chunks, _ = await get(provider.port, CHAT, b"{}")
    assert chunks[-1][0] < 5


async def test_a_cut_is_played_as_a_cut() -> None:
    async with serving(Answer(((b"data: 1\n\n", 0),), cut=True)) as provider:
        _, chunks, whole = await get(provider.port, CHAT, b"{}")
    assert ([data for _, data in chunks], whole) == ([b"data: 1\n\n"], False)


async def test_an_answer_that_never_began_is_a_closed_connection() -> None:
    turn = recorded()
    assert turn.upstream is not None
    turn.upstream.response = None
    answer = recorded_answer(turn)
    assert answer is not None
    async with serving(answer) as provider:
        assert await get(provider.port, CHAT, b"{}") == (b"", [], False)


async def test_models_are_listed() -> None:
    async with serving(Answer(())) as provider:
        _, chunks, _ = await get(provider.port, "GET /v1/models?limit=3")
    assert [model["id"] for model in json.loads(chunks[0][1])["data"]] == ["model-a", "model-b"]


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ("GET /v1/chat/completions", b"", 404),
        ("POST /v1/embeddings", b"{}", 404),
        (CHAT, b"{nonsense", 400),
        (CHAT, b"[]", 400),
    ],
)
async def test_what_it_does_not_know_it_refuses_in_json(head: str, body: bytes, status: int) -> None:
    async with serving(Answer(())) as provider:
        answered, chunks, _ = await get(provider.port, head, body)
    assert answered.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(chunks[0][1])["error"]["message"]


async def test_what_is_no_http_ends_the_connection_only() -> None:
    async with serving(error_answer(404, "no", "x")) as provider:
        for nonsense in (b"\r\n\r\n", b"POST\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
            writer.write(nonsense)
            assert await asyncio.wait_for(reader.read(), 20) == b""
            writer.close()
        answered, _, _ = await get(provider.port, CHAT, b"{}")
    assert answered.startswith(b"HTTP/1.1 404 ")


# --- a whole recording ------------------------------------------------------------------------------------------------


def session(path: Path) -> replay.Session:
    talk = Session()
    talk.says("count to two").hears("One.", calls=[Call.of("exec_command", {"cmd": "echo 2"}, "call_a")])
    talk.ran("2")
    talk.hears("Done.")
    found = replay.read(write(path, talk.flows))
    found.screen = Screen()
    return found


def test_a_session_is_played_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    played = session(tmp_path / "x.flow")
    for number in (0, 1):
        turn = played.recording.turn(number)
        answer = played.choose(turn.chat_request)
        assert turn.upstream is not None and turn.upstream.response is not None
        assert b"".join(data for data, _ in answer.pieces) == turn.upstream.response.content
    refused = played.choose({"messages": [{"role": "user", "content": "sing"}]})
    assert refused.status == 404
    message = json.loads(refused.pieces[0][0])["error"]["message"]
    assert "x.flow has no answer to this: all 2 recorded answers have been played" in message
    assert played.summary() == "Played 2 of 2 recorded answers; 1 requests had no recorded answer"
    told = capsys.readouterr().out.splitlines()
    assert [line.split("(")[0].strip() for line in told[:2]] == ["1  recorded turn 1", "2  recorded turn 2"]
    assert told[2].startswith("   3  no recorded turn fits: the recording x.flow")


def test_turns_without_an_exchange_are_named(tmp_path: Path) -> None:
    talk = Session()
    talk.says("one").hears("One.")
    talk.says("two").hears("Two.")
    played = replay.read(write(tmp_path / "x.flow", talk.flows[1:]))
    assert played.unplayable == {1: "its exchange with the provider was not recorded"}
    assert list(played.matcher.recorded) == [2]


def test_the_relay_is_set_as_it_was(tmp_path: Path) -> None:
    talk = Session()
    turn = talk.says("one").hears("One.")
    turn.client.metadata["relay"] |= {"requested_model": "gpt-5", "model": "deepseek-chat", "profile": "openai"}
    played = replay.read(write(tmp_path / "x.flow", talk.flows))
    assert played.options == ["relay_profile=openai", "relay_model_map=gpt-5=deepseek-chat"]
    assert played.models == ["gpt-5"]
    turn.client.metadata["relay"]["profile"] = "of another relay"
    assert replay.read(write(tmp_path / "x.flow", talk.flows)).options == ["relay_model_map=gpt-5=deepseek-chat"]
