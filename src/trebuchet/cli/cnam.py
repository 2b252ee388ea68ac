"""`trebuchet cnam add`, `import` and `list`: the names numbers are listed under."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from trebuchet.base.values import replace
from trebuchet.cli.data_directory import create_data_directory, with_store
from trebuchet.cli.options import Config, Data, fail, read_settings
from trebuchet.cli.stock import NAME_COLUMNS, RowUnreadable, read_csv, read_number
from trebuchet.config import Settings
from trebuchet.model.stock import CallerName
from trebuchet.store.interface import Batch, LibraryChanges, Store

app = typer.Typer(no_args_is_help=True)

MAX_NAME_CHARS = 256
"""Longest name; telephone networks show fifteen characters."""


def make_caller_name(number: str, name: str, at: datetime) -> CallerName:
    """Raises `RowUnreadable`."""
    shown = name.strip()
    if not 0 < len(shown) <= MAX_NAME_CHARS or not shown.isprintable():
        raise RowUnreadable(f"a name has 1 to {MAX_NAME_CHARS} printable characters, not {name!r}")
    return CallerName(number=read_number(number), name=shown, created_at=at, updated_at=at)


def _store(settings: Settings, names: list[CallerName]) -> None:
    create_data_directory(settings.data)

    async def work(store: Store) -> None:
        known = {name.number: name.created_at for name in await store.caller_names()}
        kept = tuple(replace(name, created_at=known.get(name.number, name.created_at)) for name in names)
        await store.write(Batch(library=LibraryChanges(caller_names=kept)))

    with_store(settings, work)
    typer.echo(f"{len(names)} {'name' if len(names) == 1 else 'names'} known")


@app.command("add", help="Say which name a number is listed under.")
def add(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="E.164, such as +19195550100.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name.")],
    data: Data = None,
    config: Config = None,
) -> None:
    settings = read_settings(config, data=data)
    from trebuchet.base.clock import SystemClock

    try:
        made = make_caller_name(number, name, SystemClock().utc())
    except RowUnreadable as error:
        fail(error)
    _store(settings, [made])


@app.command("import", help="Read names from a CSV file with the columns number and name.")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV; its first line names the columns.")],
    data: Data = None,
    config: Config = None,
) -> None:
    settings = read_settings(config, data=data)
    from trebuchet.base.clock import SystemClock

    at, names = SystemClock().utc(), list[CallerName]()
    try:
        for place, row in enumerate(read_csv(file, NAME_COLUMNS), 2):
            try:
                names.append(make_caller_name(row["number"], row.get("name", ""), at))
            except RowUnreadable as error:
                fail(f"{file}, row {place}: {error}; nothing was imported")
    except (RowUnreadable, OSError, UnicodeDecodeError) as error:
        fail(str(error))
    _store(settings, names)


@app.command("list", help="List the numbers and their names.")
def show(data: Data = None, config: Config = None) -> None:
    settings = read_settings(config, data=data)
    if not settings.database_path.is_file():
        fail(f"{settings.database_path}: no database there; `trebuchet init` makes one")

    async def work(store: Store) -> list[CallerName]:
        return await store.caller_names()

    for name in with_store(settings, work):
        typer.echo(f"{name.number}  {name.name}")
