"""`trebuchet number add`, `list`, `import` and `remove`: the stock that customers order numbers from."""

from pathlib import Path
from typing import Annotated

import typer

from trebuchet.cli.data_directory import create_data_directory, with_store
from trebuchet.cli.options import Config, Data, fail, read_settings
from trebuchet.cli.stock import COLUMNS, RowUnreadable, make_stock_number, read_csv, read_number
from trebuchet.config import Settings
from trebuchet.model.stock import StockKind, StockNumber
from trebuchet.store.interface import Batch, LibraryChanges, StockFilter, Store

app = typer.Typer(no_args_is_help=True)

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="E.164, such as +19195550100.")]


def _store(settings: Settings, numbers: list[StockNumber]) -> None:
    create_data_directory(settings.data)

    async def work(store: Store) -> None:
        await store.write(Batch(library=LibraryChanges(stock=tuple(numbers))))

    with_store(settings, work)
    typer.echo(f"{len(numbers)} {'number' if len(numbers) == 1 else 'numbers'} in stock")


@app.command("add", help="Put a number into stock, or change what is said of it.")
def add(
    number: Number,
    city: Annotated[str | None, typer.Option(help="City.")] = None,
    state: Annotated[str | None, typer.Option(help="Two-letter code of the state or province.")] = None,
    zip_code: Annotated[str | None, typer.Option("--zip", help="ZIP code, five digits.")] = None,
    lata: Annotated[str | None, typer.Option(help="LATA.")] = None,
    rate_center: Annotated[str | None, typer.Option(help="Rate center.")] = None,
    price: Annotated[str | None, typer.Option(help="Dollars a month; the configured price if not given.")] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    settings = read_settings(config, data=data)
    from trebuchet.base.clock import SystemClock

    row = dict(zip(COLUMNS, (number, city, state, zip_code, lata, rate_center, price), strict=True))
    try:
        made = make_stock_number(row, SystemClock().utc())
    except RowUnreadable as error:
        fail(error)
    _store(settings, [made])


@app.command("import", help="Put the numbers of a CSV file into stock; its first line names the columns.")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=f"Columns: {', '.join(COLUMNS)}.")],
    data: Data = None,
    config: Config = None,
) -> None:
    settings = read_settings(config, data=data)
    from trebuchet.base.clock import SystemClock

    at, numbers = SystemClock().utc(), list[StockNumber]()
    try:
        for place, row in enumerate(read_csv(file, COLUMNS), 2):
            try:
                numbers.append(make_stock_number(row, at))
            except RowUnreadable as error:
                fail(f"{file}, row {place}: {error}; nothing was imported")
    except (RowUnreadable, OSError, UnicodeDecodeError) as error:
        fail(str(error))
    _store(settings, numbers)


@app.command("list", help="List the stock: number, kind, place, and who has it.")
def show(data: Data = None, config: Config = None) -> None:
    settings = read_settings(config, data=data)
    if not settings.database_path.is_file():
        fail(f"{settings.database_path}: no database there; `trebuchet init` makes one")

    async def work(store: Store) -> list[tuple[StockNumber, str]]:
        rows = []
        for kind in StockKind:
            for number in await store.stock(StockFilter(kind=kind)):
                owner = await store.number_by_e164(number.number)
                rows.append((number, "free" if owner is None else owner.account_id))
        return rows

    for number, owner in with_store(settings, work):
        place = " ".join(part for part in (number.city, number.region, number.zip_code) if part is not None)
        typer.echo("  ".join(part for part in (number.number, number.kind.value, place, owner) if part))


@app.command("remove", help="Take a number out of stock; whoever has it keeps it.")
def remove(number: Number, data: Data = None, config: Config = None) -> None:
    settings = read_settings(config, data=data)
    try:
        wanted = read_number(number)
    except RowUnreadable as error:
        fail(error)

    async def work(store: Store) -> bool:
        if await store.stock_number(wanted) is None:
            return False
        await store.write(Batch(library=LibraryChanges(removed_stock=(wanted,))))
        return True

    if not with_store(settings, work):
        fail(f"{wanted} is not in stock")
    typer.echo(f"{wanted} is out of stock")
