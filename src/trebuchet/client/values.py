"""Between Python's names and the wire's: `callback_url` and `callbackUrl`, `from_` and `from`, times and texts."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from trebuchet.client.errors import UnexpectedAnswer

V = TypeVar("V")
Reader = Callable[[Any], Any]


def wire_name(name: str) -> str:
    """`recording_file_format` → `recordingFileFormat`; a final underscore only avoids a keyword."""
    first, *more = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in more)


def to_wire(**values: Any) -> dict[str, Any]:
    """A JSON object of what is given; `None` means not given."""
    return {wire_name(name): value for name, value in values.items() if value is not None}


def from_wire(cls: Callable[..., V], wire: Any) -> V:
    """A result dataclass from its JSON object; the object itself is kept as `raw`, whatever more it holds.
    Raises `UnexpectedAnswer` when a property that is always there is missing."""
    if not isinstance(wire, Mapping):
        raise UnexpectedAnswer(f"a {cls.__name__} was expected")
    values = {}
    for item in _plan(cls):
        if wire.get(item.wire) is not None:
            values[item.name] = item.read(wire[item.wire])
        elif item.is_required:
            raise UnexpectedAnswer(f"a {cls.__name__} without {item.wire}")
    return cls(**values, raw=wire)


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    wire: str
    read: Reader
    is_required: bool


@cache
def _plan(cls: Any) -> tuple[_Item, ...]:
    hints = get_type_hints(cls)
    return tuple(
        _Item(
            field.name,
            wire_name(field.name),
            _reader(hints[field.name]),
            field.default is MISSING and field.default_factory is MISSING,
        )
        for field in fields(cls)
        if field.name != "raw"
    )


def _reader(hint: Any) -> Reader:
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    if hint is datetime:
        return datetime.fromisoformat
    if get_origin(hint) is tuple:
        item = _reader(get_args(hint)[0])
        return lambda values: tuple(item(value) for value in values)
    if isinstance(hint, type) and is_dataclass(hint):
        return lambda value: from_wire(hint, value)
    return lambda value: value
