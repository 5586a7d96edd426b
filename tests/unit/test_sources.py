"""A search that ran at the provider: what the client sees of it, and what goes back."""

from __future__ import annotations

import pytest

from relay_translate import Profile, RequestOptions, translate_request
from relay_translate.profiles.profile import WebSearch
from relay_translate.sources import MOST_SOURCES

from .streams import brief, call, chunk, play_chunks, stop, text

PAGE = {"title": "News [of] A", "link": "https://a.example/1"}
FOUND = chunk({"content": ""}, web_search=[PAGE])
LISTED = "\n\nSources:\n1. [News (of) A](https://a.example/1)"


def cited(start=0, end=0, url="https://a.example/1", **more):
    return {
        "type": "url_citation",
        "url_citation": {"url": url, "title": "A", "start_index": start, "end_index": end, **more},
    }


def annotations(played):
    return [item["content"][0]["annotations"] for item in played.items if item["type"] == "message"]


def test_codex_which_shows_no_annotations_gets_a_list():
    assert brief(play_chunks(FOUND, text("It is A."), stop()).items)[-1] == ("message", "It is A." + LISTED)


def test_other_clients_get_annotations_and_the_text_as_it_was():
    played = play_chunks(FOUND, text("It is A."), stop(), codex=False)
    assert brief(played.items)[-1] == ("message", "It is A.")
    assert annotations(played) == [[
        {"type": "url_citation", "url": "https://a.example/1", "title": "News [of] A", "start_index": 8, "end_index": 8},
    ]]  # fmt: skip


def test_a_text_with_its_own_links_stays_as_it_was():
    played = play_chunks(text("It is [A](https://a.example/1)."), chunk({"annotations": [cited(6, 30)]}), stop())
    assert brief(played.items)[0] == ("message", "It is [A](https://a.example/1).")
    [[annotation]] = annotations(played)
    assert (annotation["start_index"], annotation["end_index"]) == (6, 30)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (-1, 5), (5, 3), (3, 500), ("1", "2"), (True, 3), (None, None)])
def test_a_place_outside_the_text_is_its_end(start, end):
    [[annotation]] = annotations(
        play_chunks(text("It is A."), chunk({"annotations": [cited(start, end)]}), stop(), codex=False)
    )
    assert (annotation["start_index"], annotation["end_index"]) == (8, 8)


def test_one_page_cited_twice_is_two_citations_and_one_source():
    played = play_chunks(text("A and A."), chunk({"annotations": [cited(0, 1), cited(6, 7), cited(0, 1)]}), stop())
    assert [(each["start_index"], each["end_index"]) for each in annotations(played)[0]] == [(0, 1), (6, 7)]
    assert played.items[0]["content"][0]["text"].count("https://a.example/1") == 1
    assert played.items[1]["action"]["sources"] == [{"type": "url", "url": "https://a.example/1"}]


def test_a_search_before_a_call_comes_before_it_and_lists_nothing():
    played = play_chunks(FOUND, text("I look."), call("{}", "exec_command", "a"), stop("tool_calls"))
    assert [kind for kind, *_ in brief(played.items)] == ["web_search_call", "message", "function_call"]
    assert played.items[1]["content"][0]["text"] == "I look."


def test_what_comes_during_a_text_is_told_right_behind_it():
    played = play_chunks(text("I "), FOUND, text("look."), call("{}", "exec_command", "a"), stop("tool_calls"))
    assert [kind for kind, *_ in brief(played.items)] == ["message", "web_search_call", "function_call"]


def test_reasoning_and_search_keep_their_order():
    tool = {"type": "search", "arguments": '{"query": "a"}'}
    played = play_chunks(
        chunk({"reasoning": "Look."}),
        chunk({"executed_tools": [tool]}),
        chunk({"reasoning": "Found."}),
        text("A."),
        stop(),
    )
    assert [kind for kind, *_ in brief(played.items)] == ["reasoning", "web_search_call", "reasoning", "message"]
    assert played.items[1]["action"] == {"type": "search", "query": "a", "queries": ["a"]}


def test_a_search_alone_is_no_answer():
    assert play_chunks(FOUND, stop()).error["message"] == "host: the answer was empty"


def test_a_compaction_has_no_search():
    assert [item["type"] for item in play_chunks(FOUND, text("Summary."), stop(), compaction=True).items] == [
        "compaction"
    ]


def test_sources_without_number_are_bounded():
    many = [{"link": f"https://a.example/{i}"} for i in range(1000)]
    played = play_chunks(chunk({}, web_search=many), text("A."), stop(), codex=False)
    assert len(annotations(played)[0]) == MOST_SOURCES


@pytest.mark.parametrize(
    "odd",
    [
        {"web_search": "many"}, {"web_search": [None, 5, {"link": 5}, {"link": "ftp://x"}]}, {"citations": {"a": 1}},
        {"citations": ["javascript:alert(1)"]}, {"search_results": [[]]}, {"search_info": {"search_results": None}},
    ],
)  # fmt: skip
def test_what_is_no_source_is_none(odd):
    assert brief(play_chunks(text("A."), stop(**odd)).items) == [("message", "A.")]


@pytest.mark.parametrize(
    "odd", [{"executed_tools": [{"arguments": "{"}, 5]}, {"annotations": [{"type": "file"}, cited(url=5)]}]
)
def test_what_is_no_source_in_a_message_is_none(odd):
    assert brief(play_chunks(text("A."), chunk(odd, "stop")).items) == [("message", "A.")]


# --- the way back, and what is asked for

SEARCHER = Profile(name="searcher", web_search=WebSearch(tool={"type": "web_search"}))
OFFER = {"model": "m", "input": "hi", "tools": [{"type": "web_search"}]}


def test_a_search_that_this_relay_told_of_does_not_come_back_as_text():
    items = play_chunks(FOUND, text("It is A."), stop()).items
    body = {"model": "m", "input": [{"role": "user", "content": "q"}, *items, {"role": "user", "content": "and?"}]}
    messages = translate_request(body).body["messages"]
    assert [message["content"] for message in messages] == ["q", "It is A." + LISTED, "and?"]


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ({"type": "search", "query": "q"}, ['[web search: {"query":"q"}]']),
        ({"type": "search", "query": ""}, []),
        (None, []),
    ],
)
def test_a_search_of_another_service_is_told_where_there_is_something_to_tell(action, told):
    searched = {"type": "web_search_call", "action": action}
    body = {"model": "m", "input": [{"role": "user", "content": "q"}, searched, {"role": "user", "content": "and?"}]}
    said = [
        message["content"] for message in translate_request(body).body["messages"] if message["role"] == "assistant"
    ]
    assert said == told


def test_the_provider_searches_where_it_can():
    translated = translate_request(OFFER, SEARCHER)
    assert translated.body["tools"] == [{"type": "web_search"}]
    assert not [note for note in translated.notes if "web_search" in note]


@pytest.mark.parametrize(
    ("profile", "web_search", "note"),
    [
        (Profile(name="plain"), True, "tools: web_search was left out, the provider has none on this wire"),
        (SEARCHER, False, "tools: web_search was left out, as relay_web_search=off says"),
    ],
)
def test_a_search_that_is_left_out_is_noted_once(profile, web_search, note):
    body = OFFER | {"tools": [{"type": "web_search"}, {"type": "web_search"}]}
    translated = translate_request(body, profile, RequestOptions(web_search=web_search))
    assert "tools" not in translated.body
    assert [each for each in translated.notes if "web_search" in each] == [note]
