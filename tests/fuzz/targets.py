"""What is fuzzed: each target takes any bytes and fails when its invariant does not hold."""

from collections.abc import Callable
from dataclasses import dataclass

from fuzz import audio, bodies, documents, signalling


@dataclass(frozen=True, slots=True)
class Target:
    """`run` returns when the invariant holds and raises when it does not."""

    name: str
    run: Callable[[bytes], None]
    weight: int = 1
    """How many inputs a second are worth: the cheap ones get more."""

    @property
    def invariant(self) -> str:
        """One sentence."""
        return (self.run.__doc__ or "").strip()


TARGETS: tuple[Target, ...] = (
    Target("sip", signalling.check_message, 4),
    Target("stream", signalling.check_stream, 4),
    Target("agent", signalling.check_user_agent, 2),
    Target("sdp", signalling.check_description, 4),
    Target("uri", signalling.check_uri, 8),
    Target("rtp", audio.check_rtp, 4),
    Target("rtcp", audio.check_rtcp, 8),
    Target("digits", audio.check_digits),
    Target("wav", audio.check_wav),
    Target("json", bodies.check_body, 4),
    Target("bxml", documents.check_document, 2),
)
BY_NAME = {target.name: target for target in TARGETS}
