"""Every operation of the API is shown by a page, as a curl command that test_docs.py executes."""

import asyncio
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.api_world import make_world

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/tutorial/*.md")), *sorted(ROOT.glob("docs/howto/*.md"))]
BASH = re.compile(r"^```bash\n(.*?)^```$", re.M | re.S)
COMMAND_ENDS = ("|", "||", "&&", ")", ";", "\n")
BESIDE_THE_API = [("GET", "/metrics")]
"""Served, but no operation of the document."""
METHOD_OF_OPTION = {"-d": "POST", "-I": "HEAD", "-T": "PUT"}

Operation = tuple[str, str]
"""Method and path template."""


def operations(folder: Path) -> list[Operation]:
    """Those that can succeed: a path that is there to refuse everybody needs no example."""
    document = asyncio.run(make_world(folder)).app.openapi()
    return [
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if any(status.startswith("2") for status in operation["responses"])
    ]


def commands(block: str) -> Iterator[list[str]]:
    """The words of each curl command, wherever in a pipe or a substitution it stands."""
    text = block.replace("\\\n", " ")
    for start in re.finditer(r"\bcurl ", text):
        lexer = shlex.shlex(text[start.start() :], posix=True, punctuation_chars="|&;)\n")
        lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
        words = []
        for word in lexer:
            if any(word.startswith(end) for end in COMMAND_ENDS):
                break
            words.append(word)
        yield words


def request_of(words: list[str], base: str) -> Operation | None:
    """What a command asks for, its variables left as they are."""
    url = next((word for word in words if word.startswith(("$API", "http://"))), None)
    if url is None:
        return None
    method = words[words.index("-X") + 1] if "-X" in words else next(
        (METHOD_OF_OPTION[word] for word in words if word in METHOD_OF_OPTION), "GET"
    )  # fmt: skip
    return method, urlsplit(url.replace("$API", base)).path


def requests_of(page: str) -> set[Operation]:
    found = set()
    base = ""
    for block in BASH.findall(page):
        base = next(iter(re.findall(r"^API=(\S+)", block, re.M)), base)
        found |= {request for words in commands(block) if (request := request_of(words, base))}
    return found


def meaning(request: Operation, templates: list[Operation]) -> Operation | None:
    """The operation that answers a request: of those that fit, the one with the fewest variables."""
    method, path = request
    fitting = [
        template
        for template in templates
        if template[0] == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template[1]), path)
    ]
    return min(fitting, key=lambda template: template[1].count("{"), default=None)


def test_every_operation_is_shown_by_a_page(tmp_path: Path) -> None:
    templates = operations(tmp_path)
    shown = {meaning(request, templates) for page in PAGES for request in requests_of(page.read_text())}
    missing = [f"{method} {path}" for method, path in templates if (method, path) not in shown]
    assert not missing, "no page has a curl command for\n" + "\n".join(missing)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_shows_operations_that_exist(page: Path, tmp_path: Path) -> None:
    templates = operations(tmp_path) + BESIDE_THE_API
    unknown = [request for request in requests_of(page.read_text()) if meaning(request, templates) is None]
    assert not unknown


def test_commands_are_found_in_pipes_and_substitutions() -> None:
    page = (
        "```bash\nAPI=http://h:1/v1/users/u\n"
        'A=$(curl -s "$API/calls" -d "{\\"a\\": 1,\n  \\"b\\": 2}" | sed s/x/y/)\n'
        'curl -s -X DELETE \\\n  "$API/calls/$A?x=1"; curl -I $API/media/x\n```\n```text\ncurl $API/nothing\n```\n'
    )
    assert requests_of(page) == {
        ("POST", "/v1/users/u/calls"),
        ("DELETE", "/v1/users/u/calls/$A"),
        ("HEAD", "/v1/users/u/media/x"),
    }
