"""How an endpoint is asked, and what is concluded from its answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from addon.probe import ProbeError
from addon.probe.differences import differences
from addon.scripted import Call, Reply, Seen, Wait, answer, error, raw_body, stream
from addon.scripted.chunks import chunk
from tests.probe.played import answers, calls_for, model, probed, refusing, table, text_for

Json = dict[str, Any]


def learnt(interview: Any) -> Json:
    known = interview.known
    return differences(known.base, known.findings, known.model)


def tools_of(body: Json) -> list[str]:
    return [tool["function"]["name"] for tool in body.get("tools") or ()]


async def test_an_endpoint_that_takes_all_is_asked_few_questions() -> None:
    interview, seen = await probed(model())
    assert {name for name, said in answers(interview).items() if said == "no"} == set()
    assert len(seen) <= 24
    assert learnt(interview) == {}


async def test_one_refusal_among_many_is_found_with_few_requests() -> None:
    def no_pattern(body: Json) -> str | None:
        return "pattern is not supported" if '"pattern"' in str(body).replace("'", '"') else None

    _, tolerant = await probed(model(), proof=False)
    interview, seen = await probed(refusing(no_pattern), proof=False)
    assert [name for name, said in answers(interview).items() if said == "no"] == ["schema_pattern"]
    assert len(seen) - len(tolerant) <= 8
    assert "pattern" in learnt(interview)["schema"]["drop"]
    assert interview.known.findings["schema_pattern"].evidence == "HTTP 400: pattern is not supported"


async def test_the_model_not_calling_a_tool_proves_nothing() -> None:
    interview, _ = await probed(lambda seen: answer(text_for(seen)))
    said = answers(interview)
    assert said["calls"] == said["call_shape"] == said["reasoning"] == "unknown"
    assert interview.known.findings["choice_required"].says == "whether it is obeyed does not show: no call came"
    assert "tools" not in learnt(interview)


async def test_a_call_in_spite_of_none_makes_the_tools_stay_away() -> None:
    def stubborn(seen: Seen) -> Reply:
        if seen.body.get("tool_choice") == "none":
            return answer(calls=[Call.of("probe_lookup", {"word": "left"})])
        return model()(seen)

    interview, _ = await probed(stubborn)
    assert learnt(interview) == {"tools": {"drop_when_none": True}}


async def test_a_limit_that_is_not_obeyed_is_not_used() -> None:
    def limitless(seen: Seen) -> Reply:
        if seen.last_text.startswith("Count") and "max_tokens" in seen.body:
            return answer(" ".join(str(number) for number in range(1, 2000)))
        return model(finish="length")(seen) if "max_completion_tokens" in seen.body else model()(seen)

    interview, _ = await probed(limitless)
    assert learnt(interview) == {"max_tokens_field": "max_completion_tokens"}
    assert "not obeyed" in interview.known.findings["max_tokens"].says


@pytest.mark.parametrize(
    ("field", "expected"),
    [("max_tokens", {"max_tokens_field": "max_completion_tokens"}), ("stream_options", {"stream_usage": False})],
)
async def test_a_plain_request_that_is_refused_is_asked_in_other_forms(field: str, expected: Json) -> None:
    interview, _ = await probed(refusing(lambda body: f"unknown argument {field}" if field in body else None))
    assert learnt(interview) == expected
    assert interview.known.findings["system"].answer == "yes"


async def test_a_model_without_system_messages_is_asked_without() -> None:
    def no_system(body: Json) -> str | None:
        return "System role not supported" if any(m["role"] == "system" for m in body["messages"]) else None

    interview, _ = await probed(refusing(no_system))
    said = answers(interview)
    assert (said["system"], said["developer"], said["proof"]) == ("no", "yes", "yes")
    assert learnt(interview) == {"system_role": "developer"}


async def test_calls_that_need_their_reasoning_get_a_stand_in() -> None:
    def missing(body: Json) -> str | None:
        bare = [m for m in body["messages"] if m.get("tool_calls") and "reasoning_content" not in m]
        return "reasoning_content is missing in assistant tool call message" if bare else None

    interview, _ = await probed(refusing(missing, otherwise=model(reasoning="I think so.")))
    said = answers(interview)
    assert (said["history"], said["history_thought"], said["id_long"], said["proof"]) == ("no", "yes", "yes", "yes")
    assert learnt(interview)["reasoning"] == {"missing": ""}


async def test_reasoning_that_must_not_go_back_stays_away() -> None:
    def forbidden(body: Json) -> str | None:
        return (
            "reasoning is not allowed"
            if any({"reasoning", "reasoning_content"} & set(m) for m in body["messages"])
            else None
        )

    interview, _ = await probed(refusing(forbidden, otherwise=model(reasoning="I think so.", field="reasoning")))
    assert learnt(interview)["reasoning"] == {"back": "none"}
    assert interview.known.findings["reasoning"].says == "reasoning"


async def test_a_switch_counts_only_where_reasoning_stops() -> None:
    def switched(seen: Seen) -> Reply:
        off = seen.body.get("enable_thinking") is False
        calls = calls_for(seen)
        return answer("" if calls else text_for(seen), calls=calls, reasoning="" if off else "I think so.")

    interview, _ = await probed(switched)
    said = answers(interview)
    assert (said["off_thinking"], said["off_enable_thinking"]) == ("no", "yes")
    assert learnt(interview)["reasoning"] == {"off": {"enable_thinking": False}}


async def test_a_server_that_breaks_on_a_question_has_refused_it() -> None:
    interview, _ = await probed(
        refusing(lambda body: "boom" if any(m["role"] == "developer" for m in body["messages"]) else None, status=500)
    )
    found = interview.known.findings["developer"]
    assert found.answer == "no"
    assert found.evidence == "HTTP 500: twice, though a plain request is answered: boom"


async def test_an_outage_is_no_refusal() -> None:
    asked: list[Json] = []

    def once_down(seen: Seen) -> Reply:
        if "max_completion_tokens" in seen.body:
            asked.append(seen.body)
            if len(asked) == 1:
                return error(503, "overloaded", type="server_error")
        return model()(seen)

    interview, _ = await probed(once_down)
    assert interview.known.findings["max_completion_tokens"].answer == "yes"
    assert len(asked) == 2


async def test_an_endpoint_that_dies_ends_the_interview_with_what_is_known() -> None:
    def dying(seen: Seen) -> Reply:
        return model()(seen) if seen.number < 4 else error(503, "shutting down", type="server_error")

    interview, seen = await probed(dying)
    assert interview.stopped == "the endpoint stopped answering: HTTP 503: shutting down"
    assert interview.known.answer("max_tokens") == "yes"
    assert interview.known.answer("proof") == ""
    assert len(seen) < 20


async def test_a_context_that_is_too_small_refuses_nothing() -> None:
    def small(body: Json) -> str | None:
        return "This model's maximum context length is 512 tokens." if len(tools_of(body)) > 99 else None

    interview, _ = await probed(refusing(small))
    assert answers(interview)["many_tools"] == "unknown"
    assert learnt(interview) == {}


async def test_too_many_tools_are_counted() -> None:
    interview, _ = await probed(refusing(lambda body: "array too long" if len(tools_of(body)) > 64 else None))
    assert learnt(interview) == {"tools": {"most": 64}}


async def test_skipped_questions_are_not_asked() -> None:
    interview, seen = await probed(model(), skip=["many_tools", "proof"])
    assert answers(interview)["many_tools"] == "not asked"
    assert max(len(one.tools) for one in seen) < 30
    assert "proof" not in answers(interview)


async def test_an_answer_that_is_no_stream_is_read_and_told() -> None:
    body = {"choices": [{"message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}]}
    interview, _ = await probed(lambda _: raw_body(body))
    assert answers(interview)["stream"] == "no"
    assert interview.stopped == ""


async def test_an_error_inside_the_stream_is_a_refusal() -> None:
    def late(seen: Seen) -> Reply:
        if any(m["role"] == "developer" for m in seen.messages):
            return stream({"error": {"message": "unknown role", "type": "invalid_request_error", "code": 400}})
        return model()(seen)

    interview, _ = await probed(late)
    found = interview.known.findings["developer"]
    assert (found.answer, found.evidence) == ("no", "HTTP 200: unknown role")


async def test_oddities_of_streams_are_told() -> None:
    def odd(seen: Seen) -> Reply:
        if "twice at once" not in seen.last_text:
            return answer(text_for(seen), usage=None, done=False, finish="eot")
        pieces = [{"id": f"c{n}", "function": {"name": "probe_lookup", "arguments": '{"word": "x"}'}} for n in (1, 2)]
        return stream(chunk({"tool_calls": pieces}), chunk(finish="tool_calls"), done=False)

    interview, _ = await probed(odd)
    found = interview.known.findings
    assert (found["done"].answer, found["usage"].answer) == ("no", "no")
    assert found["call_shape"].says == "index missing, one index for several calls, whole calls at once"
    assert found["finish"].says.endswith("the relay does not know eot")
    assert found["calls"].says == "2 in one answer"


# -- waits, keys and models


async def test_a_rate_limit_is_waited_for_as_long_as_it_says() -> None:
    slept: list[float] = []

    def limited(seen: Seen) -> Reply:
        if seen.number == 3:
            return error(429, "slow down", type="rate_limit_error", headers={"retry-after": "7"})
        return model()(seen)

    interview, _ = await probed(limited, sleep=slept.append)
    assert slept == [7.0]
    assert interview.stopped == ""
    assert any(line.startswith("waiting 7 s, as the endpoint asks") for line in interview.progress.lines)


async def test_a_rate_limit_that_never_ends_is_given_up() -> None:
    def limited(seen: Seen) -> Reply:
        return model()(seen) if seen.number < 3 else error(429, "slow down", type="rate_limit_error")

    interview, seen = await probed(limited)
    assert "--pause SECONDS" in interview.stopped
    assert len(seen) < 10


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (error(429, "You exceeded your current quota", code="insufficient_quota"), "the account has no credit"),
        (error(402, "Insufficient Balance"), "the account has no credit"),
        (error(429, "Daily limit. Try again in 9000s", type="rate_limit_error"), "try again later"),
        (error(401, "Key was revoked"), "no longer takes the key"),
    ],
)
async def test_what_no_patience_mends_stops_it_at_once(reply: Reply, why: str) -> None:
    interview, seen = await probed(lambda seen: model()(seen) if seen.number < 3 else reply)
    assert why in interview.stopped
    assert len(seen) == 3


async def test_requests_are_spaced_by_the_pause() -> None:
    slept: list[float] = []
    _, seen = await probed(model(), sleep=slept.append, pause=0.5)
    assert slept == [0.5] * len(seen)


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (error(401, "Incorrect API key provided"), "refuses the key: HTTP 401: Incorrect API key provided; name the"),
        (error(400, "API key not valid"), "refuses the key"),
        (error(404, "The model `m` does not exist"), "does not know the model 'm': .* it lists scripted-model"),
        (error(404, "Not Found"), "does not know the model 'm'"),
        (error(500, "Out of memory"), "is out of order: HTTP 500: Out of memory; try again later"),
        (error(503, "Loading model"), "asks to wait again .HTTP 503: Loading model"),
        (error(400, "No"), "refuses the plainest request: HTTP 400: No"),
        (raw_body("", status=307), "redirects"),
    ],
)
async def test_a_hopeless_beginning_is_one_sentence(reply: Reply, complaint: str) -> None:
    with pytest.raises(ProbeError, match=complaint):
        await probed(lambda _: reply)


async def test_a_silent_endpoint_ends_in_time() -> None:
    with pytest.raises(ProbeError, match="does not answer: no answer in time; check --upstream, or give it more"):
        async with asyncio.timeout(20):
            await probed(lambda _: model()(_).late(5.0), timeout=0.3)


async def test_a_stream_that_never_ends_is_left() -> None:
    async with asyncio.timeout(60):
        interview, _ = await probed(lambda seen: stream(*[chunk({"content": "a"}), Wait(0.05)] * 30), timeout=0.3,
                                    skip=["many_tools"])  # fmt: skip
    found = interview.known.findings["max_tokens"]
    assert (found.answer, found.says) == ("yes", "whether it is obeyed does not show: the answer was short")


async def test_no_words_of_the_endpoint_repeat_the_key() -> None:
    key = "key-" + "x" * 20
    rule = lambda body: f"your key {key} may not" if "seed" in body else None  # noqa: E731
    interview, seen = await probed(refusing(rule), key=key)
    assert seen[0].headers["authorization"] == f"Bearer {key}"
    assert interview.known.findings["seed"].evidence == "HTTP 400: your key [the key] may not"
    assert key not in table(interview) + repr(interview.endpoint) + str(interview.progress.lines)


async def test_the_key_goes_into_the_header_of_the_base_profile() -> None:
    _, seen = await probed(model(), base="azure", key="secret", skip=["many_tools"], auth="api-key")
    assert seen[0].headers["api-key"] == "secret"
    assert "authorization" not in seen[0].headers
