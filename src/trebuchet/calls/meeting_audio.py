"""The audio of one bridge or conference: brings its group of parties to what its owner has decided."""

from collections.abc import Callable, Iterable, Mapping

import structlog

from trebuchet.base.ids import CallId
from trebuchet.calls.interfaces import AudioGroup, MediaPlane, MediaPort, MediaUnavailable, Tone, Voice
from trebuchet.model.prompt import RenderedPrompt

logger = structlog.get_logger(__name__)

SILENT = Voice(can_speak=False, can_hear=False)
"""How a party waits in the group for its entry to be stored."""


class MeetingAudio:
    """Opens a group when somebody is to be connected, and closes it when nobody is. Keeps the ports: of a call that has
    ended nobody else knows it any more."""

    def __init__(
        self, media: MediaPlane, port_of: Callable[[CallId], MediaPort | None], handle_done: Callable[[int], None]
    ) -> None:
        """`handle_done` is told the owner's number of each playback that is over."""
        self._media = media
        self._port_of = port_of
        self._tell_done = handle_done
        self._group: AudioGroup | None = None
        self._ports: dict[CallId, MediaPort] = {}
        self._voices: dict[CallId, Voice] = {}
        self._playbacks: dict[int, int] = {}
        """The group's number of a playback, and the owner's."""

    def prepare(self, call_ids: Iterable[CallId]) -> None:
        """Bring these parties into the group, without hearing or being heard yet. Raises `MediaUnavailable`."""
        for call_id in call_ids:
            port = self._port_of(call_id)
            if call_id in self._ports or port is None:
                continue
            if self._group is None:
                self._group = self._media.open_group(self)
            self._group.join(port, SILENT)
            self._ports[call_id], self._voices[call_id] = port, SILENT

    def settle(self, voices: Mapping[CallId, Voice]) -> None:
        """Exactly these parties are in the group, each with its voice. A party that cannot be reached is left out."""
        for call_id in [call_id for call_id in self._ports if call_id not in voices]:
            self._leave(call_id)
        for call_id, voice in voices.items():
            try:
                self.prepare((call_id,))
            except MediaUnavailable as error:
                logger.error("party cannot be connected", call_id=call_id, code=error.code)
            self._set_voice(call_id, voice)
        if not self._ports:
            self.close()

    def _leave(self, call_id: CallId) -> None:
        port = self._ports.pop(call_id)
        del self._voices[call_id]
        if self._group is not None:
            self._group.leave(port)

    def _set_voice(self, call_id: CallId, voice: Voice) -> None:
        port = self._ports.get(call_id)
        if port is None or self._group is None or self._voices[call_id] == voice:
            return
        self._voices[call_id] = voice
        self._group.set_voice(port, voice)

    def play(self, number: int, prompt: RenderedPrompt, *, is_looped: bool) -> None:
        """To all, instead of what plays; `number` is the owner's."""
        try:
            if self._group is None:
                raise MediaUnavailable("nobody is there to hear it")
            self._playbacks[self._group.play(prompt, is_looped=is_looped)] = number
        except MediaUnavailable as error:
            logger.error("playback to all failed", code=error.code)
            self._tell_done(number)

    def stop_playback(self) -> None:
        if self._group is not None:
            self._group.stop_playback()

    def play_tone(self, tone: Tone) -> None:
        if self._group is not None:
            self._group.play_tone(tone)

    def handle_group_playback_done(self, playback: int) -> None:
        """See `AudioGroupListener`."""
        number = self._playbacks.pop(playback, None)
        if number is not None:
            self._tell_done(number)

    def close(self) -> None:
        """Everybody leaves."""
        if self._group is not None:
            self._group.close()
        self._group = None
        self._ports.clear()
        self._voices.clear()
        self._playbacks.clear()
