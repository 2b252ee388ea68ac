"""The document as a page to read: plain HTML made once on the server, no script, nothing fetched from elsewhere."""

import json
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem 2rem; }
code, pre { font: 13px/1.5 ui-monospace, monospace; }
pre { background: var(--soft); overflow-x: auto; padding: .6rem 1rem; border-radius: .3rem; }
nav a { margin-right: 1rem; }
details { border: 1px solid var(--line); border-radius: .3rem; margin: .4rem 0; }
details > summary { cursor: pointer; padding: .4rem .8rem; }
details > div { padding: 0 1rem 1rem; }
.method { display: inline-block; font-weight: 600; min-width: 4.5rem; }
.summary { opacity: .75; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; }
"""
CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"

Json = dict[str, Any]


def render(document: Json) -> str:
    """The whole page."""
    info = document["info"]
    groups = _by_tag(document)
    links = "".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in groups)
    sections = "".join(_section(tag, operations, document) for tag, operations in groups.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{_prose(info['description'])}</p>"
        '<p>HTTP Basic with the account\'s token and secret. The same as <a href="openapi.json">OpenAPI 3.1</a>.</p>'
        f"<nav>{links}</nav>{sections}</body></html>"
    )


def _by_tag(document: Json) -> dict[str, list[tuple[str, str, Json]]]:
    groups: dict[str, list[tuple[str, str, Json]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation.get("tags", ["server"])[0], []).append((method.upper(), path, operation))
    return groups


def _section(tag: str, operations: list[tuple[str, str, Json]], document: Json) -> str:
    blocks = "".join(_operation(*operation, document) for operation in operations)
    return f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{blocks}'


def _operation(method: str, path: str, operation: Json, document: Json) -> str:
    parts = "".join(
        (
            f"<p>{_prose(operation.get('description', ''))}</p>",
            _parameters(operation.get("parameters", [])),
            _body(method, path, operation.get("requestBody"), document),
            _responses(operation.get("responses", {}), document),
        )
    )
    return (
        f'<details id="{escape(operation.get("operationId", ""))}"><summary><span class="method">{method}</span>'
        f"<code>{escape(path)}</code> <span class='summary'>{_prose(operation.get('summary', ''))}</span></summary>"
        f"<div>{parts}</div></details>"
    )


def _parameters(parameters: list[Json]) -> str:
    rows = [
        (item["name"], item["in"], _form(item.get("schema", {})), item.get("description", "")) for item in parameters
    ]
    return _table("Parameters", ("name", "in", "form", "meaning"), rows) if rows else ""


def _body(method: str, path: str, body: Json | None, document: Json) -> str:
    if body is None:
        return ""
    (content_type, content), *_ = body["content"].items()
    examples = content.get("examples", {})
    shown = "".join(_curl(method, path, content_type, name, item["value"]) for name, item in examples.items())
    return _properties("Body", content.get("schema", {}), document) + shown


def _curl(method: str, path: str, content_type: str, name: str, value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    command = (
        f'curl -u "$TOKEN:$SECRET" -X {method} "$SERVER{path}" \\\n  -H "Content-Type: {content_type}" -d \'{text}\''
    )
    return f"<p>{escape(name)}</p><pre>{escape(command)}</pre>"


def _responses(responses: Json, document: Json) -> str:
    parts = []
    for status, response in responses.items():
        if status == "default":
            continue
        parts.append(f"<tr><td>{escape(status)}</td><td>{_prose(response.get('description', ''))}</td></tr>")
    table = f"<h4>Answers</h4><table>{''.join(parts)}</table>" if parts else ""
    content = responses.get("200", {}).get("content", {}).get("application/json", {})
    if "example" in content:
        example = json.dumps(content["example"], indent=2, ensure_ascii=False)
        table += _properties("Result", content["schema"], document) + f"<pre>{escape(example)}</pre>"
    return table


def _properties(title: str, schema: Json, document: Json) -> str:
    schema = _resolve(schema.get("items", schema), document)
    required = schema.get("required", [])
    rows = [
        (name, _form(part), "required" if name in required else "", part.get("description", ""))
        for name, part in schema.get("properties", {}).items()
    ]
    return _table(title, ("name", "form", "", "meaning"), rows) if rows else ""


def _resolve(schema: Json, document: Json) -> Json:
    if "$ref" not in schema:
        return schema
    found: Json = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _form(schema: Json) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_form(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_form(schema.get('items', {}))}"
    return " ".join((str(schema.get("type", "")), *_bounds(schema)))


def _bounds(schema: Json) -> Iterator[str]:
    for name, sign in (("minimum", "≥"), ("maximum", "≤"), ("maxLength", "≤"), ("format", "")):
        if name in schema:
            yield f"{sign}{schema[name]}" + (" characters" if name == "maxLength" else "")


def _table(title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    lines = "".join(_row(row) for row in rows)
    return f"<h4>{escape(title)}</h4><table><tr>{head}</tr>{lines}</table>"


def _row(cells: tuple[str, ...]) -> str:
    name, *more, meaning = cells
    middle = "".join(f"<td>{escape(text)}</td>" for text in more)
    return f"<tr><td><code>{escape(name)}</code></td>{middle}<td>{_prose(meaning)}</td></tr>"


def _prose(text: str) -> str:
    """Text with `code` in backquotes."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if place % 2 else piece for place, piece in enumerate(pieces))
