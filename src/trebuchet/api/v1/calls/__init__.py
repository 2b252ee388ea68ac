"""Calls: create, list, read, update (answer, reject, hang up, record, transfer), events and recordings."""
