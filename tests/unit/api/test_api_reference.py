"""The OpenAPI document and its page say everything that there is to say, and nothing that is not so."""

import asyncio
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from support.api_world import ApiWorld, make_world
from trebuchet.api.app import OPERATIONS
from trebuchet.api.fields import read_object
from trebuchet.api.openapi import _VARIABLE
from trebuchet.api.operation import Operation
from trebuchet.api.reference.examples import EXAMPLES
from trebuchet.api.reference.page import CONTENT_SECURITY_POLICY, render
from trebuchet.api.reference.refusals import KINDS
from trebuchet.base.ids import LENGTH

DOCUMENTED = [operation for operation in OPERATIONS if not operation.is_hidden]
INTERNAL = {"method-not-allowed"}
"""What no operation of the document can answer: it is for methods that are not in it."""
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    world = asyncio.run(make_world(Path(tmp_path_factory.mktemp("media"))))
    made: dict[str, Any] = world.app.openapi()
    return made


def methods(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if path.startswith("/v1/")
    ]


def name(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    found = methods(document)
    assert len(found) == len(DOCUMENTED)
    ids = [operation["operationId"] for _, _, operation in found]
    assert len(set(ids)) == len(ids)
    for method, path, operation in found:
        assert operation["summary"] and operation["description"] and operation["tags"], (method, path)
        assert operation["security"] == [{"basic": []}]


def test_every_parameter_and_property_is_explained(document: dict[str, Any]) -> None:
    unexplained = [
        f"{path}?{parameter['name']}"
        for _, path, operation in methods(document)
        for parameter in operation["parameters"]
        if not parameter.get("description")
    ]
    unexplained += [
        f"{schema}.{key}"
        for schema, form in document["components"]["schemas"].items()
        for key, part in form.get("properties", {}).items()
        if not part.get("description") and "$ref" not in part
    ]
    assert sorted(set(unexplained)) == []


def test_every_error_code_is_named_by_an_operation_that_answers_it(document: dict[str, Any]) -> None:
    named = {
        code
        for _, _, operation in methods(document)
        for response in operation["responses"].values()
        for code in response.get("content", {}).get("application/json", {}).get("examples", {})
    }
    missing = sorted({kind.code for kind in KINDS} - named - INTERNAL)
    assert not missing, missing


def test_error_examples_have_the_form_of_errors(document: dict[str, Any]) -> None:
    keys = set(document["components"]["schemas"]["Error"]["required"])
    count = 0
    for method, path, operation in methods(document):
        assert {"401", "429", "500", "503", "default"} <= set(operation["responses"]), (method, path)
        for status, response in operation["responses"].items():
            for code, example in response.get("content", {}).get("application/json", {}).get("examples", {}).items():
                count += 1
                assert set(example["value"]) == keys and example["value"]["code"] == code
                assert int(status) >= 400 and "{" not in example["value"]["message"]
    assert count > 100


@pytest.mark.parametrize("operation", [op for op in DOCUMENTED if op.body is not None], ids=name)
def test_every_body_has_examples_that_are_taken(operation: Operation) -> None:
    examples = EXAMPLES[operation.method, _VARIABLE.sub(r"{\1}", operation.path)]
    assert examples and operation.body is not None
    for value in examples.values():
        body = read_object(operation.body, value)
        sent = {key for key in value if value[key] is not None}
        assert len(body.model_fields_set) == len(sent), "an example says something that nobody reads"


@pytest.mark.parametrize("operation", [op for op in DOCUMENTED if op.result is not None], ids=name)
def test_every_result_has_an_example_of_its_type(operation: Operation, document: dict[str, Any]) -> None:
    path = _VARIABLE.sub(r"{\1}", operation.path)
    found = document["paths"][_VARIABLE.sub(r"{\1}", operation.root) + path][operation.method.lower()]
    example = found["responses"][str(operation.result_status)]["content"]["application/json"]["example"]
    assert example and (not isinstance(example, list) or example[0])
    TypeAdapter(operation.result).validate_python(example)


def test_bodies_that_may_be_left_out_and_what_tokens_answer(document: dict[str, Any]) -> None:
    optional = {
        path.rpartition("/")[2]
        for method, path, operation in methods(document)
        if method == "POST" and not operation.get("requestBody", {"required": True})["required"]
    }
    assert optional == {"tokens", "transcriptions"}
    token = document["paths"]["/v1/users/{userId}/domains/{domainId}/endpoints/{endpointId}/tokens"]["post"]
    assert set(token["responses"]["201"]) == {"description", "headers", "content"} and "200" not in token["responses"]
    example = token["responses"]["201"]["content"]["application/json"]["example"]["token"]
    assert len(example) == len("et-") + LENGTH
    shown = document["components"]["schemas"]["TranscriptionResource"]
    assert shown["required"] == ["id", "state", "time"]
    assert shown["properties"]["state"]["enum"] == ["transcribing", "completed", "error"]


def test_bodies_are_shown_with_their_content_type(document: dict[str, Any]) -> None:
    stream = document["paths"]["/v1/users/{userId}/events/stream"]["get"]
    assert set(stream["responses"]["200"]["content"]) == {"text/event-stream"}
    assert "Last-Event-ID" in [parameter["name"] for parameter in stream["parameters"]]


def test_what_changes_something_takes_a_key(document: dict[str, Any]) -> None:
    for method, path, operation in methods(document):
        takes = "Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]]
        assert takes is (method not in ("GET", "HEAD")), path


# the page


class Checker(HTMLParser):
    """Fails on elements that are not closed in order, and collects what the page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if "src" in values or tag in ("link", "script", "img", "iframe"):
            self.fetched.append(tag)
        if values.get("id"):
            self.anchors.add(str(values["id"]))
        if tag == "a":
            self.links.add(str(values["href"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_every_operation_and_fetches_nothing(document: dict[str, Any]) -> None:
    page = Checker()
    page.feed(render(document))
    assert (page.open, page.fetched) == ([], [])
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.anchors
    for method, path, operation in methods(document):
        assert operation["operationId"] in page.anchors and path in page.text, (method, path)
    assert "transferCallerId" in page.text and "call-invalid-state" in page.text


def test_the_page_cannot_be_made_to_say_more() -> None:
    """Whatever the document holds is text."""
    evil = '<script>alert("&")</script>'
    document = {
        "info": {"title": evil, "version": evil, "description": evil},
        "components": {"schemas": {"B": {"properties": {evil: {"type": evil, "description": evil}}}}},
        "paths": {
            evil: {
                "post": {
                    "summary": evil,
                    "description": f"`{evil}`",
                    "operationId": f'">{evil}',
                    "tags": [evil],
                    "parameters": [{"name": evil, "in": evil, "schema": {"enum": [evil]}, "description": evil}],
                    "requestBody": {
                        "content": {
                            evil: {
                                "schema": {"$ref": "#/components/schemas/B"},
                                "examples": {evil: {"value": {"a": evil}}},
                            }
                        }
                    },
                    "responses": {evil: {"description": evil}},
                }
            }
        },
    }
    page = Checker()
    page.feed(render(document))
    assert (page.open, page.fetched) == ([], [])


async def test_the_page_and_the_document_are_served_to_anybody(tmp_path: Path) -> None:
    world: ApiWorld = await make_world(tmp_path)
    for path in ("/docs", "/docs/"):
        page = await world.client.send(httpx.Request("GET", f"http://x{path}"), auth=None)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert page.text.startswith("<!doctype html>")
    served = await world.client.send(httpx.Request("GET", "http://x/openapi.json"), auth=None)
    assert json.loads(served.content) == json.loads(json.dumps(world.app.openapi()))
