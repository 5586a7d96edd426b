"""The first requests: whether there is an endpoint, a key and a model, and the plain request it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from addon.probe import ProbeError
from addon.probe.endpoint import Endpoint, Outcome
from addon.probe.question import COUNT_MOST, Finding, Known
from addon.probe.questions.fields import LIMIT_FIELDS, count, limit_obeyed

_KEY = re.compile(r"api.?key|unauthori[sz]ed|authenticat|credential", re.I)
_MODEL = re.compile(r"\bmodel\b.*\b(not (found|exist)|does not exist|unknown|invalid|no such|not supported)"
                    r"|(no such|unknown|invalid|not a valid) model|model_not_found", re.I)  # fmt: skip
_LISTED = 12  # models that a complaint names


@dataclass(frozen=True)
class Plain:
    """One form of the plain request. extras: with the fields that the base profile sends on every request.
    lead: with a system message."""

    limit_field: str
    usage: bool
    extras: bool = True
    lead: bool = True


def forms(known: Known) -> Iterator[Plain]:
    """From what the base profile says to the least that can be sent."""
    own = known.base.max_tokens_field
    other = next(name for name in LIMIT_FIELDS if name != own)
    extras = bool(known.base.reasoning.always or known.base.extra_fields)
    for lead, extra in product((True, False), (True, False) if extras else (True,)):
        yield Plain(own, known.base.stream_usage, extra, lead)
        yield Plain(other, known.base.stream_usage, extra, lead)
        if known.base.stream_usage:
            yield Plain(own, False, extra, lead)
            yield Plain(other, False, extra, lead)
        yield Plain("", False, extra, lead)


def open_endpoint(endpoint: Endpoint, known: Known) -> list[Finding]:
    """Find the plain request. What was found on the way; `known` holds the form. Raises ProbeError with the remedy
    when there is nothing to ask."""
    listed, outcome = endpoint.listed()
    about = f"{len(listed)} listed" if listed is not None else "no list"
    if listed is not None and known.model not in listed:
        about += f", {known.model} not among them"
    findings = [Finding("models", "the list of models", "no" if listed is None else "yes", about, outcome.evidence)]
    refused: dict[Plain, Outcome] = {}
    for form in forms(known):
        known.limit_field, known.stream_usage = form.limit_field, form.usage
        known.extras, known.lead = form.extras, form.lead
        body = known.plain()
        count(body)
        outcome = endpoint.ask(body, COUNT_MOST)
        if outcome.kind == "answered":
            known.replies.append(outcome.reply)
            return findings + list(_learnt(known, form, refused, outcome))
        _give_up(endpoint, known, listed, outcome)
        refused[form] = outcome
    raise ProbeError(f"{endpoint.chat} refuses the plainest request: {next(iter(refused.values())).evidence}")


def _give_up(endpoint: Endpoint, known: Known, listed: list[str] | None, outcome: Outcome) -> None:
    """Raise ProbeError for what no other form of the request would mend."""
    said, words = outcome.evidence, outcome.words
    if outcome.kind == "failed" and outcome.status == 0:
        raise ProbeError(f"{endpoint.chat} does not answer: {words}; check --upstream, or give it more --timeout")
    if outcome.kind == "failed":
        raise ProbeError(f"{endpoint.chat} is out of order: {said}; try again later")
    if outcome.kind == "unclear":
        raise ProbeError(f"{endpoint.chat}: {said}; the model's context window is too small to be asked anything")
    if 300 <= outcome.status < 400:
        raise ProbeError(f"{endpoint.chat}: {said.partition(', which')[0]}; give that URL as --upstream")
    unknown = listed is not None and not any(name.removeprefix("models/") == known.model for name in listed)
    if _MODEL.search(words) or (outcome.status == 404 and unknown):
        raise ProbeError(f"{endpoint.chat} does not know the model {known.model!r}: {said}{_models(listed)}")
    if outcome.status in (401, 403) or _KEY.search(words):
        remedy = "check the key" if endpoint.key else "name the variable that holds your key with --api-key"
        raise ProbeError(f"{endpoint.chat} refuses the key: {said}; {remedy}")
    if outcome.status in (404, 405):
        raise ProbeError(f"there is no chat endpoint at {endpoint.chat}: {said}; give --upstream with the API's path, "
                         "such as https://api.example.com/v1")  # fmt: skip


def _models(listed: list[str] | None) -> str:
    if not listed:
        return "; ask its provider for the name"
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return f"; it lists {', '.join(listed[:_LISTED])}{more}"


def _learnt(known: Known, form: Plain, refused: dict[Plain, Outcome], outcome: Outcome) -> Iterator[Finding]:
    """What the accepted form shows, and the refused ones that differ from it in one thing."""
    evidence = f"HTTP {outcome.status}"
    plainest = next(iter(refused.values())).evidence if refused else evidence
    yield Finding("system", "a system message", *(("yes", "", evidence) if form.lead else ("no", "", plainest)))
    if form.limit_field:
        verdict = limit_obeyed(outcome.reply, known)
        yield Finding(form.limit_field, f"{form.limit_field} as the output limit", verdict.answer, verdict.says,
                      evidence, verdict.value)  # fmt: skip
    if form.usage:
        yield Finding("include_usage", "stream_options.include_usage", "yes", "", evidence)
    if known.base.reasoning.always or known.base.extra_fields:
        yield Finding("extras", f"the fixed fields of the profile {known.base.name}", "yes" if form.extras else "no",
                      "", evidence)  # fmt: skip
    for other, said in refused.items():
        if (other.usage, other.extras, other.lead) == (form.usage, form.extras, form.lead) and form.limit_field:
            yield Finding(other.limit_field, f"{other.limit_field} as the output limit", "no", "", said.evidence)
        same = (other.limit_field, other.extras, other.lead) == (form.limit_field, form.extras, form.lead)
        if same and other.usage and not form.usage:
            yield Finding("include_usage", "stream_options.include_usage", "no", "", said.evidence)
