"""What flags and variables come to: which wins, how the older names are read, and what the relay is given."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from addon.cli import command_parser, environment, start
from addon.cli.announcement import codex_words, described
from addon.cli.serving import UsageError
from addon.cli.start import Plan
from addon.history import Limits, parse
from addon.providers import parse_providers, parse_upstream
from addon.settings import Settings
from addon.stand_ins import served


def planned(*words: str, **variables: str) -> Plan:
    return start.plan(command_parser().parse_args(words), variables)


def test_without_anything_it_is_what_it_always_was() -> None:
    plan = planned()
    assert (plan.bind, plan.port, plan.key) == ("127.0.0.1", 4444, "")
    assert plan.options() == {"relay_upstream": "https://openrouter.ai/api/v1"}
    assert parse("", "").limits == Limits(hours=168, turns=256, mb=512)  # as CODEX_RELAY_MAX_SESSIONS and its kin


def history(**variables: str) -> dict[str, str]:
    """The relay's options, without where requests go."""
    named = {f"CODEX_RELAY_{name}": value for name, value in variables.items()}
    return {name: value for name, value in planned(**named).options().items() if name != "relay_upstream"}


def test_the_variables_of_the_history_are_options() -> None:
    assert history() == {}
    variables = {"HISTORY_STORE": "disk", "SESSION_TTL_HOURS": "24", "MAX_SESSIONS": "9", "MAX_SESSION_MEMORY_MB": "64"}
    limits = {"relay_history_limits": "hours=24,turns=9,mb=64"}
    assert history(**variables) == {"relay_history": ".codex-relay-history"} | limits
    assert history(**variables, HISTORY_DIR="kept")["relay_history"] == "kept"
    assert "relay_history" not in history(**variables | {"HISTORY_STORE": "memory"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("HISTORY_STORE", "redis"), ("SESSION_TTL_HOURS", "a week"), ("MAX_SESSIONS", "0"), ("MAX_SESSIONS", "2,hours=1")],
)
def test_a_variable_of_the_history_that_can_not_be_meant_is_named(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"^CODEX_RELAY_{name}: '{value}' is .*$"):
        history(**{name: value})


def test_a_flag_wins_over_its_variable() -> None:
    variables = {
        "CODEX_RELAY_PORT": "1111",
        "CODEX_RELAY_BIND": "0.0.0.0",
        "CODEX_RELAY_UPSTREAM": "http://a.example/v1",
    }
    plan = planned("--port", "2222", **variables)
    assert (plan.port, plan.bind, plan.first.upstream.url) == (2222, "0.0.0.0", "http://a.example/v1")


def test_a_flag_that_says_where_wins_over_all_variables_that_do() -> None:
    plan = planned("--upstream", "http://b.example", CODEX_RELAY_PROVIDERS="x=http://c.example,y=http://d.example")
    assert plan.options() == {"relay_upstream": "http://b.example"}


def test_a_relays_option_that_is_passed_on_wins_over_variables_and_defaults() -> None:
    words = command_parser().parse_args(["--port", "1"])
    words.passed_on = ["--set", "relay_providers=x=http://a.example", "--set=relay_fallback=x/m", "-s", "y.py", "--set"]
    plan = start.plan(words, {"CODEX_RELAY_UPSTREAM": "http://b.example", "CODEX_RELAY_FALLBACK": "n"})
    assert plan.options() == {"relay_providers": "x=http://a.example", "relay_fallback": "x/m"}
    assert plan.rest == ("-s", "y.py", "--set")
    words.passed_on = ["--set", "relay_fallback=m"]
    with pytest.raises(UsageError, match="--fallback and --set relay_fallback say the same; keep one of them"):
        start.plan(argparse.Namespace(**vars(words), **{"start fallback": "n"}), {})


def test_an_empty_variable_is_unset_and_an_empty_flag_is_none() -> None:
    assert planned(CODEX_RELAY_PORT="", CODEX_RELAY_MODEL_MAP=" ").port == 4444
    assert planned("--api-key", "", CODEX_RELAY_API_KEY="key-of-the-variable").key == ""


@pytest.mark.parametrize(
    ("words", "variables", "options"),
    [
        (["--model-map", "gpt-5.4:qwen3:8b, gpt-5*=m"], {}, {"relay_model_map": "gpt-5.4=qwen3:8b,gpt-5*=m"}),
        ([], {"CODEX_RELAY_MODEL_MAP": "a:b"}, {"relay_model_map": "a=b"}),
        ([], {"CODEX_RELAY_DROP_PARAMS": '["seed", "user"]'}, {"relay_drop_params": "seed,user"}),
        (["--drop-upstream-params", "seed,user"], {}, {"relay_drop_params": "seed,user"}),
        ([], {"CODEX_RELAY_UPSTREAM_EXTRA_PARAMS": '{"a": 1}'}, {"relay_extra_params": '{"a": 1}'}),
        ([], {"CODEX_RELAY_TOOL_DENYLIST": "spawn_agent, x"}, {"relay_tool_denylist": "spawn_agent,x"}),
        ([], {"CODEX_RELAY_RECORD_CORPUS": "corpus"}, {"relay_corpus": "corpus"}),
        ([], {"CODEX_RELAY_DISABLE_QUIRKS": "dsml_heal"}, {"relay_disable_quirks": "leaked-dsml,leaked-deepseek"}),
        (["--disable-quirks", "think_tags"], {}, {"relay_disable_quirks": "think-tags"}),
        ([], {"CODEX_RELAY_HISTORY_STORE": "disk"}, {"relay_history": ".codex-relay-history"}),
        (["--history-store", "disk", "--history-dir", "kept"], {}, {"relay_history": "kept"}),
        ([], {"CODEX_RELAY_HISTORY_STORE": "memory", "CODEX_RELAY_HISTORY_DIR": "kept"}, {}),
        (["--max-sessions", "9", "--session-ttl-hours", "0.5"], {}, {"relay_history_limits": "hours=0.5,turns=9"}),
        ([], {"CODEX_RELAY_MAX_SESSION_MEMORY_MB": "64"}, {"relay_history_limits": "mb=64"}),
        (["--fallback", "a,b", "--profile", "vllm"], {}, {"relay_fallback": "a,b", "relay_profile": "vllm"}),
    ],
)
def test_settings_become_the_relays_options(
    words: list[str], variables: dict[str, str], options: dict[str, Any]
) -> None:
    assert planned(*words, **variables).options() == {"relay_upstream": environment.UPSTREAM} | options


def test_a_parameter_that_is_dropped_and_set_is_set() -> None:
    both = planned("--drop-upstream-params", '["a", "b"]', "--upstream-extra-params", '{"a": 1}').options()
    assert (both["relay_drop_params"], both["relay_extra_params"]) == ("b", '{"a": 1}')


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["$MY_KEY", "${MY_KEY}", "env:MY_KEY", "MY_KEY"])
def test_a_key_may_be_named(text: str) -> None:
    plan = planned("--api-key", text, MY_KEY="the-key-itself")
    assert (plan.key, dict(plan.variables), plan.first.key) == ("env:MY_KEY", {}, "the-key-itself")


@pytest.mark.parametrize("words", [["--api-key", "the-key-itself"], []])
def test_a_key_itself_only_goes_into_a_variable(words: list[str]) -> None:
    plan = planned(*words, **({} if words else {"CODEX_RELAY_API_KEY": "the-key-itself"}))
    assert plan.options()["relay_api_key"] == "env:CODEX_RELAY_API_KEY"
    assert plan.variables == {"CODEX_RELAY_API_KEY": "the-key-itself"}
    assert "the-key-itself" not in repr(plan.providers) + repr(plan.options())


def test_a_providers_own_variable_is_used_when_the_provider_is_named_and_not_for_its_address() -> None:
    named = planned("--provider", "deepseek", DEEPSEEK_API_KEY="d")
    assert (named.options()["relay_profile"], named.key) == ("deepseek", "env:DEEPSEEK_API_KEY")
    assert planned("--upstream", named.first.upstream.url, DEEPSEEK_API_KEY="d").key == ""
    given = planned("--provider", "deepseek", DEEPSEEK_API_KEY="d", CODEX_RELAY_API_KEY="relays")
    assert given.key == "env:DEEPSEEK_API_KEY"
    assert given.notes == ("CODEX_RELAY_API_KEY is not used: deepseek has its own key in DEEPSEEK_API_KEY",)
    assert planned("--provider", "deepseek", CODEX_RELAY_API_KEY="relays").key == "env:CODEX_RELAY_API_KEY"
    assert planned("--provider", "deepseek", "--api-key", "", DEEPSEEK_API_KEY="d").key == ""


@pytest.mark.parametrize("words", [["--provider", "deepseek"], ["--upstream", "https://api.deepseek.com/v1"]])
def test_a_key_goes_to_no_other_place_than_the_variable_beside_it_names(words: list[str]) -> None:
    both = {"CODEX_RELAY_UPSTREAM": "https://openrouter.ai/api/v1", "CODEX_RELAY_API_KEY": "for-openrouter"}
    plan = planned(*words, **both)
    assert (plan.key, dict(plan.variables)) == ("", {})
    assert "for-openrouter" not in repr([provider.key for provider in plan.providers])
    assert plan.notes == (
        "CODEX_RELAY_API_KEY is not used: it is for CODEX_RELAY_UPSTREAM; name this key by --api-key",
    )
    assert planned(**both).key == "env:CODEX_RELAY_API_KEY"
    assert planned(*words, "--api-key", "mine", **both).key == "env:CODEX_RELAY_API_KEY"


def test_one_key_is_not_for_several_providers() -> None:
    with pytest.raises(UsageError, match="--api-key can't be meant for several providers"):
        planned("--providers", "a=http://a.example,b=http://b.example", "--api-key", "x")
    plan = planned("--providers", "a=http://a.example,b=http://b.example", CODEX_RELAY_API_KEY="x")
    assert plan.options() == {"relay_providers": "a=http://a.example,b=http://b.example"}
    assert plan.notes == ("CODEX_RELAY_API_KEY is not used: with several providers each has its own key",)


# --- complaints and notes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "variables", "complaint"),
    [
        (["--upstream", "http://a.example", "--provider", "b"], {}, "--upstream and --provider are both set; keep one"),
        (
            [],
            {"CODEX_RELAY_UPSTREAM": "http://a.example", "CODEX_RELAY_PROVIDER": "b"},
            "are both set; keep one of them",
        ),
        (["serve", "http://a.example", "--upstream", "http://b.example"], {}, "--upstream and UPSTREAM both say where"),
        (["serve", "a.example"], {}, "UPSTREAM: 'a.example': not an http or https URL"),
        (
            ["--api-key", "OTHER_KEY"],
            {},
            "--api-key names the environment variable OTHER_KEY, which is not set; export",
        ),
        (["--api-key", "env:a-b"], {}, "--api-key: what follows $ or env: is not the name of an environment variable"),
        (
            ["--disable-quirks", "think_tag"],
            {},
            "--disable-quirks: there is no repair 'think_tag'; did you mean think-tags?",
        ),
        (["--model-catalog", "x"], {}, "--model-catalog goes with --print-config"),
        ([], {"CODEX_RELAY_BIND": "here"}, "CODEX_RELAY_BIND: 'here' is no IP address"),
    ],
)
def test_complaints_name_what_was_said_and_the_remedy(
    words: list[str], variables: dict[str, str], complaint: str
) -> None:
    with pytest.raises(UsageError) as error:
        planned(*words, **variables)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_what_does_nothing_is_noted() -> None:
    plan = planned(
        CODEX_RELAY_DISABLE_QUIRKS="missing_done,glm_thinking",
        CODEX_RELAY_POTR="1",
        CODEX_RELAY_X="1",
        CODEX_RELAY_CODEX_CACHE="x",
    )
    assert plan.options() == {"relay_upstream": environment.UPSTREAM}
    notes = "\n".join(plan.notes)
    assert "CODEX_RELAY_POTR is set, but there is no such variable; did you mean CODEX_RELAY_PORT?" in notes
    assert "CODEX_RELAY_X is set, but there is no such variable" in plan.notes  # none of ours is near
    assert "CODEX_RELAY_DISABLE_QUIRKS: missing_done: an answer that ends without [DONE]" in notes
    assert "glm_thinking: thinking follows the effort" in notes
    assert "CODEX_RELAY_CODEX_CACHE" not in notes


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("codex_relay=debug", "debug"),
        ("warn", "warn"),
        ("hyper=debug,codex_relay=trace", "debug"),
        ("error,codex_relay=info", "info"),
        ("hyper=debug", ""),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_the_log_level_of_older_days_is_understood(text: str, level: str) -> None:
    assert environment.verbosity({"RUST_LOG": text}) == level


# --- what a start tells -----------------------------------------------------------------------------------------------


def told(url: str, monkeypatch: pytest.MonkeyPatch, key: str = "", **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    providers = served(Settings(upstream=parse_upstream(url), api_key=key))
    return "\n".join([*described(providers[0]), codex_words(4444, "127.0.0.1", providers)])


def test_whose_key_is_used_is_told_and_codex_is_told_to_send_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPSEEK_API_KEY", raising=False)
    url = "https://api.deepseek.com/v1"
    lacking = told(url, monkeypatch)
    assert "the client's own is passed on, or export DEEPSEEK_API_KEY and name it by --api-key" in lacking
    assert "codex-relay config --write --env-key DEEPSEEK_API_KEY" in lacking
    unused = told(url, monkeypatch, DEEPSEEK_API_KEY="secret-word")
    assert "--api-key DEEPSEEK_API_KEY has the relay use it" in unused
    own = told(url, monkeypatch, key="secret-word")
    assert "key" not in own.replace("--env-key", "")
    assert "secret-word" not in unused + own


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("127.0.0.1", "--write  "),
        ("0.0.0.0", "--write  "),
        ("::1", "--write --bind ::1 "),
        ("::", "--write --bind :: "),
    ],
)
def test_where_it_listens_is_in_the_words_for_codex(host: str, words: str) -> None:
    assert words in codex_words(4444, host, [])


def test_each_of_several_providers_is_told() -> None:
    providers = parse_providers("a=http://a.example/v1,b:vllm=http://b.example#B", {"B": "secret-word"})
    lines = [line for provider in served(Settings(providers=providers)) for line in described(provider)]
    assert lines == ["a: http://a.example/v1", "b: vLLM, http://b.example"]
