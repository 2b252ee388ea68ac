"""Domains, endpoints and bindings in every store: what `store.phone_interface` promises."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trebuchet.base.ids import AccountId, ApplicationId, DomainId, EndpointId, Ids
from trebuchet.base.rand import SeededRand
from trebuchet.calls.interfaces import EndpointRoute
from trebuchet.model.application import Application
from trebuchet.model.endpoint import Binding, Domain, Endpoint, EndpointToken, binding_id, make_secrets
from trebuchet.store.errors import RowConflict
from trebuchet.store.interface import Batch, Page, PhoneChanges
from trebuchet.store.memory import MemoryStore
from trebuchet.store.sqlite import SqliteStore

AT = datetime(2016, 3, 2, 11, 0, 0, 5, UTC)
ME, OTHER = AccountId("u-me"), AccountId("u-other")
Store = MemoryStore | SqliteStore


@pytest.fixture
def ids() -> Ids:
    return Ids(SeededRand(11))


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else await SqliteStore.open(tmp_path / "log.db")
    yield opened
    await opened.close()


def make_domain(ids: Ids, name: str = "office", account_id: AccountId = ME) -> Domain:
    return Domain(id=ids.domain(), account_id=account_id, name=name, realm=f"{name}.sip.example", created_at=AT)


def make_endpoint(ids: Ids, domain: Domain, name: str = "bob") -> Endpoint:
    return Endpoint(
        id=ids.endpoint(), account_id=domain.account_id, domain_id=domain.id, name=name, realm=domain.realm,
        secrets=make_secrets(name, domain.realm, "secret"), created_at=AT,
        tokens=(EndpointToken(fingerprint="f", secrets=make_secrets(name, domain.realm, "token"), expires_at=AT),),
    )  # fmt: skip


def make_binding(endpoint: Endpoint, contact: str = "sip:bob@10.0.0.5:5062", host: str = "198.51.100.9") -> Binding:
    return Binding(
        id=binding_id(endpoint.id, contact), endpoint_id=endpoint.id, contact=contact, call_id="c", cseq=1, q=1000,
        expires_at=AT + timedelta(hours=1), transport="tcp", local=("192.0.2.1", 5060), remote=(host, 40_123),
        connection_id=7,
    )  # fmt: skip


async def write(store: Store, **changes: object) -> None:
    await store.write(Batch(phones=PhoneChanges(**changes)))  # type: ignore[arg-type]  # the names are checked


async def test_what_was_written_is_read(store: Store, ids: Ids) -> None:
    office, yard, foreign = make_domain(ids), make_domain(ids, "yard"), make_domain(ids, "far", OTHER)
    bob, eve = make_endpoint(ids, office), make_endpoint(ids, office, "eve")
    desk = make_binding(bob)
    await write(store, domains=(office, yard, foreign), endpoints=(bob, eve), bindings=(desk,))
    assert await store.domain(office.id) == office
    assert await store.domain_by_host("OFFICE.sip.example.") == office
    assert await store.domains(ME, Page()) == [yard, office]
    assert await store.count_domains(ME) == 2
    assert await store.endpoint(bob.id) == bob
    assert await store.endpoint_by_name("bob", "Office.sip.example") == bob
    assert await store.endpoint_by_name("Bob", office.realm) is None
    assert await store.endpoints(office.id, Page(0, 1)) == [eve, bob]
    assert await store.bindings(bob.id) == [desk]
    assert await store.domain(DomainId("rd-x")) is None and await store.endpoint(EndpointId("re-x")) is None
    assert store.phones.has_endpoints and store.phones.is_phone_host("198.51.100.9")


async def test_an_endpoint_leads_to_its_application(store: Store, ids: Ids) -> None:
    office = make_domain(ids)
    application = Application(id=ApplicationId("a-1"), account_id=ME, name="x", created_at=AT)
    bob = replace(make_endpoint(ids, office), application_id=application.id)
    await write(store, domains=(office,), endpoints=(bob,))
    await store.write(Batch(applications=(application,)))
    assert await store.find_endpoint(bob.id) == EndpointRoute(bob, application)
    await store.delete_application(application.id)
    assert await store.find_endpoint(bob.id) == EndpointRoute(replace(bob, application_id=None), None)
    assert await store.find_endpoint(EndpointId("re-x")) is None


async def test_a_host_and_a_name_are_taken_once(store: Store, ids: Ids) -> None:
    office = make_domain(ids)
    await write(store, domains=(office,), endpoints=(make_endpoint(ids, office),))
    with pytest.raises(RowConflict):
        await write(store, domains=(make_domain(ids, "OFFICE", OTHER),))
    with pytest.raises(RowConflict):
        await write(store, endpoints=(make_endpoint(ids, office),))


async def test_endpoints_take_their_bindings_along_and_domains_their_endpoints(store: Store, ids: Ids) -> None:
    office = make_domain(ids)
    bob, eve = make_endpoint(ids, office), make_endpoint(ids, office, "eve")
    await write(store, domains=(office,), endpoints=(bob, eve), bindings=(make_binding(bob), make_binding(eve)))
    await write(store, removed_endpoints=(bob.id,))
    assert await store.endpoint(bob.id) is None and await store.bindings(bob.id) == []
    assert store.phones.is_phone_host("198.51.100.9"), "the other phone is there"
    await write(store, removed_domains=(office.id,))
    assert await store.domain_by_host(office.realm) is None and await store.bindings(eve.id) == []
    assert not store.phones.has_endpoints and not store.phones.is_phone_host("198.51.100.9")
    await write(store, domains=(make_domain(ids),))


async def test_bindings_are_replaced_and_removed_one_by_one(store: Store, ids: Ids) -> None:
    office = make_domain(ids)
    bob = make_endpoint(ids, office)
    desk, mobile = make_binding(bob), make_binding(bob, "sip:bob@10.0.0.6", "203.0.113.4")
    await write(store, domains=(office,), endpoints=(bob,), bindings=(desk, mobile))
    moved = replace(desk, remote=("203.0.113.5", 9), cseq=2)
    await write(store, bindings=(moved,))
    assert sorted(await store.bindings(bob.id), key=lambda each: each.cseq) == [mobile, moved]
    assert not store.phones.is_phone_host("198.51.100.9")
    await write(store, removed_bindings=(mobile.id,))
    assert list(store.phones.all_bindings()) == [moved]


async def test_a_binding_of_nobody_is_not_kept(store: Store, ids: Ids) -> None:
    orphan = make_binding(make_endpoint(ids, make_domain(ids)))
    await write(store, bindings=(orphan,))
    assert await store.bindings(orphan.endpoint_id) == []


async def test_all_of_it_survives_the_process(tmp_path: Path, ids: Ids) -> None:
    office = make_domain(ids)
    bob, eve = make_endpoint(ids, office), make_endpoint(ids, office, "eve")
    first = await SqliteStore.open(tmp_path / "log.db")
    await write(first, domains=(office,), endpoints=(bob, eve), bindings=(make_binding(bob), make_binding(eve)))
    await write(first, removed_endpoints=(eve.id,))
    await first.close()
    second = await SqliteStore.open(tmp_path / "log.db")
    assert await second.endpoint_by_name("bob", office.realm) == bob
    assert list(second.phones.all_bindings()) == [make_binding(bob)]
    await second.close()
