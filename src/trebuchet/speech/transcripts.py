"""Texts of recordings on disk: from the account's wav to a media file named like the transcription."""

import asyncio
import os
from pathlib import Path

from trebuchet.base.disk import replace_durably
from trebuchet.calls.interfaces import TranscriptionFailed
from trebuchet.model.recording import Recording
from trebuchet.model.transcription import Transcription
from trebuchet.speech.stt import ListeningEngine

BASE_LIMIT_S = 120.0
"""Every transcription has so much time, for an engine that must load its model first."""
LIMIT_FACTOR = 10.0
"""And so many times the recording's length: the embedded engine needs 0.3 to 0.6 times it on an idle core, and yields
to calls on a busy one."""
FILE_MODE = 0o640


class Transcripts:
    """Implements `calls.interfaces.Listening`. Account and names come from the store, never from a request."""

    def __init__(self, engine: ListeningEngine, media_directory: Path) -> None:
        """`media_directory` holds `{account id}/{media name}`."""
        self._engine = engine
        self._media_directory = media_directory

    async def listen(self, transcription: Transcription, recording: Recording) -> str:
        folder = self._media_directory / recording.account_id
        limit_s = BASE_LIMIT_S + LIMIT_FACTOR * (transcription.duration_ms or 0) / 1000
        audio = folder / recording.media_name
        if not await asyncio.to_thread(audio.is_file):
            raise TranscriptionFailed("the recording's audio is gone")
        text = await self._engine.listen(audio, limit_s)
        await asyncio.to_thread(_keep, folder / transcription.id, text)
        return text


def _keep(path: Path, text: str) -> None:
    """On disk when it returns; whole or not at all."""
    draft = path.with_name(f".{path.name}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(descriptor)
    replace_durably(draft, path)
