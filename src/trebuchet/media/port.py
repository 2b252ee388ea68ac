"""`MediaPort` for call control: negotiation here, everything else as commands to the worker that holds the port."""

from dataclasses import replace
from typing import Protocol

import msgspec

from trebuchet.base.ids import AccountId, RecordingId
from trebuchet.base.rand import SystemRand
from trebuchet.base.units import RATE_HZ, TICKS_PER_S
from trebuchet.calls.interfaces import (
    PLAIN_VOICE,
    MediaError,
    MediaListener,
    MediaPort,
    NoCommonCodec,
    SilenceLimit,
    Tone,
    Voice,
)
from trebuchet.media import messages as m
from trebuchet.media.negotiation import Agreement, agreement_from, answer_to, our_offer
from trebuchet.media.paths import check_name
from trebuchet.media.srtp_keys import PortKeys, Protection
from trebuchet.model.media_description import MediaDescription
from trebuchet.model.prompt import RenderedPrompt

DIGITS = frozenset("0123456789*#ABCD")
MAX_DIGITS = 184
"""In one command, in the engine's own marks: twice what the API takes, since a pause of a second is two of them."""
PAUSES = {",": ",", "w": ",", "W": ",,"}
"""Half a second each, and a second; the engine's own mark is half a second."""

PEAK_PER_THRESHOLD = 3.3
"""A threshold of 100, the API's default, is -40 dBov, a peak of 330: as silence is judged everywhere else."""
MAX_PEAK = 32_767


class DigitsInvalid(MediaError):
    """Something that is no key and no pause."""

    code = "digits-invalid"


class PortsApart(MediaError):
    """Two ports on different workers cannot be connected."""

    code = "media-ports-apart"


class Link(Protocol):
    """What a port, and a group of ports, need of their worker's link."""

    @property
    def is_up(self) -> bool: ...

    def new_group(self) -> int: ...

    def open_source(self, listener: MediaListener) -> "WorkerMediaPort": ...

    def open_port(self, listener: MediaListener, family: int) -> "WorkerMediaPort": ...

    def put(self, command: msgspec.Struct) -> None: ...

    def new_recorder(
        self, port: "WorkerMediaPort", recording_id: RecordingId, account_id: AccountId, media_name: str
    ) -> int: ...

    def refuse_recorder(self, listener: MediaListener, recording_id: RecordingId) -> None: ...

    def forget(self, port: "WorkerMediaPort") -> None: ...


class WorkerMediaPort:
    """One port. Made by the pool; implements `calls.interfaces.MediaPort`."""

    def __init__(
        self,
        link: Link,
        number: int,
        listener: MediaListener,
        *,
        address: str,
        rtp_port: int,
        family: int,
        is_encrypted: bool = False,
    ) -> None:
        self.number = number
        self.listener = listener
        self.link = link
        self.playbacks: set[int] = set()
        """Running, or reported later."""
        self.has_timed_out = False
        self._address = address
        self._rtp_port = rtp_port
        self._family = family
        self._keys = PortKeys(SystemRand(), is_required=is_encrypted)
        self._last_playback = 0
        self._group: int | None = None
        self._is_open = True

    @property
    def is_open(self) -> bool:
        return self._is_open

    # --- negotiation ----------------------------------------------------------------------------------------------

    def offer(self) -> MediaDescription:
        """See `MediaPort.offer`."""
        return replace(our_offer(self._address, self._rtp_port), srtp=self._keys.offer())

    def supports(self, offer: MediaDescription) -> bool:
        """See `MediaPort.supports`."""
        try:
            agreement_from(offer, self._family)
            self._keys.check_offer(offer.srtp)
        except NoCommonCodec:
            return False
        return True

    def answer(self, offer: MediaDescription) -> MediaDescription:
        """See `MediaPort.answer`."""
        answer, agreement = answer_to(offer, self._address, self._rtp_port, self._family)
        chosen = self._keys.check_offer(offer.srtp)
        if chosen is None:
            self._apply(agreement, None)
            return answer
        ours, protection = self._keys.answer(chosen)
        self._keys.is_required = True
        self._apply(agreement, protection)
        return replace(answer, srtp=(ours,))

    def accept(self, answer: MediaDescription) -> None:
        """See `MediaPort.accept`."""
        agreement = agreement_from(answer, self._family)
        self._apply(agreement, self._keys.accept(answer.srtp))

    def _apply(self, agreement: Agreement, protection: Protection | None) -> None:
        self._put(
            m.SetRemote(
                port=self.number,
                address=agreement.address,
                rtp_port=agreement.rtp_port,
                rtcp_port=agreement.rtcp_port,
                law=agreement.codec.name,
                payload_type=agreement.codec.payload_type,
                accept=agreement.accept,
                digits_receive=agreement.digits_receive,
                digits_send=agreement.digits_send,
                direction=agreement.direction.value,
                srtp=None if protection is None else (protection.suite, protection.ours, protection.theirs),
            )
        )

    # --- audio ----------------------------------------------------------------------------------------------------

    def connect(self, other: MediaPort) -> None:
        """See `MediaPort.connect`. Raises `PortsApart`."""
        if not isinstance(other, WorkerMediaPort) or other.link is not self.link:
            raise PortsApart("the two media ports are not on one worker")
        if other.is_open:
            self._put(m.Connect(self.number, other.number))
            self.forget_group()
            other.forget_group()

    def disconnect(self) -> None:
        self._put(m.Disconnect(self.number))
        self.forget_group()

    def enter(self, group: int, voice: Voice) -> None:
        """Into a group of the worker's, out of any other one."""
        self._group = group
        self._put(m.JoinGroup(self.number, group))
        self.set_voice(voice)

    def exit(self, group: int) -> None:
        """Out of this group; a party that has gone elsewhere meanwhile stays there."""
        if self._group == group:
            self.disconnect()

    def forget_group(self) -> None:
        """The party is in no group any more, and everything it was told to do there is over."""
        if self._group is not None:
            self._group = None
            self.set_voice(PLAIN_VOICE)

    def set_voice(self, voice: Voice) -> None:
        """What this party may do in its group, and how loud."""
        self._put(m.SetVoice(self.number, voice.can_speak, voice.can_hear, voice.mic_db, voice.ear_db, voice.gate_dbov))

    def play_tone(self, tone: Tone) -> int:
        """One of the built-in tones, once."""
        playback = self._new_playback()
        self._put(m.PlayTone(self.number, playback, tone.value))
        return playback

    def play(self, prompt: RenderedPrompt, *, is_looped: bool = False) -> int:
        """See `MediaPort.play`."""
        playback = self._new_playback()
        self._put(m.Play(self.number, playback, prompt.path, prompt.samples, prompt.volume, is_looped))
        return playback

    def play_ringback(self) -> int:
        playback = self._new_playback()
        self._put(m.PlayRingback(self.number, playback))
        return playback

    def _new_playback(self) -> int:
        self._last_playback += 1
        if self._is_open:
            self.playbacks.add(self._last_playback)
        return self._last_playback

    def stop_playback(self) -> None:
        self._put(m.StopPlayback(self.number))

    def send_digits(self, digits: str) -> None:
        """See `MediaPort.send_digits`. Raises `DigitsInvalid` for other characters, and for more than
        `MAX_DIGITS` (pauses of a second count twice)."""
        if not all(digit in DIGITS or digit in PAUSES for digit in digits):
            raise DigitsInvalid("only 0-9, *, #, A-D and the pauses comma, w, W can be sent")
        expanded = "".join(PAUSES.get(digit, digit) for digit in digits)
        if len(expanded) > MAX_DIGITS:
            raise DigitsInvalid(f"more than {MAX_DIGITS} digits cannot be sent at once")
        if expanded:
            self._put(m.SendDigits(self.number, expanded))

    # --- recording ------------------------------------------------------------------------------------------------

    def start_recorder(
        self,
        recording_id: RecordingId,
        media_name: str,
        account_id: AccountId,
        *,
        max_duration_s: int,
        channels: int | None = None,
        silence: SilenceLimit | None = None,
    ) -> None:
        """See `MediaPort.start_recorder`. Raises `MediaNameInvalid` for a name that may not become a path."""
        check_name(account_id)
        check_name(media_name)
        if not self._is_open:
            self.link.refuse_recorder(self.listener, recording_id)
            return
        recorder = self.link.new_recorder(self, recording_id, account_id, media_name)
        max_samples = max(1, max_duration_s) * RATE_HZ
        ticks = 0 if silence is None else silence.seconds * TICKS_PER_S
        peak = 0 if silence is None else min(MAX_PEAK, max(1, round(silence.threshold * PEAK_PER_THRESHOLD)))
        self._put(
            m.StartRecorder(self.number, recorder, account_id, media_name, max_samples, channels or 0, ticks, peak)
        )

    def stop_recorder(self) -> None:
        self._put(m.StopRecorder(self.number))

    def close(self) -> None:
        if self._is_open:
            self._put(m.ClosePort(self.number))
            self.lose()
            self.link.forget(self)

    def lose(self) -> None:
        """The worker's side is gone: every method is a no-op from now on."""
        self._is_open = False
        self.playbacks.clear()

    def _put(self, command: m.Command) -> None:
        if self._is_open:
            self.link.put(command)
