"""JSON schemas of bodies and answers, collected under their names, with the meaning of each property."""

import copy
from typing import Any

from pydantic import AliasChoices, BaseModel, TypeAdapter

from trebuchet.api.reference.glossary import entry

REFERENCE = "#/components/schemas/{model}"
_NULL = {"type": "null"}
_SAMPLES: dict[str, Any] = {"string": "text", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}

Schema = dict[str, Any]


class Schemas:
    """Every named schema of the document, each once."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def add(self, source: Any) -> Schema:
        """A reference to (or the form of) a type's schema; every named part is kept."""
        is_model = isinstance(source, type) and issubclass(source, BaseModel)
        mode: Any = "validation" if is_model else "serialization"
        schema = TypeAdapter(source).json_schema(ref_template=REFERENCE, mode=mode)
        if is_model:
            _add_other_names(source, schema)
        parts = schema.pop("$defs", {})
        for name, part in parts.items():
            self._keep(name, part)
        name = schema.get("title")
        if name is None or "$ref" in schema or schema.get("type") != "object":
            return schema
        self._keep(name, schema)
        return {"$ref": REFERENCE.format(model=name)}

    def example(self, schema: Schema) -> Any:
        """A value of this form, made of the properties' examples."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self._object(name, self.named[name])
        if schema.get("type") == "array":
            return [self.example(schema.get("items", {}))]
        return _SAMPLES.get(schema.get("type", "object"))

    def _object(self, name: str, schema: Schema) -> dict[str, Any]:
        return {key: self._property(name, key, part) for key, part in schema.get("properties", {}).items()}

    def _property(self, name: str, key: str, part: Schema) -> Any:
        if "$ref" in part or ("$ref" in part.get("items", {})):
            return self.example(part)
        known = entry(name, key)
        return self.example(part) if known is None else known[1]

    def _keep(self, name: str, schema: Schema) -> None:
        self.named[name] = _explain(name, without_nulls(schema))


def _add_other_names(model: type[BaseModel], schema: Schema) -> None:
    """Names that older clients use for the same property."""
    for field in model.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            first, *others = map(str, field.validation_alias.choices)
            for other in others:
                schema["properties"][other] = copy.deepcopy(schema["properties"][first]) | {"deprecated": True}


def explain(schema: str, name: str, form: Schema) -> None:
    """Put a property's or parameter's meaning into its form."""
    known = entry(schema, name)
    if known is not None and "description" not in form:
        form["description"] = known[0]


def _explain(name: str, schema: Schema) -> Schema:
    for key, part in schema.get("properties", {}).items():
        explain(name, key, part)
    return schema


def without_nulls(schema: Schema) -> Schema:
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
