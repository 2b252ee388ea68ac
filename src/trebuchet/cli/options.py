"""What the commands share: their options, and how they end on an error."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from trebuchet.base.errors import TrebuchetError
from trebuchet.config import ConfigError, Settings, load_settings

USAGE = 2
FAILURE = 1

Data = Annotated[
    str | None, typer.Option("--data", metavar="DIR", help="Data directory: database, recordings, caches.")
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML file; see the sample `init` writes.")
]


def read_settings(config: Path | None, **flags: str | None) -> Settings:
    """The settings in force; what is wrong with them is printed, one line each, and ends the command (2)."""
    try:
        return load_settings(flags, config=config)
    except ConfigError as error:
        for line in error.lines:
            typer.echo(f"trebuchet: {line}", err=True)
        raise typer.Exit(USAGE) from None


def fail(error: TrebuchetError | OSError | str) -> NoReturn:
    """One plain line, and the end of the command (1)."""
    typer.echo(f"trebuchet: {error}", err=True)
    raise typer.Exit(FAILURE)
