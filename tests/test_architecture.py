"""The rules of the house, checked over the source tree.

Every rule is a function from source to complaints, so that it is tried twice: on the tree, where it must find nothing,
and on a bad sample, where it must find something.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

TOP_LEVEL = {"LICENSE", "README.md", "addon", "fixtures", "pyproject.toml", "recordings", "relay_translate", "tests"}
BUILD_LEFTOVERS = re.compile(r"\..*|__pycache__|build|dist|venv|htmlcov|.*\.egg-info")

# Reading without I/O, clock, randomness and threads is what makes the translator testable by value.
IMPURE = {
    "asyncio", "concurrent", "datetime", "fileinput", "getpass", "glob", "http.client", "http.server", "locale",
    "logging", "multiprocessing", "os", "pathlib", "platform", "queue", "random", "sched", "secrets", "select",
    "selectors", "shutil", "signal", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "sys", "tempfile",
    "threading", "time", "urllib.request", "uuid", "warnings",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}

# About 350 lines is what one reads in a sitting; past 450 a module holds two subjects and is split by kind.
MODULE_LINES = 450
PUBLIC_NAMES = 26

PROVIDERS = (
    "anthropic|bigmodel|cerebras|dashscope|deepinfra|deepseek|fireworks|gemini|groq|kimi|litellm|llama|lmstudio|minimax"
    "|mistral|moonshot|novita|nvidia|ollama|openrouter|perplexity|qwen|sglang|siliconflow|vllm|xai|zai|zhipu"
)
# These are also words or header prefixes: they count only when they stand alone.
AMBIGUOUS = "azure|google|nim|openai|together"
PROVIDER = re.compile(rf"(?<![a-z])(?:{PROVIDERS})(?![a-z])|^(?:{AMBIGUOUS})$|\bapi\.openai\.com", re.I)

# Written in pieces where this file would otherwise find itself.
PRIVATE_TEXT = {
    "a path of one machine": re.compile(
        r"(?<![\w.])/(?:work|tmp/w)/|/roo" + r"t/[.A-Z]|(?<![\w.])/(?:home|Users)/(?!you|user|jan.|me\b|x+/)[a-z]\w*/"
    ),
    "a key": re.compile(
        r"\bsk-(?:[a-z]+-)*[A-Za-z0-9]{24,}|\b(?:gsk|hf|xai|nvapi)[_-][A-Za-z0-9_-]{30,}|\bAIza[\w-]{35}"
        r"|\bAKIA[0-9A-Z]{16}|\bgh[pousr]_[A-Za-z0-9]{30,}|-----BEGIN [A-Z ]*PRIVATE KEY"
    ),
}


# --- looking at source ------------------------------------------------------------------------------------------------


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, package: str = "") -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything imported, `from a import b` as `a.b`, relative names made absolute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                anchor = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*anchor, base] if base else anchor)
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def package_of(path: Path) -> str:
    return module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]


def complaints_of(rule, files: Iterable[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in files
        for line, text in rule(ast.parse(path.read_text(encoding="utf-8")), package_of(path))
    ]


# --- the rules --------------------------------------------------------------------------------------------------------


def impurities(tree: ast.AST, package: str = "relay_translate") -> Iterator[tuple[int, str]]:
    for line, name in imported(tree, package):
        if within(name, IMPURE):
            yield line, f"imports {name}"
        elif not within(name, {"relay_translate"} | set(sys.stdlib_module_names)):
            yield line, f"imports {name}, which is not in the standard library"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            yield node.lineno, f"calls {node.func.id}()"


def private_mitmproxy(tree: ast.AST, package: str = "addon") -> Iterator[tuple[int, str]]:
    """Private names and version numbers of mitmproxy: both change between releases without notice."""
    bound = set()
    for line, name in imported(tree, package):
        if not within(name, {"mitmproxy", "mitmproxy_rs"}):
            continue
        bound.add(name.rpartition(".")[2])
        if within(name, {"mitmproxy.version"}) or any(part.startswith("_") for part in name.split(".")):
            yield line, f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            origin: ast.AST = node.value
            while isinstance(origin, ast.Attribute | ast.Call | ast.Subscript):
                origin = origin.func if isinstance(origin, ast.Call) else origin.value
            if isinstance(origin, ast.Name) and origin.id in bound:
                yield node.lineno, f"uses .{node.attr} of {origin.id}"


def provider_branches(tree: ast.AST, package: str = "") -> Iterator[tuple[int, str]]:
    """A provider named in a comparison, a prefix test or a match case: providers are data, not branches."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            inside: Iterable[ast.AST] = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr not in {"startswith", "endswith", "find", "count", "fullmatch", "match", "search"}:
                continue
            inside = node.args
        elif isinstance(node, ast.MatchValue):
            inside = [node]
        else:
            continue
        for part in (inner for outer in inside for inner in ast.walk(outer)):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and PROVIDER.search(part.value):
                yield node.lineno, f"decides by the provider name {part.value!r}"


def private_text(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in PRIVATE_TEXT.items():
            if found := pattern.search(line):
                yield number, f"{what}: {found.group()[:20]}"


def import_graph(sources: dict[str, str], package: str = "relay_translate") -> dict[str, set[str]]:
    """module -> modules of the package it imports; imports for type checkers count too, they are dependencies."""
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        is_package = any(other.startswith(module + ".") for other in sources)
        names = imported(ast.parse(source), module if is_package else module.rpartition(".")[0])
        targets = {name if name in sources else name.rpartition(".")[0] for _, name in names if within(name, {package})}
        graph[module] = (targets & sources.keys()) - {module}
    return graph


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    todo = list(graph.get(start, ()))
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo.extend(graph.get(module, ()))
    return seen


def cycles(graph: dict[str, set[str]]) -> list[str]:
    return sorted(module for module in graph if module in reachable(graph, module))


# --- the tree ---------------------------------------------------------------------------------------------------------


def listed_files() -> list[Path]:
    """What git tracks or would add; every file that is no leftover where there is no git."""
    try:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60)
        names = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        names = [str(path) for path in found if not any(BUILD_LEFTOVERS.fullmatch(part) for part in path.parts)]
    return [ROOT / name for name in sorted(set(names)) if (ROOT / name).is_file()]


def package_sources() -> dict[str, str]:
    return {module_name(path): path.read_text(encoding="utf-8") for path in python_files("relay_translate")}


def test_the_translator_is_pure() -> None:
    assert complaints_of(impurities, python_files("relay_translate")) == []


def test_only_compat_knows_private_mitmproxy_names_and_versions() -> None:
    files = [path for path in python_files("addon") if path.name != "compat.py"]
    assert complaints_of(private_mitmproxy, files) == []


def test_providers_are_named_only_in_profiles() -> None:
    files = [path for path in python_files("relay_translate", "addon") if "profiles" not in path.parts]
    assert complaints_of(provider_branches, files) == []


def test_request_and_stream_do_not_know_each_other() -> None:
    graph = import_graph(package_sources())
    assert "relay_translate.stream" not in reachable(graph, "relay_translate.request")
    assert "relay_translate.request" not in reachable(graph, "relay_translate.stream")


def test_the_translator_has_no_import_cycles() -> None:
    graph = import_graph(package_sources())
    graph.pop("relay_translate")  # the public list imports everything; nothing may import from it
    assert cycles(graph) == []


def test_no_module_imports_from_the_public_list() -> None:
    graph = import_graph(package_sources())
    assert [module for module, targets in graph.items() if "relay_translate" in targets] == []


def test_unit_and_golden_tests_need_no_mitmproxy() -> None:
    sources = {module_name(path): path.read_text(encoding="utf-8") for path in python_files("tests", "addon")}
    graph = import_graph(sources, "tests")
    starts = [module for module in sources if within(module, {"tests.unit", "tests.golden"})]
    used = set(starts).union(*(reachable(graph, module) for module in starts))
    names = [(module, name) for module in used for _, name in imported(ast.parse(sources[module]))]
    assert [(module, name) for module, name in names if within(name, {"mitmproxy", "addon"})] == []


def test_the_translator_imports_without_mitmproxy() -> None:
    blocked = "import sys; sys.modules.update(dict.fromkeys(['mitmproxy', 'mitmproxy_rs', 'httpx', 'openai']));"
    code = f"{blocked} import {', '.join(package_sources())}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_public_list_is_short_complete_and_true() -> None:
    package = importlib.import_module("relay_translate")
    public = [name for name in package.__all__ if name != "__version__"]
    assert len(public) == len(set(public)) <= PUBLIC_NAMES
    assert [name for name in public if not hasattr(package, name)] == []
    source = (ROOT / "relay_translate/__init__.py").read_text(encoding="utf-8")
    offered = {name.rpartition(".")[2] for _, name in imported(ast.parse(source), "relay_translate")}
    assert {name for name in offered if not name.startswith("_")} - {"annotations"} == set(public)


def test_public_names_are_documented() -> None:
    package = importlib.import_module("relay_translate")
    public = {name: getattr(package, name) for name in package.__all__ if name != "__version__"}
    # A dataclass without a docstring is given its signature as one, which says nothing.
    texts = {name: thing.__doc__ or "" for name, thing in public.items() if callable(thing)}
    assert [name for name, text in texts.items() if not text or text.startswith(f"{name}(")] == []


def test_modules_can_be_read_in_a_sitting() -> None:
    files = python_files("relay_translate", "addon", "tests")
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {path: lines for path, lines in lengths.items() if lines > MODULE_LINES} == {}


def test_top_level_holds_the_house_and_nothing_else() -> None:
    entries = {path.relative_to(ROOT).parts[0] for path in listed_files()}
    assert {entry for entry in entries if not entry.startswith(".")} - TOP_LEVEL == set()


def test_nothing_listed_holds_a_machine_path_or_a_key() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {text}"
        for path in listed_files()
        for number, text in private_text(path.read_bytes().decode("utf-8", "replace"))
    ]
    assert found == []


# --- the rules can fail -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (impurities, "import time"),
        (impurities, "def late():\n    from urllib.request import urlopen"),
        (impurities, "import httpx"),
        (impurities, "from addon import settings"),
        (impurities, "text = open('x').read()"),
        (private_mitmproxy, "from mitmproxy.proxy.layers.http import _http1"),
        (private_mitmproxy, "from mitmproxy import version"),
        (private_mitmproxy, "from mitmproxy import ctx\nctx.master.addons._call()"),
        (provider_branches, "if model.startswith('deepseek'): pass"),
        (provider_branches, "if host == 'api.openai.com': pass"),
        (provider_branches, "quirk = 'kimi-k2' in model"),
        (provider_branches, "match name:\n    case 'groq': pass"),
    ],
)
def test_rules_find_what_they_forbid(rule, source: str) -> None:
    assert list(rule(ast.parse(source), "relay_translate"))


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (impurities, "import json\nfrom . import errors\nfrom urllib.parse import urlsplit"),
        (private_mitmproxy, "from mitmproxy import ctx\nctx.options.update()\nself._turns = {}"),
        (provider_branches, "if header == 'openai-model': pass\nlabel = 'deepseek'"),
    ],
)
def test_rules_leave_the_rest_alone(rule, source: str) -> None:
    assert list(rule(ast.parse(source), "relay_translate")) == []


def test_a_cycle_is_found() -> None:
    graph = import_graph({"p": "", "p.a": "from .b import x", "p.b": "from p import c", "p.c": "import p.a"}, "p")
    assert cycles(graph) == ["p.a", "p.b", "p.c"]


@pytest.mark.parametrize(
    "text", ["see /wor" + "k/main/x.py", "sk-proj-" + "a1" * 20, "/home/" + "anna/notes", "hf_" + "x" * 34]
)
def test_private_text_is_found(text: str) -> None:
    assert list(private_text(text))


@pytest.mark.parametrize(
    "text",
    ["/workspace/hello.py", "/tmp/demo/home/skills/", "sk-test", "/root/counter", "framework/x", "task-" + "a" * 40],
)
def test_harmless_text_is_not(text: str) -> None:
    assert list(private_text(text)) == []
