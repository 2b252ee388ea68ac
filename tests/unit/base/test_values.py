"""Copies of values with other contents."""

import dataclasses

import pytest

from trebuchet.base.values import frozen, frozen_keywords, replace


@frozen
class Point:
    x: int
    y: int = 0


@frozen_keywords
class Named:
    name: str
    tags: tuple[str, ...] = ()


def test_replace_changes_what_is_named_and_keeps_the_rest() -> None:
    old = Point(1, 2)
    assert replace(old, y=5) == Point(1, 5)
    assert old == Point(1, 2)
    assert replace(old) == old and replace(old) is not old
    named = Named(name="a", tags=("b",))
    assert replace(named, name="c") == dataclasses.replace(named, name="c")


def test_replace_refuses_a_field_that_does_not_exist() -> None:
    with pytest.raises(AttributeError):
        replace(Point(1), z=3)
