"""Values that are frozen for the type checker and cheap for the interpreter.

A frozen dataclass pays for its promise at each construction: one `object.__setattr__` a field, three to four times the
cost of a plain one. `mypy --strict` sees every assignment in this code base, so the promise is kept there, and on the
hot paths (SIP messages, steps of calls, log rows) the runtime does not pay for it again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

C = TypeVar("C")
V = TypeVar("V")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[C]) -> type[C]:
    """A slotted dataclass with equality and a hash. Assigning to a field is an error of the type checker."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen_keywords(cls: type[C]) -> type[C]:
    """The same, made with keywords only."""
    return dataclass(slots=True, unsafe_hash=True, kw_only=True)(cls)


if TYPE_CHECKING:
    from dataclasses import replace as replace  # so that fields and their types are checked
else:

    def replace(value: V, /, **changes: object) -> V:
        """A copy of a `frozen` value with other contents in some fields: what `dataclasses.replace` does, in a tenth
        of the time for values with many fields. Raises `AttributeError` for a field that does not exist."""
        cls: Any = type(value)
        new: V = _copier(cls)(value)
        for name, content in changes.items():
            setattr(new, name, content)
        return new


@cache
def _copier(cls: Any) -> Callable[[Any], Any]:
    """Written out field by field, like the constructors that dataclasses make: a loop over the names costs three times
    as much."""
    body = "".join(f" new.{item.name} = old.{item.name}\n" for item in fields(cls))
    made: dict[str, Any] = {"make": object.__new__, "cls": cls}
    exec(f"def copy(old):\n new = make(cls)\n{body} return new\n", made)
    copier: Callable[[Any], Any] = made["copy"]
    return copier
