"""Chat chunks -> Responses events: the one state machine."""

from __future__ import annotations

from typing import Any

from .context import TurnContext
from .errors import CONTEXT, ApiError, hand_over, stream_error, upstream_broke, upstream_refused
from .ids import AnswerIds, NewId
from .items import EventWriter, Origin
from .json_text import json_text
from .markup import Offer, Sieve
from .output import Output
from .quirks import CUT_NOTE as CUT_NOTE_QUIRK
from .quirks import DUPLICATE_REASONING, USAGE_ESTIMATED, Quirks
from .reasoning import PARTS, details_text, seal_summary
from .responses_api import Json, ResponseUsage
from .sources import read_search
from .usage import estimate_usage, fill_usage, translate_timings, translate_usage

# finish_reason, by what it means; anything else is taken as an end with a note. A profile may know more.
FINISHED = {"stop", "tool_calls", "function_call", "tool_use", "eos", "end_turn", "stop_sequence"}
FULL = {"model_context_window_exceeded"}
CUT = {"length", "max_tokens", "max_output_tokens", "model_length"} | FULL
FILTERED = {"content_filter", "sensitive", "safety", "content_filtered", "recitation"}
BROKEN = {"network_error", "insufficient_system_resource", "error", "abort", "aborted"}

CUT_NOTE = "\n\n[The answer stops here: the model's output limit was reached.]"
FULL_NOTE = "\n\n[The answer stops here: the model's context window is full.]"


class Answer:
    """The state machine: takes chunks as values, writes events. Ends once, in `complete` or `fail`."""

    def __init__(self, context: TurnContext, writer: EventWriter, new_id: NewId, created_at: int) -> None:
        self.status = "in_progress"
        self.error: ApiError | None = None
        self.finish_reason: str | None = None
        self.usage: ResponseUsage | None = None
        self.usage_estimated = False
        self.model = ""
        self.notes: dict[str, None] = {}
        self.aside = ""  # what the provider said last in no form of an answer
        self._has_delta = False
        self._context = context
        self._writer = writer
        self._compaction: list[str] = []
        self.quirks = Quirks(context.disabled_quirks)
        offer = Offer({} if context.compaction else context.parameters, context.tools)
        self._sieve = Sieve(context.profile.think_tags, offer, self.quirks, self._text, self._reason)
        self._ids = AnswerIds(new_id)
        origin = Origin(context.profile.name, context.model, self._ids.answer)
        self.output = Output(context.tools, origin, writer, self._ids, self.quirks)
        self._base = _response_base(context, self._ids.response_id, created_at)
        writer.write("response.created", response=self.response())
        writer.write("response.in_progress", response=self.response())

    @property
    def ended(self) -> bool:
        return self.status != "in_progress"

    def response(self) -> Json:
        """The Response object as it stands."""
        error = {"code": self.error.code, "message": self.error.message} if self.error else None
        reason = {"reason": "content_filter" if self._ending in FILTERED else "max_output_tokens"}
        return {
            **self._base,
            "status": self.status,
            "error": error,
            "incomplete_details": reason if self.status == "incomplete" else None,
            "output": list(self.output.done),
            "usage": self.usage,
        }

    def keep_alive(self) -> None:
        """A real event: Codex's idle timer does not count comments."""
        self._writer.write("response.in_progress", response=self.response())

    # -- chunks

    def receive(self, chunk: Json) -> None:
        """One chunk of the stream, or a whole chat completion."""
        choice = _first(chunk.get("choices"))
        error = self._error_in(chunk)
        if error is None and "error" in choice:
            error = self._error_in({"error": choice["error"]})
        if error is not None:
            self.fail(error)
            return
        if isinstance(chunk.get("model"), str) and chunk["model"]:
            self.model = chunk["model"]
        self._count(chunk, choice)
        delta = choice.get("delta")
        if not delta and not self._has_delta:  # some repeat, as a message, all that they have streamed
            delta = choice.get("message")
        self._has_delta = self._has_delta or bool(choice.get("delta"))
        delta = delta if isinstance(delta, dict) else {}
        self._search(chunk, delta)
        self._receive_delta(delta)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self.finish_reason = reason

    def _error_in(self, body: Json) -> ApiError | None:
        return stream_error(body, provider=self._context.provider, codes=self._context.profile.error_codes)

    def _count(self, chunk: Json, choice: Json) -> None:
        """Usage stands in one of several places, sometimes in each chunk; the last one counts."""
        if "timings" in chunk:
            self.usage = translate_timings(chunk["timings"]) or self.usage
        groq = chunk.get("x_groq")
        for raw in (groq.get("usage") if isinstance(groq, dict) else None, choice.get("usage"), chunk.get("usage")):
            self.usage = translate_usage(raw) or self.usage

    def _search(self, chunk: Json, message: Json) -> None:
        queries, sources = read_search(chunk, message)
        if (queries or sources) and not self._context.compaction:
            self.output.searched(queries, sources)

    def _receive_delta(self, delta: Json) -> None:
        details = delta.get("reasoning_details")
        details = [entry for entry in details if isinstance(entry, dict)] if isinstance(details, list) else []
        source, thought = _thought(delta, self.quirks)
        if not thought and details:
            thought = details_text(details)
        if thought or details:
            self._sieve.reasoning(source, thought, details)
        content = delta.get("content")
        if content:
            self._content(content)
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            self._sieve.content(refusal)  # Codex drops a message that holds a refusal part
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            entries = [call for call in calls if isinstance(call, dict)]
            for position, call in enumerate(entries):
                self._call(call, position, len(entries) > 1)
        legacy = delta.get("function_call")
        if isinstance(legacy, dict):
            self._call({"function": legacy}, 0, False)

    def _content(self, content: object) -> None:
        if isinstance(content, str):
            self._sieve.content(content)
            return
        for part in content if isinstance(content, list) else []:
            if isinstance(part, str):
                self._content(part)
            elif isinstance(part, dict) and part.get("type") == "thinking":
                self._sieve.reasoning(PARTS, _thinking_text(part), [])
            elif isinstance(part, dict) and isinstance(part.get("text"), str):
                self._content(part["text"])

    def _text(self, text: str) -> None:
        if self._context.compaction:
            self._compaction.append(text)
        else:
            self.output.text(text)

    def _reason(self, source: str, thought: str, details: list[Any]) -> None:
        if (thought or details) and not self._context.compaction:
            self.output.reason(source, thought, details)

    def _call(self, raw: Json, position: int, several: bool) -> None:
        if not self._context.compaction and raw:
            self._sieve.pause()
            self.output.call(raw, position, several)

    # -- the end

    def finish(self, saw_done: bool) -> None:
        """The stream is over. `saw_done`: `[DONE]` came, or the answer was a whole body."""
        if self.ended:
            return
        self._sieve.pause()
        reason = self._ending
        if reason is None and not saw_done:
            aside = f": {self.aside}" if self.aside else ""
            self.fail(upstream_broke(self.say(f"the stream ended in the middle of the answer{aside}")))
        elif reason in BROKEN:
            self.fail(upstream_broke(self.say(f"the answer was broken off: {self.finish_reason}")))
        elif reason in FILTERED and self._context.codex:
            self.fail(upstream_refused(self.say("the provider's content filter stopped the answer")))
        elif reason in CUT:
            self._finish_cut()
        elif reason is None and self.output.drop_cut_calls():
            self.fail(upstream_broke(self.say("the stream ended in the middle of a tool call")))
        else:
            self._call_written()
            if reason is not None and reason not in FINISHED | FILTERED:
                self.notes[f"finish_reason {reason!r} is unknown and was taken as the end"] = None
            self.complete("incomplete" if reason in FILTERED else "completed")

    def _call_written(self) -> None:
        """Make the calls that the model wrote into its text; not before the answer is known to have ended well."""
        made = [(call.name, call.text) for call in self.output.calls.calls]
        for call in self._sieve.calls(made, answered=self.output.text_length > 0):
            self.output.whole_call(call.name, call.arguments, call.id)
        if self._sieve.thoughts:
            names = ", ".join(self._sieve.thoughts)
            self.notes[f"calls in the reasoning were taken for thoughts, the answer is another: {names}"] = None

    def _finish_cut(self) -> None:
        cut_call = self.output.drop_cut_calls()
        self._call_written()
        has_answer = self.output.has_answer or bool(self._compaction)
        if has_answer:
            text_alone = self.output.text_length and not self.output.calls.calls
            if self._context.codex and text_alone and not self._context.structured and self.quirks(CUT_NOTE_QUIRK):
                self._text(FULL_NOTE if self.finish_reason in FULL else CUT_NOTE)
            # Codex gives up on an incomplete response; an answer that ends early is still an answer.
            self.complete("completed" if self._context.codex else "incomplete")
        elif cut_call:
            self.fail(upstream_refused(self.say(
                "the model reached its output limit in the middle of a tool call, which was not run. "
                "Ask for smaller steps, or raise the output limit")))  # fmt: skip
        elif self.output.reasoning_length:
            self.fail(upstream_refused(self.say(
                "the model used up its output limit on reasoning before it answered. "
                "Lower the reasoning effort, or raise the output limit")))  # fmt: skip
        else:
            message = self.say("no room was left for an answer in the model's context window")
            self.fail(ApiError(400, CONTEXT, message, "invalid_request_error"))

    def complete(self, status: str) -> None:
        if self._compaction:
            self._close_compaction()
        elif self.output.nameless_call():
            self.fail(upstream_broke(self.say("a tool call came without a name")))
            return
        elif status == "completed" and not self.output.has_answer:
            self._fail_empty()
            return
        if self._context.codex and not self._context.structured:
            self.output.list_sources()
        self.output.finish()
        self.status = status
        if self._context.codex:
            self._complete_usage()
        self._writer.write(
            "response.completed" if status == "completed" else "response.incomplete", response=self.response()
        )

    def _fail_empty(self) -> None:
        """Nothing came: worth another try. Thoughts alone, properly ended, were paid for and would come again."""
        if self.output.reasoning_length and self.finish_reason is not None:
            self.fail(upstream_refused(self.say(
                "the model ended its answer after thinking, without a text or a call. Ask it to go on")))  # fmt: skip
        else:
            self.fail(upstream_broke(self.say("the answer was empty")))

    def _complete_usage(self) -> None:
        """Codex's meter and its compaction live on the counts; a missing one is estimated, and said to be."""
        estimate = estimate_usage(self._context.input_estimate, self.output.done)
        told = fill_usage(self.usage, estimate)
        if told == self.usage or not self.quirks(USAGE_ESTIMATED):
            return
        self.usage_estimated = True
        what = "the provider sent none" if self.usage is None else "the provider left the prompt out"
        self.notes[f"usage: estimated, {what}"] = None
        self.usage = told

    def _close_compaction(self) -> None:
        blob = seal_summary("".join(self._compaction))
        item = {"id": self._ids("cmp"), "type": "compaction", "encrypted_content": blob}
        index = self._writer.next_index()
        self._writer.write("response.output_item.added", output_index=index, item=item)
        self._writer.write("response.output_item.done", output_index=index, item=item)
        self.output.done.append(item)

    def fail(self, error: ApiError) -> None:
        """End with an error. Items still open are left without `done`: Codex forgets them and asks again."""
        if not self.ended:
            if not self.output.begun:
                error = hand_over(error, self._context.successor)
            self.error, self.status = error, "failed"
            self._writer.write("response.failed", response=self.response())

    def say(self, what: str) -> str:
        """A sentence of ours about the provider."""
        return f"{self._context.provider or 'The provider'}: {what}"

    @property
    def _ending(self) -> str | None:
        """The finish reason in words that every dialect knows."""
        own = self.finish_reason
        return None if own is None else self._context.profile.finish_reasons.get(own, own)


def _response_base(context: TurnContext, response_id: str, created_at: int) -> Json:
    defaults: Json = {
        "instructions": None, "metadata": {}, "parallel_tool_calls": True, "temperature": None, "tool_choice": "auto",
        "tools": [], "top_p": None, "max_output_tokens": None,
    }  # fmt: skip
    head = {"id": response_id, "object": "response", "created_at": created_at, "model": context.requested_model}
    return head | defaults | dict(context.echo)


def _first(choices: object) -> Json:
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and choice.get("index") in (0, None):
                return choice
    return {}


def _thought(delta: Json, quirks: Quirks) -> tuple[str, str]:
    """The reasoning text and the field it came in; siblings repeat it and are not read."""
    source, thought = "reasoning_content", ""
    for name in ("reasoning_content", "reasoning"):
        value = delta.get(name)
        if isinstance(value, str) and value:
            if not thought:
                source, thought = name, value
            elif not quirks(DUPLICATE_REASONING):
                thought += value
    return source, thought


def _thinking_text(part: Json) -> str:
    thinking = part.get("thinking")
    if isinstance(thinking, str):
        return thinking
    if isinstance(thinking, list):
        return "".join(str(piece.get("text", "")) for piece in thinking if isinstance(piece, dict))
    return json_text(thinking) if thinking else ""
