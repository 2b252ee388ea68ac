"""The OpenAPI document: made from the same models that read requests and the same types that shape answers."""

import re
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, TypeAdapter

from trebuchet.api.operation import USER_PATH, Creates, Operation

_REFERENCE = "#/components/schemas/{model}"
_VARIABLE = re.compile(r"\{(\w+)(?::\w+)?\}")
_NULL = {"type": "null"}
_ERROR = "Error"
_ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["category", "code", "message", "details"],
    "properties": {
        "category": {"type": "string"},
        "code": {"type": "string"},
        "message": {"type": "string"},
        "details": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "value"],
                "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
            },
        },
    },
}


def install(app: FastAPI, operations: Sequence[Operation]) -> None:
    """Serve the document; it is made once, when first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, operations)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # the framework's documented way


def _document(app: FastAPI, operations: Sequence[Operation]) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas: dict[str, Any] = {_ERROR: _ERROR_SCHEMA}
    for operation in operations:
        path = _VARIABLE.sub(r"{\1}", USER_PATH + operation.path)
        made["paths"][path][operation.method.lower()].update(_describe(operation, schemas))
    made["components"] = {
        "schemas": schemas,
        "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
    }
    return made


def _describe(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    """The operation's own part of the document. Shared schemas are added to `schemas` under their names."""
    described: dict[str, Any] = {
        "parameters": _path_parameters(operation) + _query_parameters(operation),
        "responses": _responses(operation, schemas),
        "security": [{"basic": []}],
    }
    if operation.body is not None:
        schema = _shared(operation.body, schemas)
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    names = _VARIABLE.findall(USER_PATH + operation.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    properties = _without_nulls(operation.query.model_json_schema(by_alias=True))["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]


def _responses(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    if operation.result is not None:
        schema = _shared(operation.result, schemas)
        responses["200"] = {"description": "Found", "content": {"application/json": {"schema": schema}}}
    elif operation.creates is not Creates.ALWAYS:
        responses["200"] = {"description": "Done"}
    if operation.creates is not Creates.NEVER:
        header = {"required": True, "schema": {"type": "string", "format": "uri"}}
        responses["201"] = {"description": "Made", "headers": {"Location": header}}
    error = {"schema": {"$ref": _REFERENCE.format(model=_ERROR)}}
    responses["default"] = {"description": "Refused", "content": {"application/json": error}}
    return responses


def _shared(source: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to (or the form of) a type's schema; every named part goes to `schemas`."""
    is_model = isinstance(source, type) and issubclass(source, BaseModel)
    mode: Any = "validation" if is_model else "serialization"
    schema = TypeAdapter(source).json_schema(ref_template=_REFERENCE, mode=mode)
    parts = schema.pop("$defs", {})
    schemas.update({name: _without_nulls(part) for name, part in parts.items()})
    name = schema.get("title")
    if name is None or "$ref" in schema or schema.get("type") != "object":
        return schema
    schemas[name] = _without_nulls(schema)
    return {"$ref": _REFERENCE.format(model=name)}


def _without_nulls(schema: dict[str, Any]) -> dict[str, Any]:
    """Null is never sent and means "not sent" when received: such properties are optional, not nullable."""
    properties = schema.get("properties", {})
    optional = {name for name, part in properties.items() if _NULL in part.get("anyOf", ())}
    for name in optional:
        forms = [form for form in properties[name].pop("anyOf") if form != _NULL]
        properties[name].update(forms[0] if len(forms) == 1 else {"anyOf": forms})
    for part in properties.values():
        part.pop("title", None)  # the name again, in another spelling
        if part.get("default", "") is None:
            del part["default"]
    if "required" in schema:
        schema["required"] = [name for name in schema["required"] if name not in optional]
    return schema
