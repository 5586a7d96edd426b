"""What a provider's own web search leaves in its answer: queries and sources, in the shapes in use.

OpenRouter: `annotations` of type url_citation. GLM: `web_search` beside the choices. Groq: `executed_tools` on the
message. xAI, Perplexity and others: `citations`, `search_results`, often repeated on each chunk. Qwen: `search_info`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .responses_api import Json

MOST_SOURCES = 50  # of one answer
_BESIDE_CHOICES = frozenset({"web_search", "citations", "search_results", "search_info"})
_IN_MESSAGE = frozenset({"annotations", "executed_tools", "citations", "search_results"})


@dataclass(frozen=True)
class Source:
    """A page that the answer leans on. start, end: characters of the text that cite it, where that is known."""

    url: str
    title: str = ""
    start: int | None = None
    end: int | None = None


def read_search(chunk: Json, message: Json) -> tuple[list[str], list[Source]]:
    """(queries, sources) in a chunk and its delta or message; two empty lists for nearly every one."""
    if _BESIDE_CHOICES.isdisjoint(chunk) and _IN_MESSAGE.isdisjoint(message):
        return [], []
    sources: list[Source] = []
    for holder in (chunk, message):
        # search_results first: they have titles, and citations are often the same pages without.
        for name in ("web_search", "search_results", "citations"):
            sources += _sources(holder.get(name))
    info = chunk.get("search_info")
    if isinstance(info, dict):
        sources += _sources(info.get("search_results"))
    sources += _annotations(message.get("annotations"))
    queries: list[str] = []
    for tool in _objects(message.get("executed_tools")):
        queries += _query(tool.get("arguments"))
        results = tool.get("search_results")
        sources += _sources(results.get("results") if isinstance(results, dict) else results)
    return queries, sources


def new_sources(known: Iterable[Source], found: Iterable[Source]) -> list[Source]:
    """Those of `found` that are not known yet; a page may be cited at several places."""
    seen = {(source.url, source.start) for source in known}
    fresh = []
    for source in found:
        if (source.url, source.start) not in seen:
            seen.add((source.url, source.start))
            fresh.append(source)
    return fresh


def annotation(source: Source, text: str) -> Json:
    """The citation as a part of the API's `output_text`."""
    end = len(text)
    placed = source.start is not None and source.end is not None and 0 <= source.start <= source.end <= end
    return {
        "type": "url_citation",
        "url": source.url,
        "title": source.title or source.url,
        "start_index": source.start if placed else end,
        "end_index": source.end if placed else end,
    }


def source_list(sources: Iterable[Source], text: str) -> str:
    """The sources as the end of a text that names none of them, else ""."""
    pages = {source.url: source for source in sources}
    if not pages or any(url in text for url in pages):
        return ""
    lines = (f"{i}. [{_label(source)}]({source.url})" for i, source in enumerate(pages.values(), 1))
    return "\n\nSources:\n" + "\n".join(lines)


def _label(source: Source) -> str:
    return " ".join((source.title or source.url).replace("[", "(").replace("]", ")").split())


def _sources(found: object) -> Iterator[Source]:
    for entry in found if isinstance(found, list) else []:
        if isinstance(entry, str):
            entry = {"url": entry}
        if isinstance(entry, dict):
            yield from _source(entry)


def _annotations(found: object) -> Iterator[Source]:
    for entry in _objects(found):
        inner = entry.get("url_citation")
        if entry.get("type") == "url_citation":
            yield from _source(inner if isinstance(inner, dict) else entry)


def _source(entry: Json) -> Iterator[Source]:
    url = entry.get("url") or entry.get("link")
    if isinstance(url, str) and url.startswith(("http://", "https://")):
        title = entry.get("title")
        start, end = entry.get("start_index"), entry.get("end_index")
        if not (type(start) is int and type(end) is int and end > 0):  # OpenRouter sends 0 and 0 for "somewhere"
            start = end = None
        yield Source(url, title if isinstance(title, str) else "", start, end)


def _query(arguments: object) -> list[str]:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return []
    query = arguments.get("query") if isinstance(arguments, dict) else None
    return [query] if isinstance(query, str) and query else []


def _objects(found: Any) -> Iterator[Json]:
    return (entry for entry in found if isinstance(entry, dict)) if isinstance(found, list) else iter(())
