"""`trebuchet doctor`: can this machine serve with these settings? One line each, with the remedy when red."""

import typer

from trebuchet.cli.options import FAILURE, Config, Data, read_settings


def doctor(data: Data = None, config: Config = None) -> None:
    """Run every check; the exit code is 1 when one is red."""
    settings = read_settings(config, data=data)
    from trebuchet.cli.checks import run_checks

    is_healthy = True
    for finding in run_checks(settings):
        is_healthy = is_healthy and finding.is_green
        colour = typer.colors.GREEN if finding.is_green else typer.colors.RED
        typer.secho("green " if finding.is_green else "red   ", fg=colour, nl=False)
        typer.echo(f"{finding.name}: {finding.text}" + ("" if finding.is_green else f" — {finding.remedy}"))
    if not is_healthy:
        raise typer.Exit(FAILURE)
