"""Codex's standalone web search: the commands read, the services' wires, the text for the model."""

from __future__ import annotations

import pytest

from relay_translate.search import SERVICES, Query, Result, read_search_request, search_text


def asked(*queries, **commands):
    return {"commands": {"search_query": list(queries), **commands}, "max_output_tokens": 10000}


def test_queries_are_read_with_where_and_when():
    request = read_search_request(
        asked({"q": " codex\ncli "}, {"q": "b", "domains": ["https://A.example/x", "b.example"], "recency": 7})
    )
    assert request.queries == (Query("codex cli"), Query("b", ("a.example", "b.example"), 7))
    assert (request.others, request.count, request.longest) == ((), 8, 40_000)


def test_the_users_domains_hold_for_queries_without_their_own():
    body = asked({"q": "a"}, {"q": "b", "domains": ["c.example"]})
    body["settings"] = {"filters": {"allowed_domains": ["d.example"]}, "search_context_size": "high"}
    request = read_search_request(body)
    assert [query.domains for query in request.queries] == [("d.example",), ("c.example",)]
    assert request.count == 12


@pytest.mark.parametrize(("word", "count"), [("short", 4), ("medium", 8), ("long", 12), ("huge", 8), (5, 8)])
def test_a_wanted_length_is_a_number_of_results(word, count):
    assert read_search_request(asked({"q": "a"}, response_length=word)).count == count


def test_commands_that_are_no_search_are_named():
    body = asked(open=[{"ref_id": "https://a.example"}], find=[{"pattern": "x"}], click=[], time=None)
    assert read_search_request(body).others == ("open", "find")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"commands": None},
        {"commands": []},
        asked(),
        asked({"q": ""}, {"q": " "}, {"q": 5}, {}, 7, None),
        {"commands": {"search_query": "codex"}},
        {"commands": {"search_query": {"q": "codex"}}},
    ],
)
def test_what_is_no_query_is_none(body):
    request = read_search_request(body)
    assert request.queries == ()
    assert search_text(request, []) == "Nothing was searched: there is no search_query with a text in `q`."


@pytest.mark.parametrize("tokens", [None, "many", True, -5, 0, 10**9])
def test_a_wrong_output_limit_is_a_sensible_one(tokens):
    longest = read_search_request({**asked({"q": "a"}), "max_output_tokens": tokens}).longest
    assert 2_000 <= longest <= 80_000


def test_more_queries_than_a_turn_can_wait_for_are_left_out():
    assert len(read_search_request(asked(*({"q": str(i)} for i in range(50)))).queries) == 8


# --- services


def ask(name, query, key="KEY", address="https://s.example", count=5):
    return SERVICES[name].ask(address, key, query, count)


@pytest.mark.parametrize("address", ["https://s.example", "https://s.example/", "https://s.example/search"])
def test_searxng_is_asked_for_json(address):
    request = ask("searxng", Query("a b", ("x.example", "y.example"), 30), address=address)
    assert (request.url, request.json) == ("https://s.example/search", None)
    assert request.params == {"q": "a b site:x.example OR site:y.example", "format": "json", "time_range": "month"}


def test_brave_is_asked_with_its_own_header():
    request = ask("brave", Query("a", recency=1), address=SERVICES["brave"].address)
    assert request.url == "https://api.search.brave.com/res/v1/web/search"
    assert request.params == {"q": "a", "count": "5", "text_decorations": "false", "freshness": "pd"}
    assert request.headers == {"X-Subscription-Token": "KEY"}


def test_tavily_is_asked_in_a_body():
    request = ask("tavily", Query("a", ("x.example",), 400), address=SERVICES["tavily"].address)
    assert request.url == "https://api.tavily.com/search"
    assert request.json == {
        "query": "a", "max_results": 5, "search_depth": "basic", "include_domains": ["x.example"], "time_range": "year",
    }  # fmt: skip
    assert request.headers == {"Authorization": "Bearer KEY"}


ANSWERS = [
    ("searxng", {"query": "a", "results": [{"title": "T", "url": "https://a.example", "content": "E", "publishedDate": "2026-01-02"}]}, "2026-01-02"),
    ("brave", {"web": {"results": [{"title": "T", "url": "https://a.example", "description": "<strong>E</strong>", "age": "3 days ago"}]}}, "3 days ago"),
    ("tavily", {"results": [{"title": "T", "url": "https://a.example", "content": "E", "score": 0.9}]}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "date"), ANSWERS)
def test_results_are_found_in_each_services_answer(name, answer, date):
    assert SERVICES[name].results(answer, 8) == [Result("T", "https://a.example", "E", date)]


@pytest.mark.parametrize("name", SERVICES)
def test_no_results_are_none(name):
    assert SERVICES[name].results({"results": []} if name != "brave" else {"type": "search"}, 8) == []


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    "answer", [[], None, "hi", {"results": "many", "web": "many"}, {"results": {}, "web": {"results": 5}}]
)
def test_an_answer_in_another_form_is_an_error(name, answer):
    with pytest.raises(ValueError, match="unknown form"):
        SERVICES[name].results(answer, 8)


def test_odd_results_are_left_out_and_the_rest_is_cleaned():
    entries = [
        None, "x", {"title": "no address"}, {"url": 5},
        {"url": "https://a.example", "title": None, "content": None},
        {"url": "https://b.example\x1b", "title": "<b>B</b> &amp;\n C", "content": "x" * 5000},
        {"url": "https://c.example", "title": "C"},
    ]  # fmt: skip
    first, second = SERVICES["searxng"].results({"results": entries}, 2)
    assert first == Result("https://a.example", "https://a.example")
    assert (second.title, second.url, len(second.excerpt)) == ("B & C", "https://b.example\ufffd", 700)


# --- the text


def test_the_text_numbers_results():
    request = read_search_request(asked({"q": "a"}))
    found = [Result("A", "https://a.example", "About a.", "2026-01-02"), Result("B", "https://b.example")]
    assert search_text(request, [found]) == (
        "1. A (2026-01-02)\n   https://a.example\n   About a.\n\n2. B\n   https://b.example"
    )


def test_several_queries_have_headings_and_failures_stand_in_their_place():
    request = read_search_request(asked({"q": "a"}, {"q": "b"}, {"q": "c"}, open=[{"ref_id": "x"}]))
    text = search_text(request, [[Result("A", "https://a.example")], [], "The search failed: no."])
    assert text.startswith("Results for 'a':\n1. A\n")
    assert "Results for 'b':\nNothing was found for 'b'." in text
    assert "Results for 'c':\nThe search failed: no.\n\nNot done: open. " in text


def test_a_text_keeps_to_the_length_that_was_asked_for():
    request = read_search_request({**asked({"q": "a"}), "max_output_tokens": 500})
    text = search_text(request, [[Result("A", "https://a.example", "é" * 700)] * 8])
    assert len(text) < 2_050
    assert text.endswith("[The rest was cut off.]")
