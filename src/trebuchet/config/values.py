"""Small values that settings are made of."""

from dataclasses import dataclass, field

from trebuchet.base.hosts import bracketed
from trebuchet.base.ids import AccountId


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """Where to listen. `host` without brackets; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class PortRange:
    """UDP ports, both ends included."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low}-{self.high}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account with its secret, as it is given on the command line."""

    account_id: AccountId
    token: str
    secret: str = field(repr=False)
