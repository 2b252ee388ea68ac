"""Calls: placing, answering, ending, recording, transferring; audio, digits and gathers on them."""

import builtins
from collections.abc import Mapping
from typing import Any

from trebuchet.client.audio import STOP, Audio, AudioFile, Sentence, audio_to_wire
from trebuchet.client.request import (
    F,
    Request,
    Resource,
    created_id,
    listing,
    many,
    nothing,
    once,
    one,
    operation,
)
from trebuchet.client.results import Call, CallEvent, Gather, Recording, Transcription
from trebuchet.client.values import to_wire


class Calls(Resource[F]):
    """`client.calls`. What acts on a call returns when the new state is in force and stored."""

    @operation
    def create(
        self,
        from_: str,
        to: str,
        *,
        call_timeout: int | None = None,
        callback_url: str | None = None,
        callback_timeout: int | None = None,
        callback_http_method: str | None = None,
        fallback_url: str | None = None,
        bridge_id: str | None = None,
        conference_id: str | None = None,
        recording_enabled: bool | None = None,
        recording_max_duration: int | None = None,
        recording_file_format: str | None = None,
        transcription_enabled: bool | None = None,
        tag: str | None = None,
        sip_headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Request[str]:
        """Place a call from a number of the account; the id of the call, which now rings.

        `call_timeout`: seconds to ring; `callback_timeout`: milliseconds an answer to an event may take."""
        body = to_wire(
            from_=from_,
            to=to,
            call_timeout=call_timeout,
            callback_url=callback_url,
            callback_timeout=callback_timeout,
            callback_http_method=callback_http_method,
            fallback_url=fallback_url,
            bridge_id=bridge_id,
            conference_id=conference_id,
            recording_enabled=recording_enabled,
            recording_max_duration=recording_max_duration,
            recording_file_format=recording_file_format,
            transcription_enabled=transcription_enabled,
            tag=tag,
            sip_headers=sip_headers,
        )
        return Request("POST", self._path("calls"), created_id, body, headers=once(idempotency_key))

    @listing
    def list(
        self,
        *,
        from_: str | None = None,
        to: str | None = None,
        bridge_id: str | None = None,
        conference_id: str | None = None,
        sort_order: str | None = None,
        page: int | None = None,
        size: int | None = None,
    ) -> Request[builtins.list[Call]]:
        """The account's calls, newest first unless `sort_order` is `asc`. `size`: how many are fetched at once."""
        query = to_wire(
            from_=from_,
            to=to,
            bridge_id=bridge_id,
            conference_id=conference_id,
            sort_order=sort_order,
            page=page,
            size=size,
        )
        return Request("GET", self._path("calls"), many(Call), query=query)

    @operation
    def get(self, call_id: str) -> Request[Call]:
        """The call as it is now, or was at its end."""
        return Request("GET", self._path("calls", call_id), one(Call))

    @operation
    def answer(self, call_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        """Answer an incoming call."""
        return self._update(call_id, {"state": "active"}, idempotency_key)

    @operation
    def reject(self, call_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        """Refuse an incoming call."""
        return self._update(call_id, {"state": "rejected"}, idempotency_key)

    @operation
    def hangup(self, call_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        """End a call in whatever state it is."""
        return self._update(call_id, {"state": "completed"}, idempotency_key)

    @operation
    def record(
        self,
        call_id: str,
        enabled: bool = True,
        *,
        file_format: str | None = None,
        max_duration: int | None = None,
        idempotency_key: str | None = None,
    ) -> Request[None]:
        """Start recording, or stop with `enabled=False`. `file_format`: `wav` or `mp3`; `max_duration`: seconds."""
        body = to_wire(
            recording_enabled=enabled, recording_file_format=file_format, recording_max_duration=max_duration
        )
        return self._update(call_id, body, idempotency_key)

    @operation
    def transfer(
        self,
        call_id: str,
        to: str,
        *,
        caller_id: str | None = None,
        whisper: Audio | None = None,
        callback_url: str | None = None,
        tag: str | None = None,
        diversion_treatment: str | None = None,
        diversion_reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[str]:
        """Connect a call with somebody else; the id of the new call to him.

        `whisper` is heard by the new party alone, before the two are connected. `caller_id`: `private` or a number of
        the account."""
        body = to_wire(
            state="transferring",
            transfer_to=to,
            transfer_caller_id=caller_id,
            whisper_audio=None if whisper is None else audio_to_wire(whisper),
            callback_url=callback_url,
            tag=tag,
            diversion_treatment=diversion_treatment,
            diversion_reason=diversion_reason,
        )
        return Request("POST", self._path("calls", call_id), created_id, body, headers=once(idempotency_key))

    @operation
    def play(
        self,
        call_id: str,
        url: str,
        *,
        loop: bool | None = None,
        volume: int | None = None,
        tag: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[None]:
        """Play a wav or mp3 file to the call. `volume`: -4 to 4."""
        body = audio_to_wire(AudioFile(url=url, volume=volume), loop=loop, tag=tag)
        return self._act(call_id, "audio", body, idempotency_key)

    @operation
    def say(
        self,
        call_id: str,
        sentence: str,
        *,
        gender: str | None = None,
        locale: str | None = None,
        voice: str | None = None,
        loop: bool | None = None,
        volume: int | None = None,
        tag: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[None]:
        """Speak a sentence to the call."""
        spoken = Sentence(text=sentence, gender=gender, locale=locale, voice=voice, volume=volume)
        return self._act(call_id, "audio", audio_to_wire(spoken, loop=loop, tag=tag), idempotency_key)

    @operation
    def stop_audio(self, call_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        """Stop what is being played or spoken."""
        return self._act(call_id, "audio", STOP, idempotency_key)

    @operation
    def dtmf(self, call_id: str, digits: str, *, idempotency_key: str | None = None) -> Request[None]:
        """Send digits `0-9A-D*#`; `,` and `w` wait half a second, `W` a second."""
        return self._act(call_id, "dtmf", {"dtmfOut": digits}, idempotency_key)

    @operation
    def gather(
        self,
        call_id: str,
        *,
        max_digits: int | None = None,
        inter_digit_timeout: float | None = None,
        terminating_digits: str | None = None,
        suppress_dtmf: bool | None = None,
        prompt: Audio | None = None,
        prompt_loop: bool | None = None,
        tag: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[str]:
        """Collect digits; the id of the gather. The result comes as an event, and by `get_gather`.

        `inter_digit_timeout`: seconds; `terminating_digits`: any of them ends the gather and is not part of it."""
        body = to_wire(
            max_digits=max_digits,
            inter_digit_timeout=inter_digit_timeout,
            terminating_digits=terminating_digits,
            suppress_dtmf=suppress_dtmf,
            prompt=None if prompt is None else audio_to_wire(prompt, loop=prompt_loop),
            tag=tag,
        )
        return Request("POST", self._path("calls", call_id, "gather"), created_id, body, headers=once(idempotency_key))

    @operation
    def get_gather(self, call_id: str, gather_id: str) -> Request[Gather]:
        """How far a gather is, or how it ended."""
        return Request("GET", self._path("calls", call_id, "gather", gather_id), one(Gather))

    @operation
    def stop_gather(self, call_id: str, gather_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        """End a gather with what was collected."""
        path = self._path("calls", call_id, "gather", gather_id)
        return Request("POST", path, nothing, {"state": "completed"}, headers=once(idempotency_key))

    @listing
    def events(self, call_id: str) -> Request[builtins.list[CallEvent]]:
        """The call's log, oldest first."""
        return Request("GET", self._path("calls", call_id, "events"), many(CallEvent))

    @operation
    def get_event(self, call_id: str, event_id: str) -> Request[CallEvent]:
        """One entry of the call's log."""
        return Request("GET", self._path("calls", call_id, "events", event_id), one(CallEvent))

    @listing
    def recordings(self, call_id: str) -> Request[builtins.list[Recording]]:
        """The call's recordings, oldest first."""
        return Request("GET", self._path("calls", call_id, "recordings"), many(Recording))

    @listing
    def transcriptions(self, call_id: str) -> Request[builtins.list[Transcription]]:
        """The texts of the call's recordings."""
        return Request("GET", self._path("calls", call_id, "transcriptions"), many(Transcription))

    def _update(self, call_id: str, body: dict[str, Any], key: str | None) -> Request[None]:
        return Request("POST", self._path("calls", call_id), nothing, body, headers=once(key))

    def _act(self, call_id: str, what: str, body: dict[str, Any], key: str | None) -> Request[None]:
        return Request("POST", self._path("calls", call_id, what), nothing, body, headers=once(key))
