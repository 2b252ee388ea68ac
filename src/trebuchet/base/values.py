"""Values that are frozen for the type checker and cheap for the interpreter.

A frozen dataclass pays for its promise at each construction: one `object.__setattr__` a field, three to four times the
cost of a plain one. `mypy --strict` sees every assignment in this code base, so the promise is kept there, and on the
hot paths (SIP messages, steps of calls, log rows) the runtime does not pay for it again.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

C = TypeVar("C")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[C]) -> type[C]:
    """A slotted dataclass with equality and a hash. Assigning to a field is an error of the type checker."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen_keywords(cls: type[C]) -> type[C]:
    """The same, made with keywords only."""
    return dataclass(slots=True, unsafe_hash=True, kw_only=True)(cls)
