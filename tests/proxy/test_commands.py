"""relay.* commands, as the console and mitmweb call them."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyperclip
import pytest
from mitmproxy import contentviews, http
from mitmproxy.exceptions import CommandError
from mitmproxy.io import FlowReader, FlowWriter

from addon.commands import snippets
from addon.commands.places import Key, key_of
from addon.options import OPTIONS
from addon.providers import parse_upstream
from addon.recording.flows import open_recording
from addon.settings import parse

from .looking import Looking
from .wire import Answering, text_answer, turn, until

pytestmark = pytest.mark.asyncio

KEY = "sk-relay-0123456789"
GATEWAY = "a=https://gw.example/a/v1#DESK_KEY,b=https://gw.example/b/v1#SIDE_KEY"


def call(relay: Any, *words: str) -> Any:
    """By words, as people type them."""
    return relay.master.commands.call_strings(words[0], list(words[1:]))


def save(file: Path, flows: list[Any]) -> Path:
    with file.open("wb") as out:
        for flow in flows:
            FlowWriter(out).add(flow)
    return file


async def load(relay: Any, file: Path) -> list[Any]:
    """As `-r` and mitmweb's Open do it."""
    with file.open("rb") as source:
        flows = list(FlowReader(source).stream())
    for flow in flows:
        await relay.master.load_flow(flow)
    return flows


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Looking:
    copied: list[str] = []
    monkeypatch.setattr("pyperclip.copy", copied.append)
    found = Looking()
    found.copied = copied  # type: ignore[attr-defined]
    return found


async def test_every_name_is_one_that_mitmweb_can_call(proxy, looking) -> None:
    async with proxy(looking=looking.addons) as relay:
        names = {name for name in relay.master.commands.commands if name.startswith("relay.")}
    assert names == {f"relay.{name}" for name in
                     ("curl", "python", "rerun", "translate", "fixture", "report", "totals", "failed")}  # fmt: skip
    assert all(re.fullmatch("[a-z.]+", name) for name in names)


async def run(text: str, program: str, folder: Path | None = None, **variables: str) -> tuple[bytes, bytes]:
    """What the snippet prints, as a person's own shell or Python runs it."""
    command = ["sh", "-c", text] if program == "curl" else [sys.executable, "-c", text]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    return await asyncio.wait_for(process.communicate(), 20)


@pytest.mark.parametrize("program", ["curl", "python"])
async def test_a_snippet_asks_what_was_asked(proxy, looking, program: str) -> None:
    words = 'it\'s $HOME, "quoted" `here` \\ and\nthere ü \x7f\x9b'
    async with proxy(looking=looking.addons, relay_api_key=KEY) as relay:
        await relay.ask(turn(words))
        await relay.turn()
        (told,) = call(relay, f"relay.{program}", "@all")
        (text,) = looking.copied
        out, _ = await run(text, program, API_KEY="of-the-shell")
        first, again = relay.upstream.seen
    assert re.fullmatch(r"copied: a .*, [\d,]+ characters; it reads the key of 127.0.0.1:\d+ from \$API_KEY", told)
    assert KEY not in text
    assert b"[DONE]" in out
    assert json.loads(again.body) == json.loads(first.body)
    assert again.path == first.path
    assert again.headers["authorization"] == "Bearer of-the-shell"


@pytest.mark.parametrize("program", ["curl", "python"])
async def test_a_snippet_of_a_loaded_turn_goes_where_the_turn_went(proxy, looking, program: str, tmp_path) -> None:
    """Its body was stored compressed, and mitmproxy points what it loads to today's reverse mode."""
    async with proxy() as recording:
        await recording.ask(turn("What was that?"))
        client, upstream = await recording.turn()
        upstream.request.encode("br")
        file = save(tmp_path / "session.flow", [upstream, client])
        async with proxy(looking=looking.addons, relay_api_key=KEY) as relay:
            await load(relay, file)
            call(relay, f"relay.{program}", "@all")
            out, _ = await run(looking.copied[-1], program, API_KEY="of-the-shell")
            assert relay.upstream.seen == []
        first, again = recording.upstream.seen
    assert b"[DONE]" in out
    assert json.loads(again.body) == json.loads(first.body)
    assert again.headers["authorization"] == "Bearer of-the-shell"
    assert "content-encoding" not in again.headers


async def test_of_several_turns_the_last_is_copied_and_that_is_said(proxy, looking) -> None:
    async with proxy(looking=looking.addons, relay_api_key=KEY) as relay:
        for words in ("one", "two"):
            await relay.ask(turn(words))
        await relay.flows(4)
        (told,) = call(relay, "relay.curl", "@all")
        assert call(relay, "relay.translate", "@all") == ["the last of 2 turns: nothing differs"]
    assert "of the last of 2 turns" in told and '"two"' in looking.copied[0]


async def test_a_snippet_without_its_key_says_whose_it_wants(proxy, looking) -> None:
    async with proxy(looking=looking.addons, relay_api_key=KEY) as relay:
        await relay.ask()
        await relay.turn()
        call(relay, "relay.curl", "@all")
        out, complaint = await run(looking.copied[-1], "curl")
        assert len(relay.upstream.seen) == 1
    assert out == b""
    assert re.search(rb"API_KEY: set it to the key of 127.0.0.1:\d+", complaint)


async def test_without_a_clipboard_the_snippet_is_shown_and_logged(proxy, looking, monkeypatch, caplog) -> None:
    def nowhere(text: str) -> None:
        raise pyperclip.PyperclipException("no clipboard")

    monkeypatch.setattr("pyperclip.copy", nowhere)
    caplog.set_level("INFO", "addon.commands")
    async with proxy(looking=looking.addons, relay_api_key=KEY) as relay:
        await relay.ask()
        await relay.turn()
        first, *lines = call(relay, "relay.curl", "@all")
        relay.master.options.add_option("web_host", str, "127.0.0.1", "as in mitmweb, which shows JSON")
        assert call(relay, "relay.curl", "@all") == [first]
    assert first.startswith("no clipboard here: the curl command stands in the event log; it reads the key of")
    assert lines[0].startswith("curl --no-buffer http://127.0.0.1:")
    assert "\n".join(lines) in caplog.text


@pytest.mark.parametrize("kind", ["curl", "httpie", "raw", "raw_request"])
async def test_mitmproxys_own_export_holds_no_key(proxy, looking, kind: str) -> None:
    async with proxy(looking=looking.addons, relay_api_key=KEY) as relay:
        await relay.ask(turn("What was that?"), headers={"authorization": "Bearer sk-client-0123456789"})
        for flow in await relay.turn():
            text = call(relay, "export", kind, f"@{flow.id}")
            assert "What was that?" in text and "Bearer [scrubbed]" in text
            assert KEY not in text and "sk-client" not in text
        if kind == "curl":
            upstream = looking.flows[1]
            out, _ = await run(call(relay, "export", kind, f"@{upstream.id}"), kind)
            assert b"[DONE]" in out


@pytest.mark.parametrize(
    ("url", "options", "variable"),
    [
        ("https://api.deepseek.com/chat/completions", {}, "DEEPSEEK_API_KEY"),
        ("http://api.deepseek.com/chat/completions", {}, "API_KEY"),  # a key does not travel in the clear
        ("https://llm.example.com/v1/chat/completions", {}, "API_KEY"),
        ("http://127.0.0.1:9/v1/chat/completions", {"relay_api_key": "env:DESK_KEY"}, "DESK_KEY"),
        ("http://127.0.0.1:9/v1/chat/completions", {"relay_api_key": "secret-of-mine"}, "API_KEY"),
        ("http://127.0.0.1:8/v1/chat/completions", {"relay_api_key": "env:DESK_KEY"}, "API_KEY"),
        ("http://127.0.0.1:9/v1/chat/completions", {"relay_providers": "desk=http://127.0.0.1:9#DESK_KEY"}, "DESK_KEY"),
        ("http://127.0.0.1:9/v1/chat/completions", {"relay_api_key": "secret-of-mine}"}, "API_KEY"),
        ("https://gw.example/b/v1/chat/completions", {"relay_providers": GATEWAY}, "SIDE_KEY"),
        ("https://gw.example/a/v1/chat/completions?x=/b/v1/", {"relay_providers": GATEWAY}, "DESK_KEY"),
    ],
)
async def test_the_key_has_the_name_that_it_has_here(url: str, options: dict[str, str], variable: str) -> None:
    values = dict.fromkeys(OPTIONS, "") | options
    environ = {"DESK_KEY": "secret-of-mine", "SIDE_KEY": "another"}
    settings = parse(values, [parse_upstream("http://127.0.0.1:9")], environ)
    request = http.Request.make("POST", url)
    assert key_of(request, settings).variable == variable
    if options:
        key = settings.key_at(request.scheme, request.host, request.port, request.path)
        assert (key == "another") == (variable == "SIDE_KEY")  # what is named is what the relay would send


@pytest.mark.parametrize(
    ("url", "headers", "body"),
    [
        ("http://h.example/v1", {"authorization": "$(touch${IFS}pwned) [scrubbed]"}, "{}"),
        ("http://h.example/v1", {"proxy-authorization": '"`touch${IFS}pwned`" x'}, "{}"),
        (
            "http://h.example/v1",
            {'authorization"$(touch pwned)': "Bearer x", "x-$(touch pwned)": "x", "@file": "x"},
            "{}",
        ),
        ("http://h.example/v1", {"x-note": "'\n$(touch pwned)\n\x1b[201~`touch pwned`"}, "{}"),
        ("http://h.example/'$(touch pwned)`touch pwned`", {"authorization": "Bearer x"}, "{}"),
        ("http://h.example/v1", {}, '{"a":\nEND_OF_REQUEST\ntouch pwned\n"b"}'),
        ("http://h.example/v1", {}, '{"a":\rEND_OF_REQUEST\rtouch pwned\r"b"}'),  # a terminal takes it for Enter
        ("http://h.example/v1", {}, '{"a":"\x04\x03"}\x1b[201~'),
    ],
)
async def test_nothing_of_a_strangers_recording_is_a_command(
    url: str, headers: dict[str, str], body: str, tmp_path: Path
) -> None:
    request = http.Request.make("POST", "http://h.example/", body)
    request.url = url
    request.headers.update(headers)
    text = snippets.curl(request, Key("API_KEY", '"$(touch pwned)'))
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)
    assert "@file" not in text  # of which curl would read headers
    for pasted in (text, text.replace("\r", "\n")):
        heard = await run("curl() { cat >got; }\n" + pasted, "curl", tmp_path, API_KEY="key")
        assert heard == (b"", b"")
        assert [path.name for path in tmp_path.iterdir()] == ["got"]
    tree = ast.parse(snippets.python(request, Key("API_KEY", '"\nopen("pwned", "w")')))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert calls - {"os.environ.get", "sys.exit"} == {"httpx.stream", "response.iter_lines", "print"}


async def test_an_address_that_curl_would_take_for_an_option_is_refused(proxy, looking) -> None:
    async with proxy(looking=looking.addons) as relay:
        await relay.ask()
        _, upstream = await relay.turn()
        upstream.request.scheme = "-o"
        with pytest.raises(CommandError, match="is none of the web"):
            call(relay, "relay.curl", "@all")


@pytest.mark.parametrize(("depth", "argument"), [(100, "json"), (180, "content"), (100_000, "content")])
async def test_a_body_too_deep_for_python_stays_a_text(depth: int, argument: str) -> None:
    request = http.Request.make("POST", "http://h.example/v1", "[" * depth + "]" * depth)
    text = snippets.python(request, Key("API_KEY", "h.example"))
    assert f"{argument}=body" in text
    compile(text, "snippet", "exec")


async def test_a_turn_is_run_again_with_another_model(proxy, looking) -> None:
    async with proxy(looking=looking.addons, relay_api_key=KEY, relay_model_map="*=mapped") as relay:
        await relay.ask(turn("What is up?"))
        client, _ = await relay.turn()
        before = (client.request.content, client.response.content, client.comment, dict(client.metadata))
        call(relay, "relay.rerun", "@all", "other-model")
        await relay.flows(4)
        await until(lambda: len(looking.flows) == 4)
        first, again = (seen.json() for seen in relay.upstream.seen)
        assert (first["model"], again["model"]) == ("mapped", "other-model")
        assert again["messages"] == first["messages"]
        assert (client.request.content, client.response.content, client.comment, client.metadata) == before
        new = looking.flows[2]
        assert "other-model" in new.comment and new.comment.endswith(" · sent again")
        assert new.metadata["relay"]["status"] == "completed"
        assert KEY not in looking.seen


async def test_what_is_run_again_is_named_and_comes_back_as_what_it_was(proxy, looking) -> None:
    """The turn, of several; *Revert* makes no second flow of the same identity, also of one that was edited."""
    async with proxy(looking=looking.addons, relay_api_key=KEY) as relay:
        for _ in range(2):
            await relay.ask()
        *_, client = await relay.flows(4)
        client.backup()
        client.marked = ":star:"
        told = call(relay, "relay.rerun", "@all", "other-model")
        assert told == f"asked again, of other-model: the last of 2 turns, {client.comment}"
        await relay.flows(6)
        again = looking.flows[4]
        again.revert()
        looking.view.update([again])
        assert len({flow.id for flow in looking.flows}) == 6
        assert again.comment == "to be asked of other-model"


async def test_fixtures_need_a_folder(proxy, looking) -> None:
    async with proxy(looking=looking.addons) as relay:
        await relay.ask()
        with pytest.raises(CommandError, match="name the folder"):
            call(relay, "relay.fixture", "@all", "")


async def test_what_is_open_in_mitmwebs_page_is_the_focus(proxy, looking) -> None:
    async with proxy(looking=looking.addons) as relay:
        relay.master.options.add_option("web_host", str, "127.0.0.1", "As mitmweb has it.")
        for text in ("one", "two", "three"):
            await relay.ask(turn(text))
        *_, client = await relay.flows(6)
        flows = looking.flows
        assert looking.view.focus.flow is flows[0]
        body_of_view(client)
        assert looking.view.focus.flow is client
        assert "three" in json.dumps(json.loads(client.request.content))
        call(relay, "relay.python", "@focus")
        assert "three" in looking.copied[-1]


def body_of_view(flow: http.HTTPFlow) -> None:
    """Has mitmproxy show a request, as mitmweb does when somebody opens it."""
    if hasattr(contentviews, "prettify_message"):
        contentviews.prettify_message(flow.request, flow)
    else:
        contentviews.get_message_content_view("auto", flow.request, flow)


async def test_a_turn_is_translated_again(proxy, looking) -> None:
    async with proxy(looking=looking.addons) as relay:
        await relay.ask()
        _, upstream = await relay.turn()
        assert call(relay, "relay.translate", "@all") == ["nothing differs"]
        upstream.request.text = upstream.request.text.replace('"hi"', '"something else"')
        assert "something else" in "\n".join(call(relay, "relay.translate", "@all"))


async def test_turns_become_fixtures_and_reports(proxy, looking, tmp_path: Path) -> None:
    async with proxy(looking=looking.addons) as relay:
        await relay.ask()
        client, _ = await relay.turn()
        client.request.headers["x-note"] = KEY
        told = call(relay, "relay.fixture", f"@{client.id}", str(tmp_path / "fixtures"))
        assert told[0].endswith(": 1 turn")
        assert list((tmp_path / "fixtures").rglob("turn-1/request.json"))
        (said,) = call(relay, "relay.report", "@all", str(tmp_path / "mine"))
        assert "hold 1 turn, scrubbed" in said
        assert len(open_recording(tmp_path / "mine.flow")) == 1
        assert "codex-relay report" in (tmp_path / "mine.md").read_text()
        with pytest.raises(CommandError, match=r"mine.flow is there already; give another PATH$"):
            call(relay, "relay.report", "@all", str(tmp_path / "mine"))


async def sometimes_failing(answer: Answering) -> None:
    if b"fail" in answer.seen.body:
        await answer.whole(b'{"error": {"message": "No, never"}}', "400 Bad Request")
    else:
        await answer.stream(text_answer("Hello"))


async def test_totals_and_failures_of_the_session(proxy, looking, caplog) -> None:
    caplog.set_level("INFO", "addon.commands")
    async with proxy(sometimes_failing, looking=looking.addons, relay_keep_flows="1") as relay:
        assert call(relay, "relay.totals") == ["no turn has ended yet"]
        assert call(relay, "relay.failed") == ["no turn in the list has failed"]
        for text in ("one", "two", "fail"):
            await relay.ask(turn(text))
        await relay.flows(6)
        await until(lambda: len(looking.flows) == 2)
        first, *rest = call(relay, "relay.totals")
        failed = call(relay, "relay.failed")
    assert re.fullmatch(
        r"gpt-test: 3 turns, 1 failed · 240 in \(83% cached\), 14 out · [\d.]+ s first, [\d.]+ s \(medians\) · no price",
        first,
    )
    assert rest[-1] == "the event log has it by thread"
    assert re.search(r"gpt-test +3 +1 +240 +200 +83%", caplog.text)
    assert failed[0].startswith("1 failed")
    assert "No, never" in failed[1]


async def test_totals_count_loaded_turns_too_and_each_once(proxy, looking, tmp_path) -> None:
    async with proxy(sometimes_failing, looking=looking.addons) as relay:
        await relay.ask(turn("fail"))
        client, upstream = await relay.turn()
        file = save(tmp_path / "session.flow", [upstream, client])
    again = Looking()
    async with proxy(looking=again.addons) as relay:
        await load(relay, file)
        call(relay, "view.flows.load", str(file))  # the same turn as another flow
        await relay.ask(turn("one"))
        await relay.flows(4)
        for _ in range(2):
            told = call(relay, "relay.totals")
            assert [line.partition(" · ")[0] for line in told if line.startswith("all")] == ["all: 2 turns, 1 failed"]
            assert "1 of 2 turns was loaded from a file" in told


async def test_only_the_latest_failures_are_named(proxy, looking, tmp_path) -> None:
    async with proxy(sometimes_failing, looking=looking.addons) as relay:
        await relay.ask(turn("fail"))
        client, upstream = await relay.turn()
        file = save(tmp_path / "session.flow", [upstream, client])
        for _ in range(24):
            call(relay, "view.flows.load", str(file))
        told = call(relay, "relay.failed")
    assert told[0].startswith("25 failed") and told[-1] == "and 5 before them" and len(told) == 22


async def test_a_report_needs_a_name(proxy, looking, tmp_path: Path) -> None:
    async with proxy(looking=looking.addons) as relay:
        await relay.ask()
        await relay.turn()
        with pytest.raises(CommandError, match="name the report by a PATH"):
            call(relay, "relay.report", "@all", "")
        folder = tmp_path / "folder"
        folder.mkdir()
        with pytest.raises(CommandError, match=f"^{folder} is a folder; name a file in it, such as {folder}/report$"):
            call(relay, "relay.report", "@all", str(folder))
        assert not list(tmp_path.glob("folder.*"))


@pytest.mark.parametrize("name", ["relay.curl", "relay.python", "relay.translate"])
async def test_a_flow_that_is_no_turn_is_refused_in_one_line(proxy, looking, name: str) -> None:
    async with proxy(looking=looking.addons) as relay:
        await relay.ask(b"{")
        await relay.flows(1)
        with pytest.raises(CommandError, match="there is no finished turn"):
            call(relay, name, "@all")
