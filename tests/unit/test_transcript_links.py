"""Where each item went: what the translation view says of it is true of the chat request."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from relay_translate import translate_request
from relay_translate.profiles import PROFILES
from relay_translate.profiles.profile import Profile
from relay_translate.reasoning import ReasoningState, seal, seal_summary, unpack
from relay_translate.transcript import WIDTH, columns, translation_view
from relay_translate.transcript.items_to_messages import rows_of
from relay_translate.transcript.links import links_of

from .items import assistant, called, developer, image, output, request, said, user
from .transcripts import section

Json = dict[str, Any]
CASES = 400
TOKEN = re.compile(r"TOKEN\d+X")
GONE = ("left out", "not sent", "nothing in it", "tools")


class Talk:
    """A conversation at random, as wild as clients get. Every text has a token of its own."""

    def __init__(self, dice: random.Random, profile: Profile, model: str) -> None:
        self.dice = dice
        self.profile = profile
        self.model = model
        self.tokens = 0
        self.ids: list[str] = ["never"]
        self.has_own_ids = dice.random() < 0.5
        self.items = [self.item(number) for number in range(dice.randrange(1, 14))]

    def token(self) -> str:
        self.tokens += 1
        return f"TOKEN{self.tokens}X"

    def text(self) -> Json:
        return {"type": "input_text", "text": self.dice.choice(["", "\n", "a\n\n", "  "]) + self.token()}

    def image(self) -> Json:
        return {"type": "input_image", "image_url": f"data:image/png;base64,{self.token()}"}

    def parts(self, share: float = 0.3) -> list[Json]:
        made = [self.text() for _ in range(self.dice.randrange(1, 3))]
        if self.dice.random() < share:
            made.insert(self.dice.randrange(len(made) + 1), self.image())
        if self.dice.random() < 0.1:
            made.append({"type": "input_file", "filename": self.token()})
        return made

    def item(self, number: int) -> Json:
        item: Json = self.dice.choice(MAKERS)(self)
        if self.has_own_ids:
            item["id"] = f"it_{self.dice.choice(['0000000A', '0000000B'])}_{number}"
        return item

    def said(self) -> Json:
        role = self.dice.choice(["user", "user", "assistant", "developer"])
        return {"type": "message", "role": role, "content": self.parts(0.3 if role == "user" else 0)}

    def refused(self) -> Json:
        parts = [self.text(), {"type": "refusal", "refusal": self.token()}]
        return {"type": "message", "role": "assistant", "content": parts[self.dice.randrange(2) :]}

    def thought(self) -> Json:
        whose = self.dice.choice([self.profile.name, self.profile.name, "elsewhere"])
        state = ReasoningState("A", self.dice.choice(["reasoning_content", "<think>"]), self.token())
        return {"type": "reasoning", "summary": [], "encrypted_content": seal(state, whose, self.model)}

    def call(self) -> Json:
        self.ids.append(self.dice.choice(["call:1", f"call_{len(self.ids)}", f"call_{len(self.ids)}", "c" * 70]))
        if self.dice.random() < 0.3:
            return {"type": "custom_tool_call", "name": "patch", "call_id": self.ids[-1], "input": self.token()}
        arguments = json.dumps({"a": self.token()})
        return {"type": "function_call", "name": "exec", "call_id": self.ids[-1], "arguments": arguments}

    def output(self) -> Json:
        answered = self.ids[-1] if self.dice.random() < 0.7 else self.dice.choice(self.ids)
        return {"type": "function_call_output", "call_id": answered, "output": self.parts()}

    def goal(self) -> Json:
        return {"type": "function_call_output", "name": "goal", "output": self.parts(0)}

    def search(self) -> Json:
        return {"type": "web_search_call", "action": {"type": "search", "query": self.token()}}

    def made_image(self) -> Json:
        return {"type": "image_generation_call", "revised_prompt": self.token(), "result": self.token()}

    def agent(self) -> Json:
        return {"type": "agent_message", "author": "a", "recipient": "b", "content": self.parts(0)}

    def summary(self) -> Json:
        return {"type": "compaction", "encrypted_content": seal_summary(self.token())}

    def news(self) -> Json:
        return {"type": "verdict", "content": self.parts()}


MAKERS = [Talk.said, Talk.said, Talk.said, Talk.refused, Talk.thought, Talk.call, Talk.call, Talk.output, Talk.output,
          Talk.output, Talk.goal, Talk.search, Talk.made_image, Talk.agent, Talk.summary, Talk.news]  # fmt: skip


def tokens(value: Any) -> set[str]:
    return set(TOKEN.findall(json.dumps(value)))


def own_tokens(item: Json) -> set[str]:
    return tokens(item) | tokens(unpack(item.get("encrypted_content")))


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_what_is_said_of_any_conversation_is_true(name: str) -> None:
    profile = PROFILES[name]
    dice = random.Random(name)
    for case in range(max(20, CASES // len(PROFILES))):
        talk = Talk(dice, profile, "m")
        asked = {"model": "m", "instructions": dice.choice(["", talk.token()]), "input": talk.items}
        made = translate_request(asked, profile)
        check(asked, json.loads(json.dumps(made.body)), list(made.notes), profile, f"{name} {case}")


def check(asked: Json, chat: Json, notes: list[str], profile: Profile, case: str) -> None:
    messages = chat["messages"]
    sent = tokens(messages)
    thoughts = {one for item in asked["input"] if item["type"] == "reasoning" for one in own_tokens(item)}
    view = translation_view(asked, chat, notes=notes, profile=profile.name)
    assert max(map(columns, view.split("\n"))) <= WIDTH
    for row in rows_of(asked, links_of(asked, chat, profile.name)):
        where = f"{case}: {row}\n{view}\n{json.dumps(messages, indent=1)}"
        if row.entry is None:
            assert not tokens(messages[int(row.target.split()[0])]), where
            continue
        number = row.entry.number
        own = own_tokens(asked["input"][number]) if number >= 0 else tokens(asked["instructions"])
        arrived = own & sent
        if row.target.startswith(GONE):
            assert not arrived, where
            continue
        at, role = row.target.split()[0], row.target.split()[1].rstrip(",")
        message = messages[int(at)]
        assert message["role"] == role.partition(".")[0], where
        pictures = {one for one in own if tokens_of_image(asked["input"], one)}
        assert (own & tokens(message)) or not (arrived - pictures), where
        assert own - pictures <= tokens(message), where
        others = tokens(message.get("content")) - own - thoughts
        joined = "joined with" in row.target or "with more text" in row.target
        if "." not in role:
            assert joined == bool(others), where
        for one in pictures - sent:
            assert "as a note" in row.target or "left out" in row.target, (one, where)
            assert "in its place" in view or "in their place" in view, where
        for one in (pictures & sent) - tokens(message):
            lifted = re.search(r"in (\d+) user", row.target)
            assert lifted and one in tokens(messages[int(lifted[1])]), where


def tokens_of_image(items: list[Json], token: str) -> bool:
    text = json.dumps(items)
    return f"base64,{token}" in text or f'"result": "{token}"' in text


# -- one by one


def view_of(*items: Any, profile: str = "generic", model: str = "m", **fields: Any) -> str:
    asked = {"model": model, "stream": True, "input": list(items)} | fields
    made = request(items, PROFILES[profile], model=model, **fields)
    return translation_view(asked, made.body, notes=made.notes, profile=profile)


def rows(view: str) -> list[str]:
    """The conversation's rows, each on one line with single spaces."""
    found: list[str] = []
    for line in section(view + "\n", "Conversation:").split("\n"):
        left, arrow, right = line.partition(" -> ")
        if arrow:
            found.append(f"{' '.join(left.split())} -> {right}")
        elif found:
            found[-1] += f" {line.strip()}"
    return found


def told(view: str) -> str:
    return " ".join(section(view, "Left out, renamed or repaired:").split())


PICTURE = image("data:image/png;base64,iVBORw0KGgo=")
BLIND = {"profile": "deepseek", "model": "deepseek-chat"}
TEXT = {"type": "input_text", "text": "first"}


def test_an_image_that_the_model_can_not_see_is_told_where_it_became_a_note() -> None:
    message = {"type": "message", "role": "user", "content": [TEXT, PICTURE]}
    view = view_of(message, **BLIND)
    assert rows(view) == ["0 user: first [image png 8 bytes] -> 0 user, its image as a note"]
    assert told(view) == "content: an image became a note in its place, deepseek-chat can't see it"
    view = view_of(called("a"), output("a", [TEXT, PICTURE]), output("gone", [TEXT, PICTURE]), **BLIND)
    assert rows(view)[1:] == [
        "1 first [image png 8 bytes] -> 1 tool, its image as a note",
        "2 first [image png 8 bytes] -> 2 user, as text, its call is not there, its image as a note",
    ]
    assert "content: 2 images became notes in their place, deepseek-chat can't see them" in told(view)


def test_an_image_that_is_seen_is_found_where_it_went() -> None:
    view = view_of(called("a"), output("a", [TEXT, PICTURE]), output("gone", [PICTURE]), profile="openai")
    assert rows(view)[1:] == [
        "1 first [image png 8 bytes] -> 1 tool, its image in 2 user",
        "2 [image png 8 bytes] -> 3 user, as text, its call is not there",
    ]
    assert told(view) == "input: a tool output without its call became text"


def test_why_images_are_not_sent_is_noted_once_whatever_their_number() -> None:
    message = {"type": "message", "role": "user", "content": [PICTURE, PICTURE]}
    made = request([message, message], PROFILES["deepseek"], model="deepseek-chat")
    assert made.notes == ("content: images became notes in their place, deepseek-chat can't see them",)
    assert not request([user("hi")], PROFILES["deepseek"], model="deepseek-chat").notes


@pytest.mark.parametrize("role", ["assistant", "developer", "system"])
def test_an_image_that_chat_takes_of_no_such_role_is_noted(role: str) -> None:
    made = request([user("hi"), {"type": "message", "role": role, "content": [TEXT, PICTURE]}])
    assert made.notes == (f"content: an image in a message of the {role} was left out, chat takes those of users only",)


def test_a_message_of_the_developer_in_mid_conversation_is_told_with_its_new_role() -> None:
    view = view_of(user("hi"), assistant("yes?"), developer("DEVMID"), assistant("so"))
    assert rows(view)[2] == "2 developer: DEVMID -> 2 user, in <developer> tags"
    assert told(view) == (
        "input: 1 message of the developer went as the user's in <developer> tags, to leave the beginning, "
        "which providers cache, as it is"
    )


def test_reasoning_that_had_to_be_made_up_is_told() -> None:
    view = view_of(user("go"), called("a"), output("a"), called("b"), output("b"), **BLIND)
    assert told(view) == (
        'reasoning_content: " " was added to messages 1, 3, whose reasoning is not known: '
        "this provider refuses calls without"
    )
    unsigned = view_of(user("go"), called("a"), output("a"), profile="gemini")
    assert "on calls of message 1, this provider refuses calls without" in told(unsigned)


def test_what_ran_elsewhere_and_refusals_are_found_in_the_words_they_became() -> None:
    made = {"type": "image_generation_call", "revised_prompt": "a cat", "result": "iVBORw0KGgo="}
    search = {"type": "web_search_call", "action": {"type": "search", "query": "q"}}
    refusal = {"type": "refusal", "refusal": "no way"}
    refused = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I will"}, refusal]}
    alone = {"type": "message", "role": "assistant", "content": [refusal]}
    items = [made, user("a"), search, user("b"), refused, user("c"), alone, user("d"), output("gone", "x")]
    assert [row.split(" -> ")[1] for row in rows(view_of(*items, profile="openai"))][::2] == [
        "0 assistant, as words, its image in 1 user",
        "3 assistant, as words",
        "5 assistant",
        "7 assistant",
        "9 user, as text, its call is not there",
    ]


def test_a_message_of_several_parts_is_joined_with_nothing() -> None:
    file = {"type": "input_file", "filename": "a.pdf"}
    view = view_of({"type": "message", "role": "user", "content": [TEXT, PICTURE, file]})
    assert rows(view) == ["0 user: first [image png 8 bytes]… -> 0 user"]


def test_tools_of_one_name_are_told() -> None:
    tool = {"type": "function", "name": "shell", "description": "Runs.", "parameters": {}}
    view = view_of(user("a"), tools=[tool, tool | {"description": "Walks."}])
    assert told(view) == "tools: shell is offered 2 times, only the last one is sent"
    assert "under their own names: shell\n" in view
    found = {"type": "tool_search_output", "call_id": "s", "tools": [tool]}
    assert "offered" not in view_of(user("a"), found, found | {"call_id": "t"})


def test_options_of_the_stream_are_told() -> None:
    view = " ".join(view_of(user("a"), stream_options={"include_obfuscation": False}).split())
    assert "not sent, for OpenAI alone: stream_options.include_obfuscation" in view
    assert "(added for token counts) -> stream_options: {include_usage: true}" in view


def test_fields_that_no_chat_message_has_are_counted_by_kind() -> None:
    cited = {"type": "output_text", "text": "yes", "annotations": [{"type": "url_citation"}]}
    answer = {"type": "message", "role": "assistant", "phase": "commentary", "content": [cited]}
    view = view_of(user("a"), answer, user("b"), answer)
    assert "  not sent, no part of a chat message: phase (2), annotations (2)\n" in view
    assert "nothing had to be left out or repaired" in view  # nearly every turn has those
    view = view_of(said("user", "a") | {"mood": 1}, user("b") | {"mood": 2})
    assert told(view) == "input: an unknown field was left out: mood (2)"


def test_a_text_that_somebody_has_edited_is_found_beside_its_neighbours() -> None:
    items = [user("one"), assistant("two"), user("three"), assistant("four")]
    made = json.loads(json.dumps(request(items).body))
    made["messages"][2]["content"] = "3"
    del made["messages"][1]
    view = translation_view({"model": "m", "input": items}, made)
    assert [row.split(" -> ")[1] for row in rows(view)] == ["0 user", "left out", "1 user, text changed", "2 assistant"]


def test_reasoning_tells_why_it_is_nowhere() -> None:
    def thought(profile: str) -> Json:
        blob = seal(ReasoningState("A", "reasoning_content", "hm"), profile, "m")
        return {"type": "reasoning", "summary": [], "encrypted_content": blob}

    view = view_of(user("a"), thought("generic"), user("b"), thought("kimi"), assistant("c"))
    assert [row.split(" -> ")[1] for row in rows(view)][1::2] == [
        "left out: nothing was said after it",
        "left out: another service's",
    ]
    assert "input: 1 reasoning item left out: nothing was said after it" in told(view)
