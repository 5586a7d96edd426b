"""`POST /v1/alpha/search` answered from the search service that `relay_search` names.

Codex shows nothing of an HTTP error here but its status; so whatever goes wrong is a text for the model, in a 200.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mitmproxy import http
from mitmproxy.exceptions import OptionsError

from relay_translate import TranslationError, json_bytes
from relay_translate.errors import one_line
from relay_translate.search import (
    SERVICES,
    Query,
    Result,
    SearchRequest,
    Service,
    ServiceRequest,
    read_search_request,
    search_text,
)
from relay_translate.transcript import count

from . import keys, replies
from .intake import read_body

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log every query in full

WHOLE_LIMIT = 20.0  # seconds for all queries of a request
LONGEST_PAUSE = 2.0  # seconds; Brave's free plan takes one query a second
LARGEST_ANSWER = 4 * 1024 * 1024  # bytes
FORMS = "searxng:URL, brave, brave:ENVNAME, tavily or tavily:ENVNAME"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NOT_SET_UP = (
    "Web search is not set up in codex-relay. Tell the user: start it with --set relay_search=searxng:URL, "
    "relay_search=brave or relay_search=tavily (keys in BRAVE_API_KEY, TAVILY_API_KEY). Go on without searching."
)


@dataclass(frozen=True)
class Configured:
    """A service with its address and key."""

    service: Service
    address: str
    variable: str = ""
    key: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.address).netloc


class SearchFailed(Exception):
    """Why a query has no answer, in words for the model and its user."""


def parse_service(value: str, environ: Mapping[str, str] = os.environ) -> Configured | None:
    """The value of `relay_search`. Raises OptionsError; no message repeats what could be a key."""
    value = value.strip()
    if not value:
        return None
    name, _, rest = value.partition(":")
    service, rest = SERVICES.get(name.strip().lower()), rest.strip()
    if service is None:
        raise OptionsError(f"relay_search={name!r}: unknown search service; write {FORMS}")
    try:
        import httpx  # noqa: F401 - a standalone mitmproxy brings none, and would say so at the first search only
    except ImportError:
        raise OptionsError("relay_search: needs the Python package httpx beside mitmproxy; pip install httpx") from None
    if not service.variable:
        return Configured(service, _address(rest))
    variable = (rest.removeprefix("env:").removeprefix("$") if rest else service.variable).strip("{}")
    if not _VARIABLE.fullmatch(variable):
        raise OptionsError(f"relay_search: what follows {name}: is not the name of an environment variable")
    key = environ.get(variable, "").strip()
    if not key:
        shown = f" {variable}" if variable == service.variable or "_" in variable else ""
        raise OptionsError(
            f"relay_search: the environment variable{shown} for the key of {service.title} is not set; "
            f"export {service.variable}=... before starting mitmproxy"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise OptionsError(f"relay_search: the key in {variable} holds characters that a header can't carry")
    return Configured(service, service.address, variable, key)


def _address(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise OptionsError("relay_search: write searxng:https://host, with the address of your SearXNG")
    if "@" in url.netloc:
        raise OptionsError("relay_search: a user name or password in the URL is not supported")
    return value.rstrip("/")


async def answer(flow: http.HTTPFlow, service: Configured | None) -> None:
    """Set the flow's response: always 200 with a text for the model. Never raises."""
    started = time.monotonic()
    request = SearchRequest((), (), 0, 0)
    try:
        request = read_search_request(read_body(flow.request))
        output, told = (NOT_SET_UP, "not set up (relay_search)") if service is None else await _run(request, service)
    except TranslationError as refused:
        output, told = f"The search request can't be read: {refused.api_error.message}", "refused"
    except Exception:
        logger.exception("unexpected error in a web search")
        output, told = "codex-relay failed to search; its log has the details.", "failed"
    flow.response = replies.make(200, [("content-type", "application/json")], json_bytes({"output": output}))
    where = f" at {service.host}" if service else ""
    queries = count(len(request.queries), "query", "queries")
    flow.comment = f"web search{where}: {queries}, {told}, {time.monotonic() - started:.2f} s"
    logger.info("%s", one_line(flow.comment))


async def _run(request: SearchRequest, service: Configured) -> tuple[str, str]:
    """(the output, what is told in the log)."""
    import httpx

    keys.remember([service.key])
    found: list[list[Result] | str] = []
    deadline = asyncio.get_running_loop().time() + WHOLE_LIMIT
    # A proxy of the environment is for other hosts than this machine.
    here = dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]"))
    async with httpx.AsyncClient(timeout=WHOLE_LIMIT, follow_redirects=False, mounts=here) as client:
        for query in request.queries:
            try:
                async with asyncio.timeout_at(deadline):
                    found.append(await _search(client, service, query, request.count))
            except TimeoutError:
                found.append(f"The search failed: {service.host} did not answer within {WHOLE_LIMIT:.0f} s.")
            except SearchFailed as failed:
                found.append(f"The search failed: {failed}.".replace(service.key or "\0", keys.SCRUBBED))
    failures = [one for one in found if isinstance(one, str)]
    total = sum(len(one) for one in found if not isinstance(one, str))
    told = count(total, "result") + (f", {failures[0]}" if failures else "")
    return search_text(request, found), told


async def _search(client: httpx.AsyncClient, service: Configured, query: Query, most: int) -> list[Result]:
    """Raises SearchFailed."""
    asked = service.service.ask(service.address, service.key, query, most)
    status, headers, body = await _send(client, service, asked)
    if status == 429:
        await asyncio.sleep(_pause(headers))
        status, headers, body = await _send(client, service, asked)
    if not 200 <= status < 300:
        raise SearchFailed(_refusal(service, status, body))
    try:
        return service.service.results(json.loads(body), most)
    except (ValueError, RecursionError) as error:
        why = str(error) if service.service.title in str(error) else f"{service.host} gave an answer that is not JSON"
        raise SearchFailed(why) from None


async def _send(client: httpx.AsyncClient, service: Configured, asked: ServiceRequest) -> tuple[int, Any, bytes]:
    import httpx

    method = "GET" if asked.json is None else "POST"
    headers = {"accept": "application/json", "user-agent": "codex-relay", **asked.headers}
    body = bytearray()
    try:
        async with client.stream(method, asked.url, params=asked.params, headers=headers, json=asked.json) as response:
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > LARGEST_ANSWER:
                    raise SearchFailed(f"{service.host} gave an answer of more than {LARGEST_ANSWER // 2**20} MB")
            return response.status_code, response.headers, bytes(body)
    except httpx.TimeoutException:
        raise TimeoutError from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SearchFailed(
            f"{service.host} could not be reached: {one_line(str(error)) or type(error).__name__}"
        ) from None


def _pause(headers: Mapping[str, str]) -> float:
    try:
        return min(max(0.0, float(headers.get("retry-after", "1.1"))), LONGEST_PAUSE)
    except ValueError:
        return 1.1


def _refusal(service: Configured, status: int, body: bytes) -> str:
    said = one_line(body[:300].decode("utf-8", "replace"))
    why = service.service.advice.get(status, "")
    if status in (401, 403) and service.variable:
        why = f"check the key in {service.variable}"
    elif status in (402, 429, 432, 433):
        why = "the plan's limit of searches is reached"
    elif 300 <= status < 400:
        why = "it redirects, which is not followed; put the right address in relay_search"
    return "; ".join(part for part in (f"{service.host} answered HTTP {status}", why, said) if part).rstrip(".")
