"""relay_* options: what they mean, and what is said about a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mitmproxy.exceptions import OptionsError
from mitmproxy.test import taddons

from addon import compat, settings
from addon.settings import Settings, Upstream, parse

HERE = Upstream("http", "127.0.0.1", 8000)
THERE = Upstream("https", "provider.test", 443)


def parsed(targets: tuple[Upstream, ...] = (HERE,), environ: Any = None, **values: Any) -> Settings:
    return parse({**dict.fromkeys(settings.OPTIONS, ""), **values}, targets, environ or {})


@pytest.mark.parametrize(
    ("url", "upstream"),
    [
        ("https://openrouter.ai/api/v1", Upstream("https", "openrouter.ai", 443, "/api/v1")),
        ("https://OpenRouter.ai/api/v1/", Upstream("https", "openrouter.ai", 443, "/api/v1")),
        ("http://localhost:8000", Upstream("http", "localhost", 8000)),
        ("http://[::1]:8000/v1", Upstream("http", "::1", 8000, "/v1")),
        (" https://x.test/v1/chat/completions ", Upstream("https", "x.test", 443, "/v1/chat/completions")),
    ],
)
def test_an_upstream_is_a_base_url(url: str, upstream: Upstream) -> None:
    assert parsed(relay_upstream=url).upstream == upstream


@pytest.mark.parametrize(
    ("upstream", "authority"),
    [
        (Upstream("https", "x.test", 443), "x.test"),
        (Upstream("http", "x.test", 443), "x.test:443"),
        (Upstream("http", "::1", 8000), "[::1]:8000"),
    ],
)
def test_the_host_header_follows_the_url(upstream: Upstream, authority: str) -> None:
    assert upstream.authority == authority


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"relay_upstream": "openrouter.ai/api"}, "https://host/v1"),
        ({"relay_upstream": "ftp://x.test"}, "http or https"),
        ({"relay_upstream": "https://"}, "http or https"),
        ({"relay_upstream": "https://x.test:99999/v1"}, "https://host/v1"),
        ({"relay_upstream": "https://x.test/v1?api-version=1"}, "query"),
        ({"relay_upstream": "https://x.test/v1#a"}, "fragment"),
        ({"relay_upstream": "https://x.test/v1/responses"}, "/responses"),
        ({"relay_upstream": "https://x.test/a b"}, "percent-encoded"),
        ({"relay_api_key": "$"}, "environment variable"),
        ({"relay_api_key": "env:a b"}, "environment variable"),
        ({"relay_api_key": "$UNSET_KEY"}, "export UNSET_KEY"),
        ({"relay_api_key": "env:unset_key"}, "export unset_key"),
        ({"relay_api_key": "OPENROUTER_API_KEY"}, "export OPENROUTER_API_KEY"),
        ({"relay_model_map": "a"}, "client-model=upstream-model"),
        ({"relay_model_map": "a=b,=c"}, "client-model=upstream-model"),
        ({"relay_model_map": "a=b,a=c"}, "twice"),
        ({"relay_extra_params": "{temperature: 1}"}, "not JSON"),
        ({"relay_extra_params": '{"a": NaN}'}, "NaN"),
        ({"relay_extra_params": "[1]"}, "not a JSON object"),
        ({"relay_extra_params": '{"model": "m"}'}, "relay_model_map"),
        ({"relay_extra_params": '{"stream": false}'}, "follows the client's request"),
        ({"relay_drop_params": "a b"}, "separate names by commas"),
        ({"relay_drop_params": "messages"}, "can't be left out"),
        ({"relay_drop_params": "a", "relay_extra_params": '{"a": 1}'}, "in one only"),
        ({"relay_profile": "nonsense"}, "generic"),
        ({"relay_disable_quirks": "think-tags, leaked"}, "leaked; known are think-tags, "),
        ({"relay_disable_quirks": "think-tags leaked-dsml"}, "known are think-tags, "),
        ({"relay_profile": "/nowhere/own.toml"}, "can't be read"),
        ({"relay_web_search": "on"}, "auto or off"),
        ({"relay_search": "google"}, "searxng:URL"),
    ],
)
def test_a_wrong_value_names_option_and_remedy(values: dict[str, str], words: str) -> None:
    with pytest.raises(OptionsError) as raised:
        parsed(**dict[str, Any](values))
    assert str(raised.value).startswith(next(iter(values))) or len(values) > 1
    assert words in str(raised.value)


def test_a_file_says_how_a_provider_differs(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'base = "openai"\nsystem_role = "system"\n[tools]\nmost = 8\n[error_codes]\n77 = "quota"\n'
        '[variants."big-*"]\nimages = false\n'
    )
    chosen = parsed(relay_profile=str(path))
    path.unlink()  # read when it is set, not with each turn
    profile = chosen.profile_for(HERE, "other")
    assert (profile.name, profile.system_role, profile.tools.most) == ("mine", "system", 8)
    assert profile.max_tokens_field == "max_completion_tokens"
    assert profile.error_codes == {"77": "quota"}
    assert (profile.images, chosen.profile_for(HERE, "big-one").images) == (True, False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sytem_role = 'x'", "sytem_role: there is no such key; valid are "),
        ("[tools]\nmost = 'many'", "tools.most: must be int"),
        ("base = 'nonsense'", "base: unknown profile 'nonsense'; known are"),
        ("auth = 'basic'", "auth: must be one of 'bearer'"),
        ("[error_codes]\n77 = 'qouta'", "error_codes.77: must be one of 'overflow'"),
        ("[finish_reasons]\nweird = 'end'", "finish_reasons.weird: must be one of 'stop'"),
        ("auth = ", "Invalid value"),
    ],
)
def test_a_wrong_file_names_itself_and_the_key(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(OptionsError) as raised:
        parsed(relay_profile=str(path))
    assert str(raised.value).startswith(f"relay_profile={str(path)!r}: ")
    assert words in str(raised.value)


def test_the_hosted_search_is_left_out_when_told_so() -> None:
    assert parsed().request_options("there", codex=True).web_search
    assert parsed(relay_web_search="auto").request_options("there", codex=True).web_search
    assert not parsed(relay_web_search="off").request_options("there", codex=True).web_search


@pytest.mark.parametrize(
    ("value", "environ", "key"),
    [
        ("", {}, ""),
        ("sk-abc", {"sk-abc": "no"}, "sk-abc"),
        ("$MY_KEY", {"MY_KEY": "secret"}, "secret"),
        ("${MY_KEY}", {"MY_KEY": "secret"}, "secret"),
        ("env:my_key", {"my_key": " secret\n"}, "secret"),
        ("MY_KEY", {"MY_KEY": "secret"}, "secret"),
        ("AKIA1234", {}, "AKIA1234"),
        ("KEY2", {"KEY2": "secret"}, "secret"),
        ("Deepseek_Key", {"Deepseek_Key": "secret"}, "secret"),
    ],
)
def test_a_key_is_given_or_named(value: str, environ: dict[str, str], key: str) -> None:
    assert parsed(relay_api_key=value, environ=environ).api_key == key


@pytest.mark.parametrize(
    ("value", "environ"),
    [
        ("top secret", {}),
        ("topsecrét", {}),
        ("$KEY", {"KEY": "top secret"}),
        ("$topsecret-1", {}),
    ],
)
def test_no_message_repeats_a_key(value: str, environ: dict[str, str]) -> None:
    with pytest.raises(OptionsError) as raised:
        parsed(relay_api_key=value, environ=environ)
    assert "secr" not in str(raised.value)
    assert "relay_api_key" in str(raised.value)


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(OptionsError, match="relay_api_key") as raised:
        parsed(relay_upstream="https://me:hunter2@x.test/v1")
    assert "hunter2" not in str(raised.value)


def test_a_key_does_not_show_in_the_settings() -> None:
    assert "sk-abc" not in repr(parsed(relay_api_key="sk-abc"))


def test_one_key_for_several_targets_is_refused() -> None:
    with pytest.raises(OptionsError, match=r"provider\.test.*relay_upstream"):
        parsed((HERE, THERE), relay_api_key="sk-abc")
    assert parsed((HERE, HERE), relay_api_key="sk-abc").key_for(HERE) == "sk-abc"
    both = parsed((HERE, THERE), relay_api_key="sk-abc", relay_upstream="https://x.test/v1")
    assert both.upstream_for(HERE) == both.upstream_for(THERE) == Upstream("https", "x.test", 443, "/v1")


def test_the_key_is_for_the_configured_upstream_only() -> None:
    one = parsed(relay_api_key="sk-abc")
    assert (one.key_for(HERE), one.key_for(THERE)) == ("sk-abc", "")
    other = parsed(relay_api_key="sk-abc", relay_upstream="https://provider.test")
    assert (other.key_for(HERE), other.key_for(THERE)) == ("", "sk-abc")


def test_a_flow_recorded_elsewhere_follows_todays_only_target() -> None:
    assert parsed().upstream_for(THERE) == HERE
    assert parsed((HERE, THERE)).upstream_for(THERE) == THERE
    gone = Upstream("http", "gone.test", 80)
    assert parsed((HERE, THERE)).upstream_for(gone) == gone


def test_an_unknown_option_is_refused_with_the_right_name() -> None:
    settings.refuse_unknown([])
    with pytest.raises(OptionsError, match="did you mean relay_api_key"):
        settings.refuse_unknown(["relay_apikey"])
    with pytest.raises(OptionsError, match="known are relay_upstream"):
        settings.refuse_unknown(["relay_zzzzzz"])


@pytest.mark.asyncio
async def test_a_wrong_value_at_run_time_leaves_the_old_settings(proxy) -> None:
    async with proxy(relay_model_map="gpt-*=first") as relay:
        with pytest.raises(OptionsError):
            relay.master.options.update(relay_model_map="nonsense")
        await relay.ask()
        relay.master.options.update(relay_model_map="gpt-*=second")
        await relay.ask()
        assert [seen.json()["model"] for seen in relay.upstream.seen] == ["first", "second"]


@pytest.mark.asyncio
async def test_streaming_of_large_requests_is_refused(proxy) -> None:
    async with proxy() as relay:
        with pytest.raises(OptionsError, match=r"stream_large_bodies=1m.*remove"):
            relay.master.options.update(stream_large_bodies="1m")


@pytest.mark.asyncio
async def test_connections_are_opened_lazily(proxy) -> None:
    async with proxy(connection_strategy="lazy") as relay:
        assert relay.master.options.connection_strategy == "lazy"
        await relay.ask(method="GET", path="/nowhere")
        assert relay.upstream.connections == 0


@pytest.mark.parametrize(
    ("mode", "listen_host", "everybody"),
    [
        ("reverse:http://127.0.0.1:1@4446", "", True),
        ("reverse:http://127.0.0.1:1", "0.0.0.0", True),
        ("reverse:http://127.0.0.1:1@4446", "127.0.0.1", False),
        ("reverse:http://127.0.0.1:1@127.0.0.1:4446", "", False),
        ("regular@4446", "", False),
    ],
)
async def test_listening_to_everybody_is_noticed(mode: str, listen_host: str, everybody: bool) -> None:
    with taddons.context() as tools:
        tools.options.update(mode=[mode], listen_host=listen_host)
        assert compat.listens_to_everybody() is everybody
