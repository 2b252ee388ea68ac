"""`trebuchet tail`: what happens to the account's calls, as it happens."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from trebuchet.cli.remote import Access, Json, Profile, Secret, Token, Url, User, connected, find_access
from trebuchet.cli.show import printable

if TYPE_CHECKING:
    from trebuchet.client import LiveEvent


def tail(
    call: Annotated[str | None, typer.Option(metavar="CALL", help="Of this call alone.")] = None,
    name: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Of this kind (answer …); repeatable.")] = None,
    after: Annotated[
        int | None, typer.Option(min=0, metavar="POSITION", help="What followed this place of the log, 0: all of it.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
    token: Token = None,
    secret: Secret = None,
    profile: Profile = None,
) -> None:
    """Print one line for each event until interrupted; nothing is lost when the connection breaks."""
    access = find_access(Access(url=url, user=user, token=token, secret=secret), profile)
    with connected(access) as client:
        try:
            for event in islice(_wanted(client.events.stream(after=after), call, name), limit):
                typer.echo(_as_json(event) if as_json else _line(event))
        except KeyboardInterrupt:
            return


def _wanted(events: "Iterator[LiveEvent]", call: str | None, names: list[str] | None) -> "Iterator[LiveEvent]":
    for event in events:
        if call in (None, event.call_id) and (not names or event.name in names):
            yield event


def _line(event: "LiveEvent") -> str:
    owner = event.call_id or event.conference_id or ""
    parts = (f"{event.time:%Y-%m-%dT%H:%M:%SZ}", owner, event.name, event.data or "")
    return printable("  ".join(parts).rstrip())


def _as_json(event: "LiveEvent") -> str:
    import json

    return json.dumps(event.raw, ensure_ascii=False)
