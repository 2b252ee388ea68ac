"""Media files (resources.md 6): upload, list, download, delete."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from support.api_world import CALL_ID, USER, ApiWorld
from trebuchet.api.v1.media import uploads
from trebuchet.api.v1.media.uploads import MAX_MEDIA_BYTES
from trebuchet.base.ids import AccountId, TranscriptionId
from trebuchet.model.recording import RecordingState
from trebuchet.model.transcription import Transcription, TranscriptionState
from trebuchet.store.interface import Batch, LibraryChanges

CONTENT = bytes(range(256)) * 8


async def put(world: ApiWorld, name: str, content: bytes = CONTENT, **headers: str) -> httpx.Response:
    shown = {key.replace("_", "-"): value for key, value in headers.items()}
    return await world.client.put(f"/v1/users/{USER}/media/{name}", content=content, headers=shown)


def stored(world: ApiWorld) -> list[bytes]:
    folder = world.media / USER / ".uploads"
    return [path.read_bytes() for path in folder.iterdir()] if folder.is_dir() else []


async def listed(world: ApiWorld, query: str = "") -> list[dict[str, Any]]:
    response = await world.get(f"/media{query}")
    assert response.status_code == 200
    found: list[dict[str, Any]] = response.json()
    return found


async def test_upload_list_download_head_delete(world: ApiWorld) -> None:
    response = await put(world, "greeting.wav", Content_Type="audio/wav", Cache_Control="max-age=60")
    assert (response.status_code, response.content) == (200, b"")
    url = f"{world.url}/media/greeting.wav"
    assert await listed(world) == [{"contentLength": len(CONTENT), "mediaName": "greeting.wav", "content": url}]
    for method, body in (("GET", CONTENT), ("HEAD", b"")):
        response = await world.client.request(method, url)
        assert (response.status_code, response.content) == (200, body)
        assert response.headers["content-type"] == "audio/wav"
        assert response.headers["cache-control"] == "max-age=60"
        assert response.headers["content-length"] == str(len(CONTENT))
    response = await world.delete("/media/greeting.wav")
    assert (response.status_code, response.content) == (200, b"")
    assert await listed(world) == [] and stored(world) == []
    assert (await put(world, "greeting.wav", b"again")).status_code == 200
    assert (await world.get("/media/greeting.wav")).content == b"again"


async def test_the_default_content_type(world: ApiWorld) -> None:
    await put(world, "x")
    assert (await world.get("/media/x")).headers["content-type"] == "application/octet-stream"


async def test_a_part_of_an_uploaded_file(world: ApiWorld) -> None:
    await put(world, "x")
    response = await world.get("/media/x", headers={"Range": "bytes=10-19"})
    assert (response.status_code, response.content) == (206, CONTENT[10:20])


async def test_uploading_again_replaces_content_and_type(world: ApiWorld) -> None:
    await put(world, "x", b"one", Content_Type="text/plain")
    await put(world, "x", b"two two", Content_Type="audio/mpeg")
    response = await world.get("/media/x")
    assert (response.content, response.headers["content-type"]) == (b"two two", "audio/mpeg")
    assert stored(world) == [b"two two"]
    assert [item["contentLength"] for item in await listed(world)] == [7]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("folder/sub/a.wav", "folder/sub/a.wav"),
        ("folder%2Fa.wav", "folder/a.wav"),
        ("my%20file.wav", "my file.wav"),
        ("%C3%A9t%C3%A9.wav", "été.wav"),
        ("a+b&c=d.wav", "a+b&c=d.wav"),
        ("100%25.wav", "100%.wav"),
        ("%2E%2E%2F%2E%2E%2Fpasswd", "../../passwd"),
        (".hidden", ".hidden"),
        ("x.part.wav", "x.part.wav"),
        ("a%5Cb", "a\\b"),
    ],
)
async def test_names(world: ApiWorld, path: str, name: str) -> None:
    """Names are decoded once, and are no paths."""
    assert (await put(world, path)).status_code == 200
    (item,) = await listed(world)
    assert item["mediaName"] == name
    assert item["content"] == f"{world.url}/media/{quote(name, safe='')}"
    assert (await world.client.get(item["content"])).content == CONTENT
    assert [path.name for path in world.media.iterdir()] == [USER]
    assert stored(world) == [CONTENT]
    assert (await world.client.delete(item["content"])).status_code == 200


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("n" * 1025, "validation-error"),
        ("a%07b", "validation-error"),
        ("a%0Ab", "resource-not-found"),
        ("a%00b", "resource-not-found"),
    ],
)
async def test_names_that_are_refused(world: ApiWorld, name: str, code: str) -> None:
    assert (await put(world, name)).json()["code"] == code
    assert stored(world) == []


async def test_without_a_length(world: ApiWorld) -> None:
    async def body() -> Any:
        yield CONTENT

    response = await world.client.put(f"/v1/users/{USER}/media/x", content=body())
    assert (response.status_code, response.json()["code"]) == (400, "validation-error")
    assert response.json()["message"] == "The media size must be specified by the 'Content-Length' header"


@pytest.mark.parametrize("length", ["many", "-1", "1e3", ""])
async def test_a_length_that_is_no_number(world: ApiWorld, length: str) -> None:
    response = await put(world, "x", b"", Content_Length=length)
    assert (response.status_code, response.json()["code"]) == (404, "media-invalid-content-lenght")
    assert response.json()["message"] == "The media source 'Content-Length' header could not be parsed as a number"


@pytest.mark.parametrize("length", [MAX_MEDIA_BYTES + 1, 10**30])
async def test_too_big(world: ApiWorld, length: int) -> None:
    """Refused by its header, before anything is read."""
    response = await put(world, "x", b"", Content_Length=str(length))
    assert (response.status_code, response.json()["code"]) == (403, "media-size-overflow")
    assert (
        response.json()["message"] == f"The media size {length} bytes is larger than the maximum {65 * 1024**2} bytes"
    )
    assert response.headers["connection"] == "close"
    assert await listed(world) == []


@pytest.mark.parametrize("length", ["1", str(len(CONTENT) + 1)])
async def test_a_body_of_another_length_leaves_nothing(world: ApiWorld, length: str) -> None:
    response = await put(world, "x", CONTENT, Content_Length=length)
    assert response.status_code >= 400
    assert await listed(world) == [] and stored(world) == []


async def test_a_slow_upload_ends(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "UPLOAD_TIMEOUT_S", 0.0)
    response = await put(world, "x")
    assert (response.status_code, response.json()["code"]) == (408, "request-timeout")
    assert stored(world) == []


async def test_storage_that_fails(world: ApiWorld) -> None:
    (world.media / USER).mkdir(parents=True, exist_ok=True)
    (world.media / USER / ".uploads").write_bytes(b"in the way")
    response = await put(world, "x")
    assert (response.status_code, response.json()["code"]) == (503, "media-unavailable")
    assert response.json()["message"] == "Failed to access media 'x'"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_unknown_and_foreign_media(world: ApiWorld, method: str) -> None:
    await put(world, "mine")
    for user, auth, name in ((USER, ("t-one", "s-one"), "nope"), ("u-other", ("t-two", "s-two"), "mine")):
        response = await world.client.request(method, f"/v1/users/{user}/media/{name}", auth=auth)
        assert (response.status_code, response.json()["code"]) == (404, "media-not-found")
        assert response.json()["message"] == f"The media resource named '{name}' could not be found"


async def test_media_is_never_anonymous(world: ApiWorld) -> None:
    await put(world, "mine")
    for auth in (httpx.Auth(), ("t-two", "s-two")):
        assert (await world.client.get(f"/v1/users/{USER}/media/mine", auth=auth)).status_code == 401


# --- one name space with recordings and texts -----------------------------------------------------------------------


async def add_text(world: ApiWorld, text: str, state: TranscriptionState = TranscriptionState.COMPLETED) -> str:
    recording = await world.add_recording()
    made = Transcription(
        id=TranscriptionId("t-text"),
        account_id=AccountId(USER),
        call_id=recording.call_id,
        recording_id=recording.id,
        created_at=recording.started_at,
        state=state,
    )
    await world.store.write(Batch(library=LibraryChanges(transcriptions=(made,))))
    world.add_media("t-text", text.encode())
    return "t-text"


async def test_recordings_and_texts_are_listed_with_uploads(world: ApiWorld) -> None:
    name = await add_text(world, "hellö")
    world.add_media(f"{CALL_ID}-1.wav", CONTENT)
    world.add_media(f"{CALL_ID}-2.mp3.part.wav", CONTENT)
    await put(world, "zebra", b"z")
    assert [(item["mediaName"], item["contentLength"]) for item in await listed(world)] == [
        (f"{CALL_ID}-1.wav", len(CONTENT)),
        ("t-text", 6),
        ("zebra", 1),
    ]
    response = await world.get(f"/media/{name}")
    assert (response.text, response.headers["content-type"]) == ("hellö", "text/plain; charset=utf-8")
    assert (await world.delete(f"/media/{name}")).status_code == 200
    assert (await world.get(f"/media/{name}")).json()["code"] == "media-not-found"


async def test_a_text_that_is_not_done_is_not_there(world: ApiWorld) -> None:
    await add_text(world, "", TranscriptionState.TRANSCRIBING)
    assert (await world.get("/media/t-text")).status_code == 404


async def test_a_running_recording_is_not_listed(world: ApiWorld) -> None:
    await world.add_recording(state=RecordingState.RECORDING)
    world.add_media(f"{CALL_ID}-1.wav", CONTENT)
    assert await listed(world) == []


@pytest.mark.parametrize("state", [RecordingState.RECORDING, RecordingState.SAVING])
async def test_a_running_recording_is_neither_replaced_nor_deleted(world: ApiWorld, state: RecordingState) -> None:
    await world.add_recording(state=state)
    world.add_media(f"{CALL_ID}-1.wav", CONTENT)
    for response in (await put(world, f"{CALL_ID}-1.wav"), await world.delete(f"/media/{CALL_ID}-1.wav")):
        assert (response.status_code, response.json()["code"]) == (409, "recording-update-conflict")


async def test_deleting_a_recordings_media(world: ApiWorld) -> None:
    """resources.md 4: the audio is deleted through media."""
    await world.add_recording()
    path = world.add_media(f"{CALL_ID}-1.wav", CONTENT)
    assert (await world.delete(f"/media/{CALL_ID}-1.wav")).status_code == 200
    assert not path.exists()
    assert (await world.delete(f"/media/{CALL_ID}-1.wav")).status_code == 404


async def test_pages_are_made_only_when_asked_for(world: ApiWorld) -> None:
    for number in range(30):
        await put(world, f"file-{number:02}", b"x")
    assert len(await listed(world)) == 30
    response = await world.get("/media?size=20")
    assert len(response.json()) == 20
    following = await world.client.get(response.links["next"]["url"])
    assert [item["mediaName"] for item in following.json()] == [f"file-{number}" for number in range(20, 30)]
    assert len(await listed(world, "?page=0")) == 25
    assert (await world.get("/media?size=1001")).json()["code"] == "validation-error"
