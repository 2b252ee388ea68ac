"""What commands print: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import typer

UNBOUNDED = 10_000
"""Columns of an output that is no terminal: nothing is cut for a program that reads it."""


def show_json(value: Any) -> None:
    """One line if it is not for a terminal, so that line-wise programs can read it."""
    typer.echo(json.dumps(value, indent=2 if sys.stdout.isatty() else None, ensure_ascii=False))


def show_id(made: str, as_json: bool) -> None:
    """The id of something new."""
    if as_json:
        show_json({"id": made})
    else:
        typer.echo(made)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """One line for each row, with a heading."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(cell, row))
    _console_print(table)


def show_properties(values: Mapping[str, object]) -> None:
    """One line for each property."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in values.items():
        table.add_row(name, cell(value))
    _console_print(table)


def cell(value: object) -> Any:
    """A value as plain text: what a caller chose as a tag is no markup and moves no cursor."""
    from rich.text import Text

    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Text(printable(text))


def printable(text: str) -> str:
    """Without control characters, which could steer a terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _console_print(table: Any) -> None:
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else UNBOUNDED).print(table)
