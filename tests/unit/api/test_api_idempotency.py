"""`Idempotency-Key`: once, whatever happens, and the same answer for a day."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.api_world import BASE, CALL_ID, NEW_CALL_ID, NUMBER, OTHER_NUMBER, START, USER, ApiWorld, make_world
from trebuchet.api.door import MAX_REQUESTS
from trebuchet.base.ids import ALPHABET, LENGTH, CallId, Ids, ReservedIds
from trebuchet.base.rand import SeededRand
from trebuchet.base.values import replace
from trebuchet.calls.commands import CallFailed, CreateCall
from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.model.keyed_request import LIFETIME
from trebuchet.model.stock import StockNumber, stock_kind
from trebuchet.store.interface import Batch, LibraryChanges, Outdated

CALL = {"from": NUMBER, "to": OTHER_NUMBER}
APPLICATION = {"name": "A", "incomingCallUrl": "http://app.example/"}


@pytest.fixture
async def world(tmp_path: Path) -> ApiWorld:
    return await make_world(tmp_path)


async def post(world: ApiWorld, key: str, body: Any = CALL, path: str = "/calls", **more: Any) -> httpx.Response:
    return await world.client.post(f"/v1/users/{USER}{path}", json=body, headers={"Idempotency-Key": key}, **more)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_the_stored_answer_comes_back_whole(world: ApiWorld) -> None:
    first = await post(world, "k")
    again = await post(world, "k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["location"] == first.headers["location"] == f"{world.url}/calls/{NEW_CALL_ID}"
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert dict(again.headers) == dict(first.headers) | {"idempotent-replayed": "true"}
    assert len(world.calls.created) == 1


async def test_an_error_is_an_answer_too(world: ApiWorld) -> None:
    first = await post(world, "k", {"from": NUMBER})
    await world.add_call()
    assert code(first) == (400, "missing-property")
    again = await post(world, "k", {"from": NUMBER})
    assert (again.status_code, again.json(), again.headers["content-type"]) == (
        400,
        first.json(),
        "application/json",
    )
    assert len(world.reported) == 1


async def test_another_body_or_query_under_the_key(world: ApiWorld) -> None:
    await post(world, "k")
    assert code(await post(world, "k", CALL | {"tag": "x"})) == (422, "idempotency-key-reused")
    assert code(await post(world, "k", params={"a": "b"})) == (422, "idempotency-key-reused")
    assert len(world.calls.created) == 1


async def test_keys_count_for_account_method_and_path(world: ApiWorld) -> None:
    await world.add_call()
    assert (await post(world, "k")).status_code == 201
    assert (await post(world, "k", {"state": "active"}, f"/calls/{CALL_ID}")).status_code == 200
    stranger = httpx.BasicAuth("t-two", "s-two")
    headers = {"Idempotency-Key": "k"}
    other = await world.client.post(f"/v1/users/{world.stranger.id}/calls", json=CALL, headers=headers, auth=stranger)
    assert other.status_code == 201
    assert "idempotent-replayed" not in other.headers
    made = await post(world, "k", APPLICATION, "/applications")
    path = made.headers["location"].partition(USER)[2]
    deleted = [await world.client.delete(f"/v1/users/{USER}{path}", headers=headers) for _ in range(2)]
    assert [d.status_code for d in deleted] == [200, 200]
    assert (await world.delete(path)).status_code == 404


async def test_reading_takes_no_key(world: ApiWorld) -> None:
    url, headers = f"/v1/users/{USER}/calls/{CALL_ID}", {"Idempotency-Key": "k"}
    for tag in ("before", "after"):
        await world.add_call(tag=tag)
        answer = await world.client.get(url, headers=headers)
        assert answer.json()["tag"] == tag


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tkey", "k\xe9"])
async def test_what_is_no_key(world: ApiWorld, key: str) -> None:
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    answer = await world.client.post(f"/v1/users/{USER}/calls", json=CALL, headers=headers)
    assert code(answer) == (400, "validation-error")
    assert world.calls.created == []


async def test_the_longest_key(world: ApiWorld) -> None:
    assert [(await post(world, "x" * 255)).status_code for _ in range(2)] == [201, 201]
    assert len(world.calls.created) == 1


async def test_a_thousand_at_once_make_one_call(tmp_path: Path) -> None:
    world = await make_world(tmp_path, max_requests=MAX_REQUESTS + 1)
    entered, goes_on = asyncio.Event(), asyncio.Event()
    create = world.calls.create

    async def slow(command: CreateCall) -> CallId:
        entered.set()
        await goes_on.wait()
        return await create(command)

    world.calls.create = slow  # type: ignore[method-assign]  # the command is held on its way
    first = asyncio.ensure_future(post(world, "k"))
    await entered.wait()
    others = await asyncio.gather(*(post(world, "k") for _ in range(999)))
    assert {code(other) for other in others} == {(409, "idempotency-key-in-use")}
    assert code(await post(world, "k", CALL | {"tag": "x"})) == (422, "idempotency-key-reused")
    goes_on.set()
    assert (await first).status_code == 201
    assert (await post(world, "k")).headers["location"] == (await first).headers["location"]
    assert len(world.calls.created) == 1
    assert {error.code for error in world.reported} == {"idempotency-key-reused"}


async def test_a_day_later_the_key_is_new(world: ApiWorld) -> None:
    await post(world, "k")
    begun = world.clock.moment
    world.clock.moment = begun + LIFETIME - timedelta(seconds=1)
    await post(world, "k")
    assert len(world.calls.created) == 1
    world.clock.moment = begun + LIFETIME
    assert "idempotent-replayed" not in (await post(world, "k", CALL | {"tag": "new"})).headers
    assert len(world.calls.created) == 2


@pytest.mark.parametrize("refusal", [CallFailed("+1", "+2"), LogUnavailable("full")])
async def test_later_is_no_answer_to_keep(world: ApiWorld, refusal: Exception) -> None:
    world.calls.refusal = refusal
    assert (await post(world, "k")).status_code == 503
    world.calls.refusal = None
    assert (await post(world, "k")).status_code == 201
    assert len(world.calls.created) == 1


async def test_our_own_failure_leaves_the_key_to_the_next_try(world: ApiWorld) -> None:
    world.calls.refusal = RuntimeError("bug")
    assert (await post(world, "k")).status_code == 500
    world.calls.refusal = None
    assert (await post(world, "k")).status_code == 201


async def test_nothing_is_done_when_the_key_cannot_be_stored(world: ApiWorld) -> None:
    world.store.fail_with = LogUnavailable("full")
    # The registry of accounts is read from memory, so the request gets as far as its key.
    assert code(await post(world, "k")) == (503, "internal-error")
    assert world.calls.created == []
    world.store.fail_with = None
    assert (await post(world, "k")).status_code == 201


class Crash(BaseException):
    """Nothing after this runs, as when the process dies."""


async def cut_off(world: ApiWorld, key: str, body: Any, path: str, *, is_committed: bool) -> CallId:
    """A request whose process died while it was served, before or after its call was stored."""
    made: list[CallId] = []

    async def crash(command: Any) -> CallId:
        call_id = command.call_id if isinstance(command, CreateCall) else command.transfer.new_call_id
        assert call_id is not None
        made.append(call_id)
        if is_committed:
            await world.add_call(id=call_id)
        raise Crash

    working = world.calls.create, world.calls.update
    world.calls.create = world.calls.update = crash  # type: ignore[method-assign]  # dies half-way
    with pytest.raises(Crash):
        await post(world, key, body, path)
    world.calls.create, world.calls.update = working  # type: ignore[method-assign]  # the next process
    return made[0]


async def test_a_call_that_was_stored_is_not_placed_again(world: ApiWorld) -> None:
    call_id = await cut_off(world, "k", CALL, "/calls", is_committed=True)
    for _ in range(2):
        answer = await post(world, "k")
        assert (answer.status_code, answer.headers["location"]) == (201, f"{world.url}/calls/{call_id}")
    assert world.calls.created == []
    assert code(await post(world, "k", CALL | {"tag": "x"})) == (422, "idempotency-key-reused")


async def test_a_call_that_was_not_stored_is_placed_under_the_same_id(world: ApiWorld) -> None:
    call_id = await cut_off(world, "k", CALL, "/calls", is_committed=False)
    assert (await post(world, "k")).status_code == 201
    assert [command.call_id for command in world.calls.created] == [call_id]


async def test_the_same_for_a_transfer(world: ApiWorld) -> None:
    call = await world.add_call()
    change = {"state": "transferring", "transferTo": OTHER_NUMBER}
    call_id = await cut_off(world, "k", change, f"/calls/{call.id}", is_committed=True)
    answer = await post(world, "k", change, f"/calls/{call.id}")
    assert (answer.status_code, answer.headers["location"]) == (201, f"{world.url}/calls/{call_id}")
    assert world.calls.updated == []


async def test_an_application_made_before_the_crash(world: ApiWorld) -> None:
    write = world.store.write

    async def crash(batch: Batch, then: Any = None) -> None:
        await write(batch, then)
        if batch.applications:
            raise Crash

    world.store.write = crash  # type: ignore[method-assign]  # dies after the commit
    with pytest.raises(Crash):
        await post(world, "k", APPLICATION, "/applications")
    world.store.write = write  # type: ignore[method-assign]  # the next process
    answer = await post(world, "k", APPLICATION, "/applications")
    assert answer.status_code == 201
    assert len((await world.get("/applications")).json()) == 1


async def test_a_number_added_before_the_crash(world: ApiWorld) -> None:
    await crash_after_numbers(world, lambda: post(world, "k", {"number": NUMBER}, "/phoneNumbers"))
    answer = await post(world, "k", {"number": NUMBER}, "/phoneNumbers")
    (number,) = (await world.get("/phoneNumbers")).json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"{world.url}/phoneNumbers/{number['id']}")


async def crash_after_numbers(world: ApiWorld, ask: Callable[[], Awaitable[httpx.Response]]) -> None:
    write = world.store.write

    async def crash(batch: Batch, then: Any = None) -> None:
        await write(batch, then)
        if batch.numbers:
            raise Crash

    world.store.write = crash  # type: ignore[method-assign]  # dies after the commit
    with pytest.raises(Crash):
        await ask()
    world.store.write = write  # type: ignore[method-assign]  # the next process


async def test_numbers_ordered_before_the_crash(world: ApiWorld) -> None:
    numbers = ("+19195550101", "+19195550102", "+19195550103")
    stock = tuple(StockNumber(number=number, kind=stock_kind(number), added_at=START) for number in numbers)
    await world.store.write(Batch(library=LibraryChanges(stock=stock)))

    async def order() -> httpx.Response:
        headers = {"Idempotency-Key": "k"}
        return await world.client.post(f"{BASE}/v1/availableNumbers/local?areaCode=919&quantity=2", headers=headers)

    await crash_after_numbers(world, order)
    answers = [await order(), await order()]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    owned = {number["number"] for number in (await world.get("/phoneNumbers")).json()}
    assert len(owned) == 2
    assert {item["number"] for item in answers[0].json()} == owned


async def test_reserved_ids_come_again_in_the_same_order() -> None:
    others = Ids(SeededRand(1))
    first, again = (ReservedIds(others, "a" * LENGTH, "s" * LENGTH) for _ in range(2))
    made = [first.number(), first.number(), first.number(), first.call()]
    assert made == [again.number(), again.number(), again.number(), again.call()]
    assert len({text.partition("-")[2] for text in made[:3]}) == 3
    assert made[0] == "n-" + "a" * LENGTH
    assert first.endpoint_token() == again.endpoint_token() == "et-" + "s" * LENGTH
    assert all(len(text.partition("-")[2]) == LENGTH and set(text.partition("-")[2]) <= set(ALPHABET) for text in made)


async def test_without_a_key_ids_are_not_reserved(world: ApiWorld) -> None:
    assert [(await world.post("/calls", CALL)).status_code for _ in range(2)] == [201, 201]
    assert [command.call_id for command in world.calls.created] == [None, None]


async def test_old_keys_are_forgotten(world: ApiWorld) -> None:
    await post(world, "k")
    keys_before = world.clock.moment + timedelta(seconds=1)
    outdated = Outdated(keys_before, keys_before)
    assert await world.store.has_outdated(outdated)
    assert not await world.store.has_outdated(replace(outdated, keys_before=world.clock.moment))
    await world.store.write(Batch(outdated=outdated))
    assert not await world.store.has_outdated(outdated)
    assert "idempotent-replayed" not in (await post(world, "k")).headers
