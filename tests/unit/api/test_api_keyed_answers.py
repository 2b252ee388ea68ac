"""`Idempotency-Key` where the store alone is changed: no crash comes between what is done and its answer; uploads and
tokens included."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace as replaced
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from support.api_world import CALL_ID, NUMBER, START, USER, ApiWorld, make_world
from trebuchet.api.v1.media import uploads
from trebuchet.base.ids import ALPHABET, LENGTH, EndpointId
from trebuchet.model.endpoint import Endpoint, token_fingerprint
from trebuchet.model.recording import RecordingState
from trebuchet.model.stock import StockNumber, stock_kind
from trebuchet.secret_key import KEY_BYTES, RequestSecrets
from trebuchet.store.interface import Batch, LibraryChanges

KEY = {"Idempotency-Key": "k"}
CONTENT = bytes(range(256)) * 5000
"""More than a JSON body may have."""


class Crash(BaseException):
    """Nothing after this runs, as when the process dies."""


def die_in_write(world: ApiWorld, *, at: int, is_committed: bool) -> Callable[[], None]:
    """The store dies in its `at`th write. What is returned starts the next process."""
    write, count = world.store.write, 0

    async def crash(batch: Batch, then: Any = None) -> None:
        nonlocal count
        count += 1
        if count < at:
            return await write(batch, then)
        if is_committed:
            await write(batch, then)
        raise Crash

    patch = pytest.MonkeyPatch()
    patch.setattr(world.store, "write", crash)
    return patch.undo


async def send(world: ApiWorld, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    content: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body} if body else {}
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return await world.client.request(method, f"/v1/users/{USER}{path}", headers=KEY | more, **content)


async def made(world: ApiWorld, path: str, body: Any) -> str:
    """The path, below the account, of what was made without a key."""
    response = await world.post(path, body)
    assert response.status_code == 201, response.text
    return response.headers["location"].removeprefix(world.url)


APPLICATION = {"name": "A", "incomingCallUrl": "http://app.example/"}
ENDPOINT = {"name": "desk", "credentials": {"password": "sesame-street"}}
Change = tuple[str, str, Any]


async def an_application(world: ApiWorld) -> str:
    return await made(world, "/applications", APPLICATION)


async def a_number(world: ApiWorld) -> str:
    return await made(world, "/phoneNumbers", {"number": NUMBER})


async def a_domain(world: ApiWorld) -> str:
    return await made(world, "/domains", {"name": "office"})


async def an_endpoint(world: ApiWorld) -> str:
    return await made(world, f"{await a_domain(world)}/endpoints", ENDPOINT)


async def a_token(world: ApiWorld) -> str:
    return await made(world, f"{await an_endpoint(world)}/tokens", {"expires": 60})


async def a_file(world: ApiWorld) -> str:
    assert (await world.client.put(f"/v1/users/{USER}/media/x", content=b"old")).status_code == 200
    return "/media/x"


async def nothing(world: ApiWorld) -> str:
    return ""


CHANGES: list[tuple[str, Callable[[ApiWorld], Awaitable[str]], str, Any]] = [
    ("POST", nothing, "/applications", APPLICATION),
    ("POST", an_application, "", {"name": "B"}),
    ("DELETE", an_application, "", None),
    ("POST", nothing, "/phoneNumbers", {"number": NUMBER}),
    ("POST", a_number, "", {"name": "B"}),
    ("DELETE", a_number, "", None),
    ("POST", nothing, "/domains", {"name": "office"}),
    ("POST", a_domain, "", {"description": "B"}),
    ("DELETE", a_domain, "", None),
    ("POST", a_domain, "/endpoints", ENDPOINT),
    ("POST", an_endpoint, "", {"description": "B"}),
    ("DELETE", an_endpoint, "", None),
    ("POST", an_endpoint, "/tokens", {"expires": 60}),
    ("DELETE", a_token, "", None),
    ("POST", nothing, "/webhookSecret", None),
    ("PUT", nothing, "/media/x", CONTENT),
    ("PUT", a_file, "", CONTENT),
    ("DELETE", a_file, "", None),
]


@pytest.mark.parametrize(("method", "prepare", "more", "body"), CHANGES)
async def test_done_is_answered(
    world: ApiWorld,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    prepare: Callable[[ApiWorld], Awaitable[str]],
    more: str,
    body: Any,
) -> None:
    """The process dies as soon as the change is committed; whoever asks again hears what the first would have heard,
    and nothing is done a second time."""
    path = await prepare(world) + more
    restart = die_in_write(world, at=2, is_committed=True)  # the first write is that of the key
    with pytest.raises(Crash):
        await send(world, method, path, body)
    restart()
    writes = 0
    write = world.store.write

    async def count(batch: Batch, then: Any = None) -> None:
        nonlocal writes
        writes += 1
        await write(batch, then)

    monkeypatch.setattr(world.store, "write", count)
    answers = [await send(world, method, path, body) for _ in range(2)]
    assert {answer.status_code for answer in answers} <= {200, 201}, answers[0].text
    assert [answer.headers["idempotent-replayed"] for answer in answers] == ["true", "true"]
    assert answers[0].content == answers[1].content
    assert answers[0].headers == answers[1].headers
    assert writes == 0


@pytest.mark.parametrize(("method", "prepare", "more", "body"), CHANGES)
async def test_what_was_not_done_is_done_now(
    world: ApiWorld, method: str, prepare: Callable[[ApiWorld], Awaitable[str]], more: str, body: Any
) -> None:
    path = await prepare(world) + more
    restart = die_in_write(world, at=2, is_committed=False)
    with pytest.raises(Crash):
        await send(world, method, path, body)
    restart()
    first, again = [await send(world, method, path, body) for _ in range(2)]
    assert first.status_code in (200, 201), first.text
    assert "idempotent-replayed" not in first.headers
    assert dict(again.headers) == dict(first.headers) | {"idempotent-replayed": "true"}
    assert again.content == first.content


async def test_the_secret_of_webhooks_changes_once(world: ApiWorld) -> None:
    restart = die_in_write(world, at=2, is_committed=True)
    with pytest.raises(Crash):
        await send(world, "POST", "/webhookSecret")
    restart()
    assert (await send(world, "POST", "/webhookSecret")).status_code == 200
    account = await world.store.account(world.account.id)
    assert account is not None and account.webhook_generation == world.account.webhook_generation + 1


async def test_an_order_is_answered_with_what_it_got(world: ApiWorld) -> None:
    stock = tuple(StockNumber(number=n, kind=stock_kind(n), added_at=START) for n in ("+19195550101", "+19195550102"))
    await world.store.write(Batch(library=LibraryChanges(stock=stock)))
    url = "/v1/availableNumbers/local?areaCode=919&quantity=1"
    restart = die_in_write(world, at=2, is_committed=True)
    with pytest.raises(Crash):
        await world.client.post(url, headers=KEY)
    restart()
    answers = [await world.client.post(url, headers=KEY) for _ in range(2)]
    assert answers[0].status_code == 201 and answers[0].json() == answers[1].json()
    owned = [number["number"] for number in (await world.get("/phoneNumbers")).json()]
    assert owned == [item["number"] for item in answers[0].json()]


async def test_a_transcription_made_before_the_crash(world: ApiWorld) -> None:
    await world.add_recording()
    restart = die_in_write(world, at=2, is_committed=True)
    with pytest.raises(Crash):
        await send(world, "POST", "/recordings/rec-1/transcriptions", {})
    restart()
    answer = await send(world, "POST", "/recordings/rec-1/transcriptions", {})
    (only,) = (await world.get("/recordings/rec-1/transcriptions")).json()
    assert (answer.status_code, answer.headers["location"].rpartition("/")[2]) == (201, only["id"])


# --- uploads --------------------------------------------------------------------------------------------------------


def stored(world: ApiWorld) -> list[bytes]:
    folder = world.media / USER / ".uploads"
    return [path.read_bytes() for path in folder.iterdir()] if folder.is_dir() else []


async def put(world: ApiWorld, content: Any = CONTENT, name: str = "x", **headers: str) -> httpx.Response:
    return await send(world, "PUT", f"/media/{name}", content, **headers)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_an_upload_counts_once(world: ApiWorld) -> None:
    first = await put(world)
    assert (first.status_code, first.content) == (200, b"")
    await world.client.put(f"/v1/users/{USER}/media/x", content=b"newer")
    again = await put(world)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert (await world.get("/media/x")).content == b"newer"
    assert stored(world) == [b"newer"]


@pytest.mark.parametrize(
    ("content", "headers"),
    [(b"other", {}), (CONTENT, {"Content_Type": "audio/wav"}), (CONTENT, {"Cache_Control": "max-age=5"})],
)
async def test_another_upload_under_the_key_replaces_nothing(
    world: ApiWorld, content: bytes, headers: dict[str, str]
) -> None:
    await put(world, Content_Type="text/plain")
    assert code(await put(world, content, **({"Content_Type": "text/plain"} | headers))) == (
        422,
        "idempotency-key-reused",
    )
    kept = await world.get("/media/x")
    assert (kept.content, kept.headers["content-type"]) == (CONTENT, "text/plain")
    assert stored(world) == [CONTENT]


async def test_keys_of_uploads_count_for_one_name(world: ApiWorld) -> None:
    await put(world)
    assert (await put(world, b"two", "y")).status_code == 200
    assert sorted(stored(world)) == sorted([CONTENT, b"two"])


async def test_a_second_upload_is_not_read_while_the_first_is_coming(world: ApiWorld) -> None:
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield CONTENT[:10]
        begun.set()
        await goes_on.wait()
        yield CONTENT[10:]

    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    async def stream(body: AsyncIterator[bytes]) -> httpx.Response:
        headers = KEY | {"Content-Length": str(len(CONTENT))}
        return await world.client.put(f"/v1/users/{USER}/media/x", content=body, headers=headers)

    first = asyncio.ensure_future(stream(slow()))
    await begun.wait()
    refused = await stream(never())
    assert code(refused) == (409, "idempotency-key-in-use")
    assert refused.headers["connection"] == "close"
    goes_on.set()
    assert (await first).status_code == 200
    assert (await world.get("/media/x")).content == CONTENT
    assert (await put(world)).headers["idempotent-replayed"] == "true"


async def test_a_refused_upload_stays_refused(world: ApiWorld) -> None:
    name = f"{CALL_ID}-1.wav"
    recording = await world.add_recording(state=RecordingState.RECORDING)
    assert code(await put(world, name=name)) == (409, "recording-update-conflict")
    await world.store.write(Batch(recordings=(replaced(recording, state=RecordingState.COMPLETE),)))
    again = await put(world, name=name)
    assert (*code(again), again.headers["idempotent-replayed"]) == (409, "recording-update-conflict", "true")
    assert stored(world) == []


async def test_an_upload_that_was_cut_off_may_come_again(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(uploads, "UPLOAD_TIMEOUT_S", 0.0)
        assert (await put(world)).status_code == 408
    assert stored(world) == []
    assert (await put(world, b"whole")).status_code == 200
    assert stored(world) == [b"whole"]


async def test_an_upload_whose_place_fails_may_come_again(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(draft: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(uploads, "replace_durably", full)
        assert code(await put(world)) == (503, "media-unavailable")
    assert stored(world) == []
    assert (await put(world)).status_code == 200
    assert stored(world) == [CONTENT]


async def test_a_key_that_is_none_is_refused_before_the_upload(world: ApiWorld) -> None:
    assert code(await put(world, b"x", Idempotency_Key="")) == (400, "validation-error")
    assert stored(world) == []


# --- tokens ---------------------------------------------------------------------------------------------------------


async def test_a_tokens_answer_comes_back_and_is_nowhere_stored(world: ApiWorld) -> None:
    path = await an_endpoint(world) + "/tokens"
    first = await send(world, "POST", path, {"expires": 60})
    world.clock.moment += timedelta(hours=1)  # the token has expired, its answer has not
    again = await send(world, "POST", path, {"expires": 60})
    text = first.json()["token"]
    assert first.status_code == 201 and first.headers["location"] == f"{world.url}{path}/{text}"
    assert (again.status_code, again.json()) == (201, {"token": text, "expires": 60})
    assert dict(again.headers) == dict(first.headers) | {"idempotent-replayed": "true"}
    (request,) = world.store._keyed_requests.values()
    assert text.removeprefix("et-") not in msgspec.json.encode(request).decode()
    assert request.answer is not None and request.answer.left_out is not None
    (token,) = (await the_endpoint(world, path)).tokens
    assert token.fingerprint == token_fingerprint(text)
    assert code(await send(world, "POST", path, {"expires": 61})) == (422, "idempotency-key-reused")


async def the_endpoint(world: ApiWorld, path: str) -> Endpoint:
    found = await world.store.endpoint(EndpointId(path.removesuffix("/tokens").rpartition("/")[2]))
    assert found is not None
    return found


async def test_a_token_cannot_be_told_from_what_is_stored(world: ApiWorld) -> None:
    """What was reserved gives it to nobody who has not the key of the installation."""
    path = await an_endpoint(world) + "/tokens"
    text = (await send(world, "POST", path, {})).json()["token"]
    (request,) = world.store._keyed_requests.values()
    assert text == "et-" + RequestSecrets(b"k" * KEY_BYTES).of(request.reserved)
    assert text != "et-" + RequestSecrets(b"l" * KEY_BYTES).of(request.reserved)
    assert request.reserved not in text


async def test_every_key_gets_a_token_of_its_own(world: ApiWorld) -> None:
    path = await an_endpoint(world) + "/tokens"
    answers = [await send(world, "POST", path, {}, Idempotency_Key=key) for key in "abc"]
    answers.append(await world.post(path, {}))
    texts = [answer.json()["token"] for answer in answers]
    assert len(set(texts)) == 4
    assert all(len(text) == len("et-") + LENGTH and set(text[3:]) <= set(ALPHABET) for text in texts)


async def test_under_another_key_of_the_installation_no_wrong_token_is_given(tmp_path: Path) -> None:
    keys = [bytes([number]) * KEY_BYTES for number in (1, 2)]
    present = RequestSecrets(keys[0])
    world = await make_world(tmp_path, request_secret=lambda reserved: present.of(reserved))
    path = await an_endpoint(world) + "/tokens"
    first = await send(world, "POST", path, {})
    present = RequestSecrets(keys[1])
    lost = await send(world, "POST", path, {})
    assert code(lost) == (500, "internal-error")
    present = RequestSecrets(keys[0])
    assert (await send(world, "POST", path, {})).json() == first.json()
    await world.client.aclose()


async def test_a_refused_deletion_does_not_store_the_token(world: ApiWorld) -> None:
    path = await a_token(world)
    text = path.rpartition("/")[2]
    assert (await send(world, "DELETE", path)).status_code == 200
    gone = await world.delete(path)
    assert code(gone) == (404, "token-not-found")
    assert gone.json()["details"][-1] == {"name": "requestPath", "value": f"users/{USER}{path.removesuffix(text)}***"}
    assert text not in repr(world.reported)
