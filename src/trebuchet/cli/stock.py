"""What `trebuchet number` and `trebuchet cnam` read and write: rows of the operator's stock."""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from trebuchet.base.errors import RemoteError
from trebuchet.model.stock import StockKind, StockNumber, stock_kind

COLUMNS = ("number", "city", "state", "zip", "lata", "rate_center", "price")
"""Of a CSV file with numbers; only the first one is needed."""
NAME_COLUMNS = ("number", "name")


class RowUnreadable(RemoteError):
    """A number, or what is said of it, cannot be read. The text names the place."""

    code = "row-unreadable"


def read_number(text: str) -> str:
    """An E.164 number; blanks, hyphens and brackets in it are left out. Raises `RowUnreadable`."""
    number = "".join(char for char in text if char not in " -().\t")
    digits = number.removeprefix("+")
    if not (number.startswith("+") and digits.isascii() and digits.isdigit() and 2 <= len(digits) <= 15):
        raise RowUnreadable(f"{text!r} is no E.164 number (+ and 2 to 15 digits)")
    if digits.startswith("0"):
        raise RowUnreadable(f"{text!r} is no E.164 number: country codes do not begin with 0")
    return number


def make_stock_number(row: Mapping[str, str | None], at: datetime) -> StockNumber:
    """From texts, of which empty ones count as missing. Raises `RowUnreadable`."""
    values = {name: (row.get(name) or "").strip() or None for name in COLUMNS}
    number = read_number(values["number"] or "")
    kind = stock_kind(number)
    _check(values)
    state = values["state"]
    if kind is StockKind.TOLL_FREE and (values["city"] or state or values["zip"]):
        raise RowUnreadable(f"{number} is toll-free: it has no city, state or ZIP code")
    return StockNumber(
        number=number,
        kind=kind,
        added_at=at,
        city=values["city"],
        region=None if state is None else state.upper(),
        zip_code=values["zip"],
        lata=values["lata"],
        rate_center=values["rate_center"],
        price=values["price"],
    )


def _check(values: Mapping[str, str | None]) -> None:
    state, zip_code, price = values["state"], values["zip"], values["price"]
    if state is not None and not (len(state) == 2 and state.isalpha()):
        raise RowUnreadable(f"state {state!r} is no two-letter code")
    if zip_code is not None and not (len(zip_code) == 5 and zip_code.isascii() and zip_code.isdigit()):
        raise RowUnreadable(f"ZIP code {zip_code!r} has not five digits")
    whole, _, fraction = (price or "0").partition(".")
    if not (whole.isascii() and whole.isdigit()) or not (fraction or "0").isdigit():
        raise RowUnreadable(f"price {price!r} is no number of dollars such as 0.60")


def read_csv(path: Path, known: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The rows of a CSV file, whose first line names its columns. Raises `RowUnreadable`, `OSError`."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restkey="", restval="")
        names = [name.strip().lower() for name in reader.fieldnames or ()]
        unknown = [name for name in names if name not in known]
        if known[0] not in names or unknown:
            raise RowUnreadable(f"{path}: the first line names the columns, out of {', '.join(known)}")
        reader.fieldnames = names
        yield from reader
