"""The provider's address: found, answering, over TLS it can be trusted with, and what its model list says."""

from __future__ import annotations

import difflib
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from addon import model_lists
from addon.doctor import Finding, failed, ok, warning
from addon.nearest import NEAR
from addon.providers import Provider, Upstream
from relay_translate import translate_error
from relay_translate.errors import one_line
from relay_translate.transcript import count

if TYPE_CHECKING:
    from relay_translate.catalog import ModelFacts

ABOUT, MODEL = "endpoint", "model"
LIMIT = 15.0  # seconds
_CLOSE = 3  # names that are near
_NO_LIST = (404, 405, 501)  # the path is not there; a provider without a list can work all the same


@dataclass(frozen=True)
class Listed:
    """What the provider lists. models: None when it gave no list. usable: whether a question is worth asking."""

    finding: Finding
    models: Sequence[ModelFacts] | None = None
    usable: bool = False


def look(provider: Provider, limit: float = LIMIT, trust: model_lists.Trust = model_lists.USUAL) -> Listed:
    """Ask for the model list, without a proxy of the environment: mitmproxy takes none either."""
    import httpx

    upstream, profile = provider.upstream, provider.profile
    url, headers = model_lists.list_request(provider)
    try:
        certificates = model_lists.trusted(trust)
    except OSError as error:
        why = one_line(error.strerror or str(error))
        remedy = "name a file of certificates (PEM), or a folder of them"
        return Listed(failed(ABOUT, f"{trust.file or trust.folder} can't be read as authorities: {why}", remedy))
    try:
        with (
            httpx.Client(timeout=limit, trust_env=False, verify=certificates) as client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            body = _read(answer.iter_bytes())
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Listed(_unreachable(error, upstream, limit))
    given = {name.lower(): value for name, value in answer.headers.items()}
    if not 200 <= answer.status_code < 300:
        words = translate_error(answer.status_code, given, body, codes=profile.error_codes).message
        return _refused(answer.status_code, _without(words, provider.key), provider, url)
    try:
        models = model_lists.read(body, upstream, provider.profile_for)
    except model_lists.ListFailed as why:
        return Listed(failed(ABOUT, _without(str(why), provider.key), _other_path(provider)))
    if not models:
        return Listed(warning(ABOUT, f"{url} answers, but lists no model that holds conversations"), [], usable=True)
    told = count(len(models), "model that holds conversations", "models that hold conversations")
    return Listed(ok(ABOUT, f"{url} answers; {told}"), models, usable=True)


def _read(pieces: Iterator[bytes]) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > model_lists.LARGEST:
            break
    return bytes(body)


def _refused(status: int, words: str, provider: Provider, url: str) -> Listed:
    says = f"{url} answers HTTP {status}: {one_line(words)}"
    variable = provider.variable
    if status == 401 or (status == 403 and not provider.key):
        if not provider.key:
            remedy = f"it wants a key: export {variable}=..." if variable else "it wants a key: --api-key NAME"
        else:
            remedy = f"the key in {variable} is not taken; make another one at the provider and export it"
        return Listed(failed(ABOUT, says, remedy))
    if status in _NO_LIST:
        return Listed(warning(ABOUT, says, f"there may be no model list here; {_other_path(provider)}"), usable=True)
    if 300 <= status < 400:
        return Listed(failed(ABOUT, says, "give the address that it redirects to"))
    if status == 429 or status >= 500:
        return Listed(failed(ABOUT, says, "the provider is busy or down; try again later"))
    return Listed(failed(ABOUT, says, "the words are the provider's; its console may say more"))


def _other_path(provider: Provider) -> str:
    return f"check the path of the base URL ({provider.upstream.base_path or provider.profile.base_path})"


def _unreachable(error: Exception, upstream: Upstream, limit: float) -> Finding:
    """By what lies at the bottom of httpx's error."""
    import httpx

    host, where = upstream.host, upstream.authority
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return failed(ABOUT, f"the name {host} is not known (DNS)", "check the spelling, and the network")
        if isinstance(cause, ConnectionRefusedError):
            remedy = "start that server, or check the port" if upstream.is_here else "check host and port"
            return failed(ABOUT, f"{where} refuses the connection: nothing listens there", remedy)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return failed(
                ABOUT, f"the certificate of {where} is not trusted: {cause.verify_message}",
                "name its authority to mitmproxy: -- --set ssl_verify_upstream_trusted_ca=/path/to/ca.pem",
            )  # fmt: skip
        if isinstance(cause, ssl.SSLError):
            plain = f"; where it speaks plain http, write http://{where}"
            return failed(
                ABOUT, f"no TLS with {where}: {one_line(cause.reason or str(cause))}", f"check the port{plain}"
            )
    if isinstance(error, httpx.TimeoutException):
        remedy = "check the network, and whether it is up"
        if upstream.scheme == "https" and upstream.is_here:
            remedy = f"where it speaks plain http, write http://{where}"
        return failed(ABOUT, f"{where} did not answer within {limit:g} s", remedy)
    why = one_line(str(causes[-1])) or type(error).__name__
    return failed(ABOUT, f"{where} could not be reached: {why}", "check the address, and the network")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def choose_model(wanted: str, configured: str, models: Sequence[ModelFacts] | None) -> tuple[str, Finding]:
    """The model to ask, "" when there is none, and what the list says of it.

    wanted: what the user named. configured: Codex's own, which counts where the provider lists it."""
    found = {one.id: one for one in models or ()}
    if not wanted and models is None:
        if configured:
            return configured, warning(MODEL, f"{configured}, as in config.toml; there is no list to find it in")
        return "", failed(MODEL, "none is named, and there is no list to choose from", "name one: --model MODEL")
    first = next((one.id for one in found.values() if one.tools is not False), "")
    model = wanted or (configured if configured in found else first)
    if not model:
        return "", failed(MODEL, "none is named, and none is listed that calls tools", "name one: --model MODEL")
    if models is None:
        return model, warning(MODEL, f"{model}; there is no list to find it in")
    if model not in found:
        return model, _unlisted(model, list(found))
    by = "" if wanted else " (as in config.toml)" if model == configured else " (the first listed)"
    facts = found[model]
    if facts.tools is False:
        return model, warning(MODEL, f"{model}{by} calls no tools; Codex can do nothing with it", "choose another one")
    window = f", window {facts.context_window:,} tokens" if facts.context_window else ""
    return model, ok(MODEL, f"{model}{by} is listed{window}")


def _unlisted(model: str, names: list[str]) -> Finding:
    close = near(model, names)
    remedy = f"near by name: {', '.join(close)}" if close else f"listed are {', '.join(names[:_CLOSE])}, ..."
    return warning(MODEL, f"{model} is not in the provider's list; some take names that they do not list", remedy)


def near(model: str, names: Sequence[str]) -> list[str]:
    """Names like this one, those that hold it first."""
    word = model.lower().rpartition("/")[2]
    # One or two letters stand in any name.
    holding = [one for one in names if min(len(word), len(one)) > 2 and (word in one.lower() or one.lower() in word)]
    return list(dict.fromkeys([*holding[:_CLOSE], *difflib.get_close_matches(model, names, _CLOSE, NEAR)]))[:_CLOSE]


def _without(text: str, key: str) -> str:
    return text.replace(key, "[the key]") if key else text
