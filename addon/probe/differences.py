"""Findings -> what a profile has to say differently. The base's word stays wherever the endpoint takes it: a profile
that is stricter than need be works, one that is looser does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from addon.probe.profile_file import plain
from addon.probe.question import Finding, at
from addon.probe.questions.fields import LIMIT_FIELDS, VALUES
from addon.probe.questions.reasoning import FIELD, WORDS
from addon.probe.questions.schemas import KEYWORDS
from addon.probe.reply import THOUGHT_FIELDS
from relay_translate import Profile
from relay_translate.profiles.merging import changed
from relay_translate.profiles.profile import COMMON_EFFORTS

Json = dict[str, Any]
Findings = Mapping[str, Finding]

BETWEEN = "Understood."  # said by the assistant between a tool result and a user message
_CODEX_WORDS = ("minimal", "low", "medium", "high", "xhigh", "max", "ultra")
_CHOICES = {"required": "choice_required", "named": "choice_named"}


def learnt_profile(base: Profile, findings: Findings, model: str) -> Profile:
    """The profile that follows: the base with what was found."""
    return changed(base, differences(base, findings, model))


def differences(base: Profile, findings: Findings, model: str) -> Json:
    """The keys that differ from the base, sections as tables, in the form that a TOML file gives."""
    found: Json = _images(base, findings, model)
    for part in (_messages, _fields, _formats):
        found |= part(base, findings)
    sections: dict[str, Callable[[Profile, Findings], Json]] = {
        "reasoning": _reasoning, "tools": _tools, "schema": _schema,
    }  # fmt: skip
    for name, section in sections.items():
        own = getattr(base, name)
        told = {key: value for key, value in section(base, findings).items() if value != plain(getattr(own, key))}
        if told:
            found[name] = told
    return {key: value for key, value in found.items() if key in sections or value != plain(getattr(base, key))}


def _answer(findings: Findings, name: str) -> str:
    return findings[name].answer if name in findings else ""


def _no(findings: Findings, name: str) -> bool:
    return _answer(findings, name) == "no"


def _yes(findings: Findings, name: str) -> bool:
    return _answer(findings, name) == "yes"


def _value(findings: Findings, name: str) -> Any:
    return findings[name].value if name in findings else None


def _messages(base: Profile, findings: Findings) -> Json:
    found: Json = {}
    if base.system_role == "developer" and _no(findings, "developer") and _yes(findings, "system"):
        found["system_role"] = "system"
    elif base.system_role == "system" and _no(findings, "system") and _yes(findings, "developer"):
        found["system_role"] = "developer"
    if base.late_instructions == "system" and _no(findings, "late_system"):
        found["late_instructions"] = "user"
    if _no(findings, "users_in_a_row"):
        found["merge_users"] = True
    if _no(findings, "user_after_tool") and not base.after_tools:
        found["after_tools"] = BETWEEN
    if _no(findings, f"empty_{base.empty_content}"):
        taken = [form for form in ("null", "omit", "empty") if _yes(findings, f"empty_{form}")]
        found |= {"empty_content": taken[0]} if taken else {}
    return found


def _images(base: Profile, findings: Findings, model: str) -> Json:
    if _no(findings, "images") and base.sees_images(model):
        return {"images": False}
    if not _yes(findings, "images") or (base.sees_images(model) and base.content_parts):
        return {}
    # Taken without an error, yet blind for all that is known; a model that names the colour is not.
    blind = {"blind": []} if _value(findings, "images") else {}
    return {"images": True, "content_parts": True, **blind}


def _fields(base: Profile, findings: Findings) -> Json:
    found: Json = {}
    if limit := _limit_field(base, findings):
        found["max_tokens_field"] = limit
    if _no(findings, "include_usage"):
        found["stream_usage"] = False
    if _no(findings, "extras"):
        found["extra_fields"] = {}
    checked = _no(findings, "unknown_field")
    fields = set(base.optional_fields)
    for name in (*VALUES, "verbosity"):
        if _no(findings, name):
            fields.discard(name)
        elif checked and _yes(findings, name):
            fields.add(name)  # where unknown fields are refused, one that is taken is known
    if _no(findings, "response_format") and _no(findings, "json_object"):
        fields.discard("response_format")
    if _efforts_refused(findings):
        fields.discard(FIELD)
    elif checked and any(_yes(findings, f"effort_{word}") for word in WORDS):
        fields.add(FIELD)
    found["optional_fields"] = sorted(fields)
    if _no(findings, "prompt_cache_key"):
        found["cache_key"] = ""
    elif checked and _yes(findings, "prompt_cache_key"):
        found["cache_key"] = "prompt_cache_key"
    return found


def _limit_field(base: Profile, findings: Findings) -> str:
    """The field to send, where it is not the base's."""
    own = base.max_tokens_field
    useless = _no(findings, own) or _value(findings, own) == "ignored"
    better = [n for n in LIMIT_FIELDS if n != own and _yes(findings, n) and _value(findings, n) != "ignored"]
    return better[0] if useless and better else ""


def _formats(base: Profile, findings: Findings) -> Json:
    if not _no(findings, "response_format"):
        return {}
    if _yes(findings, "json_object"):
        return {"json_schema": "object"}
    return {"json_schema": "prompt"} if _no(findings, "json_object") else {}


def _efforts_refused(findings: Findings) -> bool:
    asked = [name for name in ("effort_any", *(f"effort_{word}" for word in WORDS)) if name in findings]
    return len(asked) > 1 and all(_no(findings, name) for name in asked)


def _reasoning(base: Profile, findings: Findings) -> Json:
    found: Json = {}
    if _no(findings, "extras"):
        found["always"] = {}
    found["efforts"] = _efforts(base, findings)
    switch = next((f.value for name, f in findings.items() if name.startswith(("off_", "on_")) and f.value), None)
    if switch:
        off, on = switch
        found["off"] = off
        found |= {"on": on} if any(name.startswith("on_") and f.value for name, f in findings.items()) else {}
    elif _value(findings, "effort_none") == "off":
        # The ladder alone would do, but `off` tells the relay that the model does not think then.
        found["off"] = at(base.reasoning.effort_field, "none")
    return found | _back(base, findings)


def _efforts(base: Profile, findings: Findings) -> Json:
    """The base's map with what is refused replaced. The general map is a guess, which what was found beats; one that
    somebody made for a provider holds as far as it is taken."""
    own = dict(base.reasoning.efforts)
    taken = [word for word in WORDS if _yes(findings, f"effort_{word}")]
    if not _no(findings, "effort_any") or not taken:
        return plain(own)
    found = efforts(taken)
    if own == dict(COMMON_EFFORTS):
        return found
    kept = {word: own.get(word, word) for word in found if own.get(word, word) in (None, *taken)}
    asked = {word for word in found if own.get(word, word) in WORDS}  # the base may use words that are not asked about
    wrong = {word: found[word] for word in asked if word not in kept}
    return plain(own | wrong)


def efforts(taken: list[str]) -> Json:
    """Codex's words -> those that are taken: themselves, else the nearest, of two as near the one next to high.
    "" where none is left out, and where no word but that is taken."""
    ladder = {word: place for place, word in enumerate(_CODEX_WORDS)}
    steps = [word for word in taken if word in ladder]

    def nearest(wanted: str) -> str:
        near = lambda word: (abs(ladder[word] - ladder[wanted]), abs(ladder[word] - ladder["high"]))  # noqa: E731
        return min(steps, key=near) if steps else ""

    return {"none": "none" if "none" in taken else ""} | {word: nearest(word) for word in _CODEX_WORDS}


def _back(base: Profile, findings: Findings) -> Json:
    found: Json = {}
    if extra := _value(findings, "history_signed"):
        found["missing_on_call"] = extra
    if _no(findings, "back_calls"):
        found["back"] = _value(findings, "back_other") or "none"
    if _no(findings, "back_text") and _yes(findings, "back_calls"):
        found["back_on"] = "calls"
    # A call of another model's has no reasoning that could go back; some refuse it without any.
    place = next(iter(_value(findings, "history_thought") or {}), "")
    if place in THOUGHT_FIELDS and base.reasoning.missing is None:
        found["missing"] = "" if _yes(findings, "back_empty") else " "
        if place == "reasoning" and base.reasoning.back == "same":
            found["back"] = "reasoning"  # what is missing goes there only then
    return found


def _tools(base: Profile, findings: Findings) -> Json:
    rules, found = base.tools, Json()
    if _no(findings, "many_tools"):
        # Where 64 are refused too, the endpoint's words say how many; nothing is known here.
        found |= next(({"most": most} for most in (128, 64) if _yes(findings, f"tools_{most}")), {})
    if _no(findings, "name_64"):
        found |= next(({"longest_name": n} for n in (48, 32) if _yes(findings, f"name_{n}")), {})
    if _no(findings, "name_digit"):
        found["letter_first"] = True
    if _no(findings, "id_plain"):
        found["call_ids"] = "nine"  # the ids of all other questions have nine letters and digits
    elif _no(findings, "id_odd") and rules.call_ids == "any":
        found["call_ids"] = "plain"
    if _no(findings, "id_long") and found.get("call_ids") != "nine":
        found |= next(({"longest_id": min(n, rules.longest_id)} for n in (64, 40) if _yes(findings, f"id_{n}")), {})
    if _no(findings, "choice_none") or _value(findings, "choice_none") == "ignored":
        found["drop_when_none"] = True
    if _no(findings, "format_with_tools"):
        found["no_format"] = True
    refused = {form for form, name in _CHOICES.items() if _no(findings, name)}
    thinks = _yes(findings, "reasoning")
    # What is refused to a model that thinks tells nothing about one that does not, unless that was asked too.
    thinking_only = {f for f in refused if thinks and not _no(findings, f"choice_{f}_off")}
    found["choices"] = sorted(rules.choices - (refused - thinking_only))
    found["thinking_choices"] = sorted(rules.thinking_choices - refused)
    return found


def _schema(base: Profile, findings: Findings) -> Json:
    rules, found = base.schema, Json()
    if _no(findings, "schema_ref"):
        found["inline_refs"] = True
    drop = rules.drop | ({"$schema"} if _no(findings, "schema_dollar") else frozenset())
    found["drop"] = sorted(drop | {word for name, word in KEYWORDS.items() if _no(findings, name)})
    for name, key, value in (
        ("schema_any_of", "type_in_any_of", True),
        ("schema_untyped", "property_types", True),
        ("schema_null", "null_types", False),
        ("schema_const", "const_as_enum", True),
        ("schema_items_list", "prefix_items", True),
    ):
        if _no(findings, name):
            found[key] = value
    if _no(findings, "strict") and rules.strict == "keep":
        found["strict"] = "omit"
    return found
