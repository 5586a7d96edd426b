"""One turn: the client's request, the chat request, the provider's bytes and the translated ones.

`live` holds the turns under way. It stands in this module because mitmproxy reloads only the script itself when that
changes, and a turn must survive it: an answer without its turn would reach the client untranslated.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from mitmproxy import connection, http

from relay_translate import (
    ApiError,
    RequestOptions,
    StreamTranslator,
    TranslatedRequest,
    TranslationError,
    TurnContext,
    TurnSummary,
    json_bytes,
    translate_error,
    translate_request,
    translate_response,
)
from relay_translate.errors import (
    HAND_OVER_WAIT,
    LONGEST_WAIT,
    QUOTA,
    STOP,
    hand_over,
    one_line,
    upstream_broke,
)
from relay_translate.history import previous_id
from relay_translate.profiles import GENERIC

from . import replies
from .body import BodyStream, Timings
from .cooling import HANGS_AFTER, cooling
from .encodings import EncodingError, decode_body
from .history import Asked, history
from .intake import LARGEST_BODY, Route, read_body, route
from .keys import SCRUBBED, credentials, remember, scrub_headers
from .model_lists import ListFailed
from .providers import Upstream
from .recording.answer import response_object
from .recording.scrub import Scrubber
from .routing import Way, choose, needs_of, options_for, place_for
from .served_models import NoModels, rewritten
from .settings import Settings
from .upstream import CREDENTIALS, chat_request, headers_down, models_request, read_headers

logger = logging.getLogger(__name__)

_KEY_SHAPES = Scrubber(only_keys=True)


@dataclass(frozen=True)
class Outcome:
    """How a turn ended. status: completed, incomplete, failed, client left, killed, relay ended."""

    status: str
    error: ApiError | None = None
    summary: TurnSummary | None = None


@dataclass(frozen=True)
class Refusal:
    """The relay's own answer to a request that is not sent on."""

    response: http.Response
    why: str


@dataclass(eq=False)
class Exchange:
    """One turn, from the client's request to what was said in the end. `translated` is None for a model list.
    way: where it goes, and who stands in for whom. no_server: what the flow holds until it is given a connection."""

    settings: Settings
    way: Way
    events: bool  # the client hears of errors in a stream
    client_request: http.Request
    upstream_request: http.Request
    translated: TranslatedRequest | None = None
    options: RequestOptions | None = None
    no_server: connection.Server | None = None
    id: str = field(default_factory=lambda: replies.new_id("turn"))
    timings: Timings = field(default_factory=Timings)
    upstream_response: http.Response | None = None
    body: BodyStream | None = None
    broken: ApiError | None = None
    held_back: bool = False  # whether it was ended while somebody held it
    given_up: ApiError | None = None  # why we ourselves broke off the provider's answer
    unreached: bool = False  # whether there was no connection to the provider
    outcome: Outcome = Outcome("in_progress")
    asked: Asked = field(default_factory=Asked)
    rested: bool = False  # whether its model was left alone for this failure
    response: Mapping[str, Any] = field(default_factory=dict)  # the Response object, when the turn is over

    @property
    def upstream(self) -> Upstream:
        return self.way.place.upstream

    @property
    def context(self) -> TurnContext | None:
        return self.translated.context if self.translated else None

    @property
    def successor(self) -> str:
        """Who is asked next when this model fails: another one, or after its rest the one that was asked for."""
        first = self.way.first
        return (self.context.successor if self.context else "") or (first.label if first else "")

    @property
    def secrets(self) -> list[str]:
        """The credentials that went up: they may come back in an error text."""
        return credentials(self.upstream_request.headers)

    @property
    def expects_token(self) -> bool:
        """Whether the answer comes piece by piece, and nothing of it has been said."""
        is_whole = self.upstream_response is not None and self.body is None
        return bool(self.context and self.context.stream) and not is_whole and self.timings.first_token is None

    @property
    def is_told(self) -> bool:
        """Whether the client has heard the whole answer."""
        return bool(self.body and self.body.called and self.body.translator.done)

    @property
    def has_begun(self) -> bool:
        """Whether the client has been given the head of a stream, and perhaps some of it."""
        return self.body is not None

    def sent(self, flow: http.HTTPFlow) -> bool:
        """Whether the request is on its way: mitmproxy puts the connection on the flow and sends at once."""
        return flow.server_conn is not self.no_server

    def restore(self, flow: http.HTTPFlow) -> None:
        """Put the client's request back on the flow: what people see, save and replay is the client's."""
        if flow.request is not self.client_request:
            self.upstream_request = flow.request  # with what other addons and people changed
            flow.request = self.client_request

    def abandon(self, flow: http.HTTPFlow) -> None:
        """mitmproxy saves flows that are still open when it ends, as they stand: no key may be in them."""
        if self.sent(flow):
            self.restore(flow)
        else:  # not sent yet, and it could still be: it must stay the translated one
            scrub_headers(flow.request.headers)

    def begin_answer(self, flow: http.HTTPFlow, *, whole: bool = False) -> None:
        """In `responseheaders`: arrange for the answer to be translated, as it arrives where it can be; `whole` waits
        for its end."""
        response = flow.response
        assert response is not None
        self.restore(flow)
        self.upstream_response = response.copy()
        status, context = response.status_code, self.context
        # A response that is already whole was set by server replay or another addon: its stream would not be called.
        if context and context.stream and not whole and 200 <= status < 300 and response.raw_content is None:
            self.body = BodyStream(context, response.headers.get("content-encoding", ""), self.timings)
            # A new object: the upstream connection still needs to know how its own answer is framed.
            flow.response = _stream_head(response, self.client_request)
            flow.response.stream = self.body

    def end_time(self) -> None:
        """The provider has done its part; what people do with it counts no more."""
        if self.timings.total is None:
            self.timings.total = self.timings.now()

    def finish_answer(self, flow: http.HTTPFlow) -> None:
        """In `response`: translate what was not streamed, and keep what was said."""
        self.end_time()
        response = flow.response
        assert response is not None
        if self.body and self.body.called:
            self.keep_body(response)
            self._end_stream(self.body.translator)
            return
        self._keep_raw(response.raw_content or b"")
        flow.response = self.refusal(self.broken) if self.broken else self._whole_answer(response.raw_content or b"")
        if self.upstream_response and self.upstream_response.status_code < 200:
            # mitmproxy has made a tunnel of the upstream connection, which would swallow this client's next turn.
            flow.response.headers["connection"] = "close"

    def break_off(self, flow: http.HTTPFlow, why: str, ended_by: str) -> tuple[http.Response, bytes]:
        """In `error`: keep what there is. Gives what the client should still be told: a whole response, and
        the end of a stream that has begun. `ended_by`: "" unless it was the client, or somebody who killed the flow;
        what was killed before its client heard of it is for `kill`."""
        self.restore(flow)
        self.timings.total = self.timings.now()
        self.unreached = self.upstream_response is None and not self.sent(flow)
        error = replies.ABORTED if ended_by == "killed" else self.given_up or self._blame(flow, why)
        response, rest = self.refusal(error), b""
        was_over = self.is_told
        if self.body is not None and flow.response is not None:
            rest = b"" if ended_by == "client left" else self.body.end_with(replies.for_codex(error))
            self.keep_body(flow.response)
            self._end_stream(self.body.translator)
        elif not ended_by:
            flow.response = response
        if ended_by and not was_over:
            self.outcome, self.response = Outcome(ended_by, None, self.outcome.summary), {}
        elif self.outcome.status == "completed":
            flow.error = None  # Codex hangs up at the last event; a body that is still open behind it is no failure
        return response, rest

    def give_up(self, error: ApiError) -> None:
        """We ourselves break off the provider's answer."""
        self.given_up = error
        if self.body is not None:
            self.body.given_up = replies.for_codex(error)

    def kill(self, flow: http.HTTPFlow, ended_by: str) -> None:
        """It is not to go on, and its client has heard nothing: somebody threw it away ("killed"), which the client is
        told, or there is no client any more ("client left", while it was held). In `error`, or in `response` after
        `finish_answer`."""
        self.restore(flow)
        self.end_time()
        if not self.is_told:
            is_left, self.held_back, self.response = ended_by == "client left", True, {}
            flow.response = None if is_left else replies.aborted(flow.request, self.context, events=self.events)
            self.outcome = Outcome(ended_by, None, self.outcome.summary)
        elif self.given_up is replies.ABORTED and self.outcome.status == "failed":  # told in its stream
            self.outcome, self.response = Outcome(ended_by, None, self.outcome.summary), {}
            flow.error = None  # else mitmproxy breaks the body off, and Codex asks again whatever it was told

    def refusal(self, error: ApiError) -> http.Response:
        """The answer for a turn that failed before anything was said."""
        for secret in self.secrets:
            if secret in error.message:
                error = replace(error, message=error.message.replace(secret, SCRUBBED))
        error = replace(error, message=_KEY_SHAPES.text(error.message))  # somebody else's, echoed by the provider
        error = self._handed_over(error)
        self.outcome = Outcome("failed", error)
        if self.events:
            return replies.in_stream(error, self.context)
        down = headers_down(self.upstream_response.headers) if self.upstream_response else []
        return replies.as_status(error, _without_wait(down) if error.replaced else down)

    def _handed_over(self, error: ApiError) -> ApiError:
        way, context = self.way, self.context
        if context is None:
            return error
        if context.successor or way.rest is None:
            return hand_over(error, context.successor, stood_in=way.first is not None)
        wait = ceil(cooling.left(way.rest)) + HAND_OVER_WAIT
        if error.code not in (STOP, QUOTA) or wait > LONGEST_WAIT:
            return error  # the client tries again by itself, or nobody would wait for it
        return hand_over(error, self.successor, wait, stood_in=True)

    def _end_stream(self, translator: StreamTranslator) -> None:
        self.outcome, self.response = _outcome(translator.summary), translator.response

    def keep(self) -> None:
        """For a client that goes on from this turn by its id. As soon as it has heard the end, which may be before
        the connection to the provider is over."""
        if not self.response and self.body and self.body.translator.done:
            self.response = self.body.translator.response
        if self.response:
            history.keep(self.asked, self.response)
            self.asked = replace(self.asked, is_stored=False)

    def rest(self) -> None:
        """When another model was told to take over, leave this one alone for a while. As soon as the client has heard
        it, which may be before the connection to the provider is over."""
        error, place = self.outcome.error, self.way.place
        if error is None and self.body and self.body.translator.done:
            error = self.body.translator.summary.error
        failure = error.replaced if error else self._hung()
        if failure is None or self.rested:
            return
        self.rested = True
        why = one_line(failure.message)
        other = self.way.successor or self.way.first
        is_host = self.unreached and other is not None and other.upstream.authority != place.upstream.authority
        seconds = cooling.rest(place.upstream, None if is_host else place.model, why, failure.retry_after)
        who = f"all of {place.upstream.authority}" if is_host else place.label
        logger.warning("%s rests for %.0f s, %s takes over: %s", who, seconds, self.successor, why)

    def _hung(self) -> ApiError | None:
        """The failure of a provider whose client gave up before the first token; None where it may have been a person
        who thought better of it, or nobody takes over."""
        seconds = self.timings.total or 0.0
        if self.held_back or self.outcome.status != "client left" or not self.expects_token or seconds < HANGS_AFTER:
            return None
        if not (self.context and self.context.successor):
            return None
        return upstream_broke(f"{self.upstream.authority} said nothing for {seconds:.0f} s, and the client left")

    def _whole_answer(self, raw: bytes) -> http.Response:
        head = self.upstream_response
        assert head is not None
        try:
            data = decode_body(raw, head.headers.get("content-encoding", ""), limit=LARGEST_BODY)
        except EncodingError as error:
            return self.refusal(upstream_broke(f"{self.upstream.authority} sent an answer that can't be read: {error}"))
        if not 200 <= head.status_code < 300:
            return self.refusal(self._error(head, data))
        down = headers_down(head.headers)
        if self.translated is None:
            return self._model_list(data, down)
        reply = translate_response(data, self.translated.context, new_id=replies.new_id, created_at=int(time.time()))
        self.outcome, self.response = _outcome(reply.summary), response_object(reply.body)
        if any(name.lower() == "retry-after" for name, _ in reply.headers):
            down = _without_wait(down)
        status = reply.status if reply.status < 400 else replies.error_status(reply.status)
        return replies.make(status, [*down, *reply.headers], reply.body)

    def _error(self, head: http.Response, data: bytes) -> ApiError:
        profile = self.context.profile if self.context else GENERIC
        provider = self.context.provider if self.context else self.upstream.authority
        headers = read_headers(head.headers)
        return translate_error(head.status_code, headers, data, provider=provider, codes=profile.error_codes)

    def _model_list(self, data: bytes, down: list[tuple[str, str]]) -> http.Response:
        try:
            response = rewritten(self.client_request, data, self.upstream, self.settings, down)
        except (ListFailed, NoModels) as failed:
            return self.refusal(upstream_broke(str(failed)))
        self.outcome = Outcome("completed")
        return response

    def keep_body(self, response: http.Response) -> None:
        """What there is of a streamed answer, on both sides. response: the client's."""
        if self.body is not None:
            self._keep_raw(self.body.raw.whole())
            response.content = self.body.sent.whole()

    def _keep_raw(self, raw: bytes) -> None:
        if self.upstream_response is not None:
            self.upstream_response.raw_content = raw

    def _blame(self, flow: http.HTTPFlow, why: str) -> ApiError:
        where = self.upstream.authority
        if self.upstream_response is not None:
            return upstream_broke(f"{where} broke off its answer: {why}")
        if self.unreached:
            return replies.unreachable(where, why)
        return upstream_broke(f"{where} gave no usable answer: {why}")


live: WeakKeyDictionary[http.HTTPFlow, Exchange] = WeakKeyDictionary()
replayed: WeakSet[http.HTTPFlow] = WeakSet()
"""Providers' sides of turns that are sent again by themselves."""


def open_exchange(request: http.Request, settings: Settings | None, target: Upstream) -> Exchange | Refusal:
    """The turn for a client's request, or the answer that refuses it. Never raises: mitmproxy would send it on."""
    events, model, headers = False, "", ()
    try:
        found, codex = route(request), replies.is_codex(request)
        events = found is Route.RESPONSES and codex
        if settings is None:
            raise RuntimeError("the relay has no valid settings")
        if found is Route.MODELS:
            way = Way(place_for(settings, target, ""))
            return _exchange(request, models_request(request, way.place), settings, way, events=False)
        body = read_body(request)
        events = events and body.get("stream") is not False
        model = str(body.get("model", ""))
        asked = _asked(body, request)
        way = _way(settings, target, model, body, asked, request)
        options = options_for(settings, way, model, codex=codex)
        translated = translate_request(body, way.place.profile, options, asked.earlier)
        up = chat_request(request, json_bytes(translated.body), way.place, stream=translated.context.stream)
        turn = _exchange(request, up, settings, way, events=events, translated=translated, options=options)
        turn.asked = asked
        return turn
    except TranslationError as refused:
        error, headers = refused.api_error, getattr(refused, "headers", ())
        path = one_line(request.path.partition("?")[0])
        logger.warning("%s %s refused: %s", request.method, path, one_line(error.message))
    except Exception:
        logger.exception("unexpected error in a request; it was not sent on")
        error = replies.our_fault("this request")
    response = replies.in_stream(error, model=model) if events else replies.as_status(error, headers)
    return Refusal(response, error.message)


def _way(
    settings: Settings, target: Upstream, model: str, body: Mapping[str, Any], asked: Asked, request: http.Request
) -> Way:
    if not settings.fallback:
        return Way(place_for(settings, target, model))
    for turn in list(live.values()):
        turn.rest()
    earlier, size = asked.earlier or (), len(request.raw_content or b"")
    if earlier or "content-encoding" in request.headers:
        size = len(json_bytes([body, *earlier]))
    return choose(settings, target, model, needs_of(body, size, earlier))


def _asked(body: Mapping[str, Any], request: http.Request) -> Asked:
    if previous_id(body):
        for turn in list(live.values()):
            turn.keep()
    return history.asked(body, [request.headers.get(name, "") for name in CREDENTIALS])


def _exchange(
    client: http.Request,
    up: http.Request,
    settings: Settings,
    way: Way,
    *,
    events: bool,
    translated: TranslatedRequest | None = None,
    options: RequestOptions | None = None,
) -> Exchange:
    turn = Exchange(settings, way, events, client, up, translated, options)
    remember([*turn.secrets, *credentials(client.headers)])
    # The client's credentials have been used; from here on its request is only looked at and stored.
    scrub_headers(client.headers)
    return turn


def _stream_head(upstream: http.Response, client: http.Request) -> http.Response:
    headers = [
        *headers_down(upstream.headers),
        ("content-type", replies.EVENT_STREAM),
        ("cache-control", "no-cache"),
    ]
    if client.is_http11:
        # Without a length, which the translation changes. HTTP/1.0 ends with the connection, HTTP/2 frames by itself.
        headers.append(("transfer-encoding", "chunked"))
    response = replies.make(200, headers, b"")
    response.raw_content = None
    response.headers.pop("content-length", None)
    response.timestamp_start = upstream.timestamp_start
    return response


def _without_wait(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Where the client is told another wait than the provider's."""
    return [(name, value) for name, value in headers if not name.lower().startswith("retry-after")]


def _outcome(summary: TurnSummary) -> Outcome:
    return Outcome(summary.status, summary.error, summary)
