"""Gathers of a call: create, read, stop."""
