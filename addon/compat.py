"""Every line that depends on a mitmproxy version or names something private in it.

Four functions of mitmproxy's HTTP layers (the same in 11.0.2 and 12.3), and the one that reads flow files, are replaced
by thin wrappers and put back by `uninstall`. Where one is missing, mitmproxy's own behaviour remains and a warning says
so once. One private object is written to: a client connection's transport, for events between two pieces of a stream.
HTTP/2 clients, which mitmproxy has only when client and upstream both speak TLS, get its own error pages.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import h11
import pyperclip
from mitmproxy import connection, ctx, eventsequence, flow, flowfilter, hooks, http, io
from mitmproxy import version as mitmproxy_version
from mitmproxy.addons import savehar
from mitmproxy.flow import Error
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, mode_specs
from mitmproxy.proxy.layers import http as http_layers

logger = logging.getLogger(__name__)

ErrorPage = Callable[[int, str], http.Response]
WrongPlace = Callable[[http.HTTPFlow, tuple[str, int], bool], str]

MITMPROXY = mitmproxy_version.VERSION

_HTTP1 = getattr(http_layers, "_http1", None)

_replaced: list[tuple[Any, str, Any]] = []
_warned: set[str] = set()
_last_words: dict[str, LastWords] = {}


@dataclass(frozen=True)
class LastWords:
    """What an HTTP/1 client is told when its exchange breaks: a whole response while nothing was sent, else `rest`."""

    response: bytes
    rest: bytes = b""


# --- what mitmproxy would say when an exchange breaks -----------------------------------------------------------------


def install(error_page: ErrorPage, wrong_place: WrongPlace) -> None:
    """Put the wrappers in place. `error_page` (status, message) answers what never became a flow. `wrong_place` (flow,
    address, tls) says why a flow's request must not be sent there; "" when it may."""
    if _replaced:
        return
    server = getattr(_HTTP1, "Http1Server", None)
    _replace(server, "send", _speaking_send, "an HTML page is sent when an upstream can't be reached")
    _replace(_HTTP1, "make_error_response", lambda _: _page_maker(error_page), "malformed requests get an HTML page")
    _replace(_HTTP1, "make_body_reader", _trailer_dropper, "an answer with trailers never ends")
    layer = getattr(http_layers, "HttpLayer", None)
    otherwise = "a request that is redirected to a host whose connection is open already is not stopped"
    _replace(layer, "get_connection", lambda original: _watching(original, wrong_place), otherwise)


def uninstall() -> None:
    for owner, name, original in reversed(_replaced):
        setattr(owner, name, original)
    _replaced.clear()
    _last_words.clear()


def _replace(owner: Any, name: str, wrap: Callable[[Any], Any], otherwise: str) -> None:
    original = getattr(owner, name, None)
    if original is not None:
        _replaced.append((owner, name, original))
        setattr(owner, name, wrap(original))
    elif name not in _warned:
        _warned.add(name)
        logger.warning("this mitmproxy has no %s to replace: %s", name, otherwise)


def leave_last_words(flow: http.HTTPFlow, response: http.Response, rest: bytes = b"") -> None:
    """Called in `error`, when mitmproxy has already fixed what it sends after the hook: an HTML page, or nothing."""
    if flow.is_replay == "request" or not flow.client_conn.connected:
        return  # nobody listens
    response = response.copy()
    response.headers["connection"] = "close"
    _last_words[flow.client_conn.id] = LastWords(http1.assemble_response(response), rest)


def forget_client(client: connection.Client) -> None:
    _last_words.pop(client.id, None)


def _speaking_send(original: Any) -> Any:
    protocol_error: type = getattr(http_layers, "ResponseProtocolError")  # noqa: B009 - not declared public

    # One call and one test per chunk of a stream; a generator around the generator would cost more.
    def send(self: Any, event: Any) -> Any:
        if isinstance(event, protocol_error):
            words = _last_words.pop(self.conn.id, None)
            if words is not None:
                return _say(self, words)
        return original(self, event)

    return send


def _say(server: Any, words: LastWords) -> Iterator[commands.Command]:
    """What Http1Server.send does with a protocol error, with our words instead of its page."""
    if not server.conn.state & connection.ConnectionState.CAN_WRITE:
        return
    data = words.rest
    if not server.response:
        data = words.response
    elif data and "chunked" in server.response.headers.get("transfer-encoding", "").lower():
        data = b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)
    if data:
        yield commands.SendData(server.conn, data)
    yield commands.CloseConnection(server.conn)


def _page_maker(error_page: ErrorPage) -> Callable[..., bytes]:
    # Requests that can't be parsed never reach a hook.
    def make_error_response(status_code: int, message: str = "") -> bytes:
        response = error_page(int(status_code), message)
        response.headers["connection"] = "close"
        return http1.assemble_response(response)

    return make_error_response


class _WithoutTrailers:
    """A chunked body reader that leaves trailers out: at one, mitmproxy raises an exception and the client hangs."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.read_eof = reader.read_eof

    def __call__(self, buffer: Any) -> Any:
        event = self._reader(buffer)
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) and event.headers else event


def _trailer_dropper(original: Any) -> Any:
    def make_body_reader(expected_size: int | None) -> Any:
        reader = original(expected_size)
        return _WithoutTrailers(reader) if expected_size is None else reader

    return make_body_reader


def _watching(original: Any, wrong_place: WrongPlace) -> Callable[..., Any]:
    # No hook is called between the last addon's change of a request and its way to a connection that is open already.
    completed: type = getattr(http_layers, "GetHttpConnectionCompleted")  # noqa: B009 - not declared public

    def get_connection(self: Any, event: Any, *, reuse: bool = True) -> Any:
        stream = self.command_sources.get(event)
        flow = getattr(stream, "flow", None)
        why = wrong_place(flow, event.address, event.tls) if isinstance(flow, http.HTTPFlow) else ""
        if not why:
            return original(self, event, reuse=reuse)
        del self.command_sources[event]
        return self.event_to_child(stream, completed(event, (None, why)))

    return get_connection


def write_event(flow: http.HTTPFlow, make: Callable[[], bytes]) -> None:
    """Write what `make` gives to an HTTP/1 client whose answer is streaming, between two calls of its stream.

    mitmproxy has no way for that; its connection's own writer is used, and its idle watchdog told. Nothing is made
    when the client can't be written to (HTTP/2 and TLS clients, whose bytes are not ours to frame).
    """
    handler = _handler_of(flow)
    if handler is None or flow.response is None or flow.client_conn.tls:
        return
    transport = handler.transports.get(flow.client_conn)
    if transport is None or transport.writer is None or transport.writer.is_closing():
        return
    data = make()
    if not data:
        return
    if "chunked" in flow.response.headers.get("transfer-encoding", "").lower():
        data = b"%x\r\n%s\r\n" % (len(data), data)
    transport.writer.write(data)
    handler.timeout_watchdog.register_activity()


def drop_upstream(flow: http.HTTPFlow) -> bool:
    """Close the connection on which an HTTP/1 client's flow waits for its provider; `error` follows."""
    if found := (handler := _handler_of(flow)) is not None and flow.server_conn in handler.transports:
        handler.close_connection(flow.server_conn)
    return found


def _handler_of(flow: http.HTTPFlow) -> Any:
    """What moves an HTTP/1 client's bytes; several flows of an HTTP/2 client may share one."""
    if not flow.request.http_version.startswith("HTTP/1"):
        return None
    server = ctx.master.addons.get("proxyserver")
    for handler in getattr(server, "connections", {}).values():
        if getattr(handler, "client", None) is flow.client_conn:
            return handler if hasattr(handler, "transports") and hasattr(handler, "timeout_watchdog") else None
    return None


# --- what is written to files -----------------------------------------------------------------------------------------

Rewrite = Callable[[flow.Flow], flow.Flow]

_rewrite: list[Rewrite] = []


def rewrite_written(rewrite: Rewrite) -> None:
    """Have every flow go through `rewrite` before it is written: by -w and save_stream_file, save.file, mitmweb's save,
    and HAR. Filters look at the flow as it is. `rewrite` gives another flow and never raises.

    The wrappers stay for the process: mitmproxy writes what is open, and HAR files, after it has told scripts to go.
    """
    if not _rewrite:
        _replace_writers()
    _rewrite[:] = [rewrite]


def _replace_writers() -> None:
    write, export = io.FlowWriter.add, savehar.SaveHar.make_har

    def add(self: io.FlowWriter, f: flow.Flow) -> None:
        write(self, _rewrite[0](f))

    def add_filtered(self: io.FilteredFlowWriter, f: flow.Flow) -> None:
        if not self.flt or flowfilter.match(self.flt, f):
            write(self, _rewrite[0](f))  # type: ignore[arg-type] # it only uses .fo, which both have
            self.fo.flush()  # mitmproxy 11 leaves flows in a buffer until it ends

    def make_har(self: savehar.SaveHar, flows: Sequence[flow.Flow]) -> dict[str, Any]:
        har: dict[str, Any] = export(self, [_rewrite[0](f) for f in flows])
        return har

    setattr(io.FlowWriter, "add", add)  # noqa: B010 - mypy forbids the plain assignment
    setattr(io.FilteredFlowWriter, "add", add_filtered)  # noqa: B010
    setattr(savehar.SaveHar, "make_har", make_har)  # noqa: B010


# --- reverse modes, options -------------------------------------------------------------------------------------------

Target = tuple[str, str, int]


def reverse_target(flow: http.HTTPFlow) -> Target | None:
    """(scheme, host, port) of the reverse mode a flow came through; None in any other mode."""
    return _http_target(flow.client_conn.proxy_mode)


def running_targets() -> list[Target]:
    return [target for mode in _modes() if (target := _http_target(mode)) is not None]


def _modes() -> Iterator[mode_specs.ProxyMode]:
    for spec in ctx.options.mode:
        try:
            yield mode_specs.ProxyMode.parse(spec)
        except ValueError:
            continue  # mitmproxy itself refuses it


def _http_target(mode: mode_specs.ProxyMode) -> Target | None:
    if not isinstance(mode, mode_specs.ReverseMode):
        return None
    host, port = mode.address
    return ("http" if mode.scheme == "http" else "https", host.lower(), port)


def listens_to_everybody() -> bool:
    """Whether a reverse mode has no address of its own to listen on, neither in its spec nor by --listen-host."""
    everybody = ("", "0.0.0.0", "::")
    return any(_http_target(mode) and mode.listen_host(ctx.options.listen_host) in everybody for mode in _modes())


def unknown_options(prefix: str) -> list[str]:
    """Names given by `--set` or config.yaml that no addon has declared: mitmproxy keeps them and says nothing."""
    return sorted(name for name in getattr(ctx.options, "deferred", {}) if name.startswith(prefix))


def shutting_down() -> bool:
    return bool(ctx.master.should_exit.is_set())


# --- flows ------------------------------------------------------------------------------------------------------------


async def announce(flow: http.HTTPFlow) -> None:
    """Show a finished flow to the view, the save file and HAR, by the hooks of its life."""
    for hook in list(eventsequence.iterate(flow)):
        # Not as a lifecycle, which tells the view again after each: mitmweb hashes both bodies every time.
        await ctx.master.addons.trigger_event(hook)
        await asyncio.sleep(0)  # streams first
    if flow.intercepted:
        flow.resume()  # nothing waits for it
        show_updated([flow])


def ended_by(flow: http.HTTPFlow) -> str:
    """In `error`: "client left", "killed" (by a person or another addon), or "" when the upstream is to blame."""
    if flow.error and flow.error.msg == Error.KILLED_MESSAGE:
        return "killed"
    if flow.is_replay != "request" and not flow.client_conn.connected:
        return "client left"
    return ""


def says_client_left(why: str) -> bool:
    """Whether this is mitmproxy's sentence for a client that is gone, and not for a request that it refuses."""
    return bool(re.search(r"disconnected|closed connection|closed the connection", why, re.IGNORECASE))


def scrub_backup(flow: http.HTTPFlow, scrub: Callable[[http.Headers], None]) -> None:
    """A flow that somebody edited is saved together with its state before, headers included."""
    backup = getattr(flow, "_backup", None)
    for message in ("request", "response"):
        state = backup.get(message) if isinstance(backup, dict) else None
        if state:
            headers = http.Headers(state["headers"])
            scrub(headers)
            state["headers"] = headers.fields


# --- what people see --------------------------------------------------------------------------------------------------


def viewer() -> Any:
    """The list of flows that mitmweb and the console show; None in mitmdump, where nobody looks."""
    return ctx.master.addons.get("view")


def is_web() -> bool:
    """Whether this is mitmweb."""
    return hasattr(ctx.options, "web_host")


def is_watched() -> bool:
    """Whether somebody looks at this moment: mitmweb may run without a browser."""
    web = sys.modules.get("mitmproxy.tools.web.app")
    if web is not None and is_web():
        return bool(getattr(web, "ClientConnection").connections)  # noqa: B009 - not declared public
    return viewer() is not None


def is_listed(flow: flow.Flow) -> bool:
    """Whether people can see it, or could without their filter; also where there is no list."""
    return viewer() is None or viewer().get_by_id(flow.id) is not None


def shown() -> Sequence[flow.Flow]:
    """All flows of the list, those behind its filter too."""
    return list(ctx.master.commands.call("view.flows.resolve", "@all")) if viewer() is not None else []


def show_updated(flows: Sequence[flow.Flow]) -> None:
    ctx.master.addons.trigger(hooks.UpdateHook(flows))


def prefer_columns(columns: Sequence[str]) -> None:
    """Columns of mitmweb's list, unless somebody has chosen some."""
    if hasattr(ctx.options, "web_columns") and not ctx.options.has_changed("web_columns"):
        # mitmweb 11 sets comments right, without a gap to the next column: they come last there.
        ctx.options.update(web_columns=sorted(columns, key="comment".__eq__) if MITMPROXY < "12" else list(columns))


def web_host_without_login() -> str | None:
    """Where the mitmweb of mitmproxy 11.0 listens, which asks nobody for a password; None for everything else."""
    return None if hasattr(ctx.options, "web_password") else getattr(ctx.options, "web_host", None)


def will_be_intercepted(flow: http.HTTPFlow) -> bool:
    """Whether mitmproxy's own `intercept` would hold a flow as it is now."""
    intercept = ctx.master.addons.get("intercept")
    return bool(intercept is not None and intercept.should_intercept(flow))


def to_clipboard(text: str) -> bool:
    """Copy to where mitmproxy copies to; False where that is nowhere, as on a machine without a screen."""
    try:
        pyperclip.copy(text)
    except pyperclip.PyperclipException as error:
        logger.debug("nothing was copied: %s", error)
        return False
    return True


def before_sending(flow: http.HTTPFlow, wait: Callable[[], Awaitable[None]]) -> None:
    """In `request`: have `wait` awaited once all such hooks have run, in place of mitmproxy's own waiting for a person
    (which never ends when a held flow is killed). What is sent is the flow's request as `wait` leaves it."""

    async def wait_for_resume() -> None:
        delattr(flow, "wait_for_resume")
        await wait()

    setattr(flow, "wait_for_resume", wait_for_resume)  # noqa: B010 - mypy forbids the plain assignment


def leave_alone(flow: http.HTTPFlow) -> None:
    """In a hook: have mitmproxy's own `intercept`, which comes behind the relay, not hold the flow until the end of
    this hook."""

    async def wait() -> None:
        delattr(flow, "intercept")

    setattr(flow, "intercept", lambda: None)  # noqa: B010 - mypy forbids the plain assignment
    before_sending(flow, wait)


def before_kill(flow: http.HTTPFlow, first: Callable[[], None]) -> None:
    """Until `forget_kill`, have `first` called before the flow is killed: mitmproxy may send its request all the same
    (it looks when the connection is there, and the list is told of the flow before)."""

    def kill() -> None:
        forget_kill(flow)
        first()
        flow.kill()

    setattr(flow, "kill", kill)  # noqa: B010 - mypy forbids the plain assignment


def forget_kill(flow: http.HTTPFlow) -> None:
    vars(flow).pop("kill", None)


# --- flows that are read from files -----------------------------------------------------------------------------------


def rewrite_read(rewrite: Callable[[Iterable[flow.Flow]], Iterable[flow.Flow]]) -> None:
    """Have `rewrite` between every reader of flow files and those who ask it for flows, until `uninstall`."""
    if any(owner is io.FlowReader for owner, _, _ in _replaced):
        return

    def reading(original: Any) -> Any:
        return lambda self: rewrite(original(self))

    _replace(io.FlowReader, "stream", reading, "recordings of older relays are listed without comments")
