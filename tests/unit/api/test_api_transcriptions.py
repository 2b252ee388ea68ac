"""Transcriptions (resources.md 5, calls.md 14)."""

import pytest

from support.api_world import CALL_ID, USER, ApiWorld
from trebuchet.api.errors import LOG_RETRY_S
from trebuchet.base.ids import AccountId
from trebuchet.base.values import replace
from trebuchet.calls.commands import LogUnavailable, Overloaded
from trebuchet.calls.transcribing import complete, fail
from trebuchet.model.recording import RecordingState
from trebuchet.model.transcription import Transcription
from trebuchet.store.interface import Batch, LibraryChanges

ALL = "/recordings/rec-1/transcriptions"


async def begin(world: ApiWorld) -> Transcription:
    response = await world.post(ALL, {})
    assert response.status_code == 201
    (made,) = await world.store.unfinished_transcriptions(10)
    assert response.headers["location"] == f"{world.url}{ALL}/{made.id}"
    return made


async def store(world: ApiWorld, transcription: Transcription) -> None:
    await world.store.write(Batch(library=LibraryChanges(transcriptions=(transcription,))))


async def test_while_transcribing_there_is_no_text(world: ApiWorld) -> None:
    await world.add_recording(duration_ms=11_000)
    made = await begin(world)
    expected = {"id": made.id, "state": "transcribing", "time": "2016-03-02T10:00:00Z"}
    assert (await world.get(f"{ALL}/{made.id}")).json() == expected
    assert (await world.get(ALL)).json() == [expected]


@pytest.mark.parametrize(("duration_ms", "charged"), [(1, 60), (11_000, 60), (60_000, 60), (60_001, 120)])
async def test_a_finished_transcription(world: ApiWorld, duration_ms: int, charged: int) -> None:
    """ambiguities.md C5: whole minutes."""
    await world.add_call()
    await world.add_recording(duration_ms=duration_ms)
    done, _ = complete(await begin(world), "Please call me back.")
    await store(world, done)
    expected = {
        "id": done.id,
        "state": "completed",
        "time": "2016-03-02T10:00:00Z",
        "text": "Please call me back.",
        "textSize": 20,
        "textUrl": f"{world.url}/media/{done.id}",
        "chargeableDuration": charged,
    }
    for path in (f"{ALL}/{done.id}", f"/bridges{ALL}/{done.id}"):
        assert (await world.get(path)).json() == expected
    for path in (ALL, f"/calls/{CALL_ID}/transcriptions"):
        assert (await world.get(path)).json() == [expected]


@pytest.mark.parametrize("length", [1000, 1001])
async def test_long_texts_are_cut(world: ApiWorld, length: int) -> None:
    """ambiguities.md C6."""
    await world.add_recording()
    done, _ = complete(await begin(world), "x" * length)
    await store(world, done)
    resource = (await world.get(f"{ALL}/{done.id}")).json()
    assert resource["textSize"] == length
    assert resource["text"] == "x" * 1000 + (" ..." if length > 1000 else "")


async def test_a_failed_transcription(world: ApiWorld) -> None:
    await world.add_recording()
    done, _ = fail(await begin(world))
    await store(world, done)
    assert (await world.get(f"{ALL}/{done.id}")).json() == {
        "id": done.id,
        "state": "error",
        "time": "2016-03-02T10:00:00Z",
    }


@pytest.mark.parametrize("body", [b"", b"{}", b" ", b'{"anything": null}'])
async def test_bodies_that_are_taken(world: ApiWorld, body: bytes) -> None:
    await world.add_recording()
    response = await world.client.post(f"/v1/users/{USER}{ALL}", content=body)
    assert response.status_code == 201


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"'])
async def test_bodies_that_are_refused(world: ApiWorld, body: bytes) -> None:
    await world.add_recording()
    response = await world.client.post(f"/v1/users/{USER}{ALL}", content=body)
    assert (response.status_code, response.json()["code"]) == (400, "validation-error")
    assert await world.store.unfinished_transcriptions(1) == []


async def test_each_post_makes_another_one_and_lists_are_paged_when_asked(world: ApiWorld) -> None:
    await world.add_recording()
    for _ in range(3):
        assert (await world.post(ALL, {})).status_code == 201
    every = [item["id"] for item in (await world.get(ALL)).json()]
    assert len(set(every)) == 3
    response = await world.get(f"{ALL}?size=2")
    following = await world.client.get(response.links["next"]["url"])
    assert [item["id"] for item in response.json() + following.json()] == every


@pytest.mark.parametrize("state", [RecordingState.RECORDING, RecordingState.SAVING, RecordingState.ERROR])
async def test_a_recording_that_is_not_complete(world: ApiWorld, state: RecordingState) -> None:
    await world.add_recording(state=state)
    response = await world.post(ALL, {})
    assert (response.status_code, response.json()["code"]) == (403, "invalid-recording-state")
    assert response.json()["message"] == "Cannot transcribe the recording 'rec-1'. The state must be complete"


async def test_mp3_is_refused(world: ApiWorld) -> None:
    """ambiguities.md C7."""
    await world.add_recording(media_name=f"{CALL_ID}-1.mp3")
    response = await world.post(ALL, {})
    assert (response.status_code, response.json()["code"]) == (403, "media-not-supported")
    assert response.json()["message"] == f"Media type not supported '{CALL_ID}-1.mp3'"


@pytest.mark.parametrize("path", ["nope", "t-other"])
async def test_unknown_transcriptions(world: ApiWorld, path: str) -> None:
    """One of another recording is as unknown."""
    recording = await world.add_recording()
    other = await begin(world)
    await store(world, replace(other, id="t-other", recording_id="rec-2"))
    response = await world.get(f"/recordings/{recording.id}/transcriptions/{path}")
    assert (response.status_code, response.json()["code"]) == (404, "transcription-not-found")
    assert response.json()["message"] == f"The transcription '{path}' from recording 'rec-1' could not be found"


@pytest.mark.parametrize("owner", [None, "u-other"])
async def test_unknown_and_foreign_recordings(world: ApiWorld, owner: str | None) -> None:
    if owner is not None:
        await world.add_recording(account_id=AccountId(owner))
    responses = [await world.get(ALL), await world.post(ALL, {}), await world.get(f"{ALL}/t-1")]
    assert [(r.status_code, r.json()["code"]) for r in responses] == [(404, "recording-not-found")] * 3
    assert (await world.get("/calls/c-nope/transcriptions")).json()["code"] == "call-not-found"


@pytest.mark.parametrize(("refusal", "wait_s"), [(Overloaded(60), 60), (LogUnavailable(), LOG_RETRY_S)])
async def test_when_there_is_no_room(world: ApiWorld, refusal: Exception, wait_s: int) -> None:
    await world.add_recording()
    world.transcriptions.refusal = refusal
    response = await world.post(ALL, {})
    assert (response.status_code, response.headers["retry-after"]) == (503, str(wait_s))
