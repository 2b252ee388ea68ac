"""What every transport is to the shell: something that hands in messages and takes bytes.

A transport never parses more than it must to find where a message ends, and never raises into the event loop.
"""

from typing import Protocol

from trebuchet.sip.outputs import Flow


class Receiver(Protocol):
    """Where transports put what they have; called on the event loop, returns at once, never raises."""

    def handle_data(self, data: bytes, flow: Flow) -> None:
        """One whole message, or one datagram, whatever it holds."""
        ...

    def handle_batch_end(self) -> None:
        """The messages that were waiting have been handed in; now is the time for what is done once for all."""
        ...

    def handle_lost(self, transaction: str) -> None:
        """The message sent for this transaction will not arrive."""
        ...

    def is_known(self, host: str) -> bool:
        """Whether this source may call in; strangers get less room."""
        ...


class Link(Protocol):
    """A bound transport."""

    @property
    def transport(self) -> str:
        """`udp`, `tcp` or `tls`."""
        ...

    @property
    def local(self) -> tuple[str, int]:
        """The bound address."""
        ...

    def send(self, data: bytes, remote: tuple[str, int], connection_id: int | None, transaction: str) -> None:
        """Send towards an IP literal; a failure comes back as `Receiver.handle_lost`, possibly at once."""
        ...

    async def close(self) -> None:
        """Stop listening, end connections."""
        ...
