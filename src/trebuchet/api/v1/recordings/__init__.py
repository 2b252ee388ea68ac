"""Recordings: list, read, delete."""
