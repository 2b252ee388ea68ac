"""The REST API: Catapult v1 on the wire, `calls.commands` and `store.interface` behind it."""
