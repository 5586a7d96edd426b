"""Tool definitions for the provider, and the names they go by."""

from __future__ import annotations

import re

import pytest

from relay_translate.tools import ToolRef, ToolTable, flat_name

LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def table(*tools):
    made = ToolTable()
    made.offer(tools)
    return made


def function(name, **more):
    return {"type": "function", "name": name, **more}


def namespace(name, *members, **more):
    return {"type": "namespace", "name": name, "tools": list(members), **more}


def names(made):
    return list(made.definitions)


def test_a_function_keeps_name_description_and_schema():
    schema = {
        "type": "object",
        "properties": {"cmd": {"type": "string"}},
        "required": ["cmd"],
        "additionalProperties": False,
    }
    made = table(function("exec_command", description="Runs.", parameters=schema, strict=False, output_schema={}))
    assert made.definitions["exec_command"] == {
        "type": "function",
        "function": {"name": "exec_command", "description": "Runs.", "parameters": schema},
    }
    assert made.refs()["exec_command"] == ToolRef("function", "exec_command")


EMPTY = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, EMPTY),
        ("x", EMPTY),
        ({}, EMPTY),
        ({"type": "object"}, EMPTY),
        ({"type": "object", "properties": []}, EMPTY),
        ({"type": "object", "properties": None}, EMPTY),
        ({"type": None}, EMPTY),
        ({"type": ["object", "null"]}, EMPTY),
        ({"anyOf": [{"type": "object"}]}, {"anyOf": [{"type": "object"}]} | EMPTY),
        ({"$defs": {"a": {}}, "type": "object", "properties": {"x": {"$ref": "#/$defs/a"}}},
         {"type": "object", "properties": {"x": {}}}),
    ],
)  # fmt: skip
def test_the_root_of_a_schema_is_an_object(given, sent):
    assert table(function("f", parameters=given)).definitions["f"]["function"]["parameters"] == sent


def test_the_keyword_encrypted_goes_and_a_property_of_that_name_stays():
    properties = {
        "message": {"type": "string", "encrypted": True},
        "encrypted": {"type": "boolean"},
        "list": {"type": "array", "items": [{"encrypted": False}]},
    }
    original = function("f", parameters={"type": "object", "properties": properties})
    assert table(original).definitions["f"]["function"]["parameters"]["properties"] == {
        "message": {"type": "string"},
        "encrypted": {"type": "boolean"},
        "list": {"type": "array", "items": [{}]},
    }
    assert properties["message"]["encrypted"] is True, "the request is not changed"


def test_a_custom_tool_is_a_function_of_one_string_that_keeps_its_grammar():
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: hunk+"}
    made = table({"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": grammar})
    sent = made.definitions["apply_patch"]["function"]
    assert sent["parameters"] == {
        "type": "object",
        "properties": {"input": {"type": "string", "description": "The raw text."}},
        "required": ["input"],
        "additionalProperties": False,
    }
    assert sent["description"].startswith("Edits files.\n\n")
    assert sent["description"].endswith("The text must follow this lark grammar:\nstart: hunk+")
    assert made.refs()["apply_patch"] == ToolRef("custom", "apply_patch")


@pytest.mark.parametrize("form", [None, {"type": "text"}, "x", {"type": "grammar"}])
def test_a_custom_tool_without_grammar_has_none_in_its_description(form):
    assert (
        "grammar"
        not in table({"type": "custom", "name": "exec", "format": form}).definitions["exec"]["function"]["description"]
    )


def test_a_namespace_is_flattened_and_its_words_are_kept_once():
    made = table(
        namespace("mcp__tiny", function("echo", description="Echoes."), function("add"), description="Tiny tools.")
    )
    assert names(made) == ["mcp__tiny__echo", "mcp__tiny__add"]
    assert made.definitions["mcp__tiny__echo"]["function"]["description"] == "Echoes.\n\n(mcp__tiny: Tiny tools.)"
    assert "description" not in made.definitions["mcp__tiny__add"]["function"]
    assert made.refs()["mcp__tiny__add"] == ToolRef("function", "add", "mcp__tiny")


def test_a_custom_tool_in_a_namespace_comes_back_as_one():
    made = table(
        namespace("editor", {"type": "custom", "name": "paste", "description": "Pastes."}, description="Editing.")
    )
    assert made.refs()["editor__paste"] == ToolRef("custom", "paste", "editor")
    assert made.definitions["editor__paste"]["function"]["description"].startswith("Pastes.\n\n(editor: Editing.)\n\n")


def test_the_namespace_functions_is_not_part_of_a_name():
    made = table(namespace("functions", function("exec"), {"type": "custom", "name": "apply_patch"}))
    assert names(made) == ["exec", "apply_patch"]
    assert made.refs()["exec"] == ToolRef("function", "exec", "functions")


def test_tool_search_and_local_shell_are_functions_here():
    schema = {"type": "object", "properties": {"query": {"type": "string"}}}
    made = table(
        {"type": "tool_search", "execution": "server", "description": "Finds.", "parameters": schema},
        {"type": "local_shell"},
    )
    assert made.definitions["tool_search"]["function"] == {
        "name": "tool_search",
        "description": "Finds.",
        "parameters": schema,
    }
    assert made.refs()["tool_search"] == ToolRef("tool_search", "tool_search", None, "server")
    assert made.definitions["local_shell"]["function"]["parameters"]["required"] == ["command"]
    assert made.refs()["local_shell"].kind == "local_shell"


HOSTED = [
    "image_generation",
    "file_search",
    "code_interpreter",
    "mcp",
    "computer_use_preview",
]


@pytest.mark.parametrize("kind", HOSTED)
def test_hosted_tools_are_left_out_with_a_note(kind):
    made = table({"type": kind}, function("f"))
    assert names(made) == ["f"]
    assert made.notes == [f"tools: {kind} runs only at OpenAI and was left out"]


@pytest.mark.parametrize(
    "odd", [5, None, "x", [], {}, {"type": "function"}, {"type": "function", "name": 5}, {"type": "new", "name": "n"},
            {"type": ["function"], "name": "n"}, {"type": {}, "name": "n"}, {"type": "custom", "name": None}],
)  # fmt: skip
def test_odd_tools_are_left_out_with_a_note(odd):
    made = table(odd, function("f"))
    assert names(made) == ["f"]
    assert len(made.notes) == 1


@pytest.mark.parametrize("members", [None, "x", {}, [5, None, "x"]])
def test_a_namespace_of_nothing_is_nothing(members):
    assert names(table({"type": "namespace", "name": "n", "tools": members})) == []


# --- names


@pytest.mark.parametrize(
    ("name", "space", "flat"),
    [
        ("echo", None, "echo"),
        ("echo", "", "echo"),
        ("echo", "functions", "echo"),
        ("echo", "mcp__tiny", "mcp__tiny__echo"),
        ("echo", "mcp__tiny__", "mcp__tiny__echo"),
        ("a" * 64, None, "a" * 64),
        ("b" * 40, "n" * 22, "n" * 22 + "__" + "b" * 40),
    ],
)
def test_a_legal_name_is_kept(name, space, flat):
    assert flat_name(name, space) == flat


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("a" * 65, None),
        ("b" * 40, "n" * 23),
        ("x.y", None),
        ("é", "ö"),
        ("a b", "c"),
        ("\ud83d", None),
        ("", None),
        ("", "n" * 70),
    ],
)
def test_other_names_are_made_legal_and_end_in_a_hash(name, space):
    flat = flat_name(name, space)
    assert LEGAL.fullmatch(flat)
    assert re.search(r"_[0-9a-f]{8}$", flat)
    assert flat == flat_name(name, space)


def test_names_that_become_equal_are_told_apart():
    spaces = ["a.b", "a-b", "a_b"]
    made = table(
        *(
            namespace(space, function("f.g"), function("f_g"), function("f" * 80), function("f" * 81))
            for space in spaces
        )
    )
    assert len(made.definitions) == 12
    assert all(LEGAL.fullmatch(name) for name in made.definitions)
    assert {(ref.namespace, ref.name) for ref in made.refs().values()} == {
        (space, name) for space in spaces for name in ("f.g", "f_g", "f" * 80, "f" * 81)
    }


def test_the_same_name_in_two_namespaces_is_two_tools():
    made = table(namespace("mcp__a", function("get")), namespace("mcp__b", function("get")), function("get"))
    assert [(n, made.refs()[n].namespace) for n in made.definitions] == [
        ("mcp__a__get", "mcp__a"), ("mcp__b__get", "mcp__b"), ("get", None),
    ]  # fmt: skip


def test_a_name_that_spells_out_another_is_told_apart():
    made = table(namespace("a", function("b__c")), namespace("a__b", function("c")), function("a__b__c"))
    assert len(made.definitions) == 3
    assert names(made)[0] == "a__b__c"
    assert {(ref.namespace, ref.name) for ref in made.refs().values()} == {
        ("a", "b__c"),
        ("a__b", "c"),
        (None, "a__b__c"),
    }


def test_a_tool_offered_twice_is_one_and_the_last_definition_counts():
    made = table(function("f", description="old"), function("g"), function("f", description="new"))
    assert names(made) == ["f", "g"]
    assert made.definitions["f"]["function"]["description"] == "new"


def test_a_tool_called_but_not_offered_can_be_called_again():
    made = table(function("f"))
    assert made.chat_name("function", "echo", "mcp__late") == "mcp__late__echo"
    assert made.refs()["mcp__late__echo"] == ToolRef("function", "echo", "mcp__late")
    assert names(made) == ["f"]


@pytest.mark.parametrize(("name", "space"), [("echo", "mcp__tiny__"), ("mcp__tiny__echo", None)])
def test_older_spellings_in_a_resumed_thread_are_the_tool_offered_now(name, space):
    made = table(namespace("mcp__tiny", function("echo")))
    assert made.chat_name("function", name, space) == "mcp__tiny__echo"
    assert made.refs()["mcp__tiny__echo"] == ToolRef("function", "echo", "mcp__tiny")


# --- choice


OFFERED = [
    function("f"),
    {"type": "custom", "name": "apply_patch"},
    namespace("n", function("g")),
    {"type": "tool_search"},
]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        ("auto", None),
        ("none", "none"),
        ("required", "required"),
        ("other", None),
        ({"type": "function", "name": "f"}, "f"),
        ({"type": "function", "function": {"name": "f"}}, "f"),
        ({"type": "custom", "name": "apply_patch"}, "apply_patch"),
        ({"type": "function", "name": "g", "namespace": "n"}, "n__g"),
        ({"type": "function", "name": "n__g"}, "n__g"),
        ({"type": "tool_search"}, "tool_search"),
        ({"type": "function", "name": "gone"}, None),
        ({"type": "web_search"}, None),
        ({"type": ["f"]}, None),
        ({}, None),
    ],
)
def test_a_choice_is_sent_in_chat_form(choice, sent):
    if isinstance(choice, dict) and sent is not None:
        sent = {"type": "function", "function": {"name": sent}}
    assert table(*OFFERED).choice(choice) == sent


def test_a_choice_of_a_tool_that_is_not_offered_leaves_a_note():
    made = table(*OFFERED)
    made.choice({"type": "web_search"})
    assert made.notes == ["tool_choice: web_search is not offered, the model is left to choose"]


@pytest.mark.parametrize(
    ("listed", "mode", "left", "sent"),
    [
        ([{"type": "function", "name": "f"}], "auto", ["f"], None),
        (
            [{"type": "function", "name": "f"}, {"type": "custom", "name": "apply_patch"}],
            "required",
            ["f", "apply_patch"],
            "required",
        ),
        ([{"type": "function", "name": "g", "namespace": "n"}, {"type": "web_search"}], "auto", ["n__g"], None),
        ([{"type": "function", "name": "gone"}], "required", [], None),
        ([5], "auto", [], None),
        ("x", "auto", [], None),
    ],
)
def test_allowed_tools_are_the_only_ones_sent(listed, mode, left, sent):
    made = table(*OFFERED)
    assert made.choice({"type": "allowed_tools", "mode": mode, "tools": listed}) == sent
    assert names(made) == left


# --- tools that the operator does not want offered --------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    ["agents__spawn_agent", "agents.spawn_agent", "spawn_agent"],
)
def test_a_denied_tool_is_left_out_by_each_of_its_names(word):
    made = ToolTable(denied=frozenset({word}))
    made.offer(
        [function("keep"), namespace("agents", function("spawn_agent"), function("wait"), description="Agents.")]
    )
    assert names(made) == ["keep", "agents__wait"]
    assert made.notes == ["tools: agents__spawn_agent was left out, as relay_tool_denylist says"]
    about = made.definitions["agents__wait"]["function"]["description"]
    assert about == "agents: Agents.", "the group's words go to the first that is offered"


def test_a_whole_namespace_and_tools_without_a_name_can_be_denied():
    made = ToolTable(denied=frozenset({"mcp__git", "local_shell", "web_search", "tool_search"}))
    made.offer([namespace("mcp__git", function("log"), function("show")), {"type": "local_shell"}])
    made.offer([{"type": "web_search"}, {"type": "tool_search"}, {"type": "custom", "name": "apply_patch"}])
    assert names(made) == ["apply_patch"]
    assert len(made.notes) == 5
    assert all(note.endswith("was left out, as relay_tool_denylist says") for note in made.notes)


def test_nothing_is_denied_by_a_part_of_its_name():
    made = ToolTable(denied=frozenset({"spawn", "gent", "agents__", ""}))
    made.offer([namespace("agents", function("spawn_agent")), namespace("functions", function("exec"))])
    assert (names(made), made.notes) == (["agents__spawn_agent", "exec"], [])


def test_a_denied_tool_can_be_named_by_its_shortened_name():
    long = "a" * 80
    made = ToolTable(denied=frozenset({flat_name(long)}))
    made.offer([function(long), function("keep")])
    assert names(made) == ["keep"]
