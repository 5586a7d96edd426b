"""Every kind of item as a chat message."""

from __future__ import annotations

import pytest

from relay_translate import translate_request
from relay_translate.conversation import COMPACTION_REQUEST, SUMMARY_INTRO
from relay_translate.messages import NO_IMAGE
from relay_translate.profiles import GENERIC, Profile
from relay_translate.reasoning import seal_summary

from .items import (
    PNG,
    assistant,
    called,
    chat_call,
    chat_calls,
    chat_user,
    developer,
    image,
    messages,
    output,
    request,
    said,
    tool,
    user,
)

BLIND = Profile(name="blind", images=False)
OPEN = Profile(name="open", merge_users=False, late_instructions="system", system_role="developer")
IMAGE = {"type": "image_url", "image_url": {"url": PNG}}


def text(words):
    return {"type": "text", "text": words}


def test_a_turn_with_text_reasoning_and_calls_is_one_assistant_message():
    sent = messages(
        user("Hi"),
        {"type": "reasoning", "summary": []},
        assistant("I look."),
        called("a"),
        called("b"),
        output("a", "1"),
        output("b", "2"),
    )
    assert sent == [
        chat_user("Hi"), chat_calls(chat_call("a"), chat_call("b"), content="I look."), tool("a", "1"), tool("b", "2"),
    ]  # fmt: skip


# --- instructions


def test_leading_developer_and_system_messages_are_one_system_message():
    sent = messages(developer("A", "B"), said("system", "C"), developer("D"), user("Hi"), instructions="I")
    assert sent == [{"role": "system", "content": "I\n\nA\n\nB\n\nC\n\nD"}, chat_user("Hi")]


def test_later_instructions_keep_their_place_as_text_of_the_user():
    sent = messages(developer("A"), user("Hi"), assistant("Hello"), developer("B"), user("Go"))
    assert sent == [
        {"role": "system", "content": "A"}, chat_user("Hi"), {"role": "assistant", "content": "Hello"},
        chat_user("<developer>\nB\n</developer>\n\nGo"),
    ]  # fmt: skip


def test_a_profile_may_want_later_instructions_in_front():
    sent = messages(developer("A"), user("Hi"), developer("B"), profile=Profile(name="p", late_instructions="hoist"))
    assert sent == [{"role": "system", "content": "A\n\nB"}, chat_user("Hi")]


def test_a_profile_may_take_later_instructions_as_they_are():
    sent = messages(developer("A"), user("Hi"), developer("B"), user("Go"), profile=OPEN)
    assert sent == [
        {"role": "developer", "content": "A"}, chat_user("Hi"), {"role": "developer", "content": "B"}, chat_user("Go"),
    ]  # fmt: skip


def test_instructions_without_words_are_none():
    assert messages({"role": "developer", "content": [image()]}, user("Hi")) == [chat_user("Hi")]


# --- users


def test_user_messages_in_a_row_are_one_where_servers_insist_on_turns():
    assert messages(user("a", "b"), user("c")) == [chat_user("a\nb\n\nc")]
    assert messages(user("a", "b"), user("c"), profile=OPEN) == [chat_user("a\nb"), chat_user("c")]


def test_an_image_keeps_its_place_between_texts():
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "a"}, image(detail="original"), {"type": "input_text", "text": "b"}],
    }
    assert messages(item) == [
        chat_user([text("a"), {"type": "image_url", "image_url": {"url": PNG, "detail": "high"}}, text("b")])
    ]


def test_merging_texts_and_images_gives_parts():
    with_image = {"type": "message", "role": "user", "content": [image()]}
    assert messages(user("a"), with_image, user("b")) == [chat_user([text("a"), IMAGE, text("b")])]


def test_a_model_that_sees_no_images_gets_notes():
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}, image()]}
    assert messages(item, profile=BLIND) == [chat_user(f"a\n{NO_IMAGE}")]


PARTS = [
    ("plain", "plain"),
    (
        [{"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b"}, {"type": "text", "text": "c"}],
        "a\nb\nc",
    ),
    ([{"type": "summary_text", "text": "a"}, {"type": "reasoning_text", "text": "b"}], "a\nb"),
    ([{"text": "no type"}], "no type"),
    (["a string"], "a string"),
    ({"type": "input_text", "text": "one part"}, "one part"),
    ([{"type": "refusal", "refusal": "No."}], "No."),
    ([{"type": "encrypted_content", "encrypted_content": "count files"}], "count files"),
    ([{"type": "input_audio", "input_audio": {"data": "x"}}], "[audio left out: it can't be passed on]"),
    ([{"type": "input_file", "filename": "a.pdf", "file_data": "x"}], "[file a.pdf left out: it can't be passed on]"),
    ([{"type": "input_image", "file_id": "f1"}], "[an image that can't be fetched: f1]"),
    ([{"type": "input_image"}], "[an image that can't be fetched: no address given]"),
    (
        [{"type": ["odd"], "text": "x"}, {"type": "input_text", "text": "a"}],
        "[['odd'] left out: it can't be passed on]\na",
    ),
    ([5, None, {"type": "input_text", "text": "a"}], "a"),
    ([{"type": "input_text", "text": 5}, {"type": "input_text"}, {"type": "input_text", "text": "a"}], "a"),
]


@pytest.mark.parametrize(("content", "sent"), PARTS)
def test_every_kind_of_part_is_text_or_a_note(content, sent):
    assert messages({"type": "message", "role": "user", "content": content}) == [chat_user(sent)]


def test_a_part_that_cannot_be_passed_on_leaves_a_note():
    translated = request([{"role": "user", "content": [{"type": "input_audio"}]}])
    assert translated.notes == ("content: input_audio became a note in its place",)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("low", "low"),
        ("high", "high"),
        ("original", "high"),
        ("auto", "auto"),
        (None, None),
        ("odd", None),
        (["low"], None),
    ],
)
def test_the_detail_of_an_image_is_a_word_of_the_chat_api(given, sent):
    (message,) = messages({"type": "message", "role": "user", "content": [image(detail=given)]})
    assert message["content"][0]["image_url"].get("detail") == sent


def test_an_image_in_chat_form_is_taken_too():
    part = {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}
    assert messages({"role": "user", "content": [part]}) == [chat_user([part])]


@pytest.mark.parametrize("empty", [None, "", [], [{"type": "input_text", "text": ""}]])
def test_a_message_that_says_nothing_is_no_message(empty):
    assert messages(
        user("a"), {"type": "message", "role": "user", "content": empty}, {"role": "assistant", "content": empty}
    ) == [chat_user("a")]


def test_an_item_without_type_is_a_message():
    assert messages({"role": "user", "content": "Hi"}) == [chat_user("Hi")]


def test_a_message_between_agents_is_one_running_text():
    item = {
        "type": "agent_message", "author": "/root", "recipient": "/root/counter",
        "content": [{"type": "input_text", "text": "Payload:\n"}, {"type": "encrypted_content", "encrypted_content": "count files"}],
    }  # fmt: skip
    assert messages(item) == [chat_user("Payload:\ncount files")]


# --- what ran elsewhere


def test_hosted_calls_are_told_as_text():
    search = {"type": "web_search_call", "action": {"type": "search", "query": "codex"}}
    assert messages(user("Hi"), search, assistant("Found.")) == [
        chat_user("Hi"), {"role": "assistant", "content": '[web search: {"query":"codex"}]\n\nFound.'},
    ]  # fmt: skip


@pytest.mark.parametrize("result", ["iVBORw0KGgo=", PNG])
def test_a_generated_image_is_shown_to_the_model(result):
    item = {"type": "image_generation_call", "revised_prompt": "a cat", "result": result}
    assert messages(user("Draw"), item, user("Nice")) == [
        chat_user("Draw"),
        {"role": "assistant", "content": "[generated an image: a cat]"},
        chat_user([text("[the image generated above:]"), IMAGE, text("Nice")]),
    ]


@pytest.mark.parametrize("kind", ["compaction", "compaction_summary", "context_compaction"])
def test_our_own_summary_is_read(kind):
    assert messages({"type": kind, "encrypted_content": seal_summary("All é done.")}) == [
        chat_user(SUMMARY_INTRO + "All é done.")
    ]


@pytest.mark.parametrize("blob", [None, "", "gAAAAB-openai", "relay1.", "relay1.!!!", 5])
def test_a_summary_of_another_service_is_left_out_with_a_note(blob):
    translated = request([user("Hi"), {"type": "compaction", "encrypted_content": blob}])
    assert translated.body["messages"] == [chat_user("Hi")]
    assert translated.notes == ("input: a compaction item of another service can't be read and was left out",)


def test_a_request_to_compact_asks_for_a_summary_without_tools():
    translated = request([user("Hi"), {"type": "compaction_trigger"}], tools=[{"type": "function", "name": "f"}])
    assert translated.body["messages"] == [chat_user("Hi\n\n" + COMPACTION_REQUEST)]
    assert "tools" not in translated.body
    assert translated.context.compaction


# --- what nobody knows


def test_an_unknown_item_with_text_is_kept():
    translated = request([user("Hi"), {"type": "verdict", "content": [{"type": "text", "text": "ok"}]}])
    assert translated.body["messages"] == [chat_user("Hi\n\n[verdict]\nok")]
    assert translated.notes == ("input: the unknown item type verdict became user text",)


def test_an_unknown_output_answers_its_call():
    assert messages(called("a"), {"type": "new_output", "call_id": "a", "output": "x"})[1] == tool("a", "x")


@pytest.mark.parametrize(
    "item", [{}, {"type": "configuration_update"}, {"type": 5}, {"type": ["x"]}, {"type": "x", "content": []}]
)
def test_an_unknown_item_that_says_nothing_is_left_out_with_a_note(item):
    translated = request([user("Hi"), item])
    assert translated.body["messages"] == [chat_user("Hi")]
    assert len(translated.notes) == 1


def test_the_generic_profile_merges_and_the_openai_one_does_not():
    assert GENERIC.merge_users and not OPEN.merge_users


def test_a_message_of_an_unknown_role_is_the_users_and_is_noted():
    request = {"model": "m", "input": [{"role": "wizard", "content": "Hi"}]}
    translated = translate_request(request)
    assert translated.body["messages"] == [{"role": "user", "content": "Hi"}]
    assert "input: a message of an unknown role became the user's" in translated.notes
