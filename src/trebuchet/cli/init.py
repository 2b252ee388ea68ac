"""`trebuchet init`: a data directory with an account, and a sample configuration to start from."""

import typer

from trebuchet.cli.account import show_credentials
from trebuchet.cli.data_directory import create_data_directory, with_store
from trebuchet.cli.options import Config, Data, fail, read_settings
from trebuchet.store.interface import Store

SAMPLE_NAME = "trebuchet.toml"


def init(data: Data = None, config: Config = None) -> None:
    """Prepare the data directory. What is there already stays as it is."""
    settings = read_settings(config, data=data)
    is_new = create_data_directory(settings.data)
    typer.echo(f"data directory {settings.data.resolve()}: {'made' if is_new else 'there already'}")
    from trebuchet.accounts import AccountExists, EnsuredAccount, ensure_account
    from trebuchet.base.clock import SystemClock
    from trebuchet.base.ids import Ids
    from trebuchet.base.rand import SystemRand
    from trebuchet.config.sample import sample_file

    async def work(store: Store) -> EnsuredAccount:
        return await ensure_account(store, settings.account, Ids(SystemRand()), SystemClock())

    try:
        ensured = with_store(settings, work)
    except AccountExists as error:
        fail(error)
    if ensured.fresh is not None:
        show_credentials(ensured.fresh)
    else:
        typer.echo(f"account {ensured.account.id}: there already")
    sample = settings.data / SAMPLE_NAME
    if not sample.exists():
        sample.touch(mode=0o600)  # it will hold the trunks' passwords
        sample.write_text(sample_file())
    typer.echo(f"start with: trebuchet serve --data {settings.data} --config {sample}")
