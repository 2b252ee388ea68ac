"""Groups of parties across workers: a star of ties.

A worker mixes what it holds. The worker of the first party becomes the group's *hub*; each other worker with parties is
connected to it by a *tie*: one extra row on either side, joined over loopback RTP, which hears everybody on its own
worker and says on the other one what it heard. Mixing without one's own voice makes that exact: a tie never says what
came from its far end. A call whose hub dies loses its parties there; the others are tied to a new one.

Playbacks for all come from a row without peer at the hub, tones from a second one, so that they do not replace each
other.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from trebuchet.base.ids import RecordingId
from trebuchet.calls.interfaces import (
    PLAIN_VOICE,
    AudioGroupListener,
    MediaError,
    MediaPort,
    MediaUnavailable,
    StopReason,
    Tone,
    Voice,
)
from trebuchet.media import messages as m
from trebuchet.media.negotiation import OUR_CODECS
from trebuchet.media.port import Link, WorkerMediaPort
from trebuchet.model.prompt import RenderedPrompt

IPV4 = 4

log = structlog.get_logger("trebuchet.media")


class _OwnPort:
    """Listens to a port that belongs to no call."""

    def __init__(self, handle_lost: Callable[[], None], handle_done: Callable[[int], None] | None = None) -> None:
        self._handle_lost = handle_lost
        self._handle_done = handle_done

    def handle_media_digit(self, digit: str, duration_ms: int | None) -> None:
        """Workers dial nothing to each other."""

    def handle_playback_done(self, playback: int) -> None:
        if self._handle_done is not None:
            self._handle_done(playback)

    def handle_recorder_stopped(self, recording_id: RecordingId, samples: int, reason: StopReason) -> None:
        """Nothing is recorded here."""

    def handle_media_timeout(self) -> None:
        """A worker that is silent so long is replaced, and that is told as a loss."""

    def handle_media_lost(self) -> None:
        self._handle_lost()


@dataclass(slots=True, eq=False)
class _Part:
    """The group on one worker. `tie` and `far` are the two ends of its way to the hub; the hub has none."""

    link: Link
    number: int
    tie: WorkerMediaPort | None = None
    far: WorkerMediaPort | None = None

    def untie(self) -> None:
        for end in (self.tie, self.far):
            if end is not None:
                end.close()
        self.tie = self.far = None


class WorkerGroup:
    """Implements `calls.interfaces.AudioGroup`. Made by the pool."""

    def __init__(self, listener: AudioGroupListener, local_address: str) -> None:
        """`local_address`: where workers reach each other's IPv4 ports."""
        self._listener = listener
        self._address = local_address
        self._voices: dict[WorkerMediaPort, Voice] = {}
        self._parts: dict[Link, _Part] = {}
        self._hub: _Part | None = None
        self._prompter: WorkerMediaPort | None = None
        self._chimes: WorkerMediaPort | None = None
        self._playback = 0
        self._running: dict[int, int] = {}
        """The prompter's number of each playback under way, and ours."""

    # --- parties --------------------------------------------------------------------------------------------------

    def join(self, port: MediaPort, voice: Voice = PLAIN_VOICE) -> None:
        """See `AudioGroup.join`."""
        own = _own(port)
        if not own.is_open:
            return
        part = self._part_of(own.link)
        self._voices[own] = voice
        own.enter(part.number, voice)

    def set_voice(self, port: MediaPort, voice: Voice) -> None:
        own = _own(port)
        if own in self._voices:
            self._voices[own] = voice
            own.set_voice(voice)

    def leave(self, port: MediaPort) -> None:
        own = _own(port)
        if self._voices.pop(own, None) is None:
            return
        part = self._parts.get(own.link)
        if part is not None:
            own.exit(part.number)
        self._drop_unused()

    def _drop_unused(self) -> None:
        """Ties to workers without parties are let go; the hub stays as long as there is anybody."""
        used = {port.link for port in self._voices if port.is_open}
        for link, part in list(self._parts.items()):
            if link not in used and part is not self._hub:
                part.untie()
                self._forget_part(part)

    def _forget_part(self, part: _Part) -> None:
        self._parts.pop(part.link, None)
        part.link.put(m.CloseGroup(part.number))

    # --- workers --------------------------------------------------------------------------------------------------

    def _part_of(self, link: Link) -> _Part:
        """The group on this worker, tied to the others. Raises `MediaUnavailable`."""
        self._drop_dead()
        known = self._parts.get(link)
        if known is not None:
            return known
        part = _Part(link, link.new_group())
        if self._hub is None:
            self._hub = part
        else:
            self._tie(part, self._hub)
        self._parts[link] = part
        return part

    def _tie(self, part: _Part, hub: _Part) -> None:
        """Connect the two workers' parts. Raises `MediaUnavailable`, and then nothing is left open."""
        listener = _OwnPort(lambda: self._handle_lost(part))
        near = part.link.open_port(listener, IPV4)
        try:
            far = hub.link.open_port(listener, IPV4)
        except MediaUnavailable:
            near.close()
            raise
        offer = replace(near.offer(), address=self._address, codecs=OUR_CODECS[:1], digits_payload_type=None)
        near.accept(replace(far.answer(offer), address=self._address))
        part.tie, part.far = near, far
        near.enter(part.number, PLAIN_VOICE)
        far.enter(hub.number, PLAIN_VOICE)

    def _handle_lost(self, part: _Part) -> None:
        """A row of ours broke, or its worker died. Parties there hear of it themselves."""
        if self._parts.get(part.link) is not part:
            return
        self._drop_dead()
        if part is self._hub:
            self._drop_sources()
        elif self._parts.get(part.link) is part and self._hub is not None:
            part.untie()
            self._tie_again(part, self._hub)

    def _drop_dead(self) -> None:
        """Forget workers that died; when the hub did, the parties on the others are tied to a new one."""
        for link, part in list(self._parts.items()):
            if not link.is_up:
                part.untie()
                del self._parts[link]
        if self._hub is None or self._hub.link.is_up:
            return
        self._drop_sources()
        self._hub = next(iter(self._parts.values()), None)
        for part in self._parts.values():
            part.untie()
            if self._hub is not None and part is not self._hub:
                self._tie_again(part, self._hub)

    def _tie_again(self, part: _Part, hub: _Part) -> None:
        try:
            self._tie(part, hub)
        except MediaUnavailable as error:
            log.error("parties of a group are cut off", code=error.code)

    # --- for all --------------------------------------------------------------------------------------------------

    def play(self, prompt: RenderedPrompt, *, is_looped: bool = False) -> int:
        """See `AudioGroup.play`."""
        if self._prompter is None:
            self._prompter = self._open_source(self._handle_done)
        self._playback += 1
        self._running[self._prompter.play(prompt, is_looped=is_looped)] = self._playback
        return self._playback

    def stop_playback(self) -> None:
        if self._prompter is not None:
            self._prompter.stop_playback()

    def play_tone(self, tone: Tone) -> None:
        try:
            if self._chimes is None:
                self._chimes = self._open_source(None)
        except MediaUnavailable:
            return  # a tone that cannot be played is no reason to refuse a member
        self._chimes.play_tone(tone)

    def _open_source(self, handle_done: Callable[[int], None] | None) -> WorkerMediaPort:
        hub = self._hub
        if hub is None:
            raise MediaUnavailable("nobody is there to hear it")
        source = hub.link.open_source(_OwnPort(lambda: self._handle_lost(hub), handle_done))
        source.enter(hub.number, PLAIN_VOICE)
        return source

    def _handle_done(self, number: int) -> None:
        playback = self._running.pop(number, None)
        if playback is not None:
            self._listener.handle_group_playback_done(playback)

    def _drop_sources(self) -> None:
        """With their worker: whatever played is over."""
        for source in (self._prompter, self._chimes):
            if source is not None:
                source.close()
        self._prompter = self._chimes = None
        for number in list(self._running):
            self._handle_done(number)

    def close(self) -> None:
        self._running.clear()
        self._drop_sources()
        for port in list(self._voices):
            self.leave(port)
        for part in list(self._parts.values()):
            part.untie()
            self._forget_part(part)
        self._hub = None


def _own(port: MediaPort) -> WorkerMediaPort:
    if not isinstance(port, WorkerMediaPort):
        raise MediaError("a port of another media plane")
    return port
