"""Schema migrations (Alembic). Applied when a store is opened; see `store.migrate`."""
