"""`trebuchet serve`: the whole server in one command."""

from typing import Annotated

import typer

from trebuchet.cli.options import Config, Data, read_settings


def serve(
    data: Data = None,
    http: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where the API listens.")] = None,
    sip: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where SIP is spoken (UDP, TCP); several with commas."),
    ] = None,
    rtp_ports: Annotated[str | None, typer.Option(metavar="LOW-HIGH", help="UDP ports for audio.")] = None,
    trunk: Annotated[
        str | None, typer.Option(metavar="sip:HOST:PORT", help="Where calls to numbers go; may end in ;transport=tcp.")
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Base URL of the API as your applications see it.")
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="USERID:TOKEN:SECRET", help="An account to create or to reuse.")
    ] = None,
    media_workers: Annotated[str | None, typer.Option(metavar="N", help="Media worker processes.")] = None,
    drain: Annotated[
        str | None, typer.Option(metavar="SECONDS", help="How long running calls may go on after SIGTERM.")
    ] = None,
    config: Config = None,
) -> None:
    """Start the server. Each option is also a variable (TREBUCHET_RTP_PORTS) and a key of the file (rtp_ports)."""
    settings = read_settings(
        config, data=data, http=http, sip=sip, rtp_ports=rtp_ports, trunk=trunk, public_url=public_url,
        account=account, media_workers=media_workers, drain=drain,
    )  # fmt: skip
    from trebuchet.server import run

    run(settings)
