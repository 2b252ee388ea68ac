"""Every documented parameter, error code and event field is named by a test of what it belongs to.

The tests are read, not run: names are looked for where a test can use one, that is in keyword arguments, strings
that are nothing but the name, query strings, JSON text and lists of words that are split. Prose does not count.
"""

import ast
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from documented_names import CAUSES, CODES, EVENTS, NEVER_OCCUR, PARAMETERS, Group

TESTS = Path(__file__).parents[1]
SOURCE = TESTS.parent / "src" / "trebuchet"
COMPATIBILITY = TESTS.parent / "docs" / "compatibility.md"
FOLDERS = ("unit/api", "unit/events", "unit/calls", "e2e", "conformance")
TABLES = {"test_documented_names", "test_openapi_spec", "test_api_reference", "test_docs"}
"""Modules that list names without testing what they do."""

WHERE_CODES_ARE_MADE = ("api/errors.py", "events/failures.py", "calls/callee.py")
NAME_IN_TEXT = re.compile(r"""(?:^|[?&])([A-Za-z]+)=|"([A-Za-z]+)"\s*:""")
"""A parameter of a query string, and a key of JSON text."""


def is_split(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "split"


def names_in(node: ast.AST) -> Iterator[str]:
    """The names that one node of a test uses."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        yield text
        for groups in NAME_IN_TEXT.findall(text):
            yield from groups
    if isinstance(node, ast.Call) and is_split(node):
        assert isinstance(node.func, ast.Attribute)
        for part in ast.walk(node.func.value):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield from part.value.split()


def keywords_in(node: ast.AST) -> Iterator[str]:
    """What is handed to a helper that makes a request of it; what models are made of is no test of the wire."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return
    if node.func.id.islower() and node.func.id != "replace":
        yield from (keyword.arg for keyword in node.keywords if keyword.arg is not None)


def names_of(*nodes: ast.AST) -> frozenset[str]:
    """All names that are used in these pieces of code."""
    return frozenset(chain.from_iterable(map(names_in, chain.from_iterable(map(ast.walk, nodes)))))


def keywords_of(*nodes: ast.AST) -> frozenset[str]:
    return frozenset(chain.from_iterable(map(keywords_in, chain.from_iterable(map(ast.walk, nodes)))))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def pieces() -> list[tuple[str, str, frozenset[str]]]:
    """Every function and constant of every test module: the module, its own name, the names it uses."""
    paths = chain.from_iterable((TESTS / folder).glob("test_*.py") for folder in FOLDERS)
    return [
        (path.stem, getattr(node, "name", ""), names_of(node) | keywords_of(node))
        for path in paths
        if path.stem not in TABLES
        for node in parse(path).body
    ]


def named_by(patterns: str, is_about: Callable[[str, frozenset[str]], bool] = lambda *_: True) -> set[str]:
    """What is named by modules that match any of these patterns, in the pieces that `is_about` accepts."""
    found = [
        names
        for module, piece, names in pieces()
        if any(fnmatch(module, pattern) for pattern in patterns.split()) and is_about(piece, names)
    ]
    assert found, f"no test of this in {patterns}"
    return set().union(*found)


def named_for_resource(group: Group) -> set[str]:
    """In tests that mention the resource, where a module is about several."""
    return named_by(group.modules, lambda _, names: any(group.within in name for name in names))


def named_for_event(group: Group) -> set[str]:
    """In tests that expect the event, or are called after it."""
    title = group.title.replace("-", "_")
    return named_by(group.modules, lambda piece, names: group.title in names or title in piece)


def label(group: Group) -> str:
    return f"{group.title}, {group.modules.split()[0]}"


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ('post({"tag": "x"})', True),
        ('get("/calls?page=1&tag=x")', True),
        ('get(f"{path}?tag={value}")', True),
        ("post(content=b'{\"tag\": 5}')", True),
        ('names = "id tag".split()', True),
        ('create(world, tag="x")', True),
        ('"""The tag of a call."""', False),
        ('Call(tag="x")', False),
        ('replace(call, tag="x")', False),
        ("call.tag", False),
        ('get("/calls?tags=1")', False),
    ],
)
def test_what_counts_as_naming(code: str, counts: bool) -> None:
    tree = ast.parse(code)
    assert ("tag" in names_of(tree) | keywords_of(tree)) is counts


@pytest.mark.parametrize("group", PARAMETERS, ids=label)
def test_every_parameter_is_named_by_a_test_of_its_resource(group: Group) -> None:
    assert set(group.names.split()) - named_for_resource(group) == set()


@pytest.mark.parametrize("group", EVENTS, ids=label)
def test_every_field_is_named_by_a_test_of_its_event(group: Group) -> None:
    assert {group.title, *group.names.split()} - named_for_event(group) == set()


def test_every_cause_of_a_hangup_is_named_by_a_test_of_outgoing_calls() -> None:
    assert set(CAUSES.split()) - named_by("test_outgoing") == set()


def codes_made() -> set[str]:
    """The documented codes that the server can answer with; one is put together of its beginning and a word."""
    made = names_of(*(parse(SOURCE / path) for path in WHERE_CODES_ARE_MADE))
    beginnings = tuple(text for text in made if re.fullmatch(r"[a-z]+(-[a-z]+)+-", text))
    return {code for code in CODES.split() if code in made or code.startswith(beginnings)}


def test_every_code_is_made_or_explained() -> None:
    assert set(CODES.split()) - codes_made() - set(NEVER_OCCUR) == set()


def test_what_is_said_never_to_occur_does_not() -> None:
    assert set(NEVER_OCCUR) - set(CODES.split()) == set(), "an explanation of a code that is not documented"
    assert set(NEVER_OCCUR) & codes_made() == set()
    told = set(re.findall(r"`([a-z-]+)`", COMPATIBILITY.read_text(encoding="utf-8")))
    assert set(NEVER_OCCUR) - told == set(), "users are not told"


def test_every_code_that_occurs_is_named_by_a_test() -> None:
    assert set(CODES.split()) - set(NEVER_OCCUR) - named_by("test_*") == set()
