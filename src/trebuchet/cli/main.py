"""The `trebuchet` command. What is heavy is imported by the command that needs it, so that help is instant."""

import typer

from trebuchet import __version__
from trebuchet.cli import account, call, cnam, dial_check, doctor, init, number, serve, sim, tail

app = typer.Typer(
    name="trebuchet",
    help="A self-hosted programmable voice server: real phone calls, controlled over REST and webhooks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve", help="Start the server.")(serve.serve)
app.command("init", help="Prepare a data directory: an account and a sample configuration.")(init.init)
app.command("doctor", help="Check that this machine can serve; one line each, with the remedy when red.")(doctor.doctor)
app.command("dial-check", help="Say whether a number may be called, and which rule decides.")(dial_check.dial_check)
app.command("tail", help="Print the account's events as they happen.")(tail.tail)
app.add_typer(call.app, name="call", help="Place calls and act on them, over the API of a running server.")
app.add_typer(account.app, name="account", help="The accounts of a data directory.")
app.add_typer(number.app, name="number", help="The stock that customers order numbers from.")
app.add_typer(cnam.app, name="cnam", help="The names numbers are listed under.")
app.add_typer(sim.app, name="sim", help="Phones that call and answer, and the demonstration.")


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"trebuchet {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Print the version."),
) -> None:
    pass


if __name__ == "__main__":
    app()
