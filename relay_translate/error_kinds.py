"""What a provider's error is about: tables of wordings, and the waits in them.

A provider's own numbers stand in its profile (`error_codes`); what is here is said in words, in whatever dialect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, cast, get_args

from .error_shapes import EMPTY_BODY, ProviderError

Kind = Literal["overflow", "quota", "rate", "overload", "slip", "filter", "auth", "model", "refused", "broken"]
"""overflow: the conversation is too long. quota: nothing left to spend. rate, overload: later. slip: the model wrote a
call that the server won't pass on. filter, auth, model (unknown), refused: no, for good. broken: worth another try."""

KINDS: frozenset[str] = frozenset(get_args(Kind))


def _any(*wordings: str) -> re.Pattern[str]:
    return re.compile("|".join(wordings), re.I)


# Exclusions first: these sentences mention tokens and limits but speak of a rate.
_RATE = _any(
    r"rate.?limit", r"too many requests", r"tokens per (minute|day|hour)", r"\bTPM\b", r"\bRPM\b", r"throttl",
    r"limit_requests", r"limit_burst_rate",
)  # fmt: skip

_OVERFLOW = _any(
    r"context[_ ]length[_ ]exceeded", r"context_window_exceeded", r"exceed_context_size", r"token_limit_exceeded",
    r"prompt (is )?too long", r"prompt tokens too long", r"prompt exceeds max length", r"request_too_large",
    r"payload_too_large", r"request entity too large", r"exceed max message tokens",
    r"tokens in request more than max tokens allowed", r"request payload size exceeds", r"maximum context length",
    r"context length is only", r"longer than the (model'?s context|maximum model|context length)",
    r"exceeds?\b.{0,40}context.?(window|size|length|limit)", r"context.?window.{0,5}exceed",
    r"exceed(ed|s)? (the )?(model )?(max(imum)? )?(context|token) (length|limit)", r"exceeded model token limit",
    r"maximum prompt length is \d+", r"too large for model with \d+",
    r"reduce the length of the (messages|input|prompt)", r"input token count.*exceeds", r"input tokens exceed",
    r"range of input length should be",
    r"tokens to keep from the initial prompt", r"keep the first \d+ tokens", r"current length is \d+ while limit is",
    r"must be <= \d+\. given", r"larger than the max context size", r"input is too long for requested model",
    r"input length.{0,30}exceeds", r"token count .{0,30}exceeds the limit", r"ran out of room in the model",
    r"context shift is disabled", r"超过最大上下文", r"超出了模型最大", r"上下文(长度)?(超出|超过|过长)",
)  # fmt: skip

_QUOTA = _any(
    r"insufficient_quota", r"insufficient.{0,12}balance", r"insufficient_user_quota", r"exceeded_current_quota",
    r"exceeded your current quota", r"arrearage", r"out of credits?", r"(insufficient|no|any|not enough) credits?\b",
    r"billing_hard_limit", r"payment_required", r"credit balance is too low", r"used all available credits",
    r"spend_limit_exceeded", r"余额不足", r"欠费",
)  # fmt: skip
# What a plan allows in some hours: the end of it, unless the answer says when to come back.
# The wanted output is too long, not the conversation: a shorter one would not help.
_OUTPUT_LIMIT = _any(r"max_(completion_|output_)?tokens\W.{0,40}too large")
_PLAN = _any(
    r"(monthly|weekly|spend(ing)?|usage|plan) limit (reached|exceeded)",
    r"reached (its|your) (monthly |weekly |usage )?(spending |usage )?limit", r"已达到.{0,20}使用上限",
)  # fmt: skip
# A quota of a day names a wait of a minute all the same (Gemini's QuotaFailure beside its RetryInfo).
_DAILY = _any(r"quotaId\W+\w*PerDay", r"free-models-per-day")

_FILTER = _any(
    r"content_filter", r"content_policy", r"data_inspection_failed", r"responsibleaipolicy", r"moderation",
    r"sensitive_words?_detected",
)  # fmt: skip
_FILTER_SENTENCE = _any(r"violates usage guidelines", r"considered high risk", r"may contain inappropriate content")

# The model's own slip, found by a server that checks calls: the next attempt usually succeeds.
_SLIP = _any(r"tool_use_failed")

_AUTH = _any(
    r"(incorrect|invalid|wrong|missing|no) api.?key", r"api.?key (not valid|is (invalid|missing))", r"invalid_api_key",
    r"invalid_authentication", r"authentication_(error|failed)", r"invalid_token", r"unauthenticated",
)  # fmt: skip

_MODEL = _any(
    r"model_not_found", r"model not (found|exist)", r"invalid model\b", r"invalid_model\b", r"deploymentnotfound",
    r"model\b.{0,80}(does not exist|is not (found|available)|not found)", r"no such model", r"not a valid model",
    r"unknown model",
)  # fmt: skip

_OVERLOAD = _any(
    r"overloaded", r"loading model", r"\bUNAVAILABLE\b", r"at capacity", r"capacity exceeded", r"server (is )?busy",
    r"high (load|demand)", r"服务器?繁忙", r"访问量过大",
)  # fmt: skip

# What a server refuses with a 5xx although it would refuse it again (llama.cpp's parsers and templates).
_NEVER = _any(
    r"unsupported tool type", r"failed to parse tools", r"roles must alternate", r"must be at the beginning",
    r"requires --jinja", r"unsupported param",
)  # fmt: skip
_REFUSED = _any(r"invalid_request", r"unsupported", r"invalid_argument", r"permission", r"not_found")

_TRANSIENT = (408, 409, 425, 498)

_REMARKS = (
    (_any(r"invalid params, context window exceeds limit"),
     "MiniMax says the same of a picture above 10 MB"),
)  # fmt: skip


def kind_of(status: int, error: ProviderError, codes: Mapping[str, str], *, named_wait: bool = False) -> Kind:
    """What the error is about. status: 0 when none came. codes: the profile's, own code or type -> kind.
    named_wait: the headers say when to try again."""
    words = f"{error.code} {error.type} {error.message} {error.details}"
    if _OVERFLOW.search(words) and not _RATE.search(words) and not _OUTPUT_LIMIT.search(words):
        return "overflow"
    # Behind the wording: some use one number for everything that is wrong (Mistral 3051, MiniMax 2013).
    own = codes.get(error.code) or codes.get(error.type)
    if own in KINDS and (error.code != EMPTY_BODY or status == 400):
        return cast(Kind, own)
    # Some say "quota" for a limit per minute too; those name a wait.
    waits = named_wait or wait_in(f"{words} {error.details}") is not None
    if status == 402 or _DAILY.search(words) or (_QUOTA.search(words) and not waits):
        return "quota"
    if _PLAN.search(words) and not waits:
        return "quota"
    if status == 429 or (status in (413, 498) and _RATE.search(words)):
        return "rate"
    if status == 413 and error.code == EMPTY_BODY:
        return "overflow"
    if _SLIP.search(f"{error.code} {error.type}"):
        return "slip"
    if _FILTER.search(f"{error.code} {error.type} {error.details}") or _FILTER_SENTENCE.search(error.message):
        return "filter"
    return _by_status(status, error, words)


def _by_status(status: int, error: ProviderError, words: str) -> Kind:
    names = f"{error.code} {error.type}"
    if 400 <= status < 500 and status not in _TRANSIENT:
        if status == 401 or (status in (400, 403) and _AUTH.search(words)):
            return "auth"
        return "model" if _MODEL.search(words) else "refused"
    if not status:
        # In a stream there is no status; the names say what it would have been.
        if _RATE.search(words):
            return "rate"
        if _AUTH.search(names):
            return "auth"
        if _MODEL.search(names):
            return "model"
        if _REFUSED.search(names):
            return "refused"
    if _NEVER.search(words):
        return "refused"
    return "overload" if _OVERLOAD.search(words) or _RATE.search(words) else "broken"


def remark_on(message: str) -> str:
    """What people should know about a provider's sentence; "" for nearly all."""
    return next((remark for pattern, remark in _REMARKS if pattern.search(message)), "")


_WAIT = re.compile(
    # Possessive, so that what is no span (a date, "in 3 attempts") is not taken for the beginning of one.
    r"(?:try again|retry|retrydelay\W*)\s*(?:in|after)?\s*:?\s*\"?"
    r"((?:[0-9]++(?:\.[0-9]++)?\s*+(?:(?:ms|mo(?=n)|[smhdw])[a-z]*+)?+(?![a-z])[\s,]*+(?:and\s++)?+)++)(?![-:/0-9])"
    r"|((?:[0-9]+\s*(?:秒|分钟?)\s*)+)[之以]?后",
    re.I,
)
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|mo(?=n)|[smhdw]|秒|分)?", re.I)
_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "mo": 2592000.0,
    "秒": 1.0,
    "分": 60.0,
}


def wait_in(text: str) -> float | None:
    """Seconds that a sentence asks to wait: "try again in 1m2.5s", "retry after 20 seconds", "20秒后重试"."""
    found = _WAIT.search(text)
    return None if found is None else seconds_of(found[1] or found[2])


def seconds_of(span: str) -> float | None:
    """`1m2.3s`, `350ms`, `12` (seconds) as seconds."""
    parts = _SPAN.findall(span)
    return sum(float(number) * _UNITS[unit.lower() or "s"] for number, unit in parts) if parts else None


def wait_in_headers(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: `retry-after-ms`, `retry-after` (seconds). HTTP dates need a clock and are left to the text."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if 0 <= seconds < 86400:
            return seconds
    return None


def wait_for_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until a limit is fresh again, from `x-ratelimit-reset-requests: 1m2.3s` and its siblings.

    These come with every answer, so they count only for an error that is known to be a limit. The one that is used
    up decides; when none says so, the tokens, because a request may be larger than what is left of them.
    """
    found: dict[str, float] = {}
    for name in ("requests", "tokens", ""):
        tail = f"-{name}" if name else ""
        if not _RESET.fullmatch(value := headers.get(f"x-ratelimit-reset{tail}", "").strip()):
            continue
        seconds = seconds_of(value)
        if seconds is None or seconds >= 86400:
            continue
        if headers.get(f"x-ratelimit-remaining{tail}", "").strip() == "0":
            return seconds
        found[name] = seconds
    return next((found[name] for name in ("tokens", "requests", "") if name in found), None)


_RESET = re.compile(r"(?=.{1,32}\Z)([0-9]++(\.[0-9]++)?+(ms|s|m|h)?+)++", re.I)
