"""A search that ran at the provider: queries, sources, citations."""

from __future__ import annotations

import json

from tests.unit.streams import Json, chunk, stop, text

from .shape import choices, said, shape

PAGE = {"url": "https://news.example/a", "title": "News of A"}
LISTED = "\n\nSources:\n1. [News of A](https://news.example/a)"
FOUND = ("web_search_call", "", ["https://news.example/a"])


@shape(("message", "It is [A](https://news.example/a)."), FOUND)
def annotations_behind_the_text() -> list[Json]:
    """OpenRouter: the text has the links, the citations come at its end."""
    cited = {"type": "url_citation", "url_citation": {**PAGE, "content": "...", "start_index": 6, "end_index": 32}}
    return [
        text("It is "),
        text("[A](https://news.example/a)."),
        chunk({"content": "", "annotations": [cited]}),
        stop(),
    ]


@shape(FOUND, ("message", "It is A." + LISTED))
def results_before_the_text() -> list[Json]:
    """GLM: beside the choices of the first chunk."""
    found = [{"title": PAGE["title"], "link": PAGE["url"], "content": "...", "media": "News", "refer": "ref_1"}]
    return [chunk({"role": "assistant", "content": ""}) | {"web_search": found}, text("It is A."), stop()]


@shape(("web_search_call", "news of A", ["https://news.example/a"]), ("message", "It is A." + LISTED))
def executed_tools() -> list[Json]:
    """Groq: the call and its results on the message."""
    tool = {"index": 0, "type": "search", "arguments": json.dumps({"query": "news of A"}), "output": "...",
            "search_results": {"results": [{**PAGE, "content": "...", "score": 0.9}]}}  # fmt: skip
    return [said({"role": "assistant", "executed_tools": [tool]}), text("It is A."), stop()]


@shape(("message", "It is A. [1]" + LISTED), FOUND)
def citations_on_each_chunk() -> list[Json]:
    """Perplexity and others: the same list with every chunk, titles in a second one."""
    beside = {"citations": [PAGE["url"]], "search_results": [{**PAGE, "date": "2026-01-01"}]}
    return [text("It is A."), text(" [1]") | beside, stop() | beside]


@shape(("message", "It is A.\n\nSources:\n1. [https://news.example/a](https://news.example/a)"), FOUND)
def citations_at_the_end() -> list[Json]:
    """xAI: addresses alone, in the last chunk, which has no choices."""
    return [text("It is A."), stop(), choices(citations=[PAGE["url"]])]


@shape(("message", "It is A."))
def no_sources() -> list[Json]:
    return [text("It is A.") | {"citations": [], "web_search": None}, chunk({"annotations": []}, "stop")]
