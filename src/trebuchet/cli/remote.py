"""Talking to a running server as one of its accounts: where it is and who one is, from flags, variables or a profile.

Variables begin with `TREB_`: names with `TREBUCHET_` are settings of the server, which refuses those it does not know.
"""

import os
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trebuchet.cli.options import USAGE, fail

if TYPE_CHECKING:
    from trebuchet.client import Client

DEFAULT_URL = "http://127.0.0.1:8080"
DEFAULT_PROFILE = "default"
VARIABLE_PREFIX = "TREB_"

Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="The server's. [TREB_URL]")]
User = Annotated[str | None, typer.Option("--user", metavar="ID", help="The account's user id. [TREB_USER]")]
Token = Annotated[str | None, typer.Option("--token", metavar="TOKEN", help="The account's token. [TREB_TOKEN]")]
Secret = Annotated[
    str | None, typer.Option("--secret", metavar="SECRET", help="The account's secret; better as [TREB_SECRET].")
]
Profile = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="A table of profiles.toml. [TREB_PROFILE]")
]
Json = Annotated[bool, typer.Option("--json", help="JSON as the server gave it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What is known of server and account; `None`: not given."""

    url: str | None = None
    user: str | None = None
    token: str | None = None
    secret: str | None = None

    def over(self, other: "Access") -> "Access":
        """This one, and the other where it says nothing."""
        names = [field.name for field in fields(self)]
        return Access(**{name: getattr(self, name) or getattr(other, name) for name in names})


def profiles_path() -> Path:
    """The file of profiles: `$XDG_CONFIG_HOME/trebuchet/profiles.toml`, below `~/.config` by default."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "trebuchet" / "profiles.toml"


def find_access(flags: Access, profile: str | None) -> Access:
    """Flags win over variables, variables over the profile. What is missing ends the command (2)."""
    variables = Access(**{field.name: os.environ.get(VARIABLE_PREFIX + field.name.upper()) for field in fields(Access)})
    name = profile or os.environ.get(VARIABLE_PREFIX + "PROFILE")
    known = flags.over(variables).over(_read_profile(name)).over(Access(url=DEFAULT_URL))
    missing = [field.name for field in fields(known) if not getattr(known, field.name)]
    if missing:
        options = ", ".join(f"--{name}" for name in missing)
        typer.echo(f"trebuchet: who are you? give {options}, TREB_ variables or {profiles_path()}", err=True)
        raise typer.Exit(USAGE)
    return known


def _read_profile(name: str | None) -> Access:
    """An absent file or default profile says nothing; an absent profile that was asked for is an error."""
    path = profiles_path()
    try:
        if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRGRP | stat.S_IROTH):
            fail(f"{path} holds a secret and others can read it: chmod 600 {path}")
        profiles = tomllib.loads(path.read_text())
    except FileNotFoundError:
        profiles = {}
    except (OSError, ValueError) as error:
        fail(f"{path}: {error}")
    found = profiles.get(name or DEFAULT_PROFILE)
    if found is None and name is not None:
        fail(f"{path}: no profile {name}")
    if not isinstance(found, dict):
        return Access()
    return Access(**{field.name: str(found[field.name]) for field in fields(Access) if field.name in found})


@contextmanager
def connected(access: Access) -> "Iterator[Client]":
    """A client of the server; errors of the server, or of the way to it, become one plain line (1)."""
    from trebuchet.client import Client, ClientError

    assert access.url and access.user and access.token and access.secret
    try:
        with Client(access.url, access.user, access.token, access.secret) as client:
            yield client
    except ClientError as error:
        fail(str(error))
