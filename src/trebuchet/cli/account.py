"""`trebuchet account add`, `list` and `webhook-secret`."""

from typing import Annotated

import typer

from trebuchet.cli.data_directory import create_data_directory, with_store
from trebuchet.cli.options import Config, Data, fail, read_settings
from trebuchet.config import Credentials
from trebuchet.model.account import Account
from trebuchet.store.interface import Store

app = typer.Typer(no_args_is_help=True)


def show_credentials(credentials: Credentials) -> None:
    """The only time the secret is ever shown."""
    typer.echo(f"user:   {credentials.account_id}")
    typer.echo(f"token:  {credentials.token}")
    typer.echo(f"secret: {credentials.secret}")
    typer.echo("The secret is not kept; note it now.")


@app.command("add", help="Create an account and print its credentials once.")
def add(
    data: Data = None,
    account: Annotated[
        str | None, typer.Option(metavar="USERID:TOKEN:SECRET", help="These credentials instead of new ones.")
    ] = None,
    config: Config = None,
) -> None:
    settings = read_settings(config, data=data, account=account)
    create_data_directory(settings.data)
    from trebuchet.accounts import AccountExists, add_account, make_credentials
    from trebuchet.base.clock import SystemClock
    from trebuchet.base.ids import Ids
    from trebuchet.base.rand import SystemRand

    credentials = (settings.account if account else None) or make_credentials(Ids(SystemRand()))

    async def work(store: Store) -> Account:
        return await add_account(store, credentials, SystemClock())

    try:
        with_store(settings, work)
    except AccountExists as error:
        fail(error)
    if account:
        typer.echo(f"account {credentials.account_id} is there")
    else:
        show_credentials(credentials)


@app.command("list", help="List the accounts: user id, token, time of creation.")
def show(data: Data = None, config: Config = None) -> None:
    settings = read_settings(config, data=data)
    if not settings.database_path.is_file():
        fail(f"{settings.database_path}: no database there; `trebuchet init` makes one")

    async def work(store: Store) -> list[Account]:
        return await store.accounts()

    for account in sorted(with_store(settings, work), key=lambda account: account.created_at):
        typer.echo(f"{account.id}  {account.token}  {account.created_at:%Y-%m-%dT%H:%M:%SZ}")


@app.command("webhook-secret", help="Print the secret that an account's webhooks are signed with.")
def webhook_secret(
    user: Annotated[str, typer.Argument(metavar="USERID", help="The account's user id.")],
    data: Data = None,
    config: Config = None,
) -> None:
    settings = read_settings(config, data=data)
    if not settings.database_path.is_file():
        fail(f"{settings.database_path}: no database there; `trebuchet init` makes one")
    from trebuchet.base.ids import AccountId
    from trebuchet.base.rand import SystemRand
    from trebuchet.secret_key import KeyUnusable
    from trebuchet.webhook_secrets import WebhookSecrets

    async def work(store: Store) -> Account | None:
        return await store.account(AccountId(user))

    account = with_store(settings, work)
    if account is None:
        fail(f"{user}: no such account")
    try:
        typer.echo(WebhookSecrets.open(settings.data, SystemRand()).current(account))
    except KeyUnusable as error:
        fail(error)
