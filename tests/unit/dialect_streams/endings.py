"""How a stream ends: reasons, errors in every shape, and silence."""

from __future__ import annotations

from tests.unit.streams import DONE, Json, call, chunk, event, stop, stream, text

from .calls import LOOK, LS
from .shape import choices, said, shape

HI, WHOLE = ("message", "Hi"), "Hi"
BROKEN, STOPPED, LATER, FULL = "server_error", "invalid_prompt", "rate_limit_exceeded", "context_length_exceeded"


@shape(HI)
def eos() -> list[Json]:
    """Together."""
    return [text("Hi"), stop("eos")]


@shape(error=BROKEN, says="broken off: insufficient_system_resource")
def insufficient_system_resource() -> list[Json]:
    """DeepSeek."""
    return [text("Hi"), stop("insufficient_system_resource")]


@shape(error=BROKEN, says="broken off: network_error")
def network_error() -> list[Json]:
    """GLM: an upstream's failure as a normal end."""
    return [text("Hi"), said({}, finish_reason="network_error")]


@shape(error=BROKEN, says="broken off: abort")
def abort() -> list[Json]:
    """SGLang."""
    return [text("Hi"), stop("abort")]


@shape(error=BROKEN, says="broken off: error")
def error_as_a_reason() -> list[Json]:
    """Mistral."""
    return [text("Hi"), stop("error")]


@shape(error=STOPPED, says="content filter")
def content_filter() -> list[Json]:
    """Azure: with its findings beside the reason."""
    found = {"violence": {"filtered": True, "severity": "high"}, "hate": {"filtered": False, "severity": "safe"}}
    return [text("Hi"), said({}, finish_reason="content_filter", content_filter_results=found)]


@shape(error=STOPPED, says="content filter")
def sensitive() -> list[Json]:
    """GLM."""
    return [text("Hi"), said({}, finish_reason="sensitive")]


@shape(("message", "Hi\n\n[The answer stops here: the model's context window is full.]"))
def window_full() -> list[Json]:
    """GLM, Anthropic."""
    return [text("Hi"), stop("model_context_window_exceeded")]


@shape(("message", "Hi\n\n[The answer stops here: the model's output limit was reached.]"))
def output_limit() -> list[Json]:
    return [text("Hi"), stop("length")]


@shape(error=FULL)
def no_room_at_all() -> list[Json]:
    """The limit of the answer was nought, because the prompt filled the window."""
    return [chunk({"role": "assistant", "content": ""}), stop("length")]


@shape(error=BROKEN, says="The server had an error")
def error_object() -> list[Json]:
    """OpenAI: then the connection closes, without [DONE]."""
    return [
        text("Hi"),
        {"error": {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}},
    ]


@shape(error=BROKEN, says="HTTP 500")
def error_with_a_number() -> list[Json]:
    """vLLM: an integer for a code, then [DONE]."""
    return [text("Hi"), {"error": {"message": "Internal", "type": "InternalServerError", "param": None, "code": 500}}]


@shape(error=BROKEN, says="Generation aborted")
def error_nested() -> list[Json]:
    """SGLang."""
    return [
        text("Hi"),
        {"error": {"object": "error", "message": "Generation aborted.", "type": "ServiceUnavailable", "code": 503}},
    ]


@shape(error=BROKEN, says="Try another")
def error_beside_a_status() -> list[Json]:
    """Cerebras."""
    return [
        text("Hi"),
        {"error": {"message": "Try another time.", "type": "server_error", "code": ""}, "status_code": 500},
    ]


@shape(error=BROKEN, says="Failed to call a function", end=b"")
def error_event() -> bytes:
    """Groq: a named event, and a model's slip that deserves another try."""
    body = {
        "error": {
            "message": "Failed to call a function.",
            "type": "invalid_request_error",
            "code": "tool_use_failed",
            "status_code": 400,
        }
    }
    return stream(text("Hi"), end=b"event: error\n" + event(body))


@shape(error=BROKEN, says="could not read the call")
def error_event_with_a_string() -> bytes:
    """LM Studio."""
    return stream(text("Hi"), end=b"event: error\n" + event({"error": {"message": "I could not read the call"}}))


@shape(error=BROKEN, says="stopped early")
def error_in_a_member_of_its_own() -> list[Json]:
    """Groq: a text in x_groq, no finish reason."""
    return [text("Hi"), stop(None, x_groq={"id": "req_1", "error": "stopped early"})]


@shape(error=BROKEN, says="Provider disconnected")
def error_beside_a_choice() -> list[Json]:
    """OpenRouter: a typed error next to a choice that ends in error."""
    body = {"code": 502, "message": "Provider disconnected", "metadata": {"error_type": "provider_unavailable"}}
    return [text("Hi"), said({"content": ""}, finish_reason="error") | {"error": body, "provider": "Some"}]


@shape(error=BROKEN, says="Upstream gone")
def error_in_a_choice() -> list[Json]:
    return [text("Hi"), said({"content": ""}, finish_reason="error", error={"code": 502, "message": "Upstream gone"})]


@shape(error=FULL, says="ran long")
def typed_error_of_length() -> list[Json]:
    body = {"code": 400, "message": "It ran long.", "metadata": {"error_type": "context_length_exceeded"}}
    return [said({"content": ""}, finish_reason="error") | {"error": body}]


@shape(error=STOPPED, says="inappropriate")
def moderated_on_the_way() -> list[Json]:
    """Qwen."""
    return [
        text("Hi"),
        {
            "error": {
                "code": "data_inspection_failed",
                "message": "Output is inappropriate.",
                "type": "data_inspection_failed",
            }
        },
    ]


@shape(error=LATER, says="try again in")
def base_resp() -> list[Json]:
    """MiniMax: HTTP 200, choices null, a rate."""
    return [{"id": "m1", "choices": None, "base_resp": {"status_code": 1002, "status_msg": "rate limit exceeded(RPM)"}}]


@shape(error="insufficient_quota", says="balance")
def base_resp_of_money() -> list[Json]:
    return [{"id": "m1", "choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}]


@shape(HI)
def base_resp_of_nought() -> list[Json]:
    return [text("Hi") | {"base_resp": {"status_code": 0, "status_msg": ""}}, stop(base_resp={"status_code": 0})]


@shape(error=BROKEN, says="middle of the answer", end=b"")
def cut_off() -> list[Json]:
    """Gemini: neither a finish reason nor [DONE]."""
    return [chunk({"role": "assistant"}), text("Hi")]


@shape(error=BROKEN, says="middle of the answer", end=b"")
def error_swallowed() -> list[Json]:
    """Ollama: an empty chunk of a model without a name, then nothing."""
    return [text("Hi"), text("") | {"model": ""}]


@shape(error=BROKEN, says="middle of the answer", end=b"")
def cut_in_a_call() -> list[Json]:
    return [call('{"cmd":"rm -r', "exec_command", "c1")]


@shape(LOOK, error=BROKEN, says="middle of the answer", end=b"")
def cut_behind_a_whole_call() -> list[Json]:
    """What was whole stays: Codex has run it."""
    return [call(LS, "exec_command", "c1", 0), call('{"cmd":"rm', "exec_command", "c2", 1)]


@shape(HI, end=b"")
def no_done() -> list[Json]:
    return [text("Hi"), stop()]


@shape(HI)
def done_without_a_reason() -> list[Json]:
    return [text("Hi")]


@shape(HI)
def chunks_behind_the_end() -> bytes:
    return stream(text("Hi"), stop(), end=DONE + event(text(" and more")) + DONE)


@shape(error=BROKEN, says="was empty")
def nothing_said() -> list[Json]:
    return [chunk({"role": "assistant", "content": ""}), stop()]


@shape(HI)
def second_choice() -> list[Json]:
    """n > 1, asked for by relay_extra_params: the first one counts."""
    return [choices({"index": 1, "delta": {"content": "No"}}, {"index": 0, "delta": {"content": "Hi"}}), stop()]
