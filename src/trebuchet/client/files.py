"""Recordings, their transcriptions, and the media files behind both."""

import builtins

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
from trebuchet.client.results import MediaFile, Recording, Transcription
from trebuchet.client.values import to_wire


class Recordings(Resource[F]):
    """`client.recordings`. They come from calls; see `client.calls.record`."""

    @listing
    def list(self, *, page: int | None = None, size: int | None = None) -> Request[builtins.list[Recording]]:
        """The account's recordings, newest first."""
        return Request("GET", self._path("recordings"), many(Recording), query=to_wire(page=page, size=size))

    @operation
    def get(self, recording_id: str) -> Request[Recording]:
        return Request("GET", self._path("recordings", recording_id), one(Recording))

    @operation
    def delete(self, recording_id: str, *, idempotency_key: str | None = None) -> Request[None]:
        """Remove the audio; the recording stays listed."""
        return Request("DELETE", self._path("recordings", recording_id), nothing, headers=once(idempotency_key))

    @operation
    def transcribe(self, recording_id: str, *, idempotency_key: str | None = None) -> Request[str]:
        """Have a complete wav recording written down; the id of the transcription."""
        path = self._path("recordings", recording_id, "transcriptions")
        return Request("POST", path, created_id, {}, headers=once(idempotency_key))

    @listing
    def transcriptions(
        self, recording_id: str, *, page: int | None = None, size: int | None = None
    ) -> Request[builtins.list[Transcription]]:
        path = self._path("recordings", recording_id, "transcriptions")
        return Request("GET", path, many(Transcription), query=to_wire(page=page, size=size))

    @operation
    def get_transcription(self, recording_id: str, transcription_id: str) -> Request[Transcription]:
        path = self._path("recordings", recording_id, "transcriptions", transcription_id)
        return Request("GET", path, one(Transcription))


class Media(Resource[F]):
    """`client.media`: private files of the account, usable as `url` of what is played."""

    @listing
    def list(self, *, page: int | None = None, size: int | None = None) -> Request[builtins.list[MediaFile]]:
        return Request("GET", self._path("media"), many(MediaFile), query=to_wire(page=page, size=size))

    @operation
    def upload(
        self,
        name: str,
        content: bytes,
        *,
        content_type: str = "application/octet-stream",
        idempotency_key: str | None = None,
    ) -> Request[None]:
        """Store a file under a name, in the place of one that is there."""
        headers = {"content-type": content_type} | once(idempotency_key)
        return Request("PUT", self._path("media", name), nothing, content=content, headers=headers)

    @operation
    def download(self, name: str) -> Request[bytes]:
        """The bytes of a file, a recording's audio or a transcription's text."""
        return Request("GET", self._path("media", name), lambda answer: answer.content)

    @operation
    def size(self, name: str) -> Request[int]:
        """Length of a file in bytes, without fetching it."""
        return Request("HEAD", self._path("media", name), lambda answer: int(answer.headers["content-length"]))

    @operation
    def delete(self, name: str, *, idempotency_key: str | None = None) -> Request[None]:
        return Request("DELETE", self._path("media", name), nothing, headers=once(idempotency_key))
