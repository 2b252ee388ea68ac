"""Bridges (two calls) and conferences (many)."""

import builtins
from collections.abc import Sequence

from trebuchet.client.audio import STOP, Audio, audio_to_wire
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
from trebuchet.client.results import Bridge, Call, Conference, ConferenceMember
from trebuchet.client.values import to_wire


class Bridges(Resource[F]):
    """`client.bridges`."""

    @operation
    def create(
        self,
        *,
        call_ids: Sequence[str] | None = None,
        bridge_audio: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Request[str]:
        """A bridge of up to two calls, which may come later; its id."""
        body = to_wire(call_ids=_listed(call_ids), bridge_audio=bridge_audio)
        return Request("POST", self._path("bridges"), created_id, body, headers=once(idempotency_key))

    @listing
    def list(self, *, page: int | None = None, size: int | None = None) -> Request[builtins.list[Bridge]]:
        """The account's bridges, newest first."""
        return Request("GET", self._path("bridges"), many(Bridge), query=to_wire(page=page, size=size))

    @operation
    def get(self, bridge_id: str) -> Request[Bridge]:
        return Request("GET", self._path("bridges", bridge_id), one(Bridge))

    @operation
    def update(
        self,
        bridge_id: str,
        *,
        call_ids: Sequence[str] | None = None,
        bridge_audio: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Request[None]:
        """`call_ids` replaces the whole set: an empty one takes all calls out and completes the bridge."""
        body = to_wire(call_ids=_listed(call_ids), bridge_audio=bridge_audio)
        return Request("POST", self._path("bridges", bridge_id), nothing, body, headers=once(idempotency_key))

    @operation
    def play(
        self,
        bridge_id: str,
        audio: Audio,
        *,
        loop: bool | None = None,
        tag: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[None]:
        """Play a file or speak a sentence (a plain string) to both calls."""
        body = audio_to_wire(audio, loop=loop, tag=tag)
        return Request("POST", self._path("bridges", bridge_id, "audio"), nothing, body, headers=once(idempotency_key))

    @operation
    def stop_audio(self, bridge_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        path = self._path("bridges", bridge_id, "audio")
        return Request("POST", path, nothing, STOP, headers=once(idempotency_key))

    @listing
    def calls(self, bridge_id: str) -> Request[builtins.list[Call]]:
        """The calls in the bridge."""
        return Request("GET", self._path("bridges", bridge_id, "calls"), many(Call))


class Conferences(Resource[F]):
    """`client.conferences`."""

    @operation
    def create(
        self,
        from_: str,
        *,
        profile: str | None = None,
        callback_url: str | None = None,
        callback_http_method: str | None = None,
        callback_timeout: int | None = None,
        fallback_url: str | None = None,
        tag: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[str]:
        """A conference hosted by a number of the account; its id.

        `profile`: `interpret_digits` (keys steer volumes and muting) or `passthru_digits`."""
        body = to_wire(
            from_=from_,
            profile=profile,
            callback_url=callback_url,
            callback_http_method=callback_http_method,
            callback_timeout=callback_timeout,
            fallback_url=fallback_url,
            tag=tag,
        )
        return Request("POST", self._path("conferences"), created_id, body, headers=once(idempotency_key))

    @operation
    def get(self, conference_id: str) -> Request[Conference]:
        return Request("GET", self._path("conferences", conference_id), one(Conference))

    @operation
    def update(
        self,
        conference_id: str,
        *,
        hold: bool | None = None,
        mute: bool | None = None,
        callback_url: str | None = None,
        callback_http_method: str | None = None,
        callback_timeout: int | None = None,
        fallback_url: str | None = None,
        tag: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[None]:
        """`hold`: nobody hears or speaks; `mute`: nobody speaks."""
        body = to_wire(
            hold=hold,
            mute=mute,
            callback_url=callback_url,
            callback_http_method=callback_http_method,
            callback_timeout=callback_timeout,
            fallback_url=fallback_url,
            tag=tag,
        )
        return Request("POST", self._path("conferences", conference_id), nothing, body, headers=once(idempotency_key))

    @operation
    def terminate(self, conference_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        """End the conference for everybody."""
        path = self._path("conferences", conference_id)
        return Request("POST", path, nothing, {"state": "completed"}, headers=once(idempotency_key))

    @operation
    def play(
        self,
        conference_id: str,
        audio: Audio,
        *,
        loop: bool | None = None,
        tag: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[None]:
        """Play a file or speak a sentence (a plain string) to all members."""
        path = self._path("conferences", conference_id, "audio")
        return Request("POST", path, nothing, audio_to_wire(audio, loop=loop, tag=tag), headers=once(idempotency_key))

    @operation
    def stop_audio(self, conference_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        path = self._path("conferences", conference_id, "audio")
        return Request("POST", path, nothing, STOP, headers=once(idempotency_key))

    @operation
    def add_member(
        self,
        conference_id: str,
        call_id: str,
        *,
        join_tone: bool | None = None,
        leaving_tone: bool | None = None,
        mute: bool | None = None,
        hold: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Request[str]:
        """Put an active call into the conference; the id of the member."""
        body = to_wire(call_id=call_id, join_tone=join_tone, leaving_tone=leaving_tone, mute=mute, hold=hold)
        path = self._path("conferences", conference_id, "members")
        return Request("POST", path, created_id, body, headers=once(idempotency_key))

    @listing
    def members(self, conference_id: str) -> Request[builtins.list[ConferenceMember]]:
        """All members, also those who left."""
        return Request("GET", self._path("conferences", conference_id, "members"), many(ConferenceMember))

    @operation
    def get_member(self, conference_id: str, member_id: str) -> Request[ConferenceMember]:
        return Request("GET", self._path("conferences", conference_id, "members", member_id), one(ConferenceMember))

    @operation
    def update_member(
        self,
        conference_id: str,
        member_id: str,
        *,
        mute: bool | None = None,
        hold: bool | None = None,
        join_tone: bool | None = None,
        leaving_tone: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Request[None]:
        body = to_wire(mute=mute, hold=hold, join_tone=join_tone, leaving_tone=leaving_tone)
        path = self._path("conferences", conference_id, "members", member_id)
        return Request("POST", path, nothing, body, headers=once(idempotency_key))

    @operation
    def remove_member(self, conference_id: str, member_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        """Take a member out; his call goes on."""
        path = self._path("conferences", conference_id, "members", member_id)
        return Request("POST", path, nothing, {"state": "completed"}, headers=once(idempotency_key))

    @operation
    def play_to_member(
        self,
        conference_id: str,
        member_id: str,
        audio: Audio,
        *,
        loop: bool | None = None,
        tag: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[None]:
        """Play a file or speak a sentence (a plain string) to one member alone."""
        path = self._path("conferences", conference_id, "members", member_id, "audio")
        return Request("POST", path, nothing, audio_to_wire(audio, loop=loop, tag=tag), headers=once(idempotency_key))


def _listed(values: Sequence[str] | None) -> "builtins.list[str] | None":
    return None if values is None else [*values]
