"""The OpenAPI document: made from the same models that read requests and the same types that shape answers.

What cannot follow from them (meanings, examples, which errors when) is in `reference`.
"""

import re
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

from trebuchet.api.errors import Kind
from trebuchet.api.idempotency import CHANGING_METHODS
from trebuchet.api.operation import Creates, Operation
from trebuchet.api.reference.examples import EXAMPLES
from trebuchet.api.reference.glossary import entry
from trebuchet.api.reference.page import CONTENT_SECURITY_POLICY, render
from trebuchet.api.reference.refusals import refusals
from trebuchet.api.reference.schemas import REFERENCE, Schemas, explain, without_nulls

_VARIABLE = re.compile(r"\{(\w+)(?::\w+)?\}")
_ERROR = "Error"
_ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Every answer that is no success has this form.",
    "required": ["category", "code", "message", "details"],
    "properties": {
        "category": {"type": "string", "description": "Groups codes."},
        "code": {"type": "string", "description": "Says what went wrong; stable."},
        "message": {"type": "string", "description": "Says it to people."},
        "details": {
            "type": "array",
            "description": "What it is about, then always `requestMethod`, `remoteAddress` and `requestPath`.",
            "items": {
                "type": "object",
                "required": ["name", "value"],
                "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
            },
        },
    },
}
_KEY_PARAMETER: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "With the same key the same request takes effect once, however often it is sent.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_EVENT_PARAMETER: dict[str, Any] = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The place in the log after which to go on; 0 is its beginning. Without it: from now on.",
    "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
}
EVENT_STREAM = "text/event-stream"
_PARAMETERS_BY_CONTENT = {EVENT_STREAM: [_EVENT_PARAMETER]}


def install(app: FastAPI, operations: Sequence[Operation]) -> None:
    """Serve the document; it is made once, when first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, operations)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # the framework's documented way


def page_for(app: FastAPI) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """The endpoint of the page; it is made once, when first asked for."""
    made: list[bytes] = []

    async def page(request: Request) -> Response:
        """The API described, to be read."""
        if not made:
            made.append(render(app.openapi()).encode())
        headers = {"content-security-policy": CONTENT_SECURITY_POLICY, "cache-control": "no-cache"}
        return Response(made[0], media_type="text/html", headers=headers)

    return page


def _document(app: FastAPI, operations: Sequence[Operation]) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = Schemas()
    schemas.named[_ERROR] = _ERROR_SCHEMA
    for operation in [operation for operation in operations if not operation.is_hidden]:
        path = _VARIABLE.sub(r"{\1}", operation.root + operation.path)
        made["paths"][path][operation.method.lower()].update(_describe(operation, schemas))
    made["components"] = {
        "schemas": schemas.named,
        "securitySchemes": {
            "basic": {"type": "http", "scheme": "basic", "description": "The account's token and secret."}
        },
    }
    return made


def _describe(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    """The operation's own part of the document."""
    path = _VARIABLE.sub(r"{\1}", operation.path)
    described: dict[str, Any] = {
        "tags": [path.split("/")[1]],
        "description": _prose(operation.handler.__doc__),
        "parameters": _path_parameters(operation) + _query_parameters(operation) + _header_parameters(operation),
        "responses": _successes(operation, schemas) | _failures(operation, path),
        "security": [{"basic": []}],
    }
    if operation.body is not None:
        content: dict[str, Any] = {"schema": schemas.add(operation.body)}
        examples = EXAMPLES.get((operation.method, path))
        if examples is not None:
            content["examples"] = {name: {"summary": name, "value": value} for name, value in examples.items()}
        described["requestBody"] = {
            "required": not operation.is_body_optional,
            "content": {"application/json": content},
        }
    if operation.consumes is not None:
        described["requestBody"] = {"required": True, "content": {operation.consumes: {}}}
    return described


def _prose(docstring: str | None) -> str:
    return " ".join((docstring or "").split())


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} | _meaning(name)
        for name in _VARIABLE.findall(operation.root + operation.path)
    ]


def _meaning(name: str) -> dict[str, Any]:
    known = entry("", name)
    return {} if known is None else {"description": known[0]}


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    properties = without_nulls(operation.query.model_json_schema(by_alias=True))["properties"]
    for name, schema in properties.items():
        explain(operation.query.__name__, name, schema)
    return [
        {"name": name, "in": "query", "schema": schema}
        | ({"description": schema.pop("description")} if "description" in schema else {})
        for name, schema in properties.items()
    ]


def _header_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.method not in CHANGING_METHODS:
        return list(_PARAMETERS_BY_CONTENT.get(operation.produces or "", ()))
    return [_KEY_PARAMETER]


def _successes(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    if operation.result is not None:
        schema = schemas.add(operation.result)
        content = {"schema": schema, "example": schemas.example(schema)}
        said = "Found" if operation.result_status == HTTPStatus.OK else "Made"
        responses[str(operation.result_status)] = {"description": said, "content": {"application/json": content}}
    elif operation.produces is not None:
        responses["200"] = {"description": "Its content", "content": {operation.produces: {}}}
    elif operation.creates is not Creates.ALWAYS and not operation.is_empty:
        responses["200"] = {"description": "Done"}
    if operation.creates is not Creates.NEVER:
        header = {"required": True, "schema": {"type": "string", "format": "uri"}, "description": "Where it is."}
        responses["201"] = {"description": "Made", "headers": {"Location": header}} | responses.get("201", {})
    return responses


def _failures(operation: Operation, path: str) -> dict[str, Any]:
    known = refusals(operation, path, _VARIABLE.findall(operation.path))
    described = {str(status): _failure(HTTPStatus(status).phrase, kinds) for status, kinds in known.items()}
    schema = {"$ref": REFERENCE.format(model=_ERROR)}
    described["default"] = {"description": "Refused", "content": {"application/json": {"schema": schema}}}
    return described


def _failure(phrase: str, kinds: Sequence[Kind]) -> dict[str, Any]:
    codes = sorted({kind.code for kind in kinds})
    content: dict[str, Any] = {
        "schema": {"$ref": REFERENCE.format(model=_ERROR)},
        "examples": {kind.code: {"value": _error_example(kind)} for kind in reversed(kinds)},
    }
    description = f"{phrase}: " + ", ".join(f"`{code}`" for code in codes)
    return {"description": description, "content": {"application/json": content}}


def _error_example(kind: Kind) -> dict[str, Any]:
    message = kind.template.format(*("…" for _ in range(4)))
    return {"category": kind.category, "code": kind.code, "message": message, "details": []}
