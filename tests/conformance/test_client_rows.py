"""No method of the old vendor's clients is forgotten: each row of `client_rows` is called by a test.

The tests are read, not run. A row counts where a test calls it by its name: `node("Call.create", ...)`,
`voice.create_call(...)`, `ruby("create a call", ...)` or `ruby.new(...)`; `replay` and `either` stand for several
clients.
"""

import ast
import asyncio
import inspect
import json
import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import bandwidth
import pytest
from client_rows import NODE, PYTHON, ROWS

from support.node_client import MODULES, PACKAGES

JAVASCRIPT = ("node", "sdk", "client")
PYTHON_NAMES = ("voice", "account", "python")
REPLAYED = {
    "ruby": ("ruby",), "java": ("java",), "csharp": ("c#",), "either": ("ruby", "c#"), "replay": ("ruby", "java", "c#"),
}  # fmt: skip
"""The names that tests have for the clients, which are those of the fixtures."""
HELPERS = {"build_sentence", "build_audio_playback"}
"""Of the Python library; they send nothing."""
METHODS = """
const client = new (require(process.argv[1]))({userId: "u", apiToken: "t", apiSecret: "s"});
const methods = (part) => Object.keys(part).filter((name) => typeof part[name] === "function");
const parts = Object.keys(client).filter((name) => client[name] !== null && typeof client[name] === "object");
console.log(JSON.stringify(parts.flatMap((part) => methods(client[part]).map((name) => part + "." + name))));
"""
Called = tuple[str, str]
"""A client and its row."""


def first_text(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def called_in(code: ast.AST) -> Iterator[Called]:
    for node in ast.walk(code):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in PYTHON_NAMES:
            yield "python", node.attr
        if isinstance(node, ast.Call) and (row := first_text(node)) is not None:
            yield from ((client, row) for client in clients_of(node.func))


def clients_of(function: ast.expr) -> tuple[str, ...]:
    """Who sends, if this is called with a row."""
    if isinstance(function, ast.Attribute) and function.attr == "new" and isinstance(function.value, ast.Name):
        return REPLAYED.get(function.value.id, ())
    if not isinstance(function, ast.Name):
        return ()
    if function.id in JAVASCRIPT:
        return ("node",)
    return ("python",) if function.id == "do" else REPLAYED.get(function.id, ())


@cache
def called() -> frozenset[Called]:
    """By any test of this folder."""
    modules = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(__file__).parent.glob("test_*.py")]
    return frozenset(pair for module in modules for pair in called_in(module))


def rows_of(client: str) -> set[str]:
    return {row for who, row in called() if who == client}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('node("Call.create", {})', {("node", "Call.create")}),
        ("voice.create_call(1)", {("python", "create_call")}),
        ('do("create_domain", "x")', {("python", "create_domain")}),
        ('csharp("get a call", "c-1")', {("c#", "get a call")}),
        ('either.new("create a bridge")', {("ruby", "create a bridge"), ("c#", "create a bridge")}),
        ("ruby(words)", set()),
        ('"""get a call"""', set()),
        ('other("get a call")', set()),
    ],
)
def test_what_counts_as_called(code: str, found: set[Called]) -> None:
    assert set(called_in(ast.parse(code))) == found


@pytest.mark.parametrize("client", ROWS)
def test_every_row_of_a_replayed_client_is_called(client: str) -> None:
    assert set(ROWS[client]) - rows_of(client) == set()


@pytest.mark.parametrize("client", ROWS)
def test_a_test_calls_no_row_that_its_client_lacks(client: str) -> None:
    assert rows_of(client) - set(ROWS[client]) == set()


def test_every_method_of_the_javascript_client_is_called() -> None:
    assert set(NODE.split()) - rows_of("node") == set()


def test_every_method_of_the_python_client_is_called() -> None:
    assert set(PYTHON.split()) - rows_of("python") == set()


def test_the_python_client_has_no_other_methods() -> None:
    parts = [bandwidth.client(kind, "u", "t", "s") for kind in ("voice", "account")]
    found = {name for part in parts for name, _ in inspect.getmembers(part, inspect.ismethod) if name[0] != "_"}
    assert found - HELPERS == set(PYTHON.split())


@pytest.mark.parametrize("package", PACKAGES.values())
async def test_the_javascript_client_has_no_other_methods(package: str) -> None:
    program = shutil.which("node")
    assert program, "node is not installed: run make setup"
    process = await asyncio.create_subprocess_exec(
        program, "--no-deprecation", "-e", METHODS, package, stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"NODE_PATH": str(MODULES)},
    )  # fmt: skip
    output, _ = await process.communicate()
    assert {name for name in json.loads(output) if not name.startswith("Message.")} == set(NODE.split())
