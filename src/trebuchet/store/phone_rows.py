"""The phones' part of a batch as rows, and how they get into SQLite."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import BindParameter, bindparam, select

from trebuchet.store.codec import encode
from trebuchet.store.phone_interface import NO_PHONE_CHANGES, PhoneChanges
from trebuchet.store.schema import bindings, domains, endpoints
from trebuchet.store.statements import Row, RowInsert, Statement, plain

_insert_domains = RowInsert(plain("id", "account_id", "host", "doc"), domains, updated=("doc",))
_insert_endpoints = RowInsert(plain("id", "domain_id", "name", "doc"), endpoints, updated=("doc",))
_insert_bindings = RowInsert(plain("id", "endpoint_id", "doc"), bindings, updated=("doc",))

_key: BindParameter[str] = bindparam("key")
_of_domain = select(endpoints.c.id).where(endpoints.c.domain_id == _key)
_delete_binding = (Statement(bindings.delete().where(bindings.c.id == _key)),)
_delete_endpoint = (
    Statement(bindings.delete().where(bindings.c.endpoint_id == _key)),
    Statement(endpoints.delete().where(endpoints.c.id == _key)),
)
_delete_domain = (
    Statement(bindings.delete().where(bindings.c.endpoint_id.in_(_of_domain))),
    Statement(endpoints.delete().where(endpoints.c.domain_id == _key)),
    Statement(domains.delete().where(domains.c.id == _key)),
)


@dataclass(slots=True)
class PhoneRows:
    """Table by table; of one key the later row counts."""

    domains: dict[str, Row] = field(default_factory=dict)
    endpoints: dict[str, Row] = field(default_factory=dict)
    bindings: dict[str, Row] = field(default_factory=dict)
    removed_domains: tuple[str, ...] = ()
    removed_endpoints: tuple[str, ...] = ()
    removed_bindings: tuple[str, ...] = ()

    def add(self, later: "PhoneRows") -> None:
        self.domains |= later.domains
        self.endpoints |= later.endpoints
        self.bindings |= later.bindings
        self.removed_domains += later.removed_domains
        self.removed_endpoints += later.removed_endpoints
        self.removed_bindings += later.removed_bindings


def make_phone_rows(changes: PhoneChanges) -> PhoneRows | None:
    """`None` when nothing changes, as in most batches."""
    if changes is NO_PHONE_CHANGES:
        return None
    return PhoneRows(
        domains={d.id: (d.id, d.account_id, d.realm.lower(), encode(d)) for d in changes.domains},
        endpoints={e.id: (e.id, e.domain_id, e.name, encode(e)) for e in changes.endpoints},
        bindings={b.id: (b.id, b.endpoint_id, encode(b)) for b in changes.bindings},
        removed_domains=changes.removed_domains,
        removed_endpoints=changes.removed_endpoints,
        removed_bindings=changes.removed_bindings,
    )


def join_phone_rows(earlier: PhoneRows | None, later: PhoneRows | None) -> PhoneRows | None:
    """The rows of two batches as those of one. `earlier` is changed. What is removed was stored in an earlier group:
    whoever removes a row has seen it."""
    if earlier is None or later is None:
        return earlier or later
    earlier.add(later)
    return earlier


def store_phones(connection: sqlite3.Connection, rows: PhoneRows) -> None:
    """Within the caller's transaction. Raises `sqlite3.Error`."""
    for insert, values in (
        (_insert_domains, rows.domains),
        (_insert_endpoints, rows.endpoints),
        (_insert_bindings, rows.bindings),
    ):
        for text, parameters in insert.pieces(list(values.values())):
            connection.execute(text, parameters)
    _remove(connection, _delete_binding, rows.removed_bindings)
    _remove(connection, _delete_endpoint, rows.removed_endpoints)
    _remove(connection, _delete_domain, rows.removed_domains)


def _remove(connection: sqlite3.Connection, statements: Sequence[Statement], keys: Sequence[str]) -> None:
    for key in keys:
        for statement in statements:
            connection.execute(statement.text, statement.bind(key=key))
