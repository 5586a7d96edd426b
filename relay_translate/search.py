"""Codex's own web search, `POST /alpha/search`: its commands, a search service's request and answer, the text back.

Codex 0.169 offers the model a function `web.run` and posts what the model asked for:
`{"commands": {"search_query": [{"q", "domains", "recency"}], "open": [...], ...}, "settings": {...},
"max_output_tokens": n}`. It wants `{"output": "text"}` and gives that text to the model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from types import MappingProxyType
from typing import Any

from .errors import one_line
from .responses_api import Json
from .usage import BYTES_PER_TOKEN

MOST_QUERIES = 8
LONGEST_QUERY = 400  # characters and words that Brave takes; the others take more
LONGEST_EXCERPT = 700  # characters
_COUNTS = {"short": 4, "medium": 8, "long": 12, "low": 4, "high": 12}
_SHORTEST_OUTPUT, _LONGEST_OUTPUT = 500, 20_000  # tokens
_SEARCHES = ("search_query", "response_length")
_TAG = re.compile(r"<[^>]{1,200}>")


@dataclass(frozen=True)
class Query:
    """text, and where to look. recency: only pages of so many days; 0 for any."""

    text: str
    domains: tuple[str, ...] = ()
    recency: int = 0


@dataclass(frozen=True)
class SearchRequest:
    """What the model asked for. others: names of commands that are no search. count: results for each query.
    longest: characters of the output."""

    queries: tuple[Query, ...]
    others: tuple[str, ...]
    count: int
    longest: int


@dataclass(frozen=True)
class Result:
    title: str
    url: str
    excerpt: str = ""
    date: str = ""


@dataclass(frozen=True)
class ServiceRequest:
    """One HTTP request to a search service; `json` makes it a POST."""

    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Json | None = None


@dataclass(frozen=True)
class Service:
    """A search service. title: for people. address: of its API; "" where the user has to say it. variable: the
    environment variable of its key, "" where it takes none. ask: (address, key, query, count) -> the request.
    found: where its answer has the list of results, a path of names. excerpt: the names of a result's text."""

    name: str
    title: str
    address: str
    variable: str
    ask: Callable[[str, str, Query, int], ServiceRequest]
    found: tuple[str, ...]
    excerpt: tuple[str, ...] = ("content",)
    advice: Mapping[int, str] = field(default_factory=dict)

    def results(self, answer: object, count: int) -> list[Result]:
        """At most `count` results of its answer. Raises ValueError when it is not in the service's form."""
        *outer, last = self.found
        for name in outer:
            answer = answer.get(name, {}) if isinstance(answer, dict) else None
        answer = answer.get(last, []) if isinstance(answer, dict) else None
        if not isinstance(answer, list):
            raise ValueError(f"{self.title} gave an answer in an unknown form")
        read = (self._result(entry) for entry in answer)
        return [result for result in read if result is not None][:count]

    def _result(self, entry: object) -> Result | None:
        if not isinstance(entry, dict) or not str(entry.get("url")).startswith(("http://", "https://")):
            return None
        excerpt = next((entry[name] for name in self.excerpt if isinstance(entry.get(name), str)), "")
        date = next((entry[name] for name in _DATES if isinstance(entry.get(name), str)), "")
        title = entry.get("title")
        title = title if isinstance(title, str) else entry["url"]
        return Result(_clean(title), one_line(entry["url"]), _clean(excerpt)[:LONGEST_EXCERPT], one_line(date)[:40])


_DATES = ("publishedDate", "published_date", "page_age", "age")


def _ask_searxng(address: str, key: str, query: Query, count: int) -> ServiceRequest:
    params = {"q": _with_sites(query), "format": "json"}
    if query.recency:
        params["time_range"] = _span(query.recency, ("day", "week", "month", "year"))
    return ServiceRequest(address.rstrip("/").removesuffix("/search") + "/search", params)


def _ask_brave(address: str, key: str, query: Query, count: int) -> ServiceRequest:
    params = {"q": _with_sites(query), "count": str(min(count, 20)), "text_decorations": "false"}
    if query.recency:
        params["freshness"] = _span(query.recency, ("pd", "pw", "pm", "py"))
    return ServiceRequest(address, params, {"X-Subscription-Token": key})


def _ask_tavily(address: str, key: str, query: Query, count: int) -> ServiceRequest:
    body: Json = {"query": query.text, "max_results": min(count, 20), "search_depth": "basic"}
    if query.domains:
        body["include_domains"] = list(query.domains)
    if query.recency:
        body["time_range"] = _span(query.recency, ("day", "week", "month", "year"))
    return ServiceRequest(address, headers={"Authorization": f"Bearer {key}"}, json=body)


SERVICES: Mapping[str, Service] = MappingProxyType({
    service.name: service
    for service in (
        Service("searxng", "SearXNG", "", "", _ask_searxng, ("results",), advice={
            403: "its JSON form is switched off: add json to search.formats in its settings.yml",
        }),
        Service("brave", "Brave Search", "https://api.search.brave.com/res/v1/web/search", "BRAVE_API_KEY", _ask_brave,
                ("web", "results"), ("description",)),
        Service("tavily", "Tavily", "https://api.tavily.com/search", "TAVILY_API_KEY", _ask_tavily, ("results",)),
    )
})  # fmt: skip


def read_search_request(body: Mapping[str, Any]) -> SearchRequest:
    """The commands of a `POST /alpha/search`; whatever can't be read is not there."""
    commands = _object(body.get("commands"))
    settings = _object(body.get("settings"))
    allowed = _strings(_object(settings.get("filters")).get("allowed_domains"))
    asked = commands.get("search_query")
    queries = [query for entry in (asked if isinstance(asked, list) else []) if (query := _query(entry, allowed))]
    size = commands.get("response_length") or settings.get("search_context_size")
    tokens = body.get("max_output_tokens")
    tokens = tokens if type(tokens) is int else _LONGEST_OUTPUT
    tokens = min(max(tokens, _SHORTEST_OUTPUT), _LONGEST_OUTPUT)
    others = tuple(
        name for name, value in commands.items() if name not in ("search_query", "response_length") and value
    )
    count = _COUNTS.get(size, _COUNTS["medium"]) if isinstance(size, str) else _COUNTS["medium"]
    return SearchRequest(tuple(queries[:MOST_QUERIES]), others, count, tokens * BYTES_PER_TOKEN)


def search_text(request: SearchRequest, found: Sequence[Sequence[Result] | str]) -> str:
    """The output for the model: what each query found, or why it found nothing, and what could not be done."""
    parts = []
    for query, results in zip(request.queries, found, strict=True):
        head = f"Results for {query.text!r}:" if len(request.queries) > 1 else ""
        text = results if isinstance(results, str) else _listed(results) or f"Nothing was found for {query.text!r}."
        parts.append(f"{head}\n{text}" if head else text)
    if request.others:
        parts.append(
            f"Not done: {', '.join(request.others)}. This web search takes search_query only; to read a page, fetch "
            "its address with a command, if commands may use the network."
        )
    text = "\n\n".join(parts) or "Nothing was searched: there is no search_query with a text in `q`."
    return text if len(text) <= request.longest else text[: request.longest] + "\n[The rest was cut off.]"


def _listed(results: Iterable[Result]) -> str:
    return "\n\n".join(_entry(number, result) for number, result in enumerate(results, 1))


def _entry(number: int, result: Result) -> str:
    date = f" ({result.date})" if result.date else ""
    lines = [f"{number}. {result.title}{date}", f"   {result.url}", f"   {result.excerpt}" if result.excerpt else ""]
    return "\n".join(line for line in lines if line)


def _query(entry: object, allowed: tuple[str, ...]) -> Query | None:
    if isinstance(entry, str):
        entry = {"q": entry}
    text = _object(entry).get("q")
    if not isinstance(text, str) or not text.strip():
        return None
    domains = tuple(_bare(domain) for domain in _strings(_object(entry).get("domains")) or allowed)
    recency = _object(entry).get("recency")
    days = recency if type(recency) is int and recency > 0 else 0
    return Query(one_line(text)[:LONGEST_QUERY], tuple(domain for domain in domains if domain), days)


def _with_sites(query: Query) -> str:
    """Domains as search engines take them."""
    sites = " OR ".join(f"site:{domain}" for domain in query.domains)
    return f"{query.text} {sites}" if sites else query.text


def _span(days: int, words: tuple[str, str, str, str]) -> str:
    for most, word in zip((1, 7, 31), words, strict=False):
        if days <= most:
            return word
    return words[3]


def _bare(domain: str) -> str:
    return re.sub(r"^[a-z]+://", "", domain.strip().lower()).partition("/")[0]


def _clean(text: str) -> str:
    return one_line(unescape(_TAG.sub("", text)))


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> tuple[str, ...]:
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()
