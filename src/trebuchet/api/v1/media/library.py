"""All media of an account under one set of names: uploaded files, recordings, texts of transcriptions.

An uploaded file hides a recording of the same name, until it is deleted.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from trebuchet.api.context import Context
from trebuchet.api.v1.media.wire import DEFAULT_CONTENT_TYPE, TEXT_CONTENT_TYPE
from trebuchet.base.ids import TranscriptionId
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.model.transcription import TranscriptionState

CONTENT_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
"""Of recordings, by their ending."""
PARTIAL_SUFFIX = ".part.wav"
"""Of recordings that are still being written."""


@dataclass(frozen=True, slots=True)
class Medium:
    """Something that can be downloaded. `path` is made of ids and names of ours alone."""

    path: Path
    content_type: str
    cache_control: str = "no-cache"


async def find_medium(context: Context, name: str) -> Medium | None:
    """`None`: no such name, or its file is not there yet."""
    store, account_id = context.deps.store, context.account.id
    folder = media_folder(context)
    file = await store.media_file(account_id, name)
    if file is not None:
        return Medium(folder / file.place, file.content_type, file.cache_control or "no-cache")
    recording = await store.recording_by_media_name(account_id, name)
    if recording is not None:
        return _recorded(folder, recording)
    transcription = await store.transcription(TranscriptionId(name))
    if transcription is None or transcription.account_id != account_id:
        return None
    if transcription.state is not TranscriptionState.COMPLETED:
        return None
    return Medium(folder / transcription.id, TEXT_CONTENT_TYPE)


def _recorded(folder: Path, recording: Recording) -> Medium | None:
    if recording.state is not RecordingState.COMPLETE:
        return None
    ending = recording.media_name.rpartition(".")[2]
    return Medium(folder / recording.media_name, CONTENT_TYPES.get(ending, DEFAULT_CONTENT_TYPE))


def media_folder(context: Context) -> Path:
    return context.deps.media_directory / context.account.id


async def list_media(context: Context) -> list[tuple[str, int]]:
    """Name and size of all media, by name."""
    store, account_id = context.deps.store, context.account.id
    sizes = await asyncio.to_thread(_made_files, media_folder(context))
    for recording in await store.unfinished_recordings():
        if recording.account_id == account_id:
            sizes.pop(recording.media_name, None)
    sizes.update({file.name: file.size_bytes for file in await store.media_files(account_id)})
    return sorted(sizes.items())


def _made_files(folder: Path) -> dict[str, int]:
    """Size by name of what the server has made for the account: recordings and texts."""
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name: entry.stat(follow_symlinks=False).st_size
                for entry in entries
                if entry.is_file(follow_symlinks=False) and not _is_internal(entry.name)
            }
    except FileNotFoundError:
        return {}


def _is_internal(name: str) -> bool:
    return name.startswith(".") or name.endswith(PARTIAL_SUFFIX)
