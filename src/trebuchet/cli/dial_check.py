"""`trebuchet dial-check`: may this destination be called with these settings, which rule says so, over which trunk?"""

import re
from typing import Annotated

import typer

from trebuchet.cli.options import FAILURE, Config, read_settings
from trebuchet.config import Settings

_DESTINATION = re.compile(r"\+[1-9][0-9]{1,14}|[sS][iI][pP]:.+@.+")
"""What the API takes; everything else it refuses before any rule is asked."""


def dial_check(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="An E.164 number (+…) or a sip: address.")],
    config: Config = None,
) -> None:
    """Print the verdict, the rule and the trunk; the exit code is 1 when the destination is denied."""
    if not _DESTINATION.fullmatch(number):
        raise typer.BadParameter("expected + and 2 to 15 digits, or sip:user@host")
    settings = read_settings(config)
    from trebuchet.calls.dial_rules import Rule, kind_of
    from trebuchet.wiring import dial_rules

    verdict = dial_rules(settings).judge(number)
    typer.echo(f"{number}: {'allowed' if verdict.is_allowed else 'denied'}")
    if verdict.rule is Rule.KIND:
        typer.echo(f"rule: dialling.denied_kinds has {verdict.match}")
    elif verdict.rule is Rule.EXCEPTION:
        typer.echo(f"rule: dialling.exceptions has {verdict.match}")
    elif verdict.rule is Rule.NO_NUMBER:
        typer.echo("rule: none, it names no number; signalling.allowed_hosts decides about its host")
    elif verdict.is_allowed:
        typer.echo(f"rule: dialling.allowed_prefixes has {verdict.match}")
    elif verdict.match:
        typer.echo(f"rule: dialling.denied_prefixes has {verdict.match}")
    else:
        typer.echo("rule: nothing in dialling.allowed_prefixes matches")
    if verdict.number is not None:
        typer.echo(f"number: {verdict.number}, {kind_of(verdict.number)}")
    if not verdict.is_allowed:
        raise typer.Exit(FAILURE)
    if number.startswith("+"):
        typer.echo(f"trunk: {_trunk_for(number, settings)}")


def _trunk_for(number: str, settings: Settings) -> str:
    from trebuchet.calls.interfaces import SignallingError
    from trebuchet.signalling.routes import Routes

    try:
        return Routes(settings.all_trunks).find(number).name
    except SignallingError:
        return "none leads there, so calls to it are refused; see --trunk and [[trunks]]"
