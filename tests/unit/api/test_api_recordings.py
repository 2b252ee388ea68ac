"""Recordings and the media behind them (resources.md 4 and 6, download)."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from support.api_world import CALL_ID, START, USER, ApiWorld
from trebuchet.api.v1.media.files import CHUNK_BYTES, Span, Unsatisfiable, read_range
from trebuchet.base.ids import AccountId, RecordingId
from trebuchet.model.recording import RecordingState

MEDIA = f"/media/{CALL_ID}-1.wav"
CONTENT = bytes(range(256)) * 40


async def test_a_recording(world: ApiWorld) -> None:
    """resources.md 4, the example; `endTime` only after the end."""
    await world.add_recording()
    expected = {
        "id": "rec-1",
        "call": f"{world.url}/calls/{CALL_ID}",
        "media": f"{world.url}/media/{CALL_ID}-1.wav",
        "startTime": "2016-03-02T10:00:00Z",
        "endTime": "2016-03-02T10:00:00Z",
        "state": "complete",
    }
    assert (await world.get("/recordings/rec-1")).json() == expected
    assert (await world.get("/recordings")).json() == [expected]


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (RecordingState.RECORDING, "recording"),
        (RecordingState.SAVING, "saving"),
        (RecordingState.COMPLETE, "complete"),
        (RecordingState.ERROR, "error"),
    ],
)
async def test_states(world: ApiWorld, state: RecordingState, shown: str) -> None:
    """`media` and `call` are there in every state."""
    await world.add_recording(state=state, ended_at=None)
    recording = (await world.get("/recordings/rec-1")).json()
    assert recording["state"] == shown
    assert {"media", "call"} <= set(recording) and "endTime" not in recording


async def test_the_list_is_paged_newest_first(world: ApiWorld) -> None:
    for number in range(3):
        await world.add_recording(
            id=RecordingId(f"rec-{number}"), media_name=f"{CALL_ID}-{number}.wav", started_at=START + timedelta(number)
        )
    response = await world.get("/recordings?size=2")
    assert [item["id"] for item in response.json()] == ["rec-2", "rec-1"]
    following = await world.client.get(response.links["next"]["url"])
    assert [item["id"] for item in following.json()] == ["rec-0"]


@pytest.mark.parametrize("owner", [None, "u-other"])
async def test_unknown_and_foreign_recordings(world: ApiWorld, owner: str | None) -> None:
    if owner is not None:
        await world.add_recording(account_id=AccountId(owner))
    for response in (await world.get("/recordings/rec-1"), await world.delete("/recordings/rec-1")):
        assert (response.status_code, response.json()["code"]) == (404, "recording-not-found")


async def test_deleting_a_recording_removes_its_media(world: ApiWorld) -> None:
    """resources.md 4 (R), ambiguities.md C16."""
    await world.add_recording()
    path = world.add_media(f"{CALL_ID}-1.wav", CONTENT)
    response = await world.delete("/recordings/rec-1")
    assert (response.status_code, response.content) == (200, b"")
    assert not path.exists()
    assert (await world.get(MEDIA)).json()["code"] == "media-not-found"
    assert (await world.delete("/recordings/rec-1")).status_code == 200


@pytest.mark.parametrize("state", [RecordingState.RECORDING, RecordingState.SAVING])
async def test_a_running_recording_cannot_be_deleted(world: ApiWorld, state: RecordingState) -> None:
    await world.add_recording(state=state)
    path = world.add_media(f"{CALL_ID}-1.wav", CONTENT)
    response = await world.delete("/recordings/rec-1")
    assert (response.status_code, response.json()["code"]) == (409, "recording-update-conflict")
    assert path.exists()


# --- downloads ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ending", "content_type"), [("wav", "audio/wav"), ("mp3", "audio/mpeg")])
async def test_download(world: ApiWorld, ending: str, content_type: str) -> None:
    name = f"{CALL_ID}-1.{ending}"
    await world.add_recording(media_name=name)
    world.add_media(name, CONTENT)
    response = await world.get(f"/media/{name}")
    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["content-type"] == content_type
    assert response.headers["content-length"] == str(len(CONTENT))
    assert response.headers["accept-ranges"] == "bytes"


async def test_large_files_come_in_pieces(world: ApiWorld) -> None:
    content = os.urandom(CHUNK_BYTES * 2 + 17)
    await world.add_recording()
    world.add_media(f"{CALL_ID}-1.wav", content)
    assert (await world.get(MEDIA)).content == content
    part = await world.get(MEDIA, headers={"Range": f"bytes={CHUNK_BYTES - 1}-{CHUNK_BYTES * 2}"})
    assert part.content == content[CHUNK_BYTES - 1 : CHUNK_BYTES * 2 + 1]


async def test_an_empty_file(world: ApiWorld) -> None:
    await world.add_recording()
    world.add_media(f"{CALL_ID}-1.wav", b"")
    response = await world.get(MEDIA)
    assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "0")


async def test_head(world: ApiWorld) -> None:
    """clients.md 2: one SDK sends a JSON body with it. Ranges hold for GET alone."""
    await world.add_recording()
    world.add_media(f"{CALL_ID}-1.wav", CONTENT)
    response = await world.client.request("HEAD", f"/v1/users/{USER}{MEDIA}", json={}, headers={"Range": "bytes=0-1"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=10200-", 10200, 10239),
        ("bytes=10230-99999", 10230, 10239),
        ("bytes=-5", 10235, 10239),
        ("bytes=-99999", 0, 10239),
        ("Bytes=0-9 ", 0, 9),
    ],
)
async def test_ranges(world: ApiWorld, asked: str, first: int, last: int) -> None:
    await world.add_recording()
    world.add_media(f"{CALL_ID}-1.wav", CONTENT)
    response = await world.get(MEDIA, headers={"Range": asked})
    assert response.status_code == 206
    assert response.content == CONTENT[first : last + 1]
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert response.headers["content-length"] == str(last - first + 1)


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=5-2"},
        {"Range": "bytes=-"},
        {"Range": "bytes=a-b"},
        {"Range": "items=0-1"},
        {"Range": "bytes=0-1,4-5"},
        {"Range": "bytes=" + "9" * 30 + "-"},
        {"Range": "bytes=0-1", "If-Range": '"tag"'},
    ],
)
async def test_ranges_that_are_ignored(world: ApiWorld, headers: dict[str, str]) -> None:
    """RFC 9110 14.2: malformed, several, or conditional on a validator we never gave."""
    await world.add_recording()
    world.add_media(f"{CALL_ID}-1.wav", CONTENT)
    response = await world.get(MEDIA, headers=headers)
    assert (response.status_code, response.content) == (200, CONTENT)


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=99999-100000", "bytes=-0"])
async def test_ranges_outside(world: ApiWorld, asked: str) -> None:
    await world.add_recording()
    world.add_media(f"{CALL_ID}-1.wav", CONTENT)
    response = await world.get(MEDIA, headers={"Range": asked})
    assert (response.status_code, response.json()["category"]) == (416, "bad-request")
    assert response.headers["content-range"] == f"bytes */{len(CONTENT)}"


def test_ranges_of_an_empty_file_are_unsatisfiable() -> None:
    for asked in ("bytes=0-", "bytes=-1", "bytes=0-0"):
        with pytest.raises(Unsatisfiable):
            read_range(asked, 0)
    assert read_range("bytes=0-0", 1) == Span(0, 0)


@pytest.mark.parametrize("state", [RecordingState.RECORDING, RecordingState.SAVING, RecordingState.ERROR])
async def test_only_complete_recordings_can_be_downloaded(world: ApiWorld, state: RecordingState) -> None:
    await world.add_recording(state=state)
    world.add_media(f"{CALL_ID}-1.wav", CONTENT)
    response = await world.get(MEDIA)
    assert (response.status_code, response.json()["code"]) == (404, "media-not-found")
    assert response.json()["message"] == f"The media resource named '{CALL_ID}-1.wav' could not be found"


async def test_other_accounts_media(world: ApiWorld) -> None:
    await world.add_recording(account_id=AccountId("u-other"))
    world.add_media(f"{CALL_ID}-1.wav", CONTENT, account_id="u-other")
    assert (await world.get(MEDIA)).json()["code"] == "media-not-found"


@pytest.mark.parametrize(
    "name", ["secret.txt", "../secret.txt", "..%2Fsecret.txt", "%2Fetc%2Fpasswd", "a/../../secret.txt", "%2e%2e/x"]
)
async def test_names_that_belong_to_no_recording(world: ApiWorld, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    world.add_media("secret.txt", b"secret")
    response = await world.get(f"/media/{name}")
    assert response.status_code == 404
    assert "secret" not in response.json()["message"].replace("secret.txt", "")


async def test_links_are_not_followed(world: ApiWorld, tmp_path: Path) -> None:
    await world.add_recording()
    (tmp_path / "outside").write_bytes(b"secret")
    (tmp_path / USER).mkdir()
    (tmp_path / USER / f"{CALL_ID}-1.wav").symlink_to(tmp_path / "outside")
    assert (await world.get(MEDIA)).status_code == 404


async def test_a_folder_is_no_media(world: ApiWorld, tmp_path: Path) -> None:
    await world.add_recording()
    (tmp_path / USER / f"{CALL_ID}-1.wav").mkdir(parents=True)
    assert (await world.get(MEDIA)).status_code == 404


async def test_no_descriptor_is_left_open(world: ApiWorld) -> None:
    await world.add_recording()
    world.add_media(f"{CALL_ID}-1.wav", CONTENT)
    await world.get(MEDIA)
    before = len(os.listdir("/proc/self/fd"))
    for headers in ({}, {"Range": "bytes=1-2"}, {"Range": "bytes=99999-"}):
        await world.get(MEDIA, headers=headers)
    assert len(os.listdir("/proc/self/fd")) == before
