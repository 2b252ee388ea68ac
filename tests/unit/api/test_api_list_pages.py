"""Paging by number, for every list that has it: the pages together are the list (calls.md 1.7)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from support.api_world import CALL_ID, START, USER, ApiWorld
from trebuchet.base.ids import AccountId, BridgeId, CallId, ChargeId, RecordingId, UserErrorId
from trebuchet.model.bridge import Bridge, BridgeState
from trebuchet.model.charge import Charge, Product
from trebuchet.model.user_error import UserError
from trebuchet.store.interface import Batch, LibraryChanges

ME = AccountId(USER)
COUNT, SIZE = 5, 2
BRIDGE = Bridge(id=BridgeId("brg-0"), account_id=ME, state=BridgeState.CREATED, created_at=START)
ERROR = UserError(id=UserErrorId("ue-0"), account_id=ME, at=START, category="conflict", code="x", message="x")
CHARGE = Charge(id=ChargeId("tx-0"), account_id=ME, at=START, product=Product.CALL_IN, units=1, amount=Decimal("0.01"))

Fill = Callable[[ApiWorld, int], Awaitable[object]]
"""Adds one item to a list, later than those of smaller numbers."""


async def add_call(world: ApiWorld, place: int) -> None:
    await world.add_call(id=CallId(f"c-{place}"), created_at=START + timedelta(hours=place))


async def add_bridge(world: ApiWorld, place: int) -> None:
    made = replace(BRIDGE, id=BridgeId(f"brg-{place}"), created_at=START + timedelta(hours=place))
    await world.store.write(Batch(bridges=(made,)))


async def add_recording(world: ApiWorld, place: int) -> None:
    await world.add_recording(
        id=RecordingId(f"rec-{place}"),
        media_name=f"{CALL_ID}-{place}.wav",
        started_at=START + timedelta(hours=place),
    )


async def add_transcription(world: ApiWorld, place: int) -> None:
    await add_recording(world, 0)
    world.clock.moment = START + timedelta(hours=place)
    assert (await world.post("/recordings/rec-0/transcriptions", {})).status_code == 201


async def add_media(world: ApiWorld, place: int) -> None:
    sent = await world.client.put(f"/v1/users/{USER}/media/file-{place}", content=b"x")
    assert sent.status_code == 200


async def add_application(world: ApiWorld, place: int) -> None:
    body = {"name": f"App {place}", "incomingCallUrl": "http://app.test/voice"}
    assert (await world.post("/applications", body)).status_code == 201


async def add_number(world: ApiWorld, place: int) -> None:
    assert (await world.post("/phoneNumbers", {"number": f"+1919555010{place}"})).status_code == 201


async def add_domain(world: ApiWorld, place: int) -> None:
    assert (await world.post("/domains", {"name": f"office-{place}"})).status_code == 201


async def add_endpoint(world: ApiWorld, place: int) -> None:
    body = {"name": f"desk-{place}", "credentials": {"password": "sesame-street"}}
    assert (await world.post(await endpoints(world), body)).status_code == 201


async def endpoints(world: ApiWorld) -> str:
    """The path of the only domain's endpoints."""
    if not (await world.get("/domains")).json():
        await add_domain(world, 0)
    (domain,) = (await world.get("/domains")).json()
    return f"/domains/{domain['id']}/endpoints"


async def add_error(world: ApiWorld, place: int) -> None:
    made = replace(ERROR, id=UserErrorId(f"ue-{place}"), at=START + timedelta(hours=place))
    await world.store.write(Batch(user_errors=(made,)))


async def add_charge(world: ApiWorld, place: int) -> None:
    made = replace(CHARGE, id=ChargeId(f"tx-{place}"), at=START + timedelta(hours=place))
    await world.store.write(Batch(library=LibraryChanges(charges=(made,))))


async def fill(world: ApiWorld, add: Fill) -> None:
    for place in range(COUNT):
        await add(world, place)


async def check_pages(world: ApiWorld, path: str, *, page: range, size: int, key: str = "id") -> None:
    whole = [item[key] for item in (await world.get(path)).json()]
    assert len(set(whole)) == len(whole) == COUNT
    pages = [(await world.get(f"{path}?page={number}&size={size}")) for number in page]
    assert [response.status_code for response in pages] == [200] * len(page)
    found = [[item[key] for item in response.json()] for response in pages]
    assert found == [whole[:2], whole[2:4], whole[4:], []]
    assert ["next" in response.links for response in pages] == [True, True, False, False]
    previous = await world.client.get(pages[1].links["previous"]["url"])
    assert [item[key] for item in previous.json()] == whole[:2]
    assert len((await world.get(f"{path}?size=0")).json()) == COUNT, "none means the default"


async def check_refusals(world: ApiWorld, path: str) -> None:
    for query in ("page=-1", "page=x", "size=-1", "size=1001", "size=x"):
        response = await world.get(f"{path}?{query}")
        assert (response.status_code, response.json()["code"]) == (400, "validation-error"), query


@pytest.mark.parametrize(
    ("path", "add"),
    [
        ("/calls", add_call),
        ("/bridges", add_bridge),
        ("/recordings", add_recording),
        ("/recordings/rec-0/transcriptions", add_transcription),
        ("/applications", add_application),
        ("/phoneNumbers", add_number),
        ("/domains", add_domain),
        ("/errors", add_error),
        ("/account/transactions", add_charge),
    ],
)
async def test_pages_make_the_list(world: ApiWorld, path: str, add: Fill) -> None:
    """`page` and `size` choose, `Link` leads on and back, and what lies outside of them is refused."""
    await fill(world, add)
    await check_pages(world, path, page=range(4), size=SIZE)
    await check_refusals(world, path)


async def test_pages_of_media(world: ApiWorld) -> None:
    await fill(world, add_media)
    await check_pages(world, "/media", page=range(4), size=SIZE, key="mediaName")
    await check_refusals(world, "/media")


async def test_pages_of_endpoints(world: ApiWorld) -> None:
    await fill(world, add_endpoint)
    (domain,) = (await world.get("/domains")).json()
    path = f"/domains/{domain['id']}/endpoints"
    await check_pages(world, path, page=range(4), size=SIZE)
    await check_refusals(world, path)
