"""Links to carriers and the number patterns that lead to them."""

from dataclasses import field

from trebuchet.base.values import frozen_keywords


@frozen_keywords
class Trunk:
    """One carrier. Its credentials answer this carrier's challenges and nobody else's."""

    name: str
    host: str
    port: int | None = None
    transport: str = "udp"
    """`udp`, `tcp` or `tls`."""
    is_encrypted: bool = False
    """Its audio must be encrypted (SRTP); only with `tls`, which protects the keys."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sources: tuple[str, ...] = ()
    """Addresses or networks (CIDR) calls of this carrier come from, beside `host` itself."""
    patterns: tuple[str, ...] = ("+",)
    """Prefixes of E.164 numbers that go out here; the longest match over all trunks wins."""
